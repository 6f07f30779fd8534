/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaTable: a view's rows as a GListModel. The thread of the view.
 *
 * The row of a key keeps its object, and rows that keep their order among each other are not mentioned: the
 * longest increasing run of old positions stays, everything else goes out and comes in again. While
 * items-changed is being emitted the model is what has been said so far: the front of the new rows and the
 * rest of the old ones. */

#include "replica-table-private.h"

#include <string.h>

/* ---- rows ---- */

struct _ReplicaRow
{
  GObject parent_instance;

  ReplicaSnapshot *snapshot; /* (owned) */
  guint row;
};

G_DEFINE_FINAL_TYPE (ReplicaRow, replica_row, G_TYPE_OBJECT)

static guint row_changed;

char *
replica_row_dup_text (ReplicaRow *self, const char *column)
{
  char buffer[REPLICA_TEXT_MAX];
  int index = replica_snapshot_find_column (self->snapshot, column);

  if (index < 0)
    return NULL;
  return g_strdup (replica_column_format (replica_snapshot_get_column (self->snapshot, (guint) index),
                                          self->row, buffer, NULL));
}

/**
 * replica_row_get_snapshot:
 * @self: a row
 * @row: (out) (optional): its number in the snapshot
 *
 * Returns: (transfer none): the newest snapshot that has the row; that of its last values once it is gone
 */
ReplicaSnapshot *
replica_row_get_snapshot (ReplicaRow *self, guint *row)
{
  if (row != NULL)
    *row = self->row;
  return self->snapshot;
}

static void
row_set (ReplicaRow *self, ReplicaSnapshot *snapshot, guint row)
{
  replica_snapshot_ref (snapshot);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  self->snapshot = snapshot;
  self->row = row;
}

static void
replica_row_finalize (GObject *object)
{
  g_clear_pointer (&REPLICA_ROW (object)->snapshot, replica_snapshot_unref);
  G_OBJECT_CLASS (replica_row_parent_class)->finalize (object);
}

static void
replica_row_class_init (ReplicaRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = replica_row_finalize;
  row_changed =
      g_signal_new ("changed", REPLICA_TYPE_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
replica_row_init (ReplicaRow *self)
{
}

/* ---- the table ---- */

struct _ReplicaTable
{
  GObject parent_instance;

  ReplicaView *view;         /* (owned) */
  ReplicaSnapshot *snapshot; /* (owned) (nullable): that of @rows */
  GPtrArray *rows;           /* (owned) (element-type ReplicaRow) */

  /* While items-changed is being emitted: the items are rows[0 … n_new - 1], then old_rows[n_old …]. */
  GPtrArray *old_rows; /* (owned) (nullable) */
  guint n_new;
  guint n_old;
  ReplicaSnapshot *next; /* (owned) (nullable): came while another was being shown */
};

static void list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (ReplicaTable,
                               replica_table,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, list_model_init))

static GType
replica_table_get_item_type (GListModel *model)
{
  return REPLICA_TYPE_ROW;
}

static guint
replica_table_get_n_items (GListModel *model)
{
  ReplicaTable *self = REPLICA_TABLE (model);

  if (self->old_rows != NULL)
    return self->n_new + self->old_rows->len - self->n_old;
  return self->rows->len;
}

static gpointer
replica_table_get_item (GListModel *model, guint position)
{
  ReplicaTable *self = REPLICA_TABLE (model);
  GPtrArray *rows = self->rows;

  if (position >= replica_table_get_n_items (model))
    return NULL;
  if (self->old_rows != NULL && position >= self->n_new)
    {
      rows = self->old_rows;
      position = position - self->n_new + self->n_old;
    }
  return g_object_ref (g_ptr_array_index (rows, position));
}

static void
list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = replica_table_get_item_type;
  iface->get_n_items = replica_table_get_n_items;
  iface->get_item = replica_table_get_item;
}

/* Marks the rows that may stay where they are: a longest subsequence of @before_rows that only rises, found
 * by keeping, for each length, the row with the lowest end (patience sorting). */
static gboolean *
find_kept (ReplicaDiff *diff, guint n_rows)
{
  gboolean *kept = g_new0 (gboolean, MAX (n_rows, 1));
  g_autofree guint *ends = g_new (guint, MAX (n_rows, 1));
  g_autofree gint64 *previous = g_new (gint64, MAX (n_rows, 1));
  guint n_ends = 0;

  for (guint row = 0; row < n_rows; row++)
    {
      int before = replica_diff_get_before_row (diff, row);
      guint low = 0, high = n_ends;

      if (before < 0)
        continue;
      /* Mostly in order. */
      if (n_ends > 0 && replica_diff_get_before_row (diff, ends[n_ends - 1]) < before)
        low = high;
      while (low < high)
        {
          guint middle = (low + high) / 2;

          if (replica_diff_get_before_row (diff, ends[middle]) < before)
            low = middle + 1;
          else
            high = middle;
        }
      previous[row] = low > 0 ? (gint64) ends[low - 1] : -1;
      ends[low] = row;
      n_ends = MAX (n_ends, low + 1);
    }
  for (gint64 row = n_ends > 0 ? (gint64) ends[n_ends - 1] : -1; row >= 0; row = previous[row])
    kept[row] = TRUE;
  return kept;
}

