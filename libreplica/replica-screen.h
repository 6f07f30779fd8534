/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-json.h"
#include "replica-link.h"

G_BEGIN_DECLS

/* What replica_screens_parse() takes at most. */
#define REPLICA_SCREENS_MAX_BYTES (4u << 20)
#define REPLICA_SCREENS_MAX_DEPTH REPLICA_JSON_MAX_DEPTH

/**
 * ReplicaPanelKind:
 * @REPLICA_PANEL_GRID: rows and columns
 * @REPLICA_PANEL_CANDLES: open-high-low-close bars over time, of the columns `open`, `high`, `low`, `close`
 *   and the timestamp column
 * @REPLICA_PANEL_LINE: numeric columns over time
 */
typedef enum {
  REPLICA_PANEL_GRID,
  REPLICA_PANEL_CANDLES,
  REPLICA_PANEL_LINE,
} ReplicaPanelKind;

REPLICA_PUBLIC const char *replica_panel_kind_to_string (ReplicaPanelKind kind); /* "grid", "candles", "line", as in JSON */

/**
 * ReplicaPanel:
 * @kind: what draws it
 * @path: the projection it shows, query and all
 * @title: what stands above it
 * @sort: (nullable): the local sort it starts with, as for replica_index_set_sort()
 * @follows: (nullable): the path of a grid panel of the same screen: this panel shows the rows whose key columns equal
 *   those of the row selected there (the first row at first), by a `where` on the shared key columns
 */
typedef struct {
  ReplicaPanelKind kind;
  char *path;
  char *title;
  char *sort;
  char *follows;
} ReplicaPanel;

/**
 * ReplicaScreen:
 *
 * A named set of panels, as the silo serves it to every client. Refcounted, immutable.
 */
typedef struct _ReplicaScreen ReplicaScreen;
#define REPLICA_TYPE_SCREEN (replica_screen_get_type ())
REPLICA_PUBLIC GType replica_screen_get_type (void);
REPLICA_PUBLIC ReplicaScreen *replica_screen_ref (ReplicaScreen *self);
REPLICA_PUBLIC void replica_screen_unref (ReplicaScreen *self);
REPLICA_PUBLIC const char *replica_screen_get_name (ReplicaScreen *self);
REPLICA_PUBLIC const char *replica_screen_get_title (ReplicaScreen *self);
REPLICA_PUBLIC guint replica_screen_get_n_panels (ReplicaScreen *self);
REPLICA_PUBLIC const ReplicaPanel *replica_screen_get_panel (ReplicaScreen *self, guint index);
/* Which panel of the screen the panel at @index follows, or -1. */
REPLICA_PUBLIC int replica_screen_get_leader (ReplicaScreen *self, guint index);
/* The body of GET /v1/screens. (transfer full) (element-type ReplicaScreen), NULL with REPLICA_ERROR_PROTOCOL. */
REPLICA_PUBLIC GPtrArray *replica_screens_parse (const char *json, gssize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplicaScreen, replica_screen_unref)

G_END_DECLS
