/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo-test.h"
#include "syn-metrics.h"
#include "syn-source-private.h"
#include "source-fixture.h"

/* A stepped silo with the sources of a catalog, and a projection that only remembers what it was given: per
 * name, as text. It can hold its acknowledgements back, or refuse. Warnings are kept instead of being fatal.
 */

typedef struct
{
  SynSilo *silo;
  SynCatalog *catalog;
  GHashTable *applied; /* name → GString */
  GArray *sizes;       /* of guint: events of each batch, as they came */
  guint64 last_sequence;
  gboolean hold, refuse;
  SynMessageList held;
  GString *warnings;
} Fixture;

static gboolean fixture_starts_held; /* the next fixture's projections hold from the first batch on */
static Fixture
    *the_fixture; /* grain types have no user data per silo but their type data, which the projection's is */

static inline gpointer
fixture_projection_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  return g_strdup (key);
}

static inline void
fixture_projection_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Fixture *self = the_fixture;
  SynEventBatch *batch = syn_message_get_payload (message);
  g_autofree char *text = fixture_batch_to_text (batch);
  GString *all = g_hash_table_lookup (self->applied, state);
  guint n = syn_event_batch_get_n_events (batch);

  g_assert_cmpint (syn_message_get_method (message), ==, SYN_APPLY_METHOD);
  if (self->refuse)
    {
      g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_INTERNAL, "not today");
      syn_message_fail (message, error);
      return;
    }
  if (all == NULL)
    g_hash_table_insert (self->applied, g_strdup (state), all = g_string_new (NULL));
  g_string_append (all, text);
  g_array_append_val (self->sizes, n);
  g_assert_cmpuint (syn_event_batch_get_last_sequence (batch), ==,
                    syn_event_batch_get_first_sequence (batch) + n - 1);
  self->last_sequence = syn_event_batch_get_last_sequence (batch);
  if (self->hold)
    syn_message_list_push (&self->held, message);
  else
    syn_message_reply (message, NULL, NULL);
}

static inline void
fixture_projection_deactivate (SynGrain *grain, gpointer state)
{
  SynMessage *message;

  while ((message = syn_message_list_pop (&the_fixture->held)) != NULL)
    syn_message_reply (message, NULL, NULL);
  g_free (state);
}

static inline GLogWriterOutput
fixture_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (level & G_LOG_LEVEL_WARNING)
    for (gsize i = 0; i < n_fields; i++)
      if (strcmp (fields[i].key, "MESSAGE") == 0 && the_fixture != NULL)
        g_string_append_printf (the_fixture->warnings, "%s\n", (const char *) fields[i].value);
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return g_log_writer_default (level, fields, n_fields, user_data);
  return G_LOG_WRITER_HANDLED;
}

static inline void
fixture_string_free (gpointer string)
{
  g_string_free (string, TRUE);
}

/* @catalog_json with ' for ". */
static inline Fixture *
fixture_new (const char *catalog_json, const char *dir)
{
  static const SynGrainType projection = {
    .name = "projection", .reentrant = TRUE,
    .activate = fixture_projection_activate,
    .receive = fixture_projection_receive,
    .deactivate = fixture_projection_deactivate,
  };
  Fixture *self = g_new0 (Fixture, 1);
  g_autofree char *json = g_strdelimit (g_strdup (catalog_json), "'", '"');
  g_autoptr (GError) error = NULL;

  the_fixture = self;
  self->hold = fixture_starts_held;
  self->warnings = g_string_new (NULL);
  self->applied = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, fixture_string_free);
  self->sizes = g_array_new (FALSE, FALSE, sizeof (guint));
  self->catalog = syn_catalog_parse ("test.json", dir, json, -1, &error);
  g_assert_no_error (error);
  self->silo = syn_silo_new_stepped (2, NULL, &error);
  g_assert_no_error (error);
  syn_silo_register (self->silo, &projection, NULL);
  syn_sources_register (self->silo, self->catalog);
  g_assert_true (syn_silo_start (self->silo, NULL, &error));
  syn_silo_settle (self->silo);
  return self;
}

static inline void
fixture_free (Fixture *self)
{
  syn_silo_free (self->silo);
  /* what a thread was still doing for it ends in closed ports */
  syn_worker_wait_idle (SYN_WORKER_FILE);
  syn_worker_wait_idle (SYN_WORKER_HOST);
  syn_catalog_unref (self->catalog);
  g_hash_table_unref (self->applied);
  g_array_unref (self->sizes);
  g_string_free (self->warnings, TRUE);
  the_fixture = NULL;
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)

/* Everything that follows from what is there, on lanes and on the workers' threads, without time passing. */
static inline void
fixture_settle (Fixture *self)
{
  for (guint quiet = 0; quiet < 2; quiet++)
    {
      gint64 calls = (gint64) self->sizes->len;

      syn_silo_settle (self->silo);
      syn_worker_wait_idle (SYN_WORKER_FILE);
      syn_worker_wait_idle (SYN_WORKER_HOST);
      for (guint i = 0; i < syn_silo_get_n_lanes (self->silo); i++)
        if (syn_silo_step (self->silo, syn_silo_get_lane (self->silo, i)))
          quiet = 0;
      if (calls != (gint64) self->sizes->len)
        quiet = 0;
    }
  syn_silo_settle (self->silo);
}

static inline void
fixture_advance (Fixture *self, gint64 ms)
{
  fixture_settle (self);
  syn_silo_advance (self->silo, ms);
  fixture_settle (self);
}

static inline const char *
fixture_applied (Fixture *self, const char *projection)
{
  GString *text = g_hash_table_lookup (self->applied, projection);

  return text != NULL ? text->str : "";
}

typedef struct
{
  gboolean done;
  gpointer payload;
  GError *error;
} FixtureReply;

static inline void
fixture_replied (gpointer payload, const GError *error, gpointer user_data)
{
  FixtureReply *reply = user_data;

  reply->done = TRUE;
  reply->payload = payload;
  reply->error = error != NULL ? g_error_copy (error) : NULL;
}

static inline gpointer
fixture_call (Fixture *self,
              const char *source,
              int method,
              gpointer payload,
              GDestroyNotify payload_free,
              GError **error)
{
  FixtureReply reply = { 0 };
  const SynCall call = {
    .type = SYN_SOURCE_GRAIN,
    .key = source,
    .method = method,
    .payload = payload,
    .payload_free = payload_free,
    .reply = fixture_replied,
    .user_data = &reply,
  };

  syn_call (syn_silo_get_front_lane (self->silo), &call);
  syn_silo_settle (self->silo);
  g_assert_true (reply.done);
  if (reply.error != NULL)
    g_propagate_error (error, reply.error);
  return reply.payload;
}

/* "finished sequence error" */
static inline char *
fixture_status (Fixture *self, const char *source)
{
  g_autoptr (GError) error = NULL;
  SynSourceStatus *status = fixture_call (self, source, SYN_SOURCE_STATUS, NULL, NULL, &error);
  char *text;

  g_assert_no_error (error);
  text = g_strdup_printf ("%s %" G_GUINT64_FORMAT " in flight %u%s%s", status->finished ? "finished" : "open",
                          status->sequence, status->batches_in_flight, status->error != NULL ? ": " : "",
                          status->error != NULL ? status->error : "");
  syn_source_status_free (status);
  return text;
}

#define fixture_assert_status(self, source, expected)                                                        \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *status_text = fixture_status (self, source);                                            \
    g_assert_cmpstr (status_text, ==, expected);                                                             \
  }                                                                                                          \
  G_STMT_END
