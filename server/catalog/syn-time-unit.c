/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One table for who reads the catalog, who tells of it, and who reads events by what he was told. Any thread. */
#include "syn-time-unit.h"

#include <string.h>

static const struct {
  const char *name;
  gint64 num, den;
} units[] = {
  { "s", 1000000, 1 },
  { "ms", 1000, 1 },
  { "us", 1, 1 },
  { "ns", 1, 1000 },
};

gboolean
syn_time_unit_parse (const char *name, gint64 *num, gint64 *den)
{
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (strcmp (name, units[i].name) == 0)
      {
        *num = units[i].num;
        *den = units[i].den;
        return TRUE;
      }
  return FALSE;
}

const char *
syn_time_unit_to_string (gint64 num, gint64 den)
{
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (num == units[i].num && den == units[i].den)
      return units[i].name;
  return NULL;
}
