/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sources of kind "simulator", on the grain's lane: plays a simulated market by a timer of the lane. The
 * market decides when in event time a trade happens; the timer only decides how many of them are due, so that
 * the stream does not depend on how the silo runs. Idle between trades of a quiet market; at most 16,384
 * events a turn in a busy one.
 */
#define G_LOG_DOMAIN "synoptic-source"

#include "syn-source-private.h"
#include "syn-builtin-fields.h"
#include "syn-market.h"

#define TICK_MS 20
#define MAX_TURN_EVENTS 16384
#define MAX_FAST_EVENTS 4096
#define MAX_IN_FLIGHT 8
#define MAX_BEHIND_US G_GINT64_CONSTANT (5000000) /* a machine that slept does not play what it missed */
#define MAX_ARM_MS 3600000

typedef struct
{
  SynSource *source;
  SynMarket *market; /* (owned) */
  SynTimer timer;
  SynTrade next;
  guint64 n_events;
  gint64 origin_ms; /* the lane's clock at the start of event time */
  gint64 start_us;  /* event time of it */
  gint64 price_factor;
  gboolean blocked; /* by batches in flight */
} SynSimulator;

static void
put_trade (SynSimulator *self)
{
  SynEventBuilder *builder = self->source->builder;
  const SynTrade *trade = &self->next;
  const char *symbol = syn_market_get_symbol (self->market, trade->instrument);
  const char *venue = syn_market_get_venue (trade->venue);

  syn_event_builder_put_string (builder, SYN_SIMULATOR_SYMBOL, symbol, strlen (symbol));
  syn_event_builder_put_string (builder, SYN_SIMULATOR_VENUE, venue, strlen (venue));
  syn_event_builder_put_wide (builder, SYN_SIMULATOR_PRICE, trade->price_ticks * self->price_factor);
  syn_event_builder_put_wide (builder, SYN_SIMULATOR_SIZE, trade->size);
  syn_event_builder_put_string (builder, SYN_SIMULATOR_SIDE, trade->buy ? "buy" : "sell", trade->buy ? 3 : 4);
  syn_event_builder_put_wide (builder, SYN_SIMULATOR_TIME,
                              self->start_us + (gint64) (trade->offset_ns / 1000));
  syn_event_builder_put_event (builder);
  self->n_events++;
  syn_market_next (self->market, &self->next);
}

static gboolean
is_done (SynSimulator *self)
{
  return self->source->spec->limit != 0 && self->n_events >= self->source->spec->limit;
}

/* Plays what is due up to @until_us of event time. */
static void
play (SynSimulator *self, gint64 until_us, guint max_events)
{
  SynEventBatch *batch;

  for (guint n = 0; n < max_events && !is_done (self) && (gint64) (self->next.offset_ns / 1000) <= until_us;
       n++)
    put_trade (self);
  batch = syn_event_builder_take (self->source->builder);
  if (batch != NULL)
    syn_source_deliver (self->source, batch);
}

static void
tick (SynTimer *timer, gpointer user_data)
{
  SynSimulator *self = user_data;
  const SynSourceSpec *spec = self->source->spec;
  gint64 elapsed_us, behind_us, wait_ms = 0;

  self->blocked = self->source->in_flight >= MAX_IN_FLIGHT;
  if (self->blocked)
    return; /* until one is acknowledged */

  if (spec->speed <= 0)
    {
      play (self, G_MAXINT64, MAX_FAST_EVENTS);
      wait_ms = self->source->n_feeds > 0 ? 0 : TICK_MS; /* when nobody takes them, there is no hurry */
    }
  else
    {
      gint64 now_ms = syn_lane_now_ms (self->source->lane);

      elapsed_us = (gint64) ((double) (now_ms - self->origin_ms) * 1000.0 * spec->speed);
      behind_us = elapsed_us - (gint64) (self->next.offset_ns / 1000);
      if (behind_us > MAX_BEHIND_US)
        {
          gint64 skipped_ms = (gint64) ((double) behind_us / 1000.0 / spec->speed);

          self->origin_ms += skipped_ms;
          elapsed_us -= behind_us;
          if (spec->start_us == 0)
            self->start_us += skipped_ms * 1000;
        }
      play (self, elapsed_us, MAX_TURN_EVENTS);
      wait_ms =
          (gint64) ((double) ((gint64) (self->next.offset_ns / 1000) - elapsed_us) / 1000.0 / spec->speed)
          + 1;
      if (wait_ms > 0)
        wait_ms = CLAMP (wait_ms, TICK_MS, MAX_ARM_MS);
    }

  if (is_done (self))
    self->source->exhausted = TRUE;
  else
    syn_lane_arm (self->source->lane, &self->timer, (guint) MAX (wait_ms, 0), tick, self);
}

static gpointer
simulator_start (SynSource *source)
{
  const SynSourceSpec *spec = source->spec;
  SynSimulator *self = g_new0 (SynSimulator, 1);
  guint scale = spec->fields[SYN_SIMULATOR_PRICE].scale;

  self->source = source;
  self->market = syn_market_new (spec->instruments, spec->rate, spec->burst, spec->seed);
  self->start_us = spec->start_us != 0 ? spec->start_us : syn_lane_real_us (source->lane);
  self->origin_ms = syn_lane_now_ms (source->lane);
  for (self->price_factor = 1; scale > 2; scale--)
    self->price_factor *= 10;
  syn_market_next (self->market, &self->next);
  syn_lane_arm (source->lane, &self->timer, 0, tick, self);
  return self;
}

static void
simulator_stop (SynSource *source, gpointer state)
{
  SynSimulator *self = state;

  syn_lane_disarm (source->lane, &self->timer);
  syn_market_free (self->market);
  g_free (self);
}

static void
simulator_acknowledged (SynSource *source, gpointer state)
{
  SynSimulator *self = state;

  if (self->blocked)
    {
      self->blocked = FALSE;
      syn_lane_arm (source->lane, &self->timer, 0, tick, self);
    }
}

const SynSourceClass syn_source_simulator_class = { simulator_start, simulator_stop, simulator_acknowledged };
