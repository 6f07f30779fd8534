/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a list of screens: refused with a message, or complete panels whose leaders are there. */

#include "replica-screen.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_screen (ReplicaScreen *screen)
{
  guint n_panels = replica_screen_get_n_panels (screen);

  g_assert_true (*replica_screen_get_name (screen) != '\0');
  g_assert_nonnull (replica_screen_get_title (screen));
  for (guint i = 0; i < n_panels; i++)
    {
      const ReplicaPanel *panel = replica_screen_get_panel (screen, i);
      gboolean found = panel->follows == NULL;

      g_assert_true (panel->kind <= REPLICA_PANEL_LINE);
      g_assert_true (*panel->path != '\0' && g_utf8_validate (panel->path, -1, NULL));
      g_assert_nonnull (panel->title);
      for (guint k = 0; k < n_panels && !found; k++)
        {
          const ReplicaPanel *other = replica_screen_get_panel (screen, k);
          found = k != i && other->kind == REPLICA_PANEL_GRID && strcmp (other->path, panel->follows) == 0;
        }
      g_assert_true (found);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) screens = replica_screens_parse ((const char *) data, (gssize) size, &error);

  g_assert_true ((screens == NULL) == (error != NULL));
  if (screens == NULL)
    g_assert_true (error->domain == REPLICA_ERROR && g_utf8_validate (error->message, -1, NULL));
  else
    for (guint i = 0; i < screens->len; i++)
      check_screen (g_ptr_array_index (screens, i));
  return 0;
}
