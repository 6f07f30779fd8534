/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The simulated market: repeatable to the last bit, and believable by its statistics; and the source that
 * plays it. */
#include <math.h>
#include "silo-fixture.h"
#include "syn-market.h"
#include "syn-limits.h"

static gboolean
same_trade (const SynTrade *a, const SynTrade *b)
{
  return a->offset_ns == b->offset_ns && a->instrument == b->instrument && a->venue == b->venue
         && a->price_ticks == b->price_ticks && a->size == b->size && a->buy == b->buy;
}

static void
test_repeatable (void)
{
  g_autoptr (SynMarket) a = syn_market_new (500, 10000, 5, 42), b = syn_market_new (500, 10000, 5, 42);
  g_autoptr (SynMarket) other = syn_market_new (500, 10000, 5, 43);
  guint n_same = 0;

  for (guint i = 0; i < 500; i++)
    g_assert_cmpstr (syn_market_get_symbol (a, i), ==, syn_market_get_symbol (b, i));
  for (guint i = 0; i < 100000; i++)
    {
      SynTrade x, y, z;

      syn_market_next (a, &x);
      syn_market_next (b, &y);
      syn_market_next (other, &z);
      g_assert_true (same_trade (&x, &y));
      n_same += same_trade (&x, &z);
    }
  g_assert_cmpuint (n_same, <, 10);
}

/* The very first trades of a seed, written down: another machine, compiler or version makes the same ones. */
static void
test_golden (void)
{
  g_autoptr (SynMarket) market = syn_market_new (100, 1000, 4, 1);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < 6; i++)
    {
      SynTrade trade;

      syn_market_next (market, &trade);
      g_string_append_printf (
          text, "%" G_GUINT64_FORMAT " %s %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %s\n", trade.offset_ns,
          syn_market_get_symbol (market, trade.instrument), syn_market_get_venue (trade.venue),
          trade.price_ticks, trade.size, trade.buy ? "buy" : "sell");
    }
  g_assert_cmpstr (text->str, ==,
                   "5055572 UHTE EDGX 30524 200 buy\n"
                   "6785887 UAO EDGX 17898 400 buy\n"
                   "9805952 FGI XNAS 60261 400 buy\n"
                   "13832192 NGU ARCX 44594 100 sell\n"
                   "16125127 ATUKI XNYS 311 100 buy\n"
                   "16432457 TSN XNAS 335 100 sell\n");
}

static void
test_symbols (void)
{
  g_autoptr (SynMarket) market = syn_market_new (20000, 1000, 1, 9);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  guint lengths[6] = { 0 };

  for (guint i = 0; i < 20000; i++)
    {
      const char *symbol = syn_market_get_symbol (market, i);
      gsize length = strlen (symbol);

      g_assert_true (length >= 1 && length <= 5);
      lengths[length]++;
      for (const char *p = symbol; *p != '\0'; p++)
        g_assert_true (g_ascii_isupper (*p));
      g_assert_true (g_hash_table_add (seen, (gpointer) symbol));
    }
  g_assert_cmpuint (lengths[4], >, lengths[2]);
}

static void
test_rate (void)
{
  static const struct
  {
    guint rate;
    double burst;
  } cases[] = { { 50, 1 }, { 2000, 1 }, { 2000, 8 }, { 100000, 4 } };

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      g_autoptr (SynMarket) market = syn_market_new (300, cases[c].rate, cases[c].burst, 5);
      guint n = c == 0 ? 20000 : 1500000, bin = 0, peak = 0, bin_count = 0;
      guint64 last_ns = 0;
      double average, bin_s = 0.25;
      SynTrade trade;

      for (guint i = 0; i < n; i++)
        {
          syn_market_next (market, &trade);
          g_assert_cmpuint (trade.offset_ns, >=, last_ns);
          last_ns = trade.offset_ns;
          if ((guint) ((double) last_ns / 1e9 / bin_s) != bin)
            {
              bin = (guint) ((double) last_ns / 1e9 / bin_s);
              bin_count = 0;
            }
          bin_count++;
          peak = MAX (peak, bin_count);
        }
      average = n / ((double) last_ns / 1e9);
      g_test_message ("rate %u, burst %.0f: average %.0f/s, peak %.0f/s", cases[c].rate, cases[c].burst,
                      average, peak / bin_s);
      /* 100,000/s are over too soon to see more than a burst or two */
      if (c < 3)
        g_assert_cmpfloat_with_epsilon (average, cases[c].rate, cases[c].rate * 0.1);
      if (cases[c].burst > 1)
        g_assert_cmpfloat (peak / bin_s, >, cases[c].rate * cases[c].burst * 0.7);
      if (c == 1)
        g_assert_cmpfloat (peak / bin_s, <, cases[c].rate * 1.4);
    }
}

