/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Screens from a silo: what is read, what a newer silo may add, and what is refused by name. */

#include "replica-screen.h"

#include <string.h>

static void
test_read (void)
{
  static const char json[] =
      "{\"screens\":[{\"name\":\"market\",\"title\":\"M\\u00e4rkte \\ud83d\\ude00 \\\"\\n\",\"panels\":["
      "{\"kind\":\"grid\",\"path\":\"market/"
      "quotes?where=last>1\",\"title\":\"Quotes\",\"sort\":\"-volume,symbol\"},"
      "{\"kind\":\"candles\",\"path\":\"market/candles\",\"follows\":\"market/quotes?where=last>1\"},"
      "{\"kind\":\"line\",\"path\":\"host/cpu\",\"title\":null,\"sort\":null}]},"
      "{\"name\":\"empty\"}]}";
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) screens = replica_screens_parse (json, -1, &error);
  ReplicaScreen *screen;
  const ReplicaPanel *panel;

  g_assert_no_error (error);
  g_assert_cmpuint (screens->len, ==, 2);
  screen = g_ptr_array_index (screens, 0);
  g_assert_cmpstr (replica_screen_get_name (screen), ==, "market");
  g_assert_cmpstr (replica_screen_get_title (screen), ==, "Märkte 😀 \"\n");
  g_assert_cmpuint (replica_screen_get_n_panels (screen), ==, 3);
  panel = replica_screen_get_panel (screen, 0);
  g_assert_cmpint (panel->kind, ==, REPLICA_PANEL_GRID);
  g_assert_cmpstr (panel->path, ==, "market/quotes?where=last>1");
  g_assert_cmpstr (panel->title, ==, "Quotes");
  g_assert_cmpstr (panel->sort, ==, "-volume,symbol");
  g_assert_null (panel->follows);
  panel = replica_screen_get_panel (screen, 1);
  g_assert_cmpint (panel->kind, ==, REPLICA_PANEL_CANDLES);
  g_assert_cmpstr (panel->title, ==, "market/candles"); /* its path, without one of its own */
  g_assert_cmpstr (panel->follows, ==, "market/quotes?where=last>1");
  g_assert_null (panel->sort);
  panel = replica_screen_get_panel (screen, 2);
  g_assert_cmpint (panel->kind, ==, REPLICA_PANEL_LINE);
  g_assert_cmpstr (panel->title, ==, "host/cpu");
  screen = replica_screen_ref (g_ptr_array_index (screens, 1));
  g_clear_pointer (&screens, g_ptr_array_unref);
  g_assert_cmpstr (replica_screen_get_title (screen), ==, "empty");
  g_assert_cmpuint (replica_screen_get_n_panels (screen), ==, 0);
  replica_screen_unref (screen);
}

/* What this library does not know is left out, and nothing else. */
static void
test_newer (void)
{
  static const char json[] = "{\"version\":9,\"screens\":[{\"name\":\"a\",\"colour\":{\"x\":[1]},\"panels\":["
                             "{\"kind\":\"hologram\",\"path\":5},"
                             "{\"kind\":\"grid\",\"path\":\"p\",\"depth\":3,\"follows\":\"p\"},"
                             "{\"kind\":\"line\",\"path\":\"q\",\"follows\":\"the hologram's\"},"
                             "{\"kind\":\"line\",\"path\":\"r\",\"follows\":\"q\"},"
                             "{\"kind\":\"line\",\"path\":\"s\",\"follows\":\"p\"}]}]}";
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) screens = replica_screens_parse (json, sizeof json - 1, &error);
  ReplicaScreen *screen;

  g_assert_no_error (error);
  screen = g_ptr_array_index (screens, 0);
  g_assert_cmpuint (replica_screen_get_n_panels (screen), ==, 4);
  g_assert_null (replica_screen_get_panel (screen, 0)->follows); /* itself */
  g_assert_null (replica_screen_get_panel (screen, 1)->follows); /* not there */
  g_assert_null (replica_screen_get_panel (screen, 2)->follows); /* not a grid */
  g_assert_cmpstr (replica_screen_get_panel (screen, 3)->follows, ==, "p");
}

/* Not the first panel of that path, but the first grid of it. */
static void
test_leader (void)
{
  static const char json[] = "{\"screens\":[{\"name\":\"a\",\"panels\":["
                             "{\"kind\":\"line\",\"path\":\"p\",\"follows\":\"p\"},"
                             "{\"kind\":\"grid\",\"path\":\"q\",\"follows\":\"p\"},"
                             "{\"kind\":\"grid\",\"path\":\"p\",\"follows\":\"p\"},"
                             "{\"kind\":\"grid\",\"path\":\"p\"}]}]}";
  static const int leaders[] = { 2, 2, 3, -1 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) screens = replica_screens_parse (json, -1, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (leaders); i++)
    g_assert_cmpint (replica_screen_get_leader (g_ptr_array_index (screens, 0), i), ==, leaders[i]);
}

static void
test_kinds (void)
{
  g_assert_cmpstr (replica_panel_kind_to_string (REPLICA_PANEL_GRID), ==, "grid");
  g_assert_cmpstr (replica_panel_kind_to_string (REPLICA_PANEL_CANDLES), ==, "candles");
  g_assert_cmpstr (replica_panel_kind_to_string (REPLICA_PANEL_LINE), ==, "line");
}

