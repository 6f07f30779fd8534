/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The screens of a catalog: which panels over which projections, and the JSON in which clients get them. One
 * loader, one thread. */
#include "syn-catalog-private.h"
#include "syn-sort-name.h"

#include "syn-limits.h"
#include "syn-suggest.h"

#include <string.h>

static const char *const panel_kinds[] = { "grid", "candles", "line", NULL };

static void
panel_spec_free (gpointer data)
{
  SynPanelSpec *self = data;

  g_free (self->kind);
  g_free (self->path);
  g_free (self->title);
  g_free (self->sort);
  g_free (self->follows);
  g_free (self);
}

void
syn_screen_spec_free (SynScreenSpec *self)
{
  if (self == NULL)
    return;
  g_free (self->name);
  g_free (self->title);
  g_ptr_array_unref (self->panels);
  g_free (self);
}

/* The projection of a path, with or without a query; NULL with @error. */
static const SynProjectionSpec *
find_projection (SynLoader *self, const char *path, guint line, GError **error)
{
  g_autofree char *name = g_strndup (path, strcspn (path, "?"));
  const SynProjectionSpec *projection = g_hash_table_lookup (self->catalog->projections_by_name, name);
  SynProjectionSpec *member;
  g_autofree char *near = NULL;
  SynSuggest suggest;

  if (projection != NULL)
    return projection;
  member = syn_catalog_dup_family_member (self->catalog, name);
  if (member != NULL)
    {
      g_ptr_array_add (self->catalog->members, member);
      return member;
    }
  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < self->catalog->projections->len; i++)
    syn_suggest_add (&suggest,
                     ((SynProjectionSpec *)g_ptr_array_index (self->catalog->projections, i))->name);
  near = syn_suggest_dup_text (&suggest);
  syn_loader_fail (self, line, error, "there is no projection \"%s\"%s", name, near);
  return NULL;
}

/* The order as clients read it, of a text in the syntax of a query's `sort`. @projection: (nullable) whose columns they must be. */
static gboolean
take_sort (SynLoader *self, const SynJson *object, const SynProjectionSpec *projection, char **sort, GError **error)
{
  const SynJson *text = syn_json_get (object, "sort");
  g_autoptr (GString) plain = g_string_new (NULL);
  const char *next = text->text, *start;
  guint n = 1;

  for (;; n++)
    {
      gboolean descending;
      g_autofree char *name = syn_sort_name_take (&next, &descending, &start);
      g_autofree char *near = NULL;

      if (*name == '\0')
        return syn_loader_fail (self, text->line, error, "\"sort\": expected the name of a column, found %s",
                                *next == '\0' ? "the end" : "\",\"");
      if (strchr (name, ',') != NULL)
        return syn_loader_fail (self, text->line, error,
                                "\"sort\": a panel cannot be sorted by a name with a comma (\"%s\"); give it another with \"as\"", name);
      if (projection != NULL && syn_schema_find (projection->schema, name) < 0)
        {
          near = syn_schema_suggest (projection->schema, name);
          return syn_loader_fail (self, text->line, error,
                                  "\"sort\": the projection \"%s\" has no column \"%s\"%s", projection->name, name, near);
        }
      g_string_append_printf (plain, "%s%s%s", plain->len > 0 ? "," : "", descending ? "-" : "", name);
      if (*next == '\0')
        break;
      next++;
    }
  if (n > SYN_MAX_SORT_COLUMNS)
    return syn_loader_fail (self, text->line, error, "\"sort\" has %u columns; at most %d are allowed", n, SYN_MAX_SORT_COLUMNS);
  *sort = g_string_free (g_steal_pointer (&plain), FALSE);
  return TRUE;
}

