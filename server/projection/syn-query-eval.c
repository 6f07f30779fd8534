/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * where → sort → limit → select over one snapshot, on the lane of the query's grain. Only row numbers are moved about;
 * values are copied once, into the answer. Expressions are evaluated over all rows of the base, a column at a time: that
 * is cheaper than gathering their arguments unless hardly any row is left. All working memory is the thread's. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query-eval.h"
#include "replica-snapshot-builder.h"
#include "syn-error.h"
#include "syn-query-sort.h"
#include "syn-scratch.h"

typedef struct {
  const SynQuery *query;
  guint n_rows; /* of the base */
  const ReplicaColumn **base;
  const ReplicaColumn **outputs; /* NULL: not evaluated yet */
} Evaluation;

/* Column @index of the answer, over all rows of the base. */
static const ReplicaColumn *
get_output (Evaluation *self, guint index)
{
  const SynQueryColumn *column = &self->query->columns[index];

  if (column->column >= 0)
    return self->base[column->column];
  /* Frame 0 is the filter's; each output has its own, for all must live until the answer is laid out. */
  if (self->outputs[index] == NULL)
    self->outputs[index] =
        syn_program_run (column->program, syn_scratch_frame (syn_scratch_get (), 1 + index), self->base, self->n_rows);
  return self->outputs[index];
}

static guint
filter (Evaluation *self, guint32 *rows)
{
  if (self->query->where != NULL)
    return syn_program_filter (self->query->where, syn_scratch_frame (syn_scratch_get (), 0), self->base, self->n_rows, rows);
  for (guint i = 0; i < self->n_rows; i++)
    rows[i] = i;
  return self->n_rows;
}

static guint
sort (Evaluation *self, guint32 *rows, guint n)
{
  const SynQuery *query = self->query;
  guint limit = query->has_limit ? query->limit : G_MAXUINT32;
  g_autofree SynSortColumn *columns = NULL;

  if (query->n_sort == 0)
    return MIN (n, limit);
  columns = g_new (SynSortColumn, query->n_sort);
  for (guint i = 0; i < query->n_sort; i++)
    {
      const SynQuerySort *by = &query->sort[i];

      columns[i].column = by->column >= 0 ? self->base[by->column] : get_output (self, by->output);
      columns[i].descending = by->descending;
    }
  return syn_sort_rows (rows, n, columns, query->n_sort, limit);
}

static gboolean
has_schema (ReplicaSnapshot *snapshot, const SynSchema *schema)
{
  if (replica_snapshot_get_n_columns (snapshot) != schema->n_columns)
    return FALSE;
  for (guint i = 0; i < schema->n_columns; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      if (column->type != schema->columns[i].type || column->scale != schema->columns[i].scale)
        return FALSE;
    }
  return TRUE;
}

ReplicaSnapshot *
syn_query_evaluate (const SynQuery *query, ReplicaSnapshot *base, ReplicaToken token, gint64 time_us, GError **error)
{
  guint n_base = replica_snapshot_get_n_columns (base);
  guint n_rows = replica_snapshot_get_n_rows (base);
  g_autofree const ReplicaColumn **columns = g_new (const ReplicaColumn *, n_base + 1);
  g_autofree const ReplicaColumn **outputs = g_new0 (const ReplicaColumn *, query->n_columns + 1);
  guint32 *rows = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_ROWS, (gsize) n_rows * sizeof *rows);
  Evaluation self = { query, n_rows, columns, outputs };
  g_autoptr (ReplicaSnapshotBuilder) builder = NULL;
  g_autoptr (GError) local_error = NULL;
  ReplicaSnapshot *snapshot;
  guint n;

  if (!has_schema (base, query->base->schema))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "\"%s\": the projection has other columns than the catalog says",
                   query->canonical);
      return NULL;
    }
  for (guint i = 0; i < n_base; i++)
    columns[i] = replica_snapshot_get_column (base, i);
  n = filter (&self, rows);
  n = sort (&self, rows, n);

  builder = replica_snapshot_builder_new (query->canonical, token, time_us, n);
  for (guint i = 0; i < query->n_columns; i++)
    {
      ReplicaColumn column = *get_output (&self, i);

      column.name = query->columns[i].name;
      column.is_key = query->columns[i].is_key;
      column.n_rows = n_rows;
      if (query->where == NULL && query->n_sort == 0 && n == n_rows)
        replica_snapshot_builder_add (builder, &column);
      else
        replica_snapshot_builder_add_gathered (builder, &column, rows);
    }
  for (guint i = 0; i < replica_snapshot_get_n_frontier (base); i++)
    {
      guint64 sequence;
      const char *source = replica_snapshot_get_frontier (base, i, &sequence);

      replica_snapshot_builder_add_frontier (builder, source, sequence);
    }
  snapshot = replica_snapshot_builder_finish (g_steal_pointer (&builder), &local_error);
  if (snapshot == NULL)
    g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "\"%s\": %s", query->canonical, local_error->message);
  return snapshot;
}

static gboolean
same_bytes (const void *a, const void *b, gsize size)
{
  return a == b || (a != NULL && b != NULL && memcmp (a, b, size) == 0);
}

/* Dictionaries hold more than what is shown: only where they differ the texts themselves are compared. */
static gboolean
same_strings (const ReplicaColumn *a, const ReplicaColumn *b)
{
  if (a->n_dict == b->n_dict && same_bytes (a->dict_offsets, b->dict_offsets, ((gsize) a->n_dict + 1) * sizeof *a->dict_offsets)
      && same_bytes (a->dict_bytes, b->dict_bytes, a->dict_offsets[a->n_dict])
      && same_bytes (a->data, b->data, (gsize) a->n_rows * a->width))
    return TRUE;
  for (guint row = 0; row < a->n_rows; row++)
    if (!replica_column_is_null (a, row))
      {
        gsize length_a, length_b;
        const char *text_a = replica_column_get_string (a, row, &length_a);
        const char *text_b = replica_column_get_string (b, row, &length_b);

        if (length_a != length_b || memcmp (text_a, text_b, length_a) != 0)
          return FALSE;
      }
  return TRUE;
}

static gboolean
same_column (const ReplicaColumn *a, const ReplicaColumn *b)
{
  if (a->type != b->type || a->scale != b->scale || a->width != b->width || a->is_key != b->is_key || a->n_rows != b->n_rows
      || strcmp (a->name, b->name) != 0)
    return FALSE;
  if (!same_bytes (a->validity, b->validity, ((gsize) a->n_rows + 7) / 8))
    return FALSE;
  return a->type == REPLICA_TYPE_STRING ? same_strings (a, b) : same_bytes (a->data, b->data, (gsize) a->n_rows * a->width);
}

gboolean
syn_query_same_answer (ReplicaSnapshot *a, ReplicaSnapshot *b)
{
  guint n_columns = replica_snapshot_get_n_columns (a);

  if (n_columns != replica_snapshot_get_n_columns (b) || replica_snapshot_get_n_rows (a) != replica_snapshot_get_n_rows (b))
    return FALSE;
  for (guint i = 0; i < n_columns; i++)
    if (!same_column (replica_snapshot_get_column (a, i), replica_snapshot_get_column (b, i)))
      return FALSE;
  return TRUE;
}
