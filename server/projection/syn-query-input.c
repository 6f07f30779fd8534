/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The columns that a query reads, on the lane of its grain. A column of the first projection is lent as it stands in the snapshot; one of
 * a joined projection, or of some rows only, is gathered when it is asked for. A join is a map from row to row, made anew only
 * when a key on either side changed: in between, a tick of the other projection costs a look at each row's bit. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include <string.h>
#include "syn-query-input.h"
#include "syn-bits.h"
#include "syn-error.h"
#include "syn-key-table.h"
#include "syn-limits.h"

#define MAX_TEXT_BYTES (1u << 30)

static gboolean
has_schema (ReplicaSnapshot *snapshot, const SynSchema *schema)
{
  if (replica_snapshot_get_n_columns (snapshot) != schema->n_columns)
    return FALSE;
  for (guint i = 0; i < schema->n_columns; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      if (column->type != schema->columns[i].type || column->scale != schema->columns[i].scale
          || strcmp (column->name, schema->columns[i].name) != 0)
        return FALSE;
    }
  return TRUE;
}

gboolean
syn_query_input_init (SynQueryInput *self, const SynQuery *query, ReplicaSnapshot *const *bases, GError **error)
{
  guint n_fields = query->input->n_columns;

  memset (self, 0, sizeof *self);
  for (guint i = 0; i < query->n_bases; i++)
    if (!has_schema (bases[i], query->bases[i]->schema))
      {
        g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "\"%s\": the projection \"%s\" has other columns than the catalog says",
                     query->canonical, query->bases[i]->name);
        return FALSE;
      }
  self->query = query;
  self->scratch = syn_scratch_get ();
  self->bases = bases;
  self->n_rows = replica_snapshot_get_n_rows (bases[0]);
  self->changed = syn_scratch_alloc (self->scratch, n_fields * sizeof *self->changed);
  self->has_changed = syn_scratch_alloc (self->scratch, n_fields * sizeof *self->has_changed);
  self->changes = syn_scratch_alloc (self->scratch, query->n_bases * sizeof *self->changes);
  memset (self->has_changed, 0, n_fields * sizeof *self->has_changed);
  memset (self->changes, 0, query->n_bases * sizeof *self->changes);
  syn_query_slice_init (&self->all, self, NULL, self->n_rows);
  return TRUE;
}

void
syn_query_input_clear (SynQueryInput *self)
{
  for (guint i = 0; i < self->query->n_bases; i++)
    g_clear_pointer (&self->changes[i], syn_changes_unref);
}

/* ---- frames ---- */

/* A frame each: the results must all live until the answer is laid out. */
const ReplicaColumn *
syn_query_input_run (SynQueryInput *self, SynProgram *program, const ReplicaColumn *const *columns, guint n_rows)
{
  SynFrame *frame = syn_scratch_frame (self->scratch, self->n_frames++);
  const ReplicaColumn *result = syn_program_run (program, frame, columns, n_rows);

  self->frame_bytes += syn_frame_get_bytes (frame);
  return result;
}

guint
syn_query_input_filter (SynQueryInput *self, SynProgram *program, const ReplicaColumn *const *columns, guint n_rows, guint32 *rows)
{
  SynFrame *frame = syn_scratch_frame (self->scratch, self->n_frames++);
  guint n = syn_program_filter (program, frame, columns, n_rows, rows);

  self->frame_bytes += syn_frame_get_bytes (frame);
  return n;
}

gboolean
syn_query_input_has_room (const SynQueryInput *self, GError **error)
{
  if (self->frame_bytes <= SYN_MAX_EVALUATION_BYTES)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "\"%s\": its expressions make more than %u bytes", self->query->canonical,
               SYN_MAX_EVALUATION_BYTES);
  return FALSE;
}

/* ---- slices ---- */

void
syn_query_gather (SynScratch *scratch, const ReplicaColumn *from, const guint32 *rows, guint n, ReplicaColumn *out)
{
  guint8 *data = syn_scratch_alloc (scratch, (gsize) n * from->width);
  guint8 *validity = NULL;
  gboolean misses = FALSE;

  for (guint i = 0; i < n; i++)
    misses |= rows[i] == SYN_NO_MATCH;
  if (from->validity != NULL || misses)
    {
      validity = syn_scratch_alloc (scratch, syn_bits_size (n));
      memset (validity, 0, syn_bits_size (n));
      for (guint i = 0; i < n; i++)
        validity[i >> 3] |= (guint8) ((rows[i] != SYN_NO_MATCH && !replica_column_is_null (from, rows[i])) << (i & 7));
    }
#define GATHER(Type)                                                                                        \
  for (guint i = 0; i < n; i++)                                                                             \
    ((Type *) (gpointer) data)[i] = misses && rows[i] == SYN_NO_MATCH ? 0 : ((const Type *) from->data)[rows[i]]
  switch (from->width)
    {
    case 1:
      GATHER (guint8);
      break;
    case 4:
      GATHER (guint32);
      break;
    case 8:
      GATHER (guint64);
      break;
    default:
      for (guint i = 0; i < n; i++)
        if (rows[i] == SYN_NO_MATCH)
          memset (data + (gsize) i * from->width, 0, from->width);
        else
          memcpy (data + (gsize) i * from->width, (const char *) from->data + (gsize) rows[i] * from->width, from->width);
    }
#undef GATHER
  *out = *from;
  out->data = data;
  out->validity = validity;
  out->n_rows = n;
}

