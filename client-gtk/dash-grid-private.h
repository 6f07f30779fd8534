/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dash-grid.h"
#include "dash-grid-header.h"
#include "dash-grid-row.h"

/* Between dash-grid.c (the model, and the widget), dash-grid-slots.c (the rows in sight) and
 * dash-grid-input.c (what the user does). */

G_BEGIN_DECLS

typedef enum
{
  DASH_GRID_SIGNAL_SELECTION_CHANGED,
  DASH_GRID_SIGNAL_ROW_ACTIVATED,
  DASH_GRID_N_SIGNALS,
} DashGridSignal;

typedef enum
{
  DASH_GRID_REFRESH_MOVED,    /* the same snapshot, perhaps other rows of it in sight */
  DASH_GRID_REFRESH_SNAPSHOT, /* a new snapshot; self->diff leads to it */
  DASH_GRID_REFRESH_ALL,      /* nothing of what is drawn can be used again */
} DashGridRefresh;

struct _DashGrid
{
  GtkWidget parent_instance;
  GtkAdjustment *hadjustment; /* (owned) (nullable) */
  GtkAdjustment *vadjustment; /* (owned) (nullable) */
  GtkScrollablePolicy hscroll_policy;
  GtkScrollablePolicy vscroll_policy;

  ReplicaIndex *index; /* (owned) */
  ReplicaDiff *diff;   /* (owned) (nullable): that led to the snapshot shown */
  const guint32 *rows; /* (unowned): the index's */
  guint n_rows;
  guint n_total;
  char *filter;       /* (owned) (nullable) */
  char *selected_key; /* (owned) (nullable) */
  int selected;       /* position among the rows shown, -1: none */
  int cursor;         /* column that the keyboard is on, -1: none */

  DashGridPaint paint;
  GtkWidget *header; /* (owned by the widget tree) */
  GPtrArray *slots;  /* (element-type DashGridRow) (owned by the widget tree): the visible rows, from above */
  guint n_used;      /* slots that the height has room for */
  guint first;       /* position that the first slot shows */
  guint grow_source; /* 0: none: makes more slots */
  guint flash_step;
  float flash_peak;
  guint flash_source; /* 0: none */
  gboolean is_stale;  /* what the slots show is not of the snapshot: nobody has seen them since */
  gboolean is_configuring;
  gboolean is_allocating; /* within size_allocate(): what would ask for another allocation is done there */
};

void dash_grid_emit (DashGrid *self, DashGridSignal signal);
int dash_grid_get_offset (GtkAdjustment *adjustment); /* in pixels; 0 for NULL */
int dash_grid_get_body_height (DashGrid *self);
/* The position at @y of the widget, or -1. */
int dash_grid_find_position (DashGrid *self, double y);
void dash_grid_sort_by (DashGrid *self, guint column);
void dash_grid_resize_column (DashGrid *self, guint column, double width);
void dash_grid_set_cursor (DashGrid *self, int column);

/* Makes slots until there are @n. */
void dash_grid_make_slots (DashGrid *self, guint n);
/* Brings the slots up to date: nothing where the grid is not mapped, but then everything when it is. */
void dash_grid_refresh_slots (DashGrid *self, DashGridRefresh refresh);
void dash_grid_start_flash (DashGrid *self);
/* How strong: by how much of what is in sight changed. */
void dash_grid_tune_flash (DashGrid *self);
void dash_grid_stop_flash (DashGrid *self);

void dash_grid_input_class_init (GtkWidgetClass *widget_class);
void dash_grid_input_init (DashGrid *self);

G_END_DECLS
