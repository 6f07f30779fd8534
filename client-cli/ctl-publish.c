/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl publish: a file or pipe of events to a source, in requests of whole lines, one after the other
 * so that their order is kept. Never the whole file in memory: one request's lines at most.
 *
 * Requests are numbered, so that one that is sent again counts once. One that was refused for want of room is sent again after the time that the
 * server asks for, for as long as it takes; one that got no answer, or whose server goes away or cannot take it now, for --retry seconds.
 *
 * With --binary the lines are read here (ctl-publish-batch.c), and go as batches over the WebSocket. */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "ctl-publish-batch.h"
#include "ctl.h"

#define CHUNK_BYTES (1u << 20)
#define RETRY_DEFAULT_MS 1000

typedef struct
{
  ReplicaLink *link; /* (owned) */
  gboolean binary;
  CtlBatcher *batcher; /* (owned) (nullable): --binary */
  const char *source;
  const char *name; /* of the input, in messages */
  gboolean csv;
  char *header; /* (owned) (nullable) CSV: the first line, with its line end */
  CtlPace pace; /* speed 0: max */
  const char *time_field;
  int time_column; /* CSV: of it; -1 */
  gint64 batch;    /* lines at most */

  GByteArray *chunk; /* (owned) without the header */
  gint64 n_lines;
  guint64 first_line;

  char *producer; /* (owned) this run's */
  guint64 number; /* of the request */
  int retry_s;

  guint64 accepted;
  guint64 sequence;
  gboolean has_asked; /* the server has told the sequence */

  gboolean done; /* the request in flight */
  gboolean published;
  guint retry_ms;
  GError *error;
} Publish;

/* What is wrong with @line of a request, from 1, by the line of the file: in CSV the repeated header is line 1 of each request. */
static GError *
new_line_error (Publish *self, guint64 line, const char *field, const char *message)
{
  guint64 at = self->csv ? (line == 1 ? 1 : self->first_line + line - 2) : self->first_line + line - 1;

  if (field != NULL && (field[0] == '\0' || strstr (message, field) != NULL))
    field = NULL; /* said already */
  return g_error_new (REPLICA_ERROR, REPLICA_ERROR_INVALID, "%s:%" G_GUINT64_FORMAT ": %s%s%s%s", self->name, at, field != NULL ? "field " : "",
                      field != NULL ? field : "", field != NULL ? ": " : "", message);
}

static void
published_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Publish *self = user_data;
  guint64 accepted, sequence, line;
  const char *field, *message;

  self->done = TRUE;
  if (self->binary)
    self->published = replica_link_publish_batch_finish (REPLICA_LINK (object), result, &accepted, &sequence, &self->error);
  else
    self->published = replica_link_publish_finish (REPLICA_LINK (object), result, &accepted, &sequence, &self->error);
  if (self->published)
    {
      self->accepted += accepted;
      self->sequence = sequence;
      return;
    }
  self->retry_ms = replica_link_result_get_retry_ms (result);
  if (self->binary) /* what the server does not like of a batch that was read here: the source is another one meanwhile */
    {
      if (self->n_lines > 0 && g_error_matches (self->error, REPLICA_ERROR, REPLICA_ERROR_INVALID))
        g_prefix_error (&self->error, "%s: of the events from line %" G_GUINT64_FORMAT " on: ", self->name, self->first_line);
    }
  else if (replica_link_result_get_place (result, &line, &field, &message) && line > 0)
    {
      g_error_free (self->error);
      self->error = new_line_error (self, line, field, message);
    }
}

/* Whether what failed may be sent again. The first request that fails for another reason than want of room has an end: a server that is not there. */
static gboolean
may_retry (Publish *self, gint64 failing_since_us)
{
  if (g_error_matches (self->error, REPLICA_ERROR, REPLICA_ERROR_OVERLOADED))
    return TRUE;
  if (!g_error_matches (self->error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE) && !g_error_matches (self->error, REPLICA_ERROR, REPLICA_ERROR_TIMEOUT))
    return FALSE;
  return g_get_monotonic_time () - failing_since_us < (gint64) self->retry_s * G_USEC_PER_SEC;
}

