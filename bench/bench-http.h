/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A connection of a benchmark to a server on this machine, by blocking calls; whatever fails ends the benchmark. Any thread. */

G_BEGIN_DECLS

/* Connected to 127.0.0.1, without Nagle's delay. Closed by close(). */
int bench_connect (guint16 port);
void bench_send (int fd, const void *data, gsize length);
/* Exactly so many bytes. */
void bench_receive (int fd, void *data, gsize length);

/* Sends a request of HTTP/1.1 and waits for its whole answer, whose end Content-Length tells: the head and the body. (transfer full) */
char *bench_exchange (int fd, const char *request, gsize length);
/* The same for a request made of @head (method, path and headers of its own, each with its line's end) and @body. (transfer full) */
char *bench_ask (int fd, const char *head, const char *body);
/* 200 and the like. */
guint bench_status_of (const char *answer);

G_END_DECLS
