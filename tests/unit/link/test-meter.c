/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The numbers of a link: round trip and goodput; and the client's messages, byte by byte. */

#include <string.h>

#include "replica-message.h"
#include "replica-meter.h"

static void
test_rtt (void)
{
  ReplicaMeter meter;

  replica_meter_init (&meter);
  g_assert_cmpint (meter.rtt_us, ==, -1);
  replica_meter_add_rtt (&meter, 80000);
  g_assert_cmpint (meter.rtt_us, ==, 80000);
  replica_meter_add_rtt (&meter, 160000);
  g_assert_cmpint (meter.rtt_us, ==, 90000);
  replica_meter_add_rtt (&meter, -5);
  g_assert_cmpint (meter.rtt_us, ==, 78750);
}

static void
test_goodput (void)
{
  ReplicaMeter meter;

  replica_meter_init (&meter);
  replica_meter_add_rtt (&meter, 100000);
  g_assert_cmpfloat (replica_meter_get_goodput (&meter), ==, 0);

  /* Asked at 1 s, here at 2.1 s: a round trip was the question's way, a second the answer's. */
  replica_meter_add_message (&meter, 1000000, 1000000, 2100000);
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 1e6, 1);
  /* Asked before, behind the other: its second began when that one was here. */
  replica_meter_add_message (&meter, 2000000, 1000000, 3100000);
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 2e6, 1);
  /* Parked for a long time: says little, and takes nothing away. */
  replica_meter_add_message (&meter, 100000, 4000000, 14000000);
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 2e6, 1);
  /* Small ones and those that came with the one before say nothing. */
  replica_meter_add_message (&meter, 16383, 14000000, 14100200);
  replica_meter_add_message (&meter, 1000000, 14000000, 14100210);
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 2e6, 1);
  /* The link got slower: the old best is forgotten after some more. */
  for (gint64 i = 0; i < REPLICA_METER_SAMPLES; i++)
    replica_meter_add_message (&meter, 50000, 14000000, 15100210 + i * 1000000);
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 50000, 1);
}

/* What comes in ten milliseconds, or in ten seconds: the rate is that of the bytes that were seen to come. */
static void
test_stretches (void)
{
  ReplicaMeter meter;

  replica_meter_init (&meter);
  replica_meter_add_stretch (&meter, 1000000, 5000000, 5010000);
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 1e8, 1);
  replica_meter_add_stretch (&meter, 10, 6000000, 6000200);        /* most of it was there before anybody looked */
  replica_meter_add_stretch (&meter, 1000000, 7000000, 7000050);   /* all in one go */
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 1e8, 1);
  for (guint i = 1; i < REPLICA_METER_SAMPLES; i++)
    replica_meter_add_unseen (&meter);
  g_assert_cmpfloat_with_epsilon (replica_meter_get_goodput (&meter), 1e8, 1);
  replica_meter_add_unseen (&meter); /* nothing was seen for so long */
  g_assert_cmpfloat (replica_meter_get_goodput (&meter), ==, 0);
}

/* A million bytes a round, at that rate. */
static void
set_rate (ReplicaMeter *meter, double bytes_per_s)
{
  for (guint i = 0; i < REPLICA_METER_SAMPLES; i++)
    replica_meter_add_stretch (meter, 1000000, 0, (gint64) (1e12 / bytes_per_s));
}

static void
test_zstd_pays (void)
{
  const double limit = (1 - REPLICA_METER_ZSTD_SHARE) / (1 / REPLICA_METER_ZSTD_COMPRESS + 1 / REPLICA_METER_ZSTD_DECOMPRESS);
  ReplicaMeter meter;

  replica_meter_init (&meter);
  g_assert_false (replica_meter_pays_zstd (&meter, FALSE)); /* nothing known */
  g_assert_false (replica_meter_pays_zstd (&meter, TRUE));
  meter.reach_us = REPLICA_METER_FAR_US;
  g_assert_true (replica_meter_pays_zstd (&meter, FALSE)); /* connecting took long */
  replica_meter_add_rtt (&meter, 500);
  g_assert_false (replica_meter_pays_zstd (&meter, TRUE)); /* for another reason */
  meter.rtt_us = REPLICA_METER_FAR_US;
  g_assert_true (replica_meter_pays_zstd (&meter, FALSE));
  g_assert_true (replica_meter_is_far (&meter, REPLICA_METER_FAR_US));
  g_assert_false (replica_meter_is_far (&meter, REPLICA_METER_FAR_LOOPBACK_US));
  meter.rtt_us = 0;
  set_rate (&meter, REPLICA_METER_FAR_GOODPUT * 1.1);
  g_assert_false (replica_meter_is_far (&meter, REPLICA_METER_FAR_US));
  set_rate (&meter, REPLICA_METER_FAR_GOODPUT * 0.9);
  g_assert_true (replica_meter_is_far (&meter, REPLICA_METER_FAR_US));
  set_rate (&meter, 125e3); /* 1 Mbit/s */
  g_assert_true (replica_meter_pays_zstd (&meter, FALSE));
  set_rate (&meter, limit * 0.45);
  g_assert_true (replica_meter_pays_zstd (&meter, FALSE));
  /* In between nothing changes. */
  set_rate (&meter, limit * 0.75);
  g_assert_false (replica_meter_pays_zstd (&meter, FALSE));
  g_assert_true (replica_meter_pays_zstd (&meter, TRUE));
  set_rate (&meter, limit * 1.1);
  g_assert_false (replica_meter_pays_zstd (&meter, TRUE));
  set_rate (&meter, 1e9);
  g_assert_false (replica_meter_pays_zstd (&meter, TRUE));
}

static void
test_write (void)
{
  const guint8 poll[] = { 0x01, 0x01, 3, 0, 0x78, 0x56, 0x34, 0x12, 5, 0, 0, 0, 0, 0, 0,   0,   9,  0,
                          0,    0,    0, 0, 0,    0,    0x10, 0x27, 0, 0, 0, 0, 0, 0, 'a', '?', 'b' };
  const guint8 withdraw[] = { 0x02, 0, 0, 0, 0x78, 0x56, 0x34, 0x12 };
  g_autoptr (GBytes) written = replica_message_write_poll (0x12345678, "a?b", (ReplicaToken){ 5, 9 }, 1, 10000);
  g_autoptr (GBytes) again = replica_message_write_poll (0x12345678, NULL, (ReplicaToken){ 5, 9 }, 3, 10000);
  g_autoptr (GBytes) gone = replica_message_write_withdraw (0x12345678);

  g_assert_cmpmem (g_bytes_get_data (written, NULL), g_bytes_get_size (written), poll, sizeof poll);
  g_assert_cmpuint (g_bytes_get_size (again), ==, 32);
  g_assert_cmpuint (((const guint8 *) g_bytes_get_data (again, NULL))[2], ==, 0);
  g_assert_cmpmem (g_bytes_get_data (gone, NULL), g_bytes_get_size (gone), withdraw, sizeof withdraw);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/meter/rtt", test_rtt);
  g_test_add_func ("/meter/goodput", test_goodput);
  g_test_add_func ("/meter/stretches", test_stretches);
  g_test_add_func ("/meter/zstd-pays", test_zstd_pays);
  g_test_add_func ("/message/write", test_write);
  return g_test_run ();
}
