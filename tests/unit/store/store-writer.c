/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that writes to a store from several lanes until it is killed: `store-writer FOLDER`. For each write that was acknowledged it
 * says "LANE NUMBER ETAG VALUE" on standard output, in one write(2): what is said was acknowledged, also when the kill comes next. Records
 * and their next values go on from what the folder has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "syn-silo.h"
#include "syn-sqlite-store.h"

#define N_LANES 3
#define N_RECORDS 8 /* of each lane, all under way */

typedef struct {
  SynLane *lane;
  guint number;
  guint64 value;
  guint64 etag;
  char key[32];
} Writer;

static void written (SynStoreRequest *answer, gpointer user_data);

static void
write_next (Writer *self)
{
  SynStoreRequest *request = syn_store_request_new (self->lane, SYN_STORE_WRITE, "t", self->key, "n", written, self);
  /* Of different sizes, so that records move about in the file. */
  gsize padding = (gsize) (self->value * 7919 % 9000);
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT " %*s", self->value + 1, (int) padding, "");

  request->etag = self->etag;
  request->bytes = g_bytes_new (text, strlen (text));
  syn_store_submit (syn_silo_get_store (syn_lane_get_silo (self->lane)), request);
}

static void
written (SynStoreRequest *answer, gpointer user_data)
{
  Writer *self = user_data;
  char line[96];
  int length;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  self->etag = answer->etag;
  self->value++;
  length = g_snprintf (line, sizeof line, "%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", self->key, self->value, self->etag);
  if (write (STDOUT_FILENO, line, (size_t) length) != length)
    _exit (1);
  write_next (self);
}

static void
was_read (SynStoreRequest *answer, gpointer user_data)
{
  Writer *self = user_data;

  if (answer->error != NULL)
    g_error ("%s", answer->error->message);
  self->etag = answer->etag;
  if (answer->bytes != NULL)
    self->value = g_ascii_strtoull (g_bytes_get_data (answer->bytes, NULL), NULL, 10);
  write_next (self);
}

static void
run_start (SynLane *lane, SynParcel *parcel)
{
  g_free (parcel);
  for (guint i = 0; i < N_RECORDS; i++)
    {
      Writer *self = g_new0 (Writer, 1);

      self->lane = lane;
      g_snprintf (self->key, sizeof self->key, "%u-%u", syn_lane_get_index (lane), i);
      syn_store_submit (syn_silo_get_store (syn_lane_get_silo (lane)),
                        syn_store_request_new (lane, SYN_STORE_READ, "t", self->key, "n", was_read, self));
    }
}

int
main (int argc, char **argv)
{
  SynSiloOptions options = { .n_lanes = N_LANES, .data_dir = argv[1] };
  g_autoptr (GError) error = NULL;
  SynSilo *silo = syn_silo_new (&options, &error);
  SynStore *store = silo != NULL ? syn_sqlite_store_new (&(SynSqliteStoreOptions){ .folder = argv[1] }, &error) : NULL;

  if (store == NULL)
    g_error ("%s", error->message);
  syn_silo_set_store (silo, store);
  if (!syn_silo_start (silo, NULL, &error))
    g_error ("%s", error->message);
  for (guint i = 0; i < N_LANES; i++)
    {
      SynParcel *parcel = g_new0 (SynParcel, 1);

      parcel->run = run_start;
      syn_lane_post (syn_silo_get_lane (silo, i), parcel);
    }
  for (;;)
    pause ();
}
