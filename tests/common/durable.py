# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests have in common in which a synopticd with a durable source comes to grief: publishers that number their requests and send each
again until it is acknowledged, pollers that look at the tokens, and what has to be true in the end."""

import http.client
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time

from silo import Silo, program, until

ALL = int(os.environ.get("SYNOPTIC_FAULT_ROUNDS", "6")) >= 100  # meson's long setup

N_BOOKS = 300
CATALOG = {
    "sources": [{"name": "orders", "kind": "http", "durable": True,
                 "fields": {"who": "string", "i": "int64", "amount": "decimal(2)", "book": "string"}}],
    "projections": [
        {"name": "totals", "from": "orders", "key": ["who"], "min_interval_ms": 50,
         "columns": {"n": "count()", "amount": "sum(amount)", "last": "last(i)"}},
        {"name": "all", "from": "orders", "min_interval_ms": 50, "columns": {"n": "count()", "amount": "sum(amount)"}},
        # of many rows, of which few change
        {"name": "books", "from": "orders", "key": ["book"], "where": "book is not null", "min_interval_ms": 50, "columns": {"n": "count()"}},
        # conflated: these two share their events
        {"name": "by_last_digit", "from": "orders", "key": ["i"], "where": "i < 10", "min_interval_ms": 50, "columns": {"n": "count()"}},
        {"name": "by_last_digit_sum", "from": "orders", "key": ["i"], "where": "i < 10", "min_interval_ms": 50,
         "columns": {"amount": "sum(amount)"}},
    ],
}


class Publisher(threading.Thread):
    """Requests one after another, each until it is acknowledged. `refusals`: what the 503s said."""

    def __init__(self, port, number, seed, limit=None, who=None):
        super().__init__(daemon=True)
        self.port = port
        self.limit = limit      # of requests; None: until it is stopped
        self.who = who or f"p{number}"
        self.random = random.Random(seed)
        self.stopping = False
        self.acknowledged = 0   # events
        self.cents = 0          # of these
        self.begun = 0          # events of requests that were sent at least once
        self.small = [0] * 10   # how often each i below 10 was published
        self.requests = self.repeats = 0
        self.last_sequence = 0
        self.refusals = set()
        self.fault = None

    def run(self):
        try:
            while not self.stopping and (self.limit is None or self.requests < self.limit):
                self.one()
        except BaseException as fault:  # told by the test
            self.fault = fault

    def one(self):
        n = self.random.choice((1, 1, 2, 10, 200))
        rows = [(self.begun + i, self.random.randrange(100000)) for i in range(n)]
        rows = [(self.random.randrange(10) if self.random.random() < 0.1 else 10 + i, cents) for i, cents in rows]
        body = "".join(f'{{"who":"{self.who}","i":{i},"amount":{cents // 100}.{cents % 100:02},"book":"the book of number {i % N_BOOKS}"}}\n'
                       for i, cents in rows)
        self.begun += n
        self.requests += 1
        answer = self.send(body, self.requests)
        if answer["accepted"] != n or answer["sequence"] <= self.last_sequence:
            raise AssertionError(f"{answer} after {self.last_sequence}, for {n} events")
        self.last_sequence = answer["sequence"]
        self.cents += sum(cents for _, cents in rows)
        for i, _ in rows:
            if i < 10:
                self.small[i] += 1
        self.acknowledged += n

    def send(self, body, number):
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", "/v1/sources/orders/events", body, {
                    "Content-Type": "application/x-ndjson", "Synoptic-Producer": self.who, "Synoptic-Sequence": str(number)})
                response = connection.getresponse()
                text = response.read()
                if response.status == 200:
                    return json.loads(text)
                if response.status != 503:
                    raise AssertionError(f"{response.status} {text!r}")
                self.refusals.add(json.loads(text)["error"]["message"])
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            self.repeats += 1
            time.sleep(0.01)


class Poller(threading.Thread):
    """Long-polls one projection, and looks at the tokens: within an epoch they only grow, and so do epochs."""

    def __init__(self, port, path):
        super().__init__(daemon=True)
        self.port, self.path = port, path
        self.stopping = False
        self.seen = []
        self.fault = None

    def run(self):
        tag = None
        while not self.stopping:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                headers = {"Prefer": "wait=1", "Accept": "application/json"}
                if tag:
                    headers["If-None-Match"] = tag
                connection.request("GET", f"/v1/projections/{self.path}", headers=headers)
                response = connection.getresponse()
                text = response.read()
                if response.status == 200:
                    tag = response.headers["ETag"]
                    token = tuple(int(part, base) for part, base in zip(tag.strip('"').split("-"), (16, 16)))
                    if self.seen and token <= self.seen[-1]:
                        self.fault = f"{self.path}: token {token} after {self.seen[-1]}"
                        return
                    self.seen.append(token)
                elif response.status not in (304, 503):
                    self.fault = f"{self.path}: {response.status} {text!r}"
                    return
                if response.status == 503:
                    time.sleep(0.05)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
            finally:
                connection.close()


class Views(threading.Thread):
    """Clients of libreplica, all in one process on one link: tests/fault/view-log.c, whose lines are looked at as they come. `paths` are views; of
    those in `many` (many rows, of which some change) a connection gets at most one snapshot in full."""

    LINE = re.compile(r"(\S+) ([0-9a-f]+)-([0-9a-f]+) connection (\d+) full (\d+) delta (\d+) refused (\d+) rows (\d+)\n")

    def __init__(self, url, paths, many=()):
        super().__init__(daemon=True)
        self.paths, self.many = paths, many
        self.process = subprocess.Popen([program("view-log", "SYNOPTIC_VIEW_LOG"), url, *paths], stdout=subprocess.PIPE, text=True)
        self.tokens = {path: (0, 0) for path in paths}
        self.epochs = {path: set() for path in paths}
        self.n_full, self.n_delta = dict.fromkeys(paths, 0), dict.fromkeys(paths, 0)
        self.begun = {}  # path: (connection, n_full before it)
        self.fault = None

    def run(self):
        for line in self.process.stdout:
            self.fault = self.fault or self.look(line)

    def look(self, line):
        match = self.LINE.fullmatch(line)
        if match is None:
            return f"not a line of view-log: {line!r}"
        path, token = match[1], (int(match[2], 16), int(match[3], 16))
        connection, n_full, n_delta, n_refused = (int(text) for text in match.groups()[3:7])
        if token <= self.tokens[path]:
            return f"{path}: token {token} after {self.tokens[path]}"
        if n_refused:
            return f"{path}: {n_refused} deltas did not fit"
        if self.begun.get(path, (0, 0))[0] != connection:
            self.begun[path] = (connection, self.n_full[path])
        if path in self.many and n_full > self.begun[path][1] + 1:
            return f"{path}: {n_full - self.begun[path][1]} snapshots in full on connection {connection}: {line}"
        self.tokens[path], self.n_full[path], self.n_delta[path] = token, n_full, n_delta
        self.epochs[path].add(token[0])
        return None

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.join(10)
        self.process.stdout.close()


def token_of(silo, path):
    """As soon as it can be had."""
    while (answer := silo.get(f"/v1/projections/{path}")).status == 503:
        time.sleep(0.02)
    return tuple(int(part, 16) for part in answer.headers["ETag"].strip('"').split("-"))


def status_of(silo):
    """Of the durable source."""
    return next(source for source in silo.get("/v1/sources").json["sources"] if source["name"] == "orders")


def is_recovered(status):
    return status["sequence"] is not None and status["error"] is None and "recovering" not in status


def settled(silo, path, timeout=300 if ALL else 60):
    """The rows of a projection as of all that the source has when it is open again: of the snapshot after the next, or when there is none."""
    deadline = time.monotonic() + timeout
    newer, headers, rows = 0, {"Accept": "application/json", "Prefer": "wait=1"}, None
    while newer < 3:
        if time.monotonic() > deadline:
            raise AssertionError(f"{path} is not there: {silo.get('/v1/sources').text}")
        if not is_recovered(status_of(silo)):
            time.sleep(0.02)
            continue
        answer = silo.get(f"/v1/projections/{path}", headers)
        if answer.status == 304:
            break
        if answer.status == 200:
            headers["If-None-Match"] = answer.headers["ETag"]
            rows = [dict(zip([column["name"] for column in answer.json["columns"]], row)) for row in answer.json["rows"]]
            newer += 1
    return rows


def reached(silo, path, condition, timeout=300 if ALL else 60):
    """The rows of a projection as soon as it has recovered, and they are as they should: settled() takes a second longer."""
    deadline = time.monotonic() + timeout
    while not is_recovered(status_of(silo)) or silo.get(f"/v1/projections/{path}").status != 200:
        if time.monotonic() > deadline:
            raise AssertionError(f"{path} is not there: {silo.get('/v1/sources').text}")
        time.sleep(0.01)
    return silo.wait_for(path, condition, deadline - time.monotonic())


def counts(rows):
    return {row["who"]: (row["n"], round(float(row["amount"]) * 100)) for row in rows}


def check_all(test, silo, publishers, quick=False):
    """When all have been acknowledged: each event of theirs counts exactly once in every projection. Returns the source's sequence."""
    expected = {p.who: (p.acknowledged, p.cents) for p in publishers}

    def check(path, read, right):
        rows = reached(silo, path, lambda rows: read(rows) == right) if quick else settled(silo, path)
        test.assertEqual(read(rows), right)

    check("totals", counts, expected)
    check("all", lambda rows: [(row["n"], round(float(row["amount"]) * 100)) for row in rows],
          [(sum(n for n, _ in expected.values()), sum(cents for _, cents in expected.values()))])
    check("by_last_digit", lambda rows: {row["i"]: row["n"] for row in rows},
          {i: n for i in range(10) if (n := sum(p.small[i] for p in publishers)) > 0})
    check("books", lambda rows: sum(row["n"] for row in rows), sum(n for n, _ in expected.values()))
    sequence = status_of(silo)["sequence"]
    test.assertEqual(sequence, sum(p.acknowledged for p in publishers), "numbers have gaps")
    return sequence


