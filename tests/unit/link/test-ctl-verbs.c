/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The verbs of synopticctl, in process, against a scripted silo: exit status, stdout, stderr and what was
 * asked. */

#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl-run.h"
#include "fake-silo.h"

static Run
run (Fake *fake, int (*verb) (const char *server, int argc, char **argv), const char *line)
{
  return run_verb (verb, fake->uri, line);
}

/* ---- publish ---- */

typedef struct
{
  GPtrArray *bodies;
  guint n_overloaded;  /* of the first requests */
  const char *fail_at; /* answer 400 to the body that holds this */
  guint sequence;
} Source;

static void
on_publish (Fake *fake)
{
  Source *source = fake->data;
  g_autofree char *answer = NULL;
  guint n = 0;

  g_ptr_array_add (source->bodies, g_strdup (fake->request_body));
  if (source->n_overloaded > 0)
    {
      source->n_overloaded--;
      fake_respond (fake, 503, "application/json",
                    "{\"error\":{\"code\":\"overloaded\",\"message\":\"full\",\"retry_ms\":1}}");
      return;
    }
  if (source->fail_at != NULL && strstr (fake->request_body, source->fail_at) != NULL)
    {
      g_autoptr (GString) before = g_string_new_len (
          fake->request_body, strstr (fake->request_body, source->fail_at) - fake->request_body);
      guint line = 1;

      for (const char *p = before->str; *p != '\0'; p++)
        line += *p == '\n';
      answer =
          g_strdup_printf ("{\"error\":{\"code\":\"invalid\",\"message\":\"expected a decimal\",\"line\":%u,"
                           "\"field\":\"price\"}}",
                           line);
      fake_respond (fake, 400, "application/json", answer);
      return;
    }
  for (const char *p = fake->request_body; *p != '\0'; p++)
    n += *p == '\n';
  if (strcmp (soup_message_headers_get_one (soup_server_message_get_request_headers (fake->request),
                                            "Content-Type"),
              "text/csv")
      == 0)
    n -= n > 0;
  source->sequence += n;
  answer = g_strdup_printf ("{\"accepted\":%u,\"sequence\":%u}", n, source->sequence);
  fake_respond (fake, 200, "application/json", answer);
}

