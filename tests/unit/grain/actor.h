/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-error.h"
#include "syn-silo-private.h"
#include "syn-silo-test.h"

/* A grain whose messages say what it does: the payload of each call is a function. The method says how it interleaves. Included by
 * one test program each. */

enum { WRITE = 1, READ, PASS, WRITE_2, TICK };

typedef struct {
  SynGrain *grain;
  SynMessageList kept;
  guint n_cancelled;
} Actor;

typedef void (*ActorFunc) (Actor *self, SynMessage *message);

static GString *actor_log; /* what the functions note */
static guint n_actors_activated, n_actors_deactivated;
static ActorFunc actor_tick;
static void (*actor_at_cancel) (Actor *self, SynMessage *message); /* (nullable): only counts */

G_GNUC_UNUSED static gpointer
actor_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Actor *self = g_new0 (Actor, 1);

  n_actors_activated++;
  self->grain = grain;
  return self;
}

G_GNUC_UNUSED static void
actor_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  ActorFunc func = syn_message_get_method (message) == TICK ? actor_tick : (ActorFunc) syn_message_get_payload (message);

  func (state, message);
}

G_GNUC_UNUSED static void
actor_cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  Actor *self = state;

  self->n_cancelled++;
  g_string_append_printf (actor_log, "cancelled(%s) ", syn_grain_get_key (grain));
  if (actor_at_cancel != NULL)
    actor_at_cancel (self, message);
}

G_GNUC_UNUSED static void
actor_deactivate (SynGrain *grain, gpointer state)
{
  Actor *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "deactivated");
  SynMessage *message;

  n_actors_deactivated++;
  while ((message = syn_message_list_pop (&self->kept)) != NULL)
    syn_message_fail (message, error);
  g_free (self);
}

G_GNUC_UNUSED static SynInterleave
actor_interleave (int method)
{
  return method == READ ? SYN_READ_ONLY : method == PASS ? SYN_ALWAYS : SYN_EXCLUSIVE;
}

#define ACTOR_FUNCS \
  .activate = actor_activate, .receive = actor_receive, .cancelled = actor_cancelled, .deactivate = actor_deactivate, \
  .interleave = actor_interleave

/* Types: "actor" as above; "reentrant", "chain", "worker" (stateless). */
G_GNUC_UNUSED static SynSilo *
actor_silo_unstarted (guint n_lanes)
{
  static const SynGrainType types[] = {
    { .name = "actor", .idle_age_ms = 5000, .mailbox_limit = 50, ACTOR_FUNCS },
    { .name = "reentrant", .idle_age_ms = 5000, .reentrant = TRUE, ACTOR_FUNCS },
    { .name = "chain", .idle_age_ms = 5000, .call_chain = TRUE, ACTOR_FUNCS },
    { .name = "worker", .idle_age_ms = 5000, .stateless = TRUE, ACTOR_FUNCS },
  };
  SynSilo *silo = syn_silo_new_stepped (n_lanes, NULL, NULL);

  if (actor_log == NULL)
    actor_log = g_string_new (NULL);
  g_string_truncate (actor_log, 0);
  n_actors_activated = n_actors_deactivated = 0;
  actor_tick = NULL;
  actor_at_cancel = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    syn_silo_register (silo, &types[i], NULL);
  return silo;
}

G_GNUC_UNUSED static SynSilo *
actor_silo (guint n_lanes)
{
  SynSilo *silo = actor_silo_unstarted (n_lanes);

  g_assert_true (syn_silo_start (silo, NULL, NULL));
  return silo;
}

/* ---- calls ---- */

typedef struct {
  guint n_replies;
  GQuark domain;
  int code; /* 0: no error */
  char *text;
  gpointer payload;
  SynCallHandle handle;
} Outcome;

G_GNUC_UNUSED static void
outcome_clear (Outcome *self)
{
  g_free (self->text);
  *self = (Outcome) { 0 };
}

G_GNUC_UNUSED static void
note_reply (gpointer payload, const GError *error, gpointer user_data)
{
  Outcome *self = user_data;

  g_assert_cmpuint (self->n_replies++, ==, 0);
  self->payload = payload;
  if (error == NULL)
    return;
  g_assert_null (payload);
  self->domain = error->domain;
  self->code = error->code;
  self->text = g_strdup (error->message);
}

/* From the front lane. */
G_GNUC_UNUSED static void
tell (SynSilo *silo, const char *type, const char *key, int method, ActorFunc func, guint timeout_ms, Outcome *outcome)
{
  SynCall call = {
    .type = type, .key = key, .method = method, .payload = (gpointer) func, .timeout_ms = timeout_ms,
    .reply = outcome != NULL ? note_reply : NULL, .user_data = outcome, .handle = outcome != NULL ? &outcome->handle : NULL,
  };

  syn_call (syn_silo_get_front_lane (silo), &call);
}

/* ---- what actors do ---- */

G_GNUC_UNUSED static void
do_keep (Actor *self, SynMessage *message)
{
  g_string_append_printf (actor_log, "keep%d(%s) ", syn_message_get_method (message), syn_grain_get_key (self->grain));
  syn_message_list_push (&self->kept, message);
}

G_GNUC_UNUSED static void
do_note (Actor *self, SynMessage *message)
{
  g_string_append_printf (actor_log, "note%d(%s) ", syn_message_get_method (message), syn_grain_get_key (self->grain));
  syn_message_reply (message, NULL, NULL);
}

/* Replies to the oldest that is kept. */
G_GNUC_UNUSED static void
do_release (Actor *self, SynMessage *message)
{
  syn_message_reply (syn_message_list_pop (&self->kept), NULL, NULL);
  syn_message_reply (message, NULL, NULL);
}

G_GNUC_UNUSED static void
do_end (Actor *self, SynMessage *message)
{
  syn_grain_deactivate_soon (self->grain, NULL);
  syn_message_reply (message, NULL, NULL);
}

/* What was noted since the last time. */
#define assert_log(expected) \
  G_STMT_START \
  { \
    g_assert_cmpstr (actor_log->str, ==, expected); \
    g_string_truncate (actor_log, 0); \
  } \
  G_STMT_END
