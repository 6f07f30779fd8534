/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a source remembers of those who publish to it and number their requests, so that one that is sent again counts once: of each
 * producer the last SYN_PRODUCER_WINDOW acknowledgements; of the SYN_MAX_PRODUCERS that published last. On the source's lane. */

G_BEGIN_DECLS

typedef struct _SynProducers SynProducers;

typedef enum {
  SYN_REQUEST_NEXT,     /* to be taken: the next one, or the first of a producer that is not known (any more) */
  SYN_REQUEST_KNOWN,    /* was taken: its acknowledgement is there */
  SYN_REQUEST_PENDING,  /* is being taken: its acknowledgement comes */
  SYN_REQUEST_TOO_OLD,  /* was taken; its acknowledgement is not remembered */
  SYN_REQUEST_TOO_NEW,  /* one before it has not come */
} SynRequestVerdict;

typedef struct {
  guint64 number;   /* of the request, from 1 */
  guint64 accepted; /* events */
  guint64 sequence; /* of its last event */
} SynAcknowledgement;

/* 1 to SYN_MAX_PRODUCER_BYTES letters, digits or . _ : - */
gboolean syn_producer_is_name (const char *text);

SynProducers *syn_producers_new (void);
void syn_producers_free (SynProducers *self);
/* @ack: KNOWN: the acknowledgement; TOO_OLD, TOO_NEW: number is that of the last one taken. */
SynRequestVerdict syn_producers_judge (SynProducers *self, const char *producer, guint64 number, SynAcknowledgement *ack);
/* A request is on its way to the journal, was taken; all that are on their way were not. */
void syn_producers_post (SynProducers *self, const char *producer, guint64 number);
void syn_producers_acknowledge (SynProducers *self, const char *producer, const SynAcknowledgement *ack);
void syn_producers_unpost (SynProducers *self);
guint syn_producers_get_size (SynProducers *self);

/* As of what was acknowledged. */
void syn_producers_save (SynProducers *self, GByteArray *bytes);
/* From the beginning of @data: how many bytes it was; 0: it is damaged, and @self is empty. */
gsize syn_producers_load (SynProducers *self, const guint8 *data, gsize length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynProducers, syn_producers_free)

G_END_DECLS
