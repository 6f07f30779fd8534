/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which questions have readers, over all lanes: for /v1/status.
 *
 * A beacon belongs to its lane, so each lane is sent a parcel that notes what it has and comes back; the last one
 * to come back has all. On the front lane, but for noting. Rejected: a table of all questions beside the beacons (a lock on
 * the path of every poll, for a page that is looked at now and then). */
#define G_LOG_DOMAIN "syn-beacon"

#include "syn-beacon-private.h"
#include "replica-hash.h"

#include <string.h>

typedef struct {
  GHashTable *by_path; /* (owned): path → SynBeaconEntry (owned) */
  guint64 n_more;
  guint max_entries;
  guint n_out; /* parcels that are not back */
  SynBeaconsFunc func;
  gpointer user_data;
} List;

/* To a lane and back. */
typedef struct {
  SynParcel parcel;
  List *list; /* looked at on the front lane only */
  const char *type;
  guint max_entries;
  GPtrArray *entries; /* (owned) */
  guint64 n_more;
} Errand;

static void
entry_free (gpointer data)
{
  SynBeaconEntry *entry = data;

  if (entry == NULL)
    return; /* taken */
  g_free (entry->path);
  g_free (entry);
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const SynBeaconEntry *one = *(SynBeaconEntry *const *) a, *other = *(SynBeaconEntry *const *) b;

  if (one->n_readers != other->n_readers)
    return one->n_readers > other->n_readers ? -1 : 1;
  return strcmp (one->path, other->path);
}

/* Where the one with the fewest readers stands. */
static guint
find_least (const GPtrArray *beacons)
{
  guint least = 0;

  for (guint i = 1; i < beacons->len; i++)
    if (((const SynBeacon *) beacons->pdata[i])->n_readers < ((const SynBeacon *) beacons->pdata[least])->n_readers)
      least = i;
  return least;
}

/* Those with the most readers, of however many. */
static void
note_beacons (Errand *errand, SynBeaconSet *set)
{
  g_autoptr (GPtrArray) most = g_ptr_array_sized_new (errand->max_entries);
  guint least = 0;
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, set->by_name);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      SynBeacon *beacon = value;

      if (strcmp (beacon->type, errand->type) != 0)
        continue;
      if (most->len < errand->max_entries)
        g_ptr_array_add (most, beacon);
      else
        {
          errand->n_more++;
          if (most->len == 0 || ((SynBeacon *) most->pdata[least])->n_readers >= beacon->n_readers)
            continue;
          most->pdata[least] = beacon;
        }
      if (most->len == errand->max_entries)
        least = find_least (most);
    }
  for (guint i = 0; i < most->len; i++)
    {
      const SynBeacon *beacon = most->pdata[i];
      SynBeaconEntry *entry = g_new0 (SynBeaconEntry, 1);

      entry->path = g_strdup (beacon->path);
      entry->n_readers = beacon->n_readers;
      entry->n_waiting = beacon->n_waiters;
      entry->n_lanes = 1;
      g_ptr_array_add (errand->entries, entry);
    }
}

static void
finish (List *list)
{
  g_autoptr (GPtrArray) entries = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, list->by_path);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    g_ptr_array_add (entries, entry);
  g_ptr_array_sort (entries, compare_entries);
  if (entries->len > list->max_entries)
    {
      list->n_more += entries->len - list->max_entries;
      g_ptr_array_set_size (entries, (int) list->max_entries);
    }
  list->func (entries, list->n_more, list->user_data);
  g_hash_table_unref (list->by_path);
  g_free (list);
}

static void
come_back (SynLane *lane, SynParcel *parcel)
{
  Errand *errand = (Errand *) parcel;
  List *list = errand->list;

  for (guint i = 0; i < errand->entries->len; i++)
    {
      SynBeaconEntry *entry = errand->entries->pdata[i], *known = g_hash_table_lookup (list->by_path, entry->path);

      if (known == NULL)
        {
          errand->entries->pdata[i] = NULL;
          g_hash_table_insert (list->by_path, entry->path, entry);
          continue;
        }
      known->n_readers += entry->n_readers;
      known->n_waiting += entry->n_waiting;
      known->n_lanes++;
    }
  list->n_more += errand->n_more;
  g_ptr_array_unref (errand->entries);
  g_free (errand);
  if (--list->n_out == 0)
    finish (list);
}

static void
go_there (SynLane *lane, SynParcel *parcel)
{
  Errand *errand = (Errand *) parcel;

  note_beacons (errand, syn_beacon_set_for_lane (lane));
  parcel->run = come_back;
  syn_lane_post (syn_silo_get_front_lane (syn_lane_get_silo (lane)), parcel);
}

static void
send_errand (List *list, SynLane *lane, const char *type)
{
  Errand *errand = g_new0 (Errand, 1);

  errand->parcel.run = go_there;
  errand->list = list;
  errand->type = type;
  errand->max_entries = list->max_entries;
  errand->entries = g_ptr_array_new_with_free_func (entry_free);
  list->n_out++;
  syn_lane_post (lane, &errand->parcel);
}

/**
 * syn_beacons_list:
 * @type: of the grains behind the beacons; static
 * @max_entries: listed at most; what is beyond is counted
 *
 * From the front lane.
 */
void
syn_beacons_list (SynSilo *silo, const char *type, guint max_entries, SynBeaconsFunc func, gpointer user_data)
{
  List *list = g_new0 (List, 1);

  list->by_path = g_hash_table_new_full (replica_hash_text, g_str_equal, NULL, entry_free);
  list->max_entries = max_entries;
  list->func = func;
  list->user_data = user_data;
  for (guint i = 0; i < syn_silo_get_n_lanes (silo); i++)
    send_errand (list, syn_silo_get_lane (silo, i), type);
  send_errand (list, syn_silo_get_front_lane (silo), type);
}
