/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The JSON and CSV forms of a snapshot, written by hand into one buffer: json-glib takes fifty times as long
 * for the same bytes, and has no number that keeps a decimal's digits. Whichever thread asks first.
 *
 * The strings of a column are encoded once per entry of its dictionary that a row shows; the rows then copy.
 * The room that a row's other cells can need at most is known beforehand, so that the cells are written
 * without looking at the buffer's end.
 *
 * A long string that stands once in the dictionary stands in each of its rows here: what the strings come to
 * is added up before a byte of a row is written, and a form beyond its limit is given up. */

#include "replica-snapshot-private.h"
#include "replica-number.h"

#include <string.h>

typedef struct
{
  char *data; /* (owned) */
  gsize size_bytes;
  gsize room_bytes;
} Text;

typedef enum
{
  FORM_JSON,
  FORM_CSV
} Form;

/* A string column's dictionary in a form: entry k is the bytes from offsets[k] up to offsets[k + 1]. */
typedef struct
{
  Text text;
  gsize *offsets; /* (owned) */
} Encoded;

static inline void
text_reserve (Text *text, gsize n_bytes)
{
  if (G_LIKELY (text->room_bytes - text->size_bytes >= n_bytes))
    return;
  text->room_bytes = MAX (text->room_bytes + text->room_bytes / 2, text->size_bytes + n_bytes);
  text->data = g_realloc (text->data, text->room_bytes);
}

static inline void
text_add (Text *text, const char *bytes, gsize n_bytes)
{
  text_reserve (text, n_bytes);
  memcpy (text->data + text->size_bytes, bytes, n_bytes);
  text->size_bytes += n_bytes;
}

#define text_add_literal(text, literal) text_add ((text), (literal), sizeof (literal) - 1)

static void
add_json_string (Text *text, const char *string, gsize n_bytes)
{
  /* The letter after the backslash; u: four hexadecimal digits; 0: as it is. */
  static const char escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',         'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
  };
  char *p;

  text_reserve (text, n_bytes * 6 + 2);
  p = text->data + text->size_bytes;
  *p++ = '"';
  for (gsize i = 0; i < n_bytes; i++)
    {
      guchar c = (guchar) string[i];
      char escape = escapes[c];

      if (G_LIKELY (escape == 0))
        {
          *p++ = (char) c;
          continue;
        }
      *p++ = '\\';
      *p++ = escape;
      if (escape == 'u')
        {
          memcpy (p, "00", 2);
          p[2] = (char) ('0' + (c >> 4));
          p[3] = "0123456789abcdef"[c & 15];
          p += 4;
        }
    }
  *p++ = '"';
  text->size_bytes = (gsize) (p - text->data);
}

/* Quoted where RFC 4180 asks for it, where spaces at an end could get lost, and when empty: a null is nothing
 * at all. */
static void
add_csv_string (Text *text, const char *string, gsize n_bytes)
{
  gboolean quoted = n_bytes == 0 || string[0] == ' ' || string[n_bytes - 1] == ' ';
  char *p;

  for (gsize i = 0; i < n_bytes && !quoted; i++)
    quoted = string[i] == ',' || string[i] == '"' || string[i] == '\r' || string[i] == '\n';
  if (!quoted)
    {
      text_add (text, string, n_bytes);
      return;
    }
  text_reserve (text, n_bytes * 2 + 2);
  p = text->data + text->size_bytes;
  *p++ = '"';
  for (gsize i = 0; i < n_bytes; i++)
    {
      if (string[i] == '"')
        *p++ = '"';
      *p++ = string[i];
    }
  *p++ = '"';
  text->size_bytes = (gsize) (p - text->data);
}

static void
add_string (Text *text, Form form, const char *string, gsize n_bytes)
{
  if (form == FORM_JSON)
    add_json_string (text, string, n_bytes);
  else
    add_csv_string (text, string, n_bytes);
}

