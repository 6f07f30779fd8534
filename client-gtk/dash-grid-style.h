/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dash-glyphs.h"

G_BEGIN_DECLS

/**
 * DashGridStyle:
 *
 * What a grid's header and rows draw with: fonts, colours and measures of the theme in force.
 */
typedef struct
{
  DashGlyphs *glyphs;       /* (owned) */
  DashGlyphs *bold;         /* (owned): keys */
  GskRenderNode *mark_up;   /* (owned): ▲ at the origin */
  GskRenderNode *mark_down; /* (owned): ▼ */
  GskRenderNode *sort_up;   /* (owned): the header's */
  GskRenderNode *sort_down; /* (owned) */
  GdkRGBA text;
  GdkRGBA dim;
  GdkRGBA accent;
  GdkRGBA up;
  GdkRGBA down;
  GdkRGBA stripe;
  GdkRGBA header;
  GdkRGBA line;
  int row_height;
  int text_y;
  int mark_y;
} DashGridStyle;

/* Reads what @widget's theme says. Returns whether anything is another than before. */
gboolean dash_grid_style_load (DashGridStyle *self, GtkWidget *widget);
void dash_grid_style_clear (DashGridStyle *self);
/* A colour that the style sheet names, as `dash_up`; its text colour where there is none. */
void dash_style_lookup (GtkWidget *widget, const char *name, GdkRGBA *color);

G_END_DECLS
