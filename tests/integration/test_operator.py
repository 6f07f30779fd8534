# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operator sees: docs/operations.md names every metric that a silo tells, and no others."""

import re
import unittest

from silo import ROOT, Silo, main

PLAN = {
    "sources": [
        {"name": "trades", "kind": "http", "durable": True, "fields": {"symbol": "string", "price": "decimal(4)"}},
        {"name": "gen", "kind": "simulator", "instruments": 3, "rate": 10},
        {"name": "cpu", "kind": "host", "table": "cpu"},
    ],
    "projections": [{"name": "quotes", "from": "trades", "key": ["symbol"], "columns": {"last": "last(price)"}}],
}


class Metrics(unittest.TestCase):
    def test_documented(self):
        with Silo(PLAN) as silo:
            silo.get("/v1/projections/quotes?limit=3")  # a beacon, a query
            told = re.findall(r"^# TYPE (\S+) (\S+)$", silo.get("/metrics").text, re.M)
        names = {name.removeprefix("synoptic_") for name, _ in told if name.startswith("synoptic_")}
        others = {name for name, _ in told if not name.startswith("synoptic_")}
        self.assertEqual({name for name in others if not name.startswith("process_")}, set())
        for name, kind in told:
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
        page = (ROOT / "docs" / "operations.md").read_text()
        watch = page[page.index("## What to watch"):page.index("## Limits")]
        words = set(re.findall(r"`([a-z][a-z0-9_]*)`", watch))
        self.assertEqual(names - words, set(), "metrics that docs/operations.md does not name")
        known = names | {"lane", "type", "prefix", "synoptic_", "keep", "on_demand", "on_demand_not_listed", "path", "readers", "beacons",
                         "polls_waiting", "snapshot_us_total",
                         "stretched", "worst_stretch", "busy_percent", "budget_percent", "available_percent", "min_interval_ms",
                         "source", "error", "journal", "journal_readers", "overloaded"}
        self.assertEqual(words - known, set(), "metrics in docs/operations.md that no silo tells")


if __name__ == "__main__":
    main()