/* A chart needs a time axis, and candles their four prices. */
static gboolean
check_chart (SynLoader *self,
             const SynPanelSpec *panel,
             guint line,
             const SynProjectionSpec *projection,
             GError **error)
{
  static const char *const prices[] = { "open", "high", "low", "close" };
  gboolean timed = FALSE, numbers = FALSE;

  for (guint i = 0; i < projection->schema->n_columns; i++)
    {
      const SynColumnSpec *column = &projection->schema->columns[i];

      timed |= column->type == REPLICA_TYPE_TIMESTAMP && column->is_key;
      numbers |= !column->is_key
                 && (column->type == REPLICA_TYPE_INT64 || column->type == REPLICA_TYPE_DECIMAL
                     || column->type == REPLICA_TYPE_DOUBLE);
    }
  if (!timed)
    return syn_loader_fail (self, line, error,
                            "a \"%s\" panel is drawn over time: the projection \"%s\" needs a \"window\"",
                            panel->kind, projection->name);
  if (!numbers)
    return syn_loader_fail (self, line, error,
                            "a \"%s\" panel draws numbers, and the projection \"%s\" has none", panel->kind,
                            projection->name);
  for (guint i = 0; strcmp (panel->kind, "candles") == 0 && i < G_N_ELEMENTS (prices); i++)
    {
      int index = syn_schema_find (projection->schema, prices[i]);
      ReplicaType type = index >= 0 ? projection->schema->columns[index].type : REPLICA_TYPE_STRING;

      if (type != REPLICA_TYPE_INT64 && type != REPLICA_TYPE_DECIMAL && type != REPLICA_TYPE_DOUBLE)
        return syn_loader_fail (
            self, line, error,
            "\"candles\" need numbers open, high, low and close: the projection \"%s\" has no \"%s\"",
            projection->name, prices[i]);
    }
  return TRUE;
}

static gboolean
load_panel (SynLoader *self, SynScreenSpec *screen, const SynJson *object, GError **error)
{
  static const char *const members[] = { "grid", "candles", "line", "title", "sort", "follows", NULL };
  SynPanelSpec *panel = g_new0 (SynPanelSpec, 1);
  const char *path = NULL, *title = NULL, *sort = NULL, *follows = NULL;
  gboolean is_query;
  const SynProjectionSpec *projection;
  guint line;

  g_ptr_array_add (screen->panels, panel);
  if (!syn_loader_check_kind (self, object, "an entry of \"panels\"", SYN_JSON_OBJECT, error)
      || !syn_loader_check_members (self, object, members, NULL, NULL, error))
    return FALSE;
  for (guint i = 0; panel_kinds[i] != NULL; i++)
    {
      if (syn_json_get (object, panel_kinds[i]) == NULL)
        continue;
      if (panel->kind != NULL)
        return syn_loader_fail (self, object->line, error, "a panel is one thing: \"%s\" or \"%s\"",
                                panel->kind, panel_kinds[i]);
      panel->kind = g_strdup (panel_kinds[i]);
    }
  if (panel->kind == NULL)
    return syn_loader_fail (self, object->line, error,
                            "a panel needs \"grid\", \"candles\" or \"line\" with the path of a projection");
  if (!syn_loader_get_string (self, object, panel->kind, TRUE, &path, error)
      || !syn_loader_get_string (self, object, "title", FALSE, &title, error)
      || !syn_loader_get_string (self, object, "sort", FALSE, &sort, error)
      || !syn_loader_get_string (self, object, "follows", FALSE, &follows, error))
    return FALSE;
  line = syn_json_get (object, panel->kind)->line;
  if (strlen (path) > SYN_MAX_QUERY_BYTES)
    return syn_loader_fail (self, line, error, "a path has at most %d bytes", SYN_MAX_QUERY_BYTES);
  projection = find_projection (self, path, line, error);
  if (projection == NULL)
    return FALSE;
  panel->path = g_strdup (path);
  panel->title = g_strdup (title != NULL ? title : projection->name);
  panel->follows = g_strdup (follows);
  g_ptr_array_add (self->catalog->panel_paths, g_strdup (path));
  g_ptr_array_add (self->catalog->panel_follows, g_strdup (follows));
  g_ptr_array_add (self->catalog->panel_places, g_strdup_printf ("%s:%u: screen \"%s\"", self->file, line, screen->name));
  /* What a query selects is known to those who answer it: they check it, see syn_catalog_get_panel(). */
  is_query = strchr (path, '?') != NULL;
  if (sort != NULL && !take_sort (self, object, is_query ? NULL : projection, &panel->sort, error))
    return FALSE;
  if (is_query)
    return TRUE;
  return strcmp (panel->kind, "grid") == 0 || check_chart (self, panel, line, projection, error);
}

