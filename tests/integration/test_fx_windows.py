# SPDX-License-Identifier: LGPL-2.1-or-later
"""Foreign-exchange ticks out of order: windows that slide, what comes late, what is kept, and two venues in one projection.

The data set's own oracles know ticks in order (test_fx.py). Here ticks arrive as badly ordered as a seeded generator makes them, and
what must come out is computed in Python, tick by tick, from docs/catalog.md's rules alone: which windows an event is in, when it comes too
late, which windows are gone. Two venues together must have, minute by minute, the extremes of the bars that their publisher made of
each, and snapshots whose frontier names both.
"""
import collections
import csv
import datetime
import io
import random
import unittest
from decimal import Decimal

from dataset import SHARED, ask, counting, ctl, metric, needs, picture, publish_csv, replay, rows_of, same, settled, unpack, wait_for_sources
from silo import Silo, main
from test_independent_client import Snapshot

DAY = '20140501'
MIDNIGHT = datetime.datetime(2014, 5, 1, tzinfo=datetime.timezone.utc)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
ZONE_MS = {'oanda': 0, 'fxcm': 5 * 3600 * 1000}  # what their files' clocks are behind UTC
SECOND, MINUTE, HOUR = 1000, 60_000, 3_600_000
COLUMNS = {'n': 'count()', 'sum': 'sum(bid)', 'low': 'min(bid)', 'high': 'max(ask)', 'open': 'first(bid, time)', 'close': 'last(bid, time)',
           'newest': 'max(time)'}
# name: (every, slide, late, keep), as the catalog writes it and in ms
WINDOWS = {
    'sliding': ({'every': '5m', 'slide': '1m', 'late': '10s'}, (5 * MINUTE, MINUTE, 10 * SECOND, None)),
    'short': ({'every': '30s', 'slide': '10s', 'late': '0s', 'keep': '10m'}, (30 * SECOND, 10 * SECOND, 0, 10 * MINUTE)),
    'patient': ({'every': '5m', 'slide': '1m'}, (5 * MINUTE, MINUTE, None, None)),
    'kept': ({'every': '1m', 'keep': '1h'}, (MINUTE, MINUTE, None, HOUR)),
}
SHARED_COLUMNS = {'n': 'count()', 'mean': 'div(sum(ask), n, 8)'}


def ticks(venue, symbol):
    """(ms since 1970, symbol, bid, ask) of a file, in its order."""
    base = (MIDNIGHT - EPOCH) // datetime.timedelta(milliseconds=1) + ZONE_MS[venue]
    for line in unpack(SHARED / 'fx_ticks' / 'ticks' / f'{venue}_{symbol}_{DAY}.csv.zst').splitlines():
        ms, bid, ask = line.split(',')
        yield base + int(ms), symbol, Decimal(bid), Decimal(ask)


def disorder(ordered, seed):
    """The ticks by the time at which they arrive: most at once, some seconds late, a few by many minutes."""
    chance = random.Random(seed)

    def delay():
        kind = chance.random()
        return 0 if kind < 0.7 else chance.randrange(20 * SECOND) if kind < 0.98 else chance.randrange(90 * MINUTE)

    return [tick for _, _, tick in sorted((tick[0] + delay(), number, tick) for number, tick in enumerate(ordered))]


class Expected:
    """Windows as docs/catalog.md has them, one tick at a time."""

    def __init__(self, every, slide, late, keep):
        self.every, self.slide, self.late_ms, self.keep = every, slide, late, keep
        self.newest = None
        self.late = 0
        self.of_window = collections.defaultdict(list)  # (symbol, start): ticks

    def is_gone(self, start):
        """A window that begins `keep` or more before the newest one."""
        return self.keep is not None and self.newest is not None and start <= self.newest // self.slide * self.slide - self.keep

    def add(self, tick):
        time, symbol, _, _ = tick
        last = time // self.slide * self.slide
        starts = range(last, last - self.every, -self.slide)
        first_end = starts[-1] + self.every
        too_late = self.late_ms is not None and self.newest is not None and first_end + self.late_ms < self.newest
        if too_late or all(self.is_gone(start) for start in starts):
            self.late += 1
            return
        self.newest = time if self.newest is None else max(time, self.newest)
        for start in starts:
            self.of_window[symbol, start].append(tick)

    def rows(self):
        return {(symbol, start): self.row(found) for (symbol, start), found in self.of_window.items() if not self.is_gone(start)}

    @staticmethod
    def row(found):
        """What COLUMNS says of ticks in the order of their arrival. (min and max take the first of equal ones.)"""
        by_time = [tick[0] for tick in found]
        oldest, newest = min(by_time), max(by_time)
        return [len(found), sum(tick[2] for tick in found), min(tick[2] for tick in found), max(tick[3] for tick in found),
                next(tick[2] for tick in found if tick[0] == oldest), next(tick[2] for tick in reversed(found) if tick[0] == newest), newest]