static gboolean
woken (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

/* The link goes on meanwhile: it may have to connect anew. */
static void
pause_ms (guint ms)
{
  g_autoptr (GSource) timer = g_timeout_source_new (ms);
  gboolean over = FALSE;

  g_source_set_callback (timer, woken, &over, NULL);
  g_source_attach (timer, g_main_context_get_thread_default ());
  while (!over)
    ctl_iterate ();
}

/* Waits before what failed is sent again; FALSE: it shall not be. */
static gboolean
await_retry (Publish *self, gint64 failing_since_us, GError **error)
{
  if (!may_retry (self, failing_since_us))
    {
      g_propagate_error (error, g_steal_pointer (&self->error));
      return FALSE;
    }
  g_clear_error (&self->error);
  pause_ms (self->retry_ms > 0 ? self->retry_ms : RETRY_DEFAULT_MS);
  return TRUE;
}

/* ---- what the server has to tell before lines can be read here ---- */

typedef struct
{
  Publish *publish;
  GBytes *body; /* (owned) (nullable) */
} Sources;

static void
fetched_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Sources *self = user_data;

  self->body = replica_link_fetch_finish (REPLICA_LINK (object), result, NULL, &self->publish->error);
  self->publish->retry_ms = replica_link_result_get_retry_ms (result);
  self->publish->done = TRUE;
}

static gboolean
learn_fields (Publish *self, GError **error)
{
  gint64 since_us = g_get_monotonic_time ();
  g_autoptr (GBytes) body = NULL;

  while (body == NULL)
    {
      Sources sources = { self, NULL };

      self->done = FALSE;
      replica_link_fetch_async (self->link, "/v1/sources", NULL, NULL, 0, NULL, fetched_cb, &sources);
      while (!self->done)
        ctl_iterate ();
      body = sources.body;
      if (body == NULL && !await_retry (self, since_us, error))
        return FALSE;
    }
  self->batcher = ctl_batcher_new (body, self->source, self->csv, error);
  return self->batcher != NULL;
}

/* ---- requests ---- */

/* The chunk as it goes out. */
static GBytes *
make_body (Publish *self, GError **error)
{
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  g_autoptr (GError) wrong = NULL;
  GBytes *body;
  const char *field;
  guint64 line;

  if (self->header != NULL)
    g_byte_array_append (whole, (const guint8 *) self->header, (guint) strlen (self->header));
  g_byte_array_append (whole, self->chunk->data, self->chunk->len);
  if (!self->binary)
    return g_byte_array_free_to_bytes (g_steal_pointer (&whole));
  body = ctl_batcher_make (self->batcher, (const char *) whole->data, whole->len, self->producer, self->number, &line, &field, &wrong);
  if (body == NULL && line > 0)
    g_propagate_error (error, new_line_error (self, line, field, wrong->message));
  else if (body == NULL)
    g_propagate_error (error, g_steal_pointer (&wrong));
  return body;
}

static void
send (Publish *self, GBytes *body)
{
  if (self->binary)
    replica_link_publish_bytes_async (self->link, body, NULL, published_cb, self);
  else
    replica_link_publish_numbered_async (self->link, self->source, body, self->csv ? "text/csv" : "application/x-ndjson", self->producer, self->number,
                                         NULL, published_cb, self);
}

/* Sends the chunk, even an empty one, until it is taken. */
static gboolean
publish_request (Publish *self, GError **error)
{
  g_autoptr (GBytes) body = make_body (self, error);
  gint64 since_us = g_get_monotonic_time ();
  guint64 accepted_before = self->accepted;

  if (body == NULL)
    return FALSE;
  for (;;)
    {
      self->done = FALSE;
      send (self, body);
      while (!self->done)
        ctl_iterate ();
      if (self->published)
        {
          self->has_asked = TRUE;
          break;
        }
      if (!await_retry (self, since_us, error))
        return FALSE;
    }
  if (self->accepted > accepted_before)
    self->number++;
  g_byte_array_set_size (self->chunk, 0);
  self->n_lines = 0;
  return TRUE;
}

static gboolean
publish_chunk (Publish *self, GError **error)
{
  return self->n_lines == 0 || publish_request (self, error);
}

