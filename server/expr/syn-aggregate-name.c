/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names of aggregates, and the registry of classes. Written by the main thread before there are others; then only read. */
#include "syn-aggregate-name.h"

#include "syn-error.h"
#include "syn-expr-private.h"

#include <string.h>

static const struct {
  const char *name;
  SynAggregateKind kind;
} names[] = {
  { "first", SYN_AGGREGATE_FIRST },       { "last", SYN_AGGREGATE_LAST },     { "min", SYN_AGGREGATE_MIN },
  { "max", SYN_AGGREGATE_MAX },           { "any", SYN_AGGREGATE_ANY },       { "all", SYN_AGGREGATE_ALL },
  { "sum", SYN_AGGREGATE_SUM },           { "count", SYN_AGGREGATE_COUNT },   { "mean", SYN_AGGREGATE_MEAN },
  { "stddev", SYN_AGGREGATE_STDDEV },     { "variance", SYN_AGGREGATE_VARIANCE }, { "vwap", SYN_AGGREGATE_VWAP },
  { "rate", SYN_AGGREGATE_RATE },         { "ewma", SYN_AGGREGATE_EWMA },     { "distinct", SYN_AGGREGATE_DISTINCT },
};

static GPtrArray *classes; /* of const SynAggregateClass; never freed */

gboolean
syn_aggregate_name_find (const char *name, SynAggregateKind *kind, const SynAggregateClass **klass)
{
  SynAggregateKind found = SYN_AGGREGATE_CUSTOM;
  const SynAggregateClass *found_class = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (strcmp (names[i].name, name) == 0)
      found = names[i].kind;
  for (guint i = 0; found == SYN_AGGREGATE_CUSTOM && classes != NULL && i < classes->len; i++)
    if (strcmp (((const SynAggregateClass *) classes->pdata[i])->name, name) == 0)
      found_class = classes->pdata[i];
  if (found == SYN_AGGREGATE_CUSTOM && found_class == NULL)
    return FALSE;
  if (kind != NULL)
    *kind = found;
  if (klass != NULL)
    *klass = found_class;
  return TRUE;
}

const char *
syn_aggregate_name_get (SynAggregateKind kind, const SynAggregateClass *klass)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (names[i].kind == kind)
      return names[i].name;
  return klass->name;
}

void
syn_aggregate_name_suggest (SynSuggest *suggest)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    syn_suggest_add (suggest, names[i].name);
  for (guint i = 0; classes != NULL && i < classes->len; i++)
    syn_suggest_add (suggest, ((const SynAggregateClass *) classes->pdata[i])->name);
}

/* What is wrong with @klass, or NULL. */
static const char *
find_fault (const SynAggregateClass *klass)
{
  if (klass->struct_bytes != sizeof *klass)
    return "it was built for another version of synoptic-aggregate.h";
  if (klass->name == NULL || !syn_expr_is_plain_name (klass->name) || strspn (klass->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen (klass->name))
    return "its name is not a plain one in lower case";
  if (syn_aggregate_name_find (klass->name, NULL, NULL) || syn_expr_is_function_name (klass->name))
    return "there is another function of this name";
  if (klass->min_args < 1 || klass->max_args < klass->min_args || klass->max_args > SYN_AGGREGATE_MAX_ARGS)
    return "it takes from 1 to " G_STRINGIFY (SYN_AGGREGATE_MAX_ARGS) " arguments, min_args to max_args";
  if (klass->state_bytes < 1 || klass->state_bytes > SYN_AGGREGATE_MAX_STATE_BYTES)
    return "state_bytes is not from 1 to " G_STRINGIFY (SYN_AGGREGATE_MAX_STATE_BYTES);
  if (klass->resolve == NULL || klass->update == NULL || klass->merge == NULL || klass->emit == NULL)
    return "it lacks one of resolve, update, merge and emit";
  return NULL;
}

gboolean
syn_aggregate_class_register (const SynAggregateClass *klass, GError **error)
{
  const char *fault = find_fault (klass);

  if (fault != NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the aggregate %s: %s",
                   klass->struct_bytes == sizeof *klass && klass->name != NULL ? klass->name : "class", fault);
      return FALSE;
    }
  if (classes == NULL)
    classes = g_ptr_array_new ();
  g_ptr_array_add (classes, (gpointer) klass);
  return TRUE;
}
