/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The loader of modules: what it refuses and how it says so, and what a module's projections are to the rest of the server. argv[1]: the folder
 * with the modules of echo.c and stray.c. */
#include <gmodule.h>
#include <glib/gstdio.h>
#include <string.h>

#include "syn-error.h"
#include "syn-modules.h"
#include "syn-projection.h"
#include "syn-silo-private.h"
#include "syn-silo-test.h"
#include "syn-source.h"
#include "synoptic-projection.h"
#include "synoptic-source.h"

static const char *folder;

static char *
module_path (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
assert_refused (const char *file, const char *fault, int code, const char *message)
{
  g_autoptr (SynModules) modules = syn_modules_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = g_strdup_printf ("%s: %s", file, message);

  if (fault != NULL)
    g_setenv ("ECHO", fault, TRUE);
  if (syn_modules_load (modules, file, &error))
    g_error ("%s, fault %s: was loaded", file, fault != NULL ? fault : "none");
  g_unsetenv ("ECHO");
  g_assert_nonnull (error);
  if (!g_pattern_match_simple (expected, error->message))
    g_error ("expected \"%s\", found \"%s\"", expected, error->message);
  g_assert_null (strchr (error->message, '\n'));
  g_assert_cmpint (error->code, ==, code);
}

static void
test_no_module (void)
{
  g_autofree char *text = NULL, *empty = NULL;
  g_autofree char *dir = g_dir_make_tmp ("synoptic-modules-XXXXXX", NULL);
  static const struct { const char *name, *message; } strays[] = {
    { "stray-other-abi.so", "built for ABI 8 of modules, and this synopticd has 2: build it against this version's headers" },
    { "stray-no-abi.so", "not a module of synopticd: it has no SYNOPTIC_MODULE" },
    { "stray-no-init.so", "not a module of synopticd: it has no synoptic_module_init()" },
    { "stray-unresolved.so", "cannot be loaded: undefined symbol: what_no_server_has" },
  };

  g_assert_nonnull (dir);
  text = g_build_filename (dir, "text.so", NULL);
  empty = g_build_filename (dir, "empty.so", NULL);
  g_assert_true (g_file_set_contents (text, "this is not a shared object, however long it is: not at all, for sixty-four bytes", -1, NULL));
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  assert_refused ("/nowhere/at/all.so", NULL, SYN_ERROR_NOT_FOUND, "No such file or directory");
  assert_refused ("nowhere.so", NULL, SYN_ERROR_NOT_FOUND, "No such file or directory");
  assert_refused (dir, NULL, SYN_ERROR_INVALID, "not a module: not a file");
  assert_refused (text, NULL, SYN_ERROR_INVALID, "cannot be loaded: invalid ELF header");
  assert_refused (empty, NULL, SYN_ERROR_INVALID, "cannot be loaded: file too short");
  for (guint i = 0; i < G_N_ELEMENTS (strays); i++)
    {
      g_autofree char *path = module_path (strays[i].name);

      assert_refused (path, NULL, SYN_ERROR_INVALID, strays[i].message);
    }
  g_unlink (text);
  g_unlink (empty);
  g_rmdir (dir);
}

static void
test_init_fails (void)
{
  g_autofree char *path = module_path ("echo.so");
  static const struct { const char *fault, *message; } faults[] = {
    { "silent", "synoptic_module_init() failed, and does not say why" },
    { "reserved", "the name \"query\" is the server's own: give the grain type another" },
    { "slash", "the name of a grain type is of *; \"a/b\" is not" },
    { "nameless", "the name of a grain type is of *; \"\" is not" },
    { "twice", "there is a grain type \"echo\" already" },
    { "half", "the grain type \"half\" lacks one of activate, receive and deactivate" },
    { "keep-unknown", "the module has not registered a grain type \"ecco\" to keep \"key\" of" },
    { "keep-on-demand", "the grain type \"echo\" is not always_on: \"key\" cannot be kept" },
    { "serve-unknown", "the projection \"bad\": the module has not registered the grain type \"ecco\"" },
    { "serve-path", "the projection \"bad//path\": expected a path of *" },
    { "serve-no-key", "the projection \"bad\": the key of its grain is missing" },
    { "family-key", "the projection \"bad/\": all paths below it are served, so that *" },
    { "no-columns", "the projection \"bad\": it has 0 columns; from 1 to 256 are expected" },
    { "same-columns", "the projection \"bad\": there are two columns \"a\"" },
    { "no-type", "the projection \"bad\": the column \"a\" has no type that there is" },
    { "no-name", "the projection \"bad\": the name of column 1 is empty" },
    { "scaled", "the projection \"bad\": the column \"a\" has a scale above 18" },
    { "inexact", "the projection \"bad\": the key \"a\" is a double, which does not compare exactly" },
    { "types", "there are 16 grain types of modules already (SYN_MAX_MODULE_TYPES)" },
    { "filters", "there are 4 filters of modules already (SYN_MAX_MODULE_FILTERS)" },
  };

  assert_refused (path, "says-why", SYN_ERROR_UNAVAILABLE, "the moon is not full");
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    assert_refused (path, faults[i].fault, SYN_ERROR_INVALID, faults[i].message);
}

static void
test_twice (void)
{
  g_autofree char *path = module_path ("echo.so");
  g_autoptr (SynModules) modules = syn_modules_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *other = g_build_filename (folder, ".", "echo.so", NULL);

  g_assert_true (syn_modules_load (modules, path, &error));
  g_assert_no_error (error);
  g_assert_false (syn_modules_load (modules, other, &error));
  g_assert_true (g_str_has_suffix (error->message, "./echo.so: given twice"));
}

/* What the rooms register, no module may. */
static void
test_reserved (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = syn_catalog_parse ("test", "/", "{}", -1, &error);
  g_autoptr (SynSilo) silo = syn_silo_new_stepped (1, NULL, &error);

  g_assert_no_error (error);
  syn_projections_register (silo, catalog);
  syn_sources_register (silo, catalog);
  g_assert_cmpuint (silo->n_kinds, >, 3);
  for (guint i = 0; i < silo->n_kinds; i++)
    if (!syn_modules_is_reserved (silo->kinds[i].type.name))
      g_error ("the name of the type \"%s\" is not reserved", silo->kinds[i].type.name);
  g_assert_cmpuint (silo->n_kinds + SYN_MAX_MODULE_TYPES, <=, SYN_LANE_MAX_TYPES);
}

/* ---- in a silo ---- */

typedef struct {
  ReplicaSnapshot *snapshot;
  GError *error;
  guint n;
} Answer;

static void
answered (gpointer payload, const GError *error, gpointer user_data)
{
  Answer *answer = user_data;

  answer->n++;
  answer->snapshot = payload;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
}

static Answer
poll_path (SynSilo *silo, SynCatalog *catalog, const char *path)
{
  Answer answer = { NULL };
  g_autofree char *key = NULL;
  SynPoll *poll;
  SynCall call = { .method = SYN_POLL_METHOD, .payload_free = g_free, .reply = answered, .user_data = &answer };

  if (!syn_projection_resolve (path, &call.type, &key, catalog, &answer.error))
    return answer;
  poll = g_new0 (SynPoll, 1);
  call.key = key;
  call.payload = poll;
  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  g_assert_cmpuint (answer.n, ==, 1);
  return answer;
}

static void
assert_row (SynSilo *silo, SynCatalog *catalog, const char *path, const char *expected)
{
  Answer answer = poll_path (silo, catalog, path);
  const char *json;
  gsize length;

  g_assert_no_error (answer.error);
  g_assert_nonnull (answer.snapshot);
  json = g_bytes_get_data (replica_snapshot_get_json (answer.snapshot), &length);
  if (g_strstr_len (json, (gssize) length, expected) == NULL)
    g_error ("%s: expected %s in %.*s", path, expected, (int) length, json);
  replica_snapshot_unref (answer.snapshot);
}

static void
assert_no_row (SynSilo *silo, SynCatalog *catalog, const char *path, int code, const char *message)
{
  Answer answer = poll_path (silo, catalog, path);

  g_assert_null (answer.snapshot);
  g_assert_error (answer.error, SYN_ERROR, code);
  if (!g_pattern_match_simple (message, answer.error->message))
    g_error ("%s: expected \"%s\", found \"%s\"", path, message, answer.error->message);
  g_clear_error (&answer.error);
}

static SynCatalog *
load_catalog (const char *json, SynModules *modules, GError **error)
{
  g_autofree char *dir = g_dir_make_tmp ("synoptic-modules-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (dir, "catalog.json", NULL);
  const char *files[] = { file, NULL };
  SynCatalog *catalog;

  g_assert_true (g_file_set_contents (file, json, -1, NULL));
  catalog = syn_catalog_load_with (files, syn_modules_get_served (modules), error);
  g_unlink (file);
  g_rmdir (dir);
  return catalog;
}

static void
count (int *freed, int *requests)
{
  g_autofree char *path = module_path ("echo.so");
  GModule *object = g_module_open (path, G_MODULE_BIND_LOCAL);
  void (*get) (int *, int *);

  g_assert_true (g_module_symbol (object, "echo_count", (gpointer *) &get));
  get (freed, requests);
  g_module_close (object);
}

static void
test_serves (void)
{
  static const char json[] = "{\"screens\":[{\"name\":\"s\",\"panels\":[{\"grid\":\"echo/one\"},{\"grid\":\"echo/x.y?limit=3\",\"sort\":\"-length\"}]}]}";
  g_autofree char *path = module_path ("echo.so");
  SynModules *modules = syn_modules_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = NULL;
  SynSilo *silo;
  int freed_before, freed, requests_before, requests;

  g_assert_true (syn_modules_load (modules, path, &error));
  g_assert_no_error (error);
  catalog = load_catalog (json, modules, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (syn_catalog_get_n_projections (catalog), ==, 1);
  g_assert_cmpstr (syn_catalog_get_projection (catalog, 0)->name, ==, "echo/one");
  g_assert_cmpuint (syn_catalog_get_n_families (catalog), ==, 1);
  g_assert_cmpuint (syn_catalog_get_n_conflations (catalog), ==, 0);

  silo = syn_silo_new_stepped (2, NULL, &error);
  g_assert_no_error (error);
  syn_projections_register (silo, catalog);
  syn_modules_register (modules, silo);
  g_assert_true (syn_silo_start (silo, NULL, &error));
  syn_silo_settle (silo);
  g_assert_cmpuint (syn_silo_get_n_activations (silo, "echo-always"), ==, 1); /* kept */
  count (&freed_before, &requests_before);

  assert_row (silo, catalog, "echo/one", "\"hello, one\",3");
  g_assert_cmpuint (syn_silo_get_n_activations (silo, "echo"), ==, 0); /* the path of its own comes before the family's */
  assert_row (silo, catalog, "echo/x.y", "\"hello, x.y\",3");
  assert_row (silo, catalog, "echo/deep/down", "\"hello, deep/down\",9");
  assert_row (silo, catalog, "echo/x.y?select=length%2B1+as+more", "[[4]]");
  assert_row (silo, catalog, "echo/one?where=length>3", "\"rows\":[]");
  assert_row (silo, catalog, "echo/x.y?join=echo/deep/down+as+d+on+text=text&select=text,length", "\"hello, x.y\",3");
  assert_no_row (silo, catalog, "echo/x.y?where=width>3", SYN_ERROR_INVALID, "where: column 1: *\"width\"*");
  assert_no_row (silo, catalog, "echo/nobody", SYN_ERROR_NOT_FOUND, "there is nobody");
  assert_no_row (silo, catalog, "echo/nobody?limit=1", SYN_ERROR_NOT_FOUND, "there is nobody");
  assert_no_row (silo, catalog, "echo/liar?limit=1", SYN_ERROR_INTERNAL, "*\"echo/liar\" has other columns than the catalog says*");
  assert_no_row (silo, catalog, "echo/", SYN_ERROR_NOT_FOUND, "no projection \"echo/\"*");
  assert_no_row (silo, catalog, "echo/..", SYN_ERROR_NOT_FOUND, "no projection \"echo/..\"*");
  assert_no_row (silo, catalog, "echo/a//b", SYN_ERROR_NOT_FOUND, "no projection \"echo/a//b\"*");
  assert_no_row (silo, catalog, "echo/one/", SYN_ERROR_NOT_FOUND, "no projection \"echo/one/\"*");
  assert_no_row (silo, catalog, "echoes", SYN_ERROR_NOT_FOUND, "no projection \"echoes\"*");
  count (&freed, &requests);
  g_assert_cmpint (requests - requests_before, >=, 8);

  syn_silo_free (silo);
  count (&freed, &requests);
  g_assert_cmpint (freed, ==, freed_before);
  syn_modules_free (modules);
  count (&freed, &requests);
  g_assert_cmpint (freed - freed_before, ==, 3); /* two types' and a filter's */
}

/* ---- what grains of modules ask for ---- */

typedef struct {
  GString *log; /* of what came */
  ReplicaToken token;
} Asker;

static Asker asker;

static gpointer
asker_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  return grain;
}

static void
asker_published (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree SynReceipt *receipt = payload;

  if (error != NULL)
    g_string_append_printf (asker.log, "%d %s;", error->code, error->message);
  else
    g_string_append_printf (asker.log, "%d of %d;", (int) receipt->accepted, (int) receipt->sequence);
}

static void
asker_polled (gpointer payload, const GError *error, gpointer user_data)
{
  g_autoptr (ReplicaSnapshot) snapshot = payload;

  if (error != NULL)
    g_string_append_printf (asker.log, "%d %s;", error->code, error->message);
  else if (snapshot == NULL)
    g_string_append (asker.log, "unchanged;");
  else
    {
      asker.token = replica_snapshot_get_token (snapshot);
      g_string_append_printf (asker.log, "%u rows;", replica_snapshot_get_n_rows (snapshot));
    }
}

enum { ASK_PUBLISH = 1, ASK_POLL };

typedef struct {
  const char *name;
  GBytes *bytes;
} Ask;

static void
asker_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  const Ask *ask = syn_message_get_payload (message);
  g_autoptr (GError) error = NULL;

  if (syn_message_get_method (message) == ASK_PUBLISH)
    syn_grain_publish (grain, ask->name, ask->bytes, asker_published, NULL);
  else if (!syn_grain_poll (grain, ask->name, asker.token, 1000, asker_polled, NULL, NULL, &error))
    g_string_append_printf (asker.log, "at once: %d %s;", error->code, error->message);
  syn_message_reply (message, NULL, NULL);
}

static void
asker_deactivate (SynGrain *grain, gpointer state)
{
}

static void
assert_asks (SynSilo *silo, int method, const char *name, GBytes *bytes, const char *expected)
{
  Ask ask = { name, bytes };
  const SynCall call = { .type = "asker", .key = "a", .method = method, .payload = &ask };

  g_string_truncate (asker.log, 0);
  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  if (!g_pattern_match_simple (expected, asker.log->str))
    g_error ("%s: expected \"%s\", found \"%s\"", name, expected, asker.log->str);
}

static void
assert_publishes (SynSilo *silo, const char *source, const char *text, const char *expected)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));

  assert_asks (silo, ASK_PUBLISH, source, bytes, expected);
}