static void
test_publish (void)
{
  const struct
  {
    const char *suffix;
    const char *text;
    const char *options;
    guint n_overloaded;
    const char *fail_at;
    int status;
    const char *out;
    const char *err; /* a part of it; %s stands for the file */
    const char *bodies[5];
    guint sequence; /* of the source, before */
  } cases[] = {
    { "ndjson",
      "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n",
      "",
      0,
      NULL,
      0,
      "accepted 3 sequence 3\n",
      "",
      { "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n" } },
    { "ndjson", "1\n2\n3\n", "--batch 2", 0, NULL, 0, "accepted 3 sequence 3\n", "", { "1\n2\n", "3\n" } },
    { "csv",
      "h,price\n1,1\n2,2\n3,3\n",
      "--batch 2",
      0,
      NULL,
      0,
      "accepted 3 sequence 3\n",
      "",
      { "h,price\n1,1\n2,2\n", "h,price\n3,3\n" } },
    /* Nothing to publish: but whether there is such a source, and how far it is, only the server knows. */
    { "csv", "h,price\n", "", 0, NULL, 0, "accepted 0 sequence 7\n", "", { "h,price\n" }, 7 },
    { "csv", "h,bad\n", "", 0, "bad", 1, "", "%s:1: field price", { "h,bad\n" } },
    { "txt",
      "h,price\n1,1\n",
      "--format csv",
      0,
      NULL,
      0,
      "accepted 1 sequence 1\n",
      "",
      { "h,price\n1,1\n" } },
    { "ndjson", "", "", 0, NULL, 0, "accepted 0 sequence 7\n", "", { "" }, 7 },
    { "csv", "t\n1\n", "--speed 9 --time u", 0, NULL, 1, "", "%s:1: the header has no column \"u\"", { NULL } },
    /* Refused for want of room: sent again, and no other before it. */
    { "ndjson",
      "1\n2\n",
      "--batch 1",
      2,
      NULL,
      0,
      "accepted 2 sequence 2\n",
      "",
      { "1\n", "1\n", "1\n", "2\n" } },
    /* The line of the file, not of the request. */
    { "ndjson",
      "1\n2\n3\nbad\n5\n",
      "--batch 2",
      0,
      "bad",
      1,
      "",
      "%s:4: field price: expected a decimal",
      { "1\n2\n", "3\nbad\n" } },
    { "csv",
      "h,price\n1,1\n2,2\n3,3\n4,bad\n",
      "--batch 2",
      0,
      "bad",
      1,
      "",
      "%s:5: field price: expected a decimal",
      { "h,price\n1,1\n2,2\n", "h,price\n3,3\n4,bad\n" } },
    { "csv", "h,bad\n1,1\n", "", 0, "bad", 1, "", "%s:1: field price", { "h,bad\n1,1\n" } },
    { "csv",
      "h,price\n\"a\nb\",1\nx,bad\n",
      "--batch 1",
      0,
      "bad",
      1,
      "",
      "%s:4: field price",
      { "h,price\n\"a\nb\",1\n", "h,price\nx,bad\n" } },
    { "ndjson",
      "1\n2\n3\nbad\n",
      "--batch 3",
      0,
      "bad",
      1,
      "",
      "accepted before: 3 events, up to sequence 3",
      { "1\n2\n3\n", "bad\n" } },
    /* A replay; when each goes out, test-ctl.c says. */
    { "ndjson",
      "{\"t\":100}\n{\"t\":100}\n{\"t\":101}\n{\"t\":99}\n",
      "--speed 1000 --time t",
      0,
      NULL,
      0,
      "accepted 4 sequence 4\n",
      "",
      { NULL } },
    { "ndjson",
      "{\"t\":100}\n{\"u\":100}\n",
      "--speed 1000 --time t",
      0,
      NULL,
      1,
      "",
      "%s:2: field \"t\"",
      { "{\"t\":100}\n" } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fake *fake = fake_new ();
      Source source = { .bodies = g_ptr_array_new_with_free_func (g_free),
                        .n_overloaded = cases[i].n_overloaded,
                        .fail_at = cases[i].fail_at,
                        .sequence = cases[i].sequence };
      g_autofree char *template = g_strdup_printf ("synoptic-XXXXXX.%s", cases[i].suffix);
      g_autofree char *file = NULL;
      g_autofree char *line = NULL;
      g_autoptr (GString) err = g_string_new (cases[i].err);
      int fd = g_file_open_tmp (template, &file, NULL);
      Run result;
      guint n;

      g_assert_cmpint (write (fd, cases[i].text, strlen (cases[i].text)), ==,
                       (gssize) strlen (cases[i].text));
      close (fd);
      fake->on_request = on_publish;
      fake->data = &source;
      line = g_strdup_printf ("publish trades %s %s", file, cases[i].options);
      g_string_replace (err, "%s", file, 0);
      result = run (fake, ctl_publish, line);
      g_assert_cmpstr (result.out, ==, cases[i].out);
      if (*err->str != '\0')
        {
          g_test_message ("%u", i);
          g_assert_nonnull (strstr (result.err, err->str));
        }
      else
        {
          g_assert_cmpstr (result.err, ==, "");
        }
      g_assert_cmpint (result.status, ==, cases[i].status);
      for (n = 0; cases[i].bodies[n] != NULL; n++)
        {
          g_assert_cmpuint (source.bodies->len, >, n);
          g_assert_cmpstr (g_ptr_array_index (source.bodies, n), ==, cases[i].bodies[n]);
        }
      if (n > 0)
        g_assert_cmpuint (source.bodies->len, ==, n);
      run_clear (&result);
      unlink (file);
      g_ptr_array_unref (source.bodies);
      fake_free (fake);
    }
}

/* ---- get, watch, lists ---- */

static void
on_get (Fake *fake)
{
  const char *const *answer = fake->data; /* path and query, accept, status, body */
  GUri *uri = soup_server_message_get_uri (fake->request);
  g_autofree char *path =
      g_strdup_printf ("%s?%s", g_uri_get_path (uri), g_uri_get_query (uri) ? g_uri_get_query (uri) : "");
  const char *accept =
      soup_message_headers_get_one (soup_server_message_get_request_headers (fake->request), "Accept");

  g_assert_cmpstr (path, ==, answer[0]);
  g_assert_cmpstr (accept, ==, answer[1]);
  fake_respond (fake, (guint) g_ascii_strtoull (answer[2], NULL, 10), answer[1], answer[3]);
}

static void
test_documents (void)
{
  const struct
  {
    int (*verb) (const char *server, int argc, char **argv);
    const char *line;
    const char *answer[4];
    int status;
    const char *out;
    const char *err;
  } cases[] = {
    { ctl_get,
      "get 'q?where=a>1 and b=\"x+y\"' --format json",
      { "/v1/projections/q?where=a%3E1%20and%20b=%22x%2By%22", "application/json", "200",
        "{\"rows\":[[1.1000]]}" },
      0,
      "{\"rows\":[[1.1000]]}",
      "" },
    { ctl_get,
      "get -f csv q",
      { "/v1/projections/q?", "text/csv", "200", "a,b\n1,\x1b\n" },
      0,
      "a,b\n1,\x1b\n",
      "" },
    { ctl_get,
      "get -f csv q",
      { "/v1/projections/q?", "text/csv", "404",
        "{\"error\":{\"code\":\"not-found\",\"message\":\"no \\u001b[2Jq\"}}" },
      1,
      "",
      "synopticctl: no \\x1b[2Jq\n" },
    { ctl_get, "get", { NULL }, 2, "", NULL },
    { ctl_get, "get a b", { NULL }, 2, "", NULL },
    { ctl_get, "get --format xml a", { NULL }, 2, "", NULL },
    { ctl_get, "get --nonsense a", { NULL }, 2, "", NULL },
    { ctl_get, "get -f json a --server nonsense", { NULL }, 1, "", NULL },
    { ctl_watch, "watch a --count -1", { NULL }, 2, "", NULL },
    { ctl_watch, "watch a -n 0", { NULL }, 2, "", "synopticctl: --count 0: expected a positive number\n" },
    { ctl_publish, "publish", { NULL }, 2, "", NULL },
    { ctl_publish,
      "publish trades /nowhere/at/all",
      { NULL },
      1,
      "",
      "synopticctl: /nowhere/at/all: No such file or directory\n" },
    { ctl_publish, "publish trades x.csv.zst", { NULL }, 1, "", NULL },
    { ctl_publish, "publish trades - --speed 2", { NULL }, 2, "", NULL },
    { ctl_publish, "publish trades - --speed fast --time t", { NULL }, 2, "", NULL },
    { ctl_publish, "publish trades - --format xml", { NULL }, 2, "", NULL },
    { ctl_publish, "publish trades - --batch -1", { NULL }, 2, "", NULL },
    { ctl_publish, "publish trades - --batch 0", { NULL }, 2, "", "synopticctl: --batch 0: expected a positive number\n" },
    { ctl_status,
      "status",
      { "/v1/status?", "application/json", "200", "{\"ready\":true,\"lanes\":2}" },
      0,
      "ready  true\nlanes  2\n",
      "" },
    { ctl_status,
      "status -f json",
      { "/v1/status?", "application/json", "200", "{\"lanes\":2}" },
      0,
      "{\"lanes\":2}\n",
      "" },
    { ctl_status, "status", { "/v1/status?", "application/json", "200", "{\"lanes\"" }, 1, "", NULL },
    /* deeper than any answer of a silo: not given to a reader that recurses */
    { ctl_status,
      "status",
      { "/v1/status?", "application/json", "200", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" },
      1,
      "",
      NULL },
    { ctl_status, "status", { "/v1/status?", "application/json", "200", "" }, 1, "", NULL },
    { ctl_status, "status --format csv", { NULL }, 2, "", NULL },
    { ctl_projections,
      "projections",
      { "/v1/projections?", "application/json", "200", "{\"projections\":[{\"path\":\"a\",\"rows\":10}]}" },
      0,
      "path  rows\na       10\n",
      "" },
    { ctl_connections,
      "connections",
      { "/v1/connections?sort=behind&limit=50", "application/json", "200",
        "{\"connections\":[{\"peer\":\"[::1]:5\",\"kind\":\"websocket\",\"lane\":\"0\",\"user_agent\":\"synoptic/1\\u001b[2J and much more of it than there is room for on "
        "a line\",\"idle_ms\":4500,\"views\":3,\"behind_ms\":65432,\"behind_snapshots\":65,\"waiting_bytes\":1258291,\"unacknowledged_bytes\":812,"
        "\"goodput_bytes_s\":1536,\"rtt_us\":85400},{\"peer\":\"[::1]:6\",\"kind\":\"http\",\"lane\":\"front\",\"user_agent\":null,\"idle_ms\":0,"
        "\"views\":0,\"behind_ms\":0,\"behind_snapshots\":0,\"waiting_bytes\":0,\"unacknowledged_bytes\":null,\"goodput_bytes_s\":null,"
        "\"rtt_us\":31}],\"connections_not_listed\":2950}" },
      0,
      "PEER     KIND  BEHIND  SNAPS  WAITING  UNACKED  RATE   RTT  IDLE  VIEWS  AGE  LANE   AGENT\n"
      "[::1]:5  ws     1m05s     65     1.2M      812  1.5K  85ms  4.5s      3    -  0      synoptic/1\\x1b[2J and much more of \n"
      "[::1]:6  http       0      0        0        -     -  31us     0      0    -  front  \n"
      "(2950 more: -n N lists N)\n",
      "" },
    { ctl_connections,
      "connections -s sent",
      { "/v1/connections?sort=sent&limit=50", "application/json", "200",
        "{\"connections\":[{\"peer\":\"[::1]:5\",\"kind\":\"http\",\"sent_bytes\":16106127360}],\"connections_not_listed\":0}" },
      0,
      "PEER     KIND  SENT  BEHIND  SNAPS  WAITING  UNACKED  RATE  RTT  IDLE  VIEWS  AGE  LANE  AGENT\n"
      "[::1]:5  http   15G       -      -        -        -     -    -     -      -    -        \n",
      "" },
    { ctl_connections,
      "connections --wide",
      { "/v1/connections?sort=behind&limit=50", "application/json", "200",
        "{\"connections\":[{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}]}" },
      0,
      "a  b  c  d  e  f  g  h  i  j  k  l  m  n  o  p  q\n1  1  1  1  1  1  1  1  1  1  1  1  1  1  1  1  1\n",
      "" },
    { ctl_connections, "connections", { "/v1/connections?sort=behind&limit=50", "application/json", "200", "{\"connections\":{}}" }, 1, "",
      "synopticctl: the server's answer to /v1/connections?sort=behind&limit=50 is no list of connections\n" },
    { ctl_connections,
      "connections --sort a&b -n 7 -f json",
      { "/v1/connections?sort=a%26b&limit=7", "application/json", "400", "{\"error\":{\"code\":\"invalid\",\"message\":\"no order\"}}" },
      1,
      "",
      NULL },
    { ctl_connections, "connections -n -1", { NULL }, 2, "", NULL },
    { ctl_screens,
      "screens",
      { "/v1/screens?", "application/json", "200",
        "{\"screens\":[{\"name\":\"market\",\"title\":\"Market\",\"panels\":[{\"kind\":\"grid\",\"path\":"
        "\"market/quotes\","
        "\"title\":\"Quotes\",\"sort\":\"-volume\"}]}]}" },
      0,
      "screen  kind  title   path           sort     follows\n"
      "market  grid  Quotes  market/quotes  -volume  \n",
      "" },
    { ctl_screens, "screens", { "/v1/screens?", "application/json", "200", "{}" }, 1, "", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fake *fake = fake_new ();
      Run result;

      fake->on_request = on_get;
      fake->data = (gpointer) cases[i].answer;
      g_test_message ("%s", cases[i].line);
      result = run (fake, cases[i].verb, cases[i].line);
      g_assert_cmpstr (result.out, ==, cases[i].out);
      if (cases[i].err != NULL)
        g_assert_cmpstr (result.err, ==, cases[i].err);
      else
        g_assert_true (g_str_has_prefix (result.err, "synopticctl: "));
      g_assert_cmpint (result.status, ==, cases[i].status);
      run_clear (&result);
      fake_free (fake);
    }
}

typedef struct
{
  guint64 serial;
  guint vanish_at; /* this serial's question is answered by going away */
  ReplicaError code;
  const char *path;
} Projection;

static void
on_poll (Fake *fake, const FakePoll *poll)
{
  Projection *projection = fake->data;

  g_assert_cmpstr (poll->path, ==, projection->path);
  if (projection->code != 0)
    {
      fake_send_error (fake, poll, projection->code, projection->code == REPLICA_ERROR_OVERLOADED ? 100 : 0,
                       "no \x1b way");
      projection->code = 0;
      return;
    }
  projection->serial++;
  if (projection->serial == projection->vanish_at)
    fake_vanish (fake);
  else
    fake_send_snapshot (fake, poll, 1, projection->serial, (gint64) projection->serial * 10);
}

static void
test_views (void)
{
  const struct
  {
    int (*verb) (const char *server, int argc, char **argv);
    const char *line;
    Projection projection;
    int status;
    const char *out;
    const char *err; /* its beginning */
  } cases[] = {
    { ctl_get,
      "get 'q?where=a>1'",
      { .path = "q?where=a%3E1" },
      0,
      "symbol  last\nS0        10\nS1         7\n",
      "" },
    { ctl_get,
      "get q",
      { .path = "q", .code = REPLICA_ERROR_INVALID },
      1,
      "",
      "synopticctl: no \\x1b way\n" },
    { ctl_get,
      "get q",
      { .path = "q", .code = REPLICA_ERROR_OVERLOADED },
      1,
      "",
      "synopticctl: no \\x1b way\n" },
    { ctl_get, "get q", { .path = "q", .vanish_at = 1 }, 1, "", "synopticctl: The " },
    { ctl_watch,
      "watch q -n 2",
      { .path = "q" },
      0,
      "-- 2023-11-14T22:13:20.000Z  token 1-1  2 rows\nsymbol  last\nS0        10\nS1         7\n"
      "\n-- 2023-11-14T22:13:20.000Z  token 1-2  2 rows\nsymbol  last\nS0        20\nS1         7\n",
      "" },
    { ctl_watch,
      "watch q --count 2 --format csv",
      { .path = "q" },
      0,
      "symbol,last\nS0,10\nS1,7\n\nsymbol,last\nS0,20\nS1,7\n",
      "" },
    { ctl_watch,
      "watch q --count 1 --format csv",
      { .path = "q", .code = REPLICA_ERROR_NOT_FOUND },
      1,
      "",
      "synopticctl: no \\x1b way\n" },
    /* These pass: it says so, and goes on. */
    { ctl_watch,
      "watch q --count 1 --format csv",
      { .path = "q", .code = REPLICA_ERROR_OVERLOADED },
      0,
      "symbol,last\nS0,10\nS1,7\n",
      "synopticctl: no \\x1b way\n" },
    { ctl_watch,
      "watch q --count 2 --format csv",
      { .path = "q", .vanish_at = 2 },
      0,
      "symbol,last\nS0,10\nS1,7\n\nsymbol,last\nS0,30\nS1,7\n",
      "synopticctl: The " },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fake *fake = fake_new ();
      Projection projection = cases[i].projection;
      Run result;

      fake->on_poll = on_poll;
      fake->data = &projection;
      g_test_message ("%s", cases[i].line);
      result = run (fake, cases[i].verb, cases[i].line);
      g_assert_cmpstr (result.out, ==, cases[i].out);
      if (*cases[i].err == '\0')
        g_assert_cmpstr (result.err, ==, "");
      else
        g_assert_true (g_str_has_prefix (result.err, cases[i].err));
      g_assert_cmpint (result.status, ==, cases[i].status);
      run_clear (&result);
      fake_free (fake);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/publish", test_publish);
  g_test_add_func ("/ctl/documents", test_documents);
  g_test_add_func ("/ctl/views", test_views);
  return g_test_run ();
}
