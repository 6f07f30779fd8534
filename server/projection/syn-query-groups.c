/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Groups, on the lane of their query. Most aggregates cannot forget a value (a maximum, a last), so a group that lost a row or whose row
 * changed is computed anew from all its rows; the others are not touched. Subtracting from the sums alone was rejected: it is
 * exact for integers only, and the answer must be what a fresh evaluation gives, to the bit. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include <string.h>
#include "syn-query-groups.h"
#include "syn-aggregate.h"
#include "syn-bits.h"
#include "syn-error.h"
#include "syn-key-table.h"
#include "syn-limits.h"

#define MAX_TEXT_BYTES (1u << 30)
#define NO_GROUP G_MAXUINT32

struct _SynQueryGroups {
  const SynQuery *query;
  const SynQueryGroup *group;
  SynKeyTable *keys;         /* (owned) (nullable): without keys there is one group */
  guint n_key_columns;       /* of @keys: two of a decimal */
  SynAggregate **aggregates; /* (owned) */
  guint n_groups;
  guint capacity;
  guint32 *counts;           /* (owned): rows per group */
  guint32 *first;            /* (owned): the first row of each */
  guint n_rows;
  guint32 *group_of;         /* (owned): per row, or NO_GROUP */
  guint64 n_computed;
};

static void
clear (SynQueryGroups *self)
{
  g_clear_pointer (&self->keys, syn_key_table_free);
  for (guint i = 0; i < self->group->n_aggregates; i++)
    g_clear_pointer (&self->aggregates[i], syn_aggregate_free);
  self->n_groups = 0;
}

SynQueryGroups *
syn_query_groups_new (const SynQuery *query)
{
  SynQueryGroups *self = g_new0 (SynQueryGroups, 1);

  self->query = query;
  self->group = query->group;
  self->aggregates = g_new0 (SynAggregate *, MAX (self->group->n_aggregates, 1));
  return self;
}

void
syn_query_groups_free (SynQueryGroups *self)
{
  clear (self);
  g_free (self->aggregates);
  g_free (self->counts);
  g_free (self->first);
  g_free (self->group_of);
  g_free (self);
}

static void
make_empty (SynQueryGroups *self)
{
  const SynQueryGroup *group = self->group;
  g_autofree SynColumnSpec *keys = g_new0 (SynColumnSpec, 2 * group->n_keys + 1);

  clear (self);
  self->n_key_columns = 0;
  for (guint i = 0; i < group->n_keys; i++)
    {
      SynColumnSpec *key = &keys[self->n_key_columns++];

      *key = group->work->columns[i];
      if (key->type != REPLICA_TYPE_DECIMAL)
        continue;
      /* Key tables have 64 bits a value. */
      key->type = REPLICA_TYPE_INT64;
      key->scale = 0;
      keys[self->n_key_columns++] = *key;
    }
  if (group->n_keys > 0)
    self->keys = syn_key_table_new (keys, self->n_key_columns, FALSE, SYN_MAX_ROWS, MAX_TEXT_BYTES);
  for (guint i = 0; i < group->n_aggregates; i++)
    self->aggregates[i] = syn_aggregate_new (&group->aggregates[i], MAX_TEXT_BYTES);
}

/* Room for as many groups as there are; new ones have no rows. */
static void
set_n_groups (SynQueryGroups *self, guint n)
{
  guint capacity = MAX (self->capacity, 16);

  while (capacity < n)
    capacity *= 2;
  if (capacity > self->capacity)
    {
      self->counts = g_renew (guint32, self->counts, capacity);
      self->first = g_renew (guint32, self->first, capacity);
      self->capacity = capacity;
    }
  for (guint i = self->n_groups; i < n; i++)
    {
      self->counts[i] = 0;
      self->first[i] = G_MAXUINT32;
    }
  self->n_groups = n;
  for (guint i = 0; i < self->group->n_aggregates; i++)
    syn_aggregate_reserve (self->aggregates[i], MAX (n, 1));
}

/* ---- keys ---- */

/* -0.0 is 0.0, and what is not finite is null, as in a snapshot: otherwise two groups would look the same. */
static void
take_double (SynScratch *scratch, const ReplicaColumn *from, guint n, ReplicaColumn *key)
{
  double *data = syn_scratch_alloc (scratch, (gsize) n * sizeof *data);
  guint8 *validity = syn_scratch_alloc (scratch, syn_bits_size (n));

  memset (validity, 0, syn_bits_size (n));
  for (guint row = 0; row < n; row++)
    {
      double value = ((const double *) from->data)[row] + 0.0;
      gboolean is_null = replica_column_is_null (from, row) || !isfinite (value);

      data[row] = is_null ? 0.0 : value;
      validity[row >> 3] |= (guint8) (!is_null << (row & 7));
    }
  *key = *from;
  key->data = data;
  key->validity = validity;
}

