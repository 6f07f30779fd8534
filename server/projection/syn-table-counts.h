/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What became of events; @applied + @late + @untimed + @dropped are those that passed `where`, each counted once however many
 * windows it is in. */
typedef struct {
  guint64 applied;
  guint64 late;        /* windows: they came too late, or their window was gone already */
  guint64 untimed;     /* windows: without an event time, or one that has no bucket in 64 bits */
  guint64 dropped;     /* they needed a row, or text of a key, and there was no room */
  guint64 lost_values; /* applied, but a value of an aggregate found no room */
  guint64 repeated;    /* before `where`: given a second time, and not applied again */
} SynTableCounts;

G_END_DECLS
