/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The working memory of a thread: see the header. Each thread has its own, so nothing is locked. Buffers only grow, to
 * the largest batch or base that the thread has seen: a few of them per lane, not per projection. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-scratch.h"

#define ROUND_UP_BYTES 4096

struct _SynScratch {
  gpointer buffers[SYN_SCRATCH_N_BUFFERS]; /* (owned) */
  gsize sizes[SYN_SCRATCH_N_BUFFERS];
  GPtrArray *frames;                       /* (owned) of SynFrame */
};

static void
syn_scratch_free (gpointer data)
{
  SynScratch *self = data;

  for (guint i = 0; i < SYN_SCRATCH_N_BUFFERS; i++)
    g_free (self->buffers[i]);
  g_ptr_array_unref (self->frames);
  g_free (self);
}

static GPrivate scratch_private = G_PRIVATE_INIT (syn_scratch_free);

SynScratch *
syn_scratch_get (void)
{
  SynScratch *self = g_private_get (&scratch_private);

  if (self == NULL)
    {
      self = g_new0 (SynScratch, 1);
      self->frames = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_frame_free);
      g_private_set (&scratch_private, self);
    }
  return self;
}

gpointer
syn_scratch_buffer (SynScratch *self, SynScratchBuffer buffer, gsize size)
{
  if (self->sizes[buffer] < size || self->buffers[buffer] == NULL)
    {
      /* Half as much again: a batch that is a little longer each time must not allocate each time. */
      gsize rounded = (MAX (size + size / 2, 1) + ROUND_UP_BYTES - 1) / ROUND_UP_BYTES * ROUND_UP_BYTES;

      g_free (self->buffers[buffer]);
      self->buffers[buffer] = g_malloc (rounded);
      self->sizes[buffer] = rounded;
    }
  return self->buffers[buffer];
}

SynFrame *
syn_scratch_frame (SynScratch *self, guint index)
{
  while (self->frames->len <= index)
    g_ptr_array_add (self->frames, syn_frame_new ());
  return g_ptr_array_index (self->frames, index);
}
