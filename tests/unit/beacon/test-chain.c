/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chains of silos: who lets whom in, whatever the order in which they find each other. */
#include "syn-chain.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-silo-test.h"

typedef struct {
  SynSilo *silo;
  SynChain *chain;
} Member;

static Member
member_new (const char *upstream)
{
  Member self = { .silo = syn_silo_new_stepped (1, NULL, NULL) };

  self.chain = syn_chain_install (self.silo, upstream);
  g_assert_true (syn_chain_get (self.silo) == self.chain);
  return self;
}

/* @edge connects to @upstream. 0, or what it is refused with. */
static int
meet (Member *edge, Member *upstream)
{
  g_autofree char *asking = syn_chain_dup_asking (edge->chain);
  g_autofree char *answer = NULL;
  g_autoptr (GError) error = NULL;

  if (!syn_chain_admit (upstream->chain, asking, &answer, &error) || !syn_chain_learn (edge->chain, answer, &error))
    return error->code;
  return 0;
}

static void
test_chain (void)
{
  Member a = member_new (NULL), b = member_new ("http://a"), c = member_new ("http://b");
  g_auto (GStrv) above = NULL;

  g_assert_null (syn_chain_dup_above (c.chain));
  g_assert_cmpint (meet (&c, &b), ==, SYN_ERROR_UNAVAILABLE); /* b does not know where it hangs */
  g_assert_cmpint (meet (&b, &a), ==, 0);
  g_assert_cmpint (meet (&c, &b), ==, 0);
  above = syn_chain_dup_above (c.chain);
  g_assert_cmpuint (g_strv_length (above), ==, 2);
  g_assert_cmpstr (above[0], ==, syn_chain_get_id (b.chain));
  g_assert_cmpstr (above[1], ==, syn_chain_get_id (a.chain));
  /* b knows, and lets others in while a is away. */
  g_assert_cmpint (meet (&c, &b), ==, 0);
  syn_silo_free (a.silo);
  syn_silo_free (b.silo);
  syn_silo_free (c.silo);
}

static void
test_itself (void)
{
  Member a = member_new ("http://a");

  g_assert_cmpint (meet (&a, &a), ==, SYN_ERROR_CONFLICT);
  syn_silo_free (a.silo);
}

/* Rings of each size, whoever comes first, and again and again: never is everyone let in, and after two rounds all say why. */
static void
test_rings (void)
{
  for (guint n = 2; n <= 4; n++)
    for (guint first = 0; first < n; first++)
      for (guint backwards = 0; backwards < 2; backwards++)
        {
          Member members[4];
          guint n_told = 0;

          for (guint i = 0; i < n; i++)
            members[i] = member_new ("http://next");
          for (guint round = 0; round < 2 * n; round++)
            for (guint k = 0; k < n; k++)
              {
                guint i = (first + (backwards ? n - k : k)) % n;
                int refused = meet (&members[i], &members[(i + 1) % n]);

                g_assert_cmpint (refused, !=, 0);
                if (round == 2 * n - 1)
                  n_told += refused == SYN_ERROR_CONFLICT;
              }
          g_assert_cmpuint (n_told, ==, n);
          for (guint i = 0; i < n; i++)
            syn_silo_free (members[i].silo);
        }
}

/* The root of a chain that stands is started anew as an edge of its leaf: the one that would close the ring is refused. */
static void
test_ring_of_a_chain (void)
{
  Member a = member_new (NULL), b = member_new ("http://a"), c = member_new ("http://b"), again;

  g_assert_cmpint (meet (&b, &a), ==, 0);
  g_assert_cmpint (meet (&c, &b), ==, 0);
  again = member_new ("http://c");
  g_assert_cmpint (meet (&again, &c), ==, 0); /* c hangs below b, and b below nobody who is known to be there */
  g_assert_cmpint (meet (&b, &again), ==, SYN_ERROR_CONFLICT);
  syn_silo_free (a.silo);
  syn_silo_free (b.silo);
  syn_silo_free (c.silo);
  syn_silo_free (again.silo);
}

static void
test_too_long (void)
{
  Member members[SYN_MAX_CHAIN + 1];

  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    {
      members[i] = member_new (i == 0 ? NULL : "http://before");
      if (i > 0)
        g_assert_cmpint (meet (&members[i], &members[i - 1]), ==, i < SYN_MAX_CHAIN ? 0 : SYN_ERROR_TOO_LARGE);
    }
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    syn_silo_free (members[i].silo);
}

static void
test_wrong_headers (void)
{
  static const char *const wrong[] = { "", ",", "0", "0123456789abcdeF", "0123456789abcdef,", "0123456789abcdef, x", "0123456789abcdef0" };
  Member a = member_new (NULL), b = member_new ("http://a");
  g_autoptr (GString) many = g_string_new ("0000000000000000");
  g_autofree char *answer = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) one = NULL, two = NULL, three = NULL;

      g_assert_false (syn_chain_check (a.chain, wrong[i], &one));
      g_assert_error (one, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_false (syn_chain_admit (a.chain, wrong[i], &answer, &two));
      g_assert_error (two, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_false (syn_chain_learn (b.chain, wrong[i], &three));
      g_assert_error (three, SYN_ERROR, SYN_ERROR_INVALID);
    }
  g_assert_false (syn_chain_learn (b.chain, NULL, NULL)); /* an upstream that knows of no chains */
  for (guint i = 1; i < SYN_MAX_CHAIN_IDS; i++)
    g_string_append_printf (many, ", %016x", i);
  g_assert_true (syn_chain_check (a.chain, many->str, NULL));
  g_string_append_printf (many, ", %016x", SYN_MAX_CHAIN_IDS);
  g_assert_false (syn_chain_check (a.chain, many->str, NULL));
  syn_silo_free (a.silo);
  syn_silo_free (b.silo);
}

/* Those below are remembered, but no more of them than fit. */
static void
test_many_below (void)
{
  Member a = member_new (NULL);

  for (guint i = 0; i < 1000; i++)
    {
      Member edge = member_new ("http://a");

      g_assert_cmpint (meet (&edge, &a), ==, 0);
      syn_silo_free (edge.silo);
    }
  {
    g_autofree char *asking = syn_chain_dup_asking (a.chain);
    Member b = member_new (NULL);

    g_assert_true (syn_chain_check (b.chain, asking, NULL));
    syn_silo_free (b.silo);
  }
  syn_silo_free (a.silo);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/chain/chain", test_chain);
  g_test_add_func ("/chain/itself", test_itself);
  g_test_add_func ("/chain/rings", test_rings);
  g_test_add_func ("/chain/ring-of-a-chain", test_ring_of_a_chain);
  g_test_add_func ("/chain/too-long", test_too_long);
  g_test_add_func ("/chain/wrong-headers", test_wrong_headers);
  g_test_add_func ("/chain/many-below", test_many_below);
  return g_test_run ();
}
