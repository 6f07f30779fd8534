/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Fonts, colours and measures of a grid, read once per theme and not per row. Main thread. */

#include "dash-grid-style.h"

#include <string.h>

#define ROW_PAD 3
#define MARK_SCALE 0.62

void
dash_style_lookup (GtkWidget *widget, const char *name, GdkRGBA *color)
{
  GtkStyleContext *context = gtk_widget_get_style_context (widget);

  if (!gtk_style_context_lookup_color (context, name, color))
    gtk_style_context_get_color (context, color);
}

static GskRenderNode *
make_mark (PangoContext *context, const char *text, const GdkRGBA *color, int *height)
{
  g_autoptr (PangoLayout) layout = pango_layout_new (context);
  PangoAttrList *attributes = pango_attr_list_new ();
  GtkSnapshot *snapshot = gtk_snapshot_new ();

  pango_attr_list_insert (attributes, pango_attr_scale_new (MARK_SCALE));
  pango_layout_set_attributes (layout, attributes);
  pango_attr_list_unref (attributes);
  pango_layout_set_text (layout, text, -1);
  pango_layout_get_pixel_size (layout, NULL, height);
  gtk_snapshot_append_layout (snapshot, layout, color);
  return gtk_snapshot_free_to_node (snapshot);
}

void
dash_grid_style_clear (DashGridStyle *self)
{
  g_clear_pointer (&self->glyphs, dash_glyphs_free);
  g_clear_pointer (&self->bold, dash_glyphs_free);
  g_clear_pointer (&self->mark_up, gsk_render_node_unref);
  g_clear_pointer (&self->mark_down, gsk_render_node_unref);
  g_clear_pointer (&self->sort_up, gsk_render_node_unref);
  g_clear_pointer (&self->sort_down, gsk_render_node_unref);
}

gboolean
dash_grid_style_load (DashGridStyle *self, GtkWidget *widget)
{
  PangoContext *context = gtk_widget_create_pango_context (widget);
  DashGridStyle next = { 0 };
  int mark_height = 0, height;
  gboolean is_same;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &next.text);
  next.dim = next.text;
  next.dim.alpha *= 0.72f; /* on the light header still 4.5 to 1 */
  next.stripe = next.text;
  next.stripe.alpha = 0.025f;
  next.line = next.text;
  next.line.alpha = 0.14f;
  dash_style_lookup (widget, "accent_bg_color", &next.accent);
  dash_style_lookup (widget, "dash_up", &next.up);
  dash_style_lookup (widget, "dash_down", &next.down);
  dash_style_lookup (widget, "dash_grid_header", &next.header);
  next.glyphs = dash_glyphs_new (context, FALSE);
  next.bold = dash_glyphs_new (context, TRUE);
  height = dash_glyphs_get_height (next.glyphs);
  next.row_height = height + ROW_PAD * 2;
  next.text_y = ROW_PAD;
  next.mark_up = make_mark (context, "▲", &next.up, &mark_height);
  next.mark_down = make_mark (context, "▼", &next.down, &mark_height);
  next.sort_up = make_mark (context, "▲", &next.text, &mark_height);
  next.sort_down = make_mark (context, "▼", &next.text, &mark_height);
  next.mark_y = (next.row_height - mark_height) / 2;
  g_object_unref (context);

  is_same = self->glyphs != NULL && gdk_rgba_equal (&self->text, &next.text)
            && gdk_rgba_equal (&self->up, &next.up) && gdk_rgba_equal (&self->header, &next.header)
            && self->row_height == next.row_height
            && dash_glyphs_measure (self->glyphs, "0mWi", 4) == dash_glyphs_measure (next.glyphs, "0mWi", 4);
  if (is_same)
    {
      dash_grid_style_clear (&next);
      return FALSE;
    }
  dash_grid_style_clear (self);
  *self = next;
  return TRUE;
}
