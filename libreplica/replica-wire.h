/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-error.h"
#include "replica-snapshot.h"

/* The messages of `synoptic.v1` and the layout of a snapshot: the normative text is docs/protocol.md; this is
 * the same in C, for both ends. Internal to the repository. All integers little-endian. Fields named
 * "reserved" are written 0 and refused when not 0. */

G_BEGIN_DECLS

#define REPLICA_WIRE_PROTOCOL "synoptic.v1"
#define REPLICA_WIRE_ENDPOINT "/v1/replica"
#define REPLICA_WIRE_PATH_MAX 8192
#define REPLICA_WIRE_HOLD_DEFAULT_MS 10000
#define REPLICA_WIRE_HOLD_MAX_MS 30000
/* A client's message: a poll with the longest path. */
#define REPLICA_WIRE_REQUEST_MAX (sizeof (ReplicaWirePoll) + REPLICA_WIRE_PATH_MAX)

enum {
  REPLICA_WIRE_POLL = 0x01,      /* client → server */
  REPLICA_WIRE_WITHDRAW = 0x02,  /* client → server: forget this view and its outstanding poll */
  REPLICA_WIRE_PUBLISH = 0x10,   /* client → server: a batch of events */
  REPLICA_WIRE_SNAPSHOT = 0x81,  /* server → client: the answers to a poll */
  REPLICA_WIRE_UNCHANGED = 0x82,
  REPLICA_WIRE_ERROR = 0x83,
  REPLICA_WIRE_PUBLISHED = 0x90, /* server → client: the answers to a batch */
  REPLICA_WIRE_REFUSED = 0x91,
};

/* Which forms the client reads. Full must be set; other bits are reserved. */
enum {
  REPLICA_WIRE_ACCEPT_FULL = 1 << 0,
  REPLICA_WIRE_ACCEPT_DELTA = 1 << 1, /* it has the snapshot that the poll names */
  REPLICA_WIRE_ACCEPT_ZSTD = 1 << 2,  /* either of them compressed */
};
#define REPLICA_WIRE_ACCEPT_ALL (REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_DELTA | REPLICA_WIRE_ACCEPT_ZSTD)
enum {
  REPLICA_WIRE_FORM_FULL = 1,  /* a ReplicaWireSnapshot */
  REPLICA_WIRE_FORM_DELTA = 2, /* a ReplicaWireDelta, against the snapshot that the poll named */
  REPLICA_WIRE_FORM_ZSTD = 4,  /* added to one of these: a ReplicaWireZstd with it inside */
};

typedef struct {
  guint8 type;        /* REPLICA_WIRE_POLL */
  guint8 accept;
  guint16 path_bytes; /* 0: the path of this view's poll before, on this connection */
  guint32 view;       /* chosen by the client, any number */
  guint64 epoch;      /* the token held; 0, 0: none */
  guint64 serial;
  guint32 hold_ms;
  guint32 reserved;
  /* then the path, UTF-8 */
} ReplicaWirePoll;

typedef struct {
  guint8 type; /* REPLICA_WIRE_WITHDRAW */
  guint8 reserved[3];
  guint32 view;
} ReplicaWireWithdraw;

typedef struct {
  guint8 type; /* REPLICA_WIRE_SNAPSHOT */
  guint8 form;
  guint16 reserved0;
  guint32 view;
  guint32 body_bytes;
  guint32 age_ms; /* how long ago the server knew that this is the newest; 0: it knows now */
  /* then the snapshot in that form; in each, the token is the two words at 8 */
} ReplicaWireSnapshotHead;

typedef struct {
  guint8 type; /* REPLICA_WIRE_UNCHANGED */
  guint8 reserved;
  guint16 age_10ms; /* as in a snapshot's head, in hundredths of a second; 65535: that, or more */
  guint32 view;
  guint64 epoch;
  guint64 serial;
} ReplicaWireUnchanged;

typedef struct {
  guint8 type; /* REPLICA_WIRE_ERROR */
  guint8 reserved0;
  guint16 code; /* ReplicaError */
  guint32 view;
  guint32 retry_ms; /* 0: no use to ask the same again */
  guint32 message_bytes;
  /* then the message, UTF-8 */
} ReplicaWireErrorHead;

#define REPLICA_WIRE_BATCH_MAX_BYTES (64u << 20)
#define REPLICA_WIRE_BATCH_MAX_EVENTS (1u << 20)

/* A batch of events has the layout of a snapshot: see docs/protocol.md. */
typedef struct {
  guint8 type; /* REPLICA_WIRE_PUBLISH */
  guint8 reserved0[3];
  guint32 request;     /* chosen by the client, any number: the answer has it */
  guint32 batch_bytes;
  guint32 reserved1;
  /* then the batch */
} ReplicaWirePublish;

typedef struct {
  guint8 type; /* REPLICA_WIRE_PUBLISHED */
  guint8 reserved[3];
  guint32 request;
  guint64 accepted; /* events */
  guint64 sequence; /* of the last event */
} ReplicaWirePublished;

typedef struct {
  guint8 type; /* REPLICA_WIRE_REFUSED */
  guint8 reserved0;
  guint16 code;     /* ReplicaError */
  guint32 request;
  guint32 retry_ms; /* 0: no use to send the same again */
  guint32 event;    /* of the batch, from 1; 0: not known */
  guint32 field_bytes;
  guint32 message_bytes;
  guint64 reserved1;
  /* then the field's name (0 bytes: not known) and the message, both UTF-8 */
} ReplicaWireRefusedHead;

