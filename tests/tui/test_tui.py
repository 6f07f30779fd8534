# SPDX-License-Identifier: LGPL-2.1-or-later
"""The terminal dashboard as a person uses it: the real program on a real silo, in a private tmux.

Filter as you type, freeze, resize, the silo going away and coming back, quitting. tmux answers the status question with which
frames are paced, so this runs the paced way.
"""
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

from certs import Certificates
from silo import Silo, main, program, until
from tlsproxy import TlsProxy

CATALOG = {
    'sources': [{'name': 'trades', 'kind': 'simulator', 'instruments': 60, 'rate': 500, 'seed': 7}],
    'projections': [{'name': 'market/quotes', 'from': 'trades', 'key': ['symbol'], 'min_interval_ms': 200,
                     'columns': {'last': 'last(price)', 'volume': 'sum(size)', 'trades': 'count()'}},
                    {'name': 'market/venues', 'from': 'trades', 'key': ['venue'], 'columns': {'volume': 'sum(size)'}}],
    'screens': [{'name': 'market', 'title': 'Market', 'panels': [{'grid': 'market/quotes', 'title': 'Quotes', 'sort': 'symbol'},
                                                                  {'grid': 'market/venues', 'title': 'Venues'}]},
                {'name': 'top', 'title': 'Top', 'panels': [{'grid': 'market/quotes?sort=symbol&limit=3', 'title': 'First'}]}],
}
DEADLINE_S = 30


class Terminal:
    """A program in a tmux of its own."""

    def __init__(self, command, width=80, height=24):
        self.dir = tempfile.mkdtemp()
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', str(width), '-y', str(height), '-s', 't',
                  f'env TERM=tmux-256color LC_ALL=C.UTF-8 {command}; echo "status=$?"; sleep 60')

    def tmux(self, *args):
        return subprocess.run(['tmux', '-S', os.path.join(self.dir, 'socket'), *args], check=True, stdout=subprocess.PIPE).stdout.decode()

    def screen(self):
        return self.tmux('capture-pane', '-p', '-t', 't')

    def keys(self, *keys):
        self.tmux('send-keys', '-t', 't', *keys)

    def wait(self, what, absent=False):
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            text = self.screen()
            if bool(re.search(what, text)) != absent:
                return text
            time.sleep(0.1)
        raise AssertionError(f'{"still" if absent else "no"} {what!r} on the screen:\n{text}')

    def close(self):
        self.tmux('kill-server')
        shutil.rmtree(self.dir, ignore_errors=True)


def rows(text):
    """The data rows of the grid in focus: symbol and numbers."""
    return [line for line in text.splitlines() if re.match(r'[A-Z]{1,5} +[0-9,]+\.', line)]


