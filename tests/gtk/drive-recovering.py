#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the real dashboard shows while a silo gives a projection again what it lacks: how far it is, beside what was there before, or in its place. Speaks
TAP. Runs within with-display.sh, with tests/common and tests/tui in PYTHONPATH.

    drive-recovering.py SYNOPTIC
"""

import os
import subprocess
import sys
import time

try:
    import pyatspi
except ImportError:
    print('1..0 # SKIP python3-pyatspi is not installed')
    sys.exit(77)

from silo import Silo, program
from test_tui import RECOVERING, stop_half_way

PATIENCE_S = 60 if 'ASAN_OPTIONS' in os.environ else 30


def texts(node):
    for i in range(node.childCount):
        child = node.getChildAtIndex(i)
        if child is not None and child.getState().contains(pyatspi.STATE_VISIBLE):
            yield child.name
            yield from texts(child)


def wait(what, check):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            app = next(a for a in pyatspi.Registry.getDesktop(0) if a is not None and a.name.startswith('synoptic'))
            if check(list(texts(app))):
                return
        except Exception:  # AT-SPI raises several kinds when an object goes away
            pass
        time.sleep(0.2)
    raise AssertionError(f'waited {PATIENCE_S} s for: {what}')


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
