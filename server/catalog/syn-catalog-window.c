/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The window of a projection. One loader, one thread. */
#include "syn-catalog-private.h"

#include "syn-limits.h"

#include <string.h>

static gboolean
load_times (SynLoader *self, SynProjectionSpec *projection, const SynJson *window, GError **error)
{
  const SynJson *late = syn_json_get (window, "late");

  if (!syn_loader_get_duration (self, window, "every", TRUE, &projection->window_us, error))
    return FALSE;
  projection->slide_us = projection->window_us;
  if (!syn_loader_get_duration (self, window, "slide", FALSE, &projection->slide_us, error)
      || !syn_loader_get_duration (self, window, "keep", FALSE, &projection->keep_us, error))
    return FALSE;
  /* Everywhere else a length of no time is a mistake. */
  if (late != NULL && late->kind == SYN_JSON_STRING && strcmp (late->text, "0s") == 0)
    projection->late_us = 0;
  else if (!syn_loader_get_duration (self, window, "late", FALSE, &projection->late_us, error))
    return FALSE;
  if (projection->slide_us > projection->window_us || projection->window_us % projection->slide_us != 0)
    return syn_loader_fail (self, syn_json_get (window, "slide")->line, error,
                            "\"slide\": \"every\" is not a whole number of it");
  if (projection->window_us / projection->slide_us > SYN_MAX_WINDOW_PANES)
    return syn_loader_fail (self, syn_json_get (window, "slide")->line, error,
                            "\"slide\": an event would be in %" G_GINT64_FORMAT " windows; at most %d are allowed",
                            projection->window_us / projection->slide_us, SYN_MAX_WINDOW_PANES);
  if (projection->keep_us != 0 && projection->keep_us < projection->window_us)
    return syn_loader_fail (self, syn_json_get (window, "keep")->line, error,
                            "\"keep\" is shorter than \"every\"");
  return TRUE;
}

gboolean
syn_loader_add_window (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error)
{
  static const char *const members[] = { "every", "slide", "on", "keep", "late", NULL };
  const SynJson *window = syn_json_get (object, "window");
  const char *on = NULL;

  if (window == NULL)
    return TRUE;
  if (!syn_loader_check_kind (self, window, "\"window\"", SYN_JSON_OBJECT, error)
      || !syn_loader_check_members (self, window, members, NULL, NULL, error)
      || !load_times (self, projection, window, error)
      || !syn_loader_get_string (self, window, "on", TRUE, &on, error))
    return FALSE;
  projection->time_field = syn_loader_find_field (self, projection, syn_json_get (window, "on"), "on", on, error);
  if (projection->time_field < 0)
    return FALSE;
  if (projection->fields->columns[projection->time_field].type != REPLICA_TYPE_TIMESTAMP)
    {
      g_autofree char *type =
          syn_column_spec_type_to_string (&projection->fields->columns[projection->time_field]);

      return syn_loader_fail (self, syn_json_get (window, "on")->line, error,
                              "\"on\": a window needs a timestamp; \"%s\" is %s", on, type);
    }
  for (guint i = 0; i < projection->n_keys; i++)
    if (projection->keys[i] == (guint)projection->time_field)
      return syn_loader_fail (self, syn_json_get (window, "on")->line, error,
                              "\"%s\" is in the key, and the window's column would have the same name", on);
  return TRUE;
}
