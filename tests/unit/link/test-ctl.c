/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What synopticctl does without a server: paths, text for terminals, tables, lines, times. */

#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "fake-silo.h"

static void
test_escape_path (void)
{
  const struct
  {
    const char *typed;
    const char *url;
  } cases[] = {
    { "market/quotes", "market/quotes" },
    { "market/quotes?where=last>100&sort=-change", "market/quotes?where=last%3E100&sort=-change" },
    { "q?where=symbol~\"A*\" and a<=1", "q?where=symbol~%22A*%22%20and%20a%3C=1" },
    { "q?where=a%3E1", "q?where=a%3E1" },
    { "q?where=a%1", "q?where=a%251" },
    { "q?where=a%zz", "q?where=a%25zz" },
    { "q?where=a%", "q?where=a%25" },
    { "q?select=a+b", "q?select=a%2Bb" },
    { "q?where=name='Zürich'", "q?where=name=%27Z%C3%BCrich%27" },
    { "q?where=a#b", "q?where=a%23b" },
    { "q?x=[1]{2}|\\^`", "q?x=%5B1%5D%7B2%7D%7C%5C%5E%60" },
    { "q?a=\n\x7f\xff", "q?a=%0A%7F%FF" },
    { "q?group=origin&select=origin,sum(n),max(delay)", "q?group=origin&select=origin,sum(n),max(delay)" },
    { "", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *url = ctl_escape_path (cases[i].typed);
      g_autofree char *again = ctl_escape_path (url);

      g_assert_cmpstr (url, ==, cases[i].url);
      g_assert_cmpstr (again, ==, url);
    }
}

static void
test_safe (void)
{
  const struct
  {
    const char *text;
    gsize length;
    const char *safe;
  } cases[] = {
    { "plain ü 漢", 12, "plain ü 漢" },
    { "\x1b[31mred\x1b[0m", 12, "\\x1b[31mred\\x1b[0m" },
    { "a\nb\tc\rd", 7, "a\\nb\\tc\\rd" },
    { "\x7f\x07", 2, "\\x7f\\x07" },
    { "\xc2\x9b"
      "31m",
      5, "\\u009b31m" }, /* CSI in one character */
    { "\xe2\x80\xae"
      "abc",
      6, "\\u202eabc" },
    { "\xff\xc3", 2, "\\xff\\xc3" },
    { "a\0b", 3, "a\\x00b" },
    { "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" }, /* a surrogate */
    { "", 0, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) out = g_string_new (NULL);

      ctl_append_safe (out, cases[i].text, cases[i].length, FALSE);
      g_assert_cmpstr (out->str, ==, cases[i].safe);
      g_assert_true (g_utf8_validate (out->str, -1, NULL));
    }
  {
    g_autoptr (GString) out = g_string_new (NULL);

    ctl_append_safe (out, "a\n\x1b", 3, TRUE);
    g_assert_cmpstr (out->str, ==, "a\n\\x1b");
  }
  g_assert_cmpuint (ctl_text_width ("ab"), ==, 2);
  g_assert_cmpuint (ctl_text_width ("漢字"), ==, 4);
  g_assert_cmpuint (ctl_text_width ("e\xcc\x81"), ==, 1);
}

static char *
printed (void (*print) (gpointer data, FILE *out), gpointer data)
{
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream (&text, &size);

  print (data, out);
  fclose (out);
  return text;
}

static void
print_snapshot (gpointer data, FILE *out)
{
  ctl_table_print_snapshot (data, out);
}

static void
print_json (gpointer data, FILE *out)
{
  ctl_table_print_json (data, out);
}

static void
test_table (void)
{
  const gint64 values[] = { 5, -1234567890123456789, 0 };
  g_autoptr (GBytes) bytes = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 1 }, values, 3);
  g_autoptr (ReplicaSnapshot) snapshot = replica_snapshot_new_from_bytes (bytes, NULL);
  char *text = printed (print_snapshot, snapshot);

  g_assert_cmpstr (text, ==,
                   "symbol                  last\n"
                   "S0                         5\n"
                   "S1      -1234567890123456789\n"
                   "S2                         0\n");
  free (text);
}

