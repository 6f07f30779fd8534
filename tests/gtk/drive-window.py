#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Uses the real dashboard as a person would, by keyboard and by accessible names, against a real server that it kills and
starts again. Speaks TAP. Runs within with-display.sh.

    drive-window.py [--shot FILE.png] SYNOPTIC SERVER [ARGUMENT...]

Of the server's arguments, {PORT} becomes 0 and then the port that it chose, and {DIR} a directory of its own.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

try:
    import pyatspi
except ImportError:
    print('1..0 # SKIP python3-pyatspi is not installed')
    sys.exit(77)

PATIENCE_S = 60 if 'ASAN_OPTIONS' in os.environ else 30
n_tests = 0


def wait(what, check, patience=PATIENCE_S):
    """Until @check is true; its value. Things that vanish while they are looked at are looked at again."""
    end = time.monotonic() + patience
    problem = None
    while time.monotonic() < end:
        try:
            value = check()
            if value:
                return value
        except Exception as error:  # AT-SPI raises several kinds when an object goes away
            problem = error
        time.sleep(0.1)
    raise AssertionError(f'waited {patience} s for: {what}' + (f' ({problem})' if problem else ''))


def passed(name):
    global n_tests
    n_tests += 1
    print(f'ok {n_tests} - {name}', flush=True)


SKIPPED = ('table', 'scroll bar', 'separator')


def walk(node):
    """All that is showing below @node, without what is in grids: each look is a round trip on the bus."""
    for i in range(node.childCount):
        child = node.getChildAtIndex(i)
        if child is None:
            continue
        # GTK 4.8 tells SHOWING of windows only.
        if child.getState().contains(pyatspi.STATE_VISIBLE):
            yield child
            if child.getRoleName() not in SKIPPED:
                yield from walk(child)


class Server:
    def __init__(self, command):
        self.command = command
        self.directory = tempfile.mkdtemp(prefix='synoptic-test.')
        self.port = 0
        self.process = None

    def start(self, *more):
        command = [part.replace('{PORT}', str(self.port)).replace('{DIR}', self.directory) for part in self.command]
        command += more
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        match = re.match(r'listening on http://127\.0\.0\.1:(\d+)', line)
        assert match, f'the server said {line!r}'
        self.port = int(match.group(1))

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()
            self.process = None


class Window:
    def __init__(self, program, url, directory):
        self.grid = None
        self.errors = os.path.join(directory, 'errors')
        with open(self.errors, 'w', encoding='utf-8') as errors:
            self.process = subprocess.Popen([program, '--server', url], stderr=errors)

    def open(self):
        # The window first: whoever looks at the bus while the program comes up on it may never see it.
        self.id = wait('a window', lambda: subprocess.run(
            ['xdotool', 'search', '--onlyvisible', '--pid', str(self.process.pid)],
            capture_output=True, text=True).stdout.split())[-1]
        subprocess.run(['xdotool', 'windowactivate', '--sync', self.id], check=True)
        self.app = wait('the program on the accessibility bus', self.find_app)

    def find_app(self):
        assert self.process.poll() is None, f'the program ended with {self.process.returncode}'
        desktop = pyatspi.Registry.getDesktop(0)
        desktop.clearCache()
        app = next((app for app in desktop if app and app.get_process_id() == self.process.pid), None)
        return app if app and app.name.lower().startswith('synoptic') and app.childCount > 0 else None

    def all(self):
        return list(walk(self.app))

    def names(self):
        return [node.name for node in self.all() if node.name]

    def find(self, pattern):
        """The first name that has @pattern, or None."""
        return next((name for name in self.names() if re.search(pattern, name)), None)

    def rows(self, title):
        """The texts of the rows in sight of the grid called @title, without its header."""
        if self.grid is None or self.grid.name != title:
            self.grid = next(node for node in self.all() if node.name == title and node.getRoleName() == 'table')
        return [row.name for row in walk(self.grid) if not row.name.startswith('Columns:')]

    def followed(self, title):
        """The key that stands beside the title of the panel called @title."""
        panel = next(node for node in self.all() if node.name == title and node.getRoleName() == 'panel')
        labels = [node.name for node in walk(panel.getChildAtIndex(0)) if node.getRoleName() == 'label']
        return labels[1] if labels[0] == title else None

    def button(self, name):
        # A toggle button is a push button to GTK 4.8.
        return next((node for node in self.all()
                     if node.name == name and node.getRoleName() in ('push button', 'toggle button')), None)

    def is_pressed(self, name):
        states = self.button(name).getState()
        return states.contains(pyatspi.STATE_PRESSED) or states.contains(pyatspi.STATE_CHECKED)

    def key(self, *keys):
        subprocess.run(['xdotool', 'key', '--delay', '60', *keys], check=True)

    def type(self, text):
        subprocess.run(['xdotool', 'type', '--delay', '60', text], check=True)

    def said(self):
        with open(self.errors, encoding='utf-8', errors='replace') as errors:
            return errors.read()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        sys.stderr.write(self.said())