class History:
    """A data folder as after some lives, and what was acknowledged in them: two checkpoints, and a log that is about to be moved into the file;
    in the long setup also records that retention may remove. Made once, for all with these `args`."""

    made = {}
    FULL_LOG_BYTES = 16 << 20  # the journal's is moved when it is so large
    LIFE = 10                  # requests

    def __init__(self, catalogs, args):
        self.folder = tempfile.mkdtemp(prefix="synoptic-history-")
        self.publishers = []
        with Silo(*catalogs, data=self.folder, args=args) as silo:
            self.first(silo)
            silo.stop()
            silo.start()
            self.life(silo)
            if ALL:  # two checkpoints in one life: from then on there is something that retention may remove
                n = 2 * len(CATALOG["projections"])
                until(lambda: self.life(silo) or silo.metric("synoptic_checkpoints_total") >= n, 90, "checkpoints", 1)
            silo.stop()
            silo.start()
            while os.path.getsize(os.path.join(self.folder, "journal.db-wal")) < self.FULL_LOG_BYTES - (600 << 10):
                self.life(silo)
            silo.kill()

    def first(self, silo):
        self.life(silo)

    def life(self, silo):
        number = len(self.publishers)
        publisher = Publisher(silo.port, number, number + 1, self.LIFE, f"h{number}")
        publisher.run()
        if publisher.fault:
            raise publisher.fault
        self.publishers.append(publisher)

    @classmethod
    def get(cls, *catalogs, args=()):
        if cls not in cls.made:
            cls.made[cls] = cls(catalogs, args)
        return cls.made[cls]

    @classmethod
    def forget(cls):
        """At the end of all tests."""
        for history in cls.made.values():
            shutil.rmtree(history.folder, ignore_errors=True)
        cls.made.clear()
