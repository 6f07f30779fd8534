# SPDX-License-Identifier: LGPL-2.1-or-later
"""Twelve hours of edits to all Wikipedias, in every script there is, against an oracle that this project did not write.

A `file` source reads the compressed NDJSON as it is. By hour, channel, namespace, country and robot: once by a projection with that key,
once by a query that groups one projection of all of them. The most edited pages and busiest users, in order; distinct counts, within
their bound or error, and exactly by grouping; the minutes in which anything happened.
"""
import csv
import hashlib
import io
import json
import unittest

from dataset import SHARED, ask, counting, ctl, distinct_error, needs, oracle, replay, rows_of, same, settled, unpack, wait_for_sources
from silo import Silo, main

FILE = SHARED / 'wiki_edits' / 'wikiticker-2015-09-12_00-11.json.zst'
NUMBERS = ('metroCode', 'delta', 'added', 'deleted')
STATE = {'n': 'count()', 'added': 'sum(added)', 'deleted': 'sum(deleted)', 'delta': 'sum(delta)'}
MERGED = ','.join(['sum(n) as n', *(f'sum({name}) as {name}' for name in STATE if name != 'n')])
NULLS = ('countryName', 'cityName')  # unknown of all but edits without an account
CUBE = ['channel', 'namespace', 'countryName', 'isRobot']


def projection(name, key, columns=STATE, **more):
    return {'name': 'wiki/' + name, 'from': 'edits', 'key': key, 'columns': columns, 'min_interval_ms': 10, **more}


def catalog(members, distinct):
    fields = {name: 'bool' if name.startswith('is') else 'int64' if name in NUMBERS else 'timestamp' if name == 'time' else 'string'
              for name in members}
    return {
        'sources': [{'name': 'edits', 'kind': 'file', 'path': str(FILE), 'format': 'ndjson', 'fields': fields}],
        'projections': [projection(name, [name]) for name in ('channel', 'namespace', 'countryName', 'cityName', 'isRobot', 'page', 'user')]
        + [projection('all', []), projection('hours', [], window={'every': '1h', 'on': 'time'}),
           projection('minutes', [], window={'every': '1m', 'on': 'time'}),
           projection('cube', CUBE, window={'every': '1h', 'on': 'time'}),
           projection('distinct', [], {'n': 'count()'} | {name: f'distinct({name})' for name in distinct})]}


def state(row):
    return [row[name] for name in STATE]


def by(rows, name):
    """States by the value of a column, as the oracle writes them."""
    found = {'null' if row[name] is None else str(row[name]): state(row) for row in rows}
    assert len(found) == len(rows)
    return found


def by_hour(rows, name='time'):
    return {hour[:len('2015-09-12T00')]: numbers for hour, numbers in by(rows, name).items()}


@needs('wiki_edits')
class WikiEdits(unittest.TestCase):
    def test_every_count(self):
        want = oracle('wiki_edits', 'oracle_wiki.json')
        text = unpack(FILE)
        assert hashlib.sha256(text.encode()).hexdigest() == want['sha256_uncompressed']
        with Silo(catalog(list(json.loads(text.partition('\n')[0])), want['distinct'])) as silo:
            with replay('wiki_edits from the compressed file, 12 projections', want['events']):
                wait_for_sources(silo, ['edits'])
                whole, = settled(silo, 'wiki/all', counting(want['events']))
            assert state(whole) == [want[name] for name in ('events', 'added', 'deleted', 'delta')]
            self.check_groups(silo, want)
            self.check_top(silo, want)
            self.check_distinct(silo, want)
            self.check_reading(silo, want)

    def check_groups(self, silo, want):
        every = counting(want['events'])
        same(by_hour(settled(silo, 'wiki/hours', every)), want['by_hour'], 'hours')
        settled(silo, 'wiki/cube', every)
        grouped = settled(silo, ask('wiki/cube', group='time', select='time,' + MERGED), every)
        same(by_hour(grouped), want['by_hour'], 'groups by hour')
        settled(silo, 'wiki/minutes', every)
        grouped = settled(silo, ask('wiki/minutes', group='trunc(time,"1h") as hour', select='hour,' + MERGED), every)
        same(by_hour(grouped, 'hour'), want['by_hour'], 'groups of minutes')
        assert len(rows_of(silo, 'wiki/minutes')) == want['minutes_with_events']
        assert rows_of(silo, ask('wiki/minutes', select='count() as n')) == [{'n': want['minutes_with_events']}]

        top = want['by_namespace_top20']
        for name, wanted in (('channel', want['by_channel']), ('namespace', None), ('countryName', want['by_country']),
                             ('isRobot', want['by_isRobot'])):
            for path in ('wiki/' + name, ask('wiki/cube', group=name, select=f'{name},{MERGED}')):
                ours = by(settled(silo, path, every), name)
                if wanted is None:  # the oracle has the first twenty, by count
                    assert len(ours) == want['distinct'][name]
                    floor = min(counted[0] for counted in top.values())
                    assert sum(counted[0] > floor for counted in ours.values()) <= len(top)
                    ours = {key: ours[key] for key in top}
                same(ours, wanted or top, path)

    def check_top(self, silo, want):
        every = counting(want['events'])
        for name, wanted in (('page', want['top20_pages_by_count_then_name']), ('user', want['top20_users_by_count_then_name'])):
            settled(silo, 'wiki/' + name, every)
            rows = rows_of(silo, ask('wiki/' + name, sort='-n,' + name, limit=20))
            assert [(row[name], state(row)) for row in rows] == list(wanted.items()), (name, rows)
            rows = rows_of(silo, ask('wiki/' + name, sort='-n,' + name, limit=5, offset=15))
            assert [row[name] for row in rows] == list(wanted)[15:], (name, rows)

    def check_distinct(self, silo, want):
        """The oracle counts null as one more value; distinct() and count() do not."""
        ours, = settled(silo, 'wiki/distinct', counting(want['events']))
        for name, exact in want['distinct'].items():
            exact -= name in NULLS
            print(f'# distinct {name}: {ours[name]} for {exact}, {distinct_error(ours[name], exact):+.2%}')
            settled(silo, 'wiki/' + name, counting(want['events']))
            whole, = rows_of(silo, ask('wiki/' + name, select=f'count({name}) as n,count() as rows'))
            assert whole == {'n': exact, 'rows': exact + (name in NULLS)}, (name, whole)

    def check_reading(self, silo, want):
        table = csv.DictReader(io.StringIO(ctl(silo, 'get', 'wiki/channel', '--format', 'csv')))
        same({row['channel']: [int(row[name]) for name in STATE] for row in table}, want['by_channel'], 'synopticctl')
        for channel in ('#en.wikipedia', '#ar.wikipedia'):
            row, = rows_of(silo, ask('wiki/channel', where=f'channel=="{channel}"'))
            assert state(row) == want['by_channel'][channel]
        page = next(iter(want['top20_pages_by_count_then_name']))
        row, = rows_of(silo, ask('wiki/page', where=f'page=={json.dumps(page, ensure_ascii=False)}'))
        assert state(row) == want['top20_pages_by_count_then_name'][page]


if __name__ == '__main__':
    main()