def ms_of(text):
    return (datetime.datetime.fromisoformat(text) - EPOCH) // datetime.timedelta(milliseconds=1)


def states(rows):
    return {(row['symbol'], ms_of(row['time'])): [row[name] if name != 'newest' else ms_of(row[name]) for name in COLUMNS] for row in rows}


def catalog():
    def projection(name, source, window, columns=COLUMNS):
        return {'name': name, 'from': source, 'key': ['symbol'], 'columns': columns, 'window': {**window, 'on': 'time'}, 'min_interval_ms': 10}

    fields = {'time': {'type': 'timestamp', 'unit': 'ms'}, 'symbol': 'string', 'bid': 'decimal(5)', 'ask': 'decimal(5)'}
    # what is made of `again` has its events conflated first, for there are two of each kind; what is made of `ticks` has not
    return {'sources': [{'name': name, 'kind': 'http', 'fields': fields} for name in ('ticks', 'again')],
            'projections': [projection(name, 'ticks', window) for name, (window, _) in WINDOWS.items()]
            + [projection('again/' + name, 'again', window) for name, (window, _) in WINDOWS.items()]
            + [projection('beside/' + name, 'again', window, SHARED_COLUMNS) for name, (window, _) in WINDOWS.items()]}


def frontier(silo, path):
    """What a snapshot's binary form says that it includes."""
    answer = silo.get('/v1/projections/' + path, {'Accept': 'application/vnd.synoptic.snapshot'})
    assert answer.status == 200, answer
    return Snapshot(answer.body).frontier


