/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Regular expressions: cases, errors, random patterns held against GRegex (which is PCRE2), and work that is linear. */
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-regex.h"

#include <string.h>

static void
test_cases (void)
{
  static const struct {
    const char *pattern, *text, *found; /* the first group, or all; NULL: no match */
  } cases[] = {
    { "", "", "" },
    { "", "abc", "" },
    { "b", "abc", "b" },
    { "^b", "abc", NULL },
    { "^a", "abc", "a" },
    { "c$", "abc", "c" },
    { "^$", "", "" },
    { "^$", "\n", NULL },
    { "a.c", "a\nc", NULL },
    { "a.c", "aéc", "aéc" },
    { "a\\.c", "abc", NULL },
    { "[abc]+", "xxbcay", "bca" },
    { "[^abc]+", "abxyc", "xy" },
    { "[]a]+", "x]a]", "]a]" },
    { "[a-]+", "b-a-", "-a-" },
    { "[é-ü]", "aöa", "ö" },
    { "\\d{2,3}", "1 12345", "123" },
    { "\\d{2,3}?", "1 12345", "12" },
    { "\\w+\\s\\W", "ab c d_ -", "d_ -" },
    { "[\\d.]+", "v1.25-", "1.25" },
    { "(\\d+)-(\\d+)", "a 12-34", "12" },
    { "(?:\\d+)-(\\d+)", "a 12-34", "34" },
    { "a|ab", "ab", "a" },
    { "ab|a", "ab", "ab" },
    { "(a|ab)(c|bcd)", "abcd", "a" },
    { "a*", "baaa", "" },
    { "a+", "baaa", "aaa" },
    { "a+?", "baaa", "a" },
    { "<.*>", "<a><b>", "<a><b>" },
    { "<.*?>", "<a><b>", "<a>" },
    { "x*$", "axx", "xx" },
    { "\\bcat\\b", "concat cat", "cat" },
    { "\\bcat\\b", "concatenate", NULL },
    { "\\Bcat", "cat concat", "cat" },
    { "(a)|b", "b", NULL },
    { "(x?)y", "y", "" },
    { "a{0}b", "ab", "b" },
    { "a{2}", "aaa", "aa" },
    { "a{2,}", "aaaa", "aaaa" },
    { "a{,2}", "a{,2}", "a{,2}" },
    { "a{x", "a{x", "a{x" },
    { "\\x41\\x{e9}", "Aé", "Aé" },
    { "\\t\\/", "\t/", "\t/" },
    { "(a*)*b", "aaab", "aaa" },
    { "(?:a*)*b", "aaab", "aaab" },
    { "((a)|b)+", "ab", "b" },
    { "\\Aa\\z", "a", "a" },
    { "^a|b$", "xb", "b" },
    { "(?:^a|^b)c", "xbc", NULL },
    { "[^\\d\\s]+", "1 ab 2", "ab" },
    { "$", "ab", "" },
    { "a$b", "a$b", NULL },
    { "\xf0\x9f\x98\x80+", "a\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80" },
  };
  g_autoptr (SynRegexCache) cache = syn_regex_cache_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynRegex) regex = syn_regex_new (cases[i].pattern, &error);
      gsize start, end, length = strlen (cases[i].text);
      g_autofree char *found = NULL;

      g_assert_no_error (error);
      for (guint round = 0; round < 2; round++)
        {
          g_autofree char *exact = g_memdup2 (cases[i].text, MAX (length, 1)); /* a read past the end shows */

          g_clear_pointer (&found, g_free);
          if (syn_regex_find (regex, cache, exact, length, &start, &end))
            {
              g_assert_true (syn_regex_match (regex, cache, exact, length));
              found = g_strndup (exact + start, end - start);
            }
          if (g_strcmp0 (found, cases[i].found) != 0)
            g_error ("%s in %s: expected %s, found %s", cases[i].pattern, cases[i].text, cases[i].found, found);
        }
    }
}

