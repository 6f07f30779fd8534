# SPDX-License-Identifier: LGPL-2.1-or-later
"""Half a million flights of January 2001, as they were reported, against an oracle that this project did not write.

Publishes the first N rows and compares the state of every origin after them; then all, and compares the routes (by the hash that
the oracle has of all 3,290), the hours, the ten busiest routes and the number of late flights. What a projection says by its key,
a query must say by `group` over a finer projection, and must say after every slice of the events that it is asked in. A third
silo reads the file itself, whose times are no RFC 3339, through a `file` source.
"""
import csv
import hashlib
import io
import random
import unittest

from dataset import SHARED, ask, counting, ctl, needs, oracle, publish_csv, replay, rows_by_ctl, rows_of, same, settled, unpack, wait_for_sources
from silo import Silo, main

FILE = SHARED / 'flights' / 'flights_2001-01.csv.zst'
STATE = {'n': 'count()', 'delays': 'count(delay)', 'sum_delay': 'sum(delay)', 'min_delay': 'min(delay)', 'max_delay': 'max(delay)',
         'sum_distance': 'sum(distance)', 'last_date': 'last(date)'}
MERGED = {'n': 'sum(n)', 'delays': 'sum(delays)', 'sum_delay': 'sum(sum_delay)', 'min_delay': 'min(min_delay)',
          'max_delay': 'max(max_delay)', 'sum_distance': 'sum(sum_distance)', 'last_date': 'max(last_date)'}
CAP_MS = 10


def projection(name, key, columns=STATE, **more):
    return {'name': 'flights/' + name, 'from': 'flights', 'key': key, 'columns': columns, 'min_interval_ms': CAP_MS, **more}


def catalog(date, **source):
    return {
        'sources': [{'name': 'flights', **source, 'fields': {'date': date, 'delay': 'int64', 'distance': 'int64', 'origin': 'string',
                                                             'destination': 'string'}}],
        'projections': [
            projection('origins', ['origin']),
            projection('routes', ['origin', 'destination']),
            projection('dates', ['date'], {name: how for name, how in STATE.items() if name != 'last_date'}),
            projection('late', [], {'n': 'count()'}, where='delay > 15'),
            projection('delays', ['delay'], {'n': 'count()'}),
        ] + ([projection(name, [], {name: how for name, how in STATE.items() if name != 'last_date'}, window={'every': every, 'on': 'date'})
              for name, every in (('hours', '1h'), ('minutes', '1m'))] if date == 'timestamp' else [])}


def local(date):
    """A date as the data set writes it: to the minute, without a zone."""
    return date.removesuffix(':00Z')


def state(row):
    """A row as the oracle writes it."""
    return [row[name] if name != 'last_date' else local(row[name]) for name in STATE if name in row]


def selected(*more):
    return ','.join((*more, *(f'{how} as {name}' for name, how in MERGED.items() if name not in ('last_date',) or 'origin' in more)))


def check_routes(rows, want):
    """The oracle has of the routes a hash of a text."""
    lines = sorted('|'.join(str(value) for value in (f'{row["origin"]}-{row["destination"]}', *state(row))) for row in rows)
    assert len(lines) == want['routes']
    assert hashlib.sha256(''.join(line + '\n' for line in lines).encode()).hexdigest() == want['routes_state_sha256'], lines[:3]


def check_top(rows, want):
    assert [[row['n'], f'{row["origin"]}-{row["destination"]}'] for row in rows] == want['top10_routes'], rows


class Counted:
    """The states of origins and routes, and the hours of the day, one line at a time."""

    def __init__(self):
        self.origins, self.routes, self.hours = {}, {}, {}

    def add(self, line):
        date, delay, distance, origin, destination = line.split(',')
        delay, distance = int(delay), int(distance)
        for states, key in ((self.origins, origin), (self.routes, (origin, destination))):
            now = states.setdefault(key, [0, 0, 0, delay, delay, 0, date])
            now[:] = now[0] + 1, now[1] + 1, now[2] + delay, min(now[3], delay), max(now[4], delay), now[5] + distance, date
        hour = self.hours.setdefault(int(date[11:13]), [0, delay])
        hour[:] = hour[0] + 1, max(hour[1], delay)


