/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * join → where → group → having → sort → offset, limit → select over one snapshot of each projection, on the lane of the query's grain.
 * Only row numbers are moved about; values are copied once, into the answer. Working memory is the thread's.
 *
 * From the second evaluation on: the rows whose columns changed (syn-changes.h) are taken out of the order kept from before, `where`
 * is asked of them alone, and those that stay are sorted and merged back in by binary search. When more than a share
 * changed, or the first time, all is done anew: then everything is a column at a time over all rows, which is cheaper. The first
 * evaluation of a query with a limit sorts no further than that: what is typed and gone in a tenth of a second pays for no more. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query-eval.h"
#include "replica-snapshot-builder.h"
#include "syn-bits.h"
#include "syn-error.h"
#include "syn-query-groups.h"
#include "syn-query-sort.h"

/* More than one row in so many changed: all anew. */
#define ROWS_PER_CHANGE 4
#define ROWS_PER_GROUP_CHANGE 2

struct _SynQueryRun {
  const SynQuery *query;
  ReplicaSnapshot **bases; /* (owned): of the evaluation before; the first NULL: there was none */
  guint32 **maps;          /* (owned): of each join */
  gboolean has_order;      /* @order is all rows that are kept, in order */
  guint32 *order;          /* (owned) */
  guint n_order;
  SynQueryGroups *groups;  /* (owned) (nullable) */
  SynQueryCounts counts;
};

/* One evaluation. */
typedef struct {
  SynQueryRun *run;
  const SynQuery *query;
  SynQueryInput input;
  ReplicaToken token;
  gint64 time_us;
  ReplicaSnapshot *previous;
} Evaluation;

SynQueryRun *
syn_query_run_new (const SynQuery *query)
{
  SynQueryRun *self = g_new0 (SynQueryRun, 1);

  self->query = query;
  self->bases = g_new0 (ReplicaSnapshot *, query->n_bases);
  self->maps = g_new0 (guint32 *, MAX (query->n_joins, 1));
  return self;
}

void
syn_query_run_reset (SynQueryRun *self)
{
  for (guint i = 0; i < self->query->n_bases; i++)
    g_clear_pointer (&self->bases[i], replica_snapshot_unref);
  for (guint i = 0; i < self->query->n_joins; i++)
    g_clear_pointer (&self->maps[i], g_free);
  g_clear_pointer (&self->order, g_free);
  g_clear_pointer (&self->groups, syn_query_groups_free);
  self->has_order = FALSE;
  self->n_order = 0;
}

void
syn_query_run_free (SynQueryRun *self)
{
  syn_query_run_reset (self);
  g_free (self->bases);
  g_free (self->maps);
  g_free (self);
}

SynQueryCounts
syn_query_run_get_counts (const SynQueryRun *self)
{
  return self->counts;
}

gsize
syn_query_run_get_bytes (const SynQueryRun *self)
{
  gsize bytes = (gsize) self->n_order * sizeof *self->order;

  for (guint i = 0; i < self->query->n_joins; i++)
    if (self->maps[i] != NULL)
      bytes += (gsize) replica_snapshot_get_n_rows (self->bases[0]) * sizeof **self->maps;
  return bytes + (self->groups != NULL ? syn_query_groups_get_bytes (self->groups) : 0);
}

/* ---- the answer ---- */

static guint
end_of_answer (const SynQuery *query)
{
  guint end = query->limit;

  if (!query->has_limit || __builtin_add_overflow (query->offset, query->limit, &end))
    return G_MAXUINT32;
  return end;
}

/* Which part of @n rows in order is shown. */
static guint
cut (const SynQuery *query, guint n, guint *from)
{
  guint end = MIN (n, end_of_answer (query));

  *from = MIN (query->offset, end);
  return end - *from;
}

/* The least sequence of each source. */
static void
add_frontier (Evaluation *self, ReplicaSnapshotBuilder *builder)
{
  ReplicaSnapshot *const *bases = self->input.bases;

  for (guint b = 0; b < self->query->n_bases; b++)
    for (guint i = 0; i < replica_snapshot_get_n_frontier (bases[b]); i++)
      {
        guint64 least, sequence;
        const char *source = replica_snapshot_get_frontier (bases[b], i, &least);
        gboolean is_first = TRUE;

        for (guint c = 0; c < self->query->n_bases; c++)
          for (guint j = 0; j < replica_snapshot_get_n_frontier (bases[c]); j++)
            if (strcmp (replica_snapshot_get_frontier (bases[c], j, &sequence), source) == 0)
              {
                is_first &= c > b || (c == b && j >= i);
                least = MIN (least, sequence);
              }
        if (is_first)
          replica_snapshot_builder_add_frontier (builder, source, least);
      }
}