/* The upper and the lower half. */
static void
take_decimal (SynScratch *scratch, const ReplicaColumn *from, guint n, ReplicaColumn *high_key, ReplicaColumn *low_key)
{
  gint64 *high = syn_scratch_alloc (scratch, (gsize) n * sizeof *high), *low = syn_scratch_alloc (scratch, (gsize) n * sizeof *low);

  for (guint row = 0; row < n; row++)
    {
      ReplicaInt128 value = replica_column_is_null (from, row) ? 0 : replica_column_get_int128 (from, row);

      high[row] = (gint64) (value >> 64);
      low[row] = (gint64) (guint64) value;
    }
  *high_key = *from;
  high_key->type = REPLICA_TYPE_INT64;
  high_key->scale = 0;
  high_key->width = 8;
  *low_key = *high_key;
  high_key->data = high;
  low_key->data = low;
}

/* The groups of rows @events (numbers within @slice), made when they are new. */
static gboolean
map_rows (SynQueryGroups *self, SynQuerySlice *slice, const guint32 *events, guint n, guint32 *groups, GError **error)
{
  SynScratch *scratch = slice->input->scratch;
  ReplicaColumn *columns = syn_scratch_alloc (scratch, self->n_key_columns * sizeof *columns);
  const ReplicaColumn **pointers = syn_scratch_alloc (scratch, self->n_key_columns * sizeof *pointers);
  guint at = 0;

  if (self->keys == NULL)
    {
      memset (groups, 0, (gsize) n * sizeof *groups);
      return TRUE;
    }
  for (guint i = 0; i < self->group->n_keys; i++)
    {
      const ReplicaColumn *column;

      if (!syn_query_input_has_room (slice->input, error))
        return FALSE;
      column = syn_query_slice_run (slice, &self->group->keys[i]);
      if (column->type == REPLICA_TYPE_DECIMAL)
        {
          take_decimal (scratch, column, slice->n, &columns[at], &columns[at + 1]);
          at++;
        }
      else if (column->type == REPLICA_TYPE_DOUBLE)
        take_double (scratch, column, slice->n, &columns[at]);
      else
        columns[at] = *column;
      at++;
    }
  for (guint i = 0; i < at; i++)
    pointers[i] = &columns[i];
  syn_key_table_map (self->keys, pointers, NULL, events, n, groups);
  for (guint i = 0; i < n; i++)
    if (groups[i] == SYN_NO_ROW)
      {
        g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "\"%s\": what it groups by has too much text", self->query->canonical);
        return FALSE;
      }
  return TRUE;
}

/* ---- aggregates ---- */

/* Adds rows @events (numbers within @slice) to @groups. */
static gboolean
update_aggregates (SynQueryGroups *self, SynQuerySlice *slice, const guint32 *events, const guint32 *groups, guint n, GError **error)
{
  for (guint i = 0; i < self->group->n_aggregates; i++)
    {
      const ReplicaColumn *arguments[SYN_AGGREGATE_MAX_ARGS] = { NULL };

      if (!syn_query_input_has_room (slice->input, error))
        return FALSE;
      for (guint j = 0; j < self->group->aggregates[i].n_args; j++)
        arguments[j] = syn_query_slice_run (slice, &self->group->arguments[i][j]);
      if (syn_aggregate_update (self->aggregates[i], arguments, NULL, events, groups, n) > 0)
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "\"%s\": its aggregates have too much text", self->query->canonical);
          return FALSE;
        }
    }
  return TRUE;
}

static void
compact (SynQueryGroups *self)
{
  if (self->keys != NULL)
    syn_key_table_compact (self->keys, TRUE);
  for (guint i = 0; i < self->group->n_aggregates; i++)
    syn_aggregate_compact (self->aggregates[i], self->n_groups, TRUE);
}

static void
set_n_rows (SynQueryGroups *self, guint n)
{
  self->group_of = g_renew (guint32, self->group_of, MAX (n, 1));
  for (guint row = self->n_rows; row < n; row++)
    self->group_of[row] = NO_GROUP;
  self->n_rows = n;
}

