/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a server sends, as the client reads it. What is accepted keeps within the message, and a poll or
 * withdrawal that the client writes is never taken for an answer. */

#include <stdint.h>
#include <string.h>

#include "replica-message.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  g_auto (ReplicaMessage) message = { 0 };
  g_autoptr (GError) error = NULL;

  if (!replica_message_read (bytes, &message, &error))
    {
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
      g_assert_null (message.body);
      g_assert_null (message.text);
      g_assert_null (message.field);
    }
  else
    {
      g_assert_no_error (error);
      g_assert_cmpuint (message.type, ==, data[0]);
      g_assert_cmpmem (&message.view, 4, data + 4, 4);
      switch (message.type)
        {
        case REPLICA_WIRE_SNAPSHOT:
          {
            g_autoptr (ReplicaSnapshot) snapshot = NULL;
            gsize body_size;
            const uint8_t *body = g_bytes_get_data (message.body, &body_size);

            g_assert_true (body == data + sizeof (ReplicaWireSnapshotHead));
            g_assert_cmpuint (body_size, ==, size - sizeof (ReplicaWireSnapshotHead));
            /* The token told early is the one that the whole turns out to have. */
            snapshot = message.form == REPLICA_WIRE_FORM_FULL ? replica_snapshot_new_from_bytes (message.body, NULL) : NULL;
            if (snapshot != NULL)
              g_assert_true (replica_token_equal (message.token, replica_snapshot_get_token (snapshot)));
            break;
          }
        case REPLICA_WIRE_UNCHANGED:
          g_assert_cmpuint (size, ==, sizeof (ReplicaWireUnchanged));
          break;
        case REPLICA_WIRE_ERROR:
          g_assert_true (g_utf8_validate_len (message.text, strlen (message.text), NULL));
          g_assert_cmpuint (strlen (message.text), ==, size - sizeof (ReplicaWireErrorHead));
          g_assert_cmpint (message.code, >=, REPLICA_ERROR_INVALID);
          g_assert_cmpint (message.code, <=, REPLICA_ERROR_CONFLICT);
          break;
        case REPLICA_WIRE_PUBLISHED:
          g_assert_cmpuint (size, ==, sizeof (ReplicaWirePublished));
          g_assert_cmpmem (&message.accepted, 8, data + 8, 8);
          g_assert_cmpmem (&message.sequence, 8, data + 16, 8);
          break;
        case REPLICA_WIRE_REFUSED:
          g_assert_true (g_utf8_validate (message.text, -1, NULL) && (message.field == NULL || g_utf8_validate (message.field, -1, NULL)));
          g_assert_cmpuint (strlen (message.text) + (message.field != NULL ? strlen (message.field) : 0), ==, size - sizeof (ReplicaWireRefusedHead));
          g_assert_cmpint (message.code, >=, REPLICA_ERROR_INVALID);
          g_assert_cmpint (message.code, <=, REPLICA_ERROR_CONFLICT);
          break;
        default:
          g_assert_not_reached ();
        }
    }

  if (size <= REPLICA_WIRE_PATH_MAX && memchr (data, '\0', size) == NULL)
    {
      g_autofree char *path = g_strndup ((const char *) data, size);
      g_autoptr (GBytes) poll = replica_message_write_poll (7, path, (ReplicaToken){ 1, 2 }, 1, 10000);
      g_auto (ReplicaMessage) none = { 0 };

      g_assert_cmpuint (g_bytes_get_size (poll), ==, sizeof (ReplicaWirePoll) + size);
      g_assert_false (replica_message_read (poll, &none, NULL));
    }
  return 0;
}
