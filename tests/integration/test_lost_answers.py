# SPDX-License-Identifier: LGPL-2.1-or-later
"""No answer is lost: many views on connections that take their answers in small pieces and at odd times, on two lanes, while snapshots go by. Polls are
parked, answered by halves, replaced, withdrawn, sent before the answer before them is taken, or kept back; at the end of each round every view has what is
newest, long before a hold would have ended and healed it.

SYNOPTIC_LOST_ROUNDS=N makes it longer, SYNOPTIC_LOST_SEED=N the same again."""

import os
import pathlib
import random
import select
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

from silo import Silo, main

ROUNDS = int(os.environ.get("SYNOPTIC_LOST_ROUNDS", "6"))
SEED = int(os.environ.get("SYNOPTIC_LOST_SEED", str(random.randrange(1 << 30))))
CONNECTIONS = 24
VIEWS = 6
ROWS = 2500  # 165 KB: more than a socket takes at once whose segments are small
PATHS = ["a", "b", "a?where=n>0", "b?sort=-n&limit=3"]
HOLD_MS = 30000
GUARD_S = 20  # of silence on a connection; less than the hold: a lost answer is not healed by its end. (Bytes may take long: the windows are tiny)
SNAPSHOT, UNCHANGED, ERROR = 0x81, 0x82, 0x83

CATALOG = {
    "sources": [{"name": name, "kind": "http", "fields": {"key": "string", "n": "int64"}} for name in "ab"],
    "projections": [{"name": name, "from": name, "key": ["key"], "min_interval_ms": 10,
                     "columns": {"n": "last(n)", "s": "sum(n)", "c": "count()", "m": "max(n)", "f": "first(n)", "l": "min(n)"}} for name in "ab"],
}


class View:
    def __init__(self, number, path):
        self.number = number
        self.path = path
        self.named = self.asked = False
        self.token = (0, 0)
        self.polls = 0


class Slow:
    """A connection with small segments and a small buffer, which are fixed before it connects."""

    def __init__(self, silo, rng):
        self.rng = rng
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(GUARD_S)
        self.socket.connect((silo.host, silo.port))
        self.socket.sendall((f"GET /v1/replica HTTP/1.1\r\nHost: {silo.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Protocol: synoptic.v1\r\n\r\n").encode())
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.bytes += self.socket.recv(4096)
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n")[0], head
        self.socket.setblocking(False)
        self.views = {number: View(number, rng.choice(PATHS)) for number in range(1, VIEWS + 1)}
        self.out = b""
        self.paused = 0  # turns
        self.moved = time.monotonic()  # when a byte came
        self.early = None  # the view whose answer is half here, and whose next poll is out already

    def frame(self, payload):
        mask = bytes(self.rng.randrange(256) for _ in range(4))
        head = bytes([0x82, 0x80 | len(payload)]) if len(payload) < 126 else bytes([0x82, 0xfe]) + struct.pack(">H", len(payload))
        self.out += head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def poll(self, view):
        text = b"" if view.named and self.rng.random() < 0.8 else view.path.encode()
        view.named = view.asked = True
        view.polls += 1
        self.frame(struct.pack("<BBHIQQII", 1, 1, len(text), view.number, view.token[0], view.token[1], HOLD_MS, 0) + text)

    def withdraw(self, view):
        view.named = view.asked = False
        self.frame(struct.pack("<B3xI", 2, view.number))

    def misbehave(self):
        """What a client may do at any time."""
        view = self.rng.choice(list(self.views.values()))
        what = self.rng.random()
        if what < 0.05:
            self.withdraw(view)
        elif what < 0.15 and view.asked:
            self.poll(view)  # takes the place of the one that is out
        elif what < 0.2:
            self.out += bytes([0x89, 0x81, 0, 0, 0, 0]) + b"p"

    def write(self):
        # Frames cut anywhere.
        piece = self.out[:self.rng.choice([1, 7, 40, 4096])]
        try:
            sent = self.socket.send(piece)
        except BlockingIOError:
            return
        self.out = self.out[sent:]

    def read(self, most):
        try:
            piece = self.socket.recv(most)
        except BlockingIOError:
            return
        assert piece, "the server closed the connection"
        self.bytes += piece
        self.moved = time.monotonic()
        self.take()

    def take(self):
        while len(self.bytes) >= 2:
            first, short = self.bytes[0], self.bytes[1]
            at = 2 if short < 126 else 4 if short == 126 else 10
            if len(self.bytes) < at:
                return
            length = short if short < 126 else int.from_bytes(self.bytes[2:at], "big")
            if len(self.bytes) < at + min(length, 48):
                return
            if first == 0x82 and self.bytes[at] == SNAPSHOT and self.early is None:
                # The token is in what has come, and the next poll may go out (DESIGN: 9.3).
                self.head(self.bytes[at:])
            if len(self.bytes) < at + length:
                return
            message, self.bytes = self.bytes[at:at + length], self.bytes[at + length:]
            if first == 0x8a:
                continue
            assert first == 0x82, first
            number = struct.unpack_from("<I", message, 4)[0]
            view = self.views[number]
            if message[0] == ERROR:
                raise AssertionError(message[16:])
            if message[0] == UNCHANGED:
                # To a poll that was replaced or withdrawn meanwhile there is none: this is an answer to one that is out.
                view.asked = False
            early, self.early = self.early, None
            assert message[0] != SNAPSHOT or early == number

    def head(self, message):
        number = struct.unpack_from("<I", message, 4)[0]
        view = self.views[number]
        self.early = number
        view.token = struct.unpack_from("<QQ", message, 16 + 8)
        view.asked = False
        if self.rng.random() < 0.5:
            self.poll(view)

    def turn(self, calm):
        if self.paused > 0 and not calm:
            self.paused -= 1
            return
        if not calm:
            self.misbehave()
            if self.rng.random() < 0.05:
                self.paused = self.rng.randrange(1, 60)
        for view in self.views.values():
            if not view.asked and (calm or self.rng.random() < 0.3):
                self.poll(view)
        for _ in range(20 if calm else 1):
            if self.out:
                self.write()
            self.read(65536 if calm else self.rng.choice([1, 100, 2000, 65536, 65536]))


