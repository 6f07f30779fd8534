# SPDX-License-Identifier: LGPL-2.1-or-later
"""How old a snapshot is when it arrives over a slow link: in full, as deltas, compressed, and both.

The bound is 1.1 × (r/2 + bytes/b) + one frame for a round trip r and a rate b, from when the answer could leave: when the snapshot was made, or when the
question was there, if that was later. (A client whose link is slower than the cap gets snapshots that were made while it was still busy with the one before.)
Beside it, in turns, the floor: a bare program that sends as many bytes over another connection, after as long a pause, through the same link.

What is printed is a measurement. What is asserted is that the forms come that were asked for, how large they are, and that the best round is
not far off the bound, as it would be if something queued."""

import asyncio
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import netlab
from netlab import FarSilo, Market, SlowLink

FRAME_S = 1 / 60
BLOCK = 3
PATIENCE = 6  # blocks
if "SYNOPTIC_NETLAB_BLOCKS" in os.environ:  # to measure
    BLOCKS, INTERVAL_MS = int(os.environ["SYNOPTIC_NETLAB_BLOCKS"]), 1000
    LINKS = ((1, 75), (10, 20), (100, 5))  # Mbit/s, ms each way
else:
    BLOCKS, INTERVAL_MS, LINKS = 1, 300, ((10, 20),)
FORMS = (("in full", 1), ("compressed", 5), ("deltas", 3), ("deltas, compressed", 7))

# Says where it listens; then for each `BYTES PAUSE_MS\n` pauses, and sends the time and the rest of so many bytes.
BARE = """
import socket, struct, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
peer, _ = listener.accept()
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for line in peer.makefile("r"):
    n_bytes, pause_ms = map(int, line.split())
    rest = bytes(n_bytes - 8)
    time.sleep(pause_ms / 1000)
    peer.sendall(struct.pack("<d", time.time()) + rest)
"""


class Bare:
    """The floor."""

    def __init__(self, link):
        self.process = subprocess.Popen(link.behind(sys.executable, "-c", BARE), stdout=subprocess.PIPE, text=True)
        self.socket = socket.create_connection(("127.0.0.1", int(self.process.stdout.readline())))

    def measure(self, n_bytes):
        self.socket.sendall(f"{n_bytes} {INTERVAL_MS}\n".encode())
        got = bytearray()
        while len(got) < n_bytes:
            got += self.socket.recv(1 << 20)
        return time.time() - struct.unpack_from("<d", got)[0]

    def end(self):
        self.socket.close()
        self.process.wait(60)
        self.process.stdout.close()


class Watcher:
    """Polls as a view does: the next question leaves when the token is known."""

    def __init__(self, websocket, accept, delay_ms):
        self.socket, self.accept, self.delay_s = websocket, accept, delay_ms / 1000
        self.token = (0, 0)

    async def block(self):
        """Of BLOCK snapshots behind one that catches up: (age altogether, time from when it could leave, bytes, form), seconds."""
        rows = []
        for n in range(BLOCK + 1):
            asked = time.time()
            await self.socket.send(struct.pack("<BBHIQQII", 1, self.accept, 6, 1, *self.token, 30000, 0) + b"quotes")
            answer = await self.socket.recv()
            arrived = time.time()
            assert answer[0] == 0x81, answer[:100]
            self.token = struct.unpack_from("<QQ", answer, 16 + 8)
            rows.append((asked, arrived, answer))
        return [self.judge(*row) for row in rows[1:]]

    def judge(self, asked, arrived, answer):
        made = self.made(answer[16:], answer[1])
        there = max(made or 0, asked + self.delay_s)
        return arrived - made if made else None, arrived - there, len(answer), answer[1]

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


class SlowLinks(unittest.TestCase):
    def measure(self, silo, bare, accept, delay_ms, good_enough):
        """Rows of snapshots, and what the floor took for as many bytes. A busy machine gets some more tries to have a round that is
        @good_enough."""
        import websockets

        async def run():
            rows, floor = [], []
            async with websockets.connect(silo.ws_url, subprotocols=["synoptic.v1"], max_size=None, compression=None, open_timeout=60,
                                          ping_interval=None) as websocket:
                watcher = Watcher(websocket, accept, delay_ms)
                while len(rows) < BLOCKS * BLOCK or (not good_enough(rows, floor) and len(rows) < PATIENCE * BLOCK):
                    rows += await watcher.block()
                    floor += [bare.measure(rows[-1][2]) for _ in range(BLOCK)]
            return rows, floor
        return asyncio.run(asyncio.wait_for(run(), 300))

    def test_age_on_arrival(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        market = Market(folder.name + "/trades.ndjson", 0.1)
        self.addCleanup(market.end)
        market.start()
        with SlowLink(0, 0) as link, FarSilo(link, netlab.quotes(folder.name + "/trades.ndjson", INTERVAL_MS)) as silo:
            silo.wait_for("quotes?group=1+as+all&select=count()+as+n", lambda rows: rows and rows[0]["n"] == netlab.TABLE, timeout=120)
            bare = Bare(link)
            for rate_mbit, delay_ms in LINKS:
                link.set(rate_mbit, delay_ms)
                sizes = {}
                print(f"# {rate_mbit} Mbit/s, {2 * delay_ms} ms round trip, {link.sysctl('tcp_congestion_control')}, slow start after idle: {link.sysctl('tcp_slow_start_after_idle')}; {netlab.TABLE} rows x 8 columns", flush=True)
                for name, accept in FORMS:
                    def bound_of(rows):
                        return 1.1 * (delay_ms / 1000 + statistics.median(row[2] for row in rows) * 8 / (rate_mbit * 1e6)) + FRAME_S

                    def good_enough(rows, floor):
                        return min(row[1] for row in rows) < 1.5 * max(bound_of(rows), min(floor))

                    rows, floor = self.measure(silo, bare, accept, delay_ms, good_enough)
                    sizes[accept] = size = statistics.median(row[2] for row in rows)
                    bound = bound_of(rows)
                    took = [row[1] for row in rows]
                    print(f"# {name}: {size:.0f} bytes, age on arrival {1000 * statistics.median(row[0] for row in rows):.0f} ms, from when it could "
                          f"leave {1000 * statistics.median(took):.0f} ms; of the bound {min(took) / bound:.2f} at best, "
                          f"{statistics.median(took) / bound:.2f} mostly; bare {1000 * statistics.median(floor):.0f} ms, "
                          f"{statistics.median(floor) / bound:.2f} of the bound; ours / bare {statistics.median(took) / statistics.median(floor):.2f}",
                          flush=True)
                    if accept & 2:
                        self.assertTrue(all(row[3] & 2 for row in rows), rows)
                    self.assertTrue(good_enough(rows, floor), (name, rows, floor))
                self.assertLess(sizes[5], 0.75 * sizes[1])
                self.assertLess(sizes[3], 0.12 * sizes[1])
                self.assertLessEqual(sizes[7], sizes[3])
            bare.end()


if __name__ == "__main__":
    netlab.run()
