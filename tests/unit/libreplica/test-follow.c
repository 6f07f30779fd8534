/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The paths of panels that follow another panel's selection, decoded as a server decodes them. */
#include <string.h>

#include "replica-follow.h"
#include "test-snapshot-fixture.h"

static void
test_paths (void)
{
  static const struct {
    const char *columns, *rows, *path, *decoded;
  } cases[] = {
    { "symbol*:string last:decimal(2)", "ABC|1.50", "candles", "candles?where=`symbol`==\"ABC\"" },
    { "symbol*:string", "A\"B\\C", "candles", "candles?where=`symbol`==\"A\\\"B\\\\C\"" },
    { "symbol*:string", "日本 & co", "candles", "candles?where=`symbol`==\"日本 & co\"" },
    { "in*:string", "x", "p", "p?where=`in`==\"x\"" }, /* a word of the language */
    { "pid*:int64", "-7", "p", "p?where=`pid`==-7" },
    { "a*:string n*:int64", "x|5", "p", "p?where=`a`==\"x\" and `n`==5" },
    { "a*:string time*:timestamp", "x|2026-01-02T03:04:05Z", "p", "p?where=`a`==\"x\"" }, /* a window, not a thing */
    { "a*:string n*:int64", "~|5", "p", "p?where=`n`==5" },
    { "a*:string", "~", "p?limit=3", "p?limit=3" },
    { "a:string", "x", "p", "p" }, /* no key */
    { "a*:string", "x", "p?limit=3&sort=-n", "p?limit=3&sort=-n&where=`a`==\"x\"" },
    { "a*:string", "x", "p?where=n%3E1%20or%20n%3C0&limit=3", "p?where=(n>1 or n<0) and `a`==\"x\"&limit=3" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ReplicaSnapshot) leader = test_snapshot_new (1, cases[i].columns, cases[i].rows);
      g_autofree char *path = replica_follow_dup_path (cases[i].path, leader, 0);
      g_autofree char *decoded = g_uri_unescape_string (path, NULL);

      g_assert_cmpstr (decoded, ==, cases[i].decoded);
      /* What separates parameters can stand in a value only encoded. */
      g_assert_null (strpbrk (path, " \"<>`\\"));
    }
}

static void
test_nul (void)
{
  TestColumn *key = test_column_new ("a", REPLICA_TYPE_STRING, 0, 4, TRUE);
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("leader", (ReplicaToken){ 1, 1 }, 0, 1);
  g_autoptr (ReplicaSnapshot) leader = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;

  test_column_add_string (key, "a\0b", 3);
  replica_snapshot_builder_add (builder, test_column_get (key));
  leader = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  path = replica_follow_dup_path ("p?limit=3", leader, 0);
  g_assert_cmpstr (path, ==, "p?limit=3");
  test_column_free (key);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/follow/paths", test_paths);
  g_test_add_func ("/follow/nul", test_nul);
  return g_test_run ();
}
