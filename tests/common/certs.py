# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates for tests, made when they are needed (tests/common/test-certs.h says which); no key is kept anywhere.

    with Certificates() as certificates:
        Silo(catalog, args=["--tls-cert", certificates["server.pem"], "--tls-key", certificates["server-key.pem"]])
        ssl.create_default_context(cafile=certificates["ca.pem"])

The program is $SYNOPTIC_MAKE_CERTS, or the newest one below the repository's build folders.
"""

import os
import shutil
import subprocess
import tempfile

from silo import program


class Certificates:
    """A folder of PEM files; `certificates[NAME]` is the path of one."""

    def __init__(self, rsa=False):
        self.folder = tempfile.mkdtemp(prefix="synoptic-certs-")
        subprocess.run([program("make-certs", "SYNOPTIC_MAKE_CERTS"), self.folder] + (["--rsa"] if rsa else []), check=True, timeout=60)

    def __getitem__(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            raise KeyError(name)
        return path

    def clean(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clean()
