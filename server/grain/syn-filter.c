/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The filters of a silo: around each request, in a chain. On the receiving lane. Without filters a request looks at one number. */
#define G_LOG_DOMAIN "syn-filter"

#include "syn-silo-private.h"

void
syn_silo_add_filter (SynSilo *silo, const SynFilter *filter, gpointer user_data)
{
  g_return_if_fail (!silo->started);
  g_return_if_fail (silo->n_filters < SYN_MAX_FILTERS);
  silo->filters[silo->n_filters++] = (SynSiloFilter) { *filter, user_data };
  silo->times_requests = silo->times_requests || (filter->after != NULL && !filter->untimed);
  silo->times_turns = silo->times_turns || filter->turn != NULL;
}

static SynCallInfo
info_of (SynGrain *grain, int method)
{
  return (SynCallInfo) { .type = grain->kind->type.name, .key = grain->key, .method = method };
}

gboolean
syn_filters_before (SynMessage *message, GError **error)
{
  SynGrain *grain = message->to.grain;
  SynSilo *silo = grain->lane->silo;
  SynCallInfo info = info_of (grain, message->method);

  message->v.begun_us = silo->times_requests ? syn_lane_look_at_clock_us (grain->lane) : 0;
  for (guint i = 0; i < silo->n_filters; i++)
    {
      const SynSiloFilter *filter = &silo->filters[i];

      if (filter->filter.before != NULL && !filter->filter.before (&info, filter->user_data, error))
        return FALSE;
      message->n_filters = (guint8) (i + 1);
    }
  return TRUE;
}

void
syn_filters_after (SynMessage *message, const GError *error)
{
  SynGrain *grain = message->to.grain;
  SynSilo *silo = grain->lane->silo;
  SynCallInfo info = info_of (grain, message->method);
  gint64 elapsed_us = silo->times_requests ? syn_lane_look_at_clock_us (grain->lane) - message->v.begun_us : 0;

  for (guint i = message->n_filters; i-- > 0;)
    if (silo->filters[i].filter.after != NULL)
      silo->filters[i].filter.after (&info, elapsed_us, error, silo->filters[i].user_data);
}

void
syn_filters_turn (const SynTurn *turn)
{
  SynLane *lane = turn->grain->lane;
  SynSilo *silo = lane->silo;
  SynCallInfo info = info_of (turn->grain, turn->method);
  gint64 turn_us;

  lane->turn_end_us = syn_lane_look_at_clock_us (lane);
  turn_us = lane->turn_end_us - turn->start_us;

  for (guint i = 0; i < silo->n_filters; i++)
    if (silo->filters[i].filter.turn != NULL)
      silo->filters[i].filter.turn (&info, turn_us, silo->filters[i].user_data);
}
