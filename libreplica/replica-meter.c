/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Round trip and goodput of a link, from what passes on it anyway. libsoup hands over whole messages only, so
 * the instant at which one began to arrive is not known; a lower bound of the rate is, and that is what is
 * told. Rejected: bytes over wall time (measures the server's cap, not the link), and a probe of our own
 * (costs the slow links most). */

#include "replica-meter.h"

void
replica_meter_init (ReplicaMeter *meter)
{
  *meter = (ReplicaMeter){ .rtt_us = -1 };
}

void
replica_meter_add_rtt (ReplicaMeter *meter, gint64 sample_us)
{
  sample_us = MAX (sample_us, 0);
  meter->rtt_us = meter->rtt_us < 0 ? sample_us : (7 * meter->rtt_us + sample_us) / 8;
}

void
replica_meter_add_message (ReplicaMeter *meter, gsize size_bytes, gint64 asked_us, gint64 arrived_us)
{
  gint64 began_us = MAX (meter->last_arrival_us, asked_us + MAX (meter->rtt_us, 0));
  gint64 took_us = arrived_us - began_us;

  meter->last_arrival_us = arrived_us;
  if (size_bytes < REPLICA_METER_BIG_BYTES)
    return;
  /* Two messages of one read, or a round trip that was just then shorter: nothing can be said. */
  if (took_us < 100)
    return;
  meter->samples[meter->next] = (double) size_bytes * G_USEC_PER_SEC / (double) took_us;
  meter->next = (meter->next + 1) % REPLICA_METER_SAMPLES;
  meter->n_samples = MIN (meter->n_samples + 1, REPLICA_METER_SAMPLES);
}

double
replica_meter_get_goodput (const ReplicaMeter *meter)
{
  double best = 0;

  for (guint i = 0; i < meter->n_samples; i++)
    best = MAX (best, meter->samples[i]);
  return best;
}
