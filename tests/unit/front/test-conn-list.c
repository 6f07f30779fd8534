/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first so many connections in an order: against a sort of all. */
#include "syn-conn-list.h"

#include <string.h>

#define N 500

static void
fill (SynConnEntry *entry, GRand *rand)
{
  *entry = (SynConnEntry){
    .kind = "websocket",
    .age_ms = g_rand_int_range (rand, 0, 1000000),
    .idle_ms = g_rand_int_range (rand, 0, 20),
    .views = (guint) g_rand_int_range (rand, 0, 5),
    .polls = g_rand_int_range (rand, 0, 50),
    .snapshots = g_rand_int_range (rand, 0, 50),
    .sent_bytes = g_rand_int_range (rand, -1, 50),
    .waiting_bytes = (guint64) g_rand_int_range (rand, 0, 3),
    .behind_ms = g_rand_int_range (rand, 0, 4),
  };
}

/* The definition: more of what is asked for, then more that waits, then older. */
static gint64
value (const SynConnEntry *e, SynConnOrder order)
{
  const gint64 values[SYN_CONN_N_ORDERS] = { e->behind_ms, (gint64) e->waiting_bytes, e->sent_bytes, e->snapshots,
                                             e->polls, e->views, e->age_ms, e->idle_ms };

  return values[order];
}

static int
by_definition (gconstpointer a, gconstpointer b, gpointer order)
{
  const SynConnOrder orders[] = { GPOINTER_TO_UINT (order), SYN_CONN_BY_WAITING, SYN_CONN_BY_AGE };

  for (guint i = 0; i < G_N_ELEMENTS (orders); i++)
    if (value (a, orders[i]) != value (b, orders[i]))
      return value (a, orders[i]) > value (b, orders[i]) ? -1 : 1;
  return 0;
}

static void
test_orders (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (guint order = 0; order < SYN_CONN_N_ORDERS; order++)
    for (guint max = 1; max <= 2 * N; max = max * 3 + 1)
      {
        g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (SynConnEntry));
        SynConnTop lanes[3], top;

        syn_conn_top_init (&top, order, max);
        for (guint i = 0; i < 3; i++)
          syn_conn_top_init (&lanes[i], order, max);
        for (guint i = 0; i < N; i++)
          {
            SynConnEntry entry;

            fill (&entry, rand);
            g_array_append_val (all, entry);
            if (syn_conn_top_wants (&lanes[i % 3], &entry))
              syn_conn_top_add (&lanes[i % 3], &entry);
          }
        for (guint i = 0; i < 3; i++)
          {
            syn_conn_top_merge (&top, &lanes[i]);
            syn_conn_top_clear (&lanes[i]);
          }
        syn_conn_top_sort (&top);
        g_array_sort_with_data (all, by_definition, GUINT_TO_POINTER (order));
        g_assert_cmpuint (top.n_seen, ==, N);
        g_assert_cmpuint (top.heap->len, ==, MIN (max, N));
        for (guint i = 0; i < top.heap->len; i++)
          g_assert_cmpint (
              by_definition (&g_array_index (top.heap, SynConnEntry, i), &g_array_index (all, SynConnEntry, i), GUINT_TO_POINTER (order)), ==, 0);
        syn_conn_top_clear (&top);
      }
}

static void
test_names (void)
{
  SynConnOrder order;

  for (guint i = 0; i < SYN_CONN_N_ORDERS; i++)
    {
      g_assert_true (syn_conn_order_from_string (syn_conn_order_to_string (i), &order));
      g_assert_cmpuint (order, ==, i);
    }
  g_assert_false (syn_conn_order_from_string ("", &order));
  g_assert_false (syn_conn_order_from_string ("Behind", &order));
}

static void
test_peer_info (void)
{
  SynPeerInfo info;

  syn_peer_info_read (-1, &info);
  g_assert_cmpstr (info.address, ==, "");
  g_assert_cmpint (info.rtt_us, ==, -1);
  g_assert_cmpint (info.unacknowledged_bytes, ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/front/conn-list/orders", test_orders);
  g_test_add_func ("/front/conn-list/names", test_names);
  g_test_add_func ("/front/conn-list/peer-info", test_peer_info);
  return g_test_run ();
}
