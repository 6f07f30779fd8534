/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libreplica: a local replica of Synoptic projections, kept by reactive polling.
 *
 * Make a #ReplicaLink to a silo, a #ReplicaView per projection, connect to its `snapshot` signal, start both, and
 * run the thread-default main context.
 */
#include "replica-error.h"
#include "replica-column.h"
#include "replica-snapshot.h"
#include "replica-diff.h"
#include "replica-index.h"
#include "replica-event-batch.h"
#include "replica-link.h"
#include "replica-view.h"
#include "replica-table.h"
#include "replica-json.h"
#include "replica-screen.h"
#include "replica-follow.h"
#include "replica-format.h"
