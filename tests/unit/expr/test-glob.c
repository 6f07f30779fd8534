/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Globs: a table, a naive matcher on random patterns, and patterns that hang backtracking matchers. */
#include "syn-glob.h"

#include <string.h>

static gboolean
match (const char *pattern, const char *text)
{
  g_autoptr (SynGlob) glob = syn_glob_new (pattern);
  gsize length = strlen (text);
  /* Exactly its size: the text need not be terminated. */
  g_autofree char *exact = g_memdup2 (text, length);

  return syn_glob_match (glob, exact != NULL ? exact : "", length);
}

static void
test_table (void)
{
  static const struct {
    const char *pattern, *text;
    gboolean matches;
  } cases[] = {
    { "", "", TRUE },         { "", "a", FALSE },        { "*", "", TRUE },         { "*", "anything", TRUE },   { "**", "", TRUE },
    { "A*", "AAPL", TRUE },   { "A*", "A", TRUE },       { "A*", "a", FALSE },      { "A*", "BA", FALSE },       { "*L", "AAPL", TRUE },
    { "*L", "L", TRUE },      { "*L", "LA", FALSE },     { "A*L", "AL", TRUE },     { "A*A", "A", FALSE },       { "a?c", "abc", TRUE },
    { "a?c", "ac", FALSE },   { "a?c", "aéc", TRUE },    { "?", "é", TRUE },        { "?", "", FALSE },          { "??", "é", FALSE },
    { "*?", "", FALSE },      { "*?", "x", TRUE },       { "?*?", "x", FALSE },     { "?*?", "xy", TRUE },       { "*b*", "abc", TRUE },
    { "*b?*", "ab", FALSE },  { "*b?*", "abc", TRUE },   { "*a*b*c*", "xaxbxcx", TRUE }, { "*a*b*c*", "xcxbxax", FALSE },
    { "\\*", "*", TRUE },     { "\\*", "a", FALSE },     { "\\?x", "?x", TRUE },    { "\\?x", "ax", FALSE },     { "a\\", "a\\", TRUE },
    { "\\\\", "\\", TRUE },   { "*ab*ab*", "aab", FALSE }, { "*ab*ab*", "abab", TRUE }, { "*aab", "aaab", TRUE }, { "*.??", "x.de", TRUE },
    { "*.??", "x.d", FALSE }, { "*.??", ".de", TRUE },   { "ä*ß", "äöüß", TRUE },   { "*ö*", "äöü", TRUE },      { "*?ü", "äöü", TRUE },
    { "abc", "abcd", FALSE }, { "abcd", "abc", FALSE },  { "*a?a*", "aaa", TRUE },  { "*a?b*", "aab", TRUE },    { "*a?b*", "abab", FALSE },
    { "[a]", "a", FALSE },    { "[a]", "[a]", TRUE },    { "*a?b?c", "aabbcc_axbyc", TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s against %s", cases[i].pattern, cases[i].text);
      g_assert_cmpint (match (cases[i].pattern, cases[i].text), ==, cases[i].matches);
    }
}

static gboolean
naive (const char *pattern, const char *text)
{
  if (*pattern == '\0')
    return *text == '\0';
  if (*pattern == '*')
    return naive (pattern + 1, text) || (*text != '\0' && naive (pattern, g_utf8_next_char (text)));
  if (*text == '\0')
    return FALSE;
  return (*pattern == '?' || g_utf8_get_char (pattern) == g_utf8_get_char (text))
         && naive (g_utf8_next_char (pattern), g_utf8_next_char (text));
}

static char *
random_text (GRand *rand, const char *const *letters, guint n_letters, guint longest)
{
  GString *text = g_string_new (NULL);
  guint n = (guint) g_rand_int_range (rand, 0, (gint32) longest + 1);

  for (guint i = 0; i < n; i++)
    g_string_append (text, letters[g_rand_int_range (rand, 0, (gint32) n_letters)]);
  return g_string_free (text, FALSE);
}

static void
test_random (void)
{
  static const char *const letters[] = { "a", "b", "é", "?", "*" };
  GRand *rand = g_rand_new_with_seed (20140501);
  guint n_matches = 0;

  for (guint i = 0; i < 4000; i++)
    {
      g_autofree char *pattern = random_text (rand, letters, 5, 7), *text = random_text (rand, letters, 3, 8);
      gboolean expected = naive (pattern, text);

      n_matches += (guint) expected;
      if (match (pattern, text) != expected)
        g_error ("%s against %s: expected %d", pattern, text, expected);
    }
  g_assert_cmpuint (n_matches, >, 150);
  g_rand_free (rand);
}

/* Longer than a machine word, where the scan carries bits from word to word. */
static void
test_long (void)
{
  g_autofree char *many = g_strnfill (200, 'x');
  g_autofree char *pattern = g_strdup_printf ("*%s?b*", many);
  g_autofree char *yes = g_strdup_printf ("y%sx%szb!", many, many), *no = g_strdup_printf ("y%sx%szc!", many, many);

  g_assert_true (match (pattern, yes));
  g_assert_false (match (pattern, no));
}

/* 2^30 steps and more for a matcher that tries every place of every star: this would not come back. */
static void
test_hostile (void)
{
  g_autoptr (GString) stars = g_string_new (NULL), marks = g_string_new ("*");
  g_autofree char *text = g_strnfill (20000, 'a');

  for (guint i = 0; i < 500; i++)
    {
      g_string_append (stars, "*a");
      g_string_append (marks, "?a");
    }
  g_string_append (stars, "*b");
  g_string_append (marks, "b*");
  g_assert_false (match (stars->str, text));
  g_assert_false (match (marks->str, text));
}

static void
test_not_utf8 (void)
{
  g_assert_true (match ("*", "\xff\xfe"));
  g_assert_true (match ("??", "\xff\xfe"));
  g_assert_true (match ("*?", "\xc3"));
  g_assert_false (match ("é", "\xc3"));
  g_assert_false (match ("*é*", "\xc3x"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/glob/table", test_table);
  g_test_add_func ("/glob/random", test_random);
  g_test_add_func ("/glob/long", test_long);
  g_test_add_func ("/glob/hostile", test_hostile);
  g_test_add_func ("/glob/not-utf8", test_not_utf8);
  return g_test_run ();
}
