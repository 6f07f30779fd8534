/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * "5m" to microseconds. One number and one unit: "1h30m" is "90m", so that there is one way to write each. Any
 * thread. */
#include "syn-duration.h"

#include "replica-number.h"

#include <string.h>

gboolean
syn_duration_parse (const char *text, gint64 *duration_us)
{
  static const struct {
    const char *unit;
    gint64 us;
  } units[] = {
    { "ms", 1000 },
    { "s", G_USEC_PER_SEC },
    { "m", 60 * (gint64)G_USEC_PER_SEC },
    { "h", 3600 * (gint64)G_USEC_PER_SEC },
    { "d", 86400 * (gint64)G_USEC_PER_SEC },
  };
  gsize n_digits = strspn (text, "0123456789");
  gint64 number;

  if (replica_read_int64 (text, n_digits, &number) != REPLICA_READ_OK || number == 0)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (strcmp (text + n_digits, units[i].unit) == 0)
      return !__builtin_mul_overflow (number, units[i].us, duration_us)
             && *duration_us <= SYN_LONGEST_DURATION_US;
  return FALSE;
}
