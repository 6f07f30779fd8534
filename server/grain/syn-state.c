/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of grains. An activation remembers the ETag of each record that it read or wrote (its *book*). What it asks is queued per
 * record, on the lane: one request of a record is at the store, the next goes when that was answered, with the ETag that it brought. The queue
 * belongs to the record's name and not to the activation: what is written at deactivation comes before what the next activation reads.
 *
 * After a CONFLICT the rest of what that activation queued for the record fails likewise, without asking: it was thought out on what is
 * not so. And the activation ends, so that the next one reads what is, and receives what waited.
 *
 * Runs on the lane of each grain. Rejected: sending what is queued at once and counting on the store's order (an engine over several
 * machines has none, and the ETag of a write is not known before its answer); putting writes of one record together (each one is told when
 * it is durable, and a grain that writes faster than the disk flushes should know). */
#define G_LOG_DOMAIN "syn-state"

#include "syn-state-private.h"

#include "replica-hash.h"
#include "syn-error.h"

typedef struct {
  char *name; /* (owned) */
  guint64 etag;
  gboolean is_stale;
} Record;

/* Of one activation; lives on until the last of its requests was answered. */
typedef struct {
  guint refs;
  guint n_waiting;    /* requests that are out */
  GPtrArray *records; /* (owned): of Record; few */
} Book;

typedef struct _Op Op;
struct _Op {
  Op *next;
  SynStateTicket ticket;
  Record *record;  /* of the book */
  struct _Queue *queue;
  SynStoreVerb verb;
  GBytes *bytes;   /* (owned) (nullable) */
  SynStateFunc func;
  gpointer user_data;
};

/* What is out for one record, whichever activation asked; gone when there is nothing. The first is at the store. */
typedef struct _Queue {
  const SynGrainKind *kind;
  char *key, *name; /* (owned), but in a probe */
  Op *first, *last;
} Queue;

typedef struct {
  GHashTable *queues;  /* (owned): a set of Queue */
  guint n_waiting;     /* requests of grains of this lane that are out */
  SynParcel *flushing; /* (owned) (nullable): sent back when there are none */
} LaneState;

/* ---- the lane's part ---- */

static guint
queue_hash (gconstpointer data)
{
  const Queue *queue = data;
  guint64 hash = replica_hash_word (replica_hash_seed (), queue->kind->id);

  hash = replica_hash_bytes (hash, queue->key, strlen (queue->key));
  return replica_hash_finish (replica_hash_bytes (hash, queue->name, strlen (queue->name)));
}

static gboolean
queue_equal (gconstpointer a, gconstpointer b)
{
  const Queue *x = a, *y = b;

  return x->kind == y->kind && strcmp (x->key, y->key) == 0 && strcmp (x->name, y->name) == 0;
}

static void
queue_free (gpointer data)
{
  Queue *queue = data;

  g_assert (queue->first == NULL);
  g_free (queue->key);
  g_free (queue->name);
  g_free (queue);
}

static void
lane_state_free (gpointer data)
{
  LaneState *self = data;

  g_hash_table_unref (self->queues);
  g_free (self->flushing);
  g_free (self);
}

static LaneState *
get_lane_state (SynLane *lane)
{
  LaneState *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_STATE);

  if (self != NULL)
    return self;
  self = g_new0 (LaneState, 1);
  self->queues = g_hash_table_new_full (queue_hash, queue_equal, queue_free, NULL);
  syn_lane_set_slot (lane, SYN_LANE_SLOT_STATE, self, lane_state_free);
  return self;
}

/* ---- books ---- */

static Book *
get_book (SynGrain *grain)
{
  Book *book = grain->records;

  if (book == NULL)
    {
      book = grain->records = g_new0 (Book, 1);
      book->refs = 1;
    }
  return book;
}

static void
record_free (gpointer data)
{
  g_free (((Record *) data)->name);
  g_free (data);
}

static void
book_unref (Book *book)
{
  if (--book->refs > 0)
    return;
  g_clear_pointer (&book->records, g_ptr_array_unref);
  g_free (book);
}

static Record *
get_record (Book *book, const char *name)
{
  Record *record;

  if (book->records == NULL)
    book->records = g_ptr_array_new_with_free_func (record_free);
  for (guint i = 0; i < book->records->len; i++)
    if (strcmp (((Record *) book->records->pdata[i])->name, name) == 0)
      return book->records->pdata[i];
  record = g_new0 (Record, 1);
  record->name = g_strdup (name);
  g_ptr_array_add (book->records, record);
  return record;
}

/* ---- what is out ---- */