@needs('fx_ticks')
class Windows(unittest.TestCase):
    def test_out_of_order(self):
        # one of them as from a feed that tells whole seconds: many at one time, and on the very ends of windows
        whole = [(time // SECOND * SECOND, *rest) for time, *rest in ticks('oanda', 'nzdusd')]
        arriving = disorder([*ticks('oanda', 'eurusd'), *whole], seed=20140501)
        assert any(a[0] > b[0] for a, b in zip(arriving, arriving[1:]))
        expected = {name: Expected(*numbers) for name, (_, numbers) in WINDOWS.items()}
        for windows in expected.values():
            for tick in arriving:
                windows.add(tick)
        wanted = {name: windows.rows() for name, windows in expected.items()}
        late = {name: windows.late for name, windows in expected.items()}
        assert late['patient'] == 0 < late['kept'] < late['sliding'] < late['short'], late

        chance = random.Random(1)
        lines = [f'{time},{symbol},{bid},{ask}' for time, symbol, bid, ask in arriving]
        with Silo(catalog()) as silo:
            for source, prefix in (('ticks', ''), ('again', 'again/')):
                before = metric(silo, 'late_events_total')
                with replay(f'fx_ticks out of order, {source}', len(lines)):
                    done = 0
                    while done < len(lines):
                        end = min(done + chance.choice((1, 50, 3000, 20000)), len(lines))
                        publish_csv(silo, source, 'time,symbol,bid,ask', lines[done:end])
                        done = end
                        if chance.random() < 0.2:  # and someone looks now and then
                            rows_of(silo, prefix + 'sliding')
                    ours = {name: settled(silo, prefix + name, counting(sum(row[0] for row in rows.values())))
                            for name, rows in wanted.items()}
                for name, rows in wanted.items():
                    same(states(ours[name]), rows, prefix + name)
                if source == 'ticks':
                    assert metric(silo, 'late_events_total') - before == sum(late.values()), late
            self.check_reading(silo, wanted)
        for name, rows in wanted.items():
            print(f'# {name}: {len(rows)} windows equal, {late[name]} of {len(lines)} events late')

    def check_reading(self, silo, wanted):
        """As synopticctl prints it, as a panel that follows another asks for it, and beside other columns of the same events."""
        same(states(picture(ctl(silo, 'get', 'sliding', '--format', 'json'))), wanted['sliding'], 'synopticctl')
        for symbol in ('eurusd', 'nzdusd'):
            rows = rows_of(silo, ask('again/sliding', where=f'symbol=="{symbol}"'))
            same(states(rows), {key: row for key, row in wanted['sliding'].items() if key[0] == symbol}, symbol)
        for name, rows in wanted.items():
            ours = settled(silo, 'beside/' + name, counting(sum(row[0] for row in rows.values())))
            same({(row['symbol'], ms_of(row['time'])): row['n'] for row in ours}, {key: row[0] for key, row in rows.items()}, name)

    def test_two_venues(self):
        venues = {venue: list(ticks(venue, 'eurusd')) for venue in ZONE_MS}
        sources = [{'name': venue, 'kind': 'file', 'path': str(SHARED / 'fx_ticks' / 'ticks' / f'{venue}_eurusd_{DAY}.csv.zst'),
                    'format': 'csv', 'columns': ['time', 'bid', 'ask'],
                    'fields': {'time': {'type': 'timestamp', 'unit': 'ms',
                                        'epoch': (MIDNIGHT + datetime.timedelta(milliseconds=behind)).strftime('%Y-%m-%dT%H:%M:%SZ')},
                               'bid': 'decimal(5)', 'ask': 'decimal(5)'}} for venue, behind in ZONE_MS.items()]
        columns = {'n': 'count()', 'bid_high': 'max(bid)', 'bid_low': 'min(bid)', 'ask_high': 'max(ask)', 'ask_low': 'min(ask)',
                   'mid2': 'sum(bid+ask)', 'at': 'max(time)'}
        both = {'from': list(venues), 'columns': columns, 'min_interval_ms': 10}
        total = sum(map(len, venues.values()))
        with Silo({'sources': sources, 'projections': [{'name': 'spot', **both},
                                                       {'name': 'minutes', 'window': {'every': '1m', 'on': 'time'}, **both}]}) as silo:
            with replay('fx_ticks, two venues', total):
                wait_for_sources(silo, venues)
                minutes = settled(silo, 'minutes', counting(total))
            spot, = settled(silo, 'spot', counting(total))
            wanted = {venue: len(found) for venue, found in venues.items()}
            hours = ask('minutes', group='trunc(time,"1h") as hour', select='hour,sum(n) as n,max(bid_high) as bid_high')
            settled(silo, hours, counting(total))
            for path in ('spot', 'minutes', hours):
                same(frontier(silo, path), wanted, 'the frontier of ' + path)
            self.check_venues(silo, venues, spot, minutes, rows_of(silo, hours))
            table = list(csv.DictReader(io.StringIO(ctl(silo, 'get', 'minutes', '--format', 'csv'))))
            assert [(row['time'], Decimal(row['mid2'])) for row in table] == [(row['time'], row['mid2']) for row in minutes]
            row = minutes[700]
            assert rows_of(silo, ask('minutes', where=f'time=="{row["time"]}"')) == [row]

    def check_venues(self, silo, venues, spot, minutes, hours):
        merged = [tick for found in venues.values() for tick in found]
        assert spot == {'n': len(merged), 'bid_high': max(tick[2] for tick in merged), 'bid_low': min(tick[2] for tick in merged),
                        'ask_high': max(tick[3] for tick in merged), 'ask_low': min(tick[3] for tick in merged),
                        'mid2': sum(tick[2] + tick[3] for tick in merged), 'at': spot['at']}, spot
        assert ms_of(spot['at']) == max(tick[0] for tick in merged)
        counts, sums = collections.Counter(), collections.Counter()
        for time, _, bid, ask_price in merged:
            counts[time // MINUTE * MINUTE] += 1
            sums[time // MINUTE * MINUTE] += bid + ask_price
        same({ms_of(row['time']): (row['n'], row['mid2']) for row in minutes}, {start: (counts[start], sums[start]) for start in counts}, 'minutes')
        per_hour = collections.Counter()
        for start, n in counts.items():
            per_hour[start // HOUR * HOUR] += n
        same({ms_of(row['hour']): row['n'] for row in hours}, per_hour, 'hours')

        # the published bars of both: columns time_ms, bid open, high, low, close, size, then of ask
        bars = collections.defaultdict(list)
        for venue, behind in ZONE_MS.items():
            base = (MIDNIGHT - EPOCH) // datetime.timedelta(milliseconds=1) + behind
            for line in unpack(SHARED / 'fx_ticks' / 'bars_minute' / f'{venue}_eurusd_{DAY}.csv.zst').splitlines():
                cells = line.split(',')
                bars[base + int(cells[0])].append([Decimal(cells[number]) for number in (2, 3, 7, 8)])
        published = {start: [choose(bar[number] for bar in found) for number, choose in enumerate((max, min, max, min))]
                     for start, found in bars.items()}
        assert any(len(found) == 2 for found in bars.values())
        same({ms_of(row['time']): [row[name] for name in ('bid_high', 'bid_low', 'ask_high', 'ask_low')] for row in minutes}, published,
             'the published bars of both venues')


if __name__ == '__main__':
    main()
