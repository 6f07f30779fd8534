/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The binary forms of a snapshot. Any thread: the deltas are a list that only grows, at its head, by compare and exchange, so that
 * lanes share what one of them made, and none waits for another. It is as long as there are different bases that readers name: those
 * that the beacons keep, a handful. A hash table was rejected: a list of so many is searched faster. */

#include "replica-delta-private.h"
#include "replica-zstd.h"

guint64
replica_snapshot_get_hash (ReplicaSnapshot *self)
{
  guint64 hash = __atomic_load_n (&self->hash, __ATOMIC_RELAXED);

  if (hash == 0)
    {
      hash = replica_delta_hash (self->bytes);
      __atomic_store_n (&self->hash, hash, __ATOMIC_RELAXED); /* whoever else computes it stores the same */
    }
  return hash;
}

/* What is kept of a form that compressing does not make smaller: that is found out once, too. */
static char no_zstd;
#define NO_ZSTD ((GBytes *) (gpointer) &no_zstd)

static void
free_zstd (GBytes *zstd)
{
  if (zstd != NULL && zstd != NO_ZSTD)
    g_bytes_unref (zstd);
}

gboolean
replica_form_peek_zstd (const ReplicaForm *self, GBytes **zstd)
{
  GBytes *kept = __atomic_load_n (&self->zstd, __ATOMIC_ACQUIRE);

  *zstd = kept != NO_ZSTD ? kept : NULL;
  return kept != NULL;
}

GBytes *
replica_form_get_zstd (const ReplicaForm *self, gboolean *is_new)
{
  ReplicaForm *form = (ReplicaForm *) self; /* immutable, but for what is made of it once */
  GBytes *zstd = NULL;

  if (is_new != NULL)
    *is_new = FALSE;
  if (replica_form_peek_zstd (self, &zstd))
    return zstd;
  zstd = replica_zstd_compress (self->bytes);
  if (is_new != NULL)
    *is_new = TRUE;
  if (!g_atomic_pointer_compare_and_exchange (&form->zstd, NULL, zstd != NULL ? zstd : NO_ZSTD))
    free_zstd (zstd);
  replica_form_peek_zstd (self, &zstd);
  return zstd;
}

const ReplicaForm *
replica_snapshot_get_full (ReplicaSnapshot *self)
{
  return &self->full;
}

static ReplicaDelta *
find_delta (ReplicaDelta *first, ReplicaToken base)
{
  while (first != NULL && !replica_token_equal (first->base, base))
    first = first->next;
  return first;
}

gboolean
replica_snapshot_peek_delta (ReplicaSnapshot *self, ReplicaSnapshot *base, const ReplicaForm **delta)
{
  ReplicaDelta *found = find_delta (g_atomic_pointer_get (&self->deltas), replica_snapshot_get_token (base));

  *delta = found != NULL && found->form.bytes != NULL ? &found->form : NULL;
  return found != NULL;
}

const ReplicaForm *
replica_snapshot_get_delta (ReplicaSnapshot *self, ReplicaSnapshot *base, gboolean *is_new)
{
  ReplicaToken token = replica_snapshot_get_token (base);
  ReplicaDelta *delta = find_delta (g_atomic_pointer_get (&self->deltas), token);

  if (is_new != NULL)
    *is_new = FALSE;
  if (delta == NULL)
    {
      delta = g_new0 (ReplicaDelta, 1);
      delta->base = token;
      delta->form.form = REPLICA_WIRE_FORM_DELTA;
      delta->form.bytes = replica_delta_make (base, self);
      do
        delta->next = g_atomic_pointer_get (&self->deltas);
      while (!g_atomic_pointer_compare_and_exchange (&self->deltas, delta->next, delta));
      if (is_new != NULL)
        *is_new = delta->form.bytes != NULL;
    }
  return delta->form.bytes != NULL ? &delta->form : NULL;
}

void
replica_snapshot_free_forms (ReplicaSnapshot *self)
{
  free_zstd (self->full.zstd);
  while (self->deltas != NULL)
    {
      ReplicaDelta *delta = self->deltas;

      self->deltas = delta->next;
      free_zstd (delta->form.zstd);
      g_clear_pointer (&delta->form.bytes, g_bytes_unref);
      g_free (delta);
    }
}

ReplicaSnapshot *
replica_snapshot_new_bare (ReplicaSnapshot *self)
{
  ReplicaSnapshot *bare = replica_snapshot_new_trusted (g_bytes_ref (self->bytes));

  bare->hash = __atomic_load_n (&self->hash, __ATOMIC_RELAXED);
  return bare;
}
