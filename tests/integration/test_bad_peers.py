# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers that break the protocol: each is told what it did by its close code or status, and nobody else notices."""

import base64
import os
import pathlib
import socket
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

from silo import Silo, main, until

CATALOG = {
    "sources": [{"name": "s", "kind": "http", "fields": {"key": "string", "n": "int64"}}],
    "projections": [{"name": "p", "from": "s", "key": ["key"], "columns": {"n": "sum(n)"}}],
}
MASK = b"\x37\xfa\x21\x3d"


def frame(first, payload=b"", mask=MASK):
    length = len(payload)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 65536:
        head = bytes([first, 0x80 | 126]) + struct.pack(">H", length)
    else:
        head = bytes([first, 0x80 | 127]) + struct.pack(">Q", length)
    return head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def poll(path=b"p", view=1, accept=1, reserved=0, path_bytes=None):
    return struct.pack("<BBHIQQII", 1, accept, len(path) if path_bytes is None else path_bytes, view, 0, 0, 1000, reserved) + path


class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.silo = Silo(CATALOG)

    @classmethod
    def tearDownClass(cls):
        cls.silo.__exit__(None, None, None)

    def setUp(self):
        # Somebody who behaves is connected all the while.
        self.witness = self.web_socket()
        self.addCleanup(self.witness.close)

    def tearDown(self):
        self.witness.sendall(frame(0x82, poll()))
        self.assertEqual(self.read_frame(self.witness)[1][0], 0x81)
        self.assertEqual(self.silo.get("/healthz").status, 200)

    def web_socket(self):
        connection = self.silo.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall((f"GET /v1/replica HTTP/1.1\r\nHost: {self.silo.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                            "Sec-WebSocket-Protocol: synoptic.v1\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            more = connection.recv(1)
            self.assertTrue(more, head)
            head += more
        self.assertIn(b" 101 ", head)
        return connection

    @staticmethod
    def read_exactly(connection, n):
        data = b""
        while len(data) < n:
            more = connection.recv(n - len(data))
            if not more:
                raise AssertionError(f"closed after {data!r}")
            data += more
        return data

    def read_frame(self, connection):
        first, length = self.read_exactly(connection, 2)
        if length == 126:
            length, = struct.unpack(">H", self.read_exactly(connection, 2))
        elif length == 127:
            length, = struct.unpack(">Q", self.read_exactly(connection, 8))
        return first, self.read_exactly(connection, length)

    def closed_with(self, data, code):
        with self.web_socket() as connection:
            connection.sendall(data)
            first, payload = self.read_frame(connection)
            self.assertEqual(first, 0x88, payload)
            self.assertEqual(struct.unpack_from(">H", payload)[0], code, payload)
            payload[2:].decode("utf-8")
            self.assertEqual(connection.recv(1), b"")

    def test_frames(self):
        for name, data, code in (
                ("garbage", b"\xff" * 100, 1002),
                ("HTTP again", b"GET / HTTP/1.1\r\n\r\n", 1002),
                ("unmasked", b"\x82\x01x", 1002),
                ("unmasked, only its head", b"\x82\x7e", 1002),
                ("reserved bit 1", frame(0xc2, b"x"), 1002),
                ("reserved bit 2", frame(0xa2, b"x"), 1002),
                ("reserved bit 3", frame(0x92, b"x"), 1002),
                ("reserved opcode", frame(0x83, b"x"), 1002),
                ("reserved control opcode", frame(0x8b, b"x"), 1002),
                ("continuation of nothing", frame(0x80, b"x"), 1002),
                ("message within a message", frame(0x02, b"x") + frame(0x82, b"y"), 1002),
                ("fragmented ping", frame(0x09, b"x"), 1002),
                ("long ping", frame(0x89, b"x" * 126), 1002),
                ("close code 1005", frame(0x88, b"\x03\xed"), 1002),
                ("close of one byte", frame(0x88, b"\x03"), 1002),
                ("close reason in Latin-1", frame(0x88, b"\x03\xe8\xfc"), 1007),
                ("text", frame(0x81, b"hello"), 1003),
                ("oversized", frame(0x82, b"x" * 8225), 1009),
                ("oversized by its head alone", b"\x82\xff\x00\x00\x7f\xff\xff\xff\xff\xff", 1009),
                ("oversized in parts", frame(0x02, b"x" * 8000) + frame(0x80, b"x" * 8000), 1009),
                ("length with the top bit", b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1002),
                ("length the long way", b"\x82\xfe\x00\x01" + MASK + b"x", 1002)):
            with self.subTest(name):
                self.closed_with(data, code)

    def test_messages(self):
        for name, message in (
                ("empty", b""),
                ("unknown type", b"\x00" * 32),
                ("an answer", b"\x81" + b"\0" * 31),
                ("short poll", poll(b"")[:31]),
                ("no form", poll(accept=0)),
                ("unknown forms", poll(accept=0x41)),
                ("deltas alone", poll(accept=2)),
                ("reserved", poll(reserved=1)),
                ("longer than it says", poll(b"pp", path_bytes=1)),
                ("shorter than it says", poll(b"p", path_bytes=2)),
                ("short withdrawal", b"\x02\0\0\0"),
                ("withdrawal with reserved", b"\x02\x01\0\0\0\0\0\0")):
            with self.subTest(name):
                self.closed_with(frame(0x82, message), 1002)

    def test_paths(self):
        """Bad paths are errors of the view, and cost the connection nothing."""
        with self.web_socket() as connection:
            for path in (b"\xff\xfe", b"p\0p", b"nothing", b"../../etc/passwd", b"p?" + b"x" * 8000, b"p?where=" + b"(" * 4000,
                         b"%", b"%zz", b"p?where=%ff", b"\xe2\x80\xae", b" ", b"?", b"/", b"p?limit=99999999999999999999"):
                connection.sendall(frame(0x82, poll(path)))
                first, payload = self.read_frame(connection)
                self.assertEqual((first, payload[0]), (0x82, 0x83), path)
                self.assertIn(struct.unpack_from("<H", payload, 2)[0], (1, 2, 6), (path, payload))
                payload[16:].decode("utf-8")
            connection.sendall(frame(0x82, poll()))
            self.assertEqual(self.read_frame(connection)[1][0], 0x81)

    def test_half_frames(self):
        """A frame of every length, cut anywhere, and then the end."""
        whole = frame(0x82, poll())
        for cut in range(len(whole)):
            with self.web_socket() as connection:
                connection.sendall(whole[:cut])
        # Byte by byte is slow, but no offence.
        with self.web_socket() as connection:
            for byte in whole:
                connection.sendall(bytes([byte]))
            self.assertEqual(self.read_frame(connection)[1][0], 0x81)

    def test_many_messages_at_once(self):
        with self.web_socket() as connection:
            connection.sendall(frame(0x82, poll()) * 500 + frame(0x89, b"end"))
            answers = 0
            while True:
                first, payload = self.read_frame(connection)
                if first == 0x8a:
                    break
                self.assertEqual(payload[0], 0x81)
                answers += 1
            # Each poll replaces the one before that was not answered yet: at least the last one is answered.
            self.assertLessEqual(answers, 500)

    def test_polls_that_are_never_read(self):
        """A client that asks and asks and takes nothing: the server stops listening to it, and keeps little for it."""
        before = self.silo.get("/v1/status").json["memory"]["rss_bytes"]
        with self.silo.connect() as connection:
            connection.close()
        connection = self.web_socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(1)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += connection.send((frame(0x82, poll(b"nothing")) + frame(0x89, b"x" * 125)) * 100)
        except TimeoutError:
            pass
        self.assertLess(sent, 64 << 20)
        self.assertEqual(self.silo.get("/healthz").status, 200)
        self.assertLess(self.silo.get("/v1/status").json["memory"]["rss_bytes"] - before, 64 << 20)
        connection.close()

    def test_http_garbage(self):
        for data in (b"\x16\x03\x01\x00\xa5\x01\x00\x00", b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 100,
                     b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", b"GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /" + b"x" * 70000,
                     b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20000, b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"POST /v1/sources/s/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
                     b"GET /v1/projections/" + b"%ff" * 100 + b" HTTP/1.1\r\nHost: x\r\n\r\n"):
            with self.subTest(data[:40]), self.silo.connect() as connection:
                try:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    answer = b""
                    while more := connection.recv(65536):
                        answer += more
                except ConnectionError:
                    continue
                if answer:
                    self.assertRegex(answer, rb"^HTTP/1\.[01] [45]\d\d ")

    def test_slow_heads(self):
        """A hundred clients that send their heads byte by byte, and never end: others are served beside them."""
        slow = [self.silo.connect() for _ in range(100)]
        text = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: yes\r\n"
        for byte in text:
            for connection in slow:
                connection.sendall(bytes([byte]))
        self.assertEqual(self.silo.get("/healthz").status, 200)
        for connection in slow[:50]:
            connection.sendall(b"\r\n")
            self.assertTrue(connection.recv(100).startswith(b"HTTP/1.1 200"))
        for connection in slow:
            connection.close()
        until(lambda: self.silo.get("/v1/status").json["connections"]["http"] == 1, what="nobody else")

    def test_handshakes(self):
        good = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "synoptic.v1"}
        for change, status in (
                ({"Upgrade": None}, 426), ({"Connection": "close"}, 426), ({"Sec-WebSocket-Version": "8"}, 426),
                ({"Sec-WebSocket-Protocol": None}, 400), ({"Sec-WebSocket-Protocol": "chat"}, 400),
                ({"Sec-WebSocket-Key": None}, 400), ({"Sec-WebSocket-Key": "x"}, 400),
                ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403)):
            headers = {name: value for name, value in {**good, **change}.items() if value is not None}
            with self.subTest(change):
                answer = self.silo.get("/v1/replica", headers)
                self.assertEqual(answer.status, status)
                self.assertTrue(answer.json["error"]["message"])


if __name__ == "__main__":
    main()
