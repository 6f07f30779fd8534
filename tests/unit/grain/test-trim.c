/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that a crowd has left behind: given back when many have gone and it is quiet, and otherwise nothing is done. */
#include "syn-trim.h"

#include <stdlib.h>
#include <unistd.h>

#include "syn-metrics.h"
#include "syn-silo-test.h"

#define PERIOD_MS 10000
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED TRUE
#else
#define SANITIZED FALSE
#endif

typedef struct {
  SynSilo *silo;
  SynTrim *trim;
  SynMetric idle, accepted, trims;
} Fixture;

static void
setup (Fixture *self, gconstpointer data)
{
  self->silo = syn_silo_new_stepped (2, NULL, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, NULL));
  self->trim = syn_trim_new (self->silo);
  self->idle = syn_metric_register (SYN_METRIC_COUNTER, "idle_collections_total", "");
  self->accepted = syn_metric_register (SYN_METRIC_COUNTER, "http_connections_total", "");
  self->trims = syn_metric_register (SYN_METRIC_COUNTER, "memory_trims_total", "");
}

static void
teardown (Fixture *self, gconstpointer data)
{
  g_clear_pointer (&self->trim, syn_trim_free);
  syn_silo_free (self->silo);
}

static void
count (Fixture *self, SynMetric metric, guint lane, gint64 n)
{
  SynLane *before = syn_silo_enter (self->silo, syn_silo_get_lane (self->silo, lane));

  syn_metric_add (syn_silo_get_lane (self->silo, lane), metric, n);
  syn_silo_enter (self->silo, before);
}

/* A period in which so many go; how often memory has been given back since the beginning. */
static gint64
pass (Fixture *self, guint n)
{
  count (self, self->idle, 0, n / 2);
  count (self, self->accepted, 1, n - n / 2);
  syn_silo_advance (self->silo, PERIOD_MS);
  return syn_metric_sum (self->silo, self->trims);
}

static void
test_when (Fixture *self, gconstpointer data)
{
  /* Few, for however long: nothing, until they are many. */
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (pass (self, 99), ==, 0);
  g_assert_cmpint (pass (self, 9), ==, 0);
  g_assert_cmpint (pass (self, 1), ==, 1);
  /* Once, not again for the same. */
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (pass (self, 0), ==, 1);
  /* Not while they go, but in the first quiet period. */
  g_assert_cmpint (pass (self, 100000), ==, 1);
  for (guint i = 0; i < 10; i++)
    g_assert_cmpint (pass (self, 100), ==, 1);
  g_assert_cmpint (pass (self, 99), ==, 2);
  g_assert_cmpint (pass (self, 0), ==, 2);
  /* Within a period nothing is looked at. */
  count (self, self->idle, 0, 5000);
  syn_silo_advance (self->silo, PERIOD_MS - 1);
  g_assert_cmpint (syn_metric_sum (self->silo, self->trims), ==, 2);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpint (syn_metric_sum (self->silo, self->trims), ==, 2);
  g_assert_cmpint (pass (self, 0), ==, 3);
}

static gsize
read_resident_bytes (void)
{
  g_autofree char *text = NULL;
  char *end;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_ascii_strtoull (text, &end, 10);
  return (gsize) g_ascii_strtoull (end, NULL, 10) * (gsize) sysconf (_SC_PAGESIZE);
}

/* 64 MiB of small blocks, of which each thousandth stays: none of it lies at the end of the heap. */
static void
test_given_back (Fixture *self, gconstpointer data)
{
  const guint n = 65536;
  const gsize block_bytes = 1024, all_bytes = n * block_bytes;
  g_autofree char **blocks = g_new (char *, n);
  gsize full, idle;

  if (SANITIZED)
    {
      g_test_skip ("a sanitizer's allocator gives nothing back when it is asked");
      return;
    }
  for (guint i = 0; i < n; i++)
    {
      blocks[i] = malloc (block_bytes);
      memset (blocks[i], (int) i, block_bytes);
    }
  for (guint i = 0; i < n; i++)
    if (i % 1000 != 999 && i != n - 1)
      g_clear_pointer (&blocks[i], free);
  full = read_resident_bytes ();
  /* Not by time alone. */
  g_assert_cmpint (pass (self, 0), ==, 0);
  idle = read_resident_bytes ();
  g_assert_cmpuint (idle + all_bytes / 4, >, full);
  g_assert_cmpint (pass (self, 2000), ==, 0);
  g_assert_cmpint (pass (self, 0), ==, 1);
  g_clear_pointer (&self->trim, syn_trim_free); /* waits for its thread */
  g_assert_cmpuint (read_resident_bytes () + all_bytes / 4 * 3, <, idle);
  for (guint i = 0; i < n; i++)
    free (blocks[i]);
}

/* Freed while its thread may be at work, and before it had a period. */
static void
test_free (Fixture *self, gconstpointer data)
{
  g_assert_cmpint (pass (self, 2000), ==, 0);
  g_assert_cmpint (pass (self, 0), ==, 1);
  syn_trim_free (self->trim);
  self->trim = syn_trim_new (self->silo);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/trim/" name, Fixture, NULL, setup, func, teardown)
  ADD ("when", test_when);
  ADD ("given-back", test_given_back);
  ADD ("free", test_free);
  return g_test_run ();
}
