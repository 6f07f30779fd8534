/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs a function of one row over a column. What takes one string, and otherwise only literals, is computed once for each entry
 * of the dictionary that is in use, however many rows there are; the rows look their code up. Everything else is computed
 * row by row. The result's dictionary holds each string once, and nothing that no row has.
 *
 * Also values as their text. Any thread, one register at a time. */
#include "syn-program-private.h"

#include <string.h>

static inline gboolean
is_valid (const ReplicaColumn *column, guint row)
{
  return column->validity == NULL || (column->validity[row >> 3] >> (row & 7) & 1);
}

/* Value @index of @values, of the step's type; 0 when there is none. */
static SynCellState
evaluate (const SynStep *step, const SynCell *args, SynRegister *out, void *values, gsize index)
{
  SynCell result = { 0 };
  SynCellState state = step->func (step, args, &result, out);
  guint32 code = 0;

  out->n_exceeded += state == SYN_CELL_EXCEEDED;
  if (state == SYN_CELL_VALUE && step->type == REPLICA_TYPE_STRING
      && !syn_register_intern (out, result.text, result.length, &code))
    state = SYN_CELL_EXCEEDED;
  if (state != SYN_CELL_VALUE)
    result = (SynCell){ 0 };
  switch (step->type)
    {
    case REPLICA_TYPE_STRING:
      ((guint32 *)values)[index] = code;
      break;
    case REPLICA_TYPE_BOOL:
      ((guint8 *)values)[index] = (guint8)result.integer;
      break;
    case REPLICA_TYPE_DOUBLE:
      ((double *)values)[index] = result.number;
      break;
    case REPLICA_TYPE_DECIMAL:
      syn_store128 (values, (guint)index, result.exact);
      break;
    default:
      ((gint64 *)values)[index] = result.integer;
    }
  return state;
}

static inline void
fetch (const ReplicaColumn *column, guint row, SynCell *cell)
{
  switch (column->type)
    {
    case REPLICA_TYPE_STRING:
      cell->text = replica_column_get_string (column, row, &cell->length);
      break;
    case REPLICA_TYPE_DOUBLE:
      cell->number = ((const double *)column->data)[row];
      break;
    case REPLICA_TYPE_DECIMAL:
      cell->exact = replica_column_get_int128 (column, row);
      break;
    default:
      cell->integer = replica_column_get_int64 (column, row);
    }
}

static void
run_rows (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, void *data, guint n_rows)
{
  SynCell cells[SYN_STEP_MAX_ARGS];
  guint8 *validity = NULL;

  memcpy (cells, step->cells, sizeof cells);
  memset (data, 0, (gsize)n_rows * step->width);
  for (guint i = 0; i < n_rows; i++)
    {
      gboolean valid = TRUE;

      for (guint j = 0; j < step->n_args && valid; j++)
        if (args[j] != NULL)
          {
            valid = is_valid (args[j], i);
            if (valid)
              fetch (args[j], i, &cells[j]);
          }
      if (valid && evaluate (step, cells, out, data, i) == SYN_CELL_VALUE)
        continue;
      if (validity == NULL)
        validity = syn_register_ensure_validity (out, n_rows);
      syn_set_null (validity, i);
    }
}

#define GATHER(Type)                                                                                         \
  for (guint i = 0; i < n_rows; i++)                                                                         \
    ((Type *)data)[i] = ((const Type *)values)[codes[i]];

/* Argument @only is the one that is a column. */
static void
run_entries (const SynStep *step, const ReplicaColumn *column, guint only, SynRegister *out, void *data, guint n_rows)
{
  const guint32 *codes = column->data;
  gsize n = MAX (column->n_dict, 1);
  char *values = syn_register_scratch (out, n * step->width + n);
  guint8 *states = (guint8 *)values + n * step->width; /* 0: not asked for; 1: a value; 2: null */
  SynCell cells[SYN_STEP_MAX_ARGS];
  gboolean any_null = FALSE;

  memcpy (cells, step->cells, sizeof cells);
  memset (states, 0, n);
  /* Rows without a value have the code 0, whether there is such an entry or not. */
  memset (values, 0, step->width);
  for (guint i = 0; i < n_rows; i++)
    {
      guint32 k = codes[i];

      if (states[k] != 0 || !is_valid (column, i))
        continue;
      fetch (column, i, &cells[only]);
      states[k] = evaluate (step, cells, out, values, k) == SYN_CELL_VALUE ? 1 : 2;
      any_null |= states[k] == 2;
    }
  switch (step->width)
    {
    case 1:
      GATHER (guint8)
      break;
    case 4:
      GATHER (guint32)
      break;
    case 8:
      GATHER (gint64)
      break;
    default:
      for (guint i = 0; i < n_rows; i++)
        syn_store128 (data, i, syn_load128 (values, codes[i]));
    }
  syn_register_set_validity (out, column, NULL, n_rows);
  if (any_null)
    {
      guint8 *validity = syn_register_ensure_validity (out, n_rows);

      for (guint i = 0; i < n_rows; i++)
        if (states[codes[i]] == 2)
          syn_set_null (validity, i);
    }
}

void
syn_kernel_cells (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  void *data = syn_register_data (out, (gsize)n_rows * step->width);
  guint n_columns = 0, only = 0;

  for (guint j = 0; j < step->n_args; j++)
    if (args[j] != NULL)
      {
        n_columns++;
        only = j;
      }
  syn_dict_reset (&out->dict);
  if (n_columns == 1 && args[only]->type == REPLICA_TYPE_STRING)
    run_entries (step, args[only], only, out, data, n_rows);
  else
    run_rows (step, args, out, data, n_rows);
  if (step->type == REPLICA_TYPE_STRING)
    syn_register_use_dict (out);
  else if (step->type == REPLICA_TYPE_BOOL)
    syn_register_mask_bools (out, n_rows);
}

void
syn_kernel_format (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  guint32 *data = syn_register_data (out, (gsize)n_rows * sizeof (guint32));
  const char *last = NULL, *value = column->data;
  char buffer[REPLICA_TEXT_MAX];
  guint8 *validity = NULL;
  guint32 code = 0;
  gboolean fits = TRUE;

  syn_dict_reset (&out->dict);
  syn_register_set_validity (out, column, NULL, n_rows);
  for (guint i = 0; i < n_rows; i++, value += column->width)
    {
      data[i] = 0;
      if (!is_valid (column, i))
        continue;
      /* Neighbours are often the same. */
      if (last == NULL || memcmp (last, value, column->width) != 0)
        {
          gsize length;
          const char *text = replica_column_format (column, i, buffer, &length);

          fits = syn_register_intern (out, text, length, &code);
          last = value;
        }
      if (fits)
        {
          data[i] = code;
          continue;
        }
      if (validity == NULL)
        validity = syn_register_ensure_validity (out, n_rows);
      syn_set_null (validity, i);
    }
  syn_register_use_dict (out);
}
