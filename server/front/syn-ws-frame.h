/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The frames of a WebSocket (RFC 6455), from a server's side. Pure: bytes in, events out; knows no socket, no
 * lane and no clock. */

G_BEGIN_DECLS

#define SYN_WS_CLOSE_GOING_AWAY 1001
#define SYN_WS_CLOSE_PROTOCOL 1002
#define SYN_WS_CLOSE_UNSUPPORTED 1003
#define SYN_WS_CLOSE_NO_STATUS 1005 /* never sent: a close frame without a code */
#define SYN_WS_CLOSE_INVALID_DATA 1007
#define SYN_WS_CLOSE_POLICY 1008
#define SYN_WS_CLOSE_TOO_BIG 1009

#define SYN_WS_OPCODE_CONTINUATION 0x0
#define SYN_WS_OPCODE_TEXT 0x1
#define SYN_WS_OPCODE_BINARY 0x2
#define SYN_WS_OPCODE_CLOSE 0x8
#define SYN_WS_OPCODE_PING 0x9
#define SYN_WS_OPCODE_PONG 0xa

#define SYN_WS_HEAD_MAX 10     /* of a frame that a server sends */
#define SYN_WS_CONTROL_MAX 125 /* payload of a control frame */

typedef enum
{
  SYN_WS_MORE,    /* needs more bytes than were given */
  SYN_WS_MESSAGE, /* a whole binary message */
  SYN_WS_PING,
  SYN_WS_PONG,
  SYN_WS_CLOSE, /* `code`: the peer's, or SYN_WS_CLOSE_NO_STATUS */
  SYN_WS_FAIL,  /* the peer broke the protocol: close with `code` and `reason`, and read no more */
} SynWsEventKind;

typedef struct
{
  SynWsEventKind kind;
  const guint8 *data; /* the payload; valid until the next call, or until the bytes given move */
  gsize length;
  gboolean is_dropped; /* a large message of which only the first SYN_WS_KEPT_BYTES are there, if it had so many */
  guint16 code;
  const char *reason; /* static */
} SynWsEvent;

#define SYN_WS_KEPT_BYTES 16 /* of a large message that is dropped */

/* Between calls it keeps only the fragments of an unfinished message. Zero it before first use, then set what it says of large ones. */
typedef struct
{
  guint8 *message; /* (owned) (nullable): fragments so far */
  guint32 message_bytes; /* of it; of a message that is dropped: that came */
  guint32 message_size;  /* allocated, for a large one */
  guint32 frame_left;    /* of the frame that is being gathered */
  guint32 large_max;     /* messages that begin with the byte large_type may have so many bytes; 0: there are no large ones */
  guint8 large_type;
  guint8 mask[4];        /* of the frame that is being gathered: the first is the next byte's */
  guint8 in_message : 1; /* a first fragment came, the last has not */
  guint8 is_large : 1;   /* it is longer than other messages may be: gathered as it comes */
  guint8 in_frame : 1;   /* of a large one: a frame's head came */
  guint8 is_last : 1;    /* that frame is the last one */
  guint8 is_dropped : 1;
} SynWsReader;

/**
 * syn_ws_reader_next:
 * @data: bytes from the peer; payloads are unmasked in place
 * @message_max: the longest message taken; more is %SYN_WS_CLOSE_TOO_BIG as soon as a header says so
 * @used: (out): how many bytes are done with; the rest is to be given again, with more after it
 *
 * Reads the next event. An offence is found as early as its byte is there, even when the frame is not whole.
 * Control frames between fragments are given in the order in which they came.
 */
SynWsEventKind syn_ws_reader_next (
    SynWsReader *self, guint8 *data, gsize length, gsize message_max, gsize *used, SynWsEvent *event);
void syn_ws_reader_clear (SynWsReader *self);

/* ---- large messages: gathered as they come, so that they need no room but their own ---- */

/* Where the next bytes from the peer may be put straight away; NULL: they go through syn_ws_reader_next(). Valid until the next call. */
guint8 *syn_ws_reader_get_room (SynWsReader *self, gsize *room);
/* @n bytes were put there. What comes of them the next syn_ws_reader_next() says, even without more. */
void syn_ws_reader_put (SynWsReader *self, gsize n);
/* Bytes held of a large message. */
gsize syn_ws_reader_get_held (const SynWsReader *self);
/* There is no room for the large message that is coming: reads past the rest of it, and holds its first SYN_WS_KEPT_BYTES. Nothing when it
 * has come whole. */
void syn_ws_reader_drop (SynWsReader *self);
/* After SYN_WS_MESSAGE: the memory that its data begins, (transfer full), or NULL when it was never the reader's own. */
guint8 *syn_ws_reader_steal (SynWsReader *self);

/* The head of an unmasked, unfragmented frame; @head: SYN_WS_HEAD_MAX bytes. Returns its length. */
guint syn_ws_frame_head (guint8 *head, guint8 opcode, guint64 payload_bytes);
/* A whole close frame; @frame: 2 + SYN_WS_CONTROL_MAX bytes. @code SYN_WS_CLOSE_NO_STATUS: without one.
 * Returns its length. */
guint syn_ws_close_frame (guint8 *frame, guint16 code, const char *reason);

G_END_DECLS
