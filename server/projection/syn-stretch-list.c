/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is stretched, and how busy lanes are, over all of them: for /v1/status and /v1/projections.
 *
 * What is stretched belongs to its lane, so each lane is sent a parcel that notes what it has and comes back; the last one to come back has all. On the
 * front lane, but for noting. Rejected: a table of all beside the lanes' own (a lock where snapshots are made, for a page that is looked at now and then). */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-limits.h"
#include "syn-load.h"
#include "syn-silo.h"
#include "syn-stretch-private.h"

#include <string.h>

typedef struct {
  SynStretchLane *lanes; /* (owned) */
  GPtrArray *entries;    /* (owned) */
  guint64 n_more;
  guint max_entries;
  guint n_out;           /* parcels that are not back */
  SynStretchListFunc func;
  gpointer user_data;
} List;

/* To a lane and back. */
typedef struct {
  SynParcel parcel;
  List *list; /* looked at on the front lane only */
  guint index, max_entries;
  SynStretchLane lane;
  GPtrArray *entries; /* (owned) */
} Errand;

static void
entry_free (gpointer data)
{
  SynStretchEntry *entry = data;

  g_free (entry->type);
  g_free (entry->key);
  g_free (entry);
}

static int
compare_items (gconstpointer a, gconstpointer b)
{
  const SynStretched *one = *(SynStretched *const *) a, *other = *(SynStretched *const *) b;

  if (one->factor != other->factor)
    return one->factor > other->factor ? -1 : 1;
  return one->n_readers == other->n_readers ? 0 : one->n_readers > other->n_readers ? -1 : 1;
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const SynStretchEntry *one = *(SynStretchEntry *const *) a, *other = *(SynStretchEntry *const *) b;

  if (one->factor != other->factor)
    return one->factor > other->factor ? -1 : 1;
  if (one->n_readers != other->n_readers)
    return one->n_readers > other->n_readers ? -1 : 1;
  return strcmp (one->key, other->key);
}

static SynStretchEntry *
entry_new (const SynStretched *item, guint lane)
{
  SynStretchEntry *entry = g_new0 (SynStretchEntry, 1);

  entry->type = g_strdup (syn_grain_get_type_name (item->grain));
  entry->key = g_strdup (syn_grain_get_key (item->grain));
  entry->lane = lane;
  entry->factor = item->factor;
  entry->interval_ms = item->base_ms * item->factor;
  entry->since_us = item->since_us;
  entry->n_readers = item->n_readers;
  entry->cpu_permille = (guint) MIN (item->rate_us / 1000, 1000);
  entry->busy_permille = item->busy_permille;
  return entry;
}

static void
note (Errand *errand, SynLane *lane)
{
  SynStretch *set = syn_lane_get_slot (lane, SYN_LANE_SLOT_STRETCH);
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  SynLoadShare share;

  errand->lane.worst_factor = 1;
  errand->lane.is_known = syn_load_look_back (syn_lane_get_load (lane), SYN_STRETCH_AFTER_MS * 1000, 0, &share);
  if (errand->lane.is_known)
    {
      errand->lane.busy_permille = share.permille;
      errand->lane.had_permille = share.had_permille;
    }
  if (set == NULL || set->n_stretched == 0)
    return;
  for (SynStretched *item = set->items; item != NULL; item = item->next)
    if (item->factor > 1)
      g_ptr_array_add (found, item);
  g_ptr_array_sort (found, compare_items);
  errand->lane.n_stretched = found->len;
  errand->lane.worst_factor = ((const SynStretched *) found->pdata[0])->factor;
  for (guint i = 0; i < MIN (found->len, errand->max_entries); i++)
    g_ptr_array_add (errand->entries, entry_new (found->pdata[i], errand->index));
}

static void
finish (List *list)
{
  g_ptr_array_sort (list->entries, compare_entries);
  if (list->entries->len > list->max_entries)
    {
      list->n_more += list->entries->len - list->max_entries;
      g_ptr_array_set_size (list->entries, (int) list->max_entries);
    }
  list->func (list->lanes, list->entries, list->n_more, list->user_data);
  g_ptr_array_unref (list->entries);
  g_free (list->lanes);
  g_free (list);
}

static void
come_back (SynLane *lane, SynParcel *parcel)
{
  Errand *errand = (Errand *) parcel;
  List *list = errand->list;

  list->lanes[errand->index] = errand->lane;
  list->n_more += errand->lane.n_stretched - errand->entries->len;
  g_ptr_array_extend_and_steal (list->entries, g_steal_pointer (&errand->entries));
  g_free (errand);
  if (--list->n_out == 0)
    finish (list);
}

static void
go_there (SynLane *lane, SynParcel *parcel)
{
  note ((Errand *) parcel, lane);
  parcel->run = come_back;
  syn_lane_post (syn_silo_get_front_lane (syn_lane_get_silo (lane)), parcel);
}

static void
send_errand (List *list, SynLane *lane, guint index)
{
  Errand *errand = g_new0 (Errand, 1);

  errand->parcel.run = go_there;
  errand->list = list;
  errand->index = index;
  errand->max_entries = list->max_entries;
  errand->entries = g_ptr_array_new_with_free_func (entry_free);
  list->n_out++;
  syn_lane_post (lane, &errand->parcel);
}

void
syn_stretch_list (SynSilo *silo, guint max_entries, SynStretchListFunc func, gpointer user_data)
{
  guint n_lanes = syn_silo_get_n_lanes (silo);
  List *list = g_new0 (List, 1);

  list->lanes = g_new0 (SynStretchLane, n_lanes + 1);
  list->entries = g_ptr_array_new_with_free_func (entry_free);
  list->max_entries = max_entries;
  list->func = func;
  list->user_data = user_data;
  for (guint i = 0; i < n_lanes; i++)
    send_errand (list, syn_silo_get_lane (silo, i), i);
  send_errand (list, syn_silo_get_front_lane (silo), n_lanes);
}
