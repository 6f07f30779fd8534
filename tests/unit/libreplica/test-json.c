/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guard in front of json-glib. */

#include "replica-json.h"

#include <string.h>

static const struct
{
  const char *json;
  const char *error; /* NULL: let through */
} cases[] = {
  { "", NULL },
  { "{}", NULL },
  { "[1,-2.5e3,true,false,null,\"a\\u00e9\\ud83d\\ude00\"]", NULL },
  { "[[[[]]]]", NULL },
  { "[[[[[]]]]]", "nested deeper than 4 at byte 4" },
  { "{\"a\":{\"a\":{\"a\":{\"a\":{", "nested deeper than 4 at byte 20" },
  { "\"[[[[[[[[\"", NULL },
  { "// [", "what begins at byte 0 is not JSON" },
  { "['[']", "what begins at byte 1 is not JSON" },
  { "[tru]", "what begins at byte 1 is not JSON" },
  { "[\"a", "what begins at byte 1 is not JSON" },
  { "[\"\\ud800\"]", "what begins at byte 1 is not JSON" },
  { "[\"\\x\"]", "what begins at byte 1 is not JSON" },
  { "[01]", "what begins at byte 1 is not JSON" },
  { "[\"\xff\"]", "not UTF-8" },
  { "]]]]{", NULL }, /* the order is json-glib's to judge */
};

static void
test_check (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize length = strlen (cases[i].json);
      g_autofree char *copy = g_memdup2 (cases[i].json, length); /* exactly this, for the sanitizer */
      g_autoptr (GError) error = NULL;
      g_autofree char *shown = g_strescape (cases[i].json, NULL); /* some are not UTF-8, and TAP is */

      g_test_message ("%s", shown);
      g_assert_true (replica_json_check (copy, length, 4, &error) == (cases[i].error == NULL));
      if (cases[i].error == NULL)
        g_assert_no_error (error);
      else
        {
          g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
          g_assert_cmpstr (error->message, ==, cases[i].error);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/check", test_check);
  return g_test_run ();
}
