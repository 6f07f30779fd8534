# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the journal of a real synopticd retains: each source by its own rule, never less than a projection needs; who holds records; recovery from
what is left; the numbers that /v1/sources, /v1/status, /metrics and synopticctl tell of it."""

import json
import re
import subprocess
import time
import unittest

from silo import Silo, main, program

CATALOG = {
    "sources": [
        {"name": "small", "kind": "http", "durable": True, "retain": {"mb": 1}, "fields": {"n": "int64", "text": "string"}},
        {"name": "lonely", "kind": "http", "durable": True, "retain": {"mb": 1}, "fields": {"n": "int64", "text": "string"}},
        {"name": "audit", "kind": "http", "durable": True, "retain": "all", "fields": {"n": "int64", "text": "string"}},
        {"name": "plain", "kind": "http", "durable": True, "fields": {"n": "int64"}},
    ],
    "projections": [{"name": "totals", "from": "small", "min_interval_ms": 10, "columns": {"c": "count()", "s": "sum(n)"}}],
}
LINES = 4000
BODY = "".join(f'{{"n":{n},"text":"{n:04d}{"x" * 400}"}}\n' for n in range(LINES))  # 1.7 MB, and so in the journal


def ctl(*args):
    return subprocess.run([program("synopticctl", "SYNOPTICCTL"), *args], capture_output=True, text=True, timeout=120)


def publish(silo, source, body=BODY):
    while True:
        answer = silo.publish(source, body)
        if answer.status != 503:  # still recovering
            return answer
        time.sleep(0.02)


def journal_of(silo, source):
    while True:  # until they are counted
        found = {s["name"]: s for s in silo.get("/v1/sources").json["sources"]}[source]
        if "journal" in found:
            return found["journal"]
        time.sleep(0.02)


class Retention(unittest.TestCase):
    def totals(self, silo, count):
        while silo.get("/v1/projections/totals").status == 503:
            time.sleep(0.02)
        silo.wait_for("totals", lambda rows: rows and rows[0]["c"] == count and rows[0]["s"] == count // LINES * (LINES - 1) * LINES // 2)

    def test_sources(self):
        with Silo(CATALOG) as silo:
            for n in range(3):
                if n > 0:  # each end writes checkpoints
                    silo.stop()
                    silo.start()
                for _ in range(2):
                    for source in ("small", "lonely", "audit"):
                        self.assertEqual(publish(silo, source).status, 200)
            self.totals(silo, 6 * LINES)
            small, lonely, audit, plain = (journal_of(silo, name) for name in ("small", "lonely", "audit", "plain"))
            # The projection has not written two checkpoints in one run: it may need all of it, though it may have only one megabyte.
            self.assertEqual((small["events"], small["first"], small["retain"]), (6 * LINES, 1, {"age_s": None, "mb": 1}))
            self.assertGreater(lonely["first"], 2 * LINES)  # what both of its own have is gone
            self.assertLess(lonely["events"], 6 * LINES)
            self.assertEqual((audit["events"], audit["first"], audit["retain"]), (6 * LINES, 1, "all"))
            self.assertEqual((plain["events"], plain["retain"]), (0, {"age_s": 7 * 86400, "mb": None}))
            status = silo.get("/v1/status").json
            self.assertEqual((status["journal"]["failures"], status["journal"]["error"]), (0, None))
            self.assertGreater(status["journal"]["longest_flush_us"], 0)
            self.assertEqual({reader["reader"] for reader in status["journal_readers"]},
                             {"projection/totals", "source/small", "source/lonely", "source/audit", "source/plain"})
            self.assertTrue(all(reader["in_catalog"] for reader in status["journal_readers"]))
            metrics = dict(re.findall(r"^synoptic_(journal_\S+) (\S+)$", silo.get("/metrics").text, re.M))
            self.assertEqual(int(metrics['journal_source_events{source="lonely"}']), lonely["events"])
            self.assertEqual(int(metrics["journal_failures_total"]), 0)
            self.assertGreater(float(metrics["journal_last_commit_timestamp_seconds"]), time.time() - 3600)
            silo.kill()
            silo.start()
            self.totals(silo, 6 * LINES)  # from the checkpoint and what is left
            inspected = {s["source"]: s for s in json.loads(ctl("journal", "inspect", "-f", "json", silo.data).stdout)["sources"]}
            after = journal_of(silo, "lonely")  # counted anew
            for key in ("records", "events", "bytes", "first"):
                self.assertEqual(after[key], inspected["lonely"][key], key)
            self.assertEqual(ctl("journal", "verify", silo.data).returncode, 0)

    def test_left_behind(self):
        with Silo(CATALOG) as silo:
            self.assertEqual(publish(silo, "small").status, 200)
            self.totals(silo, LINES)
            silo.stop()
            self.assertNotIn("no longer reads", silo.stderr())
            with open(silo.files[0], "w", encoding="utf-8") as file:
                json.dump({**CATALOG, "sources": CATALOG["sources"][:3], "projections": []}, file)
            silo.start()
            for name in ("projection/totals", "source/plain"):
                self.assertRegex(silo.stderr(), f'for "{name}", which no longer reads .* synopticctl journal drop --partition [0-9]+ {silo.data} {name}')
            readers = {reader["reader"]: reader["in_catalog"] for reader in silo.get("/v1/status").json["journal_readers"]}
            self.assertEqual(readers, {"projection/totals": False, "source/plain": False, "source/small": True, "source/lonely": True,
                                       "source/audit": True})

    def test_options(self):
        for option, text in (("--retain-age=7w", "--retain-age takes \"all\" or a duration"), ("--retain-mb=-1", "--retain-mb takes a number")):
            with Silo(CATALOG, args=[option], start=False) as silo:
                with self.assertRaisesRegex(AssertionError, re.escape(text)):
                    silo.start()
        with Silo(CATALOG, args=["--retain-age", "all", "--retain-mb", "0"]) as silo:
            self.assertEqual(journal_of(silo, "plain")["retain"], {"age_s": None, "mb": None})


if __name__ == "__main__":
    main()
