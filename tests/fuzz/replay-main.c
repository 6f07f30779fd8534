/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs a fuzz target over files and folders of inputs, so that every compiler and ./check replays the corpus; then over
 * simple mutations of each (every truncation of small ones, a flipped bit at seeded positions), so that the target
 * is exercised where libFuzzer is not installed. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static guint n_inputs, n_runs;

static void
run (const char *data, gsize size)
{
  /* A fresh allocation of exactly this size, so that the sanitizer sees a read past the end. */
  uint8_t *copy = g_memdup2 (data, size);

  LLVMFuzzerTestOneInput (copy != NULL ? copy : (const uint8_t *) "", size);
  g_free (copy);
  n_runs++;
}

static void
replay_file (const char *path)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;
  GRand *rand = g_rand_new_with_seed (4711);

  if (!g_file_get_contents (path, &data, &size, &error))
    g_error ("%s", error->message);
  n_inputs++;
  run (data, size);
  for (gsize cut = 0; cut < size; cut += size <= 2048 ? 1 : size / 1024)
    run (data, cut);
  for (guint i = 0; i < 512 && size > 0; i++)
    {
      g_autofree char *flipped = g_memdup2 (data, size);

      for (guint n = 0; n <= i % 3; n++)
        flipped[g_rand_int_range (rand, 0, (gint32) size)] ^= (char) (1 << g_rand_int_range (rand, 0, 8));
      run (flipped, size);
    }
  g_rand_free (rand);
}

int
main (int argc, char **argv)
{
  g_print ("1..1\n");
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GDir) dir = g_dir_open (argv[i], 0, NULL);
      const char *name;

      if (dir == NULL)
        {
          replay_file (argv[i]);
          continue;
        }
      while ((name = g_dir_read_name (dir)) != NULL)
        {
          g_autofree char *path = g_build_filename (argv[i], name, NULL);
          replay_file (path);
        }
    }
  g_print ("%s 1 - %u inputs, %u runs\n", n_inputs > 0 ? "ok" : "not ok", n_inputs, n_runs);
  return n_inputs > 0 ? 0 : 1;
}