static void
test_errors (void)
{
  static const struct {
    const char *pattern, *message;
  } cases[] = {
    { "a(b", "expected ) at character 4 of the pattern" },
    { "é)", "expected ( before the ) at character 2 of the pattern" },
    { "[ab", "expected ] to end the set at character 4" },
    { "[b-a]", "expected a range from a lower to a higher character at character 2" },
    { "[\\d-z]", "expected a range" },
    { "[[:alpha:]]", "found a named set, which is written \\d, \\w or \\s, at character 2" },
    { "*a", "found nothing to repeat at character 1" },
    { "a|+", "found nothing to repeat at character 3" },
    { "a**", "expected one repetition, found two at character 3" },
    { "a++", "expected one repetition, found two at character 3" },
    { "a{3,2}", "expected a least number of repetitions and a greatest at character 2" },
    { "a{1001}", "found more than 1000 repetitions at character 2" },
    { "{2}", "found nothing to repeat at character 1" },
    { "(?i)a", "found a flag, a named group or a look-around, which are not known, at character 1" },
    { "(?=a)", "found a flag" },
    { "(?<n>a)", "found a flag" },
    { "(a)\\1", "found a back-reference, which is not known, at character 4" },
    { "\\q", "found an unknown escape at character 1" },
    { "a\\", "expected a character after the backslash at character 2" },
    { "\\x1", "expected two hexadecimal digits" },
    { "\\x{110000}", "expected two hexadecimal digits" },
    { "\\x{}", "expected two hexadecimal digits" },
    { "(?:a{100}){100}", "the pattern needs more than 512 states; repeat less" },
    { "(?:(?:(?:){1000}){1000}){1000}", "the pattern needs more than 512 states; repeat less" },
  };
  g_autofree char *longest = g_strnfill (SYN_MAX_REGEX_BYTES, '.'), *too_long = g_strnfill (SYN_MAX_REGEX_BYTES + 1, '.');
  g_autofree char *deep = g_strnfill (SYN_MAX_EXPR_DEPTH + 1, '(');

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (syn_regex_new (cases[i].pattern, &error));
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      if (!g_str_has_prefix (error->message, cases[i].message))
        g_error ("%s: expected \"%s\", got \"%s\"", cases[i].pattern, cases[i].message, error->message);
    }
  {
    g_autoptr (GError) states = NULL, bytes = NULL, nested = NULL;

    g_assert_null (syn_regex_new (longest, &states));
    g_assert_true (g_str_has_prefix (states->message, "the pattern needs more than 512 states"));
    g_assert_null (syn_regex_new (too_long, &bytes));
    g_assert_true (g_str_has_prefix (bytes->message, "the pattern has 1025 bytes; at most 1024 are allowed"));
    g_assert_null (syn_regex_new (deep, &nested));
    g_assert_true (g_str_has_prefix (nested->message, "found parentheses nested too deeply"));
  }
}

/* ---- random patterns ---- */

static void
random_pattern (GRand *rand, GString *pattern, guint depth)
{
  static const char *const atoms[] = { "a", "b", "A", "1", "_", "-", "→", ".", "[ab]", "[^a]", "[a-z1]", "[^→b]", "\\d", "\\w", "\\s", "\\D", "\\W", "\\n" };
  static const char *const places[] = { "^", "$", "\\b", "\\B" };
  static const char *const repeats[] = { "*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}", "*?", "+?", "??", "{0,2}?" };
  guint n = (guint) g_rand_int_range (rand, 1, 4);

  for (guint i = 0; i < n; i++)
    {
      gboolean repeatable = TRUE;

      if (depth > 0 && g_rand_int_range (rand, 0, 3) == 0)
        {
          g_string_append (pattern, g_rand_boolean (rand) ? "(" : "(?:");
          random_pattern (rand, pattern, depth - 1);
          if (g_rand_boolean (rand))
            {
              g_string_append_c (pattern, '|');
              random_pattern (rand, pattern, depth - 1);
            }
          g_string_append_c (pattern, ')');
        }
      else if (g_rand_int_range (rand, 0, 8) == 0)
        {
          g_string_append (pattern, places[g_rand_int_range (rand, 0, G_N_ELEMENTS (places))]);
          repeatable = FALSE;
        }
      else
        g_string_append (pattern, atoms[g_rand_int_range (rand, 0, G_N_ELEMENTS (atoms))]);
      if (repeatable && g_rand_int_range (rand, 0, 3) == 0)
        g_string_append (pattern, repeats[g_rand_int_range (rand, 0, G_N_ELEMENTS (repeats))]);
    }
}

static void
random_text (GRand *rand, GString *text)
{
  /* Letters of which PCRE2, which knows Unicode's, thinks as this one does. */
  static const char *const letters[] = { "a", "b", "A", "1", "_", "-", " ", "\n", "→" };
  guint n = (guint) g_rand_int_range (rand, 0, 10);

  for (guint i = 0; i < n; i++)
    g_string_append (text, letters[g_rand_int_range (rand, 0, G_N_ELEMENTS (letters))]);
}

