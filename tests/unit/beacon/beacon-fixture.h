/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* For tests of beacons: a stepped silo with an owner of snapshots that does what the test says, and readers that note what they
 * are told. */

#include <string.h>

#include "syn-beacon-private.h"
#include "syn-error.h"
#include "syn-silo-private.h"
#include "syn-silo-test.h"

/* FAITHFUL: as an owner should; SILENT: keeps every poll for ever; HASTY: holds none; BACKWARD: its tokens do not grow. */
typedef enum { FAITHFUL, SILENT, HASTY, BACKWARD } Manner;

/* What the owners saw, and how they behave; reset by fixture_setup(). */
typedef struct {
  guint n_polls, n_asking, max_out; /* all; with hold 0; the most that were held at once */
  guint n_out, n_cancelled;         /* held now, by all owners; taken back */
  int error;                        /* polls fail with it when not 0 */
  Manner manner;
  guint n_resolved;
  ReplicaToken newest;
} World;
extern World world;

typedef struct {
  SynSilo *silo;
  SynLane *front;
  SynBeaconSet *set; /* the front lane's */
} Fixture;

/* Paths are the same whatever their case; with a '!' they are malformed; "absent…" is not there, "empty…" has no snapshot at first. */
void fixture_setup (Fixture *self, gconstpointer data);
void fixture_teardown (Fixture *self, gconstpointer data);
/* The owner of @key makes one more snapshot. */
void publish (Fixture *self, const char *key);
SynBeaconStatus status (Fixture *self);

typedef struct {
  SynWaiter waiter;
  SynBeaconSet *set;
  guint n_answers;
  SynAnswer answer;
  ReplicaToken token; /* what it holds */
  ReplicaSnapshot *snapshot; /* the last, not owned: only compared */
  int code;
  char *text;
  guint retry_ms;
  gboolean again;     /* polls again from within the answer */
  gboolean polling;   /* within syn_beacon_set_poll() */
} Reader;

/* Polls, and checks that the answer does not come from within. */
void poll_path (Reader *self, const char *path, guint hold_ms);
void reader_clear (Reader *self);
