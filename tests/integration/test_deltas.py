# SPDX-License-Identifier: LGPL-2.1-or-later
"""libreplica's views over a real server: what comes as deltas shows what comes in full, to the byte."""

import json
import random
import subprocess
import unittest

from silo import Silo, main, program

CATALOG = {
    "sources": [{"name": "trades", "kind": "http",
                 "fields": {"symbol": "string", "price": "decimal(4)", "size": "int64", "venue": "string", "time": "timestamp"}}],
    "projections": [{"name": "quotes", "from": "trades", "key": ["symbol"], "min_interval_ms": 20,
                     "columns": {"last": "last(price)", "volume": "sum(size)", "notional": "sum(price*size)", "vwap": "notional/volume",
                                 "venue": "last(venue)", "open": "first(price)", "change": "last/open-1"}}],
}
ROUNDS = 12


class Deltas(unittest.TestCase):
    def metric(self, silo, name):
        return sum(float(line.split()[1]) for line in silo.get("/metrics").text.splitlines() if line.startswith(f"synoptic_{name}"))

    def follow(self, silo, path, change):
        """Watches @path while @change publishes; each snapshot that is printed is the one that HTTP gives."""
        watch = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "watch", path, "--count", str(ROUNDS),
                                  "--format", "json"], stdout=subprocess.PIPE)
        try:
            n = 0
            for line in watch.stdout:
                shown = json.loads(line)
                answer = silo.get("/v1/projections/" + path)
                self.assertEqual(json.loads(answer.body)["token"], shown["token"])
                self.assertEqual(answer.body.strip(), line.strip())
                n += 1
                if n < ROUNDS:
                    change(n)
            self.assertEqual(watch.wait(60), 0)
            self.assertEqual(n, ROUNDS)
        finally:
            watch.kill()
            watch.wait()
            watch.stdout.close()

    def test_views(self):
        rand = random.Random(7)

        def trade(symbols):
            body = "".join(json.dumps({"symbol": symbol, "price": rand.randrange(1, 10**9) / 10**4, "size": rand.randrange(1, 1000),
                                       "venue": rand.choice(["XLON", "XNYS", None, f"V{rand.randrange(1000)}"])}) + "\n"
                           for symbol in symbols)
            answer = silo.request("POST", "/v1/sources/trades/events", body.encode(), {"Content-Type": "application/x-ndjson"})
            self.assertEqual(answer.status, 200, answer.body)

        def some(n):
            symbols = [f"S{rand.randrange(500)}" for _ in range(50)] + ["S0"]
            trade(symbols + ([f"NEW{n}-{i}" for i in range(20)] if n % 3 == 0 else []))

        with Silo(CATALOG) as silo:
            trade([f"S{i}" for i in range(500)])
            silo.wait_for("quotes", lambda rows: len(rows) == 500)
            self.follow(silo, "quotes", some)
            n_deltas = self.metric(silo, "websocket_deltas_total")
            self.assertGreaterEqual(n_deltas, ROUNDS - 1)
            self.assertEqual(self.metric(silo, "delta_bases_missing_total"), 0)
            full = len(silo.get("/v1/projections/quotes", {"Accept": "application/vnd.synoptic.snapshot"}).body)
            self.assertLess(self.metric(silo, "websocket_delta_bytes_total") / n_deltas, full / 4)
            # Rows in another order, and others among those shown: what does not pay as a delta comes in full.
            self.follow(silo, "quotes?sort=-last&limit=50", some)
            self.follow(silo, "quotes?where=symbol%3D%3D%22S0%22", some)


if __name__ == "__main__":
    main()