static void
test_random (void)
{
  GRand *rand = g_rand_new_with_seed (20261122);
  g_autoptr (SynRegexCache) cache = syn_regex_cache_new ();
  guint n_matches = 0, n_compared = 0, n_finds = 0;

  for (guint i = 0; i < 1500; i++)
    {
      g_autoptr (GString) pattern = g_string_new (NULL);
      g_autoptr (GError) error = NULL;
      g_autoptr (SynRegex) regex = NULL;
      g_autoptr (GRegex) theirs = NULL;

      random_pattern (rand, pattern, 2);
      regex = syn_regex_new (pattern->str, &error);
      g_assert_no_error (error);
      theirs = g_regex_new (pattern->str, G_REGEX_DOLLAR_ENDONLY | G_REGEX_NEWLINE_LF, 0, &error);
      g_assert_no_error (error);
      for (guint j = 0; j < 12; j++)
        {
          g_autoptr (GString) text = g_string_new (NULL);
          g_autoptr (GMatchInfo) info = NULL;
          gboolean expected, found;
          gint start = -1, end = -1;
          gsize s = 0, e = 0;

          random_text (rand, text);
          expected = g_regex_match (theirs, text->str, 0, &info);
          if (syn_regex_match (regex, cache, text->str, text->len) != expected)
            g_error ("/%s/ and \"%s\": expected %s", pattern->str, text->str, expected ? "a match" : "none");
          n_compared++;
          n_matches += expected;
          found = syn_regex_find (regex, cache, text->str, text->len, &s, &e);
          g_assert_true (!found || expected);
          if (!expected)
            continue;
          g_match_info_fetch_pos (info, g_regex_get_capture_count (theirs) > 0 ? 1 : 0, &start, &end);
          /* What a repeated group that takes nothing was last, each engine says otherwise. */
          if (g_regex_get_capture_count (theirs) > 0)
            continue;
          n_finds++;
          if (!found || (gint) s != start || (gint) e != end)
            g_error ("/%s/ in \"%s\": expected %d to %d, found %d to %d", pattern->str, text->str, start, end, found ? (int) s : -1, (int) e);
        }
    }
  g_test_message ("%u comparisons, %u matches, %u places", n_compared, n_matches, n_finds);
  g_assert_cmpuint (n_matches, >, 3000);
  g_assert_cmpuint (n_finds, >, 1000);
  g_rand_free (rand);
}

/* Patterns that take exponential or quadratic time elsewhere: this ends. */
static void
test_linear (void)
{
  static const char *const patterns[] = {
    "(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*)*x", "a*a*a*a*a*a*a*a*a*a*x", "(?:a?){100}a{100}x", "^(\\w+\\s?)*$!", "(a*)*(a*)*(a*)*b",
    "(?:.*.*.*.*.*)=", "[^x]*[^y]*[^z]*!", "(?:a|b|ab)*c",
  };
  g_autofree char *text = g_strnfill (SYN_MAX_STRING_BYTES, 'a');
  g_autoptr (SynRegexCache) cache = syn_regex_cache_new ();

  text[SYN_MAX_STRING_BYTES - 1] = '#';
  for (guint i = 0; i < G_N_ELEMENTS (patterns); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynRegex) regex = syn_regex_new (patterns[i], &error);
      gsize start, end;

      g_assert_no_error (error);
      g_assert_false (syn_regex_match (regex, cache, text, SYN_MAX_STRING_BYTES));
      g_assert_false (syn_regex_find (regex, cache, text, SYN_MAX_STRING_BYTES, &start, &end));
    }
}

/* More states than the cache holds: forgotten in the middle of a text, and the answers stay. */
static void
test_forgetting (void)
{
  g_autoptr (SynRegexCache) cache = syn_regex_cache_new ();
  g_autoptr (SynRegex) regex = syn_regex_new ("a.{12}b$", NULL), other = syn_regex_new ("^[ab]*$", NULL);
  GRand *rand = g_rand_new_with_seed (7);

  for (guint i = 0; i < 40; i++)
    {
      char text[2000];

      for (guint j = 0; j < sizeof text; j++)
        text[j] = g_rand_boolean (rand) ? 'a' : 'b';
      g_assert_cmpint (syn_regex_match (regex, cache, text, sizeof text), ==,
                       text[sizeof text - 14] == 'a' && text[sizeof text - 1] == 'b');
      if (i % 8 == 0)
        g_assert_true (syn_regex_match (other, cache, text, sizeof text));
    }
  g_rand_free (rand);
}

/* Bytes that are no UTF-8 are characters of their own: `.` and [^x] meet them, nothing else does. */
static void
test_bad_utf8 (void)
{
  g_autoptr (SynRegexCache) cache = syn_regex_cache_new ();
  g_autoptr (SynRegex) dots = syn_regex_new ("^a.{2}b$", NULL), not_x = syn_regex_new ("^a[^x][^é]b$", NULL), e = syn_regex_new ("é", NULL);

  g_assert_true (syn_regex_match (dots, cache, "a\xc3\xffz" "b", 4) == FALSE);
  g_assert_true (syn_regex_match (dots, cache, "a\xc3\xff" "b", 4));
  g_assert_true (syn_regex_match (not_x, cache, "a\xc3\xff" "b", 4));
  g_assert_false (syn_regex_match (e, cache, "\xc3", 1));
  g_assert_false (syn_regex_match (e, cache, "\xa9\xc3", 2));
  g_assert_true (syn_regex_match (e, cache, "\xa9\xc3\xa9", 3));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/regex/cases", test_cases);
  g_test_add_func ("/regex/errors", test_errors);
  g_test_add_func ("/regex/random", test_random);
  g_test_add_func ("/regex/linear", test_linear);
  g_test_add_func ("/regex/forgetting", test_forgetting);
  g_test_add_func ("/regex/bad-utf8", test_bad_utf8);
  return g_test_run ();
}