@needs('flights')
class Flights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.want = oracle('flights', 'oracle_flights.json')
        cls.text = unpack(FILE)
        assert hashlib.sha256(cls.text.encode()).hexdigest() == cls.want['sha256_uncompressed']

    def test_state_after_n_rows(self):
        want, rows = self.want, self.want['rows']
        header, *lines = self.text.splitlines()
        lines = [f'{date}:00Z,{rest}' for date, _, rest in (line.partition(',') for line in lines)]
        with Silo(catalog('timestamp', kind='http')) as silo:
            done = 0
            for upto, states in want['by_origin_checkpoints'].items():
                end = rows if upto == 'all' else int(upto)
                with replay(f'flights {done} to {end}, 7 projections', end - done):
                    publish_csv(silo, 'flights', header, lines[done:end])
                    ours = settled(silo, 'flights/origins', counting(end))
                done = end
                same({row['origin']: state(row) for row in ours}, states, f'origins after {upto}')
            assert done == rows == len(lines)
            self.check_all(silo)
            self.check_hours(silo)
            self.check_reading(silo)

    def check_all(self, silo):
        want, rows = self.want, self.want['rows']
        origins = want['by_origin_checkpoints']['all']
        check_routes(settled(silo, 'flights/routes', counting(rows)), want)
        check_top(rows_of(silo, ask('flights/routes', sort='-n', limit=10)), want)
        late = want['late_over_15min']
        assert settled(silo, 'flights/late', counting(late)) == [{'n': late}]
        settled(silo, 'flights/delays', counting(rows))

        # the same by other ways: groups of a finer projection
        grouped = settled(silo, ask('flights/routes', group='origin', select=selected('origin')), counting(rows))
        same({row['origin']: state(row) for row in grouped}, origins, 'origins as groups of routes')
        whole = settled(silo, ask('flights/delays', where='delay > 15', select='sum(n) as n'), lambda rows: rows[0]['n'] == late)
        assert whole == [{'n': late}]
        busy = rows_of(silo, ask('flights/routes', group='origin', select='origin,sum(n) as n,count() as routes', having='sum(n)>=20000',
                                 sort='-n'))
        expected = sorted(((state[0], origin) for origin, state in origins.items() if state[0] >= 20000), reverse=True)
        assert expected and [(row['n'], row['origin']) for row in busy] == expected, busy

    def check_hours(self, silo):
        want, rows = self.want, self.want['rows']

        def by_hour(rows, name):
            return {row[name][:len('2001-01-01T00')]: state(row) for row in rows}

        hours = settled(silo, 'flights/hours', counting(rows))
        same(by_hour(hours, 'date'), want['by_hour'], 'hours')
        settled(silo, 'flights/minutes', counting(rows))
        grouped = settled(silo, ask('flights/minutes', group='trunc(date,"1h") as hour', select=selected('hour'), sort='hour'), counting(rows))
        assert list(by_hour(grouped, 'hour').items()) == sorted(want['by_hour'].items()), 'hours as groups of minutes, in order'
        of_day = settled(silo, ask('flights/minutes', group='hour(date) as hour', select=selected('hour'), sort='hour'), counting(rows))
        summed = {}
        for hour, (n, *_) in want['by_hour'].items():
            summed[int(hour[-2:])] = summed.get(int(hour[-2:]), 0) + n
        same({row['hour']: row['n'] for row in of_day}, summed, 'hours of the day')

    def check_reading(self, silo):
        """As synopticctl prints it, and as a panel that follows another asks for it."""
        origins = self.want['by_origin_checkpoints']['all']
        table = list(csv.DictReader(io.StringIO(ctl(silo, 'get', 'flights/origins', '--format', 'csv'))))
        same({row['origin']: [*(int(row[name]) for name in list(STATE)[:-1]), local(row['last_date'])] for row in table}, origins,
             'origins from synopticctl')
        routes = rows_by_ctl(silo, f'flights/routes?group=origin&select={selected("origin")}&sort=-n&limit=20')
        assert [row['n'] for row in routes] == sorted((n for n, *_ in origins.values()), reverse=True)[:20], routes
        same({row['origin']: state(row) for row in routes}, {row['origin']: origins[row['origin']] for row in routes}, 'groups from synopticctl')
        for origin in ('JFK', 'ABE'):
            row, = rows_of(silo, ask('flights/origins', where=f'origin=="{origin}"'))
            assert state(row) == origins[origin]

    def test_questions_while_it_grows(self):
        """Groups, a join and a sorted page, asked again after every slice: what is recomputed from the rows that changed must be what
        Python counts from the beginning."""
        groups = ask('flights/routes', group='origin', select=selected('origin'))
        hours = ask('flights/minutes', group='hour(date) as hour', select='hour,sum(n) as n,max(max_delay) as worst')
        shares = ask('flights/routes', join='flights/origins as o', where='`o.n` > 1', select='origin,destination,n,`o.n` as of')
        worst = ask('flights/routes', where='sum_delay > 15*n', select='origin,destination,sum_delay', sort='-sum_delay,origin,destination',
                    limit=20, offset=3)
        header, *lines = self.text.splitlines()
        chance = random.Random(2001)
        counted = Counted()
        done = slices = 0
        with Silo(catalog('timestamp', kind='http')) as silo, replay('flights by slices, 7 projections, 4 questions', len(lines)):
            while done < len(lines):
                end = min(done + chance.choice((1, 100, 5000, 40000)), len(lines))
                publish_csv(silo, 'flights', header, [line.replace(',', ':00Z,', 1) for line in lines[done:end]])
                for line in lines[done:end]:
                    counted.add(line)
                done, slices = end, slices + 1
                upto = f'after {done}'
                same({row['origin']: state(row) for row in settled(silo, groups, counting(done))}, counted.origins, 'origins ' + upto)
                same({row['hour']: [row['n'], row['worst']] for row in settled(silo, hours, counting(done))}, counted.hours, 'hours ' + upto)
                wanted = {(origin, to): [state[0], counted.origins[origin][0]] for (origin, to), state in counted.routes.items()
                          if counted.origins[origin][0] > 1}
                whole = [sum(row[number] for row in wanted.values()) for number in (0, 1)]
                rows = settled(silo, shares, lambda rows: [sum(row[name] for row in rows) for name in ('n', 'of')] == whole)
                same({(row['origin'], row['destination']): [row['n'], row['of']] for row in rows}, wanted, 'shares ' + upto)
                page = sorted((-state[2], *route) for route, state in counted.routes.items() if state[2] > 15 * state[0])[3:23]
                settled(silo, worst, lambda rows: [(-row['sum_delay'], row['origin'], row['destination']) for row in rows] == page)
        same(counted.origins, self.want['by_origin_checkpoints']['all'], 'what Python counted')
        print(f'# {slices} slices')

    def test_the_file_as_it_is(self):
        want, rows = self.want, self.want['rows']
        with Silo(catalog('string', kind='file', path=str(FILE))) as silo:
            with replay('flights from the compressed file, 5 projections', rows):
                wait_for_sources(silo, ['flights'])
                ours = settled(silo, 'flights/origins', counting(rows))
            same({row['origin']: state(row) for row in ours}, want['by_origin_checkpoints']['all'], 'origins')
            self.check_all(silo)
            settled(silo, 'flights/dates', counting(rows))
            hours = settled(silo, ask('flights/dates', group='trunc(timestamp(concat(date, ":00Z")), "1h") as hour', select=selected('hour')),
                            counting(rows))
            same({row['hour'][:len('2001-01-01T00')]: state(row) for row in hours}, want['by_hour'], 'hours, of text')


if __name__ == '__main__':
    main()
