/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Certificates for tests that are no C programs: make-certs FOLDER [--rsa]. What is in the folder then, test-certs.h says. */

#include "test-certs.h"

#include <string.h>

int
main (int argc, char **argv)
{
  if (argc < 2 || argc > 3 || (argc == 3 && strcmp (argv[2], "--rsa") != 0))
    {
      g_printerr ("usage: make-certs FOLDER [--rsa]\n");
      return 2;
    }
  test_certs_make (argv[1], argc == 3);
  return 0;
}