void
syn_query_slice_init (SynQuerySlice *self, SynQueryInput *input, const guint32 *rows, guint n)
{
  gsize n_fields = input->query->input->n_columns;

  self->input = input;
  self->rows = rows;
  self->n = n;
  self->made = syn_scratch_alloc (input->scratch, n_fields * sizeof *self->made);
  self->columns = syn_scratch_alloc (input->scratch, n_fields * sizeof *self->columns);
  memset (self->columns, 0, n_fields * sizeof *self->columns);
}

const ReplicaColumn *
syn_query_slice_get (SynQuerySlice *self, guint field_index)
{
  SynQueryInput *input = self->input;
  const SynQueryField *field = &input->query->fields[field_index];
  const ReplicaColumn *from = replica_snapshot_get_column (input->bases[field->base], field->column);
  const guint32 *rows = self->rows;

  if (self->columns[field_index] != NULL)
    return self->columns[field_index];
  if (field->join < 0 && rows == NULL)
    return self->columns[field_index] = from;
  if (field->join >= 0 && rows == NULL)
    rows = input->maps[field->join];
  else if (field->join >= 0)
    {
      guint32 *matches = syn_scratch_alloc (input->scratch, (gsize) self->n * sizeof *matches);

      for (guint i = 0; i < self->n; i++)
        matches[i] = input->maps[field->join][rows[i]];
      rows = matches;
    }
  syn_query_gather (input->scratch, from, rows, self->n, &self->made[field_index]);
  return self->columns[field_index] = &self->made[field_index];
}

const ReplicaColumn *
syn_query_slice_run (SynQuerySlice *self, const SynQueryExpr *expr)
{
  for (guint i = 0; i < expr->n_uses; i++)
    syn_query_slice_get (self, expr->uses[i]);
  if (expr->column >= 0)
    return self->columns[expr->column];
  return syn_query_input_run (self->input, expr->program, self->columns, self->n);
}

guint32 *
syn_query_slice_filter (SynQuerySlice *self, const SynQueryExpr *condition, guint *n)
{
  guint32 *kept = syn_scratch_alloc (self->input->scratch, (gsize) self->n * sizeof *kept);

  for (guint i = 0; i < condition->n_uses; i++)
    syn_query_slice_get (self, condition->uses[i]);
  *n = syn_query_input_filter (self->input, condition->program, self->columns, self->n, kept);
  return kept;
}

/* ---- joins ---- */

/* A key column of 64 bits: a decimal that needs more equals no key, and what is not finite is null. */
static void
narrow_key (SynScratch *scratch, ReplicaColumn *column)
{
  gint64 *data;
  guint8 *validity;

  if (column->width != 16)
    return;
  data = syn_scratch_alloc (scratch, (gsize) column->n_rows * sizeof *data);
  validity = syn_scratch_alloc (scratch, syn_bits_size (column->n_rows));
  memset (validity, 0, syn_bits_size (column->n_rows));
  for (guint row = 0; row < column->n_rows; row++)
    {
      ReplicaInt128 value = replica_column_get_int128 (column, row);

      data[row] = (gint64) value;
      if (!replica_column_is_null (column, row) && data[row] == value)
        syn_bit_set (validity, row);
    }
  column->data = data;
  column->validity = validity;
  column->width = 8;
}

/* The rows of @n keys in the other projection. The key table is filled with the other's keys, which are unique, so that its row numbers
 * are theirs; and then has no room for more. */
