/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sources of a catalog: fields and what each kind needs to know. One loader, one thread. */
#include "syn-catalog-private.h"

#include "replica-number.h"
#include "syn-builtin-fields.h"
#include "syn-limits.h"
#include "syn-suggest.h"
#include "syn-time-unit.h"

#include <string.h>

#define COMMON_MEMBERS "name", "kind", "durable", "fields"

static const char *const http_members[] = { COMMON_MEMBERS, "retain", NULL };
static const char *const file_members[] = { COMMON_MEMBERS, "path",  "format", "columns",
                                            "follow",       "speed", "time",   NULL };
static const char *const simulator_members[] = { COMMON_MEMBERS, "instruments", "rate",  "seed", "burst",
                                                 "limit",        "speed",       "start", NULL };
static const char *const host_members[] = { COMMON_MEMBERS, "table", "interval_ms", "processes", NULL };
static const char *const all_members[] = {
  COMMON_MEMBERS, "retain", "path",  "format", "columns", "follow", "speed",       "time",      "instruments", "rate",
  "seed",         "burst", "limit",  "start",   "table",  "interval_ms", "processes", NULL,
};

static const struct {
  const char *name;
  SynSourceKind kind;
  const char *const *members;
} kinds[] = {
  { "http", SYN_SOURCE_HTTP, http_members },
  { "file", SYN_SOURCE_FILE, file_members },
  { "simulator", SYN_SOURCE_SIMULATOR, simulator_members },
  { "host", SYN_SOURCE_HOST, host_members },
};

const char *
syn_source_kind_to_string (SynSourceKind kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].kind == kind)
      return kinds[i].name;
  g_return_val_if_reached ("?");
}

void
syn_source_spec_free (SynSourceSpec *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_fields; i++)
    {
      g_free (self->fields[i].name);
      g_free (self->fields[i].column);
    }
  g_free (self->fields);
  syn_schema_free (self->schema);
  g_free (self->name);
  g_free (self->path);
  g_strfreev (self->columns);
  g_free (self->host_table);
  g_free (self);
}

static void
add_field (SynSourceSpec *source, const char *name, ReplicaType type, guint scale)
{
  source->fields[source->n_fields++] = (SynFieldSpec){
    .name = g_strdup (name),
    .type = type,
    .scale = (guint8)scale,
    .column = g_strdup (name),
    .unit_us_den = 1,
  };
  syn_schema_add (source->schema, name, type, scale, FALSE);
}

static gboolean
parse_unit (SynLoader *self, const SynJson *object, SynFieldSpec *field, GError **error)
{
  const char *unit = NULL;

  if (!syn_loader_get_string (self, object, "unit", FALSE, &unit, error))
    return FALSE;
  if (unit != NULL && !syn_time_unit_parse (unit, &field->unit_us_num, &field->unit_us_den))
    return syn_loader_fail (
        self, syn_json_get (object, "unit")->line, error,
        "field \"%s\": \"unit\": expected \"s\", \"ms\", \"us\" or \"ns\", found \"%.40s\"", field->name,
        unit);
  if (unit != NULL && field->type != REPLICA_TYPE_TIMESTAMP)
    return syn_loader_fail (self, syn_json_get_name_line (object, "unit"), error,
                            "field \"%s\": \"unit\" is for timestamps", field->name);
  if (syn_json_get (object, "epoch") != NULL && unit == NULL)
    return syn_loader_fail (
        self, syn_json_get_name_line (object, "epoch"), error,
        "field \"%s\": \"epoch\" is for timestamps that are given as numbers, with a \"unit\"", field->name);
  return syn_loader_get_time (self, object, "epoch", &field->epoch_us, error);
}