class LostAnswers(unittest.TestCase):
    def tokens(self, silo):
        """What is newest of each path. An entity tag is of one form."""
        found = {}
        for path in PATHS:
            answer = silo.get("/v1/projections/" + path.replace(">", "%3E"), {"Accept": "application/vnd.synoptic.snapshot"})
            self.assertEqual(answer.status, 200, answer)
            found[path] = struct.unpack_from("<QQ", answer.body, 8)
        return found

    def explain(self, silo, everybody, behind, newest):
        """Fails, and says where each stands, at both ends."""
        told = {each["peer"].rpartition(":")[2]: each for each in silo.get("/v1/connections?limit=1000").json["connections"]}
        lines = []
        for each in everybody:
            port = str(each.socket.getsockname()[1])
            views = [(view.number, view.path, view.token, newest[view.path], view.asked, view.polls) for one, view in behind if one is each]
            if views or each.out or each.early:
                lines.append(f"port {port}: {views} behind; view {each.early} half here, {len(each.bytes)} bytes; {len(each.out)} to send; {told.get(port)}")
        self.fail("\n".join(lines))

    def test_all_get_what_is_newest(self):
        print(f"# SYNOPTIC_LOST_SEED={SEED}")
        rng = random.Random(SEED)
        with Silo(CATALOG, lanes=2) as silo:
            value = held_back = 0
            for source in "ab":
                silo.publish(source, [{"key": f"key-{row}", "n": row + 1} for row in range(ROWS)])
            everybody = [Slow(silo, rng) for _ in range(CONNECTIONS)]
            for number in range(ROUNDS):
                for _ in range(rng.randrange(20, 120)):
                    for each in everybody:
                        each.turn(calm=False)
                    if rng.random() < 0.3:
                        value += 1
                        silo.publish(rng.choice("ab"), [{"key": f"key-{rng.randrange(ROWS)}", "n": 10000 + value}])
                held_back += sum(each["waiting_bytes"] > 0 for each in silo.get("/v1/connections").json["connections"] if each["kind"] == "websocket")
                newest = self.tokens(silo)
                began = time.monotonic()
                again = began + 1
                while True:
                    if time.monotonic() > again:  # what was asked for at once may have been from before the last snapshot
                        newest, again = self.tokens(silo), again + 1
                    behind = [(each, view) for each in everybody for view in each.views.values() if view.token != newest[view.path]]
                    if not behind and not any(each.out or each.early for each in everybody):
                        break
                    waits = {each for each, _ in behind} | {each for each in everybody if each.out or each.early}
                    if time.monotonic() > min(max(each.moved, began) for each in waits) + GUARD_S:
                        self.explain(silo, everybody, behind, newest)
                    select.select([each.socket for each in everybody], [each.socket for each in everybody if each.out], [], 0.05)
                    for each in everybody:
                        each.turn(calm=True)
            for each in everybody:
                each.socket.close()
            self.assertGreater(held_back, 0)  # or it was not what this test is about
            polls = sum(view.polls for each in everybody for view in each.views.values())
            print(f"# {held_back} of {ROUNDS * CONNECTIONS} connections had an answer half out at the end of a round; {polls} polls")


if __name__ == "__main__":
    main()
