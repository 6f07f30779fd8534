/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* CRC-32C (Castagnoli: polynomial 0x1EDC6F41 reflected, initial value and final xor all ones): the checksum of what is kept on
 * disk. Finds torn, swapped and flipped bytes; is no protection from somebody who wants to deceive. */

G_BEGIN_DECLS

/* Goes on from @crc; 0 to begin with. Of "123456789": 0xe3069283. */
guint32 syn_crc32c (guint32 crc, gconstpointer bytes, gsize n_bytes);
guint32 syn_crc32c_by_tables (guint32 crc, gconstpointer bytes, gsize n_bytes); /* the same, for its test */

G_END_DECLS
