/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list model: the same objects for the same keys, few and exact signals, and never a state that nobody
 * was told of. */

#include "replica-table-private.h"
#include "test-snapshot-fixture.h"

#include <string.h>

#define COLUMNS "k*:string v:int64"

typedef struct
{
  ReplicaTable *table;
  GPtrArray *mirror; /* what a listener believes */
  GString *said;     /* items-changed, as `position-removed+added` */
  guint n_row_changed;
  ReplicaSnapshot *push; /* (nullable): to set from within the next signal */
} Listener;

static void
row_changed_cb (ReplicaRow *row, Listener *listener)
{
  listener->n_row_changed++;
}

static void
items_changed_cb (GListModel *model, guint position, guint removed, guint added, Listener *listener)
{
  ReplicaSnapshot *push = g_steal_pointer (&listener->push);

  g_string_append_printf (listener->said, "%s%u-%u+%u", listener->said->len > 0 ? " " : "", position, removed,
                          added);
  if (push != NULL)
    {
      replica_table_set_snapshot (listener->table, push);
      replica_snapshot_unref (push);
    }
  if (removed > 0)
    g_ptr_array_remove_range (listener->mirror, position, removed);
  for (guint i = 0; i < added; i++)
    {
      ReplicaRow *row = g_list_model_get_item (model, position + i);

      g_signal_handlers_disconnect_by_func (row, row_changed_cb, listener);
      g_signal_connect (row, "changed", G_CALLBACK (row_changed_cb), listener);
      g_ptr_array_insert (listener->mirror, (int) (position + i), row);
    }
  /* At any time the model is what was said so far. */
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, listener->mirror->len);
  for (guint i = 0; i < listener->mirror->len; i++)
    {
      g_autoptr (ReplicaRow) row = g_list_model_get_item (model, i);
      g_assert_true (row == g_ptr_array_index (listener->mirror, i));
    }
  g_assert_null (g_list_model_get_item (model, listener->mirror->len));
}

static void
listener_init (Listener *listener)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaLink) link = replica_link_new ("http://127.0.0.1:1", &error);
  g_autoptr (ReplicaView) view = NULL;

  g_assert_no_error (error);
  view = replica_view_new (link, "test/table"); /* neither is started: nothing is asked */
  *listener = (Listener){ .table = replica_table_new (view), .said = g_string_new (NULL) };
  listener->mirror = g_ptr_array_new_with_free_func (g_object_unref);
  g_signal_connect (listener->table, "items-changed", G_CALLBACK (items_changed_cb), listener);
}

static void
listener_clear (Listener *listener)
{
  for (guint i = 0; i < listener->mirror->len; i++)
    g_signal_handlers_disconnect_by_func (g_ptr_array_index (listener->mirror, i), row_changed_cb, listener);
  g_ptr_array_unref (listener->mirror);
  g_string_free (listener->said, TRUE);
  g_object_unref (listener->table);
}

static void
listener_set (Listener *listener, const char *rows)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, COLUMNS, rows);

  g_string_truncate (listener->said, 0);
  listener->n_row_changed = 0;
  replica_table_set_snapshot (listener->table, snapshot);
}

static void
listener_assert_rows (Listener *listener, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < listener->mirror->len; i++)
    {
      ReplicaRow *row = g_ptr_array_index (listener->mirror, i);
      g_autofree char *key = replica_row_dup_text (row, "k"), *value = replica_row_dup_text (row, "v");
      guint number;

      replica_row_get_snapshot (row, &number);
      g_assert_cmpuint (number, ==, i);
      g_assert_null (replica_row_dup_text (row, "no such"));
      g_string_append_printf (text, "%s%s|%s", i > 0 ? "\n" : "", key, value);
    }
  g_assert_cmpstr (text->str, ==, expected);
}