def drive(program, server, shot):
    server.start()
    url = f'http://127.0.0.1:{server.port}'
    window = Window(program, url, server.directory)
    try:
        window.open()
        titles = wait('a grid', lambda: [node.name for node in window.all()
                                         if node.getRoleName() == 'table' and node.name])
        title = titles[0]
        rows = wait('rows', lambda: window.rows(title))
        assert len(rows) > 3, rows
        passed(f'the grid “{title}” shows {len(rows)} rows, as “{rows[0]}”')
        wait('“Online”', lambda: window.find('^● Online$'))
        wait('the address', lambda: window.find(re.escape(url)))
        passed('the status line says Online, and where')
        wait('rows that change', lambda: window.rows(title) != rows)
        passed('the rows are live')
        wait('bars', lambda: window.find(r': \d+ bars, last close'))
        passed('the candles show bars: ' + window.find(r': \d+ bars, last close'))
        if 'fake-silo' in server.command[0]:
            wait('the error in its place', lambda: window.find('no projection “market/nowhere” <b>here</b>'))
            passed('a panel that cannot be shown says why, in place and as plain text')

        # following the selection
        chart = window.find(r': \d+ bars, last close').split(':')[0]
        key = wait('the key of the followed row', lambda: window.followed(chart))
        window.key('End')
        last = wait('another followed row', lambda: window.followed(chart) != key and window.followed(chart))
        passed(f'the chart follows the selection, from {key} to {last}')
        window.key('Home')

        # freezing
        window.key('space')
        wait('FROZEN', lambda: window.find('^FROZEN · '))
        frozen = window.rows(title)
        wait('two snapshots behind', lambda: int(
            re.search(r'FROZEN · ([\d,]+) snapshot', window.find('^FROZEN · ')).group(1).replace(',', '')) >= 2)
        assert window.rows(title) == frozen, 'rows changed while frozen'
        assert window.is_pressed('Freeze')
        passed('space freezes: ' + window.find('^FROZEN · '))
        button = window.button('Freeze')
        button.queryAction().doAction(0)
        wait('thawed rows', lambda: not window.find('^FROZEN · ') and window.rows(title) != frozen)
        assert not window.is_pressed('Freeze')
        passed('the button “Freeze” thaws')

        # filtering
        part = frozen[0].split(',')[0][:2]
        window.key('slash')
        window.type(part)
        wait('the count of filtered rows', lambda: window.find(r'^[\d,]+ of [\d,]+ rows$'))
        wait('filtered rows', lambda: window.rows(title)
             and all(part.lower() in row.lower() for row in window.rows(title)))
        passed(f'typing “{part}” leaves ' + window.find(r'^[\d,]+ of [\d,]+ rows$'))
        window.type('~~ nothing')
        wait('an empty state', lambda: window.find('^Nothing matches the filter$'))
        passed('no match says so')
        window.key('Escape')
        wait('all rows', lambda: len(window.rows(title)) == len(rows)
             and not window.find(r'^[\d,]+ of [\d,]+ rows$'))
        passed('Escape clears the filter')
        if shot and shutil.which('import'):
            subprocess.run(['import', '-window', window.id, shot], check=True)

        # the server goes away
        server.kill()
        reason = wait('Offline', lambda: window.find(r'^Offline – reconnecting \(.+\)$'))
        kept = window.rows(title)
        assert kept, 'the picture is gone'
        wait('a growing age', lambda: window.find(r'^[3-9]\.\d s$'))
        assert window.rows(title) == kept, 'rows changed without a server'
        passed('without a server the picture stays, ages, and says: ' + reason)
        server.start()
        wait('Online again', lambda: window.find('^● Online$'))
        wait('live again', lambda: window.rows(title) and window.rows(title) != kept)
        passed('it recovers by itself')
        if 'fake-silo' in server.command[0]:
            server.kill()
            server.start('only-host')
            wait('the other screens', lambda: window.find('^Samples$') and not window.find(f'^{title}$'))
            server.kill()
            server.start()
            wait('the first screens', lambda: window.find('^Market$') and window.find('^Host$'))
            window.key('1')
            wait('the first screen', lambda: window.find(f'^{title}$') and window.find('^● Online$'))
            passed('a server that comes back with other screens is shown as it is')

        # keys
        window.key('question')
        wait('the shortcuts', lambda: window.find('Freeze or thaw the picture'))
        window.key('Escape')
        wait('no shortcuts', lambda: not window.find('Freeze or thaw the picture'))
        passed('? shows the keys')
        window.key('2')
        wait('another screen', lambda: title not in window.names())
        window.key('1')
        wait('the first screen', lambda: title in window.names())
        passed('1 and 2 switch screens')
        window.key('ctrl+q')
        status = wait('the end', lambda: window.process.poll() is not None and str(window.process.returncode))
        assert status == '0', f'exit status {status}'
        passed('Ctrl+Q quits, with status 0')
        complaints = re.findall(r'.*(?:Gtk|Gdk|Gsk|GLib|GLib-GObject|Adwaita)-(?:WARNING|CRITICAL).*', window.said())
        assert not complaints, complaints
        passed('nothing was wrong to the toolkit')
    finally:
        window.kill()


def main(arguments):
    shot = None
    if arguments and arguments[0] == '--shot':
        shot = arguments[1]
        arguments = arguments[2:]
    program, command = arguments[0], arguments[1:]
    server = Server(command)
    try:
        drive(program, server, shot)
    except AssertionError as error:
        print(f'not ok {n_tests + 1} - {error}')
        return 1
    finally:
        server.kill()
        shutil.rmtree(server.directory, ignore_errors=True)
    print(f'1..{n_tests}')
    return 0


sys.exit(main(sys.argv[1:]))
