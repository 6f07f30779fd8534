# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that fails under a real synopticd, while it runs and when it starts, and heals: writes, flushes and reads of each of its files, with
EIO and with ENOSPC.

What cannot be made durable is refused with the reason, what is served goes on, what was acknowledged is there afterwards, although then the power
fails, too: a flush that failed is not taken for done by one that succeeds later. SYNOPTIC_FAULT_SEED is that of the sectors that get lost.
"""

import os
import random
import shutil
import tempfile
import time
import unittest

from durable import ALL, CATALOG, History, Poller, Publisher, check_all, counts, reached, status_of
from faultdisk import FaultDisk
from silo import Silo, free_port, main, until

SEED = int(os.environ.get("SYNOPTIC_FAULT_SEED", "0")) or random.randrange(1, 1 << 30)
ARGS = ["--retain-age", "1s"]  # what checkpoints have is in nothing else, in the long setup
REASONS = {"EIO": "Input/output error", "ENOSPC": "(full|No space left on device)", "EROFS": "Read-only file system", "EACCES": "Permission denied"}
WRITES = "create *;openw *;write *;truncate *;rename *;unlink *;sync *"


def tearDownModule():
    History.forget()


class Disk(unittest.TestCase):
    """A folder on such a disk, a silo over it, publishers and pollers."""

    def setUp(self):
        self.beside = tempfile.mkdtemp(prefix="synoptic-disk-")
        self.addCleanup(shutil.rmtree, self.beside, ignore_errors=True)

    def assertReason(self, errno, text):
        self.assertRegex(text, REASONS[errno])

    def open(self, history=None, start=True, power=True):
        self.disk = FaultDisk(self.beside, power=power)
        if history is not None:
            self.disk.start_with(history.folder)
        self.silo = Silo(CATALOG, data=self.disk.folder, listen=f"127.0.0.1:{free_port()}", args=ARGS, env=self.disk.env, start=False)
        self.addCleanup(self.silo.clean)
        self.addCleanup(self.silo.kill)
        if start:
            self.silo.start()

    def publish(self, who, number=1):
        """One request: the answer. It is sent as a publisher does it."""
        body = f'{{"who":"{who}","i":10,"amount":0.01}}\n'
        return self.silo.request("POST", "/v1/sources/orders/events", body, {
            "Content-Type": "application/x-ndjson", "Synoptic-Producer": who, "Synoptic-Sequence": str(number)})

    def cut(self, seed):
        """The power goes at the next write, of which there may be none by itself."""
        self.disk.set(mode="power", seed=seed)
        until_ended = time.monotonic() + 30
        number = 1
        while self.silo.process.poll() is None:
            self.assertLess(time.monotonic(), until_ended)
            try:
                self.publish("last", number)
            except OSError:
                pass
        self.silo.kill()
        self.disk.set()

    def check(self, publishers):
        """`last` may be there, or not."""
        expected = {p.who: (p.acknowledged, p.cents) for p in publishers}
        rows = reached(self.silo, "totals", lambda rows: {who: n for who, n in counts(rows).items() if who != "last"} == expected)
        self.assertLessEqual(counts(rows).get("last", (0, 0))[0], 1)


class Running(Disk):
    def test_refused(self):
        """What is published meanwhile is refused, with the reason; it heals, and what was refused can be sent again."""
        for number, (match, errno) in enumerate((("write journal.db-wal", "EIO"), ("write journal.db-wal", "ENOSPC"), ("sync journal.db-wal", "EIO"),
                                                 ("write *;sync *", "EROFS"))):
            with self.subTest(match=match, errno=errno):
                self.setUp()
                self.open()
                until(lambda: self.publish("a").status == 200, what="a source that is open")
                reached(self.silo, "totals", lambda rows: len(rows) == 1)
                self.disk.set(mode="fail", match=match, errno=errno)
                for attempt in range(3):
                    answer = self.publish("b")
                    self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unavailable"))
                    self.assertIn("journal.db", answer.json["error"]["message"])
                    self.assertReason(errno, answer.json["error"]["message"])
                    self.assertIsNotNone(answer.headers["Retry-After"])
                    self.assertReason(errno, status_of(self.silo)["error"])
                    self.assertReason(errno, self.silo.get("/v1/status").json["journal"]["error"])
                    self.assertEqual(counts(self.silo.rows("totals")), {"a": (1, 1)})
                print("#", answer.json["error"]["message"], flush=True)
                self.disk.set()
                until(lambda: self.publish("b").status == 200, what="healing")
                reached(self.silo, "totals", lambda rows: counts(rows) == {"a": (1, 1), "b": (1, 1)})
                self.assertIsNone(status_of(self.silo)["error"])
                self.assertIsNone(self.silo.get("/v1/status").json["journal"]["error"])
                self.cut(0)
                self.silo.start()
                rows = counts(reached(self.silo, "totals", lambda rows: len(rows) >= 2))
                self.assertEqual((rows["a"], rows["b"]), ((1, 1), (1, 1)))
                self.silo.stop()

    def one(self, match, errno, calls, history, seed):
        """Publishers at work while it fails; when it has healed, all of them come to their end, and the power is cut."""
        self.setUp()
        self.open(history)
        port = self.silo.port
        old = history.publishers if history is not None else []
        publishers = [Publisher(port, n, SEED + n) for n in range(2)]
        pollers = [Poller(port, path) for path in ("totals", "by_last_digit")]
        for thread in publishers + pollers:
            thread.start()
        until(lambda: all(p.acknowledged > 0 for p in publishers), what="publishing")
        reached(self.silo, "totals", lambda rows: True)
        self.disk.set(mode="fail", match=match, errno=errno, calls=calls)
        time.sleep(0.3)
        served = self.silo.get("/v1/projections/totals")
        self.assertIn(served.status, (200, 304))
        self.disk.set()
        acknowledged = [p.acknowledged for p in publishers]
        until(lambda: all(p.acknowledged > n for p, n in zip(publishers, acknowledged)), timeout=60, what="healing")
        for publisher in publishers:
            publisher.stopping = True
        for publisher in publishers:
            publisher.join(60)
            self.assertIsNone(publisher.fault)
        refusals = {text for p in publishers for text in p.refusals if "recovering" not in text}
        self.assertIsNone(status_of(self.silo)["error"])
        check_all(self, self.silo, old + publishers, quick=True)
        self.cut(seed)
        self.silo.start()
        self.check(old + publishers)
        for poller in pollers:
            poller.stopping = True
        for poller in pollers:
            poller.join(30)
            self.assertIsNone(poller.fault)
        self.silo.stop()
        return refusals

    def test_heals(self):
        chance = random.Random(SEED)
        print(f"# seed {SEED}", flush=True)
        history = History.get(CATALOG)
        for match, errno in (("write journal.db-wal", "ENOSPC"), ("write journal.db-wal", "EIO"), ("sync journal.db-wal", "EIO"),
                             ("write journal.db", "EIO"), ("write journal.db", "ENOSPC"), ("sync journal.db", "EIO"),
                             ("read journal.db*", "EIO"), ("write *-shm;truncate *-shm", "ENOSPC"), ("*", "EIO")):
            for calls in (0, 1, 3) if ALL else (0,):
                with self.subTest(match=match, errno=errno, calls=calls):
                    refusals = self.one(match, errno, calls, history, chance.choice([0, 1 + chance.randrange(1000)]))
                    print(f"# {match} {errno} {calls}: {sorted(refusals)}", flush=True)


class Starting(Disk):
    def start(self, history, match, errno):
        """It says what is wrong and ends, or serves. Then, on a sound disk, everything is there."""
        self.setUp()
        self.open(history, start=False)
        self.disk.set(mode="fail", match=match, errno=errno)
        try:
            self.silo.start()
            said = "serves: "
            said += str(status_of(self.silo)["error"])
            self.assertEqual(self.silo.get("/v1/projections/totals").status in (200, 503), True)
            self.assertEqual(self.silo.end(), 0)
        except AssertionError:
            self.assertIsNotNone(self.silo.status)
            self.assertIn(self.silo.status, (0, 1), self.silo.stderr())
            said = self.silo.stderr().strip()
            self.assertReason(errno, said)
            self.assertIn(self.disk.folder, said)
        print(f"# {match} {errno}: {said}".replace("\n", "\n# ").replace(self.disk.folder, "DATA"), flush=True)
        self.disk.set()
        self.silo.start()
        if history is not None:
            check_all(self, self.silo, history.publishers, quick=True)
        until(lambda: self.publish("new").status == 200, what="a source that is open")
        self.silo.stop()

    def test_starts(self):
        for history in (None, History.get(CATALOG)):
            for match, errno in ((WRITES, "EROFS"), ("create *;openw *", "EACCES"), ("write *", "ENOSPC"), ("write *", "EIO"), ("sync *", "EIO"),
                                 ("read *", "EIO"), ("open *", "EIO"), ("read *.db*", "EIO"), ("write *-wal", "ENOSPC"), ("sync .", "EIO"),
                                 ("write *-shm", "ENOSPC"), ("write *.db", "EIO")):
                with self.subTest(match=match, errno=errno, history=history is not None):
                    self.start(history, match, errno)

    def test_recovers(self):
        """Some reads fail, sooner or later on the way: it ends with the reason, or is there by itself in the end."""
        history = History.get(CATALOG)
        n_served = 0
        for at in range(1, 1500, 7) if ALL else (1, 900, 1011, 1021, 1031, 1051):
            with self.subTest(at=at):
                self.setUp()
                self.open(history, start=False, power=False)
                self.disk.set(mode="fail", match="read *.db*", errno="EIO", at=at, calls=3)
                try:
                    self.silo.start()
                except AssertionError:
                    self.assertEqual(self.silo.status, 1)
                    self.assertIn(self.disk.folder, self.silo.stderr())
                    continue
                check_all(self, self.silo, history.publishers, quick=True)
                n_served += 1
                self.silo.stop()
        self.assertGreater(n_served, 0)
        print(f"# {n_served} of {at} came to serve", flush=True)


if __name__ == "__main__":
    main()
