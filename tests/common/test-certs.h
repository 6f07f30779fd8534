/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Certificates for tests and benchmarks, made when they are needed: no key is kept anywhere. One thread. */

G_BEGIN_DECLS

/**
 * test_certs_make:
 * @folder: exists
 * @with_rsa: also one with a key of RSA-2048, which takes a while to find
 *
 * Writes PEM files: `ca.pem`, an authority, and what it has signed, each with its own key (NAME.pem, NAME-key.pem; ECDSA P-256), for 127.0.0.1, ::1 and localhost
 * unless said otherwise: `server`, which is good; `expired`, `early` (not valid yet), `elsewhere` (for silo.example and nothing else), `rsa`. And `other-ca.pem`, an
 * authority that has signed none of them. Ends the program with a message when it cannot.
 */
void test_certs_make (const char *folder, gboolean with_rsa);
/* Removes them, and the folder. */
void test_certs_remove (const char *folder);

G_END_DECLS
