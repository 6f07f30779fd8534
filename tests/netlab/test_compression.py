# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compression chosen by the link, from end to end: libreplica's view (desk.c) of a table that all changes, over a link that is slow, then is not, then is again.

Asserted is what it comes to: on a slow link the first snapshot is compressed, and others are; on a fast one it stops; when that gets slow it begins again. Printed is after how many
snapshots, and what the link was measured to be."""

import json
import subprocess
import tempfile
import unittest

import netlab
from netlab import FarSilo, Market, SlowLink, program

SLOW, MIDDLE, FAST = (1, 75), (20, 30), (0, 0)
PATIENCE = 60  # snapshots; the first samples of another link have something of the old one


class Compression(unittest.TestCase):
    def next(self):
        line = self.desk.stdout.readline()
        self.assertTrue(line, "the desk has ended")
        return json.loads(line)

    def until(self, is_zstd, link):
        """How many snapshots it takes until they come so, and what was measured by then."""
        self.link.set(*link)
        for n in range(PATIENCE):
            row = self.next()
            if row["zstd"] == is_zstd:
                print(f"# {link[0]} Mbit/s, {2 * link[1]} ms: {'compressed' if is_zstd else 'as it is'} after {n} snapshots; {row['bytes']} bytes, "
                      f"goodput {row['goodput'] / 125000:.1f} Mbit/s, round trip {row['rtt_us'] / 1000:.0f} ms", flush=True)
                return
        self.fail(f"over {link} still {'not ' if is_zstd else ''}compressed: {row}")

    def stays(self, is_zstd, n):
        for _ in range(n):
            row = self.next()
            self.assertEqual(row["zstd"], is_zstd, row)

    def watch(self, silo, mode="auto"):
        self.desk = subprocess.Popen([program("desk", "SYNOPTIC_DESK"), silo.url, "quotes", "1000", mode], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, self.desk)

    @staticmethod
    def end(desk):
        desk.kill()
        desk.wait()
        desk.stdout.close()

    def leave(self):
        self.end(self.desk)

    def test_by_the_link(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        market = Market(folder.name + "/trades.ndjson", 10)
        self.addCleanup(market.end)
        market.start()
        with SlowLink(*FAST) as self.link, FarSilo(self.link, netlab.quotes(folder.name + "/trades.ndjson", 250)) as silo:
            silo.wait_for("quotes?group=1+as+all&select=count()+as+n", lambda rows: rows and rows[0]["n"] == netlab.TABLE, timeout=120)
            for link in (MIDDLE, SLOW):
                self.link.set(*link)
                self.watch(silo)
                self.stays(True, 1)
                print(f"# {link[0]} Mbit/s, {2 * link[1]} ms: the first snapshot is compressed", flush=True)
                # And so it goes on, but for what a link that was not given its turns hands over at once when it has one: that is taken for a fast link, for
                # as many samples as are kept.
                self.until(True, link)
                if link != SLOW:
                    self.leave()
            self.until(False, FAST)
            self.until(True, SLOW)
            self.leave()


if __name__ == "__main__":
    netlab.run()