static gboolean
add_declared_field (SynLoader *self,
                    SynSourceSpec *source,
                    const char *name,
                    guint name_line,
                    const SynJson *value,
                    GError **error)
{
  static const char *const members[] = { "type", "unit", "epoch", "column", NULL };
  g_autoptr (GError) cause = NULL;
  const char *type_text = NULL, *column = NULL;
  const SynJson *type_at = value;
  ReplicaType type;
  guint scale;

  if (!syn_loader_check_column_name (self, name_line, "field", name, error))
    return FALSE;
  if (value->kind == SYN_JSON_STRING)
    type_text = value->text;
  else if (value->kind == SYN_JSON_OBJECT)
    {
      if (!syn_loader_check_members (self, value, members, NULL, NULL, error)
          || !syn_loader_get_string (self, value, "type", TRUE, &type_text, error)
          || !syn_loader_get_string (self, value, "column", FALSE, &column, error))
        return FALSE;
      type_at = syn_json_get (value, "type");
    }
  else
    return syn_loader_fail (
        self, value->line, error,
        "field \"%s\": expected a type such as \"int64\", or an object with \"type\", found %s", name,
        syn_json_kind_to_string (value->kind));
  if (!syn_type_parse (type_text, &type, &scale, &cause))
    return syn_loader_fail_part (self, type_at->line, error, cause->message, "field \"%s\"", name);
  add_field (source, name, type, scale);
  if (value->kind != SYN_JSON_OBJECT)
    return TRUE;
  if (column != NULL)
    {
      SynFieldSpec *field = &source->fields[source->n_fields - 1];

      if (strlen (column) > SYN_MAX_NAME_BYTES)
        return syn_loader_fail (self, syn_json_get (value, "column")->line, error,
                                "field \"%s\": \"column\" has at most %d bytes", name, SYN_MAX_NAME_BYTES);
      g_free (field->column);
      field->column = g_strdup (column);
    }
  return parse_unit (self, value, &source->fields[source->n_fields - 1], error);
}

static gboolean
load_declared_fields (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  const SynJson *fields = syn_json_get (object, "fields");

  if (fields == NULL)
    return syn_loader_fail (self, object->line, error, "\"fields\" is missing");
  if (!syn_loader_check_kind (self, fields, "\"fields\"", SYN_JSON_OBJECT, error))
    return FALSE;
  if (fields->n_items == 0)
    return syn_loader_fail (self, fields->line, error, "\"fields\" is empty");
  if (fields->n_items > SYN_MAX_FIELDS)
    return syn_loader_fail (self, fields->line, error, "%u fields; at most %d are allowed", fields->n_items,
                            SYN_MAX_FIELDS);
  source->fields = g_new0 (SynFieldSpec, fields->n_items);
  for (guint i = 0; i < fields->n_items; i++)
    if (!add_declared_field (self, source, fields->names[i], fields->name_lines[i], fields->items[i], error))
      return FALSE;
  return TRUE;
}

/* The fields of a simulator or a host table are what they are; a catalog that names some must name them
 * right. */
static gboolean
load_builtin_fields (SynLoader *self,
                     SynSourceSpec *source,
                     const SynJson *object,
                     const SynBuiltinField *builtin,
                     guint n_builtin,
                     GError **error)
{
  const SynJson *fields = syn_json_get (object, "fields");

  source->fields = g_new0 (SynFieldSpec, n_builtin);
  for (guint i = 0; i < n_builtin; i++)
    add_field (source, builtin[i].name, builtin[i].type, builtin[i].scale);
  if (fields == NULL)
    return TRUE;
  if (!syn_loader_check_kind (self, fields, "\"fields\"", SYN_JSON_OBJECT, error))
    return FALSE;
  for (guint i = 0; i < fields->n_items; i++)
    {
      int index = syn_schema_find (source->schema, fields->names[i]);
      g_autofree char *type = NULL;

      if (index < 0)
        {
          g_autofree char *near = syn_schema_suggest (source->schema, fields->names[i]);

          return syn_loader_fail (self, fields->name_lines[i], error, "this source has no field \"%s\"%s",
                                  fields->names[i], near);
        }
      type = syn_column_spec_type_to_string (&source->schema->columns[index]);
      if (fields->items[i]->kind != SYN_JSON_STRING || strcmp (fields->items[i]->text, type) != 0)
        return syn_loader_fail (self, fields->items[i]->line, error,
                                "field \"%s\": in this source it is always \"%s\"", fields->names[i], type);
    }
  return TRUE;
}

