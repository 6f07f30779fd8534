# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing acknowledged is lost: publishers and pollers of a real synopticd that is killed with SIGKILL at random points, again and again.

Each publisher numbers its requests and sends one again until it is acknowledged, so in the end each of its events has to count exactly once; after
each restart, what was acknowledged before has to be there. SYNOPTIC_FAULT_ROUNDS: how often it is killed (meson's long setup: hundreds);
SYNOPTIC_FAULT_SEED: of the points in time.
"""

import http.client
import json
import os
import random
import subprocess
import threading
import time
import unittest

from silo import Silo, main, program

ROUNDS = int(os.environ.get("SYNOPTIC_FAULT_ROUNDS", "6"))
SEED = int(os.environ.get("SYNOPTIC_FAULT_SEED", "0")) or random.randrange(1, 1 << 30)
N_PUBLISHERS = 3

CATALOG = {
    "sources": [{"name": "orders", "kind": "http", "durable": True,
                 "fields": {"who": "string", "i": "int64", "amount": "decimal(2)"}}],
    "projections": [
        {"name": "totals", "from": "orders", "key": ["who"], "min_interval_ms": 50,
         "columns": {"n": "count()", "amount": "sum(amount)", "last": "last(i)"}},
        {"name": "all", "from": "orders", "min_interval_ms": 50, "columns": {"n": "count()", "amount": "sum(amount)"}},
        # conflated: these two share their events
        {"name": "by_last_digit", "from": "orders", "key": ["i"], "where": "i < 10", "min_interval_ms": 50, "columns": {"n": "count()"}},
        {"name": "by_last_digit_sum", "from": "orders", "key": ["i"], "where": "i < 10", "min_interval_ms": 50,
         "columns": {"amount": "sum(amount)"}},
    ],
}


class Publisher(threading.Thread):
    """Requests one after another, each until it is acknowledged."""

    def __init__(self, port, number, seed):
        super().__init__(daemon=True)
        self.port = port
        self.who = f"p{number}"
        self.random = random.Random(seed)
        self.stopping = False
        self.acknowledged = 0   # events
        self.cents = 0          # of these
        self.begun = 0          # events of requests that were sent at least once
        self.small = [0] * 10   # how often each i below 10 was published
        self.requests = self.repeats = 0
        self.last_sequence = 0
        self.fault = None

    def run(self):
        try:
            while not self.stopping:
                self.one()
        except BaseException as fault:  # told by the test
            self.fault = fault

    def one(self):
        n = self.random.choice((1, 1, 2, 10, 200))
        rows = [(self.begun + i, self.random.randrange(100000)) for i in range(n)]
        rows = [(self.random.randrange(10) if self.random.random() < 0.1 else 10 + i, cents) for i, cents in rows]
        body = "".join(f'{{"who":"{self.who}","i":{i},"amount":{cents // 100}.{cents % 100:02}}}\n' for i, cents in rows)
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


class Kill(unittest.TestCase):
    def rows(self, silo, path):
        """As of all that the source has when it is open again: of the snapshot after the next, or when there is none."""
        deadline = time.monotonic() + 60
        newer, headers, rows = 0, {"Accept": "application/json", "Prefer": "wait=1"}, None
        while newer < 3:
            self.assertLess(time.monotonic(), deadline, silo.get("/v1/sources").text)
            status = silo.get("/v1/sources").json["sources"][0]
            if status["sequence"] is None or status["error"] is not None or "recovering" in status:
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

    @staticmethod
    def counts(rows):
        return {row["who"]: (row["n"], round(float(row["amount"]) * 100)) for row in rows}

    def test_kill(self):
        print(f"# seed {SEED}, {ROUNDS} rounds", flush=True)
        chance = random.Random(SEED)
        with Silo(CATALOG) as silo:
            silo.listen = f"127.0.0.1:{silo.port}"
            publishers = [Publisher(silo.port, n, SEED + n) for n in range(N_PUBLISHERS)]
            pollers = [Poller(silo.port, path) for path in ("totals", "all", "by_last_digit")]
            for thread in publishers + pollers:
                thread.start()
            for number in range(ROUNDS):
                time.sleep(chance.random() * 0.6)
                silo.kill()
                before = {p.who: p.acknowledged for p in publishers}
                silo.start()
                after = self.counts(self.rows(silo, "totals"))
                begun = {p.who: p.begun for p in publishers}
                for thread in publishers + pollers:
                    self.assertIsNone(thread.fault, f"round {number}")
                for who, n in before.items():
                    self.assertGreaterEqual(after.get(who, (0, 0))[0], n, f"round {number}: acknowledged events of {who} are missing")
                    self.assertLessEqual(after.get(who, (0, 0))[0], begun[who], f"round {number}: events of {who} count twice")
            for publisher in publishers:
                publisher.stopping = True
            for publisher in publishers:
                publisher.join(30)
                self.assertIsNone(publisher.fault)
                self.assertFalse(publisher.is_alive())
            expected = {p.who: (p.acknowledged, p.cents) for p in publishers}
            self.assertEqual(self.counts(self.rows(silo, "totals")), expected)
            total = self.rows(silo, "all")[0]
            self.assertEqual((total["n"], round(float(total["amount"]) * 100)),
                             (sum(n for n, _ in expected.values()), sum(cents for _, cents in expected.values())))
            digits = {row["i"]: row["n"] for row in self.rows(silo, "by_last_digit")}
            self.assertEqual(digits, {i: n for i in range(10) if (n := sum(p.small[i] for p in publishers)) > 0})
            sequence = silo.get("/v1/sources").json["sources"][0]["sequence"]
            self.assertEqual(sequence, sum(p.acknowledged for p in publishers), "numbers have gaps")
            for poller in pollers:
                poller.stopping = True
            for poller in pollers:
                poller.join(30)
                self.assertIsNone(poller.fault)
                epochs = {epoch for epoch, _ in poller.seen}
                print(f"# {poller.path}: {len(poller.seen)} snapshots of {len(epochs)} epochs", flush=True)
            print(f"# {sequence} events in {sum(p.requests for p in publishers)} requests, "
                  f"{sum(p.repeats for p in publishers)} sent again", flush=True)

    def test_publish_tool(self):
        """synopticctl publish --retry: the server is killed and started again while a file goes out, and each of its lines counts once."""
        n, chance = 20000, random.Random(SEED)
        lines = "".join(f'{{"who":"tool","i":{i},"amount":0.01}}\n' for i in range(n))
        with Silo(CATALOG) as silo:
            silo.listen = f"127.0.0.1:{silo.port}"
            tool = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "publish", "orders", "--batch", "20", "--retry", "60"],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = []
            reader = threading.Thread(target=lambda: said.append(tool.communicate(lines)[0]), daemon=True)
            reader.start()
            killed = 0
            while tool.poll() is None:
                time.sleep(0.05 + chance.random() * 0.2)
                if killed < max(ROUNDS // 3, 2):
                    silo.kill()
                    silo.start()
                    killed += 1
            reader.join(10)
            self.assertEqual((tool.returncode, said), (0, [f"accepted {n} sequence {n}\n"]))
            self.assertEqual(self.counts(self.rows(silo, "totals")), {"tool": (n, n)})
            print(f"# killed {killed} times", flush=True)


if __name__ == "__main__":
    main()
