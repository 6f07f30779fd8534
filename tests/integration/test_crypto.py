# SPDX-License-Identifier: LGPL-2.1-or-later
"""Seven thousand trades of 99 instruments on 17 exchanges, prices to ten places and sizes to eight, against an oracle that this project
did not write: open, high, low, last, volume, notional and average price of each instrument after the first 100, 1,000 and all trades.

The notional has 18 places, in 128 bits. The oracle's average is notional / volume to 12 places, a half going to the even digit; div() takes
a half away from zero. So the column is compared with the exact quotient rounded its way, the oracle with the same quotient rounded the other way, and
where the two must be equal (all that is no exact half) they are.
"""
import csv
import io
import unittest
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

from dataset import SHARED, ask, counting, ctl, needs, oracle, picture, publish_csv, replay, rows_of, settled, unpack
from silo import Silo, main

FIELDS = {'recv_s': {'type': 'timestamp', 'unit': 's'}, 'price': 'decimal(10)', 'size': 'decimal(8)', 'src_line': 'int64'}
COLUMNS = {'n': 'count()', 'open': 'first(price)', 'high': 'max(price)', 'low': 'min(price)', 'last': 'last(price)',
           'volume': 'sum(size)', 'notional': 'sum(price*size)', 'vwap': 'div(notional, volume, 12)'}
MERGED = {'n': 'sum(n)', 'high': 'max(high)', 'low': 'min(low)', 'volume': 'sum(volume)', 'notional': 'sum(notional)',
          'vwap': 'div(sum(notional), sum(volume), 12)'}
EXACT = [name for name in COLUMNS if name not in ('n', 'vwap')]
KEY = ['exchange', 'symbol']
WIDE = Context(prec=80)
PLACES = Decimal('1e-12')


def catalog(header):
    def projection(name, key, columns=COLUMNS):
        return {'name': 'crypto/' + name, 'from': 'trades', 'key': key, 'columns': columns, 'min_interval_ms': 10}

    return {'sources': [{'name': 'trades', 'kind': 'http', 'fields': {name: FIELDS.get(name, 'string') for name in header}}],
            'projections': [projection('quotes', KEY), projection('sides', [*KEY, 'taker_side']),
                            projection('average', KEY, {'n': 'count()', 'vwap': 'vwap(price, size)'})]}


def average(row):
    """notional / volume to 12 places, of a half both ways, from the exact sums."""
    quotient = WIDE.divide(row['notional'], row['volume'])
    return [quotient.quantize(PLACES, rounding=rounding, context=WIDE) for rounding in (ROUND_HALF_EVEN, ROUND_HALF_UP)]


def check(ours, states, columns=tuple(COLUMNS)):
    """Compares states by EXCHANGE:SYMBOL; returns how many averages were exact halves."""
    assert set(ours) == set(states), set(ours) ^ set(states)
    halves = 0
    for key, wanted in states.items():
        row = ours[key]
        assert row['n'] == wanted['n'], (key, row, wanted)
        for name in EXACT:
            if name in columns:
                assert row[name] == Decimal(wanted[name]), (key, name, row[name], wanted[name])
        even, up = average(row)
        assert even == Decimal(wanted['vwap']) and row['vwap'] == up, (key, row, wanted)
        halves += even != up
    return halves


def by_instrument(rows):
    found = {f'{row["exchange"]}:{row["symbol"]}': row for row in rows}
    assert len(found) == len(rows)
    return found


@needs('crypto_ws')
class Crypto(unittest.TestCase):
    def test_state_after_n_trades(self):
        want = oracle('crypto_ws', 'oracle_trades.json')
        header, *lines = unpack(SHARED / 'crypto_ws' / 'trades.csv.zst').splitlines()
        assert len(lines) == want['trades']
        compared = halves = done = 0
        with Silo(catalog(header.split(','))) as silo:
            for upto, states in want['checkpoints'].items():
                end = len(lines) if upto == 'all' else int(upto)
                with replay(f'crypto {done} to {end}, 3 projections', end - done):
                    publish_csv(silo, 'trades', header, lines[done:end])
                    rows = settled(silo, 'crypto/quotes', counting(end))
                done = end
                halves += check(by_instrument(rows), states)
                compared += len(states)
            assert done == len(lines) and len(states) == want['symbols']
            self.check_other_ways(silo, len(lines), states)
        print(f'# {compared} states of instruments equal the oracle; {halves} averages lay exactly between two')

    def check_other_ways(self, silo, n, states):
        """The same by groups, as doubles, from synopticctl, and one instrument at a time."""
        settled(silo, 'crypto/sides', counting(n))
        columns = ','.join([*KEY, *(f'{how} as {name}' for name, how in MERGED.items())])
        check(by_instrument(settled(silo, ask('crypto/sides', group=','.join(KEY), select=columns), counting(n))), states, tuple(MERGED))
        for key, row in by_instrument(settled(silo, 'crypto/average', counting(n))).items():
            # a double of two exact sums: right to its last bit but one
            assert abs(row['vwap'] / Decimal(states[key]['notional']) * Decimal(states[key]['volume']) - 1) < Decimal('1e-15'), (key, row)

        table = [{name: value if name in KEY else Decimal(value) for name, value in row.items()}
                 for row in csv.DictReader(io.StringIO(ctl(silo, 'get', 'crypto/quotes', '--format', 'csv')))]
        check(by_instrument(table), states)
        check(by_instrument(picture(ctl(silo, 'get', 'crypto/quotes', '--format', 'json'))), states)
        for exchange, symbol in (key.split(':', 1) for key in list(states)[::40]):
            rows = rows_of(silo, ask('crypto/quotes', where=f'exchange=="{exchange}" and symbol=="{symbol}"'))
            check(by_instrument(rows), {f'{exchange}:{symbol}': states[f'{exchange}:{symbol}']})


if __name__ == '__main__':
    main()
