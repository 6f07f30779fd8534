/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Log-linear buckets, rather than kept samples: a run of hours takes no more memory than one of seconds, and
 * the tail is as exact as the middle. */

#include "ctl-load-histogram.h"

#define SUB_COUNT (1 << CTL_HISTOGRAM_SUB_BITS)
#define VALUE_MAX ((G_GINT64_CONSTANT (1) << CTL_HISTOGRAM_VALUE_BITS) - 1)

/* Values below 2 × SUB_COUNT are their own bucket; above that, the bits behind the highest one say which. */
static guint
bucket_of (gint64 us)
{
  guint shift;

  if (us < SUB_COUNT)
    return (guint) us;
  shift = (guint) g_bit_storage ((gulong) us) - 1 - CTL_HISTOGRAM_SUB_BITS;
  return ((shift + 1) << CTL_HISTOGRAM_SUB_BITS) + (guint) ((us >> shift) - SUB_COUNT);
}

static gint64
upper_end (guint bucket)
{
  guint shift;

  if (bucket < SUB_COUNT)
    return bucket;
  shift = (bucket >> CTL_HISTOGRAM_SUB_BITS) - 1;
  return (((gint64) (bucket & (SUB_COUNT - 1)) + SUB_COUNT + 1) << shift) - 1;
}

void
ctl_histogram_add_n (CtlHistogram *self, gint64 us, guint64 n)
{
  if (n == 0)
    return;
  us = CLAMP (us, 0, VALUE_MAX);
  if (self->count == 0 || us < self->min_us)
    self->min_us = us;
  self->max_us = MAX (self->max_us, us);
  self->count += n;
  self->sum_us += (double) us * (double) n;
  self->buckets[bucket_of (us)] += n;
}

void
ctl_histogram_add (CtlHistogram *self, gint64 us)
{
  ctl_histogram_add_n (self, us, 1);
}

void
ctl_histogram_merge (CtlHistogram *self, const CtlHistogram *other)
{
  if (other->count == 0)
    return;
  self->min_us = self->count == 0 ? other->min_us : MIN (self->min_us, other->min_us);
  self->max_us = MAX (self->max_us, other->max_us);
  self->count += other->count;
  self->sum_us += other->sum_us;
  for (guint i = 0; i < CTL_HISTOGRAM_BUCKETS; i++)
    self->buckets[i] += other->buckets[i];
}

void
ctl_histogram_since (const CtlHistogram *self, const CtlHistogram *before, CtlHistogram *out)
{
  gboolean any = FALSE;

  *out = (CtlHistogram) { .count = self->count - before->count, .sum_us = self->sum_us - before->sum_us };
  for (guint i = 0; i < CTL_HISTOGRAM_BUCKETS; i++)
    {
      out->buckets[i] = self->buckets[i] - before->buckets[i];
      if (out->buckets[i] == 0)
        continue;
      out->max_us = MIN (upper_end (i), self->max_us);
      if (!any)
        out->min_us = out->max_us;
      any = TRUE;
    }
}

gint64
ctl_histogram_quantile (const CtlHistogram *self, double quantile)
{
  guint64 rank, seen = 0;
  double exact = quantile * (double) self->count;

  if (self->count == 0)
    return 0;
  /* The smallest whole number that is not below it, within what a double can be off by. */
  rank = (guint64) exact;
  rank += exact - (double) rank > 1e-9 * (double) self->count;
  rank = CLAMP (rank, 1, self->count);
  for (guint i = 0; i < CTL_HISTOGRAM_BUCKETS; i++)
    {
      seen += self->buckets[i];
      if (seen >= rank)
        return MIN (upper_end (i), self->max_us);
    }
  return self->max_us;
}

double
ctl_histogram_mean (const CtlHistogram *self)
{
  return self->count > 0 ? self->sum_us / (double) self->count : 0;
}
