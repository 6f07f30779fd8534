/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The working memory of a thread: see the header. Each thread has its own, so nothing is locked. There are
 * a few of them per lane, not per projection; they grow to what the batches and bases of the thread need, and those that a big one grew are
 * given back when it is done: a million rows a second pay for their pages, and leave none behind. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-scratch.h"

#define ROUND_UP_BYTES 4096

#define CHUNK_BYTES (64u << 10)

typedef struct _Chunk Chunk;
struct _Chunk {
  Chunk *next;
  gsize size; /* of the bytes behind the head */
  gsize used;
  gsize pad;  /* the bytes begin at a multiple of 16 */
};

struct _SynScratch {
  gpointer buffers[SYN_SCRATCH_N_BUFFERS]; /* (owned) */
  gsize sizes[SYN_SCRATCH_N_BUFFERS];
  GPtrArray *frames;                       /* (owned) of SynFrame */
  Chunk *chunks;                           /* (owned): the newest first; only it has room */
};

static void
free_chunks (Chunk *chunk)
{
  while (chunk != NULL)
    {
      Chunk *next = chunk->next;

      g_free (chunk);
      chunk = next;
    }
}

static void
syn_scratch_free (gpointer data)
{
  SynScratch *self = data;

  for (guint i = 0; i < SYN_SCRATCH_N_BUFFERS; i++)
    g_free (self->buffers[i]);
  free_chunks (self->chunks);
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

gpointer
syn_scratch_alloc (SynScratch *self, gsize size)
{
  gpointer bytes;

  G_STATIC_ASSERT (sizeof (Chunk) % 16 == 0);
  size = (MAX (size, 1) + 15) / 16 * 16;
  if (self->chunks == NULL || self->chunks->size - self->chunks->used < size)
    {
      /* Twice the last one: few chunks, however much is asked for. */
      gsize wanted = MAX (MAX (size, CHUNK_BYTES), self->chunks != NULL ? MIN (self->chunks->size * 2, SYN_SCRATCH_KEEP_BYTES) : 0);
      Chunk *chunk = g_malloc (sizeof *chunk + wanted);

      *chunk = (Chunk) { self->chunks, wanted, 0, 0 };
      self->chunks = chunk;
    }
  bytes = (char *) (self->chunks + 1) + self->chunks->used;
  self->chunks->used += size;
  return bytes;
}

void
syn_scratch_end (SynScratch *self)
{
  gsize kept = 0;

  for (guint i = 0; i < SYN_SCRATCH_N_BUFFERS; i++)
    if (self->sizes[i] > SYN_SCRATCH_KEEP_BYTES)
      {
        g_clear_pointer (&self->buffers[i], g_free);
        self->sizes[i] = 0;
      }
  for (guint i = 0; i < self->frames->len; i++)
    {
      gsize bytes = syn_frame_get_bytes (g_ptr_array_index (self->frames, i));

      if (bytes <= SYN_SCRATCH_KEEP_BYTES && kept + bytes <= SYN_SCRATCH_KEEP_FRAMES_BYTES)
        {
          kept += bytes;
          continue;
        }
      syn_frame_free (g_ptr_array_index (self->frames, i));
      self->frames->pdata[i] = syn_frame_new ();
    }
  if (self->chunks == NULL)
    return;
  /* The newest is the largest, but for one that a single vector made. */
  free_chunks (self->chunks->next);
  self->chunks->next = NULL;
  self->chunks->used = 0;
  if (self->chunks->size > SYN_SCRATCH_KEEP_BYTES)
    g_clear_pointer (&self->chunks, g_free);
}

gsize
syn_scratch_get_bytes (SynScratch *self)
{
  gsize bytes = 0;

  for (guint i = 0; i < SYN_SCRATCH_N_BUFFERS; i++)
    bytes += self->sizes[i];
  for (guint i = 0; i < self->frames->len; i++)
    bytes += syn_frame_get_bytes (g_ptr_array_index (self->frames, i));
  for (const Chunk *chunk = self->chunks; chunk != NULL; chunk = chunk->next)
    bytes += chunk->size;
  return bytes;
}
