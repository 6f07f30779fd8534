/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Aligned tables on a terminal or in a file: numbers to the right with every digit, text to the left, nothing
 * cut. Cells are made twice rather than kept: a projection may have millions of rows. */

#include <string.h>

#include "ctl.h"

static void
put (const char *text, guint width, gboolean right, gboolean last, FILE *out)
{
  guint pad = width - MIN (ctl_text_width (text), width);

  if (right)
    fprintf (out, "%*s%s", (int) pad, "", text);
  else
    fprintf (out, "%s%*s", text, last ? 0 : (int) pad, "");
  fputs (last ? "\n" : "  ", out);
}

guint
ctl_table_get_width (const CtlTable *table, guint column)
{
  g_autoptr (GString) cell = g_string_new (NULL);
  guint width;

  ctl_append_safe (cell, table->header (table->data, column), strlen (table->header (table->data, column)), FALSE);
  width = ctl_text_width (cell->str);
  for (guint r = 0; r < table->n_rows; r++)
    {
      g_string_truncate (cell, 0);
      table->append_cell (table->data, r, column, cell);
      width = MAX (width, ctl_text_width (cell->str));
    }
  return width;
}

void
ctl_table_print (const CtlTable *table, FILE *out)
{
  g_autofree guint *widths = g_new0 (guint, table->n_columns + 1);
  g_autofree gboolean *are_numbers = g_new0 (gboolean, table->n_columns + 1);
  g_autoptr (GString) cell = g_string_new (NULL);

  for (guint c = 0; c < table->n_columns; c++)
    {
      are_numbers[c] = table->is_number (table->data, c);
      widths[c] = ctl_table_get_width (table, c);
    }
  for (guint c = 0; c < table->n_columns; c++)
    {
      g_string_truncate (cell, 0);
      ctl_append_safe (cell, table->header (table->data, c), strlen (table->header (table->data, c)), FALSE);
      put (cell->str, widths[c], are_numbers[c], c + 1 == table->n_columns, out);
    }
  for (guint r = 0; r < table->n_rows; r++)
    for (guint c = 0; c < table->n_columns; c++)
      {
        g_string_truncate (cell, 0);
        table->append_cell (table->data, r, c, cell);
        put (cell->str, widths[c], are_numbers[c], c + 1 == table->n_columns, out);
      }
}

/* ---- a snapshot ---- */

static const char *
snapshot_header (gpointer data, guint column)
{
  return replica_snapshot_get_column (data, column)->name;
}

static gboolean
snapshot_is_number (gpointer data, guint column)
{
  ReplicaType type = replica_snapshot_get_column (data, column)->type;

  return type == REPLICA_TYPE_INT64 || type == REPLICA_TYPE_DOUBLE || type == REPLICA_TYPE_DECIMAL;
}

static void
snapshot_append_cell (gpointer data, guint row, guint column, GString *out)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;
  const char *text = replica_column_format (replica_snapshot_get_column (data, column), row, buffer, &length);

  ctl_append_safe (out, text, length, FALSE);
}

void
ctl_table_print_snapshot (ReplicaSnapshot *snapshot, FILE *out)
{
  ctl_table_print (&(CtlTable){ .n_rows = replica_snapshot_get_n_rows (snapshot),
                                .n_columns = replica_snapshot_get_n_columns (snapshot),
                                .data = snapshot,
                                .header = snapshot_header,
                                .is_number = snapshot_is_number,
                                .append_cell = snapshot_append_cell },
                   out);
}

/* ---- any JSON ---- */

/* The name that a node has, or that it is. */
static const char *
name_of (JsonNode *node)
{
  if (JSON_NODE_HOLDS_OBJECT (node))
    node = json_object_get_member (json_node_get_object (node), "name");
  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING
             ? json_node_get_string (node)
             : NULL;
}

/* A list of names, or of things that have one: the names are what fits a cell. */
static gboolean
append_names (JsonArray *array, GString *out)
{
  gsize before = out->len;

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      const char *name = name_of (json_array_get_element (array, i));

      if (name == NULL)
        {
          g_string_truncate (out, before);
          return FALSE;
        }
      if (i > 0)
        g_string_append (out, ", ");
      ctl_append_safe (out, name, strlen (name), FALSE);
    }
  return TRUE;
}

