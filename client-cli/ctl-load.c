/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl load: what a silo does under many clients. Two tests: many that wait on one projection (throughput, latency, storms), and many
 * different questions (what each costs). Reads the options; ctl-load-run.c is the course of a test. */

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "ctl-load-result.h"
#include "ctl.h"

#define CLIENTS_MAX 1000000
#define VIEWS_PER_CONNECTION 1000 /* a connection of a silo carries 1,024 */

typedef struct
{
  char *hot, *fresh, *transport, *format, *html; /* (owned) */
  gint clients, connections, threads, probes, storms, max_memory_mb;
  gboolean storm, quiet;
  double duration_s, warm_up_s, rate, hold_s, settle_s;
} Options;

static void
options_clear (Options *self)
{
  g_free (self->hot);
  g_free (self->fresh);
  g_free (self->transport);
  g_free (self->format);
  g_free (self->html);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static gboolean
check_range (const char *name, double value, double min, double max)
{
  if (value >= min && value <= max)
    return TRUE;
  ctl_say ("--%s %g: expected %g to %g", name, value, min, max);
  return FALSE;
}

/* FALSE: told. */
static gboolean
check_options (Options *self)
{
  if ((self->hot != NULL) == (self->fresh != NULL))
    {
      ctl_say ("load: expected either --hot PROJECTION or --new-projections PROJECTION");
      return FALSE;
    }
  if (*(self->hot != NULL ? self->hot : self->fresh) == '\0')
    {
      ctl_say ("--%s: expected a PROJECTION", self->hot != NULL ? "hot" : "new-projections");
      return FALSE;
    }
  if (self->storm && self->hot == NULL)
    {
      ctl_say ("--storm: needs --hot PROJECTION");
      return FALSE;
    }
  if (self->transport != NULL && strcmp (self->transport, "ws") != 0 && strcmp (self->transport, "http") != 0)
    {
      ctl_say ("--transport %s: expected ws or http", self->transport);
      return FALSE;
    }
  if (!check_range ("clients", self->clients, 1, CLIENTS_MAX) || !check_range ("connections", self->connections, 0, CLIENTS_MAX)
      || !check_range ("threads", self->threads, 1, 256) || !check_range ("duration", self->duration_s, 0.1, 86400)
      || !check_range ("warm-up", self->warm_up_s, 0, 3600) || !check_range ("rate", self->rate, 0.1, 1e6) || !check_range ("hold", self->hold_s, 1, 30)
      || !check_range ("settle", self->settle_s, 0, 3600) || !check_range ("probes", self->probes, 0, 1000) || !check_range ("storms", self->storms, 1, 100)
      || !check_range ("max-memory", self->max_memory_mb, 0, 1 << 20))
    return FALSE;
  if (self->connections > self->clients)
    {
      ctl_say ("--connections %d: more than --clients %d", self->connections, self->clients);
      return FALSE;
    }
  if (g_strcmp0 (self->transport, "http") == 0 && self->connections != 0 && self->connections != self->clients)
    {
      ctl_say ("--connections %d: over HTTP each client has its own (--clients %d)", self->connections, self->clients);
      return FALSE;
    }
  return TRUE;
}

/* Where and what to connect to. FALSE: told. */
static gboolean
parse_server (const char *server, char **host, guint16 *port, char **authority, gboolean *is_tls)
{
  g_autoptr (GUri) uri = g_uri_parse (server, G_URI_FLAGS_NONE, NULL);
  const char *scheme = uri != NULL ? g_uri_get_scheme (uri) : "";

  *is_tls = strcmp (scheme, "https") == 0 || strcmp (scheme, "wss") == 0;
  if (uri == NULL || g_uri_get_host (uri) == NULL || (!*is_tls && strcmp (scheme, "http") != 0 && strcmp (scheme, "ws") != 0))
    {
      ctl_say ("%s: expected http://HOST:PORT or https://HOST:PORT", server);
      return FALSE;
    }
  *host = g_strdup (g_uri_get_host (uri));
  *port = (guint16) (g_uri_get_port (uri) > 0 ? g_uri_get_port (uri) : *is_tls ? 443 : 80);
  *authority = g_strdup_printf (strchr (*host, ':') != NULL ? "[%s]:%u" : "%s:%u", *host, *port);
  return TRUE;
}

/* The paths of @asked: as a URL has it, with a place for the number of a client if each has its own question. */
static void
make_paths (const Options *options, char **path, char **probe_path)
{
  const char *asked = options->hot != NULL ? options->hot : options->fresh;
  g_autofree char *escaped = ctl_escape_path (asked);

  if (options->hot != NULL || strstr (escaped, "%7B%7D") != NULL || strstr (escaped, "{}") != NULL)
    *path = g_strdup (escaped);
  else
    *path = g_strdup_printf ("%s%climit={}", escaped, strchr (escaped, '?') != NULL ? '&' : '?');
  *probe_path = g_strndup (escaped, strcspn (escaped, options->hot != NULL ? "" : "?"));
}

static int
print_result (const CtlLoadResult *result, CtlFormat format)
{
  if (format == CTL_FORMAT_JSON)
    {
      g_autoptr (JsonNode) node = ctl_load_make_json (result);
      g_autofree char *text = json_to_string (node, TRUE);

      printf ("%s\n", text);
    }
  else
    ctl_load_print_text (result, stdout);
  return ctl_flush ();
}

/* So that it is not found out when all has been measured. FALSE: told. */
static gboolean
check_page (const char *file)
{
  g_autofree char *folder = g_path_get_dirname (file);

  if (g_file_test (file, G_FILE_TEST_IS_DIR))
    ctl_say ("--html %s: is a folder", file);
  else if (access (folder, W_OK | X_OK) < 0)
    ctl_say ("--html %s: %s: %s", file, folder, g_strerror (errno));
  else
    return TRUE;
  return FALSE;
}

/* FALSE: told. */
static gboolean
write_page (const CtlLoadResult *result, const char *file)
{
  g_autofree char *html = ctl_load_make_html (result);
  g_autoptr (GError) error = NULL;

  if (g_file_set_contents (file, html, -1, &error))
    return TRUE;
  ctl_fail (error);
  return FALSE;
}

static int
run (const char *server, const Options *options, CtlFormat format)
{
  g_autofree char *host = NULL, *authority = NULL, *path = NULL, *probe_path = NULL;
  g_autoptr (GError) error = NULL;
  CtlLoadResult result = { .server = server, .path = options->hot != NULL ? options->hot : options->fresh };
  CtlSwarmConfig *config = &result.config;
  guint64 n_failed;
  int status;

  if (!parse_server (server, &host, &config->port, &authority, &config->is_tls))
    return CTL_USAGE;
  if (options->html != NULL && !check_page (options->html))
    return CTL_ERROR;
  make_paths (options, &path, &probe_path);
  result.mode = options->storm ? CTL_LOAD_STORM : options->hot != NULL ? CTL_LOAD_HOT : CTL_LOAD_NEW_PROJECTIONS;
  result.duration_s = options->duration_s;
  result.warm_up_s = options->warm_up_s;
  result.max_growth_bytes = (guint64) options->max_memory_mb * 1000000;
  config->transport = g_strcmp0 (options->transport, "http") == 0 ? CTL_LOAD_HTTP : CTL_LOAD_WS;
  config->host = host;
  config->authority = authority;
  config->ca_file = ctl_get_ca_file ();
  config->path = path;
  config->probe_path = probe_path;
  config->n_views = (guint) options->clients;
  config->n_connections = (guint) options->connections;
  if (config->n_connections == 0)
    config->n_connections = options->hot != NULL || config->transport == CTL_LOAD_HTTP
                                ? config->n_views : (config->n_views + VIEWS_PER_CONNECTION - 1) / VIEWS_PER_CONNECTION;
  config->n_threads = MIN ((guint) options->threads, config->n_connections);
  config->rate = options->rate;
  config->hold_ms = (guint) (options->hold_s * 1000);
  config->probes_per_s = (guint) options->probes;

  if (!ctl_load_run (&result, options->storm ? (guint) options->storms : 0, options->settle_s, options->quiet, &error))
    {
      ctl_load_result_clear (&result);
      return ctl_fail (error);
    }
  status = print_result (&result, format);
  if (options->html != NULL && !write_page (&result, options->html))
    status = CTL_ERROR;
  n_failed = ctl_load_result_count_failed (&result);
  if (n_failed > 0 && status == CTL_OK)
    {
      ctl_say ("%" G_GUINT64_FORMAT " failures of clients", n_failed);
      status = CTL_ERROR;
    }
  ctl_load_result_clear (&result);
  return status;
}

int
ctl_load (const char *server, int argc, char **argv)
{
  g_auto (Options) options = { .clients = 1000, .threads = 1, .probes = 50, .storms = 3, .duration_s = 10, .warm_up_s = 2,
                               .rate = 2000, .hold_s = 10, .settle_s = 60 };
  const GOptionEntry entries[] = {
    { "hot", 0, 0, G_OPTION_ARG_STRING, &options.hot, "All clients wait on this projection", "PROJECTION" },
    { "new-projections", 0, 0, G_OPTION_ARG_STRING, &options.fresh, "Each asks a question of its own: {} in it is the client's number", "PROJECTION" },
    { "storm", 0, 0, G_OPTION_ARG_NONE, &options.storm, "With --hot: then all disconnect and come back at once", NULL },
    { "clients", 'n', 0, G_OPTION_ARG_INT, &options.clients, "Clients (1000)", "N" },
    { "connections", 0, 0, G_OPTION_ARG_INT, &options.connections, "Connections that they share (one each; of --new-projections 1000 share one)", "N" },
    { "transport", 0, 0, G_OPTION_ARG_STRING, &options.transport, "ws (default), or http for long-polls", "KIND" },
    { "rate", 0, 0, G_OPTION_ARG_DOUBLE, &options.rate, "New clients a second (2000)", "N" },
    { "warm-up", 0, 0, G_OPTION_ARG_DOUBLE, &options.warm_up_s, "Seconds before measuring, when all are there (2)", "S" },
    { "duration", 0, 0, G_OPTION_ARG_DOUBLE, &options.duration_s, "Seconds to measure (10)", "S" },
    { "settle", 0, 0, G_OPTION_ARG_DOUBLE, &options.settle_s, "Seconds at most to see the server's memory come back (60)", "S" },
    { "storms", 0, 0, G_OPTION_ARG_INT, &options.storms, "How often, with --storm (3)", "N" },
    { "max-memory", 0, 0, G_OPTION_ARG_INT, &options.max_memory_mb, "No more new ones once the server has grown by so many MB", "MB" },
    { "hold", 0, 0, G_OPTION_ARG_DOUBLE, &options.hold_s, "How long a poll may wait, 1 to 30 s (10)", "S" },
    { "probes", 0, 0, G_OPTION_ARG_INT, &options.probes, "Polls a second that are answered at once, to time them (50)", "N" },
    { "threads", 0, 0, G_OPTION_ARG_INT, &options.threads, "Threads of this client (1)", "N" },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &options.format, "table (default) or json", "FORMAT" },
    { "html", 0, 0, G_OPTION_ARG_FILENAME, &options.html, "Also writes the result as a page with plots", "FILE" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &options.quiet, "Says nothing meanwhile", NULL },
    { NULL },
  };
  CtlFormat format;

  if (!ctl_parse ("--hot PROJECTION | --new-projections PROJECTION", "Measures a server under many clients.",
                  "Latencies: of the first snapshot from when its client was due, of each snapshot from when it was\n"
                  "made (those that a client skipped count too, as arriving with the next), of a probe from when it\n"
                  "was due; so what is slow does not count less often for being slow. Exit status 1 when clients failed.",
                  entries, &server, &argc, &argv, 0, 0)
      || !ctl_parse_format (options.format, FALSE, &format) || !check_options (&options))
    return CTL_USAGE;
  return run (server, &options, format);
}