static void
test_json_table (void)
{
  const struct
  {
    const char *json;
    const char *text;
  } cases[] = {
    { "{\"projections\":[{\"path\":\"a\",\"rows\":5},{\"path\":\"b\\u001b[2J\",\"rows\":1000,\"more\":true}]"
      "}",
      "path      rows  more\n"
      "a            5  \n"
      "b\\x1b[2J  1000  true\n" },
    { "{\"projections\":[]}", "" },
    { "{\"version\":\"0.1.0\",\"lanes\":2,\"memory\":{\"bytes\":12,\"rate\":0.5},\"sources\":[{\"name\":"
      "\"t\",\"n\":1}],\"none\":null}",
      "version       0.1.0\n"
      "lanes         2\n"
      "memory.bytes  12\n"
      "memory.rate   0.5\n"
      "none          \n"
      "\nsources:\n"
      "name  n\n"
      "t     1\n" },
    { "[{\"path\":\"a\",\"key\":[\"x\",\"y\"],\"window\":{\"every\":5,\"on\":{\"a.b\":\"t\"}},\"columns\":[{"
      "\"name\":\"x\"},"
      "{\"name\":\"\\u001b\"}],\"mixed\":[1,\"a\"]},{\"path\":\"b\",\"key\":[]}]",
      "path  key   window.every  window.on.a.b  columns  mixed\n"
      "a     x, y             5  t              x, \\x1b  [1,\"a\"]\n"
      "b                                                 \n" },
    /* More columns than a screen has: on its side. */
    { "[{\"lane\":\"0\",\"m\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,\"j\":"
      "10,\"k\":11,"
      "\"l\":12,\"n\":13,\"o\":14,\"p\":15,\"q\":1600}},{\"lane\":\"front\",\"m\":{\"a\":7}}]",
      "lane     0  front\n"
      "m.a      1      7\n"
      "m.b      2       \n"
      "m.c      3       \n"
      "m.d      4       \n"
      "m.e      5       \n"
      "m.f      6       \n"
      "m.g      7       \n"
      "m.h      8       \n"
      "m.i      9       \n"
      "m.j     10       \n"
      "m.k     11       \n"
      "m.l     12       \n"
      "m.n     13       \n"
      "m.o     14       \n"
      "m.p     15       \n"
      "m.q   1600       \n" },
    { "[1,\"a\"]", "[1,\"a\"]\n" },
    { "7", "7\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (JsonParser) parser = json_parser_new ();
      g_autoptr (GError) error = NULL;
      char *text;

      json_parser_load_from_data (parser, cases[i].json, -1, &error);
      g_assert_no_error (error);
      text = printed (print_json, json_parser_get_root (parser));
      g_assert_cmpstr (text, ==, cases[i].text);
      free (text);
    }
}

/* A pipe with this in it; the writing end stays open where @end is NULL. */
static int
pipe_with (const char *text, gsize length, int *end)
{
  int fds[2];

  g_assert_cmpint (pipe (fds), ==, 0);
  g_assert_cmpint (write (fds[1], text, length), ==, (gssize) length);
  if (end != NULL)
    *end = fds[1];
  else
    close (fds[1]);
  return fds[0];
}

static void
test_lines (void)
{
  const struct
  {
    const char *text;
    gboolean quoted;
    const char *records[5];
    guint64 lines[5];
  } cases[] = {
    { "a\nb\n", FALSE, { "a\n", "b\n" }, { 1, 2 } },
    { "a\n\nb", FALSE, { "a\n", "\n", "b" }, { 1, 2, 3 } },
    { "", FALSE, { NULL }, { 0 } },
    { "\"a\n", FALSE, { "\"a\n" }, { 1 } },
    { "h,i\n\"a\nb\",1\nc,2\n", TRUE, { "h,i\n", "\"a\nb\",1\n", "c,2\n" }, { 1, 2, 4 } },
    { "\"a\"\"\n\"\nb\n", TRUE, { "\"a\"\"\n\"\n", "b\n" }, { 1, 3 } },
    { "a\r\nb\r\n", TRUE, { "a\r\n", "b\r\n" }, { 1, 2 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      int fd = pipe_with (cases[i].text, strlen (cases[i].text), NULL);
      g_autoptr (CtlLines) lines = ctl_lines_new (fd, cases[i].quoted);
      const char *record;
      gsize length;
      guint64 line;

      for (guint n = 0; cases[i].records[n] != NULL; n++)
        {
          g_assert_cmpint (ctl_lines_next (lines, TRUE, &record, &length, &line, NULL), ==, CTL_LINES_RECORD);
          g_assert_cmpmem (record, length, cases[i].records[n], strlen (cases[i].records[n]));
          g_assert_cmpuint (line, ==, cases[i].lines[n]);
        }
      g_assert_cmpint (ctl_lines_next (lines, TRUE, &record, &length, &line, NULL), ==, CTL_LINES_END);
      close (fd);
    }
}

static void
test_lines_pause (void)
{
  int end;
  int fd = pipe_with ("a\nhal", 5, &end);
  g_autoptr (CtlLines) lines = ctl_lines_new (fd, FALSE);
  const char *record;
  gsize length;
  guint64 line;

  g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, NULL), ==, CTL_LINES_RECORD);
  g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, NULL), ==, CTL_LINES_WAIT);
  g_assert_cmpint (write (end, "f\n", 2), ==, 2);
  g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, NULL), ==, CTL_LINES_RECORD);
  g_assert_cmpmem (record, length, "half\n", 5);
  g_assert_cmpuint (line, ==, 2);
  close (end);
  g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, NULL), ==, CTL_LINES_END);
  close (fd);
}

