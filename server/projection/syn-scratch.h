/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-expr.h"

/* The working memory of one thread, shared by all its projections and queries. Each of them needs vectors as long as its
 * batch or its base while it works and none while it waits: ten thousand queries that kept their own would hold
 * gigabytes. Contents are undefined between uses; nothing here may be kept across turns. */

G_BEGIN_DECLS

typedef struct _SynScratch SynScratch;

/* Who uses which buffer: two that are live at the same time must differ. */
typedef enum {
  SYN_SCRATCH_EVENTS,   /* syn-table: the events that count */
  SYN_SCRATCH_ROWS,     /* syn-table: their rows; syn-query-eval: the rows of the result */
  SYN_SCRATCH_STARTS,   /* syn-table: their window starts */
  SYN_SCRATCH_ORDER,    /* syn-table: the time of each event */
  SYN_SCRATCH_VALUE_EVENTS, /* syn-aggregate: the events that have a value */
  SYN_SCRATCH_VALUE_ROWS,   /* syn-aggregate: their rows */
  SYN_SCRATCH_PARTS,        /* syn-aggregate: the rows of a partial */
  SYN_SCRATCH_DOUBLES,      /* syn-aggregate: an argument's values */
  SYN_SCRATCH_MAP,      /* syn-key-table, syn-aggregate: a dictionary's codes to something */
  SYN_SCRATCH_MAP_START, /* syn-key-table: the window start that goes with it */
  SYN_SCRATCH_RECORDS,  /* syn-query-sort */
  SYN_SCRATCH_RECORDS_2,
  SYN_SCRATCH_KEYS,
  SYN_SCRATCH_COLUMNS,  /* a vector of columns */
  SYN_SCRATCH_POINTERS, /* a vector of pointers to columns */
  SYN_SCRATCH_N_BUFFERS,
} SynScratchBuffer;

SynScratch *syn_scratch_get (void); /* this thread's; made on first use, freed with the thread */
/* At least @size bytes, aligned to 16; valid until the next call for the same buffer. Never NULL. */
gpointer syn_scratch_buffer (SynScratch *self, SynScratchBuffer buffer, gsize size);
/* The frame number @index, for programs whose results must live at the same time. */
SynFrame *syn_scratch_frame (SynScratch *self, guint index);
/* @size bytes more, aligned to 16, until syn_scratch_end(); for as many vectors as an evaluation happens to need. Never NULL. */
gpointer syn_scratch_alloc (SynScratch *self, gsize size);
/* Ends a use: what was allocated is gone, and of buffers and frames those are given back that a big batch or base has grown
 * beyond SYN_SCRATCH_KEEP_BYTES, or many columns beyond SYN_SCRATCH_KEEP_FRAMES_BYTES. Nothing from before may be used any more. */
#define SYN_SCRATCH_KEEP_BYTES (1u << 20)        /* of one buffer, of one frame, and of all that was allocated */
#define SYN_SCRATCH_KEEP_FRAMES_BYTES (8u << 20) /* of all frames together */
void syn_scratch_end (SynScratch *self);
gsize syn_scratch_get_bytes (SynScratch *self); /* what it holds; for tests */

G_END_DECLS
