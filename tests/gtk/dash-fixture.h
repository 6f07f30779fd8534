/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"

/* Snapshots made in the process, for widgets without a server. */

/* A market of @n_instruments instruments and ten columns, @serial seconds into its day: each serial moves a
 * tenth of the prices. Repeatable. */
ReplicaSnapshot *dash_fixture_quotes (guint n_instruments, guint64 serial);
/* One-minute bars; another path has other prices. */
ReplicaSnapshot *dash_fixture_candles (const char *path, guint n_bars, guint64 serial);
/* Load of this many CPUs over time. */
ReplicaSnapshot *dash_fixture_load (guint n_cpus, guint n_samples, guint64 serial);
/* One string column `text`, which is the key, and a number. */
ReplicaSnapshot *dash_fixture_texts (const char *const *texts, guint n);
