/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text between people, URLs and terminals. Pure functions. */

#include <string.h>

#include "ctl.h"

char *
ctl_escape_path (const char *path)
{
  /* Unreserved, and those of the reserved that a path or query may hold as they are. `'` is left out: shells
   * and pages quote with it. `#` would begin a fragment, a bare `+` would be read as a space. */
  static const char safe[] = "-._~/?:@!$&()*,;=";
  GString *out = g_string_new (NULL);

  for (const guchar *p = (const guchar *) path; *p != '\0'; p++)
    {
      if (g_ascii_isalnum (*p) || strchr (safe, *p) != NULL)
        g_string_append_c (out, (char) *p);
      else if (*p == '%' && g_ascii_isxdigit (p[1]) && g_ascii_isxdigit (p[2]))
        g_string_append_c (out, '%');
      else
        g_string_append_printf (out, "%%%02X", *p);
    }
  return g_string_free (out, FALSE);
}

static gboolean
steers (gunichar c)
{
  return c < 0x20 || (c >= 0x7f && c < 0xa0) /* C0, DEL, C1 */
         || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f
         || c == 0x061c                 /* direction */
         || c == 0x2028 || c == 0x2029; /* line ends by another name */
}

void
ctl_append_safe (GString *out, const char *text, gsize length, gboolean keep_newlines)
{
  const char *end = text + length;

  while (text < end)
    {
      gunichar c = g_utf8_get_char_validated (text, end - text);

      if (c == (gunichar) -1 || c == (gunichar) -2 || *text == '\0')
        {
          g_string_append_printf (out, "\\x%02x", (guchar) *text);
          text++;
          continue;
        }
      if (!steers (c) || (c == '\n' && keep_newlines))
        g_string_append_len (out, text, g_utf8_next_char (text) - text);
      else if (c == '\n')
        g_string_append (out, "\\n");
      else if (c == '\t')
        g_string_append (out, "\\t");
      else if (c == '\r')
        g_string_append (out, "\\r");
      else if (c < 0x80)
        g_string_append_printf (out, "\\x%02x", c);
      else
        g_string_append_printf (out, "\\u%04x", c);
      text = g_utf8_next_char (text);
    }
}

guint
ctl_text_width (const char *text)
{
  guint width = 0;

  for (; *text != '\0'; text = g_utf8_next_char (text))
    {
      gunichar c = g_utf8_get_char (text);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}
