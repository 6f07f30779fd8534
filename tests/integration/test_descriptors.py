# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections come and go by the thousand: the silo has as many descriptors afterwards as before."""

import base64
import os
import pathlib
import resource
import select
import socket
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

from silo import Silo, main, read_answer, until

CATALOG = {
    "sources": [{"name": "s", "kind": "http", "fields": {"key": "string", "n": "int64"}}],
    "projections": [{"name": "p", "from": "s", "key": ["key"], "columns": {"n": "sum(n)"}}],
}
N = 1000
AT_ONCE = 250


class Descriptors(unittest.TestCase):
    def setUp(self):
        self.silo = Silo(CATALOG)
        self.addCleanup(self.silo.__exit__, None, None, None)
        # Everything that is made once is made: both lanes' epoll sets, the beacons.
        for _ in range(4):
            self.web_socket().close()
        self.assertEqual(self.silo.get("/v1/projections/p").status, 200)
        until(lambda: self.silo.get("/v1/status").json["connections"] == {"http": 1, "websocket": 0}, what="quiet")
        self.before = self.settled()

    def settled(self):
        """The number of descriptors when it is the same twice."""
        seen = []

        def same():
            seen.append(self.silo.descriptors())
            return len(seen) > 3 and seen[-1] == seen[-2] == seen[-3]
        until(same, what="a steady number of descriptors")
        return seen[-1]

    def check(self):
        # Connections are accepted in turn: when this one is served, all before it have been.
        self.assertEqual(self.silo.get("/healthz").status, 200)
        until(lambda: self.silo.descriptors() == self.before, what=f"{self.before} descriptors again")
        self.assertEqual(self.settled(), self.before)

    def web_socket(self):
        connection = self.silo.connect()
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall((f"GET /v1/replica HTTP/1.1\r\nHost: {self.silo.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
                            "Sec-WebSocket-Protocol: synoptic.v1\r\n\r\n").encode())
        self.assertEqual(read_answer(connection)[0], 101)
        return connection

    def each(self, make, use=lambda connection: None, end=socket.socket.close):
        """N connections, AT_ONCE at a time."""
        for _ in range(N // AT_ONCE):
            connections = [make() for _ in range(AT_ONCE)]
            for connection in connections:
                use(connection)
            for connection in connections:
                end(connection)

    def ask(self, connection):
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertEqual(read_answer(connection)[0], 200)

    def test_keep_alive(self):
        """libsoup 3.2 leaks one for each keep-alive connection that its client closes."""
        self.each(self.silo.connect, self.ask)
        self.check()

    def test_keep_alive_reset(self):
        def reset(connection):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
        self.each(self.silo.connect, self.ask, reset)
        self.check()

    def test_silent(self):
        self.each(self.silo.connect)
        self.check()

    def test_half_requests(self):
        self.each(self.silo.connect, lambda connection: connection.sendall(b"POST /v1/sources/s/events HTTP/1.1\r\nHost: x\r\n"
                                                                           b"Content-Length: 100\r\n\r\n{"))
        self.check()

    def test_long_polls_that_leave(self):
        tag = self.silo.get("/v1/projections/p").headers["ETag"]
        self.each(self.silo.connect, lambda connection: connection.sendall(
            f"GET /v1/projections/p HTTP/1.1\r\nHost: x\r\nIf-None-Match: {tag}\r\nPrefer: wait=30\r\n\r\n".encode()))
        self.check()
        self.assertEqual(self.silo.get("/v1/status").json["polls_waiting"], 0)

    def test_plain_polls_that_leave(self):
        """The same, answered by the lanes: parked, with another sent ahead, after an answer, in the middle of a second head."""
        tag = self.silo.get("/v1/projections/p").headers["ETag"]
        head = "GET /v1/projections/p HTTP/1.1\r\nHost: localhost\r\n"
        held = f"{head}If-None-Match: {tag}\r\nPrefer: wait=30\r\n\r\n".encode()
        self.each(self.silo.connect, lambda connection: connection.sendall(held))
        self.each(self.silo.connect, lambda connection: connection.sendall(held + held))

        def ask(connection):
            connection.sendall(f"{head}\r\n".encode())
            self.assertEqual(read_answer(connection)[0], 200)
        self.each(self.silo.connect, ask)

        def ask_twice(connection):
            ask(connection)
            connection.sendall(head.encode())
        self.each(self.silo.connect, ask_twice)
        self.check()
        status = self.silo.get("/v1/status").json
        self.assertEqual(status["polls_waiting"], 0)
        self.assertEqual(status["connections"], {"http": 1, "websocket": 0})

    def test_plain_polls_that_become_others(self):
        def use(connection):
            connection.sendall(b"GET /v1/projections/p HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(read_answer(connection)[0], 200)
            self.ask(connection)
            connection.sendall(b"GET /v1/projections/p HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(read_answer(connection)[0], 200)
        self.each(self.silo.connect, use)
        self.check()

    def test_half_heads(self):
        self.each(self.silo.connect, lambda connection: connection.sendall(b"GET /v1/projections/p HTTP/1.1\r\nHo"))
        self.check()

    def test_web_sockets(self):
        self.each(self.web_socket)
        self.check()

    def test_web_sockets_with_parked_polls(self):
        mask = b"\0\0\0\0"

        def poll(connection):
            message = struct.pack("<BBHIQQII", 1, 1, 1, 1, 0, 0, 30000, 0) + b"p"
            connection.sendall(bytes([0x82, 0x80 | len(message)]) + mask + message)
            data = b""
            while len(data) < 4 or len(data) < 4 + int.from_bytes(data[2:4], "big"):
                data += connection.recv(65536)
            epoch, serial = struct.unpack_from("<QQ", data, 4 + 16 + 8)
            message = struct.pack("<BBHIQQII", 1, 1, 0, 1, epoch, serial, 30000, 0)
            connection.sendall(bytes([0x82, 0x80 | len(message)]) + mask + message)
        self.each(self.web_socket, poll)
        self.check()
        self.assertEqual(self.silo.get("/v1/status").json["polls_waiting"], 0)

    def test_web_sockets_closed_politely(self):
        def close(connection):
            connection.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
            self.assertEqual(connection.recv(100), b"\x88\x02\x03\xe8")
            self.assertEqual(connection.recv(100), b"")
            connection.close()
        self.each(self.web_socket, end=close)
        self.check()


class Scarce(unittest.TestCase):
    def test_lives_through_the_want_of_descriptors(self):
        """More connections than descriptors: some are refused; when the others end, all is well."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with Silo(CATALOG) as silo:
            resource.prlimit(silo.pid, resource.RLIMIT_NOFILE, (silo.descriptors() + 50, hard))
            connections = [silo.connect() for _ in range(200)]
            watch = select.poll()
            for connection in connections:
                watch.register(connection, select.POLLIN)
            until(lambda: len(watch.poll(0)) >= 100, what="refusals")
            closed = len(watch.poll(0))
            self.assertGreaterEqual(closed, 100)
            self.assertLess(closed, 200)
            for connection in connections:
                connection.close()
            resource.prlimit(silo.pid, resource.RLIMIT_NOFILE, (soft, hard))
            until(lambda: silo.get("/healthz").status == 200)
            self.assertIn("synoptic_http_refused_total", silo.get("/metrics").text)


if __name__ == "__main__":
    main()
