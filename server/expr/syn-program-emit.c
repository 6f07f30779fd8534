/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The compiler's hands: registers, steps, values and their conversions. Used by one compilation at a time, on
 * any thread. */
#include "syn-program-private.h"

#include "replica-number.h"
#include "syn-error.h"

#include <string.h>

gint64
syn_power_of_ten (guint exponent)
{
  g_assert (exponent <= REPLICA_DECIMAL_SCALE_MAX);
  return (gint64)replica_powers_of_ten[exponent];
}

static guint
take_register (SynCompiler *self)
{
  gboolean yes = TRUE;

  for (guint i = 0; i < self->busy->len; i++)
    if (!g_array_index (self->busy, gboolean, i))
      {
        g_array_index (self->busy, gboolean, i) = TRUE;
        return i;
      }
  g_array_append_val (self->busy, yes);
  self->program->n_registers = self->busy->len;
  return self->busy->len - 1;
}

void
syn_compiler_release (SynCompiler *self, const SynValue *value)
{
  if (value->operand >= 0 && value->operand != SYN_NO_OPERAND)
    g_array_index (self->busy, gboolean, value->operand) = FALSE;
}

SynStep *
syn_compiler_emit (SynCompiler *self, SynKernel kernel, ReplicaType type, guint scale, SynValue *value)
{
  SynStep step = {
    .kernel = kernel,
    .args = { SYN_NO_OPERAND, SYN_NO_OPERAND, SYN_NO_OPERAND },
    .out = take_register (self),
    .type = type,
    .scale = (guint8)scale,
    .width = type == REPLICA_TYPE_DECIMAL ? 16 : replica_type_get_width (type),
    .factors = { 1, 1 },
  };

  g_array_append_val (self->program->steps, step);
  *value = (SynValue){ .operand = (int)step.out, .type = (int)type, .scale = (guint8)scale };
  return &g_array_index (self->program->steps, SynStep, self->program->steps->len - 1);
}

void
syn_step_set_cell (SynStep *step, guint index, const SynCell *cell, char *text)
{
  step->cells[index] = *cell;
  step->texts[index] = text;
  step->cells[index].text = text;
}

void
syn_step_clear (SynStep *step)
{
  g_free (step->text);
  syn_glob_free (step->glob);
  syn_regex_free (step->regex);
  for (guint i = 0; i < SYN_STEP_MAX_ARGS; i++)
    g_free (step->texts[i]);
  if (step->set != NULL)
    {
      syn_dict_clear (step->set);
      g_free (step->set);
    }
}

void
syn_compiler_emit_null (SynCompiler *self, ReplicaType type, guint scale, SynValue *value)
{
  syn_compiler_emit (self, syn_kernel_null, type, scale, value);
}

char *
syn_value_type_to_string (const SynValue *value)
{
  SynColumnSpec spec = { .type = (ReplicaType)value->type, .scale = value->scale };

  return value->type == 0 ? g_strdup ("null") : syn_column_spec_type_to_string (&spec);
}

static gboolean
read_time (const SynValue *value, gint64 *time_us)
{
  const char *text = value->literal->literal.text;

  return replica_read_timestamp (text, strlen (text), time_us) == REPLICA_READ_OK;
}

gboolean
syn_value_check_time (const SynValue *value, GError **error)
{
  gint64 time_us;

  if (value->type != REPLICA_TYPE_STRING || read_time (value, &time_us))
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
               "column %u: expected a time (RFC 3339, such as 2014-05-01T05:00:00Z), found \"%.40s\"",
               value->literal->position, value->literal->literal.text);
  return FALSE;
}

gint64
syn_value_get_time (const SynValue *value)
{
  gint64 time_us = 0;

  read_time (value, &time_us);
  return time_us;
}

gboolean
syn_value_unify (const SynValue *a, const SynValue *b, SynValue *common)
{
  *common = (SynValue){ .operand = SYN_NO_OPERAND };
  if (a->type == 0 || b->type == 0 || (a->type == b->type && a->type != REPLICA_TYPE_DECIMAL))
    {
      const SynValue *from = a->type == 0 ? b : a;

      common->type = from->type;
      common->scale = from->scale;
      return TRUE;
    }
  if (syn_value_is_number (a) && syn_value_is_number (b))
    {
      gboolean exact = a->type != REPLICA_TYPE_DOUBLE && b->type != REPLICA_TYPE_DOUBLE;

      common->type = exact ? REPLICA_TYPE_DECIMAL : REPLICA_TYPE_DOUBLE;
      common->scale = exact ? MAX (a->scale, b->scale) : 0;
      return TRUE;
    }
  if ((a->type == REPLICA_TYPE_TIMESTAMP && b->type == REPLICA_TYPE_STRING && b->literal != NULL)
      || (b->type == REPLICA_TYPE_TIMESTAMP && a->type == REPLICA_TYPE_STRING && a->literal != NULL))
    {
      common->type = REPLICA_TYPE_TIMESTAMP;
      return TRUE;
    }
  return FALSE;
}

static void
materialize (SynCompiler *self, SynValue *value, ReplicaType type, guint scale, gboolean wide)
{
  SynValue from = *value;
  const SynLiteral *literal = &from.literal->literal;
  SynStep *step;

  if (from.type == 0)
    {
      syn_compiler_emit_null (self, type, scale, value);
      return;
    }
  step = syn_compiler_emit (self, syn_kernel_constant, type, scale, value);
  switch (type)
    {
    case REPLICA_TYPE_STRING:
      step->text = g_strdup (literal->text);
      step->text_length = strlen (literal->text);
      break;
    case REPLICA_TYPE_TIMESTAMP:
      step->constant = syn_value_get_time (&from);
      break;
    case REPLICA_TYPE_DOUBLE:
      step->number = literal->number;
      break;
    case REPLICA_TYPE_DECIMAL:
      /* Cannot overflow: the parser takes only what fits at the largest scale. */
      step->constant = literal->unscaled * syn_power_of_ten (scale - literal->scale);
      if (!wide && step->constant == (gint64)step->constant)
        step->width = 8;
      break;
    default:
      step->constant = literal->unscaled;
      break;
    }
}

static void
convert (SynCompiler *self, SynValue *value, ReplicaType type, guint scale, gboolean wide)
{
  SynValue from = *value;
  SynStep *step;

  if (from.operand == SYN_NO_OPERAND)
    {
      materialize (self, value, type, scale, wide);
      return;
    }
  if (from.type == (int)type && (type != REPLICA_TYPE_DECIMAL || (from.scale == scale && !wide)))
    return;
  step = syn_compiler_emit (self, type == REPLICA_TYPE_DOUBLE ? syn_kernel_to_double : syn_kernel_widen, type,
                            scale, value);
  step->args[0] = from.operand;
  step->factors[0] = syn_power_of_ten (type == REPLICA_TYPE_DOUBLE ? from.scale : scale - from.scale);
  syn_compiler_release (self, &from);
}

void
syn_compiler_convert (SynCompiler *self, SynValue *value, ReplicaType type, guint scale)
{
  convert (self, value, type, scale, FALSE);
}

void
syn_compiler_convert_wide (SynCompiler *self, SynValue *value, ReplicaType type, guint scale)
{
  convert (self, value, type, scale, TRUE);
}
