/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A module for tests. The grain "echo/KEY" serves one row with its key, under "echo/KEY", and refuses "nobody"; "echo/liar" gives other columns than it says.
 * $ECHO names a fault: then init fails of it. */
#include <string.h>

#include "synoptic-module.h"

static gint n_freed;      /* type data and a filter's */
static gint n_requests;   /* that the filter saw */

typedef struct {
  SynGrain *grain;
  SynOutlet *outlet;
  const char *greeting;
} Echo;

static ReplicaSnapshot *
make (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  Echo *self = owner;
  const char *key = syn_grain_get_key (self->grain);
  gboolean lies = strcmp (key, "liar") == 0;
  g_autofree char *text = g_strdup_printf ("%s, %s", self->greeting, key);
  const guint32 code = 0, offsets[] = { 0, (guint32) strlen (text) + 1 };
  const gint64 length = (gint64) strlen (key);
  const ReplicaColumn columns[] = {
    { .name = "text", .type = REPLICA_TYPE_STRING, .width = 4, .is_key = TRUE, .n_rows = 1, .data = &code, .dict_offsets = offsets,
      .dict_bytes = text, .n_dict = 1 },
    { .name = lies ? "width" : "length", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 1, .data = &length },
  };
  g_autoptr (ReplicaSnapshotBuilder) builder = replica_snapshot_builder_new (key, token, time_us, 1);

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    replica_snapshot_builder_add (builder, &columns[i]);
  return replica_snapshot_builder_finish (g_steal_pointer (&builder), error);
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Echo *self;

  if (strcmp (key, "nobody") == 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "there is nobody");
      return NULL;
    }
  self = g_new0 (Echo, 1);
  self->grain = grain;
  self->greeting = type_data;
  self->outlet = syn_outlet_new (grain, 0, 0, make, self);
  return self;
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  syn_outlet_poll (((Echo *) state)->outlet, message);
}

static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  syn_outlet_cancel (((Echo *) state)->outlet, message);
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  syn_outlet_free (((Echo *) state)->outlet);
  g_free (state);
}

static SynInterleave
interleave (int method)
{
  return SYN_ALWAYS;
}

static gboolean
before (const SynCallInfo *info, gpointer user_data, GError **error)
{
  g_atomic_int_inc (&n_requests);
  return TRUE;
}

static void
count_freed (gpointer data)
{
  g_atomic_int_inc (&n_freed);
  g_free (data);
}

static const SynServedColumn columns[] = {
  { "text", REPLICA_TYPE_STRING, 0, TRUE },
  { "length", REPLICA_TYPE_INT64, 0, FALSE },
};

static gboolean
register_type (SynModule *module, const char *name, gboolean always_on, GError **error)
{
  const SynGrainType type = {
    .name = name,
    .always_on = always_on,
    .idle_age_ms = 60000,
    .interleave = interleave,
    .activate = activate,
    .receive = receive,
    .cancelled = cancelled,
    .deactivate = deactivate,
  };

  return syn_module_register (module, &type, g_strdup ("hello"), count_freed, error);
}

static gboolean
serve (SynModule *module, const char *path, const char *type, const char *key, guint n_columns, GError **error)
{
  const SynServed served = { .path = path, .type = type, .key = key, .columns = columns, .n_columns = n_columns };

  return syn_module_serve (module, &served, error);
}

static gboolean
add_filter (SynModule *module, GError **error)
{
  const SynFilter filter = { .before = before };

  return syn_module_add_filter (module, &filter, g_strdup ("filter"), count_freed, error);
}

static gboolean
fail (SynModule *module, const char *fault, GError **error)
{
  static const SynGrainType half = { .name = "half", .activate = activate, .receive = receive };
  static const SynServedColumn same[] = { { "a", REPLICA_TYPE_INT64 }, { "a", REPLICA_TYPE_INT64 } };
  static const SynServedColumn untyped[] = { { "a", (ReplicaType) 9 } };
  static const SynServedColumn unnamed[] = { { NULL, REPLICA_TYPE_INT64 } };
  static const SynServedColumn scaled[] = { { "a", REPLICA_TYPE_DECIMAL, 19 } };
  static const SynServedColumn inexact[] = { { "a", REPLICA_TYPE_DOUBLE, 0, TRUE } };
  const struct { const char *fault; const SynServedColumn *columns; guint n; } bad[] = {
    { "same-columns", same, 2 }, { "no-type", untyped, 1 }, { "no-name", unnamed, 1 }, { "scaled", scaled, 1 }, { "inexact", inexact, 1 },
  };
  const char *const types[] = { "reserved", "query", "slash", "a/b", "nameless", "", "twice", "echo" };

  if (strcmp (fault, "says-why") == 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the moon is not full");
      return FALSE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (types); i += 2)
    if (strcmp (fault, types[i]) == 0)
      return register_type (module, types[i + 1], FALSE, error);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    if (strcmp (fault, bad[i].fault) == 0)
      {
        const SynServed served = { "bad", "echo", "key", bad[i].columns, bad[i].n, 0 };

        return syn_module_serve (module, &served, error);
      }
  if (strcmp (fault, "half") == 0)
    return syn_module_register (module, &half, NULL, NULL, error);
  if (strcmp (fault, "keep-unknown") == 0)
    return syn_module_keep (module, "ecco", "key", error);
  if (strcmp (fault, "keep-on-demand") == 0)
    return syn_module_keep (module, "echo", "key", error);
  if (strcmp (fault, "serve-unknown") == 0)
    return serve (module, "bad", "ecco", "key", 2, error);
  if (strcmp (fault, "serve-path") == 0)
    return serve (module, "bad//path", "echo", "key", 2, error);
  if (strcmp (fault, "serve-no-key") == 0)
    return serve (module, "bad", "echo", NULL, 2, error);
  if (strcmp (fault, "family-key") == 0)
    return serve (module, "bad/", "echo", "key", 2, error);
  if (strcmp (fault, "no-columns") == 0)
    return serve (module, "bad", "echo", "key", 0, error);
  if (strcmp (fault, "types") == 0)
    for (guint i = 0; i < 100; i++)
      {
        g_autofree char *name = g_strdup_printf ("echo-%u", i);

        if (!register_type (module, name, FALSE, error))
          return FALSE;
      }
  if (strcmp (fault, "filters") == 0)
    for (guint i = 0; i < 100; i++)
      if (!add_filter (module, error))
        return FALSE;
  return FALSE; /* "silent" */
}

G_MODULE_EXPORT void echo_count (int *freed, int *requests);

void
echo_count (int *freed, int *requests)
{
  *freed = g_atomic_int_get (&n_freed);
  *requests = g_atomic_int_get (&n_requests);
}

SYNOPTIC_MODULE

gboolean
synoptic_module_init (SynModule *module, GError **error)
{
  const char *fault = g_getenv ("ECHO");

  if (!register_type (module, "echo", FALSE, error))
    return FALSE;
  if (fault != NULL)
    return fail (module, fault, error);
  return register_type (module, "echo-always", TRUE, error)
         && syn_module_keep (module, "echo-always", "one", error)
         && serve (module, "echo/", "echo", NULL, 2, error)
         && serve (module, "echo/one", "echo-always", "one", 2, error)
         && add_filter (module, error);
}