static const struct
{
  const char *json;
  const char *message; /* a part of it */
} refused[] = {
  { "", "screens: expected an object" },
  { " ", "screens: expected an object" },
  { "[]", "screens: expected an object" },
  { "null", "screens: expected an object" },
  { "{", "screens: " },
  { "{\"screens\":[]", "screens: " },
  { "{}", "screens: missing" },
  { "{\"screens\":null}", "screens: missing" },
  { "{\"screens\":{}}", "screens: expected an array" },
  { "{\"screens\":[1]}", "screens[0]: expected an object" },
  { "{\"screens\":[null]}", "screens[0]: expected an object" },
  { "{\"screens\":[{}]}", "screens[0].name: missing" },
  { "{\"screens\":[{\"name\":null}]}", "screens[0].name: missing" },
  { "{\"screens\":[{\"name\":\"\"}]}", "screens[0].name: empty" },
  { "{\"screens\":[{\"name\":1}]}", "screens[0].name: expected a string" },
  { "{\"screens\":[{\"name\":[\"a\"]}]}", "screens[0].name: expected a string" },
  { "{\"screens\":[{\"name\":\"a\",\"title\":true}]}", "screens[0].title: expected a string" },
  { "{\"screens\":[{\"name\":\"a\",\"panels\":1}]}", "screens[0].panels: expected an array" },
  { "{\"screens\":[{\"name\":\"a\"},{\"name\":\"b\",\"panels\":[[]]}]}",
    "screens[1].panels[0]: expected an object" },
  { "{\"screens\":[{\"name\":\"a\",\"panels\":[{}]}]}", "screens[0].panels[0].kind: missing" },
  { "{\"screens\":[{\"name\":\"a\",\"panels\":[{\"kind\":7}]}]}",
    "screens[0].panels[0].kind: expected a string" },
  { "{\"screens\":[{\"name\":\"a\",\"panels\":[{\"kind\":\"grid\"}]}]}",
    "screens[0].panels[0].path: missing" },
  { "{\"screens\":[{\"name\":\"a\",\"panels\":[{\"kind\":\"grid\",\"path\":{}}]}]}",
    "screens[0].panels[0].path: expected a string" },
  { "{\"screens\":[{\"name\":\"a\",\"panels\":[{\"kind\":\"grid\",\"path\":\"p\",\"sort\":1}]}]}",
    "panels[0].sort: expected a string" },
  { "{\"screens\":[{\"name\":\"a\",\"panels\":[{\"kind\":\"grid\",\"path\":\"p\",\"follows\":[]}]}]}",
    "panels[0].follows: expected a string" },
  { "{\"screens\":[{\"name\":\"\xff\"}]}", "screens: not UTF-8" },
  { "/* \" */ {\"screens\":[]}", "screens: what begins at byte 0 is not JSON" },
  { "{'screens':[]}", "screens: what begins at byte 1 is not JSON" },
  { "{\"screens", "screens: what begins at byte 1 is not JSON" },
  { "{\"screens\\", "screens: what begins at byte 1 is not JSON" },
  { "{\"a\":nul}", "screens: what begins at byte 5 is not JSON" },
  { "{\"a\":01}", "screens: what begins at byte 5 is not JSON" },
  { "{\"a\":1.}", "screens: what begins at byte 5 is not JSON" },
  { "{\"a\":NaN}", "screens: what begins at byte 5 is not JSON" },
  { "{\"a\":1e999}", "screens: what begins at byte 5 is not JSON" },
  { "{\"\\ud800\":1}", "screens: what begins at byte 1 is not JSON" }, /* half a pair of surrogates */
  { "{\"\\ude00\":1}", "screens: what begins at byte 1 is not JSON" },
  { "{\"\\ud83dx\":1}", "screens: what begins at byte 1 is not JSON" },
  { "{\"\\ud83d\\u0041\":1}", "screens: what begins at byte 1 is not JSON" },
  { "{\"\\x\":1}", "screens: what begins at byte 1 is not JSON" },
  { "{\"\\u12\":1}", "screens: what begins at byte 1 is not JSON" },
  { "{\"\\u123", "screens: what begins at byte 1 is not JSON" },
  { "{\"\n\":1}", "screens: what begins at byte 1 is not JSON" },
};

static void
test_refused (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      gsize length = strlen (refused[i].json);
      g_autofree char *copy = g_memdup2 (refused[i].json, length);
      g_autoptr (GError) error = NULL;

      g_assert_null (replica_screens_parse (copy != NULL ? copy : "", (gssize) length, &error));
      g_test_message ("%s", error->message);
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
      g_assert_nonnull (strstr (error->message, refused[i].message));
    }
}

static void
test_limits (void)
{
  g_autofree char *deep = g_strnfill (200000, '[');
  g_autofree char *large = g_strnfill (REPLICA_SCREENS_MAX_BYTES + 1, ' ');
  g_autoptr (GString) nested = g_string_new ("{\"screens\":[],\"x\":");
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) screens = NULL;

  g_assert_null (replica_screens_parse (deep, -1, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
  g_assert_cmpstr (error->message, ==, "screens: nested deeper than 32 at byte 32");
  g_clear_error (&error);
  g_assert_null (replica_screens_parse (large, -1, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);
  g_clear_error (&error);

  /* As deep as may be; brackets in strings do not count. */
  for (guint i = 1; i < REPLICA_SCREENS_MAX_DEPTH; i++)
    g_string_append_c (nested, '[');
  g_string_append (nested, "\"[[[\\\"[[[\"");
  for (guint i = 1; i < REPLICA_SCREENS_MAX_DEPTH; i++)
    g_string_append_c (nested, ']');
  g_string_append_c (nested, '}');
  screens = replica_screens_parse (nested->str, -1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (screens->len, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/screen/read", test_read);
  g_test_add_func ("/screen/newer", test_newer);
  g_test_add_func ("/screen/leader", test_leader);
  g_test_add_func ("/screen/kinds", test_kinds);
  g_test_add_func ("/screen/refused", test_refused);
  g_test_add_func ("/screen/limits", test_limits);
  return g_test_run ();
}
