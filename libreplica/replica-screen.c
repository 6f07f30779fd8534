/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaScreen: reads the screens that a silo serves. Any thread; what it makes is immutable.
 *
 * A server may be newer than its clients: members that this does not know are ignored and panels of an
 * unknown kind are left out, so that the rest of the screen can be shown. What it does know has to have the
 * right type, or nothing is read. */

#include "replica-screen.h"
#include "replica-json.h"

#include <json-glib/json-glib.h>
#include <string.h>

struct _ReplicaScreen
{
  gatomicrefcount ref_count;
  char *name;        /* (owned) */
  char *title;       /* (owned) */
  GPtrArray *panels; /* (owned) (element-type ReplicaPanel) */
};

G_DEFINE_BOXED_TYPE (ReplicaScreen, replica_screen, replica_screen_ref, replica_screen_unref)

static const char *const kind_names[] = {
  [REPLICA_PANEL_GRID] = "grid",
  [REPLICA_PANEL_CANDLES] = "candles",
  [REPLICA_PANEL_LINE] = "line",
};

const char *
replica_panel_kind_to_string (ReplicaPanelKind kind)
{
  g_return_val_if_fail ((guint) kind < G_N_ELEMENTS (kind_names), NULL);
  return kind_names[kind];
}

static void
panel_free (ReplicaPanel *panel)
{
  g_free (panel->path);
  g_free (panel->title);
  g_free (panel->sort);
  g_free (panel->follows);
  g_free (panel);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplicaPanel, panel_free)

ReplicaScreen *
replica_screen_ref (ReplicaScreen *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
replica_screen_unref (ReplicaScreen *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->name);
  g_free (self->title);
  g_ptr_array_unref (self->panels);
  g_free (self);
}

const char *
replica_screen_get_name (ReplicaScreen *self)
{
  return self->name;
}

const char *
replica_screen_get_title (ReplicaScreen *self)
{
  return self->title;
}

guint
replica_screen_get_n_panels (ReplicaScreen *self)
{
  return self->panels->len;
}

const ReplicaPanel *
replica_screen_get_panel (ReplicaScreen *self, guint index)
{
  g_return_val_if_fail (index < self->panels->len, NULL);
  return g_ptr_array_index (self->panels, index);
}

/* Where in @panels the grid is that the panel at @index follows, or -1. */
static int
find_leader (GPtrArray *panels, guint index)
{
  const char *follows = ((const ReplicaPanel *) g_ptr_array_index (panels, index))->follows;

  for (guint i = 0; i < panels->len && follows != NULL; i++)
    {
      const ReplicaPanel *other = g_ptr_array_index (panels, i);

      if (i != index && other->kind == REPLICA_PANEL_GRID && strcmp (other->path, follows) == 0)
        return (int) i;
    }
  return -1;
}

int
replica_screen_get_leader (ReplicaScreen *self, guint index)
{
  g_return_val_if_fail (index < self->panels->len, -1);
  return find_leader (self->panels, index);
}

/* ---- reading ---- */

G_GNUC_PRINTF (3, 4)
static gboolean
refuse (GError **error, const char *where, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "%s: %s", where, what);
  return FALSE;
}

/* A string member. Absent or null: NULL, and an error when @required; never empty when required. */
static gboolean
read_string (JsonObject *object,
             const char *where,
             const char *member,
             gboolean required,
             char **result,
             GError **error)
{
  JsonNode *node = json_object_get_member (object, member);
  g_autofree char *place = g_strdup_printf ("%s.%s", where, member);

  *result = NULL;
  if (node == NULL || json_node_is_null (node))
    return !required || refuse (error, place, "missing");
  if (json_node_get_value_type (node) != G_TYPE_STRING)
    return refuse (error, place, "expected a string");
  if (required && *json_node_get_string (node) == '\0')
    return refuse (error, place, "empty");
  *result = g_strdup (json_node_get_string (node));
  return TRUE;
}

/* An array member of objects; absent or null counts as empty unless @required. */
static gboolean
read_objects (JsonObject *object,
              const char *where,
              const char *member,
              gboolean required,
              JsonArray **result,
              GError **error)
{
  JsonNode *node = json_object_get_member (object, member);
  g_autofree char *place = g_strdup_printf ("%s%s%s", where, *where != '\0' ? "." : "", member);

  *result = NULL;
  if (node == NULL || json_node_is_null (node))
    return !required || refuse (error, place, "missing");
  if (!JSON_NODE_HOLDS_ARRAY (node))
    return refuse (error, place, "expected an array");
  *result = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (*result); i++)
    if (!JSON_NODE_HOLDS_OBJECT (json_array_get_element (*result, i)))
      {
        g_autofree char *element = g_strdup_printf ("%s[%u]", place, i);
        return refuse (error, element, "expected an object");
      }
  return TRUE;
}

