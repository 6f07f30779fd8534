/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Publishes batches over one WebSocket, as a publisher in C would: each message is masked anew and sent, with several out at a time. */

typedef struct {
  guint16 port;
  GBytes *batch;     /* (unowned) as docs/protocol.md says; no producer */
  guint out;         /* publications out at a time */
  gint requests;     /* to be accepted */
  guint64 n_refused; /* for now (no room; a source that is not open yet), and sent again */
  double cpu_us;     /* of the thread */
} WsPublisher;

/* A thread's function: @data is a WsPublisher. Ends the benchmark with a message when something is refused for good. */
gpointer ws_publisher_run (gpointer data);
