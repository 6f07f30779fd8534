# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lane with more to do than time: what is stretched is listed, where an operator looks. (How far, when, which and back: test-stretch.c, by an injected clock.)"""

import json
import os
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "common"))
from silo import Silo, main, program  # noqa: E402

ROWS = 200_000
DEADLINE_S = 100
# Each snapshot of so many rows takes longer than the cap, whatever the machine: the lane is full as soon as somebody looks.
PLAN = {
    "sources": [{"name": "s", "kind": "http", "fields": {"key": "int64", "n": "int64"}}],
    "projections": [
        {"name": "big", "from": "s", "key": ["key"], "min_interval_ms": 10,
         "columns": {"last": "last(n)", "sum": "sum(n)", "low": "min(n)", "high": "max(n)", "mean": "mean(n)", "events": "count()"}},
        {"name": "small", "from": "s", "min_interval_ms": 1000, "columns": {"events": "count()"}}],
}


class Stretch(unittest.TestCase):
    def look(self, silo, done):
        """Long-polls one row of the answer, one after the other."""
        connection, tag = silo.http(), None
        while not done.is_set():
            headers = {"Prefer": "wait=5"}
            if tag:
                headers["If-None-Match"] = tag
            connection.request("GET", "/v1/projections/big?sort=-last,key&limit=1", headers=headers)
            answer = connection.getresponse()
            answer.read()
            tag = answer.headers.get("ETag", tag)
        connection.close()

    def publish(self, silo, done):
        number = 0
        while not done.is_set():
            number += 1
            silo.publish("s", [{"key": number * 7919 % ROWS, "n": number}])

    def wait_for_big(self, silo):
        """The status with what is stretched, among it the projection, and what the list says of that."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            status = silo.get("/v1/status").json
            listed = {entry["path"]: entry for entry in silo.get("/v1/projections").json["projections"]}
            if any(entry["path"] == "big" for entry in status["stretched"]) and "stretched" in listed["big"]:
                return status, listed
            time.sleep(0.1)
        self.fail(f"nothing is stretched: {json.dumps(status['lanes'][0])}")

    def check_entry(self, entry):
        self.assertIn(entry["factor"], (2, 4, 8))
        self.assertEqual(entry["interval_ms"], 10 * entry["factor"])
        self.assertGreaterEqual(entry["readers"], 1)
        self.assertGreater(entry["cpu_percent"], 0)
        self.assertGreaterEqual(entry["lane_busy_percent"], 80)
        self.assertEqual(entry["lane"], "0")
        self.assertRegex(entry["since"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d.*Z$")

    def test_listed(self):
        with Silo(PLAN, lanes=1) as silo:
            status = silo.get("/v1/status").json
            self.assertEqual((status["stretched"], status["stretched_not_listed"]), ([], 0))
            for lane in status["lanes"]:
                self.assertEqual((lane["budget_percent"], lane["stretched"], lane["worst_stretch"]), (80.0, 0, 1))
            self.assertNotIn("stretched", silo.get("/v1/projections").json["projections"][0])
            for first in range(0, ROWS, 50_000):
                body = "".join(f'{{"key":{key},"n":{key}}}\n' for key in range(first, first + 50_000))
                self.assertEqual(silo.publish("s", body).status, 200)

            done = threading.Event()
            threads = [threading.Thread(target=work, args=(silo, done)) for work in (self.look, self.publish)]
            for thread in threads:
                thread.start()
            try:
                status, listed = self.wait_for_big(silo)
                ctl = subprocess.run([program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "status"], capture_output=True, text=True, timeout=60)
            finally:
                done.set()
                for thread in threads:
                    thread.join()
            entry = next(entry for entry in status["stretched"] if entry["path"] == "big")
            self.assertEqual(entry["grain"], "projection")
            self.check_entry(entry)
            self.check_entry(listed["big"]["stretched"])
            self.assertNotIn("stretched", listed["small"])  # nobody looks at it
            lane = status["lanes"][0]
            self.assertEqual(lane["stretched"], len(status["stretched"]))
            self.assertEqual(lane["worst_stretch"], max(entry["factor"] for entry in status["stretched"]))
            self.assertLessEqual(lane["available_percent"], 100.5)
            self.assertEqual(ctl.returncode, 0, ctl.stderr)
            self.assertIn("worst_stretch", ctl.stdout)
            self.assertRegex(ctl.stdout, r"lane_busy_percent")


if __name__ == "__main__":
    main()
