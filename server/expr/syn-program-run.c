/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs a program: each step once over all rows, into the registers of a frame. The program may be shared
 * between threads, the frame not. Buffers only grow, so that a frame in use costs no allocation. */
#include "syn-program-private.h"

#include "syn-limits.h"

#include <string.h>

static gsize all_exceeded; /* atomic */

guint64
syn_program_get_n_exceeded (void)
{
  return (guint64)(gsize)g_atomic_pointer_get (&all_exceeded);
}

SynProgram *
syn_program_ref (SynProgram *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
syn_program_unref (SynProgram *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; i < self->steps->len; i++)
    syn_step_clear (&g_array_index (self->steps, SynStep, i));
  g_array_unref (self->steps);
  g_free (self);
}

/**
 * syn_program_get_type_of:
 * @scale: (out) (nullable): decimals: digits after the point; 0 otherwise
 *
 * Returns: the type of the result
 */
ReplicaType
syn_program_get_type_of (const SynProgram *self, guint *scale)
{
  if (scale != NULL)
    *scale = self->scale;
  return self->type;
}

/* ---- registers ---- */

static void *
grow (void **buffer, gsize *size, gsize wanted)
{
  wanted = MAX (wanted, 16);
  if (*size < wanted)
    {
      /* What is in it is not needed: no realloc, which would copy. */
      g_free (*buffer);
      *size = MAX (wanted, *size + *size / 2);
      *buffer = g_malloc (*size);
    }
  return *buffer;
}

void *
syn_register_data (SynRegister *self, gsize size)
{
  void *data = grow (&self->data, &self->data_size, size);

  self->column.data = data;
  return data;
}

void *
syn_register_scratch (SynRegister *self, gsize size)
{
  return grow (&self->scratch, &self->scratch_size, size);
}

static guint8 *
validity_buffer (SynRegister *self, guint n_rows)
{
  void *buffer = self->validity;

  grow (&buffer, &self->validity_size, (n_rows + 7) / 8);
  self->validity = buffer;
  self->column.validity = buffer;
  return buffer;
}

void
syn_register_set_validity (SynRegister *self, const ReplicaColumn *a, const ReplicaColumn *b, guint n_rows)
{
  const guint8 *x = a->validity, *y = b != NULL ? b->validity : NULL;
  gsize n_bytes = ((gsize)n_rows + 7) / 8;
  guint8 *out;

  self->column.validity = NULL;
  if (x == NULL && y == NULL)
    return;
  out = validity_buffer (self, n_rows);
  if (x != NULL && y != NULL)
    for (gsize i = 0; i < n_bytes; i++)
      out[i] = x[i] & y[i];
  else
    memcpy (out, x != NULL ? x : y, n_bytes);
}

guint8 *
syn_register_ensure_validity (SynRegister *self, guint n_rows)
{
  if (self->column.validity == NULL)
    memset (validity_buffer (self, n_rows), 0xff, ((gsize)n_rows + 7) / 8);
  return self->validity;
}

void
syn_register_mask_bools (SynRegister *self, guint n_rows)
{
  const guint8 *validity = self->column.validity;
  guint8 *data = self->data;

  if (validity == NULL)
    return;
  for (guint i = 0; i < n_rows; i += 8)
    if (validity[i >> 3] != 0xff)
      for (guint j = i; j < MIN (i + 8, n_rows); j++)
        data[j] &= (guint8)(validity[j >> 3] >> (j & 7)) & 1;
}

void
syn_register_copy_dict (SynRegister *self, const ReplicaColumn *from)
{
  self->column.dict_offsets = from->dict_offsets;
  self->column.dict_bytes = from->dict_bytes;
  self->column.n_dict = from->n_dict;
}

void
syn_register_use_dict (SynRegister *self)
{
  self->column.dict_offsets = self->dict.offsets;
  self->column.dict_bytes = self->dict.bytes;
  self->column.n_dict = self->dict.n;
}

