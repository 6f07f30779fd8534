# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shared data sets, and what the tests over them have in common: finding and unpacking the files, publishing events by
slices, reading pictures back with every digit, and saying how fast a replay was.

    @needs('flights')
    class Flights(unittest.TestCase): ...

The sets lie beside the checkout in ../shared/data, each with a SOURCE.txt that says where it is from. They are not part of the
repository; where one is absent its tests are skipped, saying which. (Rejected: a sample of each kept here. An oracle made by others is worth
having over all of what it was made from.)
"""
import contextlib
import gzip
import json
import subprocess
import time
import unittest
import urllib.parse
from decimal import Decimal

from silo import ROOT, program

SHARED = ROOT.parent / 'shared' / 'data'
DEADLINE_S = 120  # for a machine that does much else, and sanitizers; a replay takes seconds


def needs(name):
    """Skips a test case where the data set is not there."""
    return unittest.skipUnless((SHARED / name).is_dir(), f'the {name} data set is not beside the checkout (../shared/data/{name})')


def unpack(path):
    """The text of a file of the data sets, decompressed by its ending. Line ends stay as they are."""
    path = str(path)
    if path.endswith('.zst'):
        return subprocess.run(['zstd', '-dcq', path], check=True, stdout=subprocess.PIPE).stdout.decode()
    if path.endswith('.gz'):
        with gzip.open(path, 'rb') as file:
            return file.read().decode()
    with open(path, 'rb') as file:
        return file.read().decode()


def oracle(name, file):
    return json.loads((SHARED / name / file).read_text(encoding='utf-8'))


def ctl(silo, *arguments, stdin=None):
    """What synopticctl prints; it must succeed."""
    command = [program('synopticctl', 'SYNOPTICCTL'), '--server', silo.url, *arguments]
    done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8')
    assert done.returncode == 0, (arguments, done.returncode, done.stderr)
    return done.stdout


def ask(path, **query):
    """A projection's path with a query, percent-encoded."""
    return urllib.parse.quote(path) + ''.join(
        f'{"&" if number else "?"}{name}={urllib.parse.quote(str(value))}' for number, (name, value) in enumerate(query.items()))


def picture(text):
    """The rows of a snapshot in JSON, as dicts by column name. Numbers with a point are Decimals: no digit is lost."""
    answer = json.loads(text, parse_float=Decimal)
    names = [column['name'] for column in answer['columns']]
    return [dict(zip(names, row)) for row in answer['rows']]


def rows_of(silo, path):
    answer = silo.get('/v1/projections/' + path)
    assert answer.status == 200, (path, answer)
    return picture(answer.text)


def rows_by_ctl(silo, path):
    """The same by synopticctl, to which a query is written as it is read."""
    return picture(ctl(silo, 'get', path, '--format', 'json'))


def settled(silo, path, ready, read=rows_of):
    """The rows of `path` once ready(rows): the cap may still be serving the picture of a moment ago."""
    end = time.monotonic() + DEADLINE_S
    while True:
        rows = read(silo, path)
        if ready(rows):
            return rows
        assert time.monotonic() < end, f'{path} never got there; last: {rows[:5]!r} and so on, {len(rows)} rows'
        time.sleep(0.02)


def counting(n_events, column='n'):
    """A condition for settled(): that the rows count so many events together."""
    return lambda rows: sum(row[column] or 0 for row in rows) == n_events


def publish_csv(silo, source, header, lines):
    """Publishes CSV lines in as few requests as the limits allow."""
    answer = silo.publish(source, header + '\n' + '\n'.join(lines) + '\n', 'text/csv', timeout=DEADLINE_S)
    assert answer.status == 200 and answer.json['accepted'] == len(lines), answer


def wait_for_sources(silo, names):
    """Waits until the sources have sent all they have, and the projections have it."""
    end = time.monotonic() + DEADLINE_S
    while True:
        states = {source['name']: source for source in silo.get('/v1/sources').json['sources']}
        for name in names:
            assert not states[name].get('error'), f'{name}: {states[name]["error"]}'
        if all(states[name]['finished'] and states[name]['batches_in_flight'] == 0 for name in names):
            return
        assert time.monotonic() < end, 'the replay did not finish'
        time.sleep(0.02)


@contextlib.contextmanager
def replay(what, n_events):
    """Says how fast the block inside replayed so many events (for people: no test asserts on time)."""
    start = time.monotonic()
    yield
    took_s = time.monotonic() - start
    print(f'# {what}: {n_events} events in {took_s:.2f} s, {n_events / took_s:,.0f} events/s', flush=True)


def metric(silo, name):
    """A counter of /metrics, summed over its lanes."""
    total, found = 0, False
    for line in silo.get('/metrics').text.splitlines():
        if line.startswith(('synoptic_' + name + ' ', 'synoptic_' + name + '{')):
            total, found = total + float(line.rpartition(' ')[2]), True
    assert found, name
    return total


def same(ours, wanted, what):
    """Asserts that two dicts are equal, and says where they are not."""
    if ours == wanted:
        return
    missing = [key for key in wanted if key not in ours]
    more = [key for key in ours if key not in wanted]
    wrong = [(key, ours[key], wanted[key]) for key in wanted if key in ours and ours[key] != wanted[key]]
    raise AssertionError(f'{what}: {len(wrong)} of {len(wanted)} are wrong, as {wrong[:3]}; missing: {missing[:5]}; too many: {more[:5]}')


def distinct_error(ours, exact, exact_bound=1024, tolerance=0.05):
    """Asserts what docs/catalog.md says of distinct(): exact up to the bound, and above it within three standard errors."""
    if exact <= exact_bound:
        assert ours == exact, (ours, exact)
    else:
        assert abs(ours - exact) <= tolerance * exact, (ours, exact)
    return ours / exact - 1