@unittest.skipIf(shutil.which('tmux') is None, 'tmux is not installed')
class Dashboard(unittest.TestCase):
    """One sitting at the terminal; the steps run in the order of their names."""

    @classmethod
    def setUpClass(cls):
        cls.silo = Silo(CATALOG)
        cls.addClassCleanup(cls.silo.clean)
        cls.addClassCleanup(cls.silo.stop)
        cls.terminal = Terminal(f'{program("synoptic-tui", "SYNOPTIC_TUI")} --server {cls.silo.url}')
        cls.addClassCleanup(cls.terminal.close)

    def test_1_live_rows(self):
        self.terminal.wait(r' LIVE ')
        text = self.terminal.wait('60 rows')
        self.assertIn('Market', text)
        self.assertIn('Quotes', text)
        self.assertIn('Venues', text)
        before = rows(text)
        self.assertGreaterEqual(len(before), 5, text)
        until(lambda: rows(self.terminal.screen()) != before, what='a moving picture')

    def test_2_freeze_and_thaw(self):
        self.terminal.keys('Space')
        self.terminal.wait('FROZEN')
        before = rows(self.terminal.screen())
        self.terminal.wait(r'[1-9][0-9]* behind')
        self.assertEqual(rows(self.terminal.screen()), before, 'moved while frozen')
        self.terminal.keys('Space')
        self.terminal.wait(' LIVE ')
        self.terminal.wait('FROZEN', absent=True)

    def test_3_filter_as_you_type(self):
        symbol = rows(self.terminal.screen())[3].split()[0]
        self.terminal.keys('/', *symbol)
        self.terminal.wait(f'/{symbol}_')
        text = self.terminal.wait(r'[0-9]+ of 60 rows')
        self.assertTrue(rows(text))
        for line in rows(text):
            self.assertIn(symbol, line)
        self.terminal.keys('Escape')
        self.terminal.wait(r' of 60 rows', absent=True)

    def test_4_resize(self):
        self.terminal.tmux('resize-window', '-t', 't', '-x', '132', '-y', '40')
        self.assertGreater(len(rows(self.terminal.wait('132x40'))), 15)
        self.terminal.tmux('resize-window', '-t', 't', '-x', '80', '-y', '24')
        self.terminal.wait('80x24')

    def test_5_help_and_focus(self):
        self.terminal.keys('?')
        self.terminal.wait('Synoptic: keys')
        self.terminal.keys('x')
        self.terminal.wait('Synoptic: keys', absent=True)
        self.terminal.keys('Tab')
        self.terminal.wait('▸ Venues')
        self.terminal.keys('Tab')
        self.terminal.wait('▸ Quotes')

    def test_5_filter_beyond_a_limit(self):
        """Rows that a limit kept away come from the server when they match."""
        last = max(row['symbol'] for row in self.silo.rows('market/quotes'))
        self.terminal.keys('2')
        text = self.terminal.wait('3 rows')
        self.assertNotIn(last, [line.split()[0] for line in rows(text)])
        self.terminal.keys('/', *last.lower())
        text = self.terminal.wait(rf'\n{last} ')
        for line in rows(text):
            self.assertIn(last, line)
        self.terminal.keys('C-u', *'no"match\\*')
        self.terminal.wait('no row matches')
        self.terminal.keys('Escape')
        self.terminal.wait('3 rows')
        self.terminal.keys('1')
        self.terminal.wait('▸ Quotes')

    def test_6_the_silo_goes_away_and_comes_back(self):
        self.silo.listen = f'127.0.0.1:{self.silo.port}'
        self.silo.stop()
        text = self.terminal.wait('OFFLINE|CONNECTING')
        self.assertTrue(rows(text), 'the picture went away with the server:\n' + text)
        self.terminal.wait('OLD')
        self.silo.start()
        self.terminal.wait(' LIVE ')
        self.terminal.wait('OLD', absent=True)

    def test_7_quit(self):
        self.terminal.keys('q')
        self.terminal.wait('status=0')

    def test_8_a_terminal_that_hangs_up_ends_it(self):
        terminal = Terminal(f'{program("synoptic-tui", "SYNOPTIC_TUI")} --server {self.silo.url}')
        terminal.wait(' LIVE ')
        pid = int(terminal.tmux('list-panes', '-t', 't', '-F', '#{pane_pid}'))
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
            children = file.read().split()
        self.assertTrue(children)
        terminal.close()
        until(lambda: not any(os.path.exists(f'/proc/{child}') for child in children), what='the end of the program')


RECOVERING = {
    'sources': [{'name': 'orders', 'kind': 'http', 'durable': True, 'fields': {'id': 'string', 'n': 'int64'}}],
    'projections': [{'name': 'orders/all', 'from': 'orders', 'key': ['id'], 'min_interval_ms': 100, 'columns': {'n': 'sum(n)'}}],
    'screens': [{'name': 'orders', 'title': 'Orders', 'panels': [{'grid': 'orders/all', 'title': 'All'}]}],
}


def stop_half_way(silo):
    """Stops a silo, and leaves its journal so that the next one has given its projection half of the events, and comes to a damaged record."""
    silo.stop()
    silo.listen = f'127.0.0.1:{silo.port}'
    with sqlite3.connect(os.path.join(silo.data, 'journal.db')) as db:
        db.execute("DELETE FROM checkpoint WHERE name LIKE 'projection/%'")
        db.execute("UPDATE record SET bytes=zeroblob(length(bytes)) WHERE kind=2 AND first=6")
    db.close()