gboolean
syn_query_groups_fill (SynQueryGroups *self, SynQueryInput *input, GError **error)
{
  SynScratch *scratch = input->scratch;
  guint32 *rows, *groups;
  guint n = input->n_rows;

  make_empty (self);
  self->n_rows = 0;
  set_n_rows (self, input->n_rows);
  if (self->query->where != NULL)
    rows = syn_query_slice_filter (&input->all, self->query->where, &n);
  else
    {
      rows = syn_scratch_alloc (scratch, (gsize) n * sizeof *rows);
      for (guint i = 0; i < n; i++)
        rows[i] = i;
    }
  groups = syn_scratch_alloc (scratch, (gsize) n * sizeof *groups);
  if (!map_rows (self, &input->all, rows, n, groups, error))
    return FALSE;
  set_n_groups (self, self->keys != NULL ? syn_key_table_get_n_rows (self->keys) : 1);
  for (guint i = n; i-- > 0;)
    {
      self->group_of[rows[i]] = groups[i];
      self->counts[groups[i]]++;
      self->first[groups[i]] = rows[i];
    }
  self->n_computed += self->n_groups;
  return update_aggregates (self, &input->all, rows, groups, n, error);
}

/* ---- changes ---- */

static void
leave_group (SynQueryGroups *self, guint row, guint8 *touched)
{
  guint32 group = self->group_of[row];

  if (group == NO_GROUP)
    return;
  self->counts[group]--;
  syn_bit_set (touched, group);
  self->group_of[row] = NO_GROUP;
}

/* Computes the groups of @touched from all their rows. */
static gboolean
compute_touched (SynQueryGroups *self, SynQueryInput *input, const guint8 *touched, GError **error)
{
  SynScratch *scratch = input->scratch;
  guint32 *cleared = syn_scratch_alloc (scratch, (gsize) self->n_groups * sizeof *cleared);
  guint32 *rows = syn_scratch_alloc (scratch, (gsize) self->n_rows * sizeof *rows);
  guint32 *groups = syn_scratch_alloc (scratch, (gsize) self->n_rows * sizeof *groups);
  guint n_cleared = 0, n = 0;
  SynQuerySlice some;

  for (guint group = 0; group < self->n_groups; group++)
    if (syn_bit_get (touched, group))
      {
        cleared[n_cleared++] = group;
        self->first[group] = G_MAXUINT32;
      }
  for (guint i = 0; i < self->group->n_aggregates; i++)
    syn_aggregate_clear (self->aggregates[i], cleared, n_cleared);
  self->n_computed += n_cleared;
  for (guint row = 0; row < self->n_rows; row++)
    {
      guint32 group = self->group_of[row];

      if (group == NO_GROUP || !syn_bit_get (touched, group))
        continue;
      self->first[group] = MIN (self->first[group], row);
      rows[n] = row;
      groups[n++] = group;
    }
  if (n > self->n_rows / 2)
    return update_aggregates (self, &input->all, rows, groups, n, error);
  syn_query_slice_init (&some, input, rows, n);
  {
    guint32 *numbers = syn_scratch_alloc (scratch, (gsize) n * sizeof *numbers);

    for (guint i = 0; i < n; i++)
      numbers[i] = i;
    return update_aggregates (self, &some, numbers, groups, n, error);
  }
}

/* Takes out the groups that have no row any more; the last ones take their numbers. */
static void
remove_empty (SynQueryGroups *self, SynQueryInput *input, const guint8 *touched)
{
  guint n_before = self->n_groups;
  guint32 *at, *now;

  if (self->keys == NULL)
    return;
  at = syn_scratch_alloc (input->scratch, (gsize) n_before * sizeof *at);
  now = syn_scratch_alloc (input->scratch, (gsize) n_before * sizeof *now);
  for (guint group = 0; group < n_before; group++)
    at[group] = group;
  /* From the end: the group that moves into a hole has been looked at. */
  for (guint group = n_before; group-- > 0;)
    {
      guint last;

      if (!syn_bit_get (touched, group) || self->counts[group] > 0)
        continue;
      last = syn_key_table_remove (self->keys, group);
      for (guint i = 0; i < self->group->n_aggregates; i++)
        syn_aggregate_remove (self->aggregates[i], group, last);
      self->counts[group] = self->counts[last];
      self->first[group] = self->first[last];
      at[group] = at[last];
      self->n_groups--;
    }
  if (self->n_groups == n_before)
    return;
  for (guint group = 0; group < self->n_groups; group++)
    now[at[group]] = group;
  for (guint row = 0; row < self->n_rows; row++)
    if (self->group_of[row] != NO_GROUP)
      self->group_of[row] = now[self->group_of[row]];
}