static gboolean
map_keys (SynQueryInput *self, const SynQueryJoin *join, guint32 *map, GError **error)
{
  ReplicaSnapshot *other = self->bases[join->base];
  const SynSchema *schema = self->query->bases[join->base]->schema;
  guint n_other = replica_snapshot_get_n_rows (other), n_max = MAX (n_other, self->n_rows);
  ReplicaColumn *columns = syn_scratch_alloc (self->scratch, join->n_keys * sizeof *columns);
  const ReplicaColumn **pointers = syn_scratch_alloc (self->scratch, join->n_keys * sizeof *pointers);
  guint32 *rows = syn_scratch_alloc (self->scratch, (gsize) n_max * sizeof *rows);
  guint32 *found = syn_scratch_alloc (self->scratch, (gsize) n_max * sizeof *found);
  g_autofree SynColumnSpec *keys = g_new0 (SynColumnSpec, join->n_keys + 1);
  g_autoptr (SynKeyTable) table = NULL;

  for (guint i = 0; i < n_max; i++)
    rows[i] = i;
  for (guint i = 0; i < join->n_keys; i++)
    {
      keys[i] = schema->columns[join->key_columns[i]];
      columns[i] = *replica_snapshot_get_column (other, join->key_columns[i]);
      narrow_key (self->scratch, &columns[i]);
      pointers[i] = &columns[i];
    }
  table = syn_key_table_new (keys, join->n_keys, FALSE, n_other, MAX_TEXT_BYTES);
  syn_key_table_map (table, pointers, NULL, rows, n_other, found);
  if (syn_key_table_get_n_rows (table) != n_other)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "\"%s\": the keys of \"%s\" are too large to be joined", self->query->canonical,
                   self->query->bases[join->base]->name);
      return FALSE;
    }
  for (guint i = 0; i < join->n_keys; i++)
    {
      columns[i] = *syn_query_slice_get (&self->all, join->fields[i]);
      columns[i].n_rows = self->n_rows;
      narrow_key (self->scratch, &columns[i]);
    }
  syn_key_table_map (table, pointers, NULL, rows, self->n_rows, map);
  for (guint row = 0; row < self->n_rows; row++)
    {
      /* As in a comparison, null equals nothing. */
      for (guint i = 0; i < join->n_keys; i++)
        if (replica_column_is_null (&columns[i], row))
          map[row] = SYN_NO_MATCH;
    }
  return TRUE;
}

/* Whether a key on either side of @join changed, or rows came or went. */
static gboolean
keys_changed (SynQueryInput *self, const SynQueryJoin *join, ReplicaSnapshot *const *before)
{
  const SynQuery *query = self->query;

  if (!self->has_before || self->n_before != self->n_rows
      || replica_snapshot_get_n_rows (before[join->base]) != replica_snapshot_get_n_rows (self->bases[join->base]))
    return TRUE;
  for (guint i = 0; i < join->n_keys; i++)
    {
      const SynQueryField *left = &query->fields[join->fields[i]];

      if (syn_changes_get_column (self->changes[join->base], join->key_columns[i]) != NULL
          || syn_changes_get_column (self->changes[left->base], left->column) != NULL
          || (left->join >= 0 && self->maps[left->join] != self->maps_before[left->join]))
        return TRUE;
    }
  return FALSE;
}

gboolean
syn_query_input_join (SynQueryInput *self, ReplicaSnapshot *const *before, guint32 *const *maps_before, guint32 **maps, GError **error)
{
  const SynQuery *query = self->query;

  self->maps = maps;
  self->maps_before = maps_before;
  self->has_before = before != NULL;
  self->n_before = before != NULL ? replica_snapshot_get_n_rows (before[0]) : 0;
  for (guint i = 0; i < query->n_bases && self->has_before; i++)
    {
      self->changes[i] = syn_changes_get (before[i], self->bases[i]);
      self->has_before = self->changes[i] != NULL;
    }
  for (guint i = 0; i < query->n_joins; i++)
    {
      const SynQueryJoin *join = &query->joins[i];

      if (!keys_changed (self, join, before))
        maps[i] = maps_before[i];
      else
        {
          maps[i] = g_new (guint32, MAX (self->n_rows, 1));
          if (!map_keys (self, join, maps[i], error))
            return FALSE;
        }
    }
  return TRUE;
}

/* ---- changes ---- */

guint8 *
syn_query_input_new_bits (SynQueryInput *self)
{
  guint8 *bits = syn_scratch_alloc (self->scratch, syn_bits_size (self->n_rows));

  memset (bits, 0, syn_bits_size (self->n_rows));
  for (guint row = self->n_before; row < self->n_rows; row++)
    syn_bit_set (bits, row);
  return bits;
}

static const guint8 *
join_changes (SynQueryInput *self, const SynQueryField *field)
{
  const guint8 *other = syn_changes_get_column (self->changes[field->base], field->column);
  const guint32 *map = self->maps[field->join], *map_before = self->maps_before[field->join];
  guint n = MIN (self->n_before, self->n_rows);
  guint8 *bits;

  if (other == NULL && map == map_before)
    return NULL;
  bits = syn_query_input_new_bits (self);
  for (guint row = 0; row < n; row++)
    if (map[row] != map_before[row] || (other != NULL && map[row] != SYN_NO_MATCH && syn_bit_get (other, map[row])))
      syn_bit_set (bits, row);
  return bits;
}

void
syn_query_input_mark (SynQueryInput *self, const SynQueryExpr *expr, guint8 *bits)
{
  gsize n_bytes = syn_bits_size (self->n_rows);

  for (guint i = 0; i < expr->n_uses; i++)
    {
      guint index = expr->uses[i];
      const SynQueryField *field = &self->query->fields[index];

      if (!self->has_changed[index])
        {
          self->has_changed[index] = TRUE;
          self->changed[index] = field->join < 0 ? syn_changes_get_column (self->changes[field->base], field->column)
                                                 : join_changes (self, field);
        }
      if (self->changed[index] != NULL)
        for (gsize byte = 0; byte < n_bytes; byte++)
          bits[byte] |= self->changed[index][byte];
    }
}