/* The bytes that the column's cells come to, or more than @max_bytes: then the rest is not encoded. */
static gsize
encode_dictionary (Encoded *encoded, Form form, const ReplicaColumn *column, gsize max_bytes)
{
  g_autofree guint32 *n_shown = g_new0 (guint32, (gsize) column->n_dict + 1); /* rows, by entry */
  gsize n_bytes = 0;

  for (guint row = 0; row < column->n_rows; row++)
    if (!replica_column_is_null (column, row))
      n_shown[((const guint32 *) column->data)[row]]++;
  encoded->offsets = g_new (gsize, (gsize) column->n_dict + 1);
  for (guint i = 0; i < column->n_dict && n_bytes <= max_bytes; i++)
    {
      encoded->offsets[i] = encoded->text.size_bytes;
      if (n_shown[i] > 0)
        add_string (&encoded->text, form, column->dict_bytes + column->dict_offsets[i],
                    column->dict_offsets[i + 1] - column->dict_offsets[i] - 1);
      n_bytes += n_shown[i] * (encoded->text.size_bytes - encoded->offsets[i]);
    }
  encoded->offsets[column->n_dict] = encoded->text.size_bytes;
  return n_bytes;
}

/* What one cell that is not a string can need, with its separator. */
static gsize
cell_bytes_max (const ReplicaColumn *column)
{
  switch (column->type)
    {
    case REPLICA_TYPE_BOOL:
      return 8;
    case REPLICA_TYPE_DECIMAL:
      return column->width == 16 ? 48 : 32;
    case REPLICA_TYPE_TIMESTAMP:
      return 48;
    default:
      return 32;
    }
}

static inline gsize
write_cell (char *p, const ReplicaColumn *column, guint row, Form form)
{
  switch (column->type)
    {
    case REPLICA_TYPE_BOOL:
      if (((const guint8 *) column->data)[row])
        {
          memcpy (p, "true", 4);
          return 4;
        }
      memcpy (p, "false", 5);
      return 5;

    case REPLICA_TYPE_INT64:
      return replica_write_int64 (p, ((const gint64 *) column->data)[row]);

    case REPLICA_TYPE_DOUBLE:
      return replica_write_double (p, ((const double *) column->data)[row]);

    case REPLICA_TYPE_DECIMAL:
      return replica_write_decimal (p, replica_column_get_int128 (column, row), column->scale);

    case REPLICA_TYPE_TIMESTAMP:
      {
        gsize n;

        if (form == FORM_CSV)
          return replica_write_timestamp (p, ((const gint64 *) column->data)[row]);
        *p = '"';
        n = replica_write_timestamp (p + 1, ((const gint64 *) column->data)[row]);
        p[n + 1] = '"';
        return n + 2;
      }

    case REPLICA_TYPE_STRING:
    default:
      g_assert_not_reached ();
    }
}

/* @dictionaries: encoded. FALSE: the text has more than @max_bytes. */
static gboolean
add_encoded_rows (Text *text,
                  ReplicaSnapshot *self,
                  Form form,
                  const Encoded *dictionaries,
                  gsize fixed_bytes,
                  gsize max_bytes)
{
  guint n_rows = self->head->n_rows, n_columns = self->head->n_columns;

  for (guint row = 0; row < n_rows && text->size_bytes <= max_bytes; row++)
    {
      text_reserve (text, fixed_bytes);
      if (form == FORM_JSON)
        {
          text->data[text->size_bytes++] = row > 0 ? ',' : '[';
          if (row > 0)
            text->data[text->size_bytes++] = '[';
        }
      for (guint i = 0; i < n_columns; i++)
        {
          const ReplicaColumn *column = &self->columns[i];

          if (i > 0)
            text->data[text->size_bytes++] = ',';
          if (replica_column_is_null (column, row))
            {
              if (form == FORM_JSON)
                {
                  memcpy (text->data + text->size_bytes, "null", 4);
                  text->size_bytes += 4;
                }
            }
          else if (column->type == REPLICA_TYPE_STRING)
            {
              const Encoded *encoded = &dictionaries[i];
              guint32 code = ((const guint32 *) column->data)[row];
              gsize n_bytes = encoded->offsets[code + 1] - encoded->offsets[code];

              /* Room for what else the row needs stays reserved. */
              text_reserve (text, n_bytes + fixed_bytes);
              memcpy (text->data + text->size_bytes, encoded->text.data + encoded->offsets[code], n_bytes);
              text->size_bytes += n_bytes;
            }
          else
            {
              text->size_bytes += write_cell (text->data + text->size_bytes, column, row, form);
            }
        }
      text->data[text->size_bytes++] = form == FORM_JSON ? ']' : '\n';
    }
  return text->size_bytes <= max_bytes;
}