SynStateTicket
syn_state_begin_on (SynLane *lane)
{
  get_lane_state (lane)->n_waiting++;
  return (SynStateTicket){ .lane = lane };
}

SynStateTicket
syn_state_begin (SynGrain *grain, GError **error)
{
  SynStateTicket ticket = syn_state_begin_on (grain->lane);
  Book *book = get_book (grain);
  const char *type = grain->kind->type.name;

  g_assert (grain->lane == syn_lane_current ());
  if (grain->kind->type.stateless)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s is a stateless type: it has no state and no reminders", type);
  else if (book->n_waiting >= SYN_MAX_STATE_REQUESTS)
    g_set_error (error, SYN_ERROR, SYN_ERROR_OVERLOADED, "%s/%s has %d requests at the store", type, grain->key,
                 SYN_MAX_STATE_REQUESTS);
  book->n_waiting++;
  book->refs++;
  syn_grain_hold (grain);
  ticket.grain = syn_grain_ref (grain);
  ticket.book = book;
  if (grain->lane->turn.grain == grain)
    {
      ticket.context = syn_context_ref (grain->lane->turn.context);
      ticket.deadline_ms = grain->lane->turn.deadline_ms;
    }
  return ticket;
}

void
syn_state_end (SynStateTicket *ticket)
{
  SynLane *lane = ticket->lane;
  LaneState *state = get_lane_state (lane);
  Book *book = ticket->book;

  if (ticket->grain != NULL)
    {
      syn_grain_release (ticket->grain);
      syn_grain_unref (ticket->grain);
      book->n_waiting--;
      book_unref (book);
      syn_context_unref (ticket->context);
    }
  if (--state->n_waiting == 0 && state->flushing != NULL)
    syn_lane_post (syn_silo_get_front_lane (lane->silo), g_steal_pointer (&state->flushing));
}

gboolean
syn_state_tell (const SynStateTicket *ticket, SynStateFunc func, GBytes *bytes, const GError *error, gpointer user_data)
{
  SynGrain *grain = ticket->grain;
  SynTurn before;

  if (grain->ended)
    return FALSE;
  before = syn_grain_enter_for (grain, ticket->context, ticket->deadline_ms);
  if (func != NULL)
    func (grain, bytes, error, user_data);
  /* Not for an error, or what waits, which has nothing to do with it, would get that: the next activation receives it. But an always-on
   * grain is started again only for one, and what conflicts before a request began would do so for ever. */
  if (g_error_matches (error, SYN_ERROR, SYN_ERROR_CONFLICT))
    syn_grain_deactivate_soon (grain, grain->supervised != NULL || !grain->has_begun ? error : NULL);
  syn_grain_leave (grain, before);
  return TRUE;
}

/* ---- one after the other ---- */

static void answered (SynStoreRequest *answer, gpointer user_data);

static SynStoreRequest *
request_new (Op *op, const char *name, SynStoreFunc func)
{
  SynGrain *grain = op->ticket.grain;
  SynStoreRequest *request = syn_store_request_new (grain->lane, op->verb, grain->kind->type.name, grain->key, name, func, op);

  request->bytes = g_steal_pointer (&op->bytes);
  return request;
}

static void
send_first (Queue *queue)
{
  Op *op = queue->first;
  SynStoreRequest *request = request_new (op, queue->name, answered);

  request->etag = op->record->etag;
  if (op->verb != SYN_STORE_READ && op->record->is_stale)
    syn_store_request_fail (request, SYN_ERROR_CONFLICT, "state \"%s\" of %s/%s: a write before this one had a stale ETag",
                            request->name, request->type, request->key);
  syn_store_submit (syn_silo_get_store (op->ticket.lane->silo), request);
}

static void
op_free (Op *op)
{
  syn_state_end (&op->ticket);
  g_clear_pointer (&op->bytes, g_bytes_unref);
  g_free (op);
}

static void
answered (SynStoreRequest *answer, gpointer user_data)
{
  Op *op = user_data;
  Queue *queue = op->queue;

  if (answer->error == NULL)
    op->record->etag = answer->etag;
  else if (g_error_matches (answer->error, SYN_ERROR, SYN_ERROR_CONFLICT))
    op->record->is_stale = TRUE;
  /* The next goes first: what the function below asks for comes behind it. */
  queue->first = op->next;
  if (queue->first != NULL)
    send_first (queue);
  else
    g_hash_table_remove (get_lane_state (op->ticket.lane)->queues, queue);
  if (!syn_state_tell (&op->ticket, op->func, answer->bytes, answer->error, op->user_data) && answer->error != NULL
      && op->verb != SYN_STORE_READ)
    g_warning ("%s/%s ended, and what it wrote last is not kept: %s", answer->type, answer->key, answer->error->message);
  op_free (op);
}

