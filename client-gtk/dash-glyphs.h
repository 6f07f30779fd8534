/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/**
 * DashGlyphs:
 *
 * Text as render nodes for one font, without a PangoLayout per cell.
 */
typedef struct _DashGlyphs DashGlyphs;

typedef enum
{
  DASH_ALIGN_LEFT,
  DASH_ALIGN_RIGHT,
} DashAlign;

/* @is_bold: a heavier weight of the context's font. */
DashGlyphs *dash_glyphs_new (PangoContext *context, gboolean is_bold);
void dash_glyphs_free (DashGlyphs *self);
int dash_glyphs_get_height (DashGlyphs *self);
float dash_glyphs_measure (DashGlyphs *self, const char *text, gsize length);

/**
 * dash_glyphs_node:
 * @text: UTF-8, @length bytes
 * @color: of all of it
 * @x: where the space for it begins
 * @y: its upper edge
 * @width: the space for it; longer text ends in an ellipsis
 * @align: to which edge of the space
 * @text_width: (out) (optional): what it would have needed
 *
 * Returns: (transfer full) (nullable): the text, %NULL where there is nothing to see
 */
GskRenderNode *dash_glyphs_node (DashGlyphs *self,
                                 const char *text,
                                 gsize length,
                                 const GdkRGBA *color,
                                 float x,
                                 float y,
                                 float width,
                                 DashAlign align,
                                 float *text_width);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DashGlyphs, dash_glyphs_free)

G_END_DECLS