/* FALSE: the text would have more than @max_bytes. */
static gboolean
add_rows (Text *text, ReplicaSnapshot *self, Form form, gsize max_bytes)
{
  guint n_columns = self->head->n_columns;
  g_autofree Encoded *dictionaries = g_new0 (Encoded, MAX (n_columns, 1));
  gsize fixed_bytes = 8, string_bytes = 0;
  gboolean fits;

  for (guint i = 0; i < n_columns && string_bytes <= max_bytes; i++)
    {
      if (self->columns[i].type != REPLICA_TYPE_STRING)
        {
          fixed_bytes += cell_bytes_max (&self->columns[i]);
          continue;
        }
      fixed_bytes += 8;
      string_bytes += encode_dictionary (&dictionaries[i], form, &self->columns[i], max_bytes);
    }
  fits = string_bytes <= max_bytes;
  if (fits)
    {
      /* A guess that is mostly enough; the buffer grows when it is not. */
      text_reserve (text, MIN ((gsize) self->head->n_rows * (fixed_bytes / 2) + string_bytes, max_bytes) + fixed_bytes);
      fits = add_encoded_rows (text, self, form, dictionaries, fixed_bytes, max_bytes);
    }
  for (guint i = 0; i < n_columns; i++)
    {
      g_free (dictionaries[i].text.data);
      g_free (dictionaries[i].offsets);
    }
  return fits;
}

/* Takes the text; NULL when it does not fit. */
static GBytes *
text_to_bytes (Text *text, gboolean fits, gsize max_bytes)
{
  if (fits && text->size_bytes <= max_bytes)
    return g_bytes_new_take (g_realloc (text->data, text->size_bytes), text->size_bytes);
  g_free (text->data);
  return NULL;
}

static void
add_json_type (Text *text, const ReplicaColumn *column)
{
  const char *type = replica_type_to_string (column->type);

  text_add_literal (text, "\"");
  text_add (text, type, strlen (type));
  if (column->type == REPLICA_TYPE_DECIMAL)
    {
      text_add_literal (text, "(");
      text_reserve (text, REPLICA_TEXT_MAX);
      text->size_bytes += replica_write_int64 (text->data + text->size_bytes, column->scale);
      text_add_literal (text, ")");
    }
  text_add_literal (text, "\"");
}

GBytes *
replica_snapshot_make_json (ReplicaSnapshot *self, gsize max_bytes)
{
  Text text = { 0 };
  const char *path = replica_snapshot_get_path (self);
  char token[REPLICA_TOKEN_TEXT_MAX];
  gboolean any_key = FALSE, fits;

  text_add_literal (&text, "{\"path\":");
  add_json_string (&text, path, strlen (path));
  text_add_literal (&text, ",\"token\":\"");
  replica_token_format (replica_snapshot_get_token (self), token);
  text_add (&text, token, strlen (token));
  text_add_literal (&text, "\",\"time\":\"");
  text_reserve (&text, REPLICA_TEXT_MAX);
  text.size_bytes += replica_write_timestamp (text.data + text.size_bytes, self->head->time_us);
  text_add_literal (&text, "\",\"key\":[");
  for (guint i = 0; i < self->head->n_columns; i++)
    if (self->columns[i].is_key)
      {
        if (any_key)
          text_add_literal (&text, ",");
        any_key = TRUE;
        add_json_string (&text, self->columns[i].name, strlen (self->columns[i].name));
      }
  text_add_literal (&text, "],\"columns\":[");
  for (guint i = 0; i < self->head->n_columns; i++)
    {
      if (i > 0)
        text_add_literal (&text, ",");
      text_add_literal (&text, "{\"name\":");
      add_json_string (&text, self->columns[i].name, strlen (self->columns[i].name));
      text_add_literal (&text, ",\"type\":");
      add_json_type (&text, &self->columns[i]);
      text_add_literal (&text, "}");
    }
  text_add_literal (&text, "],\"rows\":[");
  fits = add_rows (&text, self, FORM_JSON, max_bytes);
  text_add_literal (&text, "]}");
  return text_to_bytes (&text, fits, max_bytes);
}

GBytes *
replica_snapshot_make_csv (ReplicaSnapshot *self, gsize max_bytes)
{
  Text text = { 0 };

  for (guint i = 0; i < self->head->n_columns; i++)
    {
      if (i > 0)
        text_add_literal (&text, ",");
      add_csv_string (&text, self->columns[i].name, strlen (self->columns[i].name));
    }
  text_add_literal (&text, "\n");
  return text_to_bytes (&text, add_rows (&text, self, FORM_CSV, max_bytes), max_bytes);
}
