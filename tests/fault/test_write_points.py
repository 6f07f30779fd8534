# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing acknowledged is lost, whichever write is the last: a real synopticd, with publishers and pollers, that ends before, after or in the
middle of its Nth write, flush, or change of a name in its data folder, or when the power fails then.

Two folders: a fresh one, and one with a history: checkpoints, records that retention removes, a write-ahead log that is about to be moved.
SYNOPTIC_FAULT_ROUNDS of 100 or more (meson's long setup): every point of both, in each way. Otherwise each kind of write to each file once.
"""

import collections
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from http.client import HTTPException

from durable import ALL, CATALOG, History, Poller, Publisher, check_all, reached
from faultdisk import FaultDisk
from silo import Silo, free_port, main, program, until

SEED = 20260729
DESK = {
    "sources": [
        {"name": "trades", "kind": "http", "fields": {"symbol": "string", "price": "decimal(4)"}},
        {"name": "thresholds", "kind": "http", "fields": {"symbol": "string", "above": "decimal(4)", "after_s": "int64"}},
        {"name": "acks", "kind": "http", "fields": {"symbol": "string", "time": "timestamp"}},
        {"name": "escalations", "kind": "http", "fields": {"symbol": "string", "last": "decimal(4)"}},
    ],
    "projections": [
        {"name": "quotes", "from": "trades", "key": ["symbol"], "min_interval_ms": 20, "columns": {"last": "last(price)"}},
        {"name": "thresholds", "from": "thresholds", "key": ["symbol"], "min_interval_ms": 20,
         "columns": {"above": "last(above)", "after_s": "last(after_s)"}},
        {"name": "acks", "from": "acks", "key": ["symbol"], "columns": {"at": "max(time)"}},
        {"name": "escalated", "from": "escalations", "key": ["symbol"], "columns": {"times": "count()"}},
    ],
}
ARGS = ["--module", program("alert.so", "SYNOPTIC_ALERT_MODULE")]
TRIM = ["--retain-age", "1s"]
N_REQUESTS = 4


def alerts(silo):
    return {row["symbol"] for row in silo.rows("alerts")}


def raise_alert(silo, symbol):
    """Shown is what its grain has written down, and its reminder."""
    if silo.publish("thresholds", [{"symbol": symbol, "above": 1, "after_s": 1 if symbol == "SOON" else 86400}]).status == 200 \
            and silo.publish("trades", [{"symbol": symbol, "price": 2}]).status == 200:
        silo.wait_for("alerts", lambda rows: any(row["symbol"] == symbol for row in rows))
        return True
    return False


class DeskHistory(History):
    """With an alert that has escalated since."""

    def first(self, silo):
        super().first(silo)
        raise_alert(silo, "SOON")


def tearDownModule():
    DeskHistory.forget()


class Run:
    """One end of a server, or two: `controls` of its first lives. And what is found after them."""

    def __init__(self, test, history, *controls):
        self.test, self.history, self.controls = test, history, controls
        self.folder = tempfile.mkdtemp(prefix="synoptic-point-")
        self.hit = False      # by the last of them
        self.shown = False    # an alert was, so it is to be there for good
        self.points = []

    def go(self):
        """Whether the last point was reached."""
        disk = FaultDisk(self.folder, power=any(control["mode"] == "power" for control in self.controls))
        if self.history is not None:
            disk.start_with(self.history.folder)
        port = free_port()
        silo = Silo(CATALOG, DESK, data=disk.folder, listen=f"127.0.0.1:{port}", args=ARGS + TRIM, env=disk.env, start=False)
        old = self.history.publishers if self.history is not None else []
        publishers = [Publisher(port, n, SEED + n, N_REQUESTS) for n in range(2)]
        pollers = [Poller(port, path) for path in ("totals", "by_last_digit")]
        try:
            for thread in publishers + pollers:
                thread.start()
            for control in self.controls:
                disk.set(**control)
                self.life(silo, old + publishers)
                self.points = disk.points()
            disk.set()
            silo.start()
            self.check(silo, old, publishers)
            silo.stop()
            for poller in pollers:
                poller.stopping = True
            for poller in pollers:
                poller.join(30)
                self.test.assertIsNone(poller.fault)
            done = subprocess.run([program("synopticctl", "SYNOPTICCTL"), "journal", "verify", disk.folder], capture_output=True, text=True, timeout=60)
            self.test.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        except BaseException:
            print("# " + f"{self}\n{silo.stderr()}".replace("\n", "\n# "), flush=True)
            raise
        finally:
            silo.kill()
            silo.clean()
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.hit

    def life(self, silo, publishers):
        try:
            silo.start()
        except AssertionError:
            self.ended(silo.status)
            return
        try:
            if not self.shown:
                self.shown = raise_alert(silo, "NEW")
            for publisher in publishers:
                while publisher.is_alive() and silo.process.poll() is None:
                    publisher.join(0.01)
            if silo.process.poll() is None:
                reached(silo, "all", lambda rows: rows and rows[0]["n"] == sum(p.acknowledged for p in publishers))
        except (OSError, HTTPException, AssertionError):  # it is not there any more, or else this is no good
            until(lambda: silo.process.poll() is not None, what="the end that explains this")
        self.ended(silo.end())

    def ended(self, status):
        self.hit = status == -signal.SIGKILL
        if not self.hit:
            self.test.assertEqual(status, 0, "it ended by itself")

    def check(self, silo, old, publishers):
        for publisher in publishers:
            publisher.join(60)
            self.test.assertIsNone(publisher.fault)
            self.test.assertFalse(publisher.is_alive())
        check_all(self.test, silo, old + publishers, quick=True)
        if self.shown:
            self.test.assertIn("NEW", alerts(silo))
        if old:
            self.test.assertIn("SOON", alerts(silo))

    def __str__(self):
        return f"{'history' if self.history else 'fresh'} {self.controls}, the last of {self.points[-1:]}"


class WritePoints(unittest.TestCase):
    def test_each_kind(self):
        """Each kind of write to each file, in a way that changes, at a point that changes."""
        chance = random.Random(SEED)
        ways = ["before", "after", "power", "torn", "lost"]
        done = n_hit = 0
        for history in (DeskHistory.get(CATALOG, DESK, args=ARGS), None):
            run = Run(self, history, {"mode": "count"})
            self.assertFalse(run.go())
            # What GLib puts in the place of a file has six random letters at first.
            counted = collections.Counter(f"{kind} {re.sub(r'[.][A-Z0-9]{6}$', '.??????', name)}" for kind, name, _ in run.points)
            if history is not None:
                known = set(counted)
            for match, n in sorted(counted.items()):
                if history is None and match in known:
                    continue
                way = ways[done % len(ways)]
                if way == "torn" and not match.startswith("write "):
                    way = "before"
                control = {"mode": "power", "seed": chance.randrange(1, 1000)} if way == "power" else {"mode": "power"} if way == "lost" else {"mode": way}
                at = chance.randint(1, max(1, n * 2 // 3))  # another run may have less of them
                done += 1
                n_hit += Run(self, history, {"match": match, "at": at, **control}).go()
        print(f"# {done} kinds; {n_hit} reached", flush=True)
        self.assertGreater(n_hit, done * 3 // 4)

    def test_seen(self):
        """What a process wrote and did not flush, and the next one found and showed, is there for good."""
        with tempfile.TemporaryDirectory(prefix="synoptic-seen-") as folder:
            disk = FaultDisk(folder, power=True)
            with Silo(CATALOG, DESK, data=disk.folder, args=ARGS, env=disk.env) as silo:
                n_seen = 0
                for n in range(8):
                    disk.set(mode="before", match="sync store.db-wal", at=1 + n % 2)  # its reminder's, or its own, or both
                    try:
                        raise_alert(silo, f"NEW{n}")
                    except (OSError, HTTPException):
                        pass
                    silo.kill()
                    disk.set()
                    silo.start()
                    seen = alerts(silo)
                    n_seen += f"NEW{n}" in seen
                    disk.set(mode="power")
                    with self.assertRaises((OSError, HTTPException)):
                        while True:
                            silo.publish("orders", [{"who": "a", "i": 1, "amount": 1}])
                    silo.kill()
                    disk.set()
                    silo.start()
                    self.assertEqual(alerts(silo), seen)
                self.assertGreater(n_seen, 0)

    def each(self, history):
        """All points, one after the other, in each way, until a run is over before."""
        if not ALL:
            self.skipTest("in the long setup")
        ways = [lambda at: {"mode": "before"}, lambda at: {"mode": "after"}, lambda at: {"mode": "torn", "match": "write *"},
                lambda at: {"mode": "power"}, lambda at: {"mode": "power", "seed": at}]
        for way in ways:
            at, began = 1, time.monotonic()
            while Run(self, history, {"at": at, **way(at)}).go():
                at += 1
            print(f"# {'history' if history else 'fresh'}, {way(1)}: {at - 1} points, {time.monotonic() - began:.0f} s", flush=True)
            self.assertGreater(at, 20)

    def test_fresh(self):
        self.each(None)

    def test_history(self):
        self.each(DeskHistory.get(CATALOG, DESK, args=ARGS))

    def test_twice(self):
        """Killed somewhere, and then the power fails somewhere: what the second one found and nobody had flushed is lost, too."""
        if not ALL:
            self.skipTest("in the long setup")
        chance = random.Random(SEED)
        at = 1
        for at in range(1, 200):
            first = {"mode": chance.choice(["before", "after"]), "at": chance.randint(40, 160)}
            Run(self, None, first, {"mode": "power", "at": at, "seed": chance.choice([0, at])}).go()


if __name__ == "__main__":
    main()