static ReplicaSnapshot *
finish (Evaluation *self, ReplicaSnapshotBuilder *builder, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  ReplicaSnapshot *snapshot;

  add_frontier (self, builder);
  snapshot = replica_snapshot_builder_finish (builder, &local_error);
  if (snapshot == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "\"%s\": %s", self->query->canonical, local_error->message);
      return NULL;
    }
  if (self->previous == NULL || !syn_query_same_answer (snapshot, self->previous))
    return snapshot;
  replica_snapshot_unref (snapshot);
  return replica_snapshot_ref (self->previous);
}

static void
add_column (ReplicaSnapshotBuilder *builder, const SynQueryColumn *output, const ReplicaColumn *from, guint n_rows, const guint32 *rows)
{
  ReplicaColumn column = *from;

  column.name = output->name;
  column.is_key = output->is_key;
  column.n_rows = n_rows;
  if (rows == NULL)
    replica_snapshot_builder_add (builder, &column);
  else
    replica_snapshot_builder_add_gathered (builder, &column, rows);
}

/* @rows: NULL: all of the input. Expressions are evaluated for the rows shown when those are few, else for all: a column at a time over
 * values that lie side by side is cheaper than gathering their arguments. */
static ReplicaSnapshot *
answer_rows (Evaluation *self, const guint32 *rows, guint n, GError **error)
{
  SynQueryInput *input = &self->input;
  g_autoptr (ReplicaSnapshotBuilder) builder = replica_snapshot_builder_new (self->query->canonical, self->token, self->time_us, n);
  gboolean gather = rows != NULL && n < input->n_rows / 2;
  SynQuerySlice shown;

  syn_query_slice_init (&shown, input, rows, n);
  for (guint i = 0; i < self->query->n_columns; i++)
    {
      const SynQueryColumn *output = &self->query->columns[i];
      gboolean is_lent = output->expr.column >= 0 && self->query->fields[output->expr.column].join < 0;

      if (!syn_query_input_has_room (input, error))
        return NULL;
      if (gather && !is_lent)
        add_column (builder, output, syn_query_slice_run (&shown, &output->expr), n, NULL);
      else
        add_column (builder, output, syn_query_slice_run (&input->all, &output->expr), input->n_rows, rows);
    }
  return finish (self, g_steal_pointer (&builder), error);
}

/* ---- rows ---- */

static SynSortColumn *
get_sort_columns (Evaluation *self)
{
  const SynQuery *query = self->query;
  SynSortColumn *columns = syn_scratch_alloc (self->input.scratch, query->n_sort * sizeof *columns);

  for (guint i = 0; i < query->n_sort; i++)
    {
      const SynQuerySort *by = &query->sort[i];

      columns[i].descending = by->descending;
      columns[i].column = by->column >= 0 ? syn_query_slice_get (&self->input.all, (guint) by->column)
                                          : syn_query_slice_run (&self->input.all, &query->columns[by->output].expr);
    }
  return columns;
}

static void
mark_sort (Evaluation *self, guint8 *bits)
{
  const SynQuery *query = self->query;

  for (guint i = 0; i < query->n_sort; i++)
    {
      const SynQuerySort *by = &query->sort[i];
      guint column = (guint) by->column;
      SynQueryExpr bare = { .column = by->column, .n_uses = 1, .uses = &column };

      syn_query_input_mark (&self->input, by->column >= 0 ? &bare : &query->columns[by->output].expr, bits);
    }
}

static guint
count_bits (const guint8 *bits, guint n_rows)
{
  guint n = 0;

  for (gsize i = 0; i < syn_bits_size (n_rows); i++)
    n += (guint) __builtin_popcount (bits[i]);
  return n;
}

/* All rows that are kept, in order, as far as @end; remembered when that is all of them. */
static guint32 *
order_rows (Evaluation *self, guint end, guint *n)
{
  SynQueryRun *run = self->run;
  const SynQuery *query = self->query;
  guint32 *rows;
  guint n_kept = self->input.n_rows;

  run->counts.full++;
  if (query->where != NULL)
    rows = syn_query_slice_filter (&self->input.all, query->where, &n_kept);
  else
    {
      rows = syn_scratch_alloc (self->input.scratch, (gsize) n_kept * sizeof *rows);
      for (guint i = 0; i < n_kept; i++)
        rows[i] = i;
    }
  *n = n_kept;
  if (query->n_sort > 0)
    *n = syn_sort_rows (rows, n_kept, get_sort_columns (self), query->n_sort, end);
  run->has_order = *n == n_kept;
  if (run->has_order)
    {
      run->order = g_renew (guint32, run->order, MAX (n_kept, 1));
      memcpy (run->order, rows, (gsize) n_kept * sizeof *rows);
      run->n_order = n_kept;
    }
  return rows;
}

