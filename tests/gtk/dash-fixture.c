/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Snapshots for the tests of the widgets, from a small generator of its own, so that they are the same on
 * every machine. */

#include "dash-fixture.h"

#include <math.h>
#include <string.h>

#include "replica-snapshot-builder.h"

#define DAY_START_US (G_GINT64_CONSTANT (1795300200) * G_USEC_PER_SEC)

static guint32
scramble (guint64 a, guint64 b)
{
  guint64 x = a * 0x9e3779b97f4a7c15u + b * 0xbf58476d1ce4e5b9u;

  x ^= x >> 31;
  x *= 0x94d049bb133111ebu;
  return (guint32) (x >> 32);
}

typedef struct
{
  GArray *offsets;
  GString *bytes;
} Texts;

static void
texts_init (Texts *texts)
{
  guint32 zero = 0;

  texts->offsets = g_array_new (FALSE, FALSE, sizeof (guint32));
  texts->bytes = g_string_new (NULL);
  g_array_append_val (texts->offsets, zero);
}

static void
texts_add (Texts *texts, const char *text)
{
  guint32 end;

  g_string_append_len (texts->bytes, text, (gssize) strlen (text) + 1);
  end = (guint32) texts->bytes->len;
  g_array_append_val (texts->offsets, end);
}

static void
texts_clear (Texts *texts)
{
  g_array_unref (texts->offsets);
  g_string_free (texts->bytes, TRUE);
}

static ReplicaColumn
text_column (const char *name, gboolean is_key, const Texts *texts, const guint32 *codes, guint n)
{
  return (ReplicaColumn){
    .name = name,
    .type = REPLICA_TYPE_STRING,
    .width = 4,
    .is_key = is_key,
    .n_rows = n,
    .data = codes,
    .dict_offsets = (const guint32 *) (gpointer) texts->offsets->data,
    .dict_bytes = texts->bytes->str,
    .n_dict = texts->offsets->len - 1,
  };
}

static ReplicaColumn
number_column (const char *name, ReplicaType type, guint scale, const void *data, guint n)
{
  return (ReplicaColumn){
    .name = name, .type = type, .scale = (guint8) scale, .width = 8, .n_rows = n, .data = data
  };
}

static ReplicaSnapshot *
finish (ReplicaSnapshotBuilder *builder)
{
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *snapshot = replica_snapshot_builder_finish (builder, &error);

  g_assert_no_error (error);
  return snapshot;
}