static void
append_json (JsonNode *node, GString *out)
{
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return;
  if (JSON_NODE_HOLDS_ARRAY (node) && append_names (json_node_get_array (node), out))
    return;
  if (!JSON_NODE_HOLDS_VALUE (node))
    {
      g_autofree char *text = json_to_string (node, FALSE);

      ctl_append_safe (out, text, strlen (text), FALSE);
    }
  else if (json_node_get_value_type (node) == G_TYPE_STRING)
    {
      ctl_append_safe (out, json_node_get_string (node), strlen (json_node_get_string (node)), FALSE);
    }
  else if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    {
      g_string_append (out, json_node_get_boolean (node) ? "true" : "false");
    }
  else if (json_node_get_value_type (node) == G_TYPE_INT64)
    {
      g_string_append_printf (out, "%" G_GINT64_FORMAT, json_node_get_int (node));
    }
  else
    {
      char buffer[G_ASCII_DTOSTR_BUF_SIZE];

      g_string_append (out, g_ascii_formatd (buffer, sizeof buffer, "%.15g", json_node_get_double (node)));
    }
}

/* Rows of objects. A member that is an object itself is as many columns as it has members, `name.member`. */
typedef struct
{
  JsonArray *array;   /* of objects */
  GPtrArray *members; /* (element-type utf8) (owned names): the columns */
  gboolean on_side;   /* the columns stand below each other: there are too many for a screen */
} Objects;

#define COLUMNS_MAX 16

static void
objects_add_members (Objects *objects, JsonObject *object, const char *prefix)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    {
      g_autofree char *path = g_strconcat (prefix, name, NULL);

      if (JSON_NODE_HOLDS_OBJECT (node))
        {
          g_autofree char *inner = g_strconcat (path, ".", NULL);

          objects_add_members (objects, json_node_get_object (node), inner);
        }
      else if (!g_ptr_array_find_with_equal_func (objects->members, path, g_str_equal, NULL))
        {
          g_ptr_array_add (objects->members, g_steal_pointer (&path));
        }
    }
}

/* The node at `a.b`; a name may have a dot of its own. */
static JsonNode *
find_member (JsonObject *object, const char *path)
{
  JsonNode *node = json_object_get_member (object, path);

  for (const char *dot = strchr (path, '.'); node == NULL && dot != NULL; dot = strchr (dot + 1, '.'))
    {
      g_autofree char *name = g_strndup (path, (gsize) (dot - path));
      JsonNode *inner = json_object_get_member (object, name);

      if (inner != NULL && JSON_NODE_HOLDS_OBJECT (inner))
        node = find_member (json_node_get_object (inner), dot + 1);
    }
  return node;
}

static JsonNode *
objects_get (Objects *objects, guint row, guint column)
{
  return find_member (json_array_get_object_element (objects->array, row),
                      g_ptr_array_index (objects->members, column));
}

static const char *
objects_header (gpointer data, guint column)
{
  Objects *objects = data;
  const char *name;

  if (!objects->on_side)
    return g_ptr_array_index (objects->members, column);
  if (column == 0)
    return g_ptr_array_index (objects->members, 0);
  name = name_of (objects_get (objects, column - 1, 0));
  return name != NULL ? name : "";
}

static gboolean
is_number_or_null (JsonNode *node)
{
  GType type;

  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  type = JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;
  return type == G_TYPE_INT64 || type == G_TYPE_DOUBLE;
}

static gboolean
objects_is_number (gpointer data, guint column)
{
  Objects *objects = data;

  if (objects->on_side)
    {
      for (guint m = 1; column > 0 && m < objects->members->len; m++)
        if (!is_number_or_null (objects_get (objects, column - 1, m)))
          return FALSE;
      return column > 0;
    }
  for (guint r = 0; r < json_array_get_length (objects->array); r++)
    if (!is_number_or_null (objects_get (objects, r, column)))
      return FALSE;
  return TRUE;
}