G_STATIC_ASSERT (sizeof (ReplicaWirePoll) == 32);
G_STATIC_ASSERT (sizeof (ReplicaWireWithdraw) == 8);
G_STATIC_ASSERT (sizeof (ReplicaWireSnapshotHead) == 16);
G_STATIC_ASSERT (sizeof (ReplicaWireUnchanged) == 24);
G_STATIC_ASSERT (sizeof (ReplicaWireErrorHead) == 16);
G_STATIC_ASSERT (sizeof (ReplicaWirePublish) == 16);
G_STATIC_ASSERT (sizeof (ReplicaWirePublished) == 24);
G_STATIC_ASSERT (sizeof (ReplicaWireRefusedHead) == 32);

/* ---- the layout of a snapshot; every offset counts from its first byte and is 8-aligned ---- */

#define REPLICA_WIRE_MAGIC 0x534e5953u /* "SYNS" */
#define REPLICA_WIRE_VERSION 1

typedef struct {
  guint32 magic;
  guint16 version;
  guint16 stretched_100ms; /* how often snapshots come, while a busy server makes fewer than it should: one in so many tenths of a second; 0: as it should */
  guint64 epoch;
  guint64 serial;
  gint64 time_us;
  guint32 size_bytes; /* the whole snapshot */
  guint32 n_rows;
  guint32 n_columns;
  guint32 columns_offset; /* n_columns × ReplicaWireColumn */
  guint32 n_frontier;
  guint32 frontier_offset; /* n_frontier × ReplicaWireFrontier */
  guint32 path_offset;     /* texts (path, names) are UTF-8 with a NUL after them that is not counted */
  guint32 path_bytes;
} ReplicaWireSnapshot;

enum { REPLICA_WIRE_COLUMN_KEY = 1 << 0 };

typedef struct {
  guint32 name_offset;
  guint32 name_bytes;
  guint8 type; /* ReplicaType */
  guint8 scale;
  guint8 width;
  guint8 flags;
  guint32 data_offset; /* n_rows × width bytes */
  guint32 validity_offset; /* 0: no nulls; otherwise (n_rows + 7) / 8 bytes */
  guint32 n_dict;
  guint32 dict_offsets_offset; /* strings: (n_dict + 1) × guint32 */
  guint32 dict_bytes_offset;
} ReplicaWireColumn;

typedef struct {
  guint32 name_offset;
  guint32 name_bytes;
  guint64 sequence;
} ReplicaWireFrontier;

G_STATIC_ASSERT (sizeof (ReplicaWireSnapshot) == 64);
G_STATIC_ASSERT (sizeof (ReplicaWireColumn) == 32);
G_STATIC_ASSERT (sizeof (ReplicaWireFrontier) == 16);

/* ---- a compressed form ---- */

#define REPLICA_WIRE_ZSTD_MAGIC 0x5a4e5953u /* "SYNZ" */
#define REPLICA_WIRE_ZSTD_VERSION 1

typedef struct {
  guint32 magic;
  guint16 version;
  guint16 reserved0;
  guint64 epoch; /* those of what is inside */
  guint64 serial;
  guint32 plain_bytes; /* of what is inside */
  guint32 reserved1;
  /* then one zstd frame */
} ReplicaWireZstd;

G_STATIC_ASSERT (sizeof (ReplicaWireZstd) == 32);
G_STATIC_ASSERT (G_STRUCT_OFFSET (ReplicaWireZstd, epoch) == G_STRUCT_OFFSET (ReplicaWireSnapshot, epoch));

/* ---- the layout of a delta; every offset into it counts from its first byte and is 8-aligned ---- */

#define REPLICA_WIRE_DELTA_MAGIC 0x444e5953u /* "SYND" */
#define REPLICA_WIRE_DELTA_VERSION 1

typedef struct {
  guint32 magic;
  guint16 version;
  guint16 reserved0;
  guint64 epoch; /* the token of the result */
  guint64 serial;
  guint64 base_epoch;
  guint64 base_serial;
  guint64 hash;         /* XXH64, seed 0, of the result's bytes */
  guint32 size_bytes;   /* the whole delta */
  guint32 base_bytes;   /* the whole base */
  guint32 result_bytes; /* the whole result */
  guint32 n_parts;
  /* then n_parts × ReplicaWireDeltaPart */
} ReplicaWireDelta;

enum {
  REPLICA_WIRE_POSITIONS_NONE = 0,
  REPLICA_WIRE_POSITIONS_LIST = 1,   /* n_changes × guint32, ascending */
  REPLICA_WIRE_POSITIONS_BITMAP = 2, /* guint64 words with n_changes bits set; ends with the word of the last */
};

/* The next bytes of the result: some that the base has too, of which single values are others, then some that only
 * the result has, then zeros up to a multiple of 8. */
typedef struct {
  guint32 length;      /* without those zeros; not 0 */
  guint32 base_offset; /* not before the end of what the part before took */
  guint32 base_bytes;  /* taken from there: the first of the part; up to length */
  guint32 tail_offset; /* length - base_bytes more, of the delta's own; 0 when there are none */
  guint32 n_changes;
  guint32 positions_offset; /* in units of width, from the part's first byte; parts may share positions */
  guint32 values_offset;    /* n_changes × width */
  guint8 width;             /* of a value: 1, 4 or 8; 0 without changes */
  guint8 positions;
  guint16 reserved;
} ReplicaWireDeltaPart;

G_STATIC_ASSERT (sizeof (ReplicaWireDelta) == 64);
G_STATIC_ASSERT (sizeof (ReplicaWireDeltaPart) == 32);
G_STATIC_ASSERT (G_STRUCT_OFFSET (ReplicaWireDelta, epoch) == G_STRUCT_OFFSET (ReplicaWireSnapshot, epoch));

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* the layout is mapped, not translated */

G_END_DECLS