/* ---- kinds ---- */

static gboolean
load_file_columns (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  const SynJson *columns;

  if (!syn_loader_get_array (self, object, "columns", 0, SYN_MAX_FIELDS * 4, &columns, error))
    return FALSE;
  if (columns == NULL)
    return TRUE;
  if (source->format != SYN_FILE_CSV)
    return syn_loader_fail (self, syn_json_get_name_line (object, "columns"), error,
                            "\"columns\" is for CSV without a header line");
  source->columns = g_new0 (char *, columns->n_items + 1);
  for (guint i = 0; i < columns->n_items; i++)
    {
      if (!syn_loader_check_kind (self, columns->items[i], "an entry of \"columns\"", SYN_JSON_STRING, error))
        return FALSE;
      source->columns[i] = g_strdup (columns->items[i]->text);
      if (source->columns[i][0] != '\0' && !g_hash_table_add (seen, source->columns[i]))
        return syn_loader_fail (self, columns->items[i]->line, error,
                                "the column \"%s\" stands twice in \"columns\"", source->columns[i]);
    }
  for (guint i = 0; i < source->n_fields; i++)
    if (!g_hash_table_contains (seen, source->fields[i].column))
      return syn_loader_fail (self, columns->line, error,
                              "field \"%s\" reads the column \"%s\", which \"columns\" does not list",
                              source->fields[i].name, source->fields[i].column);
  return TRUE;
}

static gboolean
load_file_format (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  const char *format = NULL;
  g_autofree char *base = g_path_get_basename (source->path);

  if (!syn_loader_get_string (self, object, "format", FALSE, &format, error))
    return FALSE;
  if (g_str_has_suffix (base, ".zst"))
    base[strlen (base) - strlen (".zst")] = '\0';
  if (format != NULL ? strcmp (format, "csv") == 0 : g_str_has_suffix (base, ".csv"))
    source->format = SYN_FILE_CSV;
  else if (format != NULL ? strcmp (format, "ndjson") == 0
                          : g_str_has_suffix (base, ".ndjson") || g_str_has_suffix (base, ".jsonl"))
    source->format = SYN_FILE_NDJSON;
  else if (format != NULL)
    return syn_loader_fail (self, syn_json_get (object, "format")->line, error,
                            "\"format\": expected \"csv\" or \"ndjson\", found \"%.40s\"", format);
  else
    return syn_loader_fail (
        self, syn_json_get (object, "path")->line, error,
        "the name of \"%s\" does not tell its format: give \"format\", \"csv\" or \"ndjson\"", base);
  return TRUE;
}

static gboolean
load_file (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  const char *path = NULL, *time = NULL;

  if (!load_declared_fields (self, source, object, error)
      || !syn_loader_get_string (self, object, "path", TRUE, &path, error))
    return FALSE;
  source->path = g_canonicalize_filename (path, self->dir);
  if (!load_file_format (self, source, object, error) || !load_file_columns (self, source, object, error)
      || !syn_loader_get_bool (self, object, "follow", &source->follow, error)
      || !syn_loader_get_speed (self, object, &source->speed, error)
      || !syn_loader_get_string (self, object, "time", FALSE, &time, error))
    return FALSE;
  if (source->follow && g_str_has_suffix (source->path, ".zst"))
    return syn_loader_fail (self, syn_json_get_name_line (object, "follow"), error,
                            "\"follow\" is for plain files: a .zst file does not grow");
  if (time != NULL)
    {
      source->time_field = syn_schema_find (source->schema, time);
      if (source->time_field < 0 || source->fields[source->time_field].type != REPLICA_TYPE_TIMESTAMP)
        return syn_loader_fail (self, syn_json_get (object, "time")->line, error,
                                "\"time\": expected the name of a timestamp field, found \"%s\"", time);
    }
  if (source->speed > 0 && time == NULL)
    return syn_loader_fail (
        self, syn_json_get_name_line (object, "speed"), error,
        "a \"speed\" that is a number needs \"time\", the timestamp field to keep pace with");
  return TRUE;
}

