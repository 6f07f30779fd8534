/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"

G_BEGIN_DECLS

#define DASH_FORMAT_TEXT_MAX (REPLICA_TEXT_MAX * 2)
#define DASH_FORMAT_MAGNITUDE_NONE G_MININT
/* Doubles that were rounded to so many digits are shown with just those. */
#define DASH_FORMAT_DIGITS_MAX 4

/**
 * DashFormat:
 * @type: of the column
 * @scale: of a decimal column
 * @group: whether thousands are separated
 * @digits: doubles: digits after the point that the values seen need, one more than %DASH_FORMAT_DIGITS_MAX:
 * many
 * @magnitude: doubles: the power of ten of the largest value seen, %DASH_FORMAT_MAGNITUDE_NONE before one was
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
} DashFormat;

void dash_format_init (DashFormat *self, const ReplicaColumn *column);
/* Learns from the column's values. Returns whether the text of cells may be another now. */
gboolean dash_format_observe (DashFormat *self, const ReplicaColumn *column, gint64 snapshot_time_us);
gboolean dash_format_is_numeric (const DashFormat *self); /* aligned to the right */
/* @buffer: at least DASH_FORMAT_TEXT_MAX bytes; strings come back in place. Null is the empty string. */
const char *dash_format_cell (
    const DashFormat *self, const ReplicaColumn *column, guint row, char *buffer, gsize *length);
/* Digits after the point for doubles up to 10^@magnitude. */
int dash_format_decimals (int magnitude);
/* A number for a chart's label: @decimals digits after the point, thousands separated. */
const char *dash_format_double (double value, int decimals, char *buffer);
/* "2,000" */
const char *dash_format_count (guint64 value, char *buffer);
/* "0.3 s", "12 s", "3 min 20 s", "2 h 05 min"; "–" below 0 */
const char *dash_format_age (gint64 age_us, char *buffer);
/* "0.8 ms"; "–" below 0 */
const char *dash_format_rtt (gint64 rtt_us, char *buffer);
/* UTC. */
const char *dash_format_time (gint64 time_us, gboolean show_date, gboolean show_fraction, char *buffer);
/* The key of @row for people: "EURUSD", "EURUSD · 10:00:00"; empty without a key. (transfer full) */
char *dash_format_dup_key (ReplicaSnapshot *snapshot, guint row);

G_END_DECLS