static void
emit_items_changed (ReplicaTable *self, ReplicaDiff *diff)
{
  g_autofree gboolean *kept = find_kept (diff, self->rows->len);

  while (self->n_new < self->rows->len || self->n_old < self->old_rows->len)
    {
      guint first = self->n_new, added = 0, removed;
      guint next_old = self->old_rows->len;

      while (first + added < self->rows->len && !kept[first + added])
        added++;
      if (first + added < self->rows->len)
        next_old = (guint) replica_diff_get_before_row (diff, first + added);
      removed = next_old - self->n_old;
      self->n_new += added;
      self->n_old += removed;
      if (added > 0 || removed > 0)
        g_list_model_items_changed (G_LIST_MODEL (self), first, removed, added);
      if (self->n_new < self->rows->len)
        {
          /* The row that stays. */
          self->n_new++;
          self->n_old++;
        }
    }
}

static void
show_snapshot (ReplicaTable *self, ReplicaSnapshot *snapshot)
{
  g_autoptr (ReplicaDiff) diff = replica_diff_new (self->snapshot, snapshot);
  guint n_rows = replica_snapshot_get_n_rows (snapshot),
        n_columns = replica_snapshot_get_n_columns (snapshot);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_full (n_rows, g_object_unref);

  for (guint i = 0; i < n_rows; i++)
    {
      int before = replica_diff_get_before_row (diff, i);
      ReplicaRow *row = before >= 0 ? g_object_ref (g_ptr_array_index (self->rows, before))
                                    : g_object_new (REPLICA_TYPE_ROW, NULL);

      row_set (row, snapshot, i);
      g_ptr_array_add (rows, row);
    }
  self->old_rows = g_steal_pointer (&self->rows);
  self->rows = g_steal_pointer (&rows);
  self->n_new = 0;
  self->n_old = 0;
  replica_snapshot_ref (snapshot);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  self->snapshot = snapshot;

  emit_items_changed (self, diff);
  for (guint i = 0; i < n_rows; i++)
    {
      gboolean changed = FALSE;

      for (guint column = 0; column < n_columns && !changed; column++)
        changed = replica_diff_get_cell (diff, i, column) != 0;
      if (changed)
        g_signal_emit (g_ptr_array_index (self->rows, i), row_changed, 0);
    }
  g_clear_pointer (&self->old_rows, g_ptr_array_unref);
}

void
replica_table_set_snapshot (ReplicaTable *self, ReplicaSnapshot *snapshot)
{
  G_GNUC_UNUSED g_autoptr (ReplicaTable) alive = g_object_ref (self);

  g_clear_pointer (&self->next, replica_snapshot_unref);
  self->next = replica_snapshot_ref (snapshot);
  /* From a handler of what is being emitted: its turn comes when that has been said. */
  if (self->old_rows != NULL)
    return;
  while (self->next != NULL)
    {
      g_autoptr (ReplicaSnapshot) next = g_steal_pointer (&self->next);

      show_snapshot (self, next);
    }
}

static void
view_snapshot_cb (ReplicaTable *self, ReplicaSnapshot *snapshot, ReplicaDiff *diff, ReplicaView *view)
{
  /* Not the view's diff: that is from what the view showed before, and the table may be younger. */
  replica_table_set_snapshot (self, snapshot);
}

static void
replica_table_finalize (GObject *object)
{
  ReplicaTable *self = REPLICA_TABLE (object);

  g_clear_object (&self->view);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_clear_pointer (&self->next, replica_snapshot_unref);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  G_OBJECT_CLASS (replica_table_parent_class)->finalize (object);
}

static void
replica_table_class_init (ReplicaTableClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = replica_table_finalize;
}

static void
replica_table_init (ReplicaTable *self)
{
  self->rows = g_ptr_array_new_with_free_func (g_object_unref);
}

/**
 * replica_table_new:
 * @view: the view to follow, from the snapshot it has now
 *
 * Returns: (transfer full): a model of the view's rows, in the view's order
 */
ReplicaTable *
replica_table_new (ReplicaView *view)
{
  ReplicaTable *self = g_object_new (REPLICA_TYPE_TABLE, NULL);

  self->view = g_object_ref (view);
  g_signal_connect_object (view, "snapshot", G_CALLBACK (view_snapshot_cb), self, G_CONNECT_SWAPPED);
  if (replica_view_get_snapshot (view) != NULL)
    replica_table_set_snapshot (self, replica_view_get_snapshot (view));
  return self;
}
