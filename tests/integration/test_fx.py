# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job on real input: every published foreign-exchange bar, rebuilt from its ticks.

Replays all tick files of the shared data set at full speed through `file` sources and compares every one-second and one-minute
bar, read back through synopticctl, with the bars that the exchange data's publisher made from the same ticks: same rows,
same digits (as exact decimals: the publisher writes 1.3867, a decimal(5) writes 1.38670). Then publishes each day's
merged ticks in slices and compares the state per instrument after each slice with an oracle made with Python's decimal.
Skipped, saying so, where the data set is not there.
"""
import csv
import datetime
import io
import os
import unittest
from decimal import Decimal

from dataset import SHARED, counting, ctl, needs, oracle, replay, rows_by_ctl, settled, unpack, wait_for_sources
from silo import Silo, main

TICKS = SHARED / 'fx_ticks'
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MILLISECOND = datetime.timedelta(milliseconds=1)
SIDES = ('bid', 'ask')
QUARTER = {'open': 'first', 'high': 'max', 'low': 'min', 'close': 'last'}


def files():
    """(name, scale of the prices, midnight of the file's clock in UTC) of every tick file."""
    for entry in sorted(os.listdir(os.path.join(TICKS, 'ticks'))):
        name = entry.removesuffix('.csv.zst')
        venue, symbol, day = name.split('_')
        midnight = datetime.datetime.strptime(day, '%Y%m%d').replace(tzinfo=datetime.timezone.utc)
        if venue == 'fxcm':  # a fixed clock, five hours behind UTC
            midnight += datetime.timedelta(hours=5)
        yield name, 3 if symbol == 'xauusd' else 5, midnight


def bars_catalog():
    sources, projections = [], []
    for name, scale, midnight in files():
        sources.append({
            'name': name, 'kind': 'file', 'path': os.path.join(TICKS, 'ticks', name + '.csv.zst'), 'format': 'csv',
            'columns': ['time_ms', 'bid', 'ask'], 'speed': 'max',
            'fields': {'time': {'type': 'timestamp', 'column': 'time_ms', 'unit': 'ms',
                                'epoch': midnight.strftime('%Y-%m-%dT%H:%M:%SZ')},
                       'bid': f'decimal({scale})', 'ask': f'decimal({scale})'}})
        for kind, every in (('second', '1s'), ('minute', '1m')):
            projections.append({
                'name': f'bars/{kind}/{name}', 'from': name, 'key': [], 'window': {'every': every, 'on': 'time', 'keep': '2d'},
                'columns': {f'{side}_{quarter}': f'{aggregate}({side})'
                            for side in SIDES for quarter, aggregate in QUARTER.items()}})
    return {'sources': sources, 'projections': projections}


def check_bars(n_ticks):
    names = [name for name, _, _ in files()]
    with Silo(bars_catalog()) as silo:
        with replay(f'fx_ticks, {len(names)} compressed files at once', n_ticks):
            wait_for_sources(silo, names)
        assert sum(source['sequence'] for source in silo.get('/v1/sources').json['sources']) == n_ticks
        total = {'second': 0, 'minute': 0}
        for name, _, midnight in files():
            for kind in ('second', 'minute'):
                published = []
                for line in unpack(os.path.join(TICKS, 'bars_' + kind, name + '.csv.zst')).splitlines():
                    cells = line.split(',')
                    del cells[10], cells[5]  # the sizes, which the publisher leaves at 0
                    published.append((int(cells[0]), *map(Decimal, cells[1:])))
                text = ctl(silo, 'get', f'bars/{kind}/{name}?sort=time', '--format', 'csv')
                rows = list(csv.reader(io.StringIO(text)))
                expected_header = ['time'] + [f'{side}_{quarter}' for side in SIDES for quarter in QUARTER]
                assert rows[0] == expected_header, rows[0]
                ours = []
                for row in rows[1:]:
                    start = datetime.datetime.fromisoformat(row[0])
                    ours.append(((start - midnight) // MILLISECOND, *map(Decimal, row[1:])))
                if ours != published:
                    wrong = next((pair for pair in zip(ours, published) if pair[0] != pair[1]), None)
                    raise AssertionError(f'{name}, {kind} bars: {len(ours)} rows for {len(published)}; first difference {wrong}')
                total[kind] += len(published)
    print(f'# {len(names)} tick files: {total["second"]} second bars and {total["minute"]} minute bars equal')
    assert total['second'] > 100_000 and total['minute'] > 10_000, total


def merged_ticks(day):
    """The day's ticks of all instruments as the oracle orders them: UTC time, venue, symbol, line."""
    merged = []
    for name, _, midnight in files():
        venue, symbol, file_day = name.split('_')
        if file_day != day:
            continue
        base = Decimal(round((midnight - EPOCH).total_seconds() * 1000))
        for number, line in enumerate(unpack(os.path.join(TICKS, 'ticks', name + '.csv.zst')).splitlines()):
            ms, bid, ask = line.split(',')
            merged.append((base + Decimal(ms), venue.upper(), symbol.upper(), number, bid, ask))
    merged.sort()
    return merged


def check_states(wanted):
    days = sorted(wanted)
    fields = {'instrument': 'string', 'bid': 'decimal(5)', 'ask': 'decimal(5)', 'utc_ms': 'decimal(4)'}
    columns = {f'{side}_{quarter}': f'{aggregate}({side})' for side in SIDES for quarter, aggregate in QUARTER.items()}
    columns |= {'n': 'count()', 'sum_mid2': 'sum(bid+ask)', 'max_spread': 'max(ask-bid)', 'last_utc_ms': 'last(utc_ms)'}
    catalog = {
        'sources': [{'name': 'ticks' + day, 'kind': 'http', 'fields': fields} for day in days],
        'projections': [{'name': 'state/' + day, 'from': 'ticks' + day, 'key': ['instrument'], 'columns': columns,
                         'min_interval_ms': 10} for day in days]}
    compared = 0
    with Silo(catalog) as silo:
        for day in days:
            ticks = merged_ticks(day)
            assert len(ticks) == wanted[day]['ticks']
            done = 0
            for upto, states in sorted(wanted[day]['checkpoints'].items(), key=lambda item: (item[0] == 'all', len(item[0]), item[0])):
                end = len(ticks) if upto == 'all' else int(upto)
                body = 'instrument,bid,ask,utc_ms\n' + ''.join(
                    f'{venue}:{symbol},{bid},{ask},{ms}\n' for ms, venue, symbol, _, bid, ask in ticks[done:end])
                said = ctl(silo, 'publish', 'ticks' + day, '-', '--format', 'csv', stdin=body)
                assert f'accepted {end - done} ' in said, said
                done = end
                ours = {row['instrument']: row for row in settled(silo, 'state/' + day, counting(end), rows_by_ctl)}
                assert set(ours) == set(states), (day, upto, set(ours) ^ set(states))
                for key, state in states.items():
                    row = ours[key]
                    for side in SIDES:
                        for quarter, want in zip(QUARTER, state[side]):
                            assert row[f'{side}_{quarter}'] == Decimal(want), (day, upto, key, side, quarter, row)
                    for name in ('sum_mid2', 'max_spread', 'last_utc_ms'):
                        assert row[name] == Decimal(state[name]), (day, upto, key, name, row[name], state[name])
                    assert row['n'] == state['n'], (day, upto, key, row['n'], state['n'])
                    compared += 1
    print(f'# {compared} states of instruments equal the oracle')


@needs('fx_ticks')
class ForeignExchange(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.days = oracle('fx_ticks', 'oracle_fx.json')['days']

    def test_every_published_bar(self):
        check_bars(sum(day['ticks'] for day in self.days.values()))

    def test_state_per_instrument_after_n_ticks(self):
        check_states(self.days)


if __name__ == '__main__':
    main()
