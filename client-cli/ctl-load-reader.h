/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-http.h"
#include "replica-wire.h"

/* A client of a silo that is as light as can be, without its socket: the bytes to send, and a reader of what comes, over a
 * WebSocket or as HTTP long-polls. Of a snapshot only the token and the time are looked at. A plain struct, some 500
 * bytes a connection; zeroed and then given its transport it is ready. One thread at a time. */

G_BEGIN_DECLS

typedef enum
{
  CTL_LOAD_WS,
  CTL_LOAD_HTTP
} CtlLoadTransport;

typedef enum
{
  CTL_LOAD_MORE,     /* all bytes were taken, nothing more is known */
  CTL_LOAD_UPGRADED, /* polls may go out (WebSocket) */
  CTL_LOAD_HEAD,     /* of an answer so much is here that the next poll may go out (WebSocket; HTTP: not before ANSWER) */
  CTL_LOAD_ANSWER,   /* the answer has ended */
  CTL_LOAD_PING,     /* @text must be sent back: ctl_load_write_pong() */
  CTL_LOAD_CLOSE,    /* the server closes; @code: why */
  CTL_LOAD_FAIL      /* it broke the protocol, or refused the upgrade (@code: the HTTP status); @reason. The connection is of no more use */
} CtlLoadEventKind;

typedef enum
{
  CTL_LOAD_SNAPSHOT,
  CTL_LOAD_UNCHANGED,
  CTL_LOAD_ERROR
} CtlLoadAnswer;

typedef struct
{
  CtlLoadEventKind kind;
  CtlLoadAnswer answer; /* HEAD and ANSWER: what it is */
  guint32 view;         /* 0 over HTTP */
  ReplicaToken token;   /* HEAD of a snapshot */
  gint64 time_us;       /* likewise: when it was made, by the server's clock */
  guint64 size_bytes;   /* likewise: of the snapshot */
  guint16 code;         /* HEAD of an error: ReplicaError; CLOSE: the close code, 0 none; FAIL: HTTP status, 0 none */
  guint32 retry_ms;     /* HEAD of an error, FAIL: ask again after that; 0: no use */
  gboolean closes;      /* ANSWER over HTTP: the server ends the connection behind it */
  const char *reason;   /* FAIL: (static) */
  const guint8 *text;   /* PING, and HEAD of an error: its message, or the start of it, not terminated; valid until the next call */
  gsize text_bytes;
} CtlLoadEvent;

#define CTL_LOAD_READER_HEAD_MAX 256

typedef struct
{
  CtlLoadTransport transport;
  guint8 phase;
  guint8 frame_head_bytes, control_bytes;
  guint16 head_bytes, head_wanted;
  gboolean in_message, last_frame, in_control, told, ended;
  CtlLoadAnswer answer;
  guint32 view;
  guint64 left;           /* of the frame (WebSocket), of the body (HTTP) */
  guint64 message_bytes;  /* so far, with what is left of the frame */
  guint64 promised_bytes; /* what a snapshot's message says that it has */
  CtlLoadHttpHead http;
  GByteArray *kept; /* (owned) (nullable): the start of a response's head */
  guint8 frame_head[10];
  guint8 control[125];
  guint8 head[CTL_LOAD_READER_HEAD_MAX];
} CtlLoadReader;

void ctl_load_reader_clear (CtlLoadReader *self); /* as new, for the same transport */
/* Reads on, up to the next event. Returns how many of the bytes were used; call it again with the rest until
 * MORE. After CLOSE and FAIL there is nothing more. */
gsize ctl_load_reader_next (CtlLoadReader *self, const guint8 *bytes, gsize length, CtlLoadEvent *event);
/* How many of the bytes that come next it would only count; those need not be given to it at all: */
guint64 ctl_load_reader_skippable (const CtlLoadReader *self);
/* … but said. Then call next(), without bytes if there are none. */
void ctl_load_reader_skip (CtlLoadReader *self, guint64 n_bytes);

/* The longest of these, but for the path's length. */
#define CTL_LOAD_REQUEST_MAX 512

/* What a client sends. Each returns its length; @out has CTL_LOAD_REQUEST_MAX bytes and three for each of the path's. */
gsize ctl_load_write_upgrade (char *out, const char *authority);
/* @path: as it stands in a URL; NULL: the view's path as before (only over a WebSocket, as @view and @mask). @hold_ms is whole seconds over HTTP. */
gsize ctl_load_write_poll (char *out, CtlLoadTransport transport, const char *authority, guint32 view, const char *path, ReplicaToken token,
                           guint32 hold_ms, guint32 mask);
gsize ctl_load_write_pong (char *out, const guint8 *text, gsize length, guint32 mask);

G_END_DECLS
