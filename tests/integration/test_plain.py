# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests that are answered without libsoup: the same ones are sent with and without a header that makes them libsoup's, and the answers are
the same to the byte, apart from the date."""

import pathlib
import re
import socket
import struct
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

from silo import Silo, main, read_answer, until

CATALOG = {
    "sources": [{"name": "s", "kind": "http", "fields": {"key": "string", "n": "int64"}}],
    "projections": [{"name": "p", "from": "s", "key": ["key"], "columns": {"n": "sum(n)"}, "min_interval_ms": 10},
                    {"name": "deep/er", "from": "s", "key": ["key"], "columns": {"n": "count()"}, "min_interval_ms": 10}],
}
FOREIGN = "TE: trailers\r\n"  # changes nothing but who answers
HOST = "Host: localhost\r\n"
HANDSHAKE = ("GET /v1/replica HTTP/1.1\r\n" + HOST + "{}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: synoptic.v1\r\n{}\r\n")


def read_dateless(connection):
    """One HTTP answer: its head without the date, its body."""
    _, head, body = read_answer(connection)
    head, n = re.subn(rb"\r\nDate: [A-Z][a-z][a-z], \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d GMT\r\n", b"\r\nDate\r\n", head + b"\r\n")
    assert n == 1 or head.startswith(b"HTTP/1.1 400 "), head  # libsoup's own refusal of what is no request has none
    return head, body


class Plain(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.silo = Silo(CATALOG)
        self.addCleanup(self.silo.__exit__, None, None, None)
        self.publish("a", 1)
        until(lambda: '"a"' in self.silo.get("/v1/projections/p").text, what="the first event")

    def publish(self, key, n):
        self.assertEqual(self.silo.publish("s", [{"key": key, "n": n}]).status, 200)

    def counts(self):
        return tuple(self.metric(name) for name in ("synoptic_http_plain_polls_total", "synoptic_http_requests_total", "synoptic_http_failures_total"))

    def metric(self, name):
        """Summed over the lanes."""
        found = re.findall(rf"\n{name}(?:{{[^}}]*}})? (-?\d+)", self.silo.get("/metrics").text)
        self.assertTrue(found, name)
        return sum(map(int, found))

    def connect(self):
        connection = self.silo.connect()
        connection.settimeout(60)
        return connection

    def both(self, requests, after=lambda: None, plain=True):
        """The answers to @requests, one after the other on one connection, both ways; `{}` is where headers go."""
        connections, found = [], []
        for more in ("", FOREIGN):
            before = self.counts()
            connection = self.connect()
            self.addCleanup(connection.close)
            answers = []
            for request in requests:
                connection.sendall(request.format(more).encode())
                after()
                answers.append(read_dateless(connection))
            now = self.counts()
            self.assertEqual(now[0] - before[0], len(requests) if plain and not more else 0, requests)
            failed = sum(int(head[9:12]) >= 400 for head, _ in answers)
            self.assertEqual(now[2] - before[2], failed)
            connections.append(connection)
            found.append(answers)
        self.assertEqual(found[0], found[1])
        return found[0]

    def ask(self, path, more=""):
        return f"GET /v1/projections/{path} HTTP/1.1\r\n{HOST}{more}{{}}\r\n"

    def token(self):
        return self.silo.get("/v1/projections/p").headers["ETag"]

    def test_forms(self):
        for accept, kind in (("", b"application/json"), ("Accept: text/csv\r\n", b"text/csv; charset=utf-8; header=present"),
                             ("Accept: application/vnd.synoptic.snapshot\r\n", b"application/vnd.synoptic.snapshot"),
                             ("Accept: text/*;q=0.5, */*;q=0.1\r\n", b"text/csv; charset=utf-8; header=present")):
            with self.subTest(accept.strip()):
                for head, body in self.both([self.ask("p", accept)] * 3):
                    self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"))
                    self.assertIn(b"\r\nContent-Type: " + kind + b"\r\n", head)
                    self.assertGreater(len(body), 5)

    def test_paths(self):
        for path, status in (("p", 200), ("deep/er", 200), ("p?where=n%3E0&sort=-n", 200), ("p?where=n%3E0&limit=1", 200), ("p?", 200),
                             ("nothing", 404), ("deep/er/x", 404), ("p?wher=n", 400), ("p?where=(", 400), ("p?where=%22", 400)):
            with self.subTest(path):
                head, _ = self.both([self.ask(path)])[0]
                self.assertEqual(int(head[9:12]), status)

    def test_not_plain(self):
        """What the reader leaves to libsoup is answered as ever."""
        for path, more, status in (("p", "Accept: image/png\r\n", 406), ("%zz", "", 400), ("p%3F", "", 404), ("a%2fb", "", 404),
                                   ("p", "If-None-Match: *\r\n", 304), ("p", "Prefer: wait=0\r\nIf-None-Match: \"1-1\", \"2-2\"\r\n", 200)):
            with self.subTest(path + " " + more.strip()):
                head, _ = self.both([self.ask(path, more)], plain=path == "p%3F")[0]
                self.assertEqual(int(head[9:12]), status)

    def test_unchanged(self):
        tag = self.token()
        for prefer in ("", "Prefer: wait=0\r\n", "Prefer: wait=1\r\n", "Prefer: respond-async, wait=\"1\"\r\n", "Prefer: wait=x\r\n"):
            with self.subTest(prefer.strip()):
                head, body = self.both([self.ask("p", f"If-None-Match: {tag}\r\n{prefer}")])[0]
                self.assertTrue(head.startswith(b"HTTP/1.1 304 Not Modified\r\n"))
                self.assertEqual(body, b"")

    def test_waits(self):
        """Both wait for the same snapshot, and get it."""
        tag = self.token()
        connections = [self.connect(), self.connect()]
        for connection, more in zip(connections, ("", FOREIGN)):
            connection.sendall(self.ask("p", f"If-None-Match: {tag}\r\nPrefer: wait=30\r\n").format(more).encode())
        until(lambda: self.silo.get("/v1/status").json["polls_waiting"] == 2, what="both wait")
        self.publish("b", 7)
        answers = [read_dateless(connection) for connection in connections]
        self.assertEqual(answers[0], answers[1])
        self.assertTrue(answers[0][0].startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertIn(b"\r\nPreference-Applied: wait=30\r\n", answers[0][0])
        for connection in connections:
            connection.close()

    def test_ends_its_side(self):
        tag = self.token()
        for first in (f"If-None-Match: {tag}\r\nPrefer: wait=30\r\n", f"If-None-Match: {tag}\r\n"):
            answers = []
            for more in ("", FOREIGN):
                connection = self.connect()
                connection.sendall(self.ask("p", first).format(more).encode())
                connection.shutdown(socket.SHUT_WR)
                answers.append(read_dateless(connection))
                self.assertEqual(connection.recv(100), b"")
                connection.close()
            self.assertEqual(answers[0], answers[1])
            self.assertTrue(answers[0][0].startswith(b"HTTP/1.1 304 "))

    def test_asks_and_ends_its_side(self):
        """As `nc -N` does: what was asked is answered, not what the server happens to know when it sees the end."""
        old = self.token()
        self.publish("b", 7)
        until(lambda: self.token() != old, what="a newer snapshot")
        for number in range(10):  # each question is new to its lane
            for first in ("", "Prefer: wait=30\r\n", f"If-None-Match: {old}\r\n", f"If-None-Match: {old}\r\nPrefer: wait=30\r\n"):
                path = "p" if "None-Match" in first else f"p?limit={10 + number}"
                for more in ("", FOREIGN):
                    with self.subTest(path + " " + first + more), self.connect() as connection:
                        connection.sendall(self.ask(path, first).format(more).encode())
                        connection.shutdown(socket.SHUT_WR)
                        self.assertEqual(read_answer(connection)[0], 200)
                        self.assertEqual(connection.recv(100), b"")

    def test_drain(self):
        tag = self.token()
        connections = [self.connect(), self.connect()]
        for connection, more in zip(connections, ("", FOREIGN)):
            connection.sendall(self.ask("p", f"If-None-Match: {tag}\r\nPrefer: wait=30\r\n").format(more).encode())
        until(lambda: self.silo.get("/v1/status").json["polls_waiting"] == 2, what="both wait")
        stopper = threading.Thread(target=self.silo.stop)
        stopper.start()
        answers = [read_dateless(connection) for connection in connections]
        ends = [connection.recv(100) for connection in connections]
        stopper.join()
        self.assertEqual(answers[0], answers[1])
        self.assertTrue(answers[0][0].startswith(b"HTTP/1.1 503 "))
        self.assertEqual(ends, [b"", b""])
        for connection in connections:
            connection.close()

    def test_edge(self):
        """An edge whose upstream is gone says how old its answers are."""
        with Silo(args=["--upstream", self.silo.url]) as edge:
            until(lambda: edge.get("/v1/projections/p").status == 200, what="the edge has it")
            self.silo.kill()
            self.silo, silo = edge, self.silo
            until(lambda: "Age" in self.silo.get("/v1/projections/p").headers, what="an age")
            answers = []
            for more in ("", FOREIGN):
                connection = self.connect()
                connection.sendall(self.ask("p").format(more).encode())
                answers.append(tuple(re.sub(rb"\r\nAge: \d+\r\n", b"\r\nAge\r\n", part) for part in read_dateless(connection)))
                connection.close()
            self.silo = silo
        self.assertEqual(answers[0], answers[1])
        self.assertIn(b"\r\nAge\r\n", answers[0][0])

    def test_handshake(self):
        answers = []
        for more in ("", FOREIGN):
            connection = self.connect()
            # A poll right behind it, before the answer.
            poll = struct.pack("<BBHIQQII", 1, 1, 1, 1, 0, 0, 0, 0) + b"p"
            connection.sendall(HANDSHAKE.format(more, "Origin: http://localhost:3000\r\n").encode() + bytes([0x82, 0x80 | len(poll)]) + bytes(4) + poll)
            data = b""
            while len(data.partition(b"\r\n\r\n")[2]) < 40:
                more_data = connection.recv(65536)
                self.assertTrue(more_data, data)
                data += more_data
            head, _, frames = data.partition(b"\r\n\r\n")
            answers.append((re.sub(rb"\r\nDate: [^\r]*", b"", head), frames[:4 + 16]))
            connection.close()
        self.assertEqual(answers[0], answers[1])
        self.assertTrue(answers[0][0].startswith(b"HTTP/1.1 101 Switching Protocols\r\n"))
        self.assertIn(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", answers[0][0])  # RFC 6455, 1.3

    def test_byte_by_byte(self):
        connection = self.connect()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(2):
            for byte in self.ask("p").format("").encode():
                connection.sendall(bytes([byte]))
            head, body = read_dateless(connection)
            self.assertTrue(head.startswith(b"HTTP/1.1 200 "))
        for byte in b"GET /healthz HTTP/1.1\r\n" + HOST.encode() + b"\r\n":
            connection.sendall(bytes([byte]))
        self.assertEqual(read_dateless(connection)[1], b"ok\n")
        connection.close()

    def test_counted(self):
        before = self.silo.get("/v1/status").json["connections"]["http"]
        plain = self.metric("synoptic_http_plain_connections")
        connections = [self.connect() for _ in range(20)]
        for connection in connections[:10]:
            connection.sendall(self.ask("p").format("").encode())
            read_dateless(connection)
        until(lambda: self.silo.get("/v1/status").json["connections"]["http"] == before + 20, what="all are counted")
        self.assertEqual(self.metric("synoptic_http_plain_connections"), plain + 20)
        for connection in connections:
            connection.close()
        until(lambda: self.silo.get("/v1/status").json["connections"]["http"] == before, what="none is left")


if __name__ == "__main__":
    main()