/* Merges @n_new rows, in order, into the run's, from behind; by binary search, for they are few. */
static void
merge_rows (Evaluation *self, const guint32 *new, guint n_new, const SynSortColumn *columns)
{
  SynQueryRun *run = self->run;
  guint n_sort = self->query->n_sort;
  guint n_left = run->n_order;

  run->order = g_renew (guint32, run->order, MAX (run->n_order + n_new, 1));
  for (guint i = n_new; i-- > 0;)
    {
      guint low = 0, high = n_left;

      while (low < high)
        {
          guint middle = low + (high - low) / 2;

          if (syn_sort_compare (columns, n_sort, run->order[middle], new[i]) < 0)
            low = middle + 1;
          else
            high = middle;
        }
      memmove (run->order + low + i + 1, run->order + low, (gsize) (n_left - low) * sizeof *run->order);
      run->order[low + i] = new[i];
      n_left = low;
    }
  run->n_order += n_new;
}

/* Brings the order up to date from the rows in @changed. Whether it, as far as it says which rows are shown, may have changed. */
static gboolean
update_order (Evaluation *self, const guint8 *changed)
{
  SynQueryRun *run = self->run;
  SynQueryInput *input = &self->input;
  const SynQuery *query = self->query;
  guint32 *rows = syn_scratch_alloc (input->scratch, (gsize) input->n_rows * sizeof *rows);
  const SynSortColumn *columns;
  guint n = 0, n_left = 0;

  for (guint i = 0; i < run->n_order; i++)
    {
      guint32 row = run->order[i];

      run->order[n_left] = row;
      n_left += row < input->n_rows && !syn_bit_get (changed, row);
    }
  for (guint byte = 0; byte < syn_bits_size (input->n_rows); byte++)
    for (guint bits = changed[byte]; bits != 0; bits &= bits - 1)
      rows[n++] = byte * 8 + (guint) __builtin_ctz (bits);
  if (query->where != NULL && n > 0)
    {
      SynQuerySlice slice;
      guint32 *kept;

      syn_query_slice_init (&slice, input, rows, n);
      kept = syn_query_slice_filter (&slice, query->where, &n);
      for (guint i = 0; i < n; i++)
        rows[i] = rows[kept[i]]; /* kept[i] is not below i */
    }
  if (n == 0 && n_left == run->n_order)
    return FALSE;
  run->n_order = n_left;
  if (n == 0)
    return TRUE;
  columns = get_sort_columns (self);
  if (query->n_sort > 0)
    n = syn_sort_rows (rows, n, columns, query->n_sort, G_MAXUINT32);
  merge_rows (self, rows, n, columns);
  return TRUE;
}

/* Whether a value that the answer shows changed, in @rows (NULL: those from @from on). */
static gboolean
shows_changes (Evaluation *self, const guint32 *rows, guint from, guint n)
{
  guint8 *bits = syn_query_input_new_bits (&self->input);

  for (guint i = 0; i < self->query->n_columns; i++)
    syn_query_input_mark (&self->input, &self->query->columns[i].expr, bits);
  for (guint i = from; i < from + n; i++)
    if (syn_bit_get (bits, rows != NULL ? rows[i] : i))
      return TRUE;
  return FALSE;
}

/* Neither where nor sort. */
static ReplicaSnapshot *
evaluate_in_input_order (Evaluation *self, GError **error)
{
  SynQueryInput *input = &self->input;
  guint from, n = cut (self->query, input->n_rows, &from);
  guint32 *rows;

  if (input->has_before && self->previous != NULL && input->n_before == input->n_rows)
    {
      self->run->counts.incremental++;
      if (!shows_changes (self, NULL, from, n))
        {
          self->run->counts.unchanged++;
          return replica_snapshot_ref (self->previous);
        }
    }
  else
    self->run->counts.full++;
  if (n == input->n_rows)
    return answer_rows (self, NULL, n, error);
  rows = syn_scratch_alloc (input->scratch, (gsize) n * sizeof *rows);
  for (guint i = 0; i < n; i++)
    rows[i] = from + i;
  return answer_rows (self, rows, n, error);
}