ReplicaSnapshot *
dash_fixture_quotes (guint n, guint64 serial)
{
  static const char *const venues[] = { "XLON", "XETR", "XNYS", "XTKS" };
  gint64 now_us = DAY_START_US + (gint64) serial * G_USEC_PER_SEC;
  g_autofree guint32 *codes = g_new (guint32, n + 1), *venue_codes = g_new (guint32, n + 1);
  g_autofree gint64 *last = g_new (gint64, n + 1), *bid = g_new (gint64, n + 1), *ask = g_new (gint64, n + 1);
  g_autofree gint64 *volume = g_new (gint64, n + 1), *trades = g_new (gint64, n + 1),
                    *time = g_new (gint64, n + 1);
  g_autofree double *change = g_new (double, n + 1), *vwap = g_new (double, n + 1);
  g_autofree guint8 *validity = g_new0 (guint8, n / 8 + 1);
  ReplicaSnapshotBuilder *builder;
  Texts symbols, places;
  ReplicaColumn column;

  texts_init (&symbols);
  texts_init (&places);
  for (guint i = 0; i < G_N_ELEMENTS (venues); i++)
    texts_add (&places, venues[i]);
  for (guint i = 0; i < n; i++)
    {
      char name[8] = "AAA";
      guint32 seed = scramble (i, 1);
      gint64 open = 50000 + seed % 40000000;
      guint64 moved = 0;
      gint64 price = open;

      name[0] = (char) ('A' + i / 676 % 26);
      name[1] = (char) ('A' + i / 26 % 26);
      name[2] = (char) ('A' + i % 26);
      texts_add (&symbols, name);
      codes[i] = i;
      venue_codes[i] = i % 4;
      for (guint64 s = serial > 40 ? serial - 40 : 0; s <= serial; s++)
        if (scramble (i, s + 7) % 10 == 0)
          {
            moved = s;
            price += (gint64) (scramble (i, s) % 2001) - 1000;
          }
      last[i] = MAX (price, 100);
      bid[i] = last[i] - 50 - seed % 100;
      ask[i] = last[i] + 50 + seed % 90;
      volume[i] = (gint64) (seed % 100000) * (gint64) (moved + 3);
      trades[i] = (gint64) (seed % 900 + moved);
      change[i] = ((double) last[i] / (double) open - 1) * 100;
      vwap[i] = (double) (last[i] + open) / 2 / 10000;
      time[i] = now_us - (gint64) (serial - moved) * G_USEC_PER_SEC - (seed % 1000) * 1000;
      if (i % 97 != 13)
        validity[i / 8] |= (guint8) (1u << (i % 8));
    }

  builder = replica_snapshot_builder_new ("market/quotes", (ReplicaToken){ 7, serial }, now_us, n);
  column = text_column ("symbol", TRUE, &symbols, codes, n);
  replica_snapshot_builder_add (builder, &column);
  column = text_column ("venue", FALSE, &places, venue_codes, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("last", REPLICA_TYPE_DECIMAL, 4, last, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("change", REPLICA_TYPE_DOUBLE, 0, change, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("bid", REPLICA_TYPE_DECIMAL, 4, bid, n);
  column.validity = validity;
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("ask", REPLICA_TYPE_DECIMAL, 4, ask, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("volume", REPLICA_TYPE_INT64, 0, volume, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("trades", REPLICA_TYPE_INT64, 0, trades, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("vwap", REPLICA_TYPE_DOUBLE, 0, vwap, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("time", REPLICA_TYPE_TIMESTAMP, 0, time, n);
  replica_snapshot_builder_add (builder, &column);
  {
    ReplicaSnapshot *snapshot = finish (builder);

    texts_clear (&symbols);
    texts_clear (&places);
    return snapshot;
  }
}

ReplicaSnapshot *
dash_fixture_candles (const char *path, guint n, guint64 serial)
{
  g_autofree gint64 *time = g_new (gint64, n + 1), *open = g_new (gint64, n + 1),
                    *high = g_new (gint64, n + 1);
  g_autofree gint64 *low = g_new (gint64, n + 1), *close = g_new (gint64, n + 1),
                    *volume = g_new (gint64, n + 1);
  gint64 price = 1000000 + g_str_hash (path) % 500000;
  ReplicaSnapshotBuilder *builder;
  const struct
  {
    const char *name;
    const gint64 *data;
  } numbers[] = {
    { "open", open },
    { "high", high },
    { "low", low },
    { "close", close },
  };
  ReplicaColumn column;

  for (guint i = 0; i < n; i++)
    {
      guint32 seed = scramble (i, g_str_hash (path));

      time[i] = DAY_START_US + (gint64) i * 60 * G_USEC_PER_SEC;
      open[i] = price;
      price += (gint64) (seed % 2000) - 990;
      close[i] = i + 1 < n ? price : price + (gint64) serial;
      high[i] = MAX (open[i], close[i]) + seed % 400;
      low[i] = MIN (open[i], close[i]) - scramble (i, 4) % 400;
      volume[i] = 1000 + seed % 90000;
    }
  builder = replica_snapshot_builder_new (path, (ReplicaToken){ 7, serial },
                                          DAY_START_US + (gint64) n * 60 * G_USEC_PER_SEC, n);
  column = number_column ("time", REPLICA_TYPE_TIMESTAMP, 0, time, n);
  column.is_key = TRUE;
  replica_snapshot_builder_add (builder, &column);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      column = number_column (numbers[i].name, REPLICA_TYPE_DECIMAL, 6, numbers[i].data, n);
      replica_snapshot_builder_add (builder, &column);
    }
  column = number_column ("volume", REPLICA_TYPE_INT64, 0, volume, n);
  replica_snapshot_builder_add (builder, &column);
  return finish (builder);
}

ReplicaSnapshot *
dash_fixture_load (guint n_cpus, guint n_samples, guint64 serial)
{
  guint n = n_cpus * n_samples;
  g_autofree guint32 *codes = g_new (guint32, n + 1);
  g_autofree gint64 *time = g_new (gint64, n + 1);
  g_autofree double *busy = g_new (double, n + 1);
  ReplicaSnapshotBuilder *builder;
  ReplicaSnapshot *snapshot;
  ReplicaColumn column;
  Texts names;

  texts_init (&names);
  for (guint i = 0; i < n_cpus; i++)
    {
      g_autofree char *name = g_strdup_printf ("cpu%u", i);

      texts_add (&names, name);
    }
  for (guint i = 0; i < n; i++)
    {
      guint64 sample = serial + i / n_cpus;

      codes[i] = i % n_cpus;
      time[i] = DAY_START_US + (gint64) (sample * G_USEC_PER_SEC);
      busy[i] = 40 + 30 * sin ((double) sample / (9 + 4 * codes[i])) + scramble (codes[i], sample) % 20;
    }
  builder =
      replica_snapshot_builder_new ("host/cpu", (ReplicaToken){ 7, serial },
                                    DAY_START_US + (gint64) (serial + n_samples) * G_TIME_SPAN_SECOND, n);
  column = text_column ("cpu", TRUE, &names, codes, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("time", REPLICA_TYPE_TIMESTAMP, 0, time, n);
  column.is_key = TRUE;
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("busy", REPLICA_TYPE_DOUBLE, 0, busy, n);
  replica_snapshot_builder_add (builder, &column);
  snapshot = finish (builder);
  texts_clear (&names);
  return snapshot;
}

ReplicaSnapshot *
dash_fixture_texts (const char *const *texts, guint n)
{
  g_autofree guint32 *codes = g_new (guint32, n + 1);
  g_autofree gint64 *numbers = g_new (gint64, n + 1);
  ReplicaSnapshotBuilder *builder =
      replica_snapshot_builder_new ("texts", (ReplicaToken){ 7, 1 }, DAY_START_US, n);
  ReplicaSnapshot *snapshot;
  ReplicaColumn column;
  Texts dictionary;

  texts_init (&dictionary);
  for (guint i = 0; i < n; i++)
    {
      texts_add (&dictionary, texts[i]);
      codes[i] = i;
      numbers[i] = i;
    }
  column = text_column ("text", TRUE, &dictionary, codes, n);
  replica_snapshot_builder_add (builder, &column);
  column = number_column ("number", REPLICA_TYPE_INT64, 0, numbers, n);
  replica_snapshot_builder_add (builder, &column);
  snapshot = finish (builder);
  texts_clear (&dictionary);
  return snapshot;
}
