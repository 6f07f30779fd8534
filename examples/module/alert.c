/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grain "alert/desk": raises an alert for each symbol whose last price is above its threshold, keeps it until somebody acknowledged it and
 * the price is below again, and escalates it when nobody did in time, even if the server was down then.
 *
 *   quotes, thresholds ──poll──▶ alert/desk ──its outlet──▶ the projection "alerts"
 *                 acks ──poll──▶          └──publishes──▶ the source "escalations"
 *
 * What it has to remember is one record of state; what is to come, a reminder per alert. An alert that it shows has been written before.
 * All of it runs on the grain's lane: there is no lock, and nothing blocks. */
#include <string.h>

#include <synoptic-module.h>

#include "geomean.h"

#define BREACHES "quotes?join=thresholds&where=last%3Eabove&select=symbol,last,above,after_s"
#define ACKS "acks"
#define RECORD "alerts"
#define RECORD_TYPE G_VARIANT_TYPE ("a(sxxxxb)")
#define HOLD_MS 10000
#define TICK_MS 1000
#define MIN_INTERVAL_MS 100
#define SCALE 4

enum { METHOD_TICK = 1 };

typedef struct {
  char *symbol;
  gint64 last, above; /* unscaled decimal(4) */
  gint64 since_us;
  gint64 escalated_us; /* 0: it was not */
  gboolean acknowledged;
  gboolean breaches; /* as of the last look */
  guint64 write;     /* the first that it is in; 0: it was read */
} Alert;

typedef struct {
  SynGrain *grain;
  SynOutlet *outlet;
  GPtrArray *alerts; /* in the order in which they were raised */
  guint64 n_writes, n_written; /* of the record: begun, and done, in that order */
  ReplicaToken breaches_token, acks_token;
  gboolean follows_breaches, follows_acks; /* a poll is out */
  SynMessage *reminder;                    /* (nullable): kept: is being published */
} Desk;

static void
alert_free (gpointer data)
{
  Alert *alert = data;

  g_free (alert->symbol);
  g_free (alert);
}

static Alert *
find_alert (Desk *self, const char *symbol)
{
  for (guint i = 0; i < self->alerts->len; i++)
    if (strcmp (((Alert *) self->alerts->pdata[i])->symbol, symbol) == 0)
      return self->alerts->pdata[i];
  return NULL;
}

/* ---- state: one record ---- */

static void
wrote (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  Desk *self = user_data;

  if (error == NULL)
    {
      self->n_written++;
      syn_outlet_mark_dirty (self->outlet); /* what is shown will be there after a restart, too */
    }
  else
    syn_grain_deactivate_soon (grain, error); /* the next activation starts from what is kept */
}

static void
keep (Desk *self, SynStateFunc func)
{
  GVariantBuilder builder;
  g_autoptr (GVariant) record = NULL;
  g_autoptr (GBytes) bytes = NULL;

  g_variant_builder_init (&builder, RECORD_TYPE);
  for (guint i = 0; i < self->alerts->len; i++)
    {
      const Alert *alert = self->alerts->pdata[i];

      g_variant_builder_add (&builder, "(sxxxxb)", alert->symbol, alert->last, alert->above, alert->since_us, alert->escalated_us,
                             alert->acknowledged);
    }
  record = g_variant_ref_sink (g_variant_builder_end (&builder));
  bytes = g_variant_get_data_as_bytes (record);
  self->n_writes++;
  syn_grain_write_state (self->grain, RECORD, bytes, func, self);
}

static gboolean
restore (Desk *self, GBytes *bytes)
{
  g_autoptr (GVariant) record = g_variant_ref_sink (g_variant_new_from_bytes (RECORD_TYPE, bytes, FALSE));
  GVariantIter iter;
  Alert alert = { NULL };

  if (!g_variant_is_normal_form (record))
    return FALSE;
  g_variant_iter_init (&iter, record);
  while (g_variant_iter_next (&iter, "(sxxxxb)", &alert.symbol, &alert.last, &alert.above, &alert.since_us, &alert.escalated_us,
                              &alert.acknowledged))
    g_ptr_array_add (self->alerts, g_memdup2 (&alert, sizeof alert));
  return TRUE;
}

/* ---- what it looks at ---- */

static void breaches_came (gpointer payload, const GError *error, gpointer user_data);
static void acks_came (gpointer payload, const GError *error, gpointer user_data);

