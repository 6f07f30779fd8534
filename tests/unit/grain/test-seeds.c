/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Seeded interleavings: that they are what they say, and that a search over them finds a bug of reentrancy which the plain order of
 * steps does not show. */
#include <string.h>

#include "syn-silo-private.h"
#include "syn-silo-test.h"

/* An account asks for the rate before it books, and forgets that its balance may have changed meanwhile. That is a bug when
 * requests interleave, and none when they do not. */
enum { BOOK = 1, RATE, RELAY };

typedef struct {
  SynGrain *grain;
  gint64 balance;
} Account;

typedef struct {
  Account *account;
  gint64 balance; /* as it was: the bug */
  SynMessage *message;
} Booking;

static gint64 last_balance;
static GString *trace; /* (nullable) */

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Account *self = g_new0 (Account, 1);

  self->grain = grain;
  return self;
}

static void
rate_known (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree Booking *booking = user_data;

  last_balance = booking->account->balance = booking->balance + GPOINTER_TO_INT (payload);
  syn_message_reply (booking->message, NULL, NULL);
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Account *self = state;
  int hops = GPOINTER_TO_INT (syn_message_get_payload (message));
  SynCall call = { .type = "relay", .method = RELAY };
  Booking *booking;
  char key[16];

  if (trace != NULL)
    g_string_append_printf (trace, "%s.%d ", syn_grain_get_key (grain), syn_message_get_method (message));
  switch (syn_message_get_method (message))
    {
    case BOOK:
      booking = g_new (Booking, 1);
      *booking = (Booking) { self, self->balance, message };
      call = (SynCall) { .type = "relay", .key = "rate", .method = RATE, .reply = rate_known, .user_data = booking };
      syn_grain_call (grain, &call);
      break;
    case RATE:
      syn_message_reply (message, GINT_TO_POINTER (1), NULL);
      break;
    case RELAY:
      g_snprintf (key, sizeof key, "%d", hops);
      if (hops == 0)
        call = (SynCall) { .type = "account", .key = "joint", .method = BOOK };
      else
        {
          call.key = key;
          call.payload = GINT_TO_POINTER (hops - 1);
        }
      syn_grain_call (grain, &call);
      syn_message_reply (message, NULL, NULL);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  g_free (state);
}

/* Two bookings, the second coming a longer way; whether both are in the balance. @user_data: whether the account is reentrant. */
static gboolean
both_are_booked (guint64 seed, gpointer user_data)
{
  const SynGrainType relay = { .name = "relay", .activate = activate, .receive = receive, .deactivate = deactivate };
  SynGrainType account = relay;
  SynSilo *silo = syn_silo_new_stepped (5, NULL, NULL);
  SynCall first = { .type = "account", .key = "joint", .method = BOOK };
  SynCall second = { .type = "relay", .key = "start", .method = RELAY, .payload = GINT_TO_POINTER (4) };

  account.name = "account";
  account.reentrant = GPOINTER_TO_INT (user_data);
  syn_silo_register (silo, &account, NULL);
  syn_silo_register (silo, &relay, NULL);
  g_assert_true (syn_silo_start (silo, NULL, NULL));
  syn_silo_seed (silo, seed);
  last_balance = 0;
  syn_call (syn_silo_get_front_lane (silo), &second);
  syn_call (syn_silo_get_front_lane (silo), &first);
  syn_silo_settle (silo);
  syn_silo_free (silo);
  return last_balance == 2;
}

static void
test_search (void)
{
  guint64 seed;

  /* The plain order does not show the bug; the search does, again and again with the seed it found. */
  g_assert_true (both_are_booked (0, GINT_TO_POINTER (TRUE)));
  seed = syn_silo_search (1, 500, both_are_booked, GINT_TO_POINTER (TRUE));
  g_assert_cmpuint (seed, !=, 0);
  for (guint i = 0; i < 3; i++)
    g_assert_false (both_are_booked (seed, GINT_TO_POINTER (TRUE)));
  /* As it should be, it survives all. */
  g_assert_cmpuint (syn_silo_search (1, 500, both_are_booked, GINT_TO_POINTER (FALSE)), ==, 0);
}

static void
test_same_seed_same_run (void)
{
  g_autoptr (GHashTable) runs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint64 seed = 1; seed <= 20; seed++)
    {
      g_autofree char *first = NULL;

      for (guint i = 0; i < 2; i++)
        {
          trace = g_string_new (NULL);
          both_are_booked (seed, GINT_TO_POINTER (TRUE));
          if (i == 0)
            first = g_strdup (trace->str);
          else
            g_assert_cmpstr (trace->str, ==, first);
          g_string_free (g_steal_pointer (&trace), TRUE);
        }
      g_hash_table_add (runs, g_steal_pointer (&first));
    }
  g_assert_cmpuint (g_hash_table_size (runs), >, 3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/seeds/search", test_search);
  g_test_add_func ("/seeds/same-seed-same-run", test_same_seed_same_run);
  return g_test_run ();
}
