/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads the address to listen on. Names are not looked up: what a server binds to must not depend on a
 * resolver, so "localhost" is 127.0.0.1 and ::1 here, and everything else is a number. */
#include "syn-listen-address.h"

#include <string.h>
#include "syn-error.h"

static gboolean
refuse (const char *text, const char *why, GError **error)
{
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "cannot listen on \"%s\": %s", text, why);
  return FALSE;
}

gboolean
syn_listen_address_parse (const char *text, SynListenAddress *address, GError **error)
{
  g_auto (SynListenAddress) result = { 0 };
  const char *colon = strrchr (text, ':');
  g_autofree char *host = NULL;
  gboolean brackets;
  guint64 port;

  memset (address, 0, sizeof *address);
  if (colon == NULL)
    return refuse (text, "expected ADDR:PORT, as 127.0.0.1:7070 or [::1]:7070", error);
  if (colon[1] == '\0' || !g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL))
    return refuse (text, "the port behind the last colon must be a number from 0 to 65535", error);
  brackets = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
  host =
      brackets ? g_strndup (text + 1, (gsize) (colon - text) - 2) : g_strndup (text, (gsize) (colon - text));

  if (!brackets && g_ascii_strcasecmp (host, "localhost") == 0)
    {
      result.addresses[result.n_addresses++] = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
      result.addresses[result.n_addresses++] = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV6);
      result.host = g_strdup ("localhost");
    }
  else
    {
      g_autoptr (GInetAddress) inet = g_inet_address_new_from_string (host);
      g_autofree char *canonical = NULL;

      if (inet == NULL || brackets != (g_inet_address_get_family (inet) == G_SOCKET_FAMILY_IPV6))
        return refuse (text, "expected an IPv4 address, an IPv6 address in brackets, or localhost", error);
      if (!g_inet_address_get_is_loopback (inet))
        return refuse (text,
                       "it is not a loopback address, and any other needs TLS and tokens, which this version "
                       "does not have; "
                       "use 127.0.0.1, [::1] or localhost, and a tunnel (ssh -L) from other machines",
                       error);
      canonical = g_inet_address_to_string (inet);
      result.host = brackets ? g_strdup_printf ("[%s]", canonical) : g_strdup (canonical);
      result.addresses[result.n_addresses++] = g_steal_pointer (&inet);
    }
  result.port = (guint16) port;
  *address = result;
  memset (&result, 0, sizeof result);
  return TRUE;
}

void
syn_listen_address_clear (SynListenAddress *address)
{
  for (guint i = 0; i < address->n_addresses; i++)
    g_clear_object (&address->addresses[i]);
  g_clear_pointer (&address->host, g_free);
  address->n_addresses = 0;
}
