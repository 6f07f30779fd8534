/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Round trip and goodput of a link, from what passes on it anyway. libsoup hands over whole messages only, so
 * the instant at which one began to arrive is known only to a link that watches its socket for it; without, a lower
 * bound of the rate is, and that is what is told. Rejected: bytes over wall time (measures the server's cap, not the link), and a probe of our own
 * (costs the slow links most). */

#include "replica-meter.h"

void
replica_meter_init (ReplicaMeter *meter)
{
  *meter = (ReplicaMeter){ .rtt_us = -1, .reach_us = -1 };
}

void
replica_meter_add_rtt (ReplicaMeter *meter, gint64 sample_us)
{
  sample_us = MAX (sample_us, 0);
  meter->rtt_us = meter->rtt_us < 0 ? sample_us : (7 * meter->rtt_us + sample_us) / 8;
}

static void
add_sample (ReplicaMeter *meter, double bytes_per_s)
{
  meter->samples[meter->next] = bytes_per_s;
  meter->next = (meter->next + 1) % REPLICA_METER_SAMPLES;
  meter->n_samples = MIN (meter->n_samples + 1, REPLICA_METER_SAMPLES);
}

void
replica_meter_add_unseen (ReplicaMeter *meter)
{
  add_sample (meter, 0);
}

void
replica_meter_add_stretch (ReplicaMeter *meter, gsize size_bytes, gint64 from_us, gint64 to_us)
{
  gint64 took_us = to_us - from_us;

  meter->last_arrival_us = to_us;
  /* Two messages of one read, or a clock that is too coarse: nothing can be said. */
  if (size_bytes < REPLICA_METER_BIG_BYTES || took_us < 100)
    return;
  add_sample (meter, (double) size_bytes * G_USEC_PER_SEC / (double) took_us);
}

void
replica_meter_add_message (ReplicaMeter *meter, gsize size_bytes, gint64 asked_us, gint64 arrived_us)
{
  gint64 began_us = MAX (meter->last_arrival_us, asked_us + MAX (meter->rtt_us, 0));

  replica_meter_add_stretch (meter, size_bytes, began_us, arrived_us);
}

gboolean
replica_meter_is_far (const ReplicaMeter *meter, gint64 far_us)
{
  double goodput = replica_meter_get_goodput (meter);

  return (meter->rtt_us >= 0 ? meter->rtt_us : meter->reach_us) >= far_us
         || (goodput > 0 && goodput < REPLICA_METER_FAR_GOODPUT);
}

gboolean
replica_meter_pays_zstd (const ReplicaMeter *meter, gboolean is_on)
{
  const double limit =
      (1 - REPLICA_METER_ZSTD_SHARE) / (1 / REPLICA_METER_ZSTD_COMPRESS + 1 / REPLICA_METER_ZSTD_DECOMPRESS);
  double goodput = replica_meter_get_goodput (meter);

  if (goodput == 0)
    return replica_meter_is_far (meter, REPLICA_METER_FAR_US);
  return goodput < (is_on ? limit : limit / 2);
}

double
replica_meter_get_goodput (const ReplicaMeter *meter)
{
  double best = 0;

  for (guint i = 0; i < meter->n_samples; i++)
    best = MAX (best, meter->samples[i]);
  return best;
}
