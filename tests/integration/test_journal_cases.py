# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be wrong with the journal of a silo when it starts, and what an operator does then: records that are damaged, a log that was cut off, files that are missing,
of a newer version, not to be written, or of an older back-up; two silos on one folder; a disk without room. Each is an error that names file and remedy, or a start with what is
left, and what is lost is named. Faults below the running server are in tests/fault."""

import contextlib
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import threading
import time
import unittest

from silo import Silo, main, program, until

CATALOG = {
    "sources": [{"name": "orders", "kind": "http", "durable": True, "fields": {"n": "int64", "text": "string"}}],
    "projections": [{"name": "all", "from": "orders", "min_interval_ms": 10, "columns": {"c": "count()", "s": "sum(n)"}}],
}


def ctl(*args):
    return subprocess.run([program("synopticctl", "SYNOPTICCTL"), *args], capture_output=True, text=True, timeout=120)


def publish(silo, body):
    while True:
        answer = silo.publish("orders", body)
        if answer.status != 503:
            return answer
        time.sleep(0.02)


@contextlib.contextmanager
def started_by(silo, command):
    """Meanwhile a silo is started by that shell command: "$REAL" is the program, "$@" what it is given."""
    wrapper = os.path.join(silo.folder, "synopticd.sh")
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/bash\n{command}\n")
    os.chmod(wrapper, 0o755)
    silo.env["REAL"] = program("synopticd", "SYNOPTICD")
    kept = os.environ.get("SYNOPTICD")
    os.environ["SYNOPTICD"] = wrapper
    try:
        yield
    finally:
        if kept is None:
            del os.environ["SYNOPTICD"]
        else:
            os.environ["SYNOPTICD"] = kept


class Cases(unittest.TestCase):
    def totals(self, silo, c, s):
        while silo.get("/v1/projections/all").status == 503:
            time.sleep(0.02)
        silo.wait_for("all", lambda rows: rows and rows[0]["c"] == c and rows[0]["s"] == s)

    def fill(self, silo, *numbers):
        for n in numbers:
            self.assertEqual(publish(silo, f'{{"n":{n}}}\n').status, 200)

    def journal(self, silo):
        return os.path.join(silo.data, "journal.db")

    def execute(self, silo, sql):
        with sqlite3.connect(self.journal(silo)) as db:
            db.execute(sql)
        db.close()

    def refused(self, silo, *texts):
        """The silo does not start, and says all of that."""
        with self.assertRaises(AssertionError) as caught:
            silo.start()
        for text in texts:
            self.assertIn(text, str(caught.exception))

    def test_damaged_record(self):
        with Silo(CATALOG) as silo:
            self.fill(silo, 1, 2, 4, 8)
            self.totals(silo, 4, 15)
            silo.kill()  # no checkpoint: all of it must be replayed
            self.execute(silo, "UPDATE record SET bytes=zeroblob(length(bytes)) WHERE kind=2 AND first=3")
            silo.start()
            until(lambda: silo.get("/v1/sources").json["sources"][0]["error"], what="the error")
            error = silo.get("/v1/sources").json["sources"][0]["error"]
            self.assertRegex(error, r"journal\.db: partition \d+: record \d+ is damaged: its checksum does not match; stop the silo, and see what is lost with: "
                             "synopticctl journal repair")
            self.assertEqual(silo.get("/v1/projections/all").status, 503)
            answer = silo.publish("orders", '{"n":100}\n')
            self.assertEqual(answer.status, 503)
            self.assertIn("synopticctl journal repair", answer.json["error"]["message"])
            self.assertIn("stop it first", ctl("journal", "repair", silo.data).stderr)
            silo.stop()
            told = ctl("journal", "repair", silo.data)
            self.assertEqual(told.returncode, 1)
            self.assertIn('events 3 to 3 of source "orders" are lost', told.stdout)
            self.assertEqual(ctl("journal", "repair", "--yes", silo.data).returncode, 0)
            silo.start()
            self.totals(silo, 3, 11)
            self.assertIn('events 3 to 3 are marked as lost in record', silo.stderr())
            self.assertEqual(publish(silo, '{"n":16}\n').json, {"accepted": 1, "sequence": 5})
            self.totals(silo, 4, 27)
            silo.kill()
            silo.start()
            self.totals(silo, 4, 27)
            self.assertIn("1 events marked as lost", ctl("journal", "verify", silo.data).stdout)

    def test_damaged_last_record(self):
        with Silo(CATALOG) as silo:
            self.fill(silo, 1, 2, 4)
            self.totals(silo, 3, 7)
            silo.kill()
            self.execute(silo, "UPDATE record SET bytes=zeroblob(length(bytes)) WHERE kind=2 AND first=3")
            self.assertEqual(ctl("journal", "repair", "--yes", silo.data).returncode, 0)
            silo.start()
            self.totals(silo, 2, 3)
            self.assertEqual(publish(silo, '{"n":16}\n').json, {"accepted": 1, "sequence": 4})
            self.totals(silo, 3, 19)
            silo.kill()
            silo.start()
            self.totals(silo, 3, 19)

    def test_cut_log(self):
        """What was committed and is cut off of the write-ahead log cannot be told from what never was: the start is a clean one with what is left."""
        with Silo(CATALOG) as silo:
            self.fill(silo, *range(20))
            silo.kill()
            log = self.journal(silo) + "-wal"
            os.truncate(log, os.path.getsize(log) - 40000)
            silo.start()
            while silo.get("/v1/projections/all").status == 503:
                time.sleep(0.02)
            rows = silo.wait_for("all", lambda rows: True)
            left = rows[0]["c"] if rows else 0
            self.assertLess(left, 20)
            self.assertGreater(left, 5)
            self.assertEqual(rows[0]["s"], left * (left - 1) // 2)
            self.assertEqual(publish(silo, '{"n":0}\n').json["sequence"], left + 1)
            self.assertEqual(ctl("journal", "verify", silo.data).returncode, 0)

    def test_damaged_log(self):
        """A frame that is damaged, with commits behind it: SQLite passes over all of these, and it is said."""
        with Silo(CATALOG) as silo:
            self.fill(silo, *range(20))
            silo.kill()
            with open(self.journal(silo) + "-wal", "r+b") as file:
                file.seek(os.path.getsize(file.name) // 2)
                file.write(b"damaged")
            silo.start()
            self.assertRegex(silo.stderr(), r"journal\.db-wal: .*byte \d+")
            while silo.get("/v1/projections/all").status == 503:
                time.sleep(0.02)
            self.assertEqual(ctl("journal", "verify", silo.data).returncode, 0)

    def test_missing(self):
        with Silo(CATALOG) as silo:
            self.fill(silo, 1, 2)
            silo.stop()
            os.rename(self.journal(silo), self.journal(silo) + ".away")
            self.refused(silo, "journal.db: is missing", "restore a back-up", "journal.made")
            os.remove(os.path.join(silo.data, "journal.made"))  # on purpose, then
            silo.start()
            self.assertEqual(publish(silo, '{"n":5}\n').json["sequence"], 1)
            self.totals(silo, 1, 5)
            silo.stop()
            os.rename(self.journal(silo) + ".away", self.journal(silo))
            silo.start()
            self.totals(silo, 2, 3)

    def test_backup_under_load(self):
        """As docs/operations.md says: a back-up while events come, and a new folder that begins with it."""
        with Silo(CATALOG) as silo:
            self.fill(silo, 1)
            stop, published = threading.Event(), []

            def run():
                while not stop.is_set():
                    published.append(publish(silo, '{"n":1}\n' * 50).json["sequence"])

            publisher = threading.Thread(target=run)
            publisher.start()
            backups = []
            try:
                for n in range(3):
                    before = len(published)
                    until(lambda: len(published) > before + 3, what="events")
                    backups.append((os.path.join(silo.folder, f"backup-{n}.db"), published[-1]))
                    self.assertEqual(ctl("journal", "backup", silo.data, backups[-1][0]).returncode, 0)
                    store = os.path.join(silo.folder, f"store-{n}.db")
                    with sqlite3.connect(os.path.join(silo.data, "store.db")) as db:
                        db.execute("VACUUM INTO ?", (store,))
                    db.close()
            finally:
                stop.set()
                publisher.join()
            self.totals(silo, published[-1], published[-1])
            for n, (backup, at_least) in enumerate(backups):
                self.assertIn("OK: ", ctl("journal", "verify", backup).stdout)
                with Silo(CATALOG, start=False) as restored:
                    os.mkdir(restored.data)
                    shutil.copy(backup, os.path.join(restored.data, "journal.db"))
                    shutil.copy(os.path.join(silo.folder, f"store-{n}.db"), os.path.join(restored.data, "store.db"))
                    restored.start()
                    while restored.get("/v1/projections/all").status == 503:
                        time.sleep(0.02)
                    sequence = restored.get("/v1/sources").json["sources"][0]["sequence"]
                    self.assertGreaterEqual(sequence, at_least)  # all that was acknowledged before the back-up began
                    self.totals(restored, sequence, sequence)  # each counts once
                    self.assertEqual(publish(restored, '{"n":1}\n').json["sequence"], sequence + 1)

    def test_older_backup(self):
        with Silo(CATALOG) as silo:
            backup = os.path.join(silo.folder, "backup.db")
            self.fill(silo, 1, 2)
            self.assertEqual(ctl("journal", "backup", silo.data, backup).returncode, 0)
            self.fill(silo, 4)
            self.totals(silo, 3, 7)
            token = silo.get("/v1/projections/all").headers["ETag"]
            silo.stop()
            shutil.copy(backup, self.journal(silo))
            silo.start()
            self.totals(silo, 2, 3)
            answer = silo.get("/v1/projections/all", {"If-None-Match": token})
            self.assertEqual(answer.status, 200, "an old token is never taken for what is there now")
            self.assertEqual(publish(silo, '{"n":4}\n').json["sequence"], 3)

    def test_newer(self):
        with Silo(CATALOG) as silo:
            self.fill(silo, 1)
            silo.stop()
            self.execute(silo, "PRAGMA user_version=9")
            self.refused(silo, "journal.db: is of format 9, made by a newer version; this one knows up to 2")
            self.execute(silo, "PRAGMA user_version=1")  # what the version before wrote is read
            silo.start()
            self.totals(silo, 1, 1)
            silo.stop()
            with open(os.path.join(silo.data, "format"), "w", encoding="utf-8") as file:
                file.write("9\n")
            self.refused(silo, "format", "newer")

    def test_two(self):
        with Silo(CATALOG) as silo:
            self.fill(silo, 1)
            with Silo(CATALOG, data=silo.data, start=False) as second:
                self.refused(second, f"another silo (pid {silo.pid}) uses this folder")
            self.fill(silo, 2)
            self.totals(silo, 2, 3)

    def test_read_only(self):
        with Silo(CATALOG) as silo:
            self.fill(silo, 1)
            silo.stop()
            names = [silo.data] + [os.path.join(silo.data, name) for name in os.listdir(silo.data)]
            before = {name: os.stat(name) for name in names}
            is_root = os.getuid() == 0
            if is_root and shutil.which("setpriv") is None:
                self.skipTest("root may write anywhere")
            for name in names:
                if is_root:
                    os.chown(name, 65534, 65534)
                os.chmod(name, 0o500 if name == silo.data else 0o400)
            os.chmod(silo.folder, 0o755)
            try:
                with started_by(silo, 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$REAL" "$@"' if is_root else 'exec "$REAL" "$@"'):
                    self.refused(silo, silo.data, "Permission denied")
            finally:
                for name in names:
                    os.chown(name, before[name].st_uid, before[name].st_gid)
                    os.chmod(name, before[name].st_mode)
            silo.start()
            self.totals(silo, 1, 1)

    def test_no_room_at_start(self):
        """The files may not grow from the first moment on: snapshots are served, events refused, and it heals."""
        with Silo(CATALOG) as silo:
            self.fill(silo, *range(30))
            silo.kill()
            size = max(os.path.getsize(os.path.join(silo.data, name)) for name in ("journal.db", "journal.db-wal"))
            with started_by(silo, f'ulimit -S -f {max(size // 1024 - 16, 16)}; exec "$REAL" "$@"'):
                silo.start()
            answer = silo.publish("orders", '{"n":1000}\n')
            self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unavailable"))
            until(lambda: "journal.db" in (silo.get("/v1/sources").json["sources"][0]["error"] or ""), what="the reason")
            print("#", silo.get("/v1/sources").json["sources"][0]["error"])
            self.assertEqual(silo.get("/healthz").status, 200)
            status = silo.get("/v1/status").json["journal"]
            self.assertGreater(status["failures"], 0)
            resource.prlimit(silo.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            self.assertEqual(publish(silo, '{"n":1000}\n').json["sequence"], 31)
            self.totals(silo, 31, 435 + 1000)

    def test_drop(self):
        with Silo(CATALOG) as silo:
            self.fill(silo, 1, 2)
            self.totals(silo, 2, 3)
            silo.stop()
            with open(silo.files[0], "w", encoding="utf-8") as file:
                json.dump({**CATALOG, "projections": []}, file)
            silo.start()
            command = re.search(r"run: synopticctl (journal drop .*)", silo.stderr()).group(1).split()
            silo.stop()
            self.assertEqual(ctl(*command).returncode, 0)
            with open(silo.files[0], "w", encoding="utf-8") as file:
                json.dump(CATALOG, file)
            silo.start()
            self.totals(silo, 2, 3)  # from what is left, which is all


if __name__ == "__main__":
    main()
