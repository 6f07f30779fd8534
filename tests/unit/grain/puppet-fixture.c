/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "puppet-fixture.h"

typedef struct {
  SynMessageList kept;
  guint64 epoch;
} Puppet;

World world;

static GLogWriterOutput
catch_warning (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0 && level == G_LOG_LEVEL_WARNING)
      g_string_append_printf (world.warnings, "%s\n", (const char *) fields[i].value);
  if (level & (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR))
    return g_log_writer_default (level, fields, n_fields, user_data);
  return G_LOG_WRITER_HANDLED;
}

static gpointer
puppet_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Puppet *self;

  g_assert_cmpstr (key, ==, syn_grain_get_key (grain));
  g_assert_cmpstr (type_data, ==, "type data");
  g_assert_true (syn_grain_get_lane (grain) == syn_lane_current ());
  if (world.fail_activations > 0)
    {
      world.fail_activations--;
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "no %s today", key);
      return NULL;
    }
  self = g_new0 (Puppet, 1);
  self->epoch = syn_grain_get_epoch (grain);
  world.epochs[world.n_activated++ % G_N_ELEMENTS (world.epochs)] = self->epoch;
  return self;
}

static void
puppet_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Puppet *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_CONFLICT, "as you wish");
  SynMessage *kept;

  g_string_append_c (world.log, syn_grain_get_key (grain)[0]);
  switch (syn_message_get_method (message))
    {
    case ECHO:
      syn_message_reply (message, syn_message_steal_payload (message), g_free);
      break;
    case KEEP:
      *syn_message_get_slot (message) = self;
      syn_message_list_push (&self->kept, message);
      break;
    case FLUSH:
      while ((kept = syn_message_list_pop (&self->kept)) != NULL)
        {
          g_assert_true (*syn_message_get_slot (kept) == self);
          syn_message_reply (kept, g_strdup ("flushed"), g_free);
        }
      syn_message_reply (message, NULL, NULL);
      break;
    case FAIL:
      syn_message_fail (message, error);
      break;
    case END:
      syn_grain_deactivate_soon (grain, NULL);
      syn_message_reply (message, NULL, NULL);
      break;
    case END_WITH_ERROR:
      syn_grain_deactivate_soon (grain, error);
      syn_message_reply (message, NULL, NULL);
      break;
    case HOLD:
      syn_grain_hold (grain);
      syn_message_reply (message, NULL, NULL);
      break;
    case RELEASE:
      syn_grain_release (grain);
      syn_message_reply (message, NULL, NULL);
      break;
    case CONSUME:
      g_assert_false (syn_message_wants_reply (message));
      syn_message_reply (message, g_strdup ("nobody wants this"), g_free);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
puppet_deactivate (SynGrain *grain, gpointer state)
{
  Puppet *self = state;
  SynMessage *message;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "deactivated");

  world.n_deactivated++;
  while ((message = syn_message_list_pop (&self->kept)) != NULL)
    syn_message_fail (message, error);
  g_free (self);
}

static const SynGrainType puppet_type = {
  .name = "puppet", .idle_age_ms = 5000, .mailbox_limit = PUPPET_MAILBOX_LIMIT, .reentrant = TRUE,
  .activate = puppet_activate, .receive = puppet_receive, .deactivate = puppet_deactivate,
};
static const SynGrainType guard_type = {
  .name = "guard", .always_on = TRUE, .reentrant = TRUE,
  .activate = puppet_activate, .receive = puppet_receive, .deactivate = puppet_deactivate,
};

SynSilo *
setup (guint n_lanes, gboolean keep)
{
  SynSilo *silo = syn_silo_new_stepped (n_lanes, NULL, NULL);
  GString *log = g_string_truncate (world.log, 0), *warnings = g_string_truncate (world.warnings, 0);

  memset (&world, 0, sizeof world);
  world.log = log;
  world.warnings = warnings;
  syn_silo_register (silo, &puppet_type, (gpointer) "type data");
  syn_silo_register (silo, &guard_type, (gpointer) "type data");
  if (keep)
    syn_silo_keep (silo, "guard", "g");
  g_assert_true (syn_silo_start (silo, NULL, NULL));
  return silo;
}

void
outcome_clear (Outcome *self)
{
  g_free (self->payload);
  g_free (self->text);
  *self = (Outcome) { 0 };
}

static void
note_reply (gpointer payload, const GError *error, gpointer user_data)
{
  Outcome *outcome = user_data;

  outcome->n_replies++;
  g_assert_cmpuint (outcome->n_replies, ==, 1);
  outcome->payload = payload;
  if (error == NULL)
    return;
  g_assert_null (payload);
  g_assert_true (error->domain == SYN_ERROR);
  outcome->code = error->code;
  outcome->text = g_strdup (error->message);
}

void
call_type (SynLane *from, const char *type, const char *key, int method, guint timeout_ms, Outcome *outcome)
{
  SynCall call = {
    .type = type, .key = key, .method = method, .payload = g_strdup ("hello"), .payload_free = g_free,
    .timeout_ms = timeout_ms, .reply = outcome != NULL ? note_reply : NULL, .user_data = outcome,
  };

  syn_call (from, &call);
}

void
call (SynSilo *silo, const char *key, int method, Outcome *outcome)
{
  call_type (syn_silo_get_front_lane (silo), "puppet", key, method, 0, outcome);
}

void
puppets_begin (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  g_log_set_writer_func (catch_warning, NULL, NULL);
  world.log = g_string_new (NULL);
  world.warnings = g_string_new (NULL);
}

void
puppets_end (void)
{
  g_string_free (world.log, TRUE);
  g_string_free (world.warnings, TRUE);
}
