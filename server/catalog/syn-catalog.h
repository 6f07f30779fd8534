/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>
#include "syn-aggregate-spec.h"

/* The catalog: what a silo serves, from JSON files, checked whole before anything starts. Immutable, refcounted, shared by
 * all lanes. Errors: SYN_ERROR_INVALID, "FILE:LINE: projection \"market/quotes\", column \"vwap\": …". */

G_BEGIN_DECLS

typedef enum { SYN_SOURCE_HTTP, SYN_SOURCE_FILE, SYN_SOURCE_SIMULATOR, SYN_SOURCE_HOST } SynSourceKind;
const char *syn_source_kind_to_string (SynSourceKind kind); /* as the catalog writes it */
typedef enum { SYN_FILE_CSV, SYN_FILE_NDJSON } SynFileFormat;

typedef enum {
  SYN_RETAIN_DEFAULT, /* as the server was told at its start */
  SYN_RETAIN_LIMITS,
  SYN_RETAIN_NEEDED,  /* nothing */
  SYN_RETAIN_ALL,
} SynRetainKind;

/* A field of a source: its name and type, and how it is read. */
typedef struct {
  char *name;
  ReplicaType type;
  guint8 scale;
  char *column;        /* the name it has in JSON and CSV; the field's own unless `"column"` says otherwise */
  gint64 unit_us_num;  /* timestamps given as numbers: `"unit"`: "s" "ms" "us" "ns"; 0: RFC 3339 text */
  gint64 unit_us_den;  /*   µs = number × num / den, cut towards the past */
  gint64 epoch_us;     /*   plus `"epoch"` (RFC 3339), 1970 unless given */
} SynFieldSpec;

typedef struct {
  char *name;
  SynSourceKind kind;
  guint n_fields;
  SynFieldSpec *fields;
  SynSchema *schema; /* of the fields, in order */
  gboolean durable;  /* its events go through the journal */
  SynRetainKind retain;    /* durable: what the journal keeps of them that no reader needs */
  gint64 retain_age_us;    /* SYN_RETAIN_LIMITS: 0: any age */
  guint64 retain_bytes;    /* likewise: 0: any size */
  /* file */
  char *path;            /* absolute: relative ones count from the catalog's folder */
  SynFileFormat format;  /* `"format"`, or by the name: .csv .ndjson .jsonl, before .zst */
  char **columns;        /* (nullable) CSV without a header line: `"columns": [..]`, "" skips one */
  gboolean follow;       /* goes on as the file grows (plain files only) */
  double speed;          /* × real time by `"time"`; 0: max */
  int time_field;        /* index of the `"time"` field; -1 */
  /* simulator */
  guint instruments;
  guint rate;            /* events/s on average */
  guint64 seed;
  double burst;          /* the peak of a burst as a multiple of rate, ≥ 1 */
  guint64 limit;         /* events after which it stops; 0: none. With speed 0 (`"speed": "max"`) as fast as taken. */
  gint64 start_us;       /* event time of the first event; 0: now */
  /* host */
  guint interval_ms;
  guint processes;       /* how many of the busiest */
  char *host_table;      /* which: "cpu" "memory" "disk" "network" "process" "load" */
} SynSourceSpec;

/* One column: an expression over the aggregates (named "$0", "$1", …), the key columns and other columns. */
typedef struct {
  char *name;
  int aggregate;        /* the index of the one aggregate it is, or -1: evaluate @program */
  SynProgram *program;  /* over SynProjectionSpec.work; never NULL */
  ReplicaType type;
  guint8 scale;
} SynOutputSpec;

/* One of the sources of a projection. */
typedef struct {
  const SynSourceSpec *source;
  guint *columns;   /* of each of the projection's fields: which of the source's it is */
  gboolean is_same; /* the projection's fields are the source's, in its order */
} SynInputSpec;

typedef struct _SynConflationSpec SynConflationSpec;

