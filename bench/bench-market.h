/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Random trades of a market, the events that most benchmarks are about: as text, and as the batches that the server makes of it. One thread. */

G_BEGIN_DECLS

/* Their fields in a catalog. */
#define BENCH_MARKET_FIELDS \
  "{ \"symbol\": \"string\", \"price\": \"decimal(4)\", \"size\": \"int64\", \"time\": \"timestamp\", \"venue\": \"string\" }"

/* @n of them over @n_keys symbols as NDJSON, about 100 bytes each; the same each time. (transfer full) */
GString *bench_market_text (guint n, guint n_keys);

G_END_DECLS
