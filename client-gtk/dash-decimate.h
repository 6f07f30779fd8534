/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  double x, y;
} DashPoint;

/**
 * dash_decimate:
 * @points: ascending in x
 * @n: how many
 * @result: (out caller-allocates): room for @n points
 *
 * Of the points within each whole number of x (a pixel), keeps the first, the lowest, the highest and the
 * last, in their order: a line through them covers the same pixels.
 *
 * Returns: points in @result
 */
guint dash_decimate (const DashPoint *points, guint n, DashPoint *result);

G_END_DECLS