static gboolean
load_simulator (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  gint64 instruments = 2000, rate = 10000, seed = 1, limit = 0;
  const SynBuiltinField *builtin;
  guint n_builtin;

  builtin = syn_builtin_simulator_fields (&n_builtin);
  source->speed = 1;
  source->burst = 5;
  if (!load_builtin_fields (self, source, object, builtin, n_builtin, error)
      || !syn_loader_get_int (self, object, "instruments", 1, SYN_MAX_INSTRUMENTS, &instruments, error)
      || !syn_loader_get_int (self, object, "rate", 1, SYN_MAX_RATE, &rate, error)
      || !syn_loader_get_int (self, object, "seed", 0, G_MAXINT64, &seed, error)
      || !syn_loader_get_number (self, object, "burst", 1, 1000, &source->burst, error)
      || !syn_loader_get_int (self, object, "limit", 0, G_MAXINT64, &limit, error)
      || !syn_loader_get_speed (self, object, &source->speed, error)
      || !syn_loader_get_time (self, object, "start", &source->start_us, error))
    return FALSE;
  source->instruments = (guint)instruments;
  source->rate = (guint)rate;
  source->seed = (guint64)seed;
  source->limit = (guint64)limit;
  source->time_field = SYN_SIMULATOR_TIME;
  return TRUE;
}

static gboolean
load_host (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  gint64 interval_ms = 1000, processes = 20;
  const SynBuiltinField *builtin;
  const char *table = NULL;
  guint n_builtin;

  if (!syn_loader_get_string (self, object, "table", TRUE, &table, error))
    return FALSE;
  builtin = syn_builtin_host_fields (table, &n_builtin);
  if (builtin == NULL)
    {
      g_autofree char *known = g_strjoinv ("\", \"", (char **)syn_builtin_host_tables ());

      return syn_loader_fail (self, syn_json_get (object, "table")->line, error,
                              "\"table\": expected one of \"%s\", found \"%.40s\"", known, table);
    }
  source->host_table = g_strdup (table);
  if (!load_builtin_fields (self, source, object, builtin, n_builtin, error)
      || !syn_loader_get_int (self, object, "interval_ms", 100, 3600000, &interval_ms, error)
      || !syn_loader_get_int (self, object, "processes", 1, 1000, &processes, error))
    return FALSE;
  if (syn_json_get (object, "processes") != NULL && strcmp (table, "process") != 0)
    return syn_loader_fail (self, syn_json_get_name_line (object, "processes"), error,
                            "\"processes\" is for the table \"process\"");
  source->interval_ms = (guint)interval_ms;
  source->processes = (guint)processes;
  source->time_field = syn_schema_find (source->schema, "time");
  return TRUE;
}

static gboolean
load_kind (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  g_autofree char *what = NULL, *near = NULL;
  const char *kind = NULL;
  SynSuggest suggest;

  if (!syn_loader_get_string (self, object, "kind", TRUE, &kind, error))
    return FALSE;
  syn_suggest_init (&suggest, kind);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      if (strcmp (kinds[i].name, kind) == 0)
        {
          source->kind = kinds[i].kind;
          what = g_strdup_printf ("sources of kind \"%s\"", kind);
          return syn_loader_check_members (self, object, kinds[i].members, all_members, what, error);
        }
      syn_suggest_add (&suggest, kinds[i].name);
    }
  near = syn_suggest_dup_text (&suggest);
  return syn_loader_fail (
      self, syn_json_get (object, "kind")->line, error,
      "\"kind\": expected \"http\", \"file\", \"simulator\" or \"host\", found \"%.40s\"%s", kind, near);
}