/* What never was in a queue. */
static void
refused (SynStoreRequest *answer, gpointer user_data)
{
  Op *op = user_data;

  syn_state_tell (&op->ticket, op->func, NULL, answer->error, op->user_data);
  op_free (op);
}

static void
enqueue (LaneState *state, Op *op)
{
  SynGrain *grain = op->ticket.grain;
  Queue probe = { .kind = grain->kind, .key = (char *) grain->key, .name = op->record->name };
  Queue *queue = g_hash_table_lookup (state->queues, &probe);

  if (queue != NULL)
    {
      op->queue = queue;
      queue->last->next = op;
      queue->last = op;
      return;
    }
  queue = op->queue = g_new0 (Queue, 1);
  queue->kind = grain->kind;
  queue->key = g_strdup (grain->key);
  queue->name = g_strdup (op->record->name);
  queue->first = queue->last = op;
  g_hash_table_add (state->queues, queue);
  send_first (queue);
}

static void
ask (SynGrain *grain, SynStoreVerb verb, const char *name, GBytes *bytes, SynStateFunc func, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  Op *op = g_new0 (Op, 1);
  gsize size_bytes = bytes != NULL ? g_bytes_get_size (bytes) : 0;

  op->ticket = syn_state_begin (grain, &error);
  op->verb = verb;
  op->func = func;
  op->user_data = user_data;
  if (error != NULL || !syn_store_check (grain->kind->type.name, grain->key, name, size_bytes, &error))
    {
      SynStoreRequest *request = request_new (op, name, refused);

      request->error = g_steal_pointer (&error);
      syn_store_submit (syn_silo_get_store (grain->lane->silo), request);
      return;
    }
  op->bytes = bytes != NULL ? g_bytes_ref (bytes) : NULL;
  op->record = get_record (op->ticket.book, name);
  enqueue (get_lane_state (grain->lane), op);
}

/**
 * syn_grain_read_state:
 * @name: 1 to SYN_MAX_NAME_BYTES bytes
 * @func: told in a later turn, never from within this function
 *
 * Errors: UNAVAILABLE (the disk), INTERNAL (the record is damaged; the message names file and record), OVERLOADED
 * (SYN_MAX_STATE_REQUESTS), INVALID (the name, or a stateless type).
 */
void
syn_grain_read_state (SynGrain *self, const char *name, SynStateFunc func, gpointer user_data)
{
  ask (self, SYN_STORE_READ, name, NULL, func, user_data);
}

/**
 * syn_grain_write_state:
 * @bytes: (nullable): kept until the answer, so it must not change
 *
 * A record that this activation neither read nor wrote must not exist yet: read it first. From deactivate, too; then @func is not called,
 * and a failure is logged. Errors: as syn_grain_read_state(), and CONFLICT, TOO_LARGE.
 */
void
syn_grain_write_state (SynGrain *self, const char *name, GBytes *bytes, SynStateFunc func, gpointer user_data)
{
  ask (self, bytes != NULL ? SYN_STORE_WRITE : SYN_STORE_REMOVE, name, bytes, func, user_data);
}

/* ---- the ends ---- */

static void
grain_ended (SynGrain *grain)
{
  book_unref (g_steal_pointer (&grain->records));
}

typedef struct {
  SynParcel parcel;
  SynSilo *silo;
} FlushParcel;

/* Back on the front lane. */
static void
run_flush_ack (SynLane *lane, SynParcel *parcel)
{
  SynSilo *silo = ((FlushParcel *) parcel)->silo;

  g_free (parcel);
  if (--silo->n_flushing == 0)
    syn_silo_flushed (silo);
}

static void
run_flush (SynLane *lane, SynParcel *parcel)
{
  LaneState *state = get_lane_state (lane);

  parcel->run = run_flush_ack;
  if (state->n_waiting > 0)
    state->flushing = parcel;
  else
    syn_lane_post (syn_silo_get_front_lane (lane->silo), parcel);
}

/* The front lane hosts no grains. */
static void
flush (SynSilo *silo)
{
  silo->n_flushing = silo->n_lanes;
  for (guint i = 0; i < silo->n_lanes; i++)
    {
      FlushParcel *parcel = g_new0 (FlushParcel, 1);

      parcel->parcel.run = run_flush;
      parcel->silo = silo;
      syn_lane_post (silo->lanes[i], &parcel->parcel);
    }
}

void
syn_state_install (SynSilo *silo)
{
  static const SynSiloHooks hooks = { .ended = grain_ended, .flush = flush };

  syn_silo_set_hooks (silo, &hooks);
}
