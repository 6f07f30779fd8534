/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a link knows of its own quality. Plain numbers in, plain numbers out. Internal to the repository. */

G_BEGIN_DECLS

#define REPLICA_METER_SAMPLES 16
/* Below this, latency and not bandwidth decides how long a message takes. */
#define REPLICA_METER_BIG_BYTES 16384

typedef struct
{
  gint64 rtt_us; /* smoothed as TCP does (RFC 6298: 1/8 of each new sample); -1: unknown */
  gint64 last_arrival_us;
  guint n_samples;
  guint next;
  double samples[REPLICA_METER_SAMPLES]; /* bytes/s */
} ReplicaMeter;

void replica_meter_init (ReplicaMeter *meter);
void replica_meter_add_rtt (ReplicaMeter *meter, gint64 sample_us);

/**
 * replica_meter_add_message:
 * @asked_us: when the poll that it answers was sent
 * @arrived_us: when the whole message was here
 *
 * A message cannot have begun to arrive before the one before it had ended, nor before its poll had crossed
 * to the server and an answer back: so its size over the time since the later of the two is a rate that the
 * link was seen to reach, at least. Small messages only mark the time.
 */
void replica_meter_add_message (ReplicaMeter *meter, gsize size_bytes, gint64 asked_us, gint64 arrived_us);

/* Bytes/s: the best of the last samples, so a lower bound, tight when snapshots come back to back (the slow
 * links, where it matters); 0: unknown. */
double replica_meter_get_goodput (const ReplicaMeter *meter);

G_END_DECLS
