/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* libsoup ends a handshake with a refused certificate by "Unacceptable TLS certificate", whatever was wrong. What was, it tells once, when it asks whether to take the
 * certificate all the same: that is where it is written down, and refused. */

#include "replica-tls.h"

#include "replica-error.h"

#define REASON_KEY "replica-tls-reason"
#define NAMES_MAX 3u /* that are told, of a certificate for more */
#define NAME_MAX_BYTES 200

GTlsDatabase *
replica_tls_load_ca (const char *file, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autofree char *path = g_canonicalize_filename (file, NULL); /* a database wants no other */
  GList *certificates = g_tls_certificate_list_new_from_file (path, &why);
  gboolean is_empty = certificates == NULL;
  g_autoptr (GTlsDatabase) database = NULL;

  g_list_free_full (certificates, g_object_unref);
  if (why == NULL && !is_empty)
    database = g_tls_file_database_new (path, &why);
  if (database == NULL)
    g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "%s: %s", file, why != NULL ? why->message : "there is no certificate (PEM) in it");
  return g_steal_pointer (&database);
}

static void
append_text (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) MIN (strlen (text), NAME_MAX_BYTES));

  g_string_append (out, valid);
}

static void
append_date (GString *out, GDateTime *date)
{
  g_autoptr (GDateTime) utc = date != NULL ? g_date_time_to_utc (date) : NULL;
  g_autofree char *text = utc != NULL ? g_date_time_format (utc, "%Y-%m-%d %H:%M UTC") : NULL;

  g_string_append (out, text != NULL ? text : "a date that is not told");
}

static void
append_issuer (GString *out, GTlsCertificate *certificate)
{
  g_autofree char *issuer = g_tls_certificate_get_issuer_name (certificate);

  g_string_append (out, "was signed by ");
  append_text (out, issuer != NULL ? issuer : "somebody");
  g_string_append (out, ", who is not trusted");
}

/* "is for a, b and 4 more, not for HOST" */
static void
append_names (GString *out, GTlsCertificate *certificate, const char *host)
{
  g_autoptr (GPtrArray) names = g_tls_certificate_get_dns_names (certificate);
  g_autoptr (GPtrArray) addresses = g_tls_certificate_get_ip_addresses (certificate);
  guint n_names = names != NULL ? names->len : 0, n = n_names + (addresses != NULL ? addresses->len : 0);

  g_string_append (out, n > 0 ? "is for " : "names no host, and is");
  for (guint i = 0; i < MIN (n, NAMES_MAX); i++)
    {
      if (i > 0)
        g_string_append (out, ", ");
      if (i < n_names)
        {
          GBytes *name = names->pdata[i];
          g_autofree char *text = g_strndup (g_bytes_get_data (name, NULL), g_bytes_get_size (name));

          append_text (out, text);
        }
      else
        {
          g_autofree char *text = g_inet_address_to_string (addresses->pdata[i - n_names]);

          g_string_append (out, text);
        }
    }
  if (n > NAMES_MAX)
    g_string_append_printf (out, " and %u more", n - NAMES_MAX);
  g_string_append_printf (out, "%s not for %s", n > 0 ? "," : "", host);
}

/* @is_end: its last day, not its first. What is wrong may be of another certificate of the chain. */
static void
append_time (GString *out, GTlsCertificate *certificate, gboolean is_end)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GDateTime) date = is_end ? g_tls_certificate_get_not_valid_after (certificate) : g_tls_certificate_get_not_valid_before (certificate);

  if (date == NULL || (g_date_time_compare (date, now) < 0) != is_end)
    {
      g_string_append (out, is_end ? "was signed with one that has expired" : "was signed with one that is not valid yet");
      return;
    }
  g_string_append (out, is_end ? "expired on " : "is not valid before ");
  append_date (out, date);
}

char *
replica_tls_describe (GTlsCertificateFlags flaws, GTlsCertificate *certificate, const char *host)
{
  g_autoptr (GString) out = g_string_new (NULL);

  for (GTlsCertificateFlags flaw = 1; flaw <= flaws; flaw <<= 1)
    {
      if ((flaws & flaw) == 0)
        continue;
      if (out->len > 0)
        g_string_append (out, "; ");
      if (flaw == G_TLS_CERTIFICATE_UNKNOWN_CA)
        append_issuer (out, certificate);
      else if (flaw == G_TLS_CERTIFICATE_BAD_IDENTITY)
        append_names (out, certificate, host);
      else if (flaw == G_TLS_CERTIFICATE_EXPIRED || flaw == G_TLS_CERTIFICATE_NOT_ACTIVATED)
        append_time (out, certificate, flaw == G_TLS_CERTIFICATE_EXPIRED);
      else if (flaw == G_TLS_CERTIFICATE_REVOKED)
        g_string_append (out, "was revoked");
      else if (flaw == G_TLS_CERTIFICATE_INSECURE)
        g_string_append (out, "has a key or a signature that is too weak");
      else
        g_string_append (out, "is not valid");
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

static gboolean
accept_certificate_cb (SoupMessage *message, GTlsCertificate *certificate, GTlsCertificateFlags flaws, gpointer user_data)
{
  g_autofree char *flaw = replica_tls_describe (flaws, certificate, g_uri_get_host (soup_message_get_uri (message)));

  g_object_set_data_full (G_OBJECT (message), REASON_KEY, g_strconcat ("its certificate ", flaw, NULL), g_free);
  return FALSE;
}

void
replica_tls_watch (SoupMessage *message)
{
  g_signal_connect (message, "accept-certificate", G_CALLBACK (accept_certificate_cb), NULL);
}

char *
replica_tls_dup_reason (SoupMessage *message, const GError *error)
{
  const char *reason = g_object_get_data (G_OBJECT (message), REASON_KEY);

  if (reason != NULL)
    return g_strdup (reason);
  if (error->domain == G_TLS_ERROR && soup_message_get_tls_peer_certificate (message) == NULL)
    return g_strdup_printf ("it does not speak TLS as it should (is it http://?): %s", error->message);
  return g_strdup (error->message);
}
