/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A simulated market: an endless stream of trades that is a function of its parameters alone, to the last
 * bit, on any machine: trades are made by integer arithmetic only. One thread at a time. */

G_BEGIN_DECLS

typedef struct
{
  guint64 offset_ns; /* of event time, from the start; never less than the one before */
  guint instrument;
  guint venue;
  gint64 price_ticks; /* in hundredths */
  gint64 size;
  gboolean buy;
} SynTrade;

typedef struct _SynMarket SynMarket;

/* @rate: trades a second on average; @burst: the peak of a burst as a multiple of it, 1: none. */
SynMarket *syn_market_new (guint instruments, guint rate, double burst, guint64 seed);
void syn_market_free (SynMarket *self);
void syn_market_next (SynMarket *self, SynTrade *trade);
const char *syn_market_get_symbol (SynMarket *self, guint instrument);
const char *syn_market_get_venue (guint venue);
guint syn_market_get_n_venues (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynMarket, syn_market_free)

G_END_DECLS
