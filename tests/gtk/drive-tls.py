#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the real dashboard shows of a silo over TLS whose certificate it refuses, and when that is renewed. Speaks TAP. Runs within with-display.sh, with
tests/common and tests/tui in PYTHONPATH.

    drive-tls.py SYNOPTIC
"""

import subprocess
import sys

from onlooker import wait

from certs import Certificates
from silo import Silo
from test_tui import CATALOG
from tlsproxy import TlsProxy


def main():
    with Certificates() as certificates, Silo(CATALOG) as silo, TlsProxy(silo.port, certificates, 'expired') as proxy:
        dashboard = subprocess.Popen([sys.argv[1], '--server', proxy.url, '--ca', certificates['ca.pem']])
        try:
            wait('why it is offline', lambda all: any(text.startswith('Offline – reconnecting') and 'its certificate expired on ' in text for text in all))
            print('ok 1 - why it is offline', flush=True)
            proxy.present('server')
            wait('rows', lambda all: '60 rows' in all and not any(text.startswith('Offline') for text in all))
            print('ok 2 - and rows when the certificate was renewed', flush=True)
        finally:
            dashboard.terminate()
            dashboard.wait()
        refused = subprocess.run([sys.argv[1], '--server', proxy.url, '--ca', '/nowhere/ca.pem'], capture_output=True, text=True, timeout=60)
        print(f"{'ok' if refused.returncode == 2 and '/nowhere/ca.pem: ' in refused.stderr else 'not ok'} 3 - a file that is not there ends it", flush=True)
    print('1..3')


main()