GString *
syn_register_text (SynRegister *self)
{
  if (self->text == NULL)
    self->text = g_string_new (NULL);
  g_string_truncate (self->text, 0);
  return self->text;
}

gboolean
syn_register_intern (SynRegister *self, const char *text, gsize length, guint32 *code)
{
  if (length > SYN_MAX_STRING_BYTES || self->text_before + syn_dict_get_size (&self->dict) + length >= SYN_MAX_EXPR_TEXT_BYTES)
    {
      self->n_exceeded++;
      return FALSE;
    }
  *code = syn_dict_intern (&self->dict, text, length);
  return TRUE;
}

static void
register_clear (SynRegister *self)
{
  if (self->text != NULL)
    g_string_free (self->text, TRUE);
  syn_regex_cache_free (self->regex);
  g_free (self->data);
  g_free (self->validity);
  g_free (self->scratch);
  syn_dict_clear (&self->dict);
}

/* ---- frame ---- */

SynFrame *
syn_frame_new (void)
{
  return g_new0 (SynFrame, 1);
}

void
syn_frame_free (SynFrame *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_registers; i++)
    register_clear (&self->registers[i]);
  g_free (self->registers);
  g_free (self);
}

gsize
syn_frame_get_bytes (const SynFrame *self)
{
  gsize bytes = 0;

  for (guint i = 0; i < self->n_registers; i++)
    {
      const SynRegister *held = &self->registers[i];

      bytes += held->data_size + held->validity_size + held->scratch_size + held->dict.offsets_size + held->dict.bytes_size
               + held->dict.n_slots * sizeof (guint32) + (held->text != NULL ? held->text->allocated_len : 0)
               + syn_regex_cache_get_bytes (held->regex);
    }
  return bytes;
}

/* The text that other steps of this run have made. */
static gsize
count_text (const SynFrame *frame, guint except)
{
  gsize bytes = 0;

  for (guint i = 0; i < frame->n_registers; i++)
    if (i != except && frame->registers[i].dict.n > 0)
      bytes += syn_dict_get_size (&frame->registers[i].dict);
  return bytes;
}

static const ReplicaColumn *
resolve (const SynFrame *frame, const ReplicaColumn *const *columns, int operand)
{
  if (operand == SYN_NO_OPERAND)
    return NULL;
  return operand < 0 ? columns[~operand] : &frame->registers[operand].column;
}

/* The promise of ReplicaColumn: the data of a null row is zero. Registers need not keep it until here. */
static void
zero_nulls (SynRegister *self, guint n_rows)
{
  const guint8 *validity = self->column.validity;
  guint width = self->column.width;

  if (validity == NULL || width == 1)
    return;
  for (guint i = 0; i < n_rows; i++)
    {
      if ((i & 7) == 0 && validity[i >> 3] == 0xff)
        {
          i += 7;
          continue;
        }
      if (!(validity[i >> 3] & (1u << (i & 7))))
        memset ((char *)self->data + (gsize)i * width, 0, width);
    }
}

static void
prepare (SynRegister *self, ReplicaType type, guint scale, guint width, guint n_rows)
{
  self->n_exceeded = 0;
  self->column = (ReplicaColumn){
    .name = "",
    .type = type,
    .scale = (guint8)scale,
    .width = (guint8)width,
    .n_rows = n_rows,
  };
}

/**
 * syn_program_run:
 * @frame: the scratch of this thread
 * @columns: one per column of the schema; those that the program does not use may be NULL
 * @n_rows: rows to evaluate
 *
 * Returns: (transfer none): the result: one of @columns, or a column that lives in @frame until its next
 * evaluation
 */