/* TRUE with @result %NULL: a kind that this library does not know. */
static gboolean
read_panel (JsonObject *object, const char *where, ReplicaPanel **result, GError **error)
{
  g_autoptr (ReplicaPanel) panel = g_new0 (ReplicaPanel, 1);
  g_autofree char *kind = NULL;
  guint i = 0;

  *result = NULL;
  if (!read_string (object, where, "kind", TRUE, &kind, error))
    return FALSE;
  while (i < G_N_ELEMENTS (kind_names) && strcmp (kind, kind_names[i]) != 0)
    i++;
  if (i == G_N_ELEMENTS (kind_names))
    return TRUE;
  panel->kind = (ReplicaPanelKind) i;
  if (!read_string (object, where, "path", TRUE, &panel->path, error)
      || !read_string (object, where, "title", FALSE, &panel->title, error)
      || !read_string (object, where, "sort", FALSE, &panel->sort, error)
      || !read_string (object, where, "follows", FALSE, &panel->follows, error))
    return FALSE;
  if (panel->title == NULL)
    panel->title = g_strdup (panel->path);
  *result = g_steal_pointer (&panel);
  return TRUE;
}

/* A panel can only follow a grid that is there: the one it names may have been of an unknown kind. */
static void
drop_lost_follows (GPtrArray *panels)
{
  for (guint i = 0; i < panels->len; i++)
    if (find_leader (panels, i) < 0)
      g_clear_pointer (&((ReplicaPanel *) g_ptr_array_index (panels, i))->follows, g_free);
}

static ReplicaScreen *
read_screen (JsonObject *object, const char *where, GError **error)
{
  g_autoptr (ReplicaScreen) self = g_new0 (ReplicaScreen, 1);
  JsonArray *panels;

  g_atomic_ref_count_init (&self->ref_count);
  self->panels = g_ptr_array_new_with_free_func ((GDestroyNotify) panel_free);
  if (!read_string (object, where, "name", TRUE, &self->name, error)
      || !read_string (object, where, "title", FALSE, &self->title, error)
      || !read_objects (object, where, "panels", FALSE, &panels, error))
    return NULL;
  if (self->title == NULL)
    self->title = g_strdup (self->name);
  for (guint i = 0; panels != NULL && i < json_array_get_length (panels); i++)
    {
      g_autofree char *place = g_strdup_printf ("%s.panels[%u]", where, i);
      ReplicaPanel *panel;

      if (!read_panel (json_array_get_object_element (panels, i), place, &panel, error))
        return NULL;
      if (panel != NULL)
        g_ptr_array_add (self->panels, panel);
    }
  drop_lost_follows (self->panels);
  return g_steal_pointer (&self);
}

/**
 * replica_screens_parse:
 * @json: the body of `GET /v1/screens`
 * @length: its bytes, or -1 when a NUL ends it
 *
 * Returns: (transfer full) (element-type ReplicaScreen): the screens, or %NULL with %REPLICA_ERROR_PROTOCOL,
 * or %REPLICA_ERROR_TOO_LARGE above %REPLICA_SCREENS_MAX_BYTES; the message names the place, as
 * `screens[0].panels[1].path`
 */
GPtrArray *
replica_screens_parse (const char *json, gssize length, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  g_autoptr (GPtrArray) screens = g_ptr_array_new_with_free_func ((GDestroyNotify) replica_screen_unref);
  g_autoptr (GError) json_error = NULL;
  gsize n_bytes = length >= 0 ? (gsize) length : strlen (json);
  JsonNode *root;
  JsonArray *array;

  if (n_bytes > REPLICA_SCREENS_MAX_BYTES)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE,
                   "screens: %" G_GSIZE_FORMAT " bytes, and the limit is %u", n_bytes,
                   REPLICA_SCREENS_MAX_BYTES);
      return NULL;
    }
  if (!replica_json_check (json, n_bytes, REPLICA_SCREENS_MAX_DEPTH, error))
    {
      g_prefix_error (error, "screens: ");
      return NULL;
    }
  if (!json_parser_load_from_data (parser, json, (gssize) n_bytes, &json_error))
    {
      /* It may quote half a character. */
      g_autofree char *message = g_utf8_make_valid (json_error->message, -1);

      refuse (error, "screens", "%s", message);
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      refuse (error, "screens", "expected an object");
      return NULL;
    }
  if (!read_objects (json_node_get_object (root), "", "screens", TRUE, &array, error))
    return NULL;
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      g_autofree char *place = g_strdup_printf ("screens[%u]", i);
      ReplicaScreen *screen = read_screen (json_array_get_object_element (array, i), place, error);

      if (screen == NULL)
        return NULL;
      g_ptr_array_add (screens, screen);
    }
  return g_steal_pointer (&screens);
}
