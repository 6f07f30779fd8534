/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Times in buckets: every power of two is cut into 64 equal ones, so that each value is known to 1.6 %, from 1 µs to
 * 12 days, in 18 KB, however many there were. Adding is a shift and an increment; two are merged bucket by bucket.
 * No thread of its own: whoever shares one locks. */

G_BEGIN_DECLS

#define CTL_HISTOGRAM_SUB_BITS 6
#define CTL_HISTOGRAM_VALUE_BITS 40
#define CTL_HISTOGRAM_BUCKETS ((CTL_HISTOGRAM_VALUE_BITS - CTL_HISTOGRAM_SUB_BITS + 1) << CTL_HISTOGRAM_SUB_BITS)

typedef struct
{
  guint64 count;
  gint64 min_us, max_us; /* exact; 0 while there is no value */
  double sum_us;
  guint64 buckets[CTL_HISTOGRAM_BUCKETS];
} CtlHistogram;

/* All zero is an empty one. @us: below 0 counts as 0, above the last bucket as that. */
void ctl_histogram_add (CtlHistogram *self, gint64 us);
void ctl_histogram_add_n (CtlHistogram *self, gint64 us, guint64 n);
void ctl_histogram_merge (CtlHistogram *self, const CtlHistogram *other);
/* What came to @self since it was @before (a copy of it), into @out; its extremes are those of the buckets. */
void ctl_histogram_since (const CtlHistogram *self, const CtlHistogram *before, CtlHistogram *out);
/* The value that a share of @quantile (0 to 1) of all is at most: the upper end of its bucket, but never above the
 * largest that there was. 0: there is none. */
gint64 ctl_histogram_quantile (const CtlHistogram *self, double quantile);
double ctl_histogram_mean (const CtlHistogram *self);

G_END_DECLS