/* Asks for what is newer than what it has. What cannot be asked now is asked again at the next tick. */
static void
follow (Desk *self)
{
  if (!self->follows_breaches)
    self->follows_breaches = syn_grain_poll (self->grain, BREACHES, self->breaches_token, HOLD_MS, breaches_came, self, NULL, NULL);
  if (!self->follows_acks)
    self->follows_acks = syn_grain_poll (self->grain, ACKS, self->acks_token, HOLD_MS, acks_came, self, NULL, NULL);
}

/* Those that are acknowledged and over. */
static gboolean
drop_done (Desk *self)
{
  guint before = self->alerts->len;

  for (guint i = self->alerts->len; i > 0; i--)
    {
      const Alert *alert = self->alerts->pdata[i - 1];

      if (alert->acknowledged && !alert->breaches)
        g_ptr_array_remove_index (self->alerts, i - 1);
    }
  return self->alerts->len != before;
}

static gint64
get_decimal (ReplicaSnapshot *snapshot, guint column, guint row)
{
  return (gint64) replica_column_get_int128 (replica_snapshot_get_column (snapshot, column), row);
}

/* The columns are those of BREACHES, in its order: the server has checked the query when it was asked. */
static void
take_breaches (Desk *self, ReplicaSnapshot *snapshot)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < self->alerts->len; i++)
    ((Alert *) self->alerts->pdata[i])->breaches = FALSE;
  for (guint row = 0; row < replica_snapshot_get_n_rows (snapshot); row++)
    {
      const char *symbol = replica_column_get_string (replica_snapshot_get_column (snapshot, 0), row, NULL);
      Alert *alert = find_alert (self, symbol);

      if (alert == NULL)
        {
          gint64 after_s = replica_column_get_int64 (replica_snapshot_get_column (snapshot, 3), row);

          alert = g_new0 (Alert, 1);
          alert->symbol = g_strdup (symbol);
          alert->since_us = syn_grain_get_real_us (self->grain);
          alert->write = self->n_writes + 1; /* below */
          g_ptr_array_add (self->alerts, alert);
          syn_grain_set_reminder (self->grain, symbol, (guint64) MAX (after_s, 1) * 1000, 0, NULL, NULL);
          changed = TRUE;
        }
      alert->breaches = TRUE;
      alert->last = get_decimal (snapshot, 1, row);
      alert->above = get_decimal (snapshot, 2, row);
    }
  changed = drop_done (self) || changed;
  if (changed)
    keep (self, wrote);
  else
    syn_outlet_mark_dirty (self->outlet); /* a price */
}

static void
take_acks (Desk *self, ReplicaSnapshot *snapshot)
{
  const ReplicaColumn *at = replica_snapshot_get_column (snapshot, 1);
  gboolean changed = FALSE;

  for (guint row = 0; row < replica_snapshot_get_n_rows (snapshot); row++)
    {
      Alert *alert = find_alert (self, replica_column_get_string (replica_snapshot_get_column (snapshot, 0), row, NULL));

      if (alert == NULL || alert->acknowledged || replica_column_is_null (at, row)
          || replica_column_get_int64 (at, row) < alert->since_us)
        continue;
      alert->acknowledged = TRUE;
      syn_grain_clear_reminder (self->grain, alert->symbol, NULL, NULL);
      changed = TRUE;
    }
  changed = drop_done (self) || changed;
  if (changed)
    keep (self, wrote);
}

/* A reply is a turn of the grain; it does not come when the grain is gone. */
static void
breaches_came (gpointer payload, const GError *error, gpointer user_data)
{
  Desk *self = user_data;
  g_autoptr (ReplicaSnapshot) snapshot = payload;

  self->follows_breaches = FALSE;
  if (error != NULL)
    return; /* the tick asks again */
  if (snapshot != NULL)
    {
      self->breaches_token = replica_snapshot_get_token (snapshot);
      take_breaches (self, snapshot);
    }
  follow (self);
}

static void
acks_came (gpointer payload, const GError *error, gpointer user_data)
{
  Desk *self = user_data;
  g_autoptr (ReplicaSnapshot) snapshot = payload;

  self->follows_acks = FALSE;
  if (error != NULL)
    return;
  if (snapshot != NULL)
    {
      self->acks_token = replica_snapshot_get_token (snapshot);
      take_acks (self, snapshot);
    }
  follow (self);
}

/* ---- what it shows ---- */

