/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text for the grid. A grid writes the same few characters again and again, so each printable ASCII character
 * is shaped once, and a cell is put together from the table: no itemising, no shaping, no font look-up. Text
 * with anything else in it (other scripts, combining marks, right-to-left) goes through a PangoLayout, as it
 * must. Digits get the advance of the widest of them, whatever the font says about tabular figures. Rejected:
 * a PangoLayout per cell (1.5 times the time), GtkLabel or GtkInscription per cell (2 to 4 times). Main
 * thread only. */

#include "dash-glyphs.h"

#include <string.h>

#define N_ASCII 128
/* Bytes of a text that are looked at: more than any column is wide, and no more work however long a text is.
 */
#define N_RUN 256

typedef struct
{
  PangoGlyph glyph;
  int width; /* Pango units */
} AsciiGlyph;

struct _DashGlyphs
{
  PangoFont *font;       /* (owned) (nullable): of all of @ascii; NULL: everything goes the slow way */
  PangoLayout *layout;   /* (owned) */
  PangoGlyphString *run; /* (owned): reused */
  AsciiGlyph ascii[N_ASCII];
  AsciiGlyph ellipsis;
  gboolean has_ellipsis;
  int height;
  int baseline;
};

static gboolean
shape_one (DashGlyphs *self, const char *text, AsciiGlyph *result)
{
  PangoLayoutLine *line;
  PangoLayoutRun *run;

  pango_layout_set_text (self->layout, text, -1);
  line = pango_layout_get_line_readonly (self->layout, 0);
  if (line == NULL || line->runs == NULL || line->runs->next != NULL)
    return FALSE;
  run = line->runs->data;
  if (run->glyphs->num_glyphs != 1)
    return FALSE;
  if (self->font == NULL)
    self->font = g_object_ref (run->item->analysis.font);
  if (run->item->analysis.font != self->font)
    return FALSE;
  result->glyph = run->glyphs->glyphs[0].glyph;
  result->width = run->glyphs->glyphs[0].geometry.width;
  return TRUE;
}

DashGlyphs *
dash_glyphs_new (PangoContext *context, gboolean is_bold)
{
  DashGlyphs *self = g_new0 (DashGlyphs, 1);
  PangoAttrList *attributes = pango_attr_list_new ();
  int digit_width = 0;
  gboolean is_whole = TRUE;

  pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1, liga=0, clig=0, calt=0"));
  if (is_bold)
    pango_attr_list_insert (attributes, pango_attr_weight_new (PANGO_WEIGHT_SEMIBOLD));
  self->layout = pango_layout_new (context);
  pango_layout_set_attributes (self->layout, attributes);
  pango_layout_set_single_paragraph_mode (self->layout, TRUE);
  pango_attr_list_unref (attributes);
  self->run = pango_glyph_string_new ();
  pango_glyph_string_set_size (self->run, N_RUN + 1); /* and an ellipsis */

  for (int c = ' '; c < 127 && is_whole; c++)
    {
      char text[2] = { (char) c, '\0' };

      is_whole = shape_one (self, text, &self->ascii[c]);
    }
  if (!is_whole)
    g_clear_object (&self->font);
  for (int c = '0'; c <= '9'; c++)
    digit_width = MAX (digit_width, self->ascii[c].width);
  for (int c = '0'; c <= '9'; c++)
    self->ascii[c].width = digit_width;
  self->has_ellipsis = is_whole && shape_one (self, "…", &self->ellipsis);

  pango_layout_set_text (self->layout, "0Åg", -1);
  pango_layout_get_pixel_size (self->layout, NULL, &self->height);
  self->baseline = PANGO_PIXELS (pango_layout_get_baseline (self->layout));
  return self;
}

void
dash_glyphs_free (DashGlyphs *self)
{
  g_clear_object (&self->font);
  g_clear_object (&self->layout);
  g_clear_pointer (&self->run, pango_glyph_string_free);
  g_free (self);
}

int
dash_glyphs_get_height (DashGlyphs *self)
{
  return self->height;
}

static gsize
cut (const char *text, gsize length)
{
  if (length <= N_RUN)
    return length;
  length = N_RUN;
  while (length > 0 && ((guchar) text[length] & 0xc0) == 0x80)
    length--;
  return length;
}

/* The width of @text in Pango units when the table has all of it, -1 otherwise. */
static int
measure_ascii (DashGlyphs *self, const char *text, gsize length)
{
  int width = 0;

  if (self->font == NULL)
    return -1;
  for (gsize i = 0; i < length; i++)
    {
      guchar c = (guchar) text[i];

      if (c < ' ' || c >= 127)
        return -1;
      width += self->ascii[c].width;
    }
  return width;
}

