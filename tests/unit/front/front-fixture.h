/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>
#include "replica-snapshot.h"
#include "syn-catalog.h"
#include "syn-front.h"
#include "syn-journal.h"
#include "syn-metrics.h"
#include "syn-silo-test.h"

/* A whole front over real sockets, on a stepped silo: its clock moves only by fixture_advance(). Behind it are a projection and a source
 * that do what the test says. */

typedef struct {
  SynSilo *silo;
  SynCatalog *catalog;
  SynFront *front;
  char *authority;
  guint16 port;
  gboolean drained;
  SynJournal *journal; /* (nullable) */
} Fixture;

/* One source "trades" of kind http, one "gen" of kind simulator, one projection "quotes". */
void fixture_set_up (Fixture *self, gconstpointer data);
/* The same, with a journal in memory. */
void fixture_set_up_with_journal (Fixture *self, gconstpointer data);
/* Ends with every descriptor closed that was opened since fixture_set_up(). */
void fixture_tear_down (Fixture *self, gconstpointer data);

/* "quotes" has a new snapshot, of @n_rows rows; answers who waits. Serials count from 1. */
void fixture_publish_snapshot (Fixture *self, guint n_rows);
/* The same with a string of @n_bytes in each row. */
void fixture_publish_text (Fixture *self, guint n_rows, guint n_bytes);
/* The token of the newest snapshot. */
ReplicaToken fixture_token (Fixture *self);
/* What the source was given last: the body, and the format. And how often it was asked. */
const char *fixture_published_body (gsize *length);
int fixture_published_format (void);
gboolean fixture_published_is_batch (void);
guint fixture_n_published (void);
/* The next answer of the source: an error at a place; or, with FALSE, none comes at all until fixture_release(). */
void fixture_refuse_next (int code, const char *message, guint64 line, const char *field);
void fixture_hold_published (gboolean hold);
void fixture_release (Fixture *self);

void fixture_settle (Fixture *self);
void fixture_advance (Fixture *self, gint64 ms);
guint fixture_count_descriptors (void);
/* Raises the limit of descriptors to @n; where that cannot be, skips the test, says how many there are, and returns FALSE. */
gboolean fixture_need_descriptors (guint n);
/* Polls that wait, at all beacons. */
guint fixture_n_waiting (Fixture *self);
gint64 fixture_metric (Fixture *self, SynMetric which);
/* Begins to drain; `drained` becomes TRUE with its end, which comes once. */
void fixture_drain (Fixture *self);
/* Headers of a poll that has the newest snapshot, with others behind. */
char *fixture_token_headers (Fixture *self, const char *more);

/* Clients: plain sockets, read without blocking after things have settled. */
int client_connect (Fixture *self);
void client_send (Fixture *self, int fd, const char *text);
void client_send_bytes (Fixture *self, int fd, const void *data, gsize length);
/* What has come since the last time; "" when nothing. @closed: (out) (nullable): whether the server's end is closed. */
char *client_read (Fixture *self, int fd, gboolean *closed);
GByteArray *client_read_bytes (Fixture *self, int fd, gboolean *closed);
gboolean client_is_closed (Fixture *self, int fd);
void client_close (Fixture *self, int fd);
/* Sends and reads. */
char *client_ask (Fixture *self, int fd, const char *text);
/* POST, @head being all but the length; and a poll of "quotes" with those headers. */
char *client_post (Fixture *self, int fd, const char *head, const char *body);
char *client_poll (Fixture *self, int fd, const char *headers);
/* A header's value in an answer, or NULL. */
char *header_of (const char *answer, const char *name);
guint status_of (const char *answer);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

#define assert_has(text, part) \
  G_STMT_START \
  { \
    if (strstr (text, part) == NULL) \
      g_error ("\"%s\" is not in: %s", part, text); \
  } \
  G_STMT_END
