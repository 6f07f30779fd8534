/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* synopticd: reads its options, starts the rooms in order, and ends them when it is told to. The main thread is the front
 * lane: its main context is the default one.
 *
 * SIGTERM and SIGINT drain: the front first (nothing new comes in, what is parked is answered), then the silo. It ends within
 * SYN_DRAIN_MS, also when a peer takes its last answer too slowly; a second signal ends it at once. */
#define G_LOG_DOMAIN "synopticd"

#include <errno.h>
#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "syn-beacon.h"
#include "syn-chain.h"
#include "syn-front.h"
#include "syn-limits.h"
#include "syn-modules.h"
#include "syn-open-journal.h"
#include "syn-projection.h"
#include "syn-request-filters.h"
#include "syn-source.h"
#include "syn-sqlite-store.h"
#include "syn-stretch.h"
#include "syn-tls-server.h"
#include "syn-upstream.h"
#include "syn-trim.h"

#define MAX_LANES 256
#define LANE_PER_CORE G_MININT /* --lanes was not given */
#define EXIT_USAGE 2

typedef struct {
  GPtrArray *catalogs;
  char **modules; /* (owned) (nullable) */
  char *data_dir;
  char *listen;
  char *upstream; /* (owned) (nullable) */
  char *tls_cert, *tls_key; /* (owned) (nullable) */
  char *upstream_ca; /* (owned) (nullable) */
  SynRetainOptions retain;
  int n_lanes;
  int max_stretch;
  gboolean check;
  gboolean version;
} Options;

typedef enum { SERVING, DRAINING_FRONT, DRAINING_SILO } Stage;

typedef struct {
  GMainLoop *loop;
  SynSilo *silo;
  SynFront *front;
  const Options *options;
  Stage stage;
} Daemon;

/* ---- options ---- */

static gboolean
add_catalog (const char *name, const char *value, gpointer user_data, GError **error)
{
  g_ptr_array_add (((Options *) user_data)->catalogs, g_strdup (value));
  return TRUE;
}

static gboolean
usage_error (GError **error, const char *text)
{
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "%s; see synopticd --help", text);
  return FALSE;
}

static gboolean
parse_options (Options *options, int *argc, char ***argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "catalog", 'c', G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, add_catalog,
      "What to serve (may be repeated; more may follow)", "FILE…" },
    { "module", 'm', 0, G_OPTION_ARG_FILENAME_ARRAY, &options->modules,
      "A module with grains or aggregates (may be repeated)", "FILE" },
    { "data", 'd', 0, G_OPTION_ARG_FILENAME, &options->data_dir,
      "The data folder; made when missing, used by one silo at a time", "DIR" },
    { "upstream", 'u', 0, G_OPTION_ARG_STRING, &options->upstream,
      "Serve what another silo serves, instead of a catalog", "URL" },
    { "upstream-ca", 0, 0, G_OPTION_ARG_FILENAME, &options->upstream_ca,
      "Whom to trust at an upstream of https, in PEM form (the system's authorities)", "FILE" },
    { "listen", 'l', 0, G_OPTION_ARG_STRING, &options->listen, "Where to listen; port 0 picks one (127.0.0.1:7878)", "ADDR:PORT" },
    { "tls-cert", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_cert,
      "Speak TLS, and show this certificate (PEM, with its chain); SIGHUP reads it and its key again", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_key, "The key of that certificate (PEM)", "FILE" },
    { "lanes", 0, 0, G_OPTION_ARG_INT, &options->n_lanes, "Threads (one per core)", "N" },
    { "max-stretch", 0, 0, G_OPTION_ARG_INT, &options->max_stretch,
      "How many times longer a busy lane may make the intervals of snapshots: 8, 4, 2, or 1: never (8)", "N" },
    { "retain-age", 0, 0, G_OPTION_ARG_STRING, &options->retain.age,
      "How long the journal keeps events that no projection needs, of sources that say nothing themselves; or \"all\" (7d)", "DURATION" },
    { "retain-mb", 0, 0, G_OPTION_ARG_INT64, &options->retain.megabytes,
      "How large the journal may grow before events that no projection needs go; 0: any size (4096)", "MB" },
    { "check", 0, 0, G_OPTION_ARG_NONE, &options->check, "Only check the catalogs", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[FILE…]");
  GOptionGroup *group = g_option_group_new ("synopticd", "", "", options, NULL);

  g_option_group_add_entries (group, entries);
  g_option_context_set_main_group (context, group);
  g_option_context_set_summary (context, "Serves live projections of event sources to everyone who looks.");
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  for (int i = 1; i < *argc; i++)
    if (!g_str_equal ((*argv)[i], "--"))
      g_ptr_array_add (options->catalogs, g_strdup ((*argv)[i]));
  if (options->version)
    return TRUE;
  if (options->upstream != NULL && options->catalogs->len > 0)
    return usage_error (error, "--upstream serves what another silo serves: give it without --catalog");
  if (options->upstream != NULL && (options->modules != NULL || options->check))
    return usage_error (error, "--upstream goes with neither --module nor --check");
  if (options->upstream_ca != NULL && options->upstream == NULL)
    return usage_error (error, "--upstream-ca is for an --upstream of https");
  if (options->upstream != NULL && (options->retain.age != NULL || options->retain.megabytes != SYN_RETAIN_NOT_GIVEN))
    return usage_error (error, "--upstream goes with neither --retain-age nor --retain-mb: an edge keeps no journal");
  if (options->upstream == NULL && options->catalogs->len == 0)
    return usage_error (error, "no catalog: give --catalog FILE");
  if (options->n_lanes != LANE_PER_CORE && (options->n_lanes < 1 || options->n_lanes > MAX_LANES))
    return usage_error (error, "--lanes takes a number from 1 to 256");
  if (options->max_stretch < 1 || options->max_stretch > SYN_STRETCH_MAX || (options->max_stretch & (options->max_stretch - 1)) != 0)
    return usage_error (error, "--max-stretch takes 1, 2, 4 or 8");
  if ((options->tls_cert == NULL) != (options->tls_key == NULL))
    return usage_error (error, "--tls-cert and --tls-key go together");
  if (!options->check && options->upstream == NULL && options->data_dir == NULL)
    return usage_error (error, "no data folder: give --data DIR");
  g_ptr_array_add (options->catalogs, NULL);
  return TRUE;
}