static const SynServedColumn columns[] = {
  { "symbol", REPLICA_TYPE_STRING, 0, TRUE },       { "since", REPLICA_TYPE_TIMESTAMP, 0, FALSE },
  { "last", REPLICA_TYPE_DECIMAL, SCALE, FALSE },   { "above", REPLICA_TYPE_DECIMAL, SCALE, FALSE },
  { "acknowledged", REPLICA_TYPE_BOOL, 0, FALSE },  { "escalated", REPLICA_TYPE_TIMESTAMP, 0, FALSE },
};
enum { SYMBOL, SINCE, LAST, ABOVE, ACKNOWLEDGED, ESCALATED, N_COLUMNS };
G_STATIC_ASSERT (G_N_ELEMENTS (columns) == N_COLUMNS);

/* Somebody may ask for the first time, or a price may change, while an alert is being written. */
static GPtrArray *
get_written (Desk *self)
{
  GPtrArray *written = g_ptr_array_new ();

  for (guint i = 0; i < self->alerts->len; i++)
    if (((Alert *) self->alerts->pdata[i])->write <= self->n_written)
      g_ptr_array_add (written, self->alerts->pdata[i]);
  return written;
}

/* What a column points to has to live until the builder finishes; then the snapshot has its own copy. */
static ReplicaSnapshot *
make_snapshot (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  Desk *self = owner;
  g_autoptr (GPtrArray) alerts = get_written (self);
  guint n = alerts->len;
  g_autoptr (ReplicaSnapshotBuilder) builder = replica_snapshot_builder_new ("alerts", token, time_us, n);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree guint32 *codes = g_new0 (guint32, n + 1);
  g_autofree guint32 *offsets = g_new0 (guint32, n + 1);
  g_autofree gint64 *numbers = g_new0 (gint64, (gsize) n * N_COLUMNS + 1); /* a column after the other */
  g_autofree guint8 *acknowledged = g_new0 (guint8, n + 1);
  g_autofree guint8 *was_escalated = g_new0 (guint8, n / 8 + 1);

  for (guint row = 0; row < n; row++)
    {
      const Alert *alert = alerts->pdata[row];

      codes[row] = row;
      g_string_append_len (text, alert->symbol, (gssize) strlen (alert->symbol) + 1); /* with its NUL */
      offsets[row + 1] = (guint32) text->len;
      numbers[SINCE * n + row] = alert->since_us;
      numbers[LAST * n + row] = alert->last;
      numbers[ABOVE * n + row] = alert->above;
      numbers[ESCALATED * n + row] = alert->escalated_us;
      acknowledged[row] = alert->acknowledged != FALSE;
      if (alert->escalated_us != 0)
        was_escalated[row / 8] |= (guint8) (1u << row % 8);
    }
  for (guint i = 0; i < N_COLUMNS; i++)
    {
      ReplicaColumn column = {
        .name = columns[i].name,
        .type = columns[i].type,
        .scale = columns[i].scale,
        .width = replica_type_get_width (columns[i].type),
        .is_key = columns[i].is_key,
        .n_rows = n,
        .data = i == SYMBOL ? (const void *) codes : i == ACKNOWLEDGED ? (const void *) acknowledged : numbers + (gsize) i * n,
        .validity = i == ESCALATED ? was_escalated : NULL,
      };

      if (i == SYMBOL)
        {
          column.dict_offsets = offsets;
          column.dict_bytes = text->str;
          column.n_dict = n;
        }
      replica_snapshot_builder_add (builder, &column);
    }
  return replica_snapshot_builder_finish (g_steal_pointer (&builder), error);
}

/* ---- escalation ---- */

static void
append_json_string (GString *json, const char *text)
{
  g_string_append_c (json, '"');
  for (const char *c = text; *c != '\0'; c++)
    if ((guchar) *c < 0x20 || *c == '"' || *c == '\\')
      g_string_append_printf (json, "\\u%04x", (guint) *c);
    else
      g_string_append_c (json, *c);
  g_string_append_c (json, '"');
}

static void
end_reminder (Desk *self, const GError *error)
{
  SynMessage *message = g_steal_pointer (&self->reminder);

  if (error != NULL)
    syn_message_fail (message, error); /* it comes again after a while */
  else
    syn_message_reply (message, NULL, NULL); /* it has come */
}

static void
wrote_escalation (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  Desk *self = user_data;

  end_reminder (self, error);
  wrote (grain, bytes, error, user_data);
}

