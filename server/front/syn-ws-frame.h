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
  guint16 code;
  const char *reason; /* static */
} SynWsEvent;

/* Between calls it keeps only the fragments of an unfinished message. Zero it before first use. */
typedef struct
{
  guint8 *message; /* (owned) (nullable): fragments so far */
  guint32 message_bytes;
  guint8 in_message; /* a first fragment came, the last has not */
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

/* The head of an unmasked, unfragmented frame; @head: SYN_WS_HEAD_MAX bytes. Returns its length. */
guint syn_ws_frame_head (guint8 *head, guint8 opcode, guint64 payload_bytes);
/* A whole close frame; @frame: 2 + SYN_WS_CONTROL_MAX bytes. @code SYN_WS_CLOSE_NO_STATUS: without one.
 * Returns its length. */
guint syn_ws_close_frame (guint8 *frame, guint16 code, const char *reason);

G_END_DECLS
