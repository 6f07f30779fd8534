# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten thousand orders of a shop, exact to the last digit of a cent, against an oracle that this project did not write.

Every sum by region, category, sub-category, segment and state: once by a projection with that key, once by a query that groups a finer
projection. Distinct counts: by distinct() within its bound or error, and exactly by grouping. The names are those of the file, with their spaces and
hyphens.
"""
import csv
import hashlib
import io
import unittest
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from dataset import SHARED, ask, counting, ctl, distinct_error, needs, oracle, replay, rows_of, settled, unpack
from silo import Silo, main

PLACES = Decimal('1e-10')
FIELDS = {'Row ID': 'int64', 'Sales': 'decimal(4)', 'Quantity': 'int64', 'Discount': 'decimal(2)', 'Profit': 'decimal(4)'}
STATE = {'n': 'count()', 'sales': 'sum(Sales)', 'quantity': 'sum(Quantity)', 'profit': 'sum(Profit)', 'discount': 'sum(Discount)',
         'mean_discount': 'div(discount, n, 10)'}
MERGED = {'n': 'sum(n)', 'sales': 'sum(sales)', 'quantity': 'sum(quantity)', 'profit': 'sum(profit)', 'discount': 'sum(discount)',
          'mean_discount': 'div(sum(discount), sum(n), 10)'}
BY = {'by_region': ['Region'], 'by_category': ['Category'], 'by_category_subcategory': ['Category', 'Sub-Category'],
      'by_region_segment': ['Region', 'Segment'], 'by_state': ['State']}
CUBE = ['State', 'Region', 'Segment', 'Category', 'Sub-Category']


def projection(name, key, columns=STATE):
    return {'name': 'store/' + name, 'from': 'orders', 'key': key, 'columns': columns, 'min_interval_ms': 10}


def catalog(header, distinct):
    return {
        'sources': [{'name': 'orders', 'kind': 'http', 'fields': {name: FIELDS.get(name, 'string') for name in header}}],
        'projections': [projection(name, key) for name, key in (BY | {'total': [], 'cube': CUBE}).items()]
        + [projection('distinct', [], {'n': 'count()'} | {name: f'distinct(`{name}`)' for name in distinct})]
        + [projection('of/' + name.replace(' ', '_'), [name], {'n': 'count()'}) for name in distinct]}


def mean_to_ten_places(total, n):
    """As the oracle writes it, and as div() does: they part where a mean lies exactly between two."""
    return tuple((total / n).quantize(PLACES, rounding=rounding) for rounding in (ROUND_HALF_EVEN, ROUND_HALF_UP))


def check_state(row, wanted, what):
    n, sales, quantity, profit, mean = wanted
    exact = (n, Decimal(sales), quantity, Decimal(profit))
    ours = tuple(row[name] for name in ('n', 'sales', 'quantity', 'profit'))
    assert ours == exact, (what, ours, exact)
    even, up = mean_to_ten_places(row['discount'], row['n'])
    assert even == Decimal(mean) and row['mean_discount'] == up, (what, row, mean)


def check_groups(rows, key, wanted, what):
    ours = {' / '.join(row[name] for name in key): row for row in rows}
    assert len(ours) == len(rows) and set(ours) == set(wanted), (what, set(ours) ^ set(wanted))
    for group, state in wanted.items():
        check_state(ours[group], state, (what, group))


def quoted(name):
    return name if name.isalnum() else f'`{name}`'


@needs('superstore')
class Superstore(unittest.TestCase):
    def test_every_sum(self):
        want = oracle('superstore', 'oracle_superstore.json')
        text = unpack(SHARED / 'superstore' / 'superstore.csv.gz')
        assert hashlib.sha256(text.encode()).hexdigest() == want['sha256_uncompressed']
        header = next(csv.reader(io.StringIO(text)))
        with Silo(catalog(header, want['distinct'])) as silo:
            with replay('superstore, 13 projections, by synopticctl', want['rows']):
                said = ctl(silo, 'publish', 'orders', '-', '--format', 'csv', stdin=text)
                assert f'accepted {want["rows"]} ' in said, said
                settled(silo, 'store/total', counting(want['rows']))
            self.check_sums(silo, want)
            self.check_distinct(silo, want)
            self.check_reading(silo, want)

    def check_sums(self, silo, want):
        whole, = settled(silo, 'store/total', counting(want['rows']))
        check_state(whole, want['total'], 'total')
        columns = ','.join(f'{how} as {name}' for name, how in MERGED.items())
        settled(silo, 'store/cube', counting(want['rows']))
        for name, key in BY.items():
            check_groups(settled(silo, 'store/' + name, counting(want['rows'])), key, want[name], name)
            names = ','.join(quoted(part) for part in key)
            grouped = settled(silo, ask('store/cube', group=names, select=f'{names},{columns}'), counting(want['rows']))
            check_groups(grouped, key, want[name], 'groups ' + name)
        whole, = settled(silo, ask('store/cube', select=columns), counting(want['rows']))
        check_state(whole, want['total'], 'total of the cube')

    def check_distinct(self, silo, want):
        ours, = settled(silo, 'store/distinct', counting(want['rows']))
        for name, exact in want['distinct'].items():
            print(f'# distinct {name}: {ours[name]} for {exact}, {distinct_error(ours[name], exact):+.2%}')
            path = 'store/of/' + name.replace(' ', '_')
            settled(silo, path, counting(want['rows']))
            whole, = settled(silo, ask(path, select='count() as n,sum(n) as orders'), counting(want['rows'], 'orders'))
            assert whole['n'] == exact, (name, whole, exact)

    def check_reading(self, silo, want):
        table = csv.DictReader(io.StringIO(ctl(silo, 'get', 'store/by_state', '--format', 'csv')))
        rows = [{name: value if name == 'State' else Decimal(value) for name, value in row.items()} for row in table]
        check_groups(rows, ['State'], want['by_state'], 'synopticctl')
        for state in ('California', 'New York'):
            row, = rows_of(silo, ask('store/by_state', where=f'State=="{state}"'))
            check_state(row, want['by_state'][state], state)
        rows = rows_of(silo, ask('store/by_category_subcategory', where='Category=="Furniture" and `Sub-Category`=="Chairs"'))
        check_groups(rows, ['Category', 'Sub-Category'], {'Furniture / Chairs': want['by_category_subcategory']['Furniture / Chairs']}, 'Chairs')


if __name__ == '__main__':
    main()