const ReplicaColumn *
syn_program_run (SynProgram *self, SynFrame *frame, const ReplicaColumn *const *columns, guint n_rows)
{
  SynRegister *result;
  guint64 n_exceeded = 0;

  if (self->result < 0)
    return columns[~self->result];
  if (frame->n_registers < self->n_registers + 1)
    {
      frame->registers = g_renew (SynRegister, frame->registers, self->n_registers + 1);
      memset (&frame->registers[frame->n_registers], 0,
              (self->n_registers + 1 - frame->n_registers) * sizeof (SynRegister));
      frame->n_registers = self->n_registers + 1;
    }
  for (guint i = 0; i < frame->n_registers; i++)
    frame->registers[i].dict.n = 0;
  for (guint i = 0; i < self->steps->len; i++)
    {
      const SynStep *step = &g_array_index (self->steps, SynStep, i);
      SynRegister *out = &frame->registers[step->out];
      const ReplicaColumn *args[SYN_STEP_MAX_ARGS];

      for (guint j = 0; j < SYN_STEP_MAX_ARGS; j++)
        args[j] = resolve (frame, columns, step->args[j]);
      prepare (out, step->type, step->scale, step->width, n_rows);
      out->text_before = step->type == REPLICA_TYPE_STRING ? count_text (frame, step->out) : 0;
      step->kernel (step, args, out, n_rows);
      n_exceeded += out->n_exceeded;
    }
  if (G_UNLIKELY (n_exceeded > 0))
    g_atomic_pointer_add (&all_exceeded, (gssize)n_exceeded);
  result = &frame->registers[self->result];
  if (self->type == REPLICA_TYPE_DECIMAL && result->column.width == 8)
    {
      static const SynStep widen = { .factors = { 1, 1 } };
      SynRegister *wide = &frame->registers[frame->n_registers - 1];
      const ReplicaColumn *args[] = { &result->column };

      prepare (wide, self->type, self->scale, 16, n_rows);
      syn_kernel_widen (&widen, args, wide, n_rows);
      result = wide;
    }
  zero_nulls (result, n_rows);
  return &result->column;
}

/**
 * syn_program_filter:
 * @rows: (out caller-allocates): room for @n_rows
 *
 * Returns: how many rows are true; their numbers stand in @rows, in order
 */
guint
syn_program_filter (
    SynProgram *self, SynFrame *frame, const ReplicaColumn *const *columns, guint n_rows, guint32 *rows)
{
  const ReplicaColumn *result;
  const guint8 *data;
  guint n = 0;

  g_return_val_if_fail (self->type == REPLICA_TYPE_BOOL, 0);
  result = syn_program_run (self, frame, columns, n_rows);
  data = result->data;
  /* Null is 0 in a column as in a register. Written unconditionally: there is no branch to mispredict. */
  for (guint i = 0; i < n_rows; i++)
    {
      rows[n] = i;
      n += data[i];
    }
  return n;
}

/* ---- constants ---- */

void
syn_kernel_null (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  memset (syn_register_data (out, (gsize)n_rows * step->width), 0, (gsize)n_rows * step->width);
  memset (syn_register_ensure_validity (out, n_rows), 0, ((gsize)n_rows + 7) / 8);
  if (step->type == REPLICA_TYPE_STRING)
    {
      syn_dict_reset (&out->dict);
      syn_dict_intern (&out->dict, "", 0);
      syn_register_use_dict (out);
    }
}

void
syn_kernel_constant (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  void *data = syn_register_data (out, (gsize)n_rows * step->width);

  switch (step->type)
    {
    case REPLICA_TYPE_BOOL:
      memset (data, step->constant != 0, n_rows);
      break;
    case REPLICA_TYPE_DOUBLE:
      for (guint i = 0; i < n_rows; i++)
        ((double *)data)[i] = step->number;
      break;
    case REPLICA_TYPE_STRING:
      memset (data, 0, (gsize)n_rows * sizeof (guint32));
      syn_dict_reset (&out->dict);
      syn_dict_intern (&out->dict, step->text, step->text_length);
      syn_register_use_dict (out);
      break;
    default:
      if (step->width == 16)
        for (guint i = 0; i < n_rows; i++)
          syn_store128 (data, i, step->constant);
      else
        for (guint i = 0; i < n_rows; i++)
          ((gint64 *)data)[i] = (gint64)step->constant;
      break;
    }
}