float
dash_glyphs_measure (DashGlyphs *self, const char *text, gsize length)
{
  int width;

  length = cut (text, length);
  width = measure_ascii (self, text, length);
  if (width < 0)
    {
      pango_layout_set_width (self->layout, -1);
      pango_layout_set_text (self->layout, text, (int) length);
      pango_layout_get_size (self->layout, &width, NULL);
    }
  return (float) width / PANGO_SCALE;
}

static void
set_glyph (DashGlyphs *self, int index, const AsciiGlyph *glyph)
{
  self->run->glyphs[index] = (PangoGlyphInfo){
    .glyph = glyph->glyph,
    .geometry = { .width = glyph->width },
    .attr = { .is_cluster_start = 1 },
  };
  self->run->log_clusters[index] = index;
}

/* Returns the width drawn. */
static int
fill_run (DashGlyphs *self, const char *text, gsize length, int text_width, int width)
{
  gboolean is_cut = text_width > width && self->has_ellipsis;
  int limit = is_cut ? width - self->ellipsis.width : G_MAXINT;
  int used = 0, n = 0;

  for (gsize i = 0; i < length; i++)
    {
      const AsciiGlyph *glyph = &self->ascii[(guchar) text[i]];

      if (used + glyph->width > limit)
        break;
      set_glyph (self, n++, glyph);
      used += glyph->width;
    }
  if (is_cut)
    {
      set_glyph (self, n++, &self->ellipsis);
      used += self->ellipsis.width;
    }
  self->run->num_glyphs = n;
  return used;
}

static GskRenderNode *
layout_node (DashGlyphs *self,
             const char *text,
             gsize length,
             const GdkRGBA *color,
             float x,
             float y,
             float width,
             DashAlign align,
             float *text_width)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) gsk_render_node_unref);
  PangoLayoutIter *iter;
  PangoRectangle extents;

  pango_layout_set_ellipsize (self->layout, PANGO_ELLIPSIZE_NONE);
  pango_layout_set_width (self->layout, -1);
  pango_layout_set_text (self->layout, text, (int) length);
  pango_layout_get_extents (self->layout, NULL, &extents);
  if (text_width != NULL)
    *text_width = (float) extents.width / PANGO_SCALE;
  if (extents.width > (int) (width * PANGO_SCALE))
    {
      pango_layout_set_ellipsize (self->layout, PANGO_ELLIPSIZE_END);
      pango_layout_set_width (self->layout, (int) (MAX (width, 0) * PANGO_SCALE));
      pango_layout_get_extents (self->layout, NULL, &extents);
    }
  if (align == DASH_ALIGN_RIGHT)
    x += MAX (0, (float) (int) (width - (float) extents.width / PANGO_SCALE));

  iter = pango_layout_get_iter (self->layout);
  do
    {
      PangoLayoutRun *run = pango_layout_iter_get_run_readonly (iter);
      PangoRectangle place;
      GskRenderNode *node;

      if (run == NULL)
        continue;
      pango_layout_iter_get_run_extents (iter, NULL, &place);
      node = gsk_text_node_new (
          run->item->analysis.font, run->glyphs, color,
          &GRAPHENE_POINT_INIT (x + (float) (place.x - extents.x) / PANGO_SCALE, y + (float) self->baseline));
      if (node != NULL)
        g_ptr_array_add (nodes, node);
    }
  while (pango_layout_iter_next_run (iter));
  pango_layout_iter_free (iter);

  pango_layout_set_ellipsize (self->layout, PANGO_ELLIPSIZE_NONE);
  pango_layout_set_width (self->layout, -1);
  if (nodes->len == 0)
    return NULL;
  if (nodes->len == 1)
    return gsk_render_node_ref (g_ptr_array_index (nodes, 0));
  return gsk_container_node_new ((GskRenderNode **) nodes->pdata, nodes->len);
}

GskRenderNode *
dash_glyphs_node (DashGlyphs *self,
                  const char *text,
                  gsize length,
                  const GdkRGBA *color,
                  float x,
                  float y,
                  float width,
                  DashAlign align,
                  float *text_width)
{
  int needed, used;

  length = cut (text, length);
  needed = measure_ascii (self, text, length);
  if (needed < 0)
    return layout_node (self, text, length, color, x, y, width, align, text_width);
  if (text_width != NULL)
    *text_width = (float) needed / PANGO_SCALE;
  if (length == 0)
    return NULL;

  used = fill_run (self, text, length, needed, (int) (width * PANGO_SCALE));
  if (align == DASH_ALIGN_RIGHT)
    /* Whole pixels, so that the figures of a column are rastered alike. */
    x += MAX (0, (float) (int) (width - (float) used / PANGO_SCALE));
  return gsk_text_node_new (self->font, self->run, color,
                            &GRAPHENE_POINT_INIT (x, y + (float) self->baseline));
}