/* "retain": { "age": "7d", "mb": 512 }, "needed" or "all". */
static gboolean
load_retain (SynLoader *self, SynSourceSpec *source, const SynJson *object, GError **error)
{
  static const char *const members[] = { "age", "mb", NULL };
  const SynJson *retain = syn_json_get (object, "retain");
  gint64 megabytes = 0;

  if (retain == NULL)
    return TRUE;
  if (!source->durable)
    return syn_loader_fail (self, syn_json_get_name_line (object, "retain"), error,
                            "\"retain\" is for durable sources: of others the server keeps no events");
  if (retain->kind == SYN_JSON_STRING && strcmp (retain->text, "needed") == 0)
    source->retain = SYN_RETAIN_NEEDED;
  else if (retain->kind == SYN_JSON_STRING && strcmp (retain->text, "all") == 0)
    source->retain = SYN_RETAIN_ALL;
  else if (retain->kind != SYN_JSON_OBJECT)
    return syn_loader_fail (self, retain->line, error, "\"retain\": expected \"needed\", \"all\" or an object with \"age\" or \"mb\", found %s%.40s%s",
                            retain->kind == SYN_JSON_STRING ? "\"" : "",
                            retain->kind == SYN_JSON_STRING ? retain->text : syn_json_kind_to_string (retain->kind),
                            retain->kind == SYN_JSON_STRING ? "\"" : "");
  if (source->retain != SYN_RETAIN_DEFAULT)
    return TRUE;
  if (!syn_loader_check_members (self, retain, members, NULL, NULL, error)
      || !syn_loader_get_duration (self, retain, "age", FALSE, &source->retain_age_us, error)
      || !syn_loader_get_int (self, retain, "mb", 1, SYN_MAX_RETAIN_MB, &megabytes, error))
    return FALSE;
  if (source->retain_age_us == 0 && megabytes == 0)
    return syn_loader_fail (self, retain->line, error, "\"retain\": expected \"age\", \"mb\" or both; to keep everything, say \"all\"");
  source->retain = SYN_RETAIN_LIMITS;
  source->retain_bytes = (guint64) megabytes << 20;
  return TRUE;
}

gboolean
syn_loader_add_source (SynLoader *self, const SynJson *object, GError **error)
{
  g_autoptr (SynSourceSpec) source = g_new0 (SynSourceSpec, 1);
  gboolean durable = FALSE, ok;
  const char *name;

  source->schema = syn_schema_new ();
  source->time_field = -1;
  if (!syn_loader_check_kind (self, object, "an entry of \"sources\"", SYN_JSON_OBJECT, error)
      || !syn_loader_define (self, object, "source", FALSE, &name, error))
    return FALSE;
  source->name = g_strdup (name);
  if (!load_kind (self, source, object, error)
      || !syn_loader_get_bool (self, object, "durable", &durable, error))
    return FALSE;
  if (durable && source->kind != SYN_SOURCE_HTTP)
    return syn_loader_fail (self, syn_json_get (object, "durable")->line, error,
                            "\"durable\": true is for sources of kind \"http\": %s",
                            source->kind == SYN_SOURCE_FILE        ? "a file is read again from its beginning, so nothing of it is lost"
                            : source->kind == SYN_SOURCE_SIMULATOR ? "a simulator makes the same events again"
                                                                   : "what this machine was doing is of no use after a restart");
  source->durable = durable;
  if (!load_retain (self, source, object, error))
    return FALSE;
  switch (source->kind)
    {
    case SYN_SOURCE_FILE:
      ok = load_file (self, source, object, error);
      break;
    case SYN_SOURCE_SIMULATOR:
      ok = load_simulator (self, source, object, error);
      break;
    case SYN_SOURCE_HOST:
      ok = load_host (self, source, object, error);
      break;
    default:
      ok = load_declared_fields (self, source, object, error);
      break;
    }
  if (!ok)
    return FALSE;
  g_hash_table_insert (self->catalog->sources_by_name, source->name, source);
  g_ptr_array_add (self->catalog->sources, g_steal_pointer (&source));
  return TRUE;
}
