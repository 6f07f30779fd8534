#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the real dashboard shows while a silo gives a projection again what it lacks: how far it is, beside what was there before, or in its place. Speaks
TAP. Runs within with-display.sh, with tests/common and tests/tui in PYTHONPATH.

    drive-recovering.py SYNOPTIC
"""

import subprocess
import sys
import time

from onlooker import wait

from silo import Silo, program
from test_tui import RECOVERING, stop_half_way


def publish(silo):
    for n in range(10):
        while silo.publish('orders', [{'id': f'order{n}', 'n': n}]).status == 503:
            time.sleep(0.02)


def main():
    with Silo(RECOVERING) as silo:
        publish(silo)
        dashboard = subprocess.Popen([sys.argv[1], '--server', silo.url])
        try:
            wait('ten rows', lambda all: '10 rows' in all)
            stop_half_way(silo)
            silo.start()
            wait('how far it is, beside the rows of before', lambda all: 'recovering 50 %' in all and '10 rows' in all)
            print('ok 1 - how far it is, beside the rows of before', flush=True)
        finally:
            dashboard.terminate()
            dashboard.wait()
        dashboard = subprocess.Popen([sys.argv[1], '--server', silo.url])
        try:
            wait('how far it is, in place of rows', lambda all: any('is recovering: 5 of 10 events (50 %)' in text for text in all))
            print('ok 2 - how far it is, in place of rows', flush=True)
            silo.stop()
            subprocess.run([program('synopticctl', 'SYNOPTICCTL'), 'journal', 'repair', '--yes', silo.data], stdout=subprocess.DEVNULL, check=True)
            silo.start()
            wait('rows', lambda all: '9 rows' in all and not any('recovering' in text for text in all))
            print('ok 3 - and the rows when it is done', flush=True)
        finally:
            dashboard.terminate()
            dashboard.wait()
    print('1..3')


main()