static gboolean
check_follows (
    SynLoader *self, const SynScreenSpec *screen, const SynPanelSpec *panel, guint line, GError **error)
{
  const SynProjectionSpec *leader, *follower;

  if (strcmp (panel->follows, panel->path) == 0)
    return syn_loader_fail (self, line, error, "\"follows\": a panel cannot follow itself");
  for (guint i = 0; i < screen->panels->len; i++)
    {
      const SynPanelSpec *other = g_ptr_array_index (screen->panels, i);

      if (strcmp (other->path, panel->follows) != 0 || strcmp (other->kind, "grid") != 0)
        continue;
      if (strchr (other->path, '?') != NULL || strchr (panel->path, '?') != NULL)
        return TRUE; /* the key of an answer is the query's to say: see syn_catalog_get_panel() */
      leader = find_projection (self, other->path, line, error);
      follower = find_projection (self, panel->path, line, error);
      for (guint j = 0; j < leader->schema->n_columns; j++)
        {
          const SynColumnSpec *key = &leader->schema->columns[j];
          int index = key->is_key ? syn_schema_find (follower->schema, key->name) : -1;

          if (index >= 0 && follower->schema->columns[index].is_key
              && follower->schema->columns[index].type == key->type)
            return TRUE;
        }
      return syn_loader_fail (self, line, error,
                              "\"follows\": \"%s\" and \"%s\" have no key column in common", leader->name,
                              follower->name);
    }
  return syn_loader_fail (self, line, error, "\"follows\": \"%s\" is not the path of a grid on this screen",
                          panel->follows);
}

gboolean
syn_loader_add_screen (SynLoader *self, const SynJson *object, GError **error)
{
  static const char *const members[] = { "name", "title", "panels", NULL };
  g_autoptr (SynScreenSpec) screen = g_new0 (SynScreenSpec, 1);
  const char *name, *title = NULL;
  const SynJson *panels;

  screen->panels = g_ptr_array_new_with_free_func (panel_spec_free);
  if (!syn_loader_check_kind (self, object, "an entry of \"screens\"", SYN_JSON_OBJECT, error)
      || !syn_loader_define (self, object, "screen", FALSE, &name, error)
      || !syn_loader_check_members (self, object, members, NULL, NULL, error)
      || !syn_loader_get_string (self, object, "title", FALSE, &title, error)
      || !syn_loader_get_array (self, object, "panels", 1, SYN_MAX_PANELS, &panels, error))
    return FALSE;
  screen->name = g_strdup (name);
  screen->title = g_strdup (title != NULL ? title : name);
  for (guint i = 0; i < panels->n_items; i++)
    if (!load_panel (self, screen, panels->items[i], error))
      return FALSE;
  for (guint i = 0; i < panels->n_items; i++)
    {
      const SynPanelSpec *panel = g_ptr_array_index (screen->panels, i);

      if (panel->follows != NULL
          && !check_follows (self, screen, panel, syn_json_get (panels->items[i], "follows")->line, error))
        return FALSE;
    }
  g_ptr_array_add (self->screens, g_steal_pointer (&screen));
  return TRUE;
}

static void
add_member (JsonBuilder *builder, const char *name, const char *value)
{
  if (value == NULL)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

char *
syn_loader_write_screens (SynLoader *self, gsize *length)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "screens");
  json_builder_begin_array (builder);
  for (guint i = 0; i < self->screens->len; i++)
    {
      const SynScreenSpec *screen = g_ptr_array_index (self->screens, i);

      json_builder_begin_object (builder);
      add_member (builder, "name", screen->name);
      add_member (builder, "title", screen->title);
      json_builder_set_member_name (builder, "panels");
      json_builder_begin_array (builder);
      for (guint j = 0; j < screen->panels->len; j++)
        {
          const SynPanelSpec *panel = g_ptr_array_index (screen->panels, j);

          json_builder_begin_object (builder);
          add_member (builder, "kind", panel->kind);
          add_member (builder, "path", panel->path);
          add_member (builder, "title", panel->title);
          add_member (builder, "sort", panel->sort);
          add_member (builder, "follows", panel->follows);
          json_builder_end_object (builder);
        }
      json_builder_end_array (builder);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  return json_generator_to_data (generator, length);
}
