/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "syn-disk-text.h"

char *
syn_disk_text (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);
  GString *shown = g_string_new (NULL);

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      g_string_append_unichar (shown, g_unichar_iscntrl (c) && c != '\n' ? 0xfffd : c);
    }
  return g_string_free (shown, FALSE);
}
