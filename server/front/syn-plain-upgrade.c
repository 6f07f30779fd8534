/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The answers to handshakes of WebSockets, as libsoup writes them. On the front lane.
 *
 * When ten thousand come back at once, each is printed, hashed and encoded by the one thread that lets them in: what is the same for all within a
 * second is made once, and the rest is put in its place. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-plain-private.h"

#include <libsoup/soup.h>
#include <string.h>

#define MAGIC "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, 1.3 */
#define DIGEST_BYTES 20                              /* of SHA-1 */
#define ACCEPT_BYTES 28                              /* that, in base64 */

void
syn_plain_upgrade_init (SynPlainUpgrade *self)
{
  *self = (SynPlainUpgrade){ .sha = g_checksum_new (G_CHECKSUM_SHA1) };
}

void
syn_plain_upgrade_clear (SynPlainUpgrade *self)
{
  g_clear_pointer (&self->sha, g_checksum_free);
}

static void
print (SynPlainUpgrade *self)
{
  static const char before[] = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
                    after[] = "\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n";
  guint start = syn_plain_print_start (self->text, SOUP_STATUS_SWITCHING_PROTOCOLS, self->real_s);

  self->key_at = start + (guint) strlen (before);
  self->length = self->key_at + ACCEPT_BYTES + (guint) strlen (after);
  g_assert (self->length <= sizeof self->text); /* all that goes in is ours, and short */
  memcpy (self->text + start, before, strlen (before));
  memcpy (self->text + self->key_at + ACCEPT_BYTES, after, strlen (after));
}

const char *
syn_plain_upgrade_head (SynPlainUpgrade *self, gint64 real_us, SynPlainSpan key, guint *length)
{
  guint8 digest[DIGEST_BYTES];
  gsize digest_bytes = sizeof digest, n;
  char *accepts;
  int state = 0, save = 0;

  if (self->length == 0 || self->real_s != real_us / G_USEC_PER_SEC)
    {
      self->real_s = real_us / G_USEC_PER_SEC;
      print (self);
    }
  g_checksum_reset (self->sha);
  g_checksum_update (self->sha, (const guchar *) key.text, (gssize) key.length);
  g_checksum_update (self->sha, (const guchar *) MAGIC, (gssize) strlen (MAGIC));
  g_checksum_get_digest (self->sha, digest, &digest_bytes);
  accepts = self->text + self->key_at;
  n = g_base64_encode_step (digest, digest_bytes, FALSE, accepts, &state, &save);
  n += g_base64_encode_close (FALSE, accepts + n, &state, &save);
  g_assert (n == ACCEPT_BYTES);
  *length = self->length;
  return self->text;
}