static void
clear_options (Options *options)
{
  g_free (options->upstream);
  g_free (options->tls_cert);
  g_free (options->tls_key);
  g_free (options->upstream_ca);
  g_free (options->retain.age);
  g_ptr_array_unref (options->catalogs);
  g_strfreev (options->modules);
  g_free (options->data_dir);
  g_free (options->listen);
}

/* ---- the process ---- */

/* What was wrong, as one line. Names in it come from files: what could steer a terminal is made visible. */
static void
print_error (const char *message)
{
  g_autofree char *text = g_utf8_make_valid (message, -1);

  fputs ("synopticd: ", stderr);
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (g_unichar_isprint (c) && g_unichar_type (c) != G_UNICODE_FORMAT)
        fwrite (at, 1, (size_t) (g_utf8_next_char (at) - at), stderr);
      else
        fprintf (stderr, "\\u%04x", c);
    }
  fputc ('\n', stderr);
}

/* Everything goes to stderr: stdout has one line, for whoever started us. */
static GLogWriterOutput
log_to_stderr (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  g_autofree char *line = NULL;
  const char *domain = NULL;

  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "GLIB_DOMAIN"))
      domain = fields[i].value;
  if (g_log_writer_default_would_drop (level, domain))
    return G_LOG_WRITER_HANDLED;
  line = g_log_writer_format_fields (level, fields, n_fields, FALSE);
  fprintf (stderr, "%s\n", line);
  fflush (stderr);
  return G_LOG_WRITER_HANDLED;
}

static void
raise_descriptor_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
    g_message ("the limit of open descriptors stays as it is: %s", g_strerror (errno));
}

/* ---- TLS ---- */

static SynTlsServer *
load_tls (const Options *options, GError **error)
{
  SynTlsServer *tls = syn_tls_server_new (options->tls_cert, options->tls_key, error);
  gint64 now_s = g_get_real_time () / G_USEC_PER_SEC;

  if (tls != NULL && syn_tls_server_get_not_after_s (tls) < now_s)
    g_warning ("%s: the certificate has expired: clients will not take it", options->tls_cert);
  else if (tls != NULL && syn_tls_server_get_not_before_s (tls) > now_s)
    g_warning ("%s: the certificate is not valid yet: clients will not take it", options->tls_cert);
  return tls;
}