static void
published (gpointer payload, const GError *error, gpointer user_data)
{
  Desk *self = user_data;
  g_autofree SynReceipt *receipt = payload;
  Alert *alert = find_alert (self, syn_message_get_payload (self->reminder));

  if (error != NULL || alert == NULL)
    {
      end_reminder (self, error);
      return;
    }
  alert->escalated_us = syn_grain_get_real_us (self->grain);
  keep (self, wrote_escalation);
}

/* The reminder's name is the symbol. It comes at least once, so the event may be published twice if the server ends just now: readers count
 * symbols, not events. */
static void
escalate (Desk *self, SynMessage *message)
{
  const Alert *alert = find_alert (self, syn_message_get_payload (message));
  g_autoptr (GString) json = NULL;
  g_autoptr (GBytes) bytes = NULL;

  if (alert == NULL || alert->acknowledged || alert->escalated_us != 0)
    {
      syn_message_reply (message, NULL, NULL);
      return;
    }
  self->reminder = message; /* kept: no other exclusive request begins until it is replied to */
  json = g_string_new ("{\"symbol\":");
  append_json_string (json, alert->symbol);
  g_string_append_printf (json, ",\"last\":%s%" G_GINT64_FORMAT ".%04d}\n", alert->last < 0 ? "-" : "", ABS (alert->last / 10000),
                          (int) ABS (alert->last % 10000));
  bytes = g_string_free_to_bytes (g_steal_pointer (&json));
  syn_grain_publish (self->grain, "escalations", bytes, published, self);
}

/* ---- the grain ---- */

static void
started (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data)
{
  Desk *self = user_data;
  g_autoptr (GError) damaged = NULL;

  if (error == NULL && bytes != NULL && !restore (self, bytes))
    {
      damaged = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "the record \"%s\" is not what this module writes", RECORD);
      error = damaged;
    }
  syn_grain_activated (grain, error);
  if (error != NULL)
    return;
  syn_grain_start_timer (grain, METHOD_TICK, TICK_MS, TICK_MS);
  follow (self);
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Desk *self = g_new0 (Desk, 1);

  self->grain = grain;
  self->alerts = g_ptr_array_new_with_free_func (alert_free);
  self->outlet = syn_outlet_new (grain, MIN_INTERVAL_MS, 0, make_snapshot, self);
  syn_grain_defer_activation (grain); /* messages wait until the record is read */
  syn_grain_read_state (grain, RECORD, started, self);
  return self;
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Desk *self = state;
  g_autoptr (GError) error = NULL;

  switch (syn_message_get_method (message))
    {
    case SYN_POLL_METHOD:
      syn_outlet_poll (self->outlet, message);
      break;
    case SYN_REMINDER_METHOD:
      escalate (self, message);
      break;
    case METHOD_TICK:
      follow (self);
      syn_message_reply (message, NULL, NULL);
      break;
    default:
      error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "an alert has no method %d", syn_message_get_method (message));
      syn_message_fail (message, error);
    }
}

/* Of what it keeps only polls have callers that can go: nobody waits for a reminder. */
static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  syn_outlet_cancel (((Desk *) state)->outlet, message);
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  Desk *self = state;

  syn_outlet_free (self->outlet); /* parked polls first */
  if (self->reminder != NULL)
    {
      g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the grain ends");

      end_reminder (self, error);
    }
  g_ptr_array_unref (self->alerts);
  g_free (self);
}

static SynInterleave
interleave (int method)
{
  return method == SYN_POLL_METHOD ? SYN_ALWAYS : SYN_EXCLUSIVE;
}

/* ---- the module ---- */

SYNOPTIC_MODULE

gboolean
synoptic_module_init (SynModule *module, GError **error)
{
  static const SynGrainType type = {
    .name = "alert",
    .always_on = TRUE,
    .interleave = interleave,
    .activate = activate,
    .receive = receive,
    .cancelled = cancelled,
    .deactivate = deactivate,
  };
  static const SynServed alerts = {
    .path = "alerts",
    .type = "alert",
    .key = "desk",
    .columns = columns,
    .n_columns = N_COLUMNS,
    .min_interval_ms = MIN_INTERVAL_MS,
  };

  return syn_module_register (module, &type, NULL, NULL, error)
         && syn_module_keep (module, "alert", "desk", error)
         && syn_module_serve (module, &alerts, error)
         && syn_aggregate_class_register (&geomean_class, error);
}
