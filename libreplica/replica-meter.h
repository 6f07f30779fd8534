/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a link knows of its own quality. Plain numbers in, plain numbers out. Internal to the repository. */

G_BEGIN_DECLS

/* So many snapshots after a link got slower, that is known. */
#define REPLICA_METER_SAMPLES 6
/* With a round trip of so much, it is not a local network. Compressing and decompressing 1 MB takes less. */
#define REPLICA_METER_FAR_US 10000
/* The same where the other end looks near, for it is on loopback: a busy machine takes its time, too. */
#define REPLICA_METER_FAR_LOOPBACK_US 40000
/* Bytes/s: nor with so little. */
#define REPLICA_METER_FAR_GOODPUT 2.5e6
/* Below this, latency and not bandwidth decides how long a message takes. */
#define REPLICA_METER_BIG_BYTES 16384

typedef struct
{
  gint64 rtt_us; /* smoothed as TCP does (RFC 6298: 1/8 of each new sample); -1: unknown */
  gint64 reach_us; /* what stands for the round trip until it is known: half of the time that connecting took; -1: unknown, too */
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

/**
 * replica_meter_add_stretch:
 * @size_bytes: of a message, those that were not here yet at @from_us
 * @from_us: when it was seen to have begun to arrive
 * @to_us: when it was here
 *
 * Tighter than the bound of replica_meter_add_message(), where somebody looks when the first byte comes: a snapshot that was parked for
 * a second on a fast link does not look as if it had taken one.
 */
void replica_meter_add_stretch (ReplicaMeter *meter, gsize size_bytes, gint64 from_us, gint64 to_us);

/**
 * replica_meter_is_far:
 * @far_us: what a round trip takes at least, then
 *
 * Whether a round trip takes so much (as long as none was measured: whether connecting looks like it), or the goodput is known
 * and below %REPLICA_METER_FAR_GOODPUT. (On a link that is never idle there is no round trip to measure.) Nothing known: no.
 */
gboolean replica_meter_is_far (const ReplicaMeter *meter, gint64 far_us);

/**
 * replica_meter_add_unseen:
 *
 * A message of %REPLICA_METER_BIG_BYTES or more was here before anybody looked. That says nothing, but that what was seen once is older now: after
 * %REPLICA_METER_SAMPLES of them it is forgotten.
 */
void replica_meter_add_unseen (ReplicaMeter *meter);

/* What compressing a table of quotes gives and costs, measured by bench/delta; bytes/s of what is compressed, on a machine that is not
 * the fastest, and on one core. */
#define REPLICA_METER_ZSTD_SHARE 0.6
#define REPLICA_METER_ZSTD_COMPRESS 190e6
#define REPLICA_METER_ZSTD_DECOMPRESS 450e6

/**
 * replica_meter_pays_zstd:
 * @is_on: whether answers are compressed now
 *
 * Compressing pays when the time that it saves on the link is more than the time that it takes at both ends. For S bytes that become
 * q S, over a link of b bytes/s, with a compressor of C bytes/s and a decompressor of D:
 *
 *   S (1 - q) / b > S / C + S / D,   that is,   b < (1 - q) / (1 / C + 1 / D)
 *
 * the size falls out (C. Krintz and S. Sucu, "Adaptive On-the-Fly Compression", IEEE TPDS 17(1), 2006, compare the same two times, with
 * forecasts of all four quantities; here only b changes, and the others are constants). On below half of that rate, off above it, so
 * that a link near it does not go back and forth.
 *
 * Nothing measured yet: on if the other end is far. The first snapshot is the one that comes in full, and nobody knows how fast the link is: if it is slow,
 * compressing saves seconds; if it is not, it costs less than the round trip.
 */
gboolean replica_meter_pays_zstd (const ReplicaMeter *meter, gboolean is_on);

/* Bytes/s: the best of the last samples, so a lower bound, tight when snapshots come back to back (the slow
 * links, where it matters); 0: unknown. */
double replica_meter_get_goodput (const ReplicaMeter *meter);

G_END_DECLS