static void
test_believable (void)
{
  enum
  {
    N = 1000
  };
  g_autoptr (SynMarket) market = syn_market_new (N, 20000, 4, 77);
  static guint64 counts[N];
  static gint64 last[N], low[N], high[N];
  guint64 venues[8] = { 0 }, buys = 0, round_lots = 0, small = 0, moved = 0, far = 0;
  guint n = 2000000, n_traded = 0;
  SynTrade trade;

  g_assert_cmpuint (syn_market_get_n_venues (), ==, 8);
  for (guint i = 0; i < n; i++)
    {
      guint k;

      syn_market_next (market, &trade);
      k = trade.instrument;
      g_assert_cmpuint (k, <, N);
      g_assert_cmpint (trade.price_ticks, >, 0);
      if (counts[k]++ == 0)
        low[k] = high[k] = trade.price_ticks;
      else
        moved += trade.price_ticks != last[k];
      low[k] = MIN (low[k], trade.price_ticks);
      high[k] = MAX (high[k], trade.price_ticks);
      last[k] = trade.price_ticks;
      venues[trade.venue]++;
      buys += trade.buy;
      round_lots += trade.size % 100 == 0;
      small += trade.size <= 300;
    }
  for (guint k = 0; k < N; k++)
    {
      n_traded += counts[k] > 0;
      far += counts[k] > 0 && high[k] > low[k] * 3 / 2 + 50;
    }
  g_test_message (
      "traded %u of %u, most active %.1f %%, prices moved in %.0f %% of trades, %" G_GUINT64_FORMAT " far",
      n_traded, N, 100.0 * (double) counts[0] / n, 100.0 * (double) moved / n, far);
  g_assert_cmpuint (n_traded, >, N * 9 / 10);
  /* Zipf: 1/3 of 1/3 + 1/4 + … + 1/1002, about 6 %; the hundredth a thirtieth of the first */
  g_assert_cmpfloat_with_epsilon ((double) counts[0] / n, 0.059, 0.02);
  g_assert_cmpuint (counts[99] * 10, <, counts[0]);
  for (guint v = 0; v < 8; v++)
    g_assert_cmpuint (venues[v], >, n / 200);
  g_assert_cmpfloat_with_epsilon ((double) buys / n, 0.5, 0.05);
  g_assert_cmpuint (round_lots, ==, n);
  g_assert_cmpuint (small, >, n * 3 / 4);
  g_assert_cmpuint (moved, >, n / 4);
  /* prices stay in the neighbourhood for the minutes that this is */
  g_assert_cmpuint (far, <, N / 50);
}

/* ---- the source ---- */

#define CATALOG(rest)                                                                                        \
  "{'sources':[{'name':'s','kind':'simulator','instruments':50,'seed':7," rest "}],"                         \
  "'projections':[{'name':'p','from':'s','key':['symbol'],'columns':{'last':'last(price)'}}]}"

static void
test_any_tick (void)
{
  static const guint steps_ms[] = { 1, 7, 20, 333, 5000 };
  g_autofree char *first = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (steps_ms); i++)
    {
      g_autoptr (Fixture) fixture =
          fixture_new (CATALOG ("'rate':500,'burst':4,'limit':2000,'start':'2024-05-01T14:30:00Z'"), "/");

      for (guint ms = 0; ms < 10000; ms += steps_ms[i])
        syn_silo_advance (fixture->silo, steps_ms[i]);
      fixture_assert_status (fixture, "s", "finished 2000 in flight 0");
      if (first == NULL)
        first = g_strdup (fixture_applied (fixture, "p"));
      g_assert_cmpstr (fixture_applied (fixture, "p"), ==, first);
    }
  g_assert_nonnull (strstr (first, "2024-05-01T14:30:00."));
}

static void
test_real_time (void)
{
  g_autoptr (Fixture) fixture = fixture_new (CATALOG ("'rate':100,'burst':1"), "/");
  g_autoptr (GError) error = NULL;
  SynSourceStatus *status;

  syn_silo_advance (fixture->silo, 60000);
  status = fixture_call (fixture, "s", SYN_SOURCE_STATUS, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (status->sequence, >, 5500);
  g_assert_cmpuint (status->sequence, <, 6500);
  g_assert_false (status->finished);
  syn_source_status_free (status);
  /* of now: the stepped silo's */
  g_assert_nonnull (strstr (fixture_applied (fixture, "p"), "2023-11-14T22:13:20."));
}

static void
test_max_speed (void)
{
  g_autoptr (Fixture) fixture = fixture_new (
      CATALOG ("'rate':500,'burst':4,'limit':100000,'speed':'max','start':'2024-05-01T14:30:00Z'"), "/");

  syn_silo_advance (fixture->silo, 1);
  fixture_assert_status (fixture, "s", "finished 100000 in flight 0");
  for (guint i = 0; i < fixture->sizes->len; i++)
    g_assert_cmpuint (g_array_index (fixture->sizes, guint, i), <=, 4096);
}

/* A projection that does not keep up holds the market back; then it goes on where it was. */
static void
test_back_pressure (void)
{
  g_autofree char *all = NULL;

  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (Fixture) fixture = NULL;
      SynMessage *message;

      fixture_starts_held = round == 1;
      fixture =
          fixture_new (CATALOG ("'rate':1000,'burst':1,'limit':1000,'start':'2024-05-01T14:30:00Z'"), "/");
      fixture_starts_held = FALSE;
      syn_silo_advance (fixture->silo, 2000);
      if (round == 0)
        all = g_strdup (fixture_applied (fixture, "p"));
      else
        {
          g_autofree char *status = fixture_status (fixture, "s");

          g_assert_true (g_str_has_suffix (status, "in flight 8"));
          fixture->hold = FALSE;
          while ((message = syn_message_list_pop (&fixture->held)) != NULL)
            syn_message_reply (message, NULL, NULL);
          syn_silo_advance (fixture->silo, 100);
        }
      fixture_assert_status (fixture, "s", "finished 1000 in flight 0");
      g_assert_cmpstr (fixture_applied (fixture, "p"), ==, all);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/simulator/repeatable", test_repeatable);
  g_test_add_func ("/simulator/golden", test_golden);
  g_test_add_func ("/simulator/symbols", test_symbols);
  g_test_add_func ("/simulator/rate", test_rate);
  g_test_add_func ("/simulator/believable", test_believable);
  g_test_add_func ("/simulator/any-tick", test_any_tick);
  g_test_add_func ("/simulator/real-time", test_real_time);
  g_test_add_func ("/simulator/max-speed", test_max_speed);
  g_test_add_func ("/simulator/back-pressure", test_back_pressure);
  return g_test_run ();
}
