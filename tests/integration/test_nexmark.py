# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Nexmark auction's bids, and the answers that the makers of another stream processor publish to its queries 7, 15, 16 and 17: all rows
and all columns of them.

q7, the highest bid of each ten seconds with its auction, bidder and time, is last(x, price), and once a join; the conditions of q15 to q17
stand inside the aggregates; once more, each of them is asked of finer projections by `group`. A published mean is a quotient of whole
numbers with 28 or 29 digits: it is compared with div() to 18 places, and with mean() as a double.
"""
import csv
import io
import unittest
from decimal import ROUND_HALF_UP, Context, Decimal

from dataset import SHARED, ask, counting, ctl, needs, oracle, publish_csv, replay, rows_of, same, settled, unpack
from silo import Silo, main

RANKS = {'': 'true', '1': 'price<10000', '2': 'price>=10000 and price<1000000', '3': 'price>=1000000'}  # as q15 to q17 have them
DISTINCT = {f'{what}{rank}': f'distinct({f"if({when}, {what}, null)" if rank else what})'
            for what in ('bidder', 'auction') for rank, when in RANKS.items()}
COUNTS = {'n' + rank: f'count({f"if({when}, price, null)" if rank else ""})' for rank, when in RANKS.items()}
PRICES = {'min': 'min(price)', 'max': 'max(price)', 'avg': 'mean(price)', 'sum': 'sum(price)', 'exact': 'div(sum, n, 18)'}
DAY = {'every': '1d', 'on': 'date_time'}
Q7 = 'q7_max_bid_per_10s_tumbling_window[auction,price,bidder,date_time]'
Q15 = 'q15_per_day[total,rank1,rank2,rank3 bids; bidders x4; auctions x4]'
Q16 = 'q16_per_channel[total,rank1..3 bids; distinct bidders x4; distinct auctions x4]'
Q17 = 'q17_per_auction[total,rank1,rank2,rank3,min,max,avg,sum]'
WIDE = Context(prec=60)
PLACES = Decimal('1e-18')


def catalog():
    def projection(name, key, columns, window):
        return {'name': name, 'from': 'bids', 'key': key, 'columns': columns, 'window': window, 'min_interval_ms': 10}

    return {
        'sources': [{'name': 'bids', 'kind': 'http', 'fields': {'auction': 'int64', 'bidder': 'int64', 'price': 'int64', 'channel': 'string',
                                                                'date_time': 'timestamp'}}],
        'projections': [
            projection('q7', [], {'n': 'count()', 'auction': 'last(auction, price)', 'price': 'max(price)', 'bidder': 'last(bidder, price)',
                                  'at': 'last(date_time, price)'}, {'every': '10s', 'on': 'date_time'}),
            projection('q15', [], COUNTS | DISTINCT, DAY),
            projection('q16', ['channel'], COUNTS | DISTINCT, DAY),
            projection('q17', ['auction'], COUNTS | PRICES, DAY),
            projection('tens', ['auction', 'bidder', 'channel', 'price'], {'n': 'count()', 'at': 'last(date_time)'},
                       {'every': '10s', 'on': 'date_time'}),
            projection('bids', ['auction', 'bidder', 'channel', 'price'], {'n': 'count()'}, {'every': '1ms', 'on': 'date_time'})]}


def moment(text):
    """A time as the published answers write it."""
    return text.replace('T', ' ').removesuffix('Z')


def day(row):
    return moment(row['date_time']).removesuffix(' 00:00:00')


def check_highest(rows, wanted):
    ours = sorted([row['auction'], row['price'], row['bidder'], moment(row['at'])] for row in rows)
    assert ours == sorted(wanted), (ours, wanted)


def check_auctions(rows, wanted, mean=True):
    assert len(rows) == len(wanted) and {str(row['auction']) for row in rows} == set(wanted), rows
    for row in rows:
        *numbers, low, high, average, total = wanted[str(row['auction'])]
        assert [row[name] for name in COUNTS] == [int(number) for number in numbers], (row, numbers)
        assert [row['min'], row['max'], row['sum']] == [int(low), int(high), int(total)], (row, low, high, total)
        assert day(row) == '2015-07-15'
        exact = WIDE.divide(Decimal(row['sum']), row['n'])
        assert abs(exact - Decimal(average)) < Decimal('1e-19'), (exact, average)  # the published digits are those of sum / count
        assert row['exact'] == exact.quantize(PLACES, rounding=ROUND_HALF_UP, context=WIDE), (row, average)
        assert not mean or float(row['avg']) == float(average), (row, average)


@needs('nexmark_small')
class Nexmark(unittest.TestCase):
    def test_published_answers(self):
        want = oracle('nexmark_small', 'published_answers.json')
        header, *lines = unpack(SHARED / 'nexmark_small' / 'bid.csv').splitlines()
        with Silo(catalog()) as silo:
            with replay('nexmark_small, 6 projections', len(lines)):
                publish_csv(silo, 'bids', header, [line + 'Z' for line in lines])
                settled(silo, 'q15', counting(len(lines)))
            self.check_projections(silo, len(lines), want)
            self.check_groups(silo, len(lines), want)
            self.check_reading(silo, want)

    def check_projections(self, silo, n, want):
        check_highest(settled(silo, 'q7', counting(n)), want[Q7])
        columns = [*COUNTS, *DISTINCT]
        same({day(row): [row[name] for name in columns] for row in settled(silo, 'q15', counting(n))}, want[Q15], 'q15')
        channels = settled(silo, 'q16', counting(n))
        same({row['channel']: [row[name] for name in columns] for row in channels}, want[Q16], 'q16')
        assert len(channels) == len(want[Q16]) and {day(row) for row in channels} == set(want[Q15])
        check_auctions(settled(silo, 'q17', counting(n)), want[Q17])

    def check_groups(self, silo, n, want):
        """The same of the bids, one row each."""
        bids = settled(silo, 'bids', counting(n))
        assert len(bids) == n
        per_day = 'trunc(date_time,"1d") as date_time'

        def columns(*names, **computed):
            return ','.join([*names, *(f'{how} as {name}' for name, how in computed.items())])

        rows = settled(silo, ask('bids', group='trunc(date_time,"10s") as start', select=columns(
            'start', n='count()', auction='last(auction,price)', price='max(price)', bidder='last(bidder,price)',
            at='last(date_time,price)')), counting(n))
        check_highest(rows, want[Q7])
        # as q7 itself says it: the bids whose price is the highest of their ten seconds
        settled(silo, 'tens', counting(n))
        rows = settled(silo, ask('tens', join='q7 as best', where='price==`best.price`', select='auction,price,bidder,at'),
                       lambda rows: len(rows) == len(want[Q7]))
        check_highest(rows, want[Q7])

        names = [*COUNTS, *DISTINCT]
        rows = settled(silo, ask('bids', group=per_day, select=columns('date_time', **COUNTS, **DISTINCT)), counting(n))
        same({day(row): [row[name] for name in names] for row in rows}, want[Q15], 'q15 by group')
        rows = settled(silo, ask('bids', group='channel,' + per_day, select=columns('channel', 'date_time', **COUNTS, **DISTINCT)), counting(n))
        same({row['channel']: [row[name] for name in names] for row in rows}, want[Q16], 'q16 by group')
        prices = PRICES | {'exact': 'div(sum(price),count(),18)'}
        rows = settled(silo, ask('bids', group='auction,' + per_day, select=columns('auction', 'date_time', **COUNTS, **prices)), counting(n))
        check_auctions(rows, want[Q17])

    def check_reading(self, silo, want):
        rows = [{name: value if name == 'date_time' else Decimal(value) for name, value in row.items()}
                for row in csv.DictReader(io.StringIO(ctl(silo, 'get', 'q17', '--format', 'csv')))]
        check_auctions(rows, want[Q17])
        for auction in (1000, 1004):
            check_auctions(rows_of(silo, ask('q17', where=f'auction=={auction}')), {str(auction): want[Q17][str(auction)]})
        for channel in ('Apple', 'channel-9891'):
            row, = rows_of(silo, ask('q16', where=f'channel=="{channel}"'))
            assert [row[name] for name in [*COUNTS, *DISTINCT]] == want[Q16][channel], row


if __name__ == '__main__':
    main()
