/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-market.h"

GString *
bench_market_text (guint n, guint n_keys)
{
  GString *text = g_string_sized_new ((gsize) n * 128);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text,
                            "{\"symbol\":\"SYM%05d\",\"price\":%d.%04d,\"size\":%d,\"time\":\"2026-01-02T10:%02u:%02u.%06dZ\","
                            "\"venue\":\"XNY%c\"}\n",
                            g_rand_int_range (rand, 0, (gint32) n_keys), g_rand_int_range (rand, 10, 900), g_rand_int_range (rand, 0, 10000),
                            g_rand_int_range (rand, 1, 100) * 100, i / 60 % 60, i % 60, g_rand_int_range (rand, 0, 1000000),
                            'A' + g_rand_int_range (rand, 0, 4));
  return text;
}