/* Replay: waits until the event is due, after what was due before it has been sent. */
static gboolean
publish_wait_due (Publish *self, const char *record, gsize length, guint64 line, GError **error)
{
  g_autoptr (GError) wrong = NULL;
  gint64 time_us;

  if (!ctl_pace_read_time (record, length, self->time_column, self->time_field, &time_us, &wrong))
    {
      if (!publish_chunk (self, error)) /* what came before is good */
        return FALSE;
      g_propagate_prefixed_error (error, g_steal_pointer (&wrong), "%s:%" G_GUINT64_FORMAT ": ", self->name,
                                  line);
      return FALSE;
    }
  if (ctl_pace_wait_us (&self->pace, time_us, g_get_monotonic_time ()) == 0)
    return TRUE;
  if (!publish_chunk (self, error))
    return FALSE;
  g_usleep ((gulong) ctl_pace_wait_us (&self->pace, time_us, g_get_monotonic_time ()));
  return TRUE;
}

static gboolean
publish_record (Publish *self, const char *record, gsize length, guint64 line, GError **error)
{
  gsize blank = 0;

  while (blank < length && strchr (" \t\r\n", record[blank]) != NULL && record[blank] != '\0')
    blank++;
  if (self->csv && self->header == NULL)
    {
      gboolean ended = length > 0 && record[length - 1] == '\n';

      if (memchr (record, '\0', length) != NULL)
        {
          g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "%s:1: a NUL byte in the header",
                       self->name);
          return FALSE;
        }
      self->header = g_strdup_printf ("%.*s%s", (int) length, record, ended ? "" : "\n");
      if (self->pace.speed > 0 && !ctl_pace_find_column (self->header, self->time_field, &self->time_column, error))
        {
          g_prefix_error (error, "%s:1: ", self->name);
          return FALSE;
        }
      return TRUE;
    }
  if (self->pace.speed > 0 && blank < length && !publish_wait_due (self, record, length, line, error))
    return FALSE;
  if (self->n_lines > 0
      && (self->chunk->len + length > CHUNK_BYTES || self->n_lines >= self->batch)
      && !publish_chunk (self, error))
    return FALSE;
  if (self->n_lines == 0)
    self->first_line = line;
  g_byte_array_append (self->chunk, (const guint8 *) record, (guint) length);
  self->n_lines++;
  return TRUE;
}

static gboolean
publish_all (Publish *self, int fd, GError **error)
{
  g_autoptr (CtlLines) lines = ctl_lines_new (fd, self->csv);

  if (self->binary)
    {
      replica_link_start (self->link);
      if (!learn_fields (self, error))
        return FALSE;
    }
  for (;;)
    {
      const char *record;
      gsize length;
      guint64 line;

      switch (ctl_lines_next (lines, self->n_lines == 0, &record, &length, &line, error))
        {
        case CTL_LINES_RECORD:
          if (!publish_record (self, record, length, line, error))
            return FALSE;
          break;
        case CTL_LINES_WAIT:
          if (!publish_chunk (self, error))
            return FALSE;
          break;
        case CTL_LINES_END:
          /* Where there is not one event, whether there is such a source, and its sequence, the server says. */
          return self->n_lines == 0 && self->has_asked ? TRUE : publish_request (self, error);
        default:
          /* What came before the line that cannot be read is good. */
          {
            g_autoptr (GError) refused = NULL;

            if (!publish_chunk (self, &refused))
              {
                g_clear_error (error);
                g_propagate_error (error, g_steal_pointer (&refused));
                return FALSE;
              }
            g_prefix_error (error, "%s: ", self->name);
            return FALSE;
          }
        }
    }
}

