/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GnuTLS itself rather than the programs openssl or certtool: one more package, and openssl's cannot make what has expired. */

#include "test-certs.h"

#include <gnutls/x509.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY_S (24 * 3600)

typedef struct
{
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t certificate;
} Pair;

static void
check (int code, const char *what)
{
  if (code >= 0)
    return;
  g_printerr ("cannot make a certificate: %s: %s\n", what, gnutls_strerror (code));
  exit (1);
}

static void
pair_clear (Pair *pair)
{
  gnutls_x509_crt_deinit (pair->certificate);
  gnutls_x509_privkey_deinit (pair->key);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Pair, pair_clear)

/* All but the signature. @days: from the first to the last that it is valid, from today. */
static void
pair_begin (Pair *pair, const char *name, gboolean is_rsa, int first_day, int last_day)
{
  static guint8 serial[9];
  g_autofree char *dn = g_strdup_printf ("CN=%s,O=Synoptic tests", name);
  time_t now = time (NULL);
  gint64 number = g_get_real_time ();
  guint8 key_id[32];
  gsize key_id_bytes = sizeof key_id;

  check (gnutls_x509_privkey_init (&pair->key), "key");
  if (is_rsa)
    check (gnutls_x509_privkey_generate (pair->key, GNUTLS_PK_RSA, 2048, 0), "key");
  else
    check (gnutls_x509_privkey_generate (pair->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0), "key");
  check (gnutls_x509_crt_init (&pair->certificate), "certificate");
  check (gnutls_x509_crt_set_version (pair->certificate, 3), "version");
  memcpy (serial + 1, &number, sizeof number);
  serial[0]++; /* of two in one microsecond, too */
  check (gnutls_x509_crt_set_serial (pair->certificate, serial, sizeof serial), "serial");
  check (gnutls_x509_crt_set_dn (pair->certificate, dn, NULL), "name");
  check (gnutls_x509_crt_set_activation_time (pair->certificate, now + (time_t) first_day * DAY_S), "time");
  check (gnutls_x509_crt_set_expiration_time (pair->certificate, now + (time_t) last_day * DAY_S), "time");
  check (gnutls_x509_crt_set_key (pair->certificate, pair->key), "key");
  check (gnutls_x509_crt_get_key_id (pair->certificate, 0, key_id, &key_id_bytes), "key id");
  check (gnutls_x509_crt_set_subject_key_id (pair->certificate, key_id, key_id_bytes), "key id");
}

static void
pair_sign (Pair *pair, const Pair *issuer)
{
  guint8 key_id[32];
  gsize key_id_bytes = sizeof key_id;

  check (gnutls_x509_crt_get_subject_key_id (issuer->certificate, key_id, &key_id_bytes, NULL), "key id");
  check (gnutls_x509_crt_set_authority_key_id (pair->certificate, key_id, key_id_bytes), "key id");
  check (gnutls_x509_crt_sign2 (pair->certificate, issuer->certificate, issuer->key, GNUTLS_DIG_SHA256, 0), "signature");
}

static void
write_file (const char *folder, const char *name, const char *end, const gnutls_datum_t *data)
{
  g_autofree char *file = g_strconcat (name, end, NULL);
  g_autofree char *path = g_build_filename (folder, file, NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents_full (path, (const char *) data->data, data->size, G_FILE_SET_CONTENTS_NONE, 0600, &error))
    {
      g_printerr ("cannot make a certificate: %s\n", error->message);
      exit (1);
    }
}

static void
pair_write (const Pair *pair, const char *folder, const char *name, gboolean with_key)
{
  gnutls_datum_t data;

  check (gnutls_x509_crt_export2 (pair->certificate, GNUTLS_X509_FMT_PEM, &data), "PEM");
  write_file (folder, name, ".pem", &data);
  gnutls_free (data.data);
  if (!with_key)
    return;
  check (gnutls_x509_privkey_export2 (pair->key, GNUTLS_X509_FMT_PEM, &data), "PEM");
  write_file (folder, name, "-key.pem", &data);
  gnutls_free (data.data);
}

static void
authority_init (Pair *pair, const char *folder, const char *name)
{
  pair_begin (pair, name, FALSE, -30, 30);
  check (gnutls_x509_crt_set_basic_constraints (pair->certificate, 1, -1), "constraints");
  check (gnutls_x509_crt_set_key_usage (pair->certificate, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN), "usage");
  pair_sign (pair, pair);
  pair_write (pair, folder, name, FALSE);
}

static void
make_server (const Pair *authority, const char *folder, const char *name, const char *dns, gboolean is_rsa, int first_day, int last_day)
{
  static const guint8 loopback[2][16] = { { 127, 0, 0, 1 }, { [15] = 1 } };
  g_auto (Pair) pair = { NULL };

  pair_begin (&pair, name, is_rsa, first_day, last_day);
  check (gnutls_x509_crt_set_basic_constraints (pair.certificate, 0, -1), "constraints");
  check (gnutls_x509_crt_set_key_usage (pair.certificate, GNUTLS_KEY_DIGITAL_SIGNATURE | (is_rsa ? GNUTLS_KEY_KEY_ENCIPHERMENT : 0)), "usage");
  check (gnutls_x509_crt_set_key_purpose_oid (pair.certificate, GNUTLS_KP_TLS_WWW_SERVER, 0), "purpose");
  check (gnutls_x509_crt_set_subject_alt_name (pair.certificate, GNUTLS_SAN_DNSNAME, dns, (guint) strlen (dns), GNUTLS_FSAN_SET), "name");
  if (strcmp (dns, "localhost") == 0)
    for (guint i = 0; i < 2; i++)
      check (gnutls_x509_crt_set_subject_alt_name (pair.certificate, GNUTLS_SAN_IPADDRESS, loopback[i], i == 0 ? 4 : 16, GNUTLS_FSAN_APPEND), "address");
  pair_sign (&pair, authority);
  pair_write (&pair, folder, name, TRUE);
}

void
test_certs_make (const char *folder, gboolean with_rsa)
{
  g_auto (Pair) authority = { NULL };
  g_auto (Pair) other = { NULL };

  authority_init (&authority, folder, "ca");
  authority_init (&other, folder, "other-ca");
  make_server (&authority, folder, "server", "localhost", FALSE, -1, 20);
  make_server (&authority, folder, "expired", "localhost", FALSE, -20, -1);
  make_server (&authority, folder, "early", "localhost", FALSE, 10, 20);
  make_server (&authority, folder, "elsewhere", "silo.example", FALSE, -1, 20);
  if (with_rsa)
    make_server (&authority, folder, "rsa", "localhost", TRUE, -1, 20);
}

void
test_certs_remove (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (name, ".pem"))
      {
        g_autofree char *path = g_build_filename (folder, name, NULL);

        g_unlink (path);
      }
  g_rmdir (folder);
}