/* Many lines through the bounded buffer, the longest one allowed, and one byte more. */
static void
test_lines_long (void)
{
  g_autofree char *name = NULL;
  int fd = g_file_open_tmp ("synoptic-lines-XXXXXX", &name, NULL);
  g_autofree char *longest = g_strnfill (CTL_LINE_MAX_BYTES - 1, 'x');
  g_autoptr (CtlLines) lines = NULL;
  g_autoptr (GError) error = NULL;
  FILE *file = fdopen (dup (fd), "w");
  const char *record;
  gsize length;
  guint64 line;

  for (guint i = 0; i < 300000; i++)
    fprintf (file, "line %u\n", i + 1);
  fprintf (file, "%s\nshort\n%sx\n", longest, longest);
  fclose (file);
  lseek (fd, 0, SEEK_SET);
  lines = ctl_lines_new (fd, FALSE);
  for (guint i = 0; i < 300000; i++)
    {
      char expected[32];

      g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, NULL), ==, CTL_LINES_RECORD);
      g_snprintf (expected, sizeof expected, "line %" G_GUINT64_FORMAT "\n", line);
      g_assert_cmpmem (record, length, expected, strlen (expected));
      g_assert_cmpuint (line, ==, i + 1);
    }
  g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, NULL), ==, CTL_LINES_RECORD);
  g_assert_cmpuint (length, ==, CTL_LINE_MAX_BYTES);
  g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, NULL), ==, CTL_LINES_RECORD);
  g_assert_cmpint (ctl_lines_next (lines, FALSE, &record, &length, &line, &error), ==, CTL_LINES_ERROR);
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);
  g_assert_nonnull (strstr (error->message, "line 300003:"));
  close (fd);
  unlink (name);
}

typedef struct
{
  guint n_asked;
} Asked;

static const char *
asked_header (gpointer data, guint column)
{
  return "h";
}

static gboolean
asked_is_number (gpointer data, guint column)
{
  ((Asked *) data)->n_asked++;
  return TRUE;
}