static gboolean
parse_format (const char *text, const char *file, gboolean *csv)
{
  *csv = FALSE;
  if (text == NULL)
    *csv = file != NULL && g_str_has_suffix (file, ".csv");
  else if (strcmp (text, "csv") == 0)
    *csv = TRUE;
  else if (strcmp (text, "ndjson") != 0)
    {
      ctl_say ("--format %s: expected ndjson or csv", text);
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse_speed (const char *text, const char *time_field, double *speed)
{
  char *end;

  *speed = 0;
  if (text == NULL || strcmp (text, "max") == 0)
    return TRUE;
  *speed = g_ascii_strtod (text, &end);
  if (end == text || *end != '\0' || !(*speed > 0) || !isfinite (*speed))
    {
      ctl_say ("--speed %s: expected max, or how many times real time, as 10", text);
      return FALSE;
    }
  if (time_field == NULL)
    {
      ctl_say ("--speed %s: needs --time FIELD to know when each event was", text);
      return FALSE;
    }
  return TRUE;
}

int
ctl_publish (const char *server, int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  g_autofree char *speed_text = NULL;
  g_autofree char *time_field = NULL;
  g_autoptr (GError) error = NULL;
  Publish self = { .time_column = -1, .batch = G_MAXINT64 };
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text,
      "ndjson or csv with a header line (default: by the file's name)", "FORMAT" },
    { "speed", 0, 0, G_OPTION_ARG_STRING, &speed_text,
      "max (default), or X times real time by the field of --time", "X" },
    { "time", 0, 0, G_OPTION_ARG_STRING, &time_field, "The field that has an event's time", "FIELD" },
    { "batch", 0, 0, G_OPTION_ARG_INT64, &self.batch,
      "At most N lines in a request (default: what 1 MiB holds)", "N" },
    { "binary", 0, 0, G_OPTION_ARG_NONE, &self.binary,
      "Read the lines here, and send them as batches over a WebSocket: less work for the server", NULL },
    { "retry", 0, 0, G_OPTION_ARG_INT, &self.retry_s,
      "Send a request again for S seconds while the server is away or cannot take it (0)", "S" },
    { NULL },
  };
  const char *file;
  int fd = STDIN_FILENO;
  gboolean good;

  if (!ctl_parse ("SOURCE [FILE|-]", "Publishes events to a source: one JSON object a line, or CSV.",
                  "Lines go in order, in requests that are each taken whole or not at all. Prints\n"
                  "\"accepted N sequence S\" in the end; what was wrong is told by the line of the file.",
                  entries, &server, &argc, &argv, 1, 2))
    return CTL_USAGE;
  file = argc > 2 && strcmp (argv[2], "-") != 0 ? argv[2] : NULL;
  if (!parse_format (format_text, file, &self.csv) || !parse_speed (speed_text, time_field, &self.pace.speed))
    return CTL_USAGE;
  if (self.batch < 1)
    {
      ctl_say ("--batch %" G_GINT64_FORMAT ": expected a positive number", self.batch);
      return CTL_USAGE;
    }
  if (file != NULL && (g_str_has_suffix (file, ".zst") || g_str_has_suffix (file, ".gz")))
    {
      ctl_say ("%s: compressed files are not read; unpack into a pipe: zstdcat %s | synopticctl publish %s -",
               file, file, argv[1]);
      return CTL_ERROR;
    }
  if (file != NULL && (fd = open (file, O_RDONLY | O_CLOEXEC)) < 0)
    {
      ctl_say ("%s: %s", file, g_strerror (errno));
      return CTL_ERROR;
    }
  if (self.retry_s < 0)
    {
      ctl_say ("--retry %d: expected a number of seconds", self.retry_s);
      return CTL_USAGE;
    }
  {
    g_autofree char *uuid = g_uuid_string_random ();

    self.producer = g_strconcat ("synopticctl-", uuid, NULL);
    self.number = 1;
  }
  self.source = argv[1];
  self.name = file != NULL ? file : "stdin";
  self.time_field = time_field;
  self.chunk = g_byte_array_new ();
  self.link = ctl_link_new (server, &error);
  good = self.link != NULL && publish_all (&self, fd, &error);
  if (file != NULL)
    close (fd);
  if (!good)
    {
      ctl_fail (error);
      if (self.accepted > 0)
        ctl_say ("accepted before: %" G_GUINT64_FORMAT " events, up to sequence %" G_GUINT64_FORMAT,
                 self.accepted, self.sequence);
    }
  else
    {
      printf ("accepted %" G_GUINT64_FORMAT " sequence %" G_GUINT64_FORMAT "\n", self.accepted,
              self.sequence);
      good = ctl_flush () == CTL_OK;
    }
  g_clear_pointer (&self.batcher, ctl_batcher_free);
  if (self.link != NULL)
    replica_link_stop (self.link);
  g_clear_object (&self.link);
  g_byte_array_unref (self.chunk);
  g_free (self.header);
  g_free (self.producer);
  return good ? CTL_OK : CTL_ERROR;
}
