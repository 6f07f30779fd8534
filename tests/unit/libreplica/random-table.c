/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "random-table.h"

#include <string.h>

typedef struct
{
  gboolean is_null;
  ReplicaInt128 number;
  guint text;
} Cell;

typedef struct
{
  ReplicaType type;
  gboolean has_nulls, is_wide;
  guint n_texts; /* different ones */
} Kind;

struct _RandomTable
{
  GRand *rand;
  guint64 serial;
  guint n_columns;
  Kind *kinds;
  GPtrArray *rows; /* (element-type Cell array) */
};

static Cell
random_cell (RandomTable *self, const Kind *kind)
{
  Cell cell = { .is_null = kind->has_nulls && g_rand_int_range (self->rand, 0, 10) == 0,
                .number = (gint32) g_rand_int (self->rand),
                .text = (guint) g_rand_int_range (self->rand, 0, (gint32) kind->n_texts) };

  if (kind->is_wide && g_rand_int_range (self->rand, 0, 20) == 0)
    cell.number *= (ReplicaInt128) 1 << 70;
  return cell;
}

static Cell *
random_row (RandomTable *self)
{
  Cell *row = g_new (Cell, self->n_columns);

  for (guint i = 0; i < self->n_columns; i++)
    row[i] = random_cell (self, &self->kinds[i]);
  return row;
}

RandomTable *
random_table_new (guint32 seed, guint n_rows, guint n_columns)
{
  RandomTable *self = g_new0 (RandomTable, 1);

  self->rand = g_rand_new_with_seed (seed);
  self->n_columns = n_columns;
  self->kinds = g_new0 (Kind, MAX (n_columns, 1));
  for (guint i = 0; i < n_columns; i++)
    self->kinds[i] = (Kind){ .type = (ReplicaType) g_rand_int_range (self->rand, REPLICA_TYPE_BOOL, REPLICA_TYPE_TIMESTAMP + 1),
                             .has_nulls = g_rand_boolean (self->rand),
                             .is_wide = g_rand_boolean (self->rand),
                             .n_texts = (guint) g_rand_int_range (self->rand, 1, 2000) };
  self->rows = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < n_rows && n_columns > 0; i++)
    g_ptr_array_add (self->rows, random_row (self));
  return self;
}

void
random_table_free (RandomTable *self)
{
  g_rand_free (self->rand);
  g_free (self->kinds);
  g_ptr_array_unref (self->rows);
  g_free (self);
}

void
random_table_change_cells (RandomTable *self, double share)
{
  for (guint row = 0; row < self->rows->len; row++)
    for (guint i = 0; i < self->n_columns && g_rand_double (self->rand) < share; i++)
      if (g_rand_int_range (self->rand, 0, 4) != 0)
        ((Cell *) self->rows->pdata[row])[i] = random_cell (self, &self->kinds[i]);
}

static guint
any_row (RandomTable *self)
{
  return (guint) g_rand_int_range (self->rand, 0, (gint32) self->rows->len);
}

void
random_table_change (RandomTable *self, double share)
{
  guint n = (guint) (self->rows->len * share) + 1;

  random_table_change_cells (self, share);
  switch (self->n_columns > 0 ? g_rand_int_range (self->rand, 0, 8) : 7)
    {
    case 0:
      for (guint i = 0; i < n; i++)
        g_ptr_array_add (self->rows, random_row (self));
      break;
    case 1: /* at the end */
      g_ptr_array_set_size (self->rows, (gint) (self->rows->len - MIN (n, self->rows->len)));
      break;
    case 2: /* anywhere: what follows moves up */
      if (self->rows->len > 0)
        g_ptr_array_remove_index (self->rows, any_row (self));
      break;
    case 3: /* the last takes its place */
      if (self->rows->len > 0)
        g_ptr_array_remove_index_fast (self->rows, any_row (self));
      break;
    case 4:
      for (guint i = 0; i < n && self->rows->len > 0; i++)
        {
          gpointer *a = &self->rows->pdata[any_row (self)], *b = &self->rows->pdata[any_row (self)], row = *a;

          *a = *b;
          *b = row;
        }
      break;
    case 5: /* other texts, nulls where there were none, or none any more */
      for (guint i = 0; i < self->n_columns; i++)
        {
          self->kinds[i].n_texts = (guint) g_rand_int_range (self->rand, 1, 2000);
          self->kinds[i].has_nulls = g_rand_boolean (self->rand);
        }
      break;
    default:
      break;
    }
}

static void
add_cell (TestColumn *column, const Kind *kind, const Cell *cell)
{
  gint64 narrow = (gint64) cell->number;
  double real = (double) narrow / 8;
  guint8 bit = cell->text % 2;
  g_autofree char *text = NULL;

  if (cell->is_null)
    {
      test_column_add_null (column);
      return;
    }
  switch (kind->type)
    {
    case REPLICA_TYPE_BOOL:
      test_column_add_value (column, &bit);
      break;
    case REPLICA_TYPE_DOUBLE:
      test_column_add_value (column, &real);
      break;
    case REPLICA_TYPE_DECIMAL:
      test_column_add_value (column, &cell->number);
      break;
    case REPLICA_TYPE_STRING:
      text = g_strdup_printf ("text %u", cell->text);
      test_column_add_string (column, text, strlen (text));
      break;
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
    default:
      test_column_add_value (column, &narrow);
      break;
    }
}

ReplicaSnapshot *
random_table_get_snapshot (RandomTable *self)
{
  ReplicaToken token = { 7, ++self->serial };
  g_autoptr (GPtrArray) columns = g_ptr_array_new_with_free_func ((GDestroyNotify) test_column_free);
  ReplicaSnapshotBuilder *builder =
      replica_snapshot_builder_new ("random/table", token, (gint64) self->serial * 1000, self->rows->len);
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *snapshot;

  for (guint i = 0; i < self->n_columns; i++)
    {
      const Kind *kind = &self->kinds[i];
      g_autofree char *name = g_strdup_printf ("column %u", i * 1000);
      guint width = kind->type == REPLICA_TYPE_DECIMAL ? 16 : replica_type_get_width (kind->type);
      TestColumn *column = test_column_new (name, kind->type, kind->type == REPLICA_TYPE_DECIMAL ? 4 : 0, width, i == 0);

      g_ptr_array_add (columns, column);
      for (guint row = 0; row < self->rows->len; row++)
        add_cell (column, kind, &((Cell *) self->rows->pdata[row])[i]);
      replica_snapshot_builder_add (builder, test_column_get (column));
    }
  replica_snapshot_builder_add_frontier (builder, "source", self->serial * 17);
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  return snapshot;
}
