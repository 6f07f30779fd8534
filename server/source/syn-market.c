/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A believable market. What it has of a real one: a few instruments have most of the trades (Zipf); prices
 * are geometric random walks in ticks of 0.01, each with its own volatility, pulled back softly to where they
 * began, so that a day of it still looks like a day; buyers pay the ask and sellers get the bid; sizes are
 * round lots, mostly small; trades come in a Poisson stream that has bursts, in which one instrument is in
 * the news: it jumps, trades most, and comes back.
 *
 * The random numbers are xoshiro256** seeded by splitmix64 (D. Blackman, S. Vigna, "Scrambled linear
 * pseudorandom number generators", ACM TOMS 2021; G. Steele et al., "Fast splittable pseudorandom number
 * generators", OOPSLA 2014), written from the published algorithms: GRand is the slower Mersenne Twister.
 * Rejected: floating point on the way (contraction and libm differ between machines: the same seed would not
 * be the same market).
 */
#include "syn-market.h"

#include <math.h>
#include <string.h>

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)
#define E8_PER_TICK 1000000 /* prices are kept in 10^-8 */
#define DAY_S 23400         /* a trading day of 6.5 h, for which the volatility holds */
#define N_GAPS 1024
#define BURST_NS NS_PER_S /* a burst's mean length */
#define BURST_SHARE 0.2   /* of all events are in bursts */

typedef struct
{
  char symbol[8];
  gint64 price_e8, anchor_e8; /* the middle, and what it is pulled back to */
  gint64 shock_e8;            /* news: added to the middle, fading */
  gint64 sigma_2p40;          /* of one step, relative */
  gint64 pull_2p40;           /* of one step */
  gint64 half_spread_2p32;    /* relative */
  guint8 primary;             /* venue */
  gboolean last_buy;
} Instrument;

struct _SynMarket
{
  guint64 random[4];
  guint n;
  Instrument *instruments;   /* (owned) */
  guint32 *keep_2p32;        /* (owned): Walker's alias table: keep the instrument drawn, … */
  guint32 *alias;            /* (owned): … or take this one */
  guint32 gaps_2p16[N_GAPS]; /* quantiles of the exponential distribution of mean 1 */
  guint64 calm_gap_ns, burst_gap_ns, calm_ns;
  guint64 now_ns, switch_ns;
  gboolean bursts, in_burst;
  guint hot;
};

static const char *const venues[] = { "XNAS", "XNYS", "ARCX", "BATS", "EDGX", "MEMX", "IEXG", "XCHI" };
/* Where trades go that are not at the primary venue. */
static const guint8 other_venues[16] = { 0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7 };
/* Of 256 trades, so many are of that size or smaller. */
static const struct
{
  guint upto;
  guint size;
} sizes[] = { { 120, 100 },  { 176, 200 },  { 204, 300 },  { 218, 400 },  { 234, 500 },
              { 246, 1000 }, { 251, 2000 }, { 254, 5000 }, { 256, 10000 } };