@unittest.skipIf(shutil.which('tmux') is None, 'tmux is not installed')
class Recovering(unittest.TestCase):
    def publish(self, silo, *numbers):
        for n in numbers:
            while silo.publish('orders', [{'id': f'order{n}', 'n': n}]).status == 503:
                time.sleep(0.02)

    def test_recovering(self):
        """How far the projection is, with the picture of before and its age; and in the lists of the server and of synopticctl."""
        with Silo(RECOVERING) as silo:
            self.publish(silo, *range(10))
            terminal = Terminal(f'{program("synoptic-tui", "SYNOPTIC_TUI")} --server {silo.url}')
            self.addCleanup(terminal.close)
            terminal.wait('order9')
            stop_half_way(silo)
            silo.start()
            text = terminal.wait(r'recovering 50 % · age [0-9]')
            print('# ' + text.rstrip().replace('\n', '\n# '))
            self.assertIn('order9', text)
            status = silo.get('/v1/status').json
            self.assertEqual(status['recovering'], [{'projection': 'orders/all', 'events': 5, 'of': 10, 'percent': 50.0}])
            fresh = Terminal(f'{program("synoptic-tui", "SYNOPTIC_TUI")} --server {silo.url}')
            self.addCleanup(fresh.close)
            self.assertNotIn('order9', fresh.wait(r'recovering 50 %'))
            watch = subprocess.Popen([program('synopticctl', 'SYNOPTICCTL'), 'watch', '--server', silo.url, '-n', '1', 'orders/all'], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
            self.assertIn('is recovering: 5 of 10 events (50 %)', watch.stderr.readline())
            self.assertIn('orders/all', subprocess.run([program('synopticctl', 'SYNOPTICCTL'), 'status', '--server', silo.url], stdout=subprocess.PIPE,
                                                       text=True, check=True).stdout.split('recovering:')[1])
            silo.stop()
            subprocess.run([program('synopticctl', 'SYNOPTICCTL'), 'journal', 'repair', '--yes', silo.data], stdout=subprocess.DEVNULL, check=True)
            silo.start()
            for one in (terminal, fresh):
                one.wait('recovering', absent=True)
                text = one.wait('9 rows')
                self.assertNotIn('order5', text)
            out, err = watch.communicate(timeout=DEADLINE_S)
            self.assertIn('order9', out)
            self.assertLessEqual(err.count('is recovering'), 2)  # once a change; sources are asked for a moment before


@unittest.skipIf(shutil.which('tmux') is None, 'tmux is not installed')
class Tls(unittest.TestCase):
    def test_a_certificate_that_is_refused_then_renewed(self):
        """The line of state says what is wrong with it, within 80 columns; a renewed one needs nobody."""
        with Certificates() as certificates, Silo(CATALOG) as silo, TlsProxy(silo.port, certificates, 'expired') as proxy:
            terminal = Terminal(f'{program("synoptic-tui", "SYNOPTIC_TUI")} --server {proxy.url} --ca {certificates["ca.pem"]}')
            self.addCleanup(terminal.close)
            text = terminal.wait(r'OFFLINE .*its certificate expired on 20[0-9-]+')
            print('# ' + text.rstrip().replace('\n', '\n# '))
            proxy.present('elsewhere')
            terminal.wait(r'OFFLINE .*its certificate is for silo\.example')
            proxy.present('server')
            terminal.wait(r' LIVE ')
            self.assertIn(proxy.url, terminal.wait('60 rows'))
            untrusting = Terminal(f'env -u SYNOPTIC_CA {program("synoptic-tui", "SYNOPTIC_TUI")} --server {proxy.url}')
            self.addCleanup(untrusting.close)
            untrusting.wait(r'OFFLINE .*its certificate was signed by ')


ROWS = 200_000
BUSY = {
    'sources': [{'name': 's', 'kind': 'http', 'fields': {'key': 'int64', 'n': 'int64'}}],
    'projections': [{'name': 'big', 'from': 's', 'key': ['key'], 'min_interval_ms': 10,
                     'columns': {'last': 'last(n)', 'sum': 'sum(n)', 'low': 'min(n)', 'high': 'max(n)', 'mean': 'mean(n)', 'events': 'count()'}}],
    'screens': [{'name': 'busy', 'title': 'Busy', 'panels': [{'grid': 'big?sort=-last,key&limit=5', 'title': 'Last'}]}],
}


@unittest.skipIf(shutil.which('tmux') is None, 'tmux is not installed')
class Stretched(unittest.TestCase):
    def test_mark(self):
        """Each snapshot takes longer than the cap: the lane is full as soon as somebody looks, and what comes of it less often is marked."""
        with Silo(BUSY, lanes=1) as silo:
            for first in range(0, ROWS, 50_000):
                self.assertEqual(silo.publish('s', ''.join(f'{{"key":{key},"n":{key}}}\n' for key in range(first, first + 50_000))).status, 200)
            terminal = Terminal(f'{program("synoptic-tui", "SYNOPTIC_TUI")} --server {silo.url}')
            self.addCleanup(terminal.close)
            self.assertNotIn('every', terminal.wait(str(ROWS - 1)))
            done = threading.Event()

            def publish():
                n = ROWS
                while not done.is_set():
                    n += 1
                    silo.publish('s', [{'key': n % 1000, 'n': n}])

            thread = threading.Thread(target=publish)
            thread.start()
            try:
                text = terminal.wait(r'every 0\.[1-9] s · age [0-9]')
                print('# ' + text.rstrip().replace('\n', '\n# '))
            finally:
                done.set()
                thread.join()
            self.assertNotIn('every', terminal.wait(r'Last[^\n]*rows +age [0-9]'))  # nothing comes any more: not for that


if __name__ == '__main__':
    main()
