/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store of a silo without a data folder, and of tests. It does each request at once, on the asking lane's thread, under a lock that is
 * held for one look-up; the answer still comes as a parcel, so that no caller can tell it from one with a disk.
 *
 * Rejected: a thread of its own (nothing here waits for anything), tables per lane (a store does not know which lanes there are). */
#define G_LOG_DOMAIN "syn-store"

#include "syn-memory-store.h"

#include <string.h>

#include "replica-hash.h"
#include "syn-error.h"
#include "syn-silo.h"

typedef struct {
  const char *type, *key, *name; /* in text, but in a probe */
  guint64 etag;
  GBytes *bytes; /* (owned): of a record */
  gint64 due_ms; /* of a reminder */
  guint64 period_ms;
  char text[];
} Item;

typedef struct {
  SynStore store;
  GMutex lock;
  guint64 last_etag;
  GHashTable *records;                     /* (owned): a set of Item */
  GHashTable *reminders[SYN_N_PARTITIONS]; /* (owned): sets of Item */
} SynMemoryStore;

static guint
item_hash (gconstpointer data)
{
  const Item *item = data;
  guint64 hash = replica_hash_seed ();

  hash = replica_hash_bytes (hash, item->type, strlen (item->type));
  hash = replica_hash_bytes (hash, item->key, strlen (item->key));
  hash = replica_hash_bytes (hash, item->name, strlen (item->name));
  return replica_hash_finish (hash);
}

static gboolean
item_equal (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;

  return strcmp (x->key, y->key) == 0 && strcmp (x->name, y->name) == 0 && strcmp (x->type, y->type) == 0;
}

static void
item_free (gpointer data)
{
  Item *item = data;

  g_clear_pointer (&item->bytes, g_bytes_unref);
  g_free (item);
}

static Item *
item_new (const SynStoreRequest *request)
{
  gsize type_size = strlen (request->type) + 1, key_size = strlen (request->key) + 1, name_size = strlen (request->name) + 1;
  Item *item = g_malloc0 (sizeof (Item) + type_size + key_size + name_size);

  item->type = memcpy (item->text, request->type, type_size);
  item->key = memcpy (item->text + type_size, request->key, key_size);
  item->name = memcpy (item->text + type_size + key_size, request->name, name_size);
  return item;
}

/* ---- the verbs ---- */

static void
do_read (SynMemoryStore *self, SynStoreRequest *request, const Item *found)
{
  request->etag = found != NULL ? found->etag : 0;
  request->bytes = found != NULL ? g_bytes_ref (found->bytes) : NULL;
}

static void
do_write (SynMemoryStore *self, SynStoreRequest *request, Item *found)
{
  guint64 etag = found != NULL ? found->etag : 0;

  if (etag != request->etag)
    {
      syn_store_request_fail (request, SYN_ERROR_CONFLICT,
                              "state \"%s\" of %s/%s has ETag %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, request->name,
                              request->type, request->key, etag, request->etag);
      return;
    }
  if (request->verb == SYN_STORE_REMOVE)
    {
      if (found != NULL)
        g_hash_table_remove (self->records, found);
      request->etag = 0;
      return;
    }
  if (found == NULL)
    {
      found = item_new (request);
      g_hash_table_add (self->records, found);
    }
  g_clear_pointer (&found->bytes, g_bytes_unref);
  found->bytes = g_steal_pointer (&request->bytes);
  request->etag = found->etag = ++self->last_etag;
}

static void
do_list (SynMemoryStore *self, SynStoreRequest *request)
{
  GHashTableIter iter;
  gpointer item;

  request->reminders = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_store_reminder_free);
  g_hash_table_iter_init (&iter, self->reminders[request->partition]);
  while (g_hash_table_iter_next (&iter, &item, NULL))
    {
      const Item *r = item;

      g_ptr_array_add (request->reminders, syn_store_reminder_new (r->type, r->key, r->name, r->due_ms, r->period_ms));
    }
}

static void
do_set (SynMemoryStore *self, SynStoreRequest *request)
{
  Item *item = item_new (request);

  item->due_ms = request->due_ms;
  item->period_ms = request->period_ms;
  g_hash_table_replace (self->reminders[request->partition], item, item);
}

static void
memory_submit (SynStore *store, SynStoreRequest *request)
{
  SynMemoryStore *self = (SynMemoryStore *) store;
  const Item probe = { .type = request->type, .key = request->key, .name = request->name };

  g_mutex_lock (&self->lock);
  switch (request->verb)
    {
    case SYN_STORE_READ:
      do_read (self, request, g_hash_table_lookup (self->records, &probe));
      break;
    case SYN_STORE_WRITE:
    case SYN_STORE_REMOVE:
      do_write (self, request, g_hash_table_lookup (self->records, &probe));
      break;
    case SYN_STORE_SET_REMINDER:
      do_set (self, request);
      break;
    case SYN_STORE_CLEAR_REMINDER:
      g_hash_table_remove (self->reminders[request->partition], &probe);
      break;
    case SYN_STORE_LIST_REMINDERS:
      do_list (self, request);
      break;
    case SYN_STORE_FLUSH:
      break;
    }
  g_mutex_unlock (&self->lock);
  syn_store_answer (request);
}

/* ---- life ---- */

static void
memory_close (SynStore *store)
{
}

static void
memory_free (SynStore *store)
{
  SynMemoryStore *self = (SynMemoryStore *) store;

  g_hash_table_unref (self->records);
  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    g_hash_table_unref (self->reminders[i]);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static const SynStoreClass memory_class = { memory_submit, NULL, memory_close, memory_free };

SynStore *
syn_memory_store_new (void)
{
  SynMemoryStore *self = g_new0 (SynMemoryStore, 1);

  self->store.klass = &memory_class;
  g_mutex_init (&self->lock);
  self->records = g_hash_table_new_full (item_hash, item_equal, item_free, NULL);
  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    self->reminders[i] = g_hash_table_new_full (item_hash, item_equal, item_free, NULL);
  return &self->store;
}