static guint64
split_mix (guint64 *state)
{
  guint64 z = (*state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline guint64
rotate_left (guint64 x, guint k)
{
  return (x << k) | (x >> (64 - k));
}

static inline guint64
next_random (SynMarket *self)
{
  guint64 *s = self->random, result = rotate_left (s[1] * 5, 7) * 9, t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left (s[3], 45);
  return result;
}

/* Normal, mean 0, standard deviation 2^16: the sum of four uniform numbers (Irwin–Hall), scaled. */
static inline gint64
normal_2p16 (guint64 r)
{
  gint64 sum =
      (gint64) (r & 0xffff) + (gint64) (r >> 16 & 0xffff) + (gint64) (r >> 32 & 0xffff) + (gint64) (r >> 48);

  return ((sum - 131070) * 113512) >> 16;
}

/* ---- making a market ---- */

static void
make_symbol (SynMarket *self, GHashTable *taken, Instrument *instrument)
{
  static const char letters[] = "AAAABBBCCCCDDDEEEEFFGGGHHHIIIJKKLLLLMMMMNNNOOOPPPQRRRRSSSSTTTTUUVVWWXXYZ";
  guint64 r = next_random (self);
  guint kind = (guint) (r % 100),
        length = kind < 2    ? 1
                 : kind < 12 ? 2
                 : kind < 50 ? 3
                 : kind < 92 ? 4
                             : 5,
        tries = 0;

  do
    {
      if (++tries % 8 == 0 && length < 5)
        length++;
      r = next_random (self);
      for (guint i = 0; i < length; i++, r >>= 12)
        instrument->symbol[i] = letters[(r & 0xfff) % (sizeof letters - 1)];
      instrument->symbol[length] = '\0';
    }
  while (g_hash_table_contains (taken, instrument->symbol));
  g_hash_table_add (taken, instrument->symbol);
}

/* Weights 1 / (rank + 3) as a table to draw from in one step (A. J. Walker 1977; built as M. D. Vose 1991
 * does). */
static void
make_alias (SynMarket *self, guint64 *weights)
{
  g_autofree guint *small = g_new (guint, self->n), *large = g_new (guint, self->n);
  g_autofree unsigned __int128 *scaled = g_new (unsigned __int128, self->n);
  guint n_small = 0, n_large = 0;
  unsigned __int128 total = 0;

  self->keep_2p32 = g_new (guint32, self->n);
  self->alias = g_new (guint32, self->n);
  for (guint i = 0; i < self->n; i++)
    total += weights[i];
  for (guint i = 0; i < self->n; i++)
    {
      scaled[i] = (unsigned __int128) weights[i] * self->n;
      if (scaled[i] < total)
        small[n_small++] = i;
      else
        large[n_large++] = i;
    }
  while (n_small > 0 && n_large > 0)
    {
      guint s = small[--n_small], l = large[n_large - 1];

      self->keep_2p32[s] = (guint32) ((scaled[s] << 32) / total);
      self->alias[s] = l;
      scaled[l] -= total - scaled[s];
      if (scaled[l] < total)
        {
          n_large--;
          small[n_small++] = l;
        }
    }
  for (; n_large > 0; n_large--)
    {
      self->keep_2p32[large[n_large - 1]] = G_MAXUINT32;
      self->alias[large[n_large - 1]] = large[n_large - 1];
    }
  for (; n_small > 0; n_small--)
    {
      self->keep_2p32[small[n_small - 1]] = G_MAXUINT32;
      self->alias[small[n_small - 1]] = small[n_small - 1];
    }
}

static void
make_instruments (SynMarket *self, guint rate)
{
  g_autoptr (GHashTable) taken = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree guint64 *weights = g_new (guint64, self->n);
  double total = 0;

  for (guint i = 0; i < self->n; i++)
    {
      weights[i] = (G_GUINT64_CONSTANT (1) << 40) / (i + 3);
      total += (double) weights[i];
    }
  for (guint i = 0; i < self->n; i++)
    {
      Instrument *instrument = &self->instruments[i];
      guint64 r, u;
      double steps, day_sigma;

      make_symbol (self, taken, instrument);
      r = next_random (self);
      /* 3 to 603, most of them low */
      u = r & 0xffff;
      instrument->price_e8 = (gint64) (300 + (((u * u >> 16) * u >> 16) * 60000 >> 16)) * E8_PER_TICK;
      instrument->anchor_e8 = instrument->price_e8;
      instrument->primary = r >> 16 & 1;
      instrument->half_spread_2p32 =
          (gint64) (2 + (r >> 20 & 0x7) + MIN (i / 64, 20)) * 42950; /* 0.1 bp each */
      instrument->last_buy = r >> 24 & 1;
      /* 0.8 to 3.2 % a day, in as many steps as it will have trades: square roots and divisions round alike
       * everywhere. */
      day_sigma = 0.008 + (double) (r >> 32 & 0xff) * 0.024 / 255;
      steps = MAX (1.0, (double) rate * DAY_S * (double) weights[i] / total);
      instrument->sigma_2p40 = (gint64) (day_sigma / sqrt (steps) * (double) (G_GINT64_CONSTANT (1) << 40));
      instrument->pull_2p40 = (gint64) ((double) (G_GINT64_CONSTANT (1) << 39) / MAX (steps, 4.0));
    }
  make_alias (self, weights);
}

static guint64
draw_gap_ns (SynMarket *self, guint64 mean_ns)
{
  return (guint64) (((unsigned __int128) self->gaps_2p16[next_random (self) >> 54] * mean_ns) >> 16);
}

static guint
draw_instrument (SynMarket *self)
{
  guint64 r = next_random (self);
  guint i = (guint) (((r >> 32) * self->n) >> 32);

  return (guint32) r < self->keep_2p32[i] ? i : self->alias[i];
}

static void
switch_regime (SynMarket *self)
{
  self->now_ns = self->switch_ns;
  self->in_burst = !self->in_burst;
  self->switch_ns += MAX (1, draw_gap_ns (self, self->in_burst ? BURST_NS : self->calm_ns));
  if (self->in_burst)
    {
      Instrument *hot = &self->instruments[self->hot = draw_instrument (self)];
      guint64 r = next_random (self);
      gint64 jump = hot->price_e8 / 1024 * (gint64) (4 + (r & 0xf)); /* 0.4 to 1.9 % */

      hot->shock_e8 += r & 0x10 ? jump : -jump;
    }
}

SynMarket *
syn_market_new (guint instruments, guint rate, double burst, guint64 seed)
{
  SynMarket *self = g_new0 (SynMarket, 1);

  self->n = MAX (1, instruments);
  rate = MAX (1, rate);
  for (guint i = 0; i < 4; i++)
    self->random[i] = split_mix (&seed);
  /* Rounded to 16 bits, which no libm's last digit reaches. */
  for (guint i = 0; i < N_GAPS; i++)
    self->gaps_2p16[i] = (guint32) (-log ((i + 0.5) / N_GAPS) * 65536 + 0.5);
  self->instruments = g_new0 (Instrument, self->n);
  make_instruments (self, rate);

  self->bursts = burst > 1;
  self->switch_ns = G_MAXUINT64;
  self->calm_gap_ns = MAX (1, NS_PER_S / rate);
  if (self->bursts)
    {
      /* The time in bursts is so short, and the calm so much calmer, that the average is the rate. */
      double in_bursts = BURST_SHARE / burst, calm = (1 - BURST_SHARE) / (1 - in_bursts);

      self->calm_gap_ns = MAX (1, (guint64) ((double) NS_PER_S / (rate * calm)));
      self->burst_gap_ns = MAX (1, (guint64) ((double) NS_PER_S / (rate * burst)));
      self->calm_ns = (guint64) ((double) BURST_NS * (1 - in_bursts) / in_bursts);
      self->switch_ns = MAX (1, draw_gap_ns (self, self->calm_ns));
    }
  return self;
}

void
syn_market_free (SynMarket *self)
{
  g_free (self->instruments);
  g_free (self->keep_2p32);
  g_free (self->alias);
  g_free (self);
}

/* ---- trades ---- */

/* One step of the walk; the price at which the trade happens. */
static gint64
trade_price (Instrument *instrument, gint64 z_2p16, gboolean buy)
{
  gint64 middle, half;

  instrument->price_e8 +=
      (gint64) (((__int128) instrument->price_e8 * instrument->sigma_2p40 >> 28) * z_2p16 >> 28);
  instrument->price_e8 +=
      (gint64) ((__int128) (instrument->anchor_e8 - instrument->price_e8) * instrument->pull_2p40 >> 40);
  instrument->price_e8 = MAX (instrument->price_e8, 10 * E8_PER_TICK);
  instrument->shock_e8 -= instrument->shock_e8 / 64;

  middle = MAX (instrument->price_e8 + instrument->shock_e8, 5 * E8_PER_TICK);
  half = MAX (E8_PER_TICK / 2, (gint64) ((__int128) middle * instrument->half_spread_2p32 >> 32));
  if (buy)
    return (middle + half + E8_PER_TICK - 1) / E8_PER_TICK;
  return MAX (1, (middle - half) / E8_PER_TICK);
}

void
syn_market_next (SynMarket *self, SynTrade *trade)
{
  guint64 gap_ns = draw_gap_ns (self, self->in_burst ? self->burst_gap_ns : self->calm_gap_ns), r;
  Instrument *instrument;
  guint s = 0;

  /* An exponential gap forgets: what is left of it after a change of regime is drawn anew. */
  while (self->now_ns + gap_ns >= self->switch_ns)
    {
      switch_regime (self);
      gap_ns = draw_gap_ns (self, self->in_burst ? self->burst_gap_ns : self->calm_gap_ns);
    }
  self->now_ns += gap_ns;

  r = next_random (self);
  trade->offset_ns = self->now_ns;
  trade->instrument = self->in_burst && (r & 0x3) == 0 ? self->hot : draw_instrument (self);
  instrument = &self->instruments[trade->instrument];
  /* Large orders are cut up: the side of a trade is likely that of the one before. */
  trade->buy = (r >> 2 & 0x7) < 5 ? instrument->last_buy : !instrument->last_buy;
  instrument->last_buy = trade->buy;
  trade->venue = (r >> 5 & 0xf) < 7 ? instrument->primary : other_venues[r >> 9 & 0xf];
  while ((r >> 13 & 0xff) >= sizes[s].upto)
    s++;
  trade->size = sizes[s].size;
  trade->price_ticks = trade_price (instrument, normal_2p16 (next_random (self)), trade->buy);
}

const char *
syn_market_get_symbol (SynMarket *self, guint instrument)
{
  return self->instruments[instrument].symbol;
}

const char *
syn_market_get_venue (guint venue)
{
  return venues[venue];
}

guint
syn_market_get_n_venues (void)
{
  return G_N_ELEMENTS (venues);
}