static ReplicaSnapshot *
evaluate_rows (Evaluation *self, GError **error)
{
  SynQueryRun *run = self->run;
  SynQueryInput *input = &self->input;
  const SynQuery *query = self->query;
  guint32 *rows;
  guint n, from, n_gone, n_changed;
  guint8 *changed;

  if (query->where == NULL && query->n_sort == 0)
    return evaluate_in_input_order (self, error);
  if (!input->has_before || !run->has_order)
    {
      /* The second time it is clear that it stays: then all of the order, to go on from. */
      rows = order_rows (self, input->has_before ? G_MAXUINT32 : end_of_answer (query), &n);
      n = cut (query, n, &from);
      return answer_rows (self, rows + from, n, error);
    }
  changed = syn_query_input_new_bits (input);
  if (query->where != NULL)
    syn_query_input_mark (input, query->where, changed);
  mark_sort (self, changed);
  n_changed = count_bits (changed, input->n_rows);
  n_gone = input->n_before > input->n_rows ? input->n_before - input->n_rows : 0;
  if ((guint64) (n_changed + n_gone) * ROWS_PER_CHANGE > input->n_rows)
    {
      rows = order_rows (self, G_MAXUINT32, &n);
      n = cut (query, n, &from);
      return answer_rows (self, rows + from, n, error);
    }
  run->counts.incremental++;
  if ((n_changed + n_gone == 0 || !update_order (self, changed)) && self->previous != NULL)
    {
      n = cut (query, run->n_order, &from);
      if (!shows_changes (self, run->order, from, n))
        {
          run->counts.unchanged++;
          return replica_snapshot_ref (self->previous);
        }
    }
  n = cut (query, run->n_order, &from);
  return answer_rows (self, run->order + from, n, error);
}

/* ---- groups ---- */

/* Whether some result says something of rows of other groups too: a rate ends with the newest time of all rows, which goes back when that row
 * does, and an aggregate cannot forget. */
static gboolean
is_across_groups (const SynQueryGroup *group)
{
  for (guint i = 0; i < group->n_aggregates; i++)
    if (group->aggregates[i].kind == SYN_AGGREGATE_RATE)
      return TRUE;
  return FALSE;
}

/* FALSE with *@same: nothing that it shows changed; otherwise an error. */
static gboolean
compute_groups (Evaluation *self, gboolean *same, GError **error)
{
  SynQueryRun *run = self->run;
  SynQueryInput *input = &self->input;
  const SynQueryGroup *group = self->query->group;
  guint8 *changed;
  guint64 n_changed;

  if (!input->has_before || run->groups == NULL)
    {
      g_clear_pointer (&run->groups, syn_query_groups_free);
      run->groups = syn_query_groups_new (self->query);
      run->counts.full++;
      return syn_query_groups_fill (run->groups, input, error);
    }
  changed = syn_query_input_new_bits (input);
  if (self->query->where != NULL)
    syn_query_input_mark (input, self->query->where, changed);
  for (guint i = 0; i < group->n_keys; i++)
    syn_query_input_mark (input, &group->keys[i], changed);
  for (guint i = 0; i < group->n_aggregates; i++)
    for (guint j = 0; j < group->aggregates[i].n_args; j++)
      syn_query_input_mark (input, &group->arguments[i][j], changed);
  n_changed = count_bits (changed, input->n_rows);
  n_changed += input->n_before > input->n_rows ? input->n_before - input->n_rows : 0;
  if (n_changed * ROWS_PER_GROUP_CHANGE > input->n_rows || (n_changed > 0 && is_across_groups (group)))
    {
      run->counts.full++;
      return syn_query_groups_fill (run->groups, input, error);
    }
  run->counts.incremental++;
  *same = n_changed == 0 && self->previous != NULL;
  if (!*same)
    return syn_query_groups_update (run->groups, input, changed, error);
  run->counts.unchanged++;
  return FALSE;
}