static void
test_asks (void)
{
  static const char json[] = "{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"fields\":{\"k\":\"string\",\"n\":\"int64\"}},"
                             "{\"name\":\"sim\",\"kind\":\"simulator\",\"instruments\":1,\"rate\":1}],"
                             "\"projections\":[{\"name\":\"p\",\"from\":\"s\",\"key\":[\"k\"],\"min_interval_ms\":10,\"columns\":{\"n\":\"sum(n)\"}}]}";
  static const SynGrainType type = {
    .name = "asker", .idle_age_ms = 60000, .activate = asker_activate, .receive = asker_receive, .deactivate = asker_deactivate,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = syn_catalog_parse ("test", "/", json, -1, &error);
  g_autoptr (SynSilo) silo = syn_silo_new_stepped (2, NULL, &error);
  g_autofree char *much = g_malloc0 (SYN_MAX_BODY_BYTES + 1);
  g_autoptr (GBytes) too_much = g_bytes_new_static (much, SYN_MAX_BODY_BYTES + 1);

  g_assert_no_error (error);
  asker.log = g_string_new (NULL);
  syn_projections_register (silo, catalog);
  syn_sources_register (silo, catalog);
  syn_silo_register (silo, &type, NULL);
  g_assert_true (syn_silo_start (silo, NULL, &error));
  syn_silo_settle (silo);

  assert_publishes (silo, "s", "{\"k\":\"a\",\"n\":1}\n{\"k\":\"b\",\"n\":2}\n", "2 of 2;");
  assert_publishes (silo, "s", "{\"k\":\"a\",\"n\":4}\n{\"k\":\"b\",\"n\":x}\n", "1 line 2, column 14: *");
  assert_publishes (silo, "s", "", "0 of 2;");
  assert_publishes (silo, "sim", "{}", "1 source \"sim\" is not of kind \"http\"*");
  assert_publishes (silo, "none", "{}", "2 there is no source \"none\";");
  assert_asks (silo, ASK_PUBLISH, "s", too_much, "6 67108865 bytes of events; at most 67108864 are taken at once;");

  assert_asks (silo, ASK_POLL, "p?where=n>1", NULL, "1 rows;");
  assert_asks (silo, ASK_POLL, "p?where=n>1", NULL, ""); /* it has that: parked */
  syn_silo_advance (silo, 1000);
  g_assert_cmpstr (asker.log->str, ==, "unchanged;");
  asker.token = REPLICA_TOKEN_NONE;
  assert_asks (silo, ASK_POLL, "p", NULL, "2 rows;");
  assert_asks (silo, ASK_POLL, "p", NULL, "");
  assert_publishes (silo, "s", "{\"k\":\"c\",\"n\":1}\n", "*1 of 3;*");
  syn_silo_advance (silo, 100);
  g_assert_nonnull (strstr (asker.log->str, "3 rows;"));
  assert_asks (silo, ASK_POLL, "q", NULL, "at once: 2 no projection \"q\"*");
  assert_asks (silo, ASK_POLL, "p?where=m>1", NULL, "at once: 1 where: column 1: *");
  assert_asks (silo, ASK_POLL, "p", NULL, "");
  syn_silo_free (g_steal_pointer (&silo)); /* with a poll out */
  g_assert_cmpstr (asker.log->str, ==, "");
  g_string_free (asker.log, TRUE);
}

static void
assert_catalog_refused (const char *json, const char *message)
{
  g_autofree char *path = module_path ("echo.so");
  g_autoptr (SynModules) modules = syn_modules_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = NULL;

  g_assert_true (syn_modules_load (modules, path, &error));
  catalog = load_catalog (json, modules, &error);
  g_assert_null (catalog);
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  if (!g_pattern_match_simple (message, error->message))
    g_error ("expected \"%s\", found \"%s\"", message, error->message);
}

static void
test_catalog_beside (void)
{
  assert_catalog_refused ("{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"fields\":{\"a\":\"int64\"}}],\n"
                          "\"projections\":[{\"name\":\"echo/one\",\"from\":\"s\",\"columns\":{\"n\":\"count()\"}}]}",
                          "*catalog.json:2: projection \"echo/one\": is defined already, at */echo.so");
  assert_catalog_refused ("{\"screens\":[{\"name\":\"s\",\"panels\":[\n{\"grid\":\"echo/one\",\"sort\":\"lenght\"}]}]}",
                          "*catalog.json:2: *lenght*did you mean \"length\"?*");
  assert_catalog_refused ("{\"screens\":[{\"name\":\"s\",\"panels\":[\n{\"grid\":\"ecco/one\"}]}]}",
                          "*catalog.json:2: *no projection \"ecco/one\"*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, ==, 2);
  folder = g_canonicalize_filename (argv[1], NULL);
  g_test_add_func ("/modules/no-module", test_no_module);
  g_test_add_func ("/modules/init-fails", test_init_fails);
  g_test_add_func ("/modules/twice", test_twice);
  g_test_add_func ("/modules/reserved", test_reserved);
  g_test_add_func ("/modules/serves", test_serves);
  g_test_add_func ("/modules/asks", test_asks);
  g_test_add_func ("/modules/catalog-beside", test_catalog_beside);
  return g_test_run ();
}
