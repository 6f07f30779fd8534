/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"

/* Text of numbers and times, both ways, exact. Internal to the repository: not exported by the shared library.
 * Writers return the bytes written (no NUL is added) and need at most REPLICA_TEXT_MAX bytes.
 * Readers take (text, length), read the whole of it or fail, never look past it, and know no locale. */

G_BEGIN_DECLS

typedef enum {
  REPLICA_READ_OK = 0,
  REPLICA_READ_SYNTAX,    /* not a number, or not a time */
  REPLICA_READ_RANGE,     /* out of the type's range */
  REPLICA_READ_PRECISION, /* more decimals than the scale holds */
} ReplicaReadResult;

gsize replica_write_int64 (char *buffer, gint64 value);
gsize replica_write_int128 (char *buffer, ReplicaInt128 value);
gsize replica_write_decimal (char *buffer, ReplicaInt128 unscaled, guint scale);
gsize replica_write_double (char *buffer, double value); /* finite; shortest that round-trips, JSON syntax */
gsize replica_write_timestamp (char *buffer, gint64 time_us);

/* 10^0 to 10^19; and to 10^22 as doubles, which hold those exactly. */
extern const guint64 replica_powers_of_ten[20];
extern const double replica_exact_powers_of_ten[23];

/* Days since 1970-01-01 in the proleptic Gregorian calendar; month and day from 1. */
gint64 replica_days_from_date (gint64 year, guint month, guint day);
void replica_date_from_days (gint64 days, gint64 *year, guint *month, guint *day);

ReplicaReadResult replica_read_int64 (const char *text, gsize length, gint64 *value);
/* JSON number syntax, also with an exponent as long as the value is exact at @scale: "1e2", "1.50" at scale 1. */
ReplicaReadResult replica_read_decimal (const char *text, gsize length, guint scale, gint64 *unscaled);
ReplicaReadResult replica_read_decimal128 (const char *text, gsize length, guint scale, ReplicaInt128 *unscaled);
ReplicaReadResult replica_read_double (const char *text, gsize length, double *value); /* JSON syntax */
/* RFC 3339 with 'T' or a space, any fraction (cut to microseconds, towards the past), 'Z' or an offset;
 * years 0001 to 9999. */
ReplicaReadResult replica_read_timestamp (const char *text, gsize length, gint64 *time_us);

G_END_DECLS