typedef struct {
  char *name;                   /* the path */
  guint n_inputs;               /* at least 1; 0: a grain of a module serves it */
  SynInputSpec *inputs;         /* ordered by the names of the sources */
  SynSchema *fields;            /* those that all of the inputs have, with equal name and type */
  guint n_keys;                 /* may be 0: one row, or one a window */
  guint *keys;                  /* indexes of fields; NULL without */
  gint64 window_us;             /* 0: none; aligned to 1970 */
  gint64 slide_us;              /* windows: from the start of one to that of the next; divides window_us, and is it when they tumble */
  gint64 late_us;               /* windows: how long after its first window's end, in event time, an event still counts; -1: as long as it is kept */
  gint64 keep_us;               /* windows: how much of the past is kept, counted back from the newest event time; 0: all */
  int time_field;               /* windows: `"on"`, an index of fields */
  SynProgram *where;            /* (nullable): events that count, over the fields */
  char *where_text;             /* (nullable): canonical */
  guint n_aggregates;
  SynAggregateSpec *aggregates;
  char **aggregate_texts;       /* canonical */
  const SynConflationSpec *group; /* what it is conflated with */
  guint *merged;                /* of each aggregate: which of the group's it is */
  guint n_outputs;
  SynOutputSpec *outputs;
  guint *order;                 /* outputs in the order in which they can be evaluated */
  SynSchema *work;              /* keys, window start, "$i" aggregates, outputs: what output programs see, in this order */
  SynSchema *schema;            /* of the snapshot: keys, then the window's start (a key too), then outputs */
  guint min_interval_ms;
  /* Served by a grain of a module; else NULL. All of it that is set besides: name, schema, min_interval_ms; the other schemas are empty. */
  const char *served_type;        /* of the grain; interned */
  char *served_key;               /* of the grain; of a family: NULL */
  char *module;                   /* its file */
} SynProjectionSpec;

/* What a module says it serves: the columns of each snapshot, and whom to ask. */
typedef struct {
  char *path;     /* with '/' at its end: a family: each path below it */
  char *type;     /* of the grain */
  char *key;      /* (nullable): of a family: the rest of the path */
  SynSchema *schema;
  guint min_interval_ms;
  char *module;
} SynServedSpec;

/* Errors: INVALID, naming the path. */
gboolean syn_served_spec_check (const SynServedSpec *self, GError **error);
void syn_served_spec_free (SynServedSpec *self);

/* A conflation group: projections of the same sources, key, `where` and window. Their events are conflated once, into the union of
 * their aggregates, for all of them. Every projection is in one, most in one of their own. */
struct _SynConflationSpec {
  char *name;                /* that of its first projection */
  SynProjectionSpec *common; /* what they share, and the union of their aggregates; has no columns */
  guint n_projections;
  const SynProjectionSpec **projections;
  gboolean direct;           /* its one projection gets the batches themselves */
  guint tick_ms;             /* a tenth of the shortest cap of its projections, from SYN_MIN_TICK_MS to SYN_MAX_TICK_MS */
};

typedef struct _SynCatalog SynCatalog;

SynCatalog *syn_catalog_load (const char *const *files, GError **error);
/* With the projections that modules serve. @served: (element-type SynServedSpec): checked. */
SynCatalog *syn_catalog_load_with (const char *const *files, GPtrArray *served, GError **error);
/* From text, for tests and fuzzing; @name stands in errors, relative paths count from @dir. */
SynCatalog *syn_catalog_parse (const char *name, const char *dir, const char *json, gssize length, GError **error);
SynCatalog *syn_catalog_ref (SynCatalog *self);
void syn_catalog_unref (SynCatalog *self);
guint syn_catalog_get_n_sources (SynCatalog *self);
const SynSourceSpec *syn_catalog_get_source (SynCatalog *self, guint index);
const SynSourceSpec *syn_catalog_find_source (SynCatalog *self, const char *name);
guint syn_catalog_get_n_projections (SynCatalog *self);
const SynProjectionSpec *syn_catalog_get_projection (SynCatalog *self, guint index);
const SynProjectionSpec *syn_catalog_find_projection (SynCatalog *self, const char *name);
/* Families of served projections; names end in '/'. Their members are not among the projections. */
guint syn_catalog_get_n_families (SynCatalog *self);
const SynProjectionSpec *syn_catalog_get_family (SynCatalog *self, guint index);
/* The specification of a path below a family: (transfer full) (nullable), for syn_projection_spec_free(). */
SynProjectionSpec *syn_catalog_dup_family_member (SynCatalog *self, const char *path);
void syn_projection_spec_free (SynProjectionSpec *self);
guint syn_catalog_get_n_conflations (SynCatalog *self);
const SynConflationSpec *syn_catalog_get_conflation (SynCatalog *self, guint index);
const SynConflationSpec *syn_catalog_find_conflation (SynCatalog *self, const char *name);
/* The input of a projection that a source is; -1: none. */
int syn_projection_spec_find_input (const SynProjectionSpec *self, const SynSourceSpec *source);
/* The body of GET /v1/screens: {"screens":[{"name","title","panels":[{"kind","path","title","sort","follows"}]}]} */
const char *syn_catalog_get_screens_json (SynCatalog *self, gsize *length);
guint syn_catalog_get_n_screens (SynCatalog *self);
/* The paths of all panels of all screens, with their queries, which the catalog has not looked at; @follows: (nullable): of the panel that it
 * follows; @place: `FILE:LINE: screen "NAME"`. */
guint syn_catalog_get_n_panels (SynCatalog *self);
const char *syn_catalog_get_panel (SynCatalog *self, guint index, const char **follows, const char **place);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynCatalog, syn_catalog_unref)

G_END_DECLS