static void
asked_append_cell (gpointer data, guint row, guint column, GString *out)
{
  g_string_append_printf (out, "%u", row);
}

/* Whether a column is one of numbers takes a look at all of it: once. */
static void
test_table_asks_once (void)
{
  Asked asked = { 0 };
  FILE *out = fopen ("/dev/null", "w");

  ctl_table_print (&(CtlTable){ 100, 3, &asked, asked_header, asked_is_number, asked_append_cell }, out);
  fclose (out);
  g_assert_cmpuint (asked.n_asked, ==, 3);
}

static void
test_pace (void)
{
  const struct
  {
    const char *record;
    const char *header;
    gint64 time_us; /* -1: refused */
  } cases[] = {
    { "{\"time\":\"2024-01-02T03:04:05.25Z\"}", NULL, 1704164645250000 },
    { "{\"time\":1704164645}\n", NULL, 1704164645000000 },
    { "{\"time\":1704164645250}", NULL, 1704164645250000 },
    { "{\"time\":1704164645250000}", NULL, 1704164645250000 },
    { "{\"time\":1704164645250000000}", NULL, 1704164645250000 },
    { "{\"time\":\"1704164645\"}", NULL, 1704164645000000 },
    { "{\"time\":true}", NULL, -1 },
    { "{\"time\":\"soon\"}", NULL, -1 },
    { "{\"other\":1}", NULL, -1 },
    { "{\"time\":", NULL, -1 },
    { "1", NULL, -1 },
    { "a,\"x,\"\"y\",2024-01-02T03:04:05Z\n", "s,t,time\n", 1704164645000000 },
    { "2024-01-02 03:04:05,b\r\n", "\xef\xbb\xbftime,b\r\n", 1704164645000000 },
    { "a,b\n", "s,t,time\n", -1 },
    { "a,b\n", "s,t\n", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 time_us = -1;
      int column = -1;
      gboolean good =
          (cases[i].header == NULL || ctl_pace_find_column (cases[i].header, "time", &column, &error))
          && ctl_pace_read_time (cases[i].record, strlen (cases[i].record), column, "time", &time_us, &error);

      g_test_message ("%s", cases[i].record);
      g_assert_cmpint (good, ==, cases[i].time_us >= 0);
      g_assert_cmpint (time_us, ==, cases[i].time_us);
      if (!good)
        g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
    }
}

static void
test_pace_wait (void)
{
  const struct
  {
    gint64 time_us, now_us, wait_us;
  } cases[] = {
    { 5000000, 100, 0 },          /* the first one: now */
    { 5000000, 100, 0 },          /* of the same moment */
    { 7000000, 100, 200000 },     /* 2 s later, at ten times real time */
    { 7000000, 150100, 50000 },   /* asked again */
    { 7000000, 200100, 0 },       /* due */
    { 7000000, 900100, 0 },       /* late: at once */
    { 4000000, 900100, 0 },       /* back in time: at once */
    { 15000000, 900100, 100000 }, /* the pace is the file's: no drift from having been late */
    { G_MAXINT64, 900100, 1000000000000000 },
  };
  CtlPace pace = { .speed = 10 };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (ctl_pace_wait_us (&pace, cases[i].time_us, cases[i].now_us), ==, cases[i].wait_us);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/table-asks-once", test_table_asks_once);
  g_test_add_func ("/ctl/escape-path", test_escape_path);
  g_test_add_func ("/ctl/safe", test_safe);
  g_test_add_func ("/ctl/table", test_table);
  g_test_add_func ("/ctl/json-table", test_json_table);
  g_test_add_func ("/ctl/lines", test_lines);
  g_test_add_func ("/ctl/lines-pause", test_lines_pause);
  g_test_add_func ("/ctl/lines-long", test_lines_long);
  g_test_add_func ("/ctl/pace", test_pace);
  g_test_add_func ("/ctl/pace-wait", test_pace_wait);
  return g_test_run ();
}
