# SPDX-License-Identifier: LGPL-2.1-or-later
"""A durable source of a real synopticd: what it acknowledged is there after a restart, a request that is sent again counts once, and a journal that
cannot grow (its process may write no larger files) refuses what is published, goes on serving, and heals."""

import os
import resource
import time
import unittest

from silo import Silo, main

CATALOG = {
    "sources": [{"name": "orders", "kind": "http", "durable": True, "fields": {"n": "int64", "text": "string"}}],
    "projections": [{"name": "all", "from": "orders", "min_interval_ms": 10, "columns": {"c": "count()", "s": "sum(n)"}}],
}


def post(silo, body, **headers):
    names = {"producer": "Synoptic-Producer", "number": "Synoptic-Sequence"}
    return silo.request("POST", "/v1/sources/orders/events", body,
                        {"Content-Type": "application/x-ndjson", **{names[k]: str(v) for k, v in headers.items()}})


class Durable(unittest.TestCase):
    def totals(self, silo, c, s):
        while silo.get("/v1/projections/all").status == 503:  # recovering
            time.sleep(0.02)
        silo.wait_for("all", lambda rows: rows and rows[0]["c"] == c and rows[0]["s"] == s)

    def test_restart(self):
        with Silo(CATALOG) as silo:
            for round in range(4):
                if round > 0:
                    (silo.stop if round % 2 else silo.kill)()
                    silo.start()
                    self.totals(silo, 2 * round, 3 * round)
                    answer = self.until_taken(silo, '{"n":100}\n', producer="p", number=round)
                    self.assertEqual(answer.json, {"accepted": 2, "sequence": 2 * round}, "sent again")
                answer = self.until_taken(silo, '{"n":1}\n{"n":2}\n', producer="p", number=round + 1)
                self.assertEqual(answer.json, {"accepted": 2, "sequence": 2 * round + 2})
                self.totals(silo, 2 * round + 2, 3 * round + 3)
            status = silo.get("/v1/status").json
            self.assertGreater(status["journal"]["records"], 4)
            self.assertIsNone(status["journal"]["error"])
            self.assertTrue(status["sources"][0]["durable"])

    @staticmethod
    def until_taken(silo, body, **headers):
        while True:
            answer = post(silo, body, **headers)
            if answer.status != 503:
                return answer
            time.sleep(0.02)

    def test_headers(self):
        with Silo(CATALOG) as silo:
            for headers, text in (({"producer": "p"}, "come together"), ({"number": 1}, "come together"),
                                  ({"producer": "a b", "number": 1}, "Synoptic-Producer: expected"),
                                  ({"producer": "p" * 129, "number": 1}, "Synoptic-Producer: expected"),
                                  ({"producer": "p", "number": 0}, "Synoptic-Sequence: expected"),
                                  ({"producer": "p", "number": "-1"}, "Synoptic-Sequence: expected"),
                                  ({"producer": "p", "number": 1 << 63}, "Synoptic-Sequence: expected")):
                answer = post(silo, '{"n":1}\n', **headers)
                self.assertEqual(answer.status, 400, headers)
                self.assertIn(text, answer.json["error"]["message"])
            self.assertEqual(self.until_taken(silo, '{"n":1}\n', producer="p" * 128, number=(1 << 63) - 1).status, 200)
            self.assertEqual(post(silo, '{"n":1}\n', producer="q", number=1).status, 200)
            answer = post(silo, '{"n":1}\n', producer="q", number=3)
            self.assertEqual((answer.status, answer.json["error"]["code"]), (409, "conflict"))

    def test_no_room(self):
        with Silo(CATALOG) as silo:
            self.assertEqual(self.until_taken(silo, '{"n":1}\n').status, 200)
            big = "".join(f'{{"n":1,"text":"{os.urandom(500).hex()}"}}\n' for _ in range(1000))
            resource.prlimit(silo.pid, resource.RLIMIT_FSIZE, (2 << 20, resource.RLIM_INFINITY))
            taken = 1
            while (answer := post(silo, big)).status == 200:
                taken += 1000
                self.assertLess(taken, 20000, "the limit is not one")
            self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unavailable"))
            self.assertIn("orders", answer.json["error"]["message"])
            self.assertIn("journal.db", answer.json["error"]["message"])
            print("#", answer.json["error"]["message"])
            self.assertIsNotNone(answer.headers["Retry-After"])
            self.totals(silo, taken, taken)
            self.assertIn("journal.db", silo.get("/v1/sources").json["sources"][0]["error"])
            self.assertEqual(post(silo, big).status, 503)
            resource.prlimit(silo.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            answer = self.until_taken(silo, '{"n":1}\n')
            self.assertEqual(answer.json, {"accepted": 1, "sequence": taken + 1})
            self.assertIsNone(silo.get("/v1/sources").json["sources"][0]["error"])
            silo.kill()
            silo.start()
            self.totals(silo, taken + 1, taken + 1)


if __name__ == "__main__":
    main()