static ReplicaSnapshot *
evaluate_groups (Evaluation *self, GError **error)
{
  const SynQuery *query = self->query;
  const SynQueryGroup *group = query->group;
  SynScratch *scratch = self->input.scratch;
  guint n_work = group->work->n_columns, n_groups, n, from;
  const ReplicaColumn **columns, **outputs;
  g_autoptr (ReplicaSnapshotBuilder) builder = NULL;
  ReplicaColumn *lent, first = { .type = REPLICA_TYPE_INT64, .width = 8 };
  SynSortColumn *sort;
  gboolean same = FALSE;
  gint64 *first_rows;
  guint32 *rows;

  if (!compute_groups (self, &same, error))
    return same ? replica_snapshot_ref (self->previous) : NULL;
  n = n_groups = syn_query_groups_get_n (self->run->groups);
  lent = syn_scratch_alloc (scratch, n_work * sizeof *lent);
  columns = syn_scratch_alloc (scratch, n_work * sizeof *columns);
  outputs = syn_scratch_alloc (scratch, query->n_columns * sizeof *outputs);
  syn_query_groups_lend (self->run->groups, scratch, lent);
  for (guint i = 0; i < n_work; i++)
    columns[i] = &lent[i];
  for (guint i = 0; i < query->n_columns; i++)
    {
      if (!syn_query_input_has_room (&self->input, error))
        return NULL;
      outputs[i] = syn_query_input_run (&self->input, query->columns[i].expr.program, columns, n_groups);
    }

  rows = syn_scratch_alloc (scratch, (gsize) n_groups * sizeof *rows);
  if (group->having != NULL)
    n = syn_query_input_filter (&self->input, group->having->program, columns, n_groups, rows);
  else
    for (guint i = 0; i < n_groups; i++)
      rows[i] = i;
  first_rows = syn_scratch_alloc (scratch, (gsize) n_groups * sizeof *first_rows);
  for (guint i = 0; i < n_groups; i++)
    first_rows[i] = syn_query_groups_get_first (self->run->groups)[i];
  first.data = first_rows;
  first.n_rows = n_groups;
  sort = syn_scratch_alloc (scratch, (query->n_sort + 1) * sizeof *sort);
  for (guint i = 0; i < query->n_sort; i++)
    {
      const SynQuerySort *by = &query->sort[i];

      sort[i] = (SynSortColumn) { by->column >= 0 ? columns[by->column] : outputs[by->output], by->descending };
    }
  sort[query->n_sort] = (SynSortColumn) { &first, FALSE };
  n = syn_sort_rows (rows, n, sort, query->n_sort + 1, end_of_answer (query));
  n = cut (query, n, &from);

  builder = replica_snapshot_builder_new (query->canonical, self->token, self->time_us, n);
  for (guint i = 0; i < query->n_columns; i++)
    add_column (builder, &query->columns[i], outputs[i], n_groups, rows + from);
  return finish (self, g_steal_pointer (&builder), error);
}

/* ---- the whole ---- */

/* Takes the bases and the maps over from the evaluation. */
static void
remember (SynQueryRun *self, ReplicaSnapshot *const *bases, guint32 **maps)
{
  for (guint i = 0; i < self->query->n_bases; i++)
    {
      ReplicaSnapshot *before = self->bases[i];

      self->bases[i] = replica_snapshot_ref (bases[i]);
      g_clear_pointer (&before, replica_snapshot_unref);
    }
  for (guint i = 0; i < self->query->n_joins; i++)
    {
      if (self->maps[i] != maps[i])
        g_free (self->maps[i]);
      self->maps[i] = maps[i];
    }
}

ReplicaSnapshot *
syn_query_run_evaluate (SynQueryRun *self, ReplicaSnapshot *const *bases, ReplicaToken token, gint64 time_us,
                        ReplicaSnapshot *previous, GError **error)
{
  Evaluation evaluation = { .run = self, .query = self->query, .token = token, .time_us = time_us, .previous = previous };
  SynQueryInput *input = &evaluation.input;
  g_autofree guint32 **maps = g_new0 (guint32 *, MAX (self->query->n_joins, 1));
  ReplicaSnapshot *answer = NULL;

  if (!syn_query_input_init (input, self->query, bases, error))
    {
      syn_query_run_reset (self);
      return NULL;
    }
  if (syn_query_input_join (input, self->bases[0] != NULL ? self->bases : NULL, self->maps, maps, error))
    answer = self->query->group != NULL ? evaluate_groups (&evaluation, error) : evaluate_rows (&evaluation, error);
  syn_query_input_clear (input);
  remember (self, bases, maps);
  if (answer == NULL)
    syn_query_run_reset (self);
  syn_scratch_end (syn_scratch_get ());
  return answer;
}

ReplicaSnapshot *
syn_query_evaluate (const SynQuery *query, ReplicaSnapshot *const *bases, ReplicaToken token, gint64 time_us, GError **error)
{
  g_autoptr (SynQueryRun) run = syn_query_run_new (query);

  return syn_query_run_evaluate (run, bases, token, time_us, NULL, error);
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
