/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl projections, and what status has in common with it: a JSON document of the server, as it is or for people. */

#include "ctl.h"

/* @body (transfer none) as JSON. */
static JsonParser *
parse_document (GBytes *body, const char *path)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  gsize size;
  const char *data = g_bytes_get_data (body, &size);

  if (size > 0 && replica_json_check (data, size, REPLICA_JSON_MAX_DEPTH, &error) && json_parser_load_from_data (parser, data, (gssize) size, &error)
      && json_parser_get_root (parser) != NULL)
    return g_steal_pointer (&parser);
  ctl_say ("the server's answer to %s is not JSON%s%s", path, error != NULL ? ": " : "", error != NULL ? error->message : "");
  return NULL;
}

JsonParser *
ctl_fetch_document (const char *server, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body = ctl_fetch (server, path, "application/json", &error);

  if (body != NULL)
    return parse_document (body, path);
  ctl_fail (error);
  return NULL;
}

int
ctl_print_path (const char *server, const char *path, CtlFormat format, JsonNode *(*arrange) (JsonNode *root))
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body = ctl_fetch (server, path, "application/json", &error);
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (JsonNode) arranged = NULL;
  gsize size;
  const char *data;

  if (body == NULL)
    return ctl_fail (error);
  data = g_bytes_get_data (body, &size);
  if (format == CTL_FORMAT_JSON)
    {
      ctl_print_body (body);
      if (size > 0 && data[size - 1] != '\n')
        putchar ('\n');
      return ctl_flush ();
    }
  parser = parse_document (body, path);
  if (parser == NULL)
    return CTL_ERROR;
  if (arrange != NULL)
    arranged = arrange (json_parser_get_root (parser));
  ctl_table_print_json (arranged != NULL ? arranged : json_parser_get_root (parser), stdout);
  return ctl_flush ();
}

int
ctl_print_document (const char *server, int argc, char **argv, const char *path, const char *summary,
                    JsonNode *(*arrange) (JsonNode *root))
{
  g_autofree char *format_text = NULL;
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT" },
    { NULL },
  };
  CtlFormat format;

  if (!ctl_parse ("", summary, NULL, entries, &server, &argc, &argv, 0, 0)
      || !ctl_parse_format (format_text, FALSE, &format))
    return CTL_USAGE;
  return ctl_print_path (server, path, format, arrange);
}

int
ctl_projections (const char *server, int argc, char **argv)
{
  return ctl_print_document (server, argc, argv, "/v1/projections", "Lists the projections that the server has.", NULL);
}