gboolean
syn_query_groups_update (SynQueryGroups *self, SynQueryInput *input, const guint8 *changed, GError **error)
{
  SynScratch *scratch = input->scratch;
  guint32 *rows = syn_scratch_alloc (scratch, (gsize) input->n_rows * sizeof *rows);
  guint32 *kept, *groups;
  SynQuerySlice slice;
  guint n = 0, n_kept;
  guint8 *touched;

  for (guint row = 0; row < input->n_rows; row++)
    if (syn_bit_get (changed, row))
      rows[n++] = row;
  touched = syn_scratch_alloc (scratch, syn_bits_size (self->n_groups + n + 1));
  memset (touched, 0, syn_bits_size (self->n_groups + n + 1));
  for (guint row = input->n_rows; row < self->n_rows; row++)
    leave_group (self, row, touched);
  for (guint i = 0; i < n && rows[i] < self->n_rows; i++)
    leave_group (self, rows[i], touched);
  self->n_rows = MIN (self->n_rows, input->n_rows);
  set_n_rows (self, input->n_rows);

  syn_query_slice_init (&slice, input, rows, n);
  n_kept = n;
  if (self->query->where != NULL)
    kept = syn_query_slice_filter (&slice, self->query->where, &n_kept);
  else
    {
      kept = syn_scratch_alloc (scratch, (gsize) n * sizeof *kept);
      for (guint i = 0; i < n; i++)
        kept[i] = i;
    }
  groups = syn_scratch_alloc (scratch, (gsize) n_kept * sizeof *groups);
  if (!map_rows (self, &slice, kept, n_kept, groups, error))
    return FALSE;
  set_n_groups (self, self->keys != NULL ? syn_key_table_get_n_rows (self->keys) : 1);
  for (guint i = 0; i < n_kept; i++)
    {
      self->group_of[rows[kept[i]]] = groups[i];
      self->counts[groups[i]]++;
      syn_bit_set (touched, groups[i]);
    }
  if (!compute_touched (self, input, touched, error))
    return FALSE;
  remove_empty (self, input, touched);
  compact (self);
  return TRUE;
}

/* ---- what they show ---- */

guint
syn_query_groups_get_n (const SynQueryGroups *self)
{
  return self->n_groups;
}

const guint32 *
syn_query_groups_get_first (const SynQueryGroups *self)
{
  return self->first;
}

gsize
syn_query_groups_get_bytes (const SynQueryGroups *self)
{
  gsize bytes = (gsize) self->n_rows * sizeof *self->group_of + (gsize) self->capacity * (sizeof *self->counts + sizeof *self->first);

  if (self->keys != NULL)
    bytes += (gsize) self->n_groups * syn_key_table_get_row_bytes (self->keys);
  for (guint i = 0; i < self->group->n_aggregates; i++)
    if (self->aggregates[i] != NULL)
      bytes += syn_aggregate_get_bytes (self->aggregates[i]);
  return bytes;
}

guint64
syn_query_groups_get_n_computed (const SynQueryGroups *self)
{
  return self->n_computed;
}

static void
lend_decimal (SynQueryGroups *self, SynScratch *scratch, guint at, ReplicaColumn *column)
{
  ReplicaColumn high = { 0 }, low = { 0 };
  char *data = syn_scratch_alloc (scratch, (gsize) self->n_groups * sizeof (ReplicaInt128));

  syn_key_table_lend (self->keys, at, &high);
  syn_key_table_lend (self->keys, at + 1, &low);
  for (guint group = 0; group < self->n_groups; group++)
    {
      ReplicaInt128 value = (ReplicaInt128) ((const gint64 *) high.data)[group] * ((ReplicaInt128) 1 << 64) | ((const guint64 *) low.data)[group];

      memcpy (data + (gsize) group * sizeof value, &value, sizeof value);
    }
  *column = high;
  column->type = REPLICA_TYPE_DECIMAL;
  column->width = sizeof (ReplicaInt128);
  column->data = data;
}

void
syn_query_groups_lend (SynQueryGroups *self, SynScratch *scratch, ReplicaColumn *columns)
{
  const SynSchema *work = self->group->work;
  guint at = 0;

  memset (columns, 0, work->n_columns * sizeof *columns);
  for (guint i = 0; i < self->group->n_keys; i++)
    {
      gboolean is_decimal = work->columns[i].type == REPLICA_TYPE_DECIMAL;

      if (is_decimal)
        lend_decimal (self, scratch, at, &columns[i]);
      else
        syn_key_table_lend (self->keys, at, &columns[i]);
      at += is_decimal ? 2 : 1;
    }
  for (guint i = 0; i < self->group->n_aggregates; i++)
    syn_aggregate_lend (self->aggregates[i], self->n_groups, &columns[self->group->n_keys + i]);
  for (guint i = 0; i < work->n_columns; i++)
    {
      columns[i].name = work->columns[i].name;
      columns[i].scale = work->columns[i].scale;
      columns[i].n_rows = self->n_groups;
    }
}
