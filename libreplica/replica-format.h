/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

G_BEGIN_DECLS

#define REPLICA_FORMAT_TEXT_MAX (REPLICA_TEXT_MAX * 2)
#define REPLICA_FORMAT_MAGNITUDE_NONE G_MININT
/* Doubles that were rounded to so many digits are shown with just those. */
#define REPLICA_FORMAT_DIGITS_MAX 4

/**
 * ReplicaFormat:
 * @type: of the column
 * @scale: of a decimal column
 * @group: whether thousands are separated
 * @digits: doubles: digits after the point that the values seen need, one more than %REPLICA_FORMAT_DIGITS_MAX:
 * many
 * @magnitude: doubles: the power of ten of the largest value seen, %REPLICA_FORMAT_MAGNITUDE_NONE before one was
 * @show_date: timestamps: some value is of another day than the snapshot
 * @show_fraction: timestamps: some value is not a whole second
 *
 * How the cells of one column are written: the same number of decimals for all, so that they align. It only
 * ever widens, so that a column does not jump about.
 */
typedef struct
{
  ReplicaType type;
  guint8 scale;
  gboolean group;
  int digits;
  int magnitude;
  gboolean show_date;
  gboolean show_fraction;
} ReplicaFormat;

REPLICA_PUBLIC void replica_format_init (ReplicaFormat *self, const ReplicaColumn *column);
/* Learns from the column's values. Returns whether the text of cells may be another now. */
REPLICA_PUBLIC gboolean replica_format_observe (ReplicaFormat *self, const ReplicaColumn *column, gint64 snapshot_time_us);
REPLICA_PUBLIC gboolean replica_format_is_numeric (const ReplicaFormat *self); /* aligned to the right */
/* @buffer: at least REPLICA_FORMAT_TEXT_MAX bytes; strings come back in place. Null is the empty string. */
REPLICA_PUBLIC const char *replica_format_cell (
    const ReplicaFormat *self, const ReplicaColumn *column, guint row, char *buffer, gsize *length);
/* Digits after the point for doubles up to 10^@magnitude. */
REPLICA_PUBLIC int replica_format_decimals (int magnitude);
/* A number for a chart's label: @decimals digits after the point, thousands separated. */
REPLICA_PUBLIC const char *replica_format_double (double value, int decimals, char *buffer);
/* "2,000" */
REPLICA_PUBLIC const char *replica_format_count (guint64 value, char *buffer);
/* "0.3 s", "12 s", "3 min 20 s", "2 h 05 min"; "–" below 0 */
REPLICA_PUBLIC const char *replica_format_age (gint64 age_us, char *buffer);
/* "0.8 ms"; "–" below 0 */
REPLICA_PUBLIC const char *replica_format_rtt (gint64 rtt_us, char *buffer);
/* UTC. */
REPLICA_PUBLIC const char *replica_format_time (gint64 time_us, gboolean show_date, gboolean show_fraction, char *buffer);
/* The key of @row for people: "EURUSD", "EURUSD · 10:00:00"; empty without a key. (transfer full) */
REPLICA_PUBLIC char *replica_format_dup_key (ReplicaSnapshot *snapshot, guint row);

G_END_DECLS
