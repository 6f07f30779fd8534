# SPDX-License-Identifier: LGPL-2.1-or-later
"""A silo that speaks TLS: it serves what a plain one does, on the same ways through the server."""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

from certs import Certificates
from silo import Silo, main, program, read_answer, until

CATALOG = {
    "sources": [{"name": "s", "kind": "http", "fields": {"key": "string", "n": "int64"}}],
    "projections": [{"name": "p", "from": "s", "key": ["key"], "columns": {"n": "sum(n)"}, "min_interval_ms": 10}],
}
HOST = "Host: localhost\r\n"
MASK = b"\x37\xfa\x21\x3d"


def frame(payload, first=0x82):
    length = len(payload)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 65536:
        head = bytes([first, 0x80 | 126]) + struct.pack(">H", length)
    else:
        head = bytes([first, 0x80 | 127]) + struct.pack(">Q", length)
    pattern = int.from_bytes(MASK * (length // 4 + 1), "big") >> (8 * ((length // 4 + 1) * 4 - length))
    return head + MASK + (int.from_bytes(payload, "big") ^ pattern).to_bytes(length, "big")


def poll(path=b"p", view=1, token=(0, 0), hold_ms=10000):
    return struct.pack("<BBHIQQII", 1, 1, len(path), view, *token, hold_ms, 0) + path


def read_exactly(connection, n):
    data = bytearray()
    while len(data) < n:
        more = connection.recv(min(n - len(data), 1 << 20))
        if not more:
            raise AssertionError(f"closed after {len(data)} of {n} bytes")
        data += more
    return bytes(data)


def read_frame(connection):
    first, length = read_exactly(connection, 2)
    if length == 126:
        length, = struct.unpack(">H", read_exactly(connection, 2))
    elif length == 127:
        length, = struct.unpack(">Q", read_exactly(connection, 8))
    return first, read_exactly(connection, length)


def get(path, more=""):
    return f"GET {path} HTTP/1.1\r\n{HOST}{more}\r\n".encode()


class Tls(unittest.TestCase):
    def setUp(self):
        self.certificates = Certificates()
        self.addCleanup(self.certificates.clean)
        self.silo = Silo(CATALOG, tls=self.certificates)
        self.addCleanup(self.silo.__exit__, None, None, None)

    def publish(self, rows):
        answer = self.silo.publish("s", rows)
        self.assertEqual(answer.status, 200, answer)

    def web_socket(self, more="", context=None):
        connection = self.silo.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall((f"GET /v1/replica HTTP/1.1\r\n{HOST}{more}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n").encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += read_exactly(connection, 1)
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.assertIn(b"HTTP/1.1 101 ", head)
        self.assertIn(b"Sec-WebSocket-Accept: " + accept, head)
        return connection

    def snapshot(self, connection):
        """The next snapshot of a view: the whole message."""
        first, payload = read_frame(connection)
        self.assertEqual((first, payload[0]), (0x82, 0x81), payload[:200])
        return payload


class Serving(Tls):
    def test_one_connection_for_all(self):
        """Polls that a lane answers, and what libsoup answers, one after the other."""
        self.publish([{"key": "a", "n": 1}])
        with self.silo.connect() as connection:
            self.assertEqual(connection.version(), "TLSv1.3")
            for _ in range(3):
                connection.sendall(get("/v1/projections/p"))
                status, head, body = read_answer(connection)
                self.assertEqual((status, json.loads(body)["rows"]), (200, [["a", 1]]))
            connection.sendall(get("/healthz"))  # to libsoup, and it stays there
            self.assertEqual(read_answer(connection)[2], b"ok\n")
            event = b'{"key":"b","n":2}\n'
            connection.sendall(b"POST /v1/sources/s/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
                               + f"Content-Length: {len(event)}\r\n\r\n".encode() + event)
            self.assertEqual(read_answer(connection)[0], 200)
            connection.sendall(get("/v1/projections/p") + get("/healthz"))  # both at once
            self.assertEqual(read_answer(connection)[0], 200)

    def test_long_poll(self):
        self.publish([{"key": "a", "n": 1}])
        for more in ("", "TE: trailers\r\n"):  # on a lane, by libsoup
            with self.silo.connect() as connection:
                connection.sendall(get("/v1/projections/p", more))
                head = read_answer(connection)[1]
                tag = next(line[6:] for line in head.decode().split("\r\n") if line.startswith("ETag: "))
                connection.sendall(get("/v1/projections/p", f"If-None-Match: {tag}\r\nPrefer: wait=30\r\n{more}"))
                until(lambda: self.silo.get("/v1/status").json["polls_waiting"] == 1, what="it waits")
                self.publish([{"key": "a", "n": 1}])
                status, _, body = read_answer(connection)
                self.assertEqual(status, 200)
                self.assertEqual(len(json.loads(body)["rows"]), 1)

    def test_web_socket(self):
        self.publish([{"key": "a", "n": 1}])
        for more in ("", "TE: trailers\r\n"):  # answered by the door, by libsoup
            with self.web_socket(more) as connection:
                connection.sendall(frame(poll()))
                token = struct.unpack_from("<QQ", self.snapshot(connection), 24)
                connection.sendall(frame(poll(token=token)))
                connection.sendall(frame(b"ping", 0x89))
                self.assertEqual(read_frame(connection), (0x8a, b"ping"))
                self.publish([{"key": "b", "n": 1}])
                self.assertNotEqual(struct.unpack_from("<QQ", self.snapshot(connection), 24), token)
                connection.sendall(frame(struct.pack(">H", 1000), 0x88))
                self.assertEqual(read_frame(connection), (0x88, struct.pack(">H", 1000)))
                self.assertEqual(connection.recv(1), b"")

    def test_frames_in_pieces(self):
        """Many messages in one record, a message in many."""
        self.publish([{"key": "a", "n": 1}])
        with self.web_socket() as connection:
            connection.sendall(frame(poll(view=1)) + frame(poll(view=2)) + frame(b"x", 0x89))
            kinds = sorted(read_frame(connection)[0] for _ in range(3))
            self.assertEqual(kinds, [0x82, 0x82, 0x8a])
            for byte in frame(poll(view=3)):
                connection.sendall(bytes([byte]))
            self.assertEqual(struct.unpack_from("<I", self.snapshot(connection), 4)[0], 3)

    def test_tls_1_2(self):
        self.publish([{"key": "a", "n": 1}])
        self.silo.tls.maximum_version = ssl.TLSVersion.TLSv1_2
        with self.web_socket() as connection:
            self.assertEqual(connection.version(), "TLSv1.2")
            connection.sendall(frame(poll()))
            self.snapshot(connection)
            told = self.silo.get("/v1/connections").json["connections"]
            self.assertEqual({entry["tls"] for entry in told}, {"TLS1.2"})

    def test_status(self):
        tls = self.silo.get("/v1/status").json["tls"]
        self.assertEqual(tls["certificate"], "O=Synoptic tests,CN=server")
        self.assertLess(tls["not_before"], tls["not_after"])
        before = self.silo.metric("synoptic_tls_handshakes_total")
        self.silo.get("/healthz")
        self.assertEqual(self.silo.metric("synoptic_tls_handshakes_total"), before + 2)

    def test_resumed(self):
        with self.silo.connect() as connection:
            connection.sendall(get("/healthz"))
            self.assertEqual(read_answer(connection)[0], 200)
            session = connection.session
        self.assertTrue(session.has_ticket)
        before = self.silo.metric("synoptic_tls_resumed_total")
        with self.silo.tls.wrap_socket(self.silo.connect_plain(), server_hostname=self.silo.host, session=session) as connection:
            self.assertTrue(connection.session_reused)
            connection.sendall(get("/healthz"))
            self.assertEqual(read_answer(connection)[0], 200)
        self.assertEqual(self.silo.metric("synoptic_tls_resumed_total"), before + 1)


if __name__ == "__main__":
    main()
