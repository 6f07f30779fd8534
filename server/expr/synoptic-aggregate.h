/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"
#include "synoptic-macros.h"

/**
 * Aggregates of one's own, for the columns of a catalog beside sum(), mean() and the others. This header is all that one needs: a
 * loadable module fills in a SynAggregateClass and registers it before the catalog is loaded; from then on its name is an aggregate.
 *
 * An aggregate must be a *mergeable partial*: the state after some events, merged with the state after others, must say the
 * same as the state after all of them in order. Events are conflated into partials before they meet a projection, so an aggregate that is not
 * gives wrong numbers, not slow ones. Test it: update once with everything, update parts and merge them, compare.
 *
 * States are an array with an element of state_bytes per row of the projection; functions work on many rows at a call. A state is moved
 * as bytes (so it may own memory, but not point into itself). Threads: states are touched by one thread at a time; a state that is being merged from
 * may be read by several. Functions must not block.
 */

G_BEGIN_DECLS

#define SYN_AGGREGATE_MAX_ARGS 4
#define SYN_AGGREGATE_MAX_STATE_BYTES 4096

typedef struct {
  ReplicaType type;
  guint8 scale; /* of a decimal */
} SynAggregateType;

typedef struct _SynAggregateClass SynAggregateClass;

struct _SynAggregateClass {
  gsize struct_bytes;   /* sizeof (SynAggregateClass), as the module was built */
  const char *name;     /* a plain name of the expression language, in lower case; of no other function */
  guint min_args;       /* from 1 */
  guint max_args;       /* to SYN_AGGREGATE_MAX_ARGS */
  gsize state_bytes;    /* from 1 to SYN_AGGREGATE_MAX_STATE_BYTES: sizeof the struct of a row's state */
  /* The type of the result, given those of the arguments: bool, int64, double, timestamp or decimal (not string). NULL: it takes these;
   * otherwise what it takes instead, as "numbers above 0" would stand after "geomean() takes". */
  const char *(*resolve) (const SynAggregateType *args, guint n_args, SynAggregateType *result);
  /* (nullable) The state of a row that has seen nothing; its bytes are zero already. */
  void (*init) (gpointer state);
  /* (nullable) Frees what a state owns beside its bytes. A class that has one has no flat state, and is not saved in checkpoints. */
  void (*clear) (gpointer state);
  /* Adds value @events[i] of the @args to state @rows[i], for each i below @n, in order. None of these values is null, and no double is
   * infinite or NaN: such events are left out before. Decimals come unscaled, in 8 or 16 bytes: read them with replica_column_get_int128(). */
  void (*update) (gpointer states, const ReplicaColumn *const *args, guint n_args, const guint32 *events, const guint32 *rows, guint n);
  /* Adds state @from[i] of @later, whose events came after, to state @rows[i], for each i below @n. */
  void (*merge) (gpointer states, gconstpointer later, const guint32 *from, const guint32 *rows, guint n);
  /* Writes the results of the first @n_rows to @results: one byte each for bool, 16 for decimal (unscaled), else 8. Bit row%8 of byte row/8 of
   * @validity is set for the rows that have seen a value; clear it where there is no result all the same. Doubles that are not finite become null. */
  void (*emit) (gconstpointer states, guint n_rows, gpointer results, guint8 *validity);
  /* (nullable) Whether bytes that were saved, and may have been damaged, are a state. */
  gboolean (*check) (gconstpointer state);
};

/* @klass must live as long as the process. From one thread, before any catalog is loaded. FALSE, with an error that says what is wrong: a
 * name that is taken or that the language cannot write, a function missing, a size out of bounds. Errors: SYN_ERROR_INVALID. */
SYN_PUBLIC gboolean syn_aggregate_class_register (const SynAggregateClass *klass, GError **error);

G_END_DECLS
