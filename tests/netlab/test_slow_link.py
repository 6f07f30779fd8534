# SPDX-License-Identifier: LGPL-2.1-or-later
"""How old a snapshot is when it arrives over a slow link: in full, as deltas, compressed, and both.

Needs a kernel with netem, and root; skipped, saying so, elsewhere. The link is the loopback device of a network namespace of its own. The
bound is 1.1 × (r/2 + bytes/b) + one frame for a round trip r and a rate b, from when the answer could leave: when the snapshot was
made, or when the question was there, if that was later. (A client whose link is slower than the cap gets snapshots that were
made while it was still busy with the one before. How old they are altogether is printed.)

What is printed is a measurement. What is asserted is that the forms come that were asked for, how large they are, and that the best round is
not far off the bound, as it would be if something queued: machines that emulate the kernel are slow, but not always."""

import asyncio
import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

from silo import Silo, main

RATE_MBIT, DELAY_MS, PORT = 1, 75, 7979
FRAME_S = 1 / 60
ROUNDS = int(os.environ.get("SYNOPTIC_NETLAB_ROUNDS", "8"))
TABLE = 2000



def catalog(path):
    return {
        "sources": [{"name": "trades", "kind": "file", "path": path, "format": "ndjson", "follow": True,
                     "fields": {"symbol": "string", "price": "decimal(4)", "size": "int64", "time": "timestamp"}}],
        "projections": [{"name": "quotes", "from": "trades", "key": ["symbol"],
                         "columns": {"last": "last(price)", "volume": "sum(size)", "notional": "sum(price*size)", "vwap": "notional/volume",
                                     "open": "first(price)", "change": "last/open-1", "time": "last(time)"}}],
    }


class Market(threading.Thread):
    """Trades a tenth of the symbols a second, through a file, so that nothing of it is on the link."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.file, self.rand, self.ended = open(path, "w"), random.Random(1), threading.Event()
        self.trade(range(TABLE))

    def trade(self, symbols):
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        for i in symbols:
            print(json.dumps({"symbol": f"SYM{i:05}", "price": self.rand.randrange(10**5, 10**7) / 10**4,
                              "size": self.rand.randrange(1, 100) * 100, "time": f"{at}.{self.rand.randrange(1000):03}Z"}), file=self.file)
        self.file.flush()

    def run(self):
        while not self.ended.wait(0.1):
            self.trade(self.rand.sample(range(TABLE), TABLE // 100))

    def end(self):
        self.ended.set()
        self.join()
        self.file.close()


def own_link():
    """Again in a network namespace whose loopback is slow; None: done there; else why not."""
    if os.environ.get("SYNOPTIC_NETLAB") == "inside":
        return None
    # Each way has its own delay; what the server sends, its own rate.
    setup = ("ip link set lo up mtu 1500"
             " && tc qdisc add dev lo root handle 1: prio bands 2 priomap 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"
             f" && tc qdisc add dev lo parent 1:1 netem delay {DELAY_MS}ms rate {RATE_MBIT}mbit limit 10000"
             f" && tc qdisc add dev lo parent 1:2 netem delay {DELAY_MS}ms limit 10000"
             f" && tc filter add dev lo parent 1: protocol ip u32 match ip sport {PORT} 0xffff flowid 1:1"
             " && exec \"$@\"")
    try:
        probe = subprocess.run(["unshare", "-n", "sh", "-c", setup, "sh", "true"], capture_output=True, text=True)
    except OSError as error:
        return str(error)
    if probe.returncode != 0:
        return probe.stderr.strip() or "unshare -n fails"
    os.environ["SYNOPTIC_NETLAB"] = "inside"
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", setup, "sh", sys.executable, *sys.argv])


class SlowLink(unittest.TestCase):
    def measure(self, url, accept):
        """The rows of ROUNDS snapshots behind the first: (age altogether, time from when it could leave, bytes), seconds."""
        import websockets

        async def run():
            rows = []
            async with websockets.connect(url, subprotocols=["synoptic.v1"], max_size=None, compression=None, open_timeout=60) as socket:
                epoch = serial = 0
                for n in range(ROUNDS + 1):
                    asked = time.time()
                    await socket.send(struct.pack("<BBHIQQII", 1, accept, 6, 1, epoch, serial, 30000, 0) + b"quotes")
                    answer = await socket.recv()
                    arrived = time.time()
                    self.assertEqual(answer[0], 0x81)
                    form = answer[1]
                    epoch, serial = struct.unpack_from("<QQ", answer, 16 + 8)
                    made = self.made(answer[16:], form)
                    there = max(made, asked + DELAY_MS / 1000) if made else asked + DELAY_MS / 1000
                    if n > 0:
                        rows.append((arrived - made if made else None, arrived - there, len(answer), form))
            return rows
        return asyncio.run(asyncio.wait_for(run(), 200))

    @staticmethod
    def made(body, form):
        """When the server made it, if that can be told without applying a delta: in a part of the head that changes with each."""
        if form & 4:
            body = subprocess.run(["zstd", "-d", "-c"], input=body[32:], stdout=subprocess.PIPE, check=True).stdout
        if form & 3 == 1:
            return struct.unpack_from("<q", body, 24)[0] / 1e6
        # The first part is the head, in words of 8 bytes: the time is word 3.
        _, _, _, _, n_changes, positions, values, width, kind = struct.unpack_from("<IIIIIIIBB", body, 64)
        assert width == 8
        if kind == 1:
            at = struct.unpack_from(f"<{n_changes}I", body, positions)
        else:
            word, = struct.unpack_from("<Q", body, positions)
            at = [bit for bit in range(64) if word >> bit & 1]
        return struct.unpack_from("<q", body, values + 8 * at.index(3))[0] / 1e6

    def test_age_on_arrival(self):
        print(f"# {RATE_MBIT} Mbit/s, {2 * DELAY_MS} ms round trip, {TABLE} rows x 8 columns")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        market = Market(folder.name + "/trades.ndjson")
        self.addCleanup(market.end)
        market.start()
        sizes = {}
        with Silo(catalog(folder.name + "/trades.ndjson"), listen=f"127.0.0.1:{PORT}") as silo:
            silo.wait_for("quotes?group=1+as+all&select=count()+as+n", lambda rows: rows and rows[0]["n"] == TABLE, timeout=120)
            for name, accept in (("in full", 1), ("compressed", 5), ("deltas", 3), ("deltas, compressed", 7)):
                rows = self.measure(silo.ws_url, accept)
                of_bound = sorted(took / (1.1 * (DELAY_MS / 1000 + size * 8 / (RATE_MBIT * 1e6)) + FRAME_S) for _, took, size, _ in rows)
                sizes[accept] = statistics.median(row[2] for row in rows)
                print(f"# {name}: {sizes[accept]:.0f} bytes, age on arrival {1000 * statistics.median(row[0] for row in rows):.0f} ms, from "
                      f"when it could leave {1000 * statistics.median(row[1] for row in rows):.0f} ms; of the bound {of_bound[0]:.2f} at "
                      f"best, {statistics.median(of_bound):.2f} mostly", flush=True)
                if accept & 2:
                    self.assertTrue(all(row[3] & 2 for row in rows), rows)
                self.assertLess(of_bound[0], 1.5, (name, rows))
            self.assertLess(sizes[5], 0.75 * sizes[1])
            self.assertLess(sizes[3], 0.12 * sizes[1])
            self.assertLessEqual(sizes[7], sizes[3])


if __name__ == "__main__":
    why = own_link()
    if why is not None:
        print(f"1..0 # SKIP no slow link can be made here: {why.splitlines()[-1]}")
        sys.exit(0)
    main()
