/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>

#include "syn-error.h"
#include "syn-silo-private.h"
#include "syn-silo-test.h"

/* A grain that does what its messages say, by their methods: of type "puppet", and "guard", which is always on. actor.h has one whose
 * messages bring functions. */
enum { ECHO = 1, KEEP, FLUSH, FAIL, END, END_WITH_ERROR, HOLD, RELEASE, CONSUME };

#define PUPPET_MAILBOX_LIMIT 300

/* What the tests look at and turn; reset by setup(). */
typedef struct {
  guint n_activated, n_deactivated;
  guint fail_activations; /* how many more of them */
  GString *log;           /* keys, in the order of their turns */
  guint64 epochs[64];
  GString *warnings;
} World;

extern World world;

/* Before g_test_run(): warnings are kept in `world`, not printed. After it, puppets_end(). */
void puppets_begin (int *argc, char ***argv);
void puppets_end (void);

/* A stepped silo, started; with the guard "g" if @keep. */
SynSilo *setup (guint n_lanes, gboolean keep);

/* What became of a call. */
typedef struct {
  guint n_replies;
  char *payload;
  int code; /* 0: no error */
  char *text;
} Outcome;

void outcome_clear (Outcome *self);

/* Puts what comes of it into @outcome (nullable: nothing is to come back), and asserts that it comes once. */
void call_type (SynLane *from, const char *type, const char *key, int method, guint timeout_ms, Outcome *outcome);
/* To a puppet, from the front lane, without a deadline. */
void call (SynSilo *silo, const char *key, int method, Outcome *outcome);