static const struct
{
  const char *before;
  const char *after;
  const char *said;
  guint n_row_changed;
} cases[] = {
  { "", "", "", 0 },
  { "", "a|1\nb|2", "0-0+2", 0 },
  { "a|1\nb|2", "a|1\nb|2", "", 0 },
  { "a|1\nb|2\nc|3", "a|1\nb|5\nc|6", "", 2 },
  { "a|1\nb|2", "", "0-2+0", 0 },
  { "a|1\nb|2", "a|1\nb|2\nc|3", "2-0+1", 0 },
  { "a|1\nb|2", "c|3\na|1\nb|2", "0-0+1", 0 },
  { "a|1\nb|2\nc|3", "a|1\nc|4", "1-1+0", 1 },
  { "a|1\nb|2\nc|3", "a|1\nx|2\nc|3", "1-1+1", 0 },
  { "a|1\nb|2\nc|3\nd|4", "b|2\nc|3\nd|4\na|1", "0-1+0 3-0+1", 0 },
  { "a|1\nb|2\nc|3\nd|4", "d|4\na|1\nb|2\nc|3", "0-0+1 4-1+0", 0 },
  { "a|1\nb|2\nc|3\nd|4\ne|5", "a|1\nd|4\nc|3\nb|2\ne|6", "1-2+0 2-0+2", 1 },
  { "a|1\nb|2\nc|3\nd|4\ne|5", "x|0\na|1\nc|3\ny|0\ne|5\nz|0", "0-0+1 2-1+0 3-1+1 5-0+1", 0 },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GHashTable) objects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      Listener listener;

      g_test_message ("case %u", i);
      listener_init (&listener);
      listener_set (&listener, cases[i].before);
      for (guint k = 0; k < listener.mirror->len; k++)
        g_hash_table_insert (objects, replica_row_dup_text (g_ptr_array_index (listener.mirror, k), "k"),
                             g_object_ref (g_ptr_array_index (listener.mirror, k)));
      listener_set (&listener, cases[i].after);
      listener_assert_rows (&listener, cases[i].after);
      if (g_str_equal (cases[i].after, "a|1\nd|4\nc|3\nb|2\ne|6"))
        g_assert_true (listener.mirror->len == 5); /* which of b, c, d stays is not promised */
      else
        g_assert_cmpstr (listener.said->str, ==, cases[i].said);
      g_assert_cmpuint (listener.n_row_changed, ==, cases[i].n_row_changed);
      for (guint k = 0; k < listener.mirror->len; k++)
        {
          ReplicaRow *row = g_ptr_array_index (listener.mirror, k);
          g_autofree char *key = replica_row_dup_text (row, "k");
          ReplicaRow *old = g_hash_table_lookup (objects, key);

          g_assert_true (old == NULL || old == row);
        }
      {
        GHashTableIter iter;
        gpointer row;

        g_hash_table_iter_init (&iter, objects);
        while (g_hash_table_iter_next (&iter, NULL, &row))
          {
            /* Also a row that is gone still tells what it was. */
            g_autofree char *value = replica_row_dup_text (row, "v");
            g_assert_nonnull (value);
            g_signal_handlers_disconnect_by_func (row, row_changed_cb, &listener);
            g_object_unref (row);
          }
      }
      listener_clear (&listener);
    }
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  Listener listener;

  listener_init (&listener);
  for (guint round = 0; round < 300; round++)
    {
      g_autoptr (GString) rows = g_string_new (NULL);
      guint order[20];

      for (guint i = 0; i < G_N_ELEMENTS (order); i++)
        order[i] = i;
      for (int swaps = g_rand_int_range (rand, 0, 6); swaps > 0; swaps--)
        {
          guint a = (guint) g_rand_int_range (rand, 0, 20), b = (guint) g_rand_int_range (rand, 0, 20),
                kept = order[a];

          order[a] = order[b];
          order[b] = kept;
        }
      for (guint i = 0; i < G_N_ELEMENTS (order); i++)
        if (g_rand_int_range (rand, 0, 5) > 0)
          g_string_append_printf (rows, "%sk%u|%d", rows->len > 0 ? "\n" : "", order[i],
                                  g_rand_int_range (rand, 0, 3));
      listener_set (&listener, rows->str);
      listener_assert_rows (&listener, rows->str);
    }
  listener_clear (&listener);
}

/* A snapshot that comes from within a signal waits until the one before has been told. */
static void
test_reentrant (void)
{
  Listener listener;

  listener_init (&listener);
  listener_set (&listener, "a|1\nb|2");
  listener.push = test_snapshot_new (3, COLUMNS, "c|3");
  listener_set (&listener, "a|1\nx|5\nb|2\ny|6");
  listener_assert_rows (&listener, "c|3");
  g_assert_cmpstr (listener.said->str, ==, "1-0+1 3-0+1 0-4+1");
  listener_clear (&listener);
}

/* By the view's own signal, and from the snapshot that the view has already. */
static void
test_view (void)
{
  g_autoptr (ReplicaLink) link = replica_link_new ("http://127.0.0.1:1", NULL);
  g_autoptr (ReplicaView) view = replica_view_new (link, "test/table");
  g_autoptr (ReplicaTable) table = replica_table_new (view);
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, COLUMNS, "a|1\nb|2");
  g_autoptr (ReplicaDiff) diff = replica_diff_new (NULL, snapshot);

  g_assert_true (g_list_model_get_item_type (G_LIST_MODEL (table)) == REPLICA_TYPE_ROW);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (table)), ==, 0);
  g_signal_emit_by_name (view, "snapshot", snapshot, diff);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (table)), ==, 2);
  g_clear_object (&table); /* and the view's next signal reaches nobody */
  g_signal_emit_by_name (view, "snapshot", snapshot, diff);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/table/cases", test_cases);
  g_test_add_func ("/table/random", test_random);
  g_test_add_func ("/table/reentrant", test_reentrant);
  g_test_add_func ("/table/view", test_view);
  return g_test_run ();
}