/* A pair that is no good changes nothing: the one before is better than none. */
static gboolean
reload_tls (gpointer user_data)
{
  Daemon *daemon = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SynTlsServer) tls = load_tls (daemon->options, &error);

  if (tls == NULL)
    {
      g_warning ("the certificate is still the one before: %s", error->message);
      return G_SOURCE_CONTINUE;
    }
  syn_front_set_tls (daemon->front, tls);
  g_message ("%s: the certificate was read again; connections that come get it", daemon->options->tls_cert);
  return G_SOURCE_CONTINUE;
}

/* ---- the end ---- */

static void
silo_drained (gpointer user_data)
{
  g_main_loop_quit (((Daemon *) user_data)->loop);
}

static void
front_drained (gpointer user_data)
{
  Daemon *daemon = user_data;

  daemon->stage = DRAINING_SILO;
  syn_silo_drain (daemon->silo, silo_drained, daemon);
}

/* A peer that takes its last answer too slowly is its own loss; lanes that do not come to an end are a fault of ours. */
static gboolean
drain_deadline (gpointer user_data)
{
  Daemon *daemon = user_data;
  gboolean ours = daemon->stage == DRAINING_SILO;

  g_warning ("%s did not drain within %d ms", ours ? "the silo" : "the front", SYN_DRAIN_MS);
  _exit (ours ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void
exit_at_once (int number)
{
  _exit (EXIT_FAILURE);
}

static gboolean
signal_cb (gpointer user_data)
{
  Daemon *daemon = user_data;

  if (daemon->stage != SERVING)
    _exit (EXIT_FAILURE);
  daemon->stage = DRAINING_FRONT;
  signal (SIGTERM, exit_at_once); /* a second one does not wait for the main loop */
  signal (SIGINT, exit_at_once);
  g_timeout_add (SYN_DRAIN_MS, drain_deadline, daemon);
  syn_front_set_ready (daemon->front, FALSE);
  syn_front_drain (daemon->front, front_drained, daemon);
  return G_SOURCE_CONTINUE;
}

/* What a silo with a catalog serves. */
static gboolean
add_rooms (SynSilo *silo, const Options *options, SynModules *modules, SynCatalog *catalog, GError **error)
{
  const SynSqliteStoreOptions store_options = { .folder = options->data_dir };
  SynStore *store = syn_sqlite_store_new (&store_options, error); /* the silo holds the folder's lock */

  if (store == NULL)
    return FALSE;
  syn_silo_set_store (silo, store);
  syn_chain_install (silo, NULL);
  if (!syn_open_journal (silo, catalog, options->data_dir, &options->retain, error))
    return FALSE;
  syn_beacons_set_resolver (silo, syn_projection_resolve, catalog);
  syn_projections_register (silo, catalog);
  syn_sources_register (silo, catalog);
  syn_modules_register (modules, silo);
  return TRUE;
}

/* And what an edge serves: nothing of its own, so nothing of it is kept but its number of starts, where there is a folder. */
static gboolean
add_upstream (SynSilo *silo, const Options *options, GError **error)
{
  syn_chain_install (silo, options->upstream);
  return syn_upstream_new (silo, options->upstream, options->upstream_ca, error) != NULL;
}

static int
serve (Daemon *daemon, const Options *options, SynModules *modules, SynCatalog *catalog, GError **error)
{
  SynSiloOptions silo_options = { .n_lanes = (guint) MAX (options->n_lanes, 0), .data_dir = options->data_dir };
  g_autoptr (SynSilo) silo = syn_silo_new (&silo_options, error);
  g_autoptr (SynTrim) memory = NULL;
  g_autoptr (SynTlsServer) tls = NULL;
  g_autofree char *authority = NULL;
  guint term, interrupt, hang_up = 0;

  if (silo == NULL)
    return EXIT_FAILURE;
  if (options->tls_cert != NULL && (tls = load_tls (options, error)) == NULL)
    return EXIT_FAILURE;
  daemon->silo = silo;
  syn_stretch_max = (guint) options->max_stretch;
  if (options->upstream != NULL ? !add_upstream (silo, options, error) : !add_rooms (silo, options, modules, catalog, error))
    return EXIT_FAILURE;
  syn_silo_add_metrics_filter (silo);
  syn_silo_add_log_filter (silo);
  if (!syn_silo_start (silo, g_main_context_default (), error))
    return EXIT_FAILURE;
  memory = syn_trim_new (silo);
  daemon->front = syn_front_new (silo, catalog, options->listen != NULL ? options->listen : "127.0.0.1:7878", tls, &authority, error);
  if (daemon->front == NULL)
    return EXIT_FAILURE;
  if (options->upstream != NULL)
    syn_upstream_start (syn_upstream_get (silo));

  term = g_unix_signal_add (SIGTERM, signal_cb, daemon);
  interrupt = g_unix_signal_add (SIGINT, signal_cb, daemon);
  if (tls != NULL)
    hang_up = g_unix_signal_add (SIGHUP, reload_tls, daemon);
  printf ("listening on %s://%s\n", tls != NULL ? "https" : "http", authority);
  fflush (stdout);
  syn_front_set_ready (daemon->front, TRUE);
  g_main_loop_run (daemon->loop);

  g_source_remove (term);
  g_source_remove (interrupt);
  if (hang_up != 0)
    g_source_remove (hang_up);
  syn_front_free (daemon->front);
  return EXIT_SUCCESS;
}

/* The queries of panels: the catalog has checked that their projections exist; what the rest means, only projection/ knows. */
static gboolean
check_panels (SynCatalog *catalog, GError **error)
{
  for (guint i = 0; i < syn_catalog_get_n_panels (catalog); i++)
    {
      const char *type, *follows, *place, *path = syn_catalog_get_panel (catalog, i, &follows, &place);
      g_autofree char *canonical = NULL;

      if (!syn_projection_resolve (path, &type, &canonical, catalog, error)
          || (follows != NULL && !syn_projection_check_follows (follows, path, catalog, error)))
        {
          g_prefix_error (error, "%s, panel \"%s\": ", place, path);
          return FALSE;
        }
    }
  return TRUE;
}

static int
run (Options *options, int argc, char **argv, GError **error)
{
  g_autoptr (SynModules) modules = syn_modules_new (); /* outlives the catalog and the silo */
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (GMainLoop) loop = NULL;
  Daemon daemon = { .stage = SERVING, .options = options };

  if (!parse_options (options, &argc, &argv, error))
    return EXIT_USAGE;
  if (options->version)
    {
      printf ("synopticd %s\n", SYNOPTIC_VERSION);
      return EXIT_SUCCESS;
    }
  for (char **file = options->modules; file != NULL && *file != NULL; file++)
    if (!syn_modules_load (modules, *file, error))
      return EXIT_FAILURE;
  if (options->upstream != NULL)
    catalog = syn_catalog_parse ("--upstream", ".", "{}", -1, error);
  else
    catalog = syn_catalog_load_with ((const char *const *) options->catalogs->pdata, syn_modules_get_served (modules), error);
  if (catalog == NULL || !check_panels (catalog, error))
    return EXIT_FAILURE;
  if (options->check)
    {
      printf ("OK: %u sources, %u projections, %u screens\n", syn_catalog_get_n_sources (catalog),
              syn_catalog_get_n_projections (catalog), syn_catalog_get_n_screens (catalog));
      return EXIT_SUCCESS;
    }
  loop = g_main_loop_new (NULL, FALSE);
  daemon.loop = loop;
  return serve (&daemon, options, modules, catalog, error);
}

int
main (int argc, char **argv)
{
  Options options = { .catalogs = g_ptr_array_new_with_free_func (g_free), .n_lanes = LANE_PER_CORE, .max_stretch = SYN_STRETCH_MAX,
                      .retain = { .megabytes = SYN_RETAIN_NOT_GIVEN } };
  g_autoptr (GError) error = NULL;
  int status;

  setlocale (LC_CTYPE, ""); /* not LC_NUMERIC: what we write is the same everywhere */
  g_set_prgname ("synopticd");
  g_log_set_writer_func (log_to_stderr, NULL, NULL);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of a write, as a full disk is */
  raise_descriptor_limit ();
  status = run (&options, argc, argv, &error);
  if (error != NULL)
    print_error (error->message);
  clear_options (&options);
  return status;
}
