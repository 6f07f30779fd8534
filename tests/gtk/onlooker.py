# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be read in the dashboard's window, by AT-SPI as a screen reader does. Skips the program that imports it where there is no AT-SPI."""

import os
import sys
import time

try:
    import pyatspi
except ImportError:
    print('1..0 # SKIP python3-pyatspi is not installed')
    sys.exit(77)

PATIENCE_S = 60 if 'ASAN_OPTIONS' in os.environ else 30


def texts(node):
    for i in range(node.childCount):
        child = node.getChildAtIndex(i)
        if child is not None and child.getState().contains(pyatspi.STATE_VISIBLE):
            yield child.name
            yield from texts(child)


def wait(what, check):
    """Until check(list of all texts) holds."""
    end = time.monotonic() + PATIENCE_S
    seen = None
    while time.monotonic() < end:
        try:
            app = next(a for a in pyatspi.Registry.getDesktop(0) if a is not None and a.name.startswith('synoptic'))
            seen = list(texts(app))
            if check(seen):
                return
        except Exception:  # AT-SPI raises several kinds when an object goes away
            pass
        time.sleep(0.2)
    raise AssertionError(f'waited {PATIENCE_S} s for: {what}; last there was {seen}')