static void
objects_append_cell (gpointer data, guint row, guint column, GString *out)
{
  Objects *objects = data;

  if (!objects->on_side)
    append_json (objects_get (objects, row, column), out);
  else if (column == 0)
    ctl_append_safe (out, g_ptr_array_index (objects->members, row + 1),
                     strlen (g_ptr_array_index (objects->members, row + 1)), FALSE);
  else
    append_json (objects_get (objects, column - 1, row + 1), out);
}

static gboolean
is_array_of_objects (JsonNode *node)
{
  JsonArray *array;

  if (!JSON_NODE_HOLDS_ARRAY (node))
    return FALSE;
  array = json_node_get_array (node);
  for (guint i = 0; i < json_array_get_length (array); i++)
    if (!JSON_NODE_HOLDS_OBJECT (json_array_get_element (array, i)))
      return FALSE;
  return TRUE;
}

static void
print_objects (JsonArray *array, gboolean may_turn, FILE *out)
{
  g_autoptr (GPtrArray) members = g_ptr_array_new_with_free_func (g_free);
  Objects objects = { array, members, FALSE };
  guint n_rows = json_array_get_length (array);

  for (guint i = 0; i < n_rows; i++)
    objects_add_members (&objects, json_array_get_object_element (array, i), "");
  if (members->len == 0)
    return;
  objects.on_side = may_turn && members->len > COLUMNS_MAX && n_rows < members->len;
  ctl_table_print (&(CtlTable){ .n_rows = objects.on_side ? members->len - 1 : n_rows,
                                .n_columns = objects.on_side ? n_rows + 1 : members->len,
                                .data = &objects,
                                .header = objects_header,
                                .is_number = objects_is_number,
                                .append_cell = objects_append_cell },
                   out);
}

void
ctl_table_print_objects (JsonArray *objects, FILE *out)
{
  print_objects (objects, FALSE, out);
}

/* Two passes over an object: first what is one line each, then the tables in it. */
static void
print_object (JsonObject *object, const char *prefix, gboolean tables, guint width, FILE *out)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    {
      g_autoptr (GString) label = g_string_new (prefix);
      gboolean is_table = is_array_of_objects (node);

      ctl_append_safe (label, name, strlen (name), FALSE);
      if (JSON_NODE_HOLDS_OBJECT (node))
        {
          g_string_append_c (label, '.');
          print_object (json_node_get_object (node), label->str, tables, width, out);
        }
      else if (is_table && tables && json_array_get_length (json_node_get_array (node)) > 0)
        {
          fprintf (out, "\n%s:\n", label->str);
          print_objects (json_node_get_array (node), TRUE, out);
        }
      else if (!is_table && !tables)
        {
          g_autoptr (GString) value = g_string_new (NULL);

          append_json (node, value);
          put (label->str, width, FALSE, FALSE, out);
          put (value->str, 0, FALSE, TRUE, out);
        }
    }
}

static guint
label_width (JsonObject *object, guint prefix)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;
  guint width = 0;

  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &node))
    {
      g_autoptr (GString) label = g_string_new (NULL);

      ctl_append_safe (label, name, strlen (name), FALSE);
      if (JSON_NODE_HOLDS_OBJECT (node))
        width =
            MAX (width, label_width (json_node_get_object (node), prefix + ctl_text_width (label->str) + 1));
      else if (!is_array_of_objects (node))
        width = MAX (width, prefix + ctl_text_width (label->str));
    }
  return width;
}

void
ctl_table_print_json (JsonNode *root, FILE *out)
{
  if (JSON_NODE_HOLDS_OBJECT (root))
    {
      JsonObject *object = json_node_get_object (root);
      g_autoptr (GList) nodes = json_object_get_values (object);

      /* {"projections":[…]}: the table is all there is. */
      if (nodes != NULL && nodes->next == NULL && is_array_of_objects (nodes->data))
        {
          print_objects (json_node_get_array (nodes->data), TRUE, out);
          return;
        }
      print_object (object, "", FALSE, label_width (object, 0), out);
      print_object (object, "", TRUE, 0, out);
    }
  else if (is_array_of_objects (root))
    {
      print_objects (json_node_get_array (root), TRUE, out);
    }
  else
    {
      g_autoptr (GString) value = g_string_new (NULL);

      append_json (root, value);
      fprintf (out, "%s\n", value->str);
    }
}
