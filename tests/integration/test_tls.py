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

    def slow_connection(self):
        """Of which the kernel takes little."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.settimeout(60)
        connection.connect((self.silo.host, self.silo.port))
        return self.silo.tls.wrap_socket(connection, server_hostname=self.silo.host)

    def web_socket(self, more="", connection=None):
        connection = connection or self.silo.connect()
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


class Amounts(Tls):
    def test_large_answers_to_a_slow_reader(self):
        """Answers of some MB go out in order, whoever reads them how slowly, and nothing else waits for that."""
        self.publish([{"key": f"key {i:05}" + "x" * 200, "n": i} for i in range(40000)])
        until(lambda: len(self.silo.get("/v1/projections/p").body) > 8 << 20, what="all rows")  # more than the kernel holds
        whole = self.silo.get("/v1/projections/p").body
        binary = self.silo.get("/v1/projections/p", {"Accept": "application/vnd.synoptic.snapshot"}).body
        ways = [get("/v1/projections/p", "Accept: application/vnd.synoptic.snapshot\r\n"), get("/v1/projections/p", "TE: trailers\r\n")]
        slow = [self.slow_connection(), self.slow_connection(), self.web_socket(connection=self.slow_connection())]
        for connection, request in zip(slow, ways + [frame(poll())]):
            connection.sendall(request)
        until(lambda: sum(entry["waiting_bytes"] > 0 for entry in self.silo.get("/v1/connections").json["connections"]) >= 2, what="they are full")
        self.assertEqual(self.silo.get("/v1/projections/p").body, whole)  # another one's
        for connection, expected in zip(slow, (binary, whole)):
            status, _, body = read_answer(connection)
            self.assertEqual((status, body == expected), (200, True))
        self.assertEqual(self.snapshot(slow[2])[16:], binary)
        for connection in slow:
            connection.close()

    def test_large_publications(self):
        rows = b"".join(b'{"key":"key %d","n":1}\n' % i for i in range(200000))
        self.assertEqual(self.silo.publish("s", rows.decode()).json["accepted"], 200000)
        until(lambda: len(self.silo.rows("p")) == 200000, what="all rows")

    def test_many_at_once(self):
        """Descriptors, and most of the memory, come back."""
        self.silo.get("/healthz")
        before = self.silo.descriptors()
        context = self.silo.tls
        for _ in range(3):
            connections = [self.silo.connect_plain() for _ in range(150)]
            for number, connection in enumerate(connections):
                if number % 3 == 0:  # others leave without a word, or in the middle of it
                    connections[number] = context.wrap_socket(connection, server_hostname="127.0.0.1")
                    connections[number].sendall(get("/healthz") if number % 2 else get("/v1/projections/p"))
                elif number % 3 == 1:
                    connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
            for connection in connections[::3]:
                self.assertEqual(read_answer(connection)[0], 200)
            for connection in connections:
                connection.close()
            until(lambda: self.silo.descriptors() <= before + 1, what="all descriptors are back")
        until(lambda: self.silo.metric("synoptic_tls_handshakes_waiting") == 0, what="nobody waits")


class Peers(Tls):
    """Those who do not do as they should. Somebody who does is served all the while."""

    def setUp(self):
        super().setUp()
        self.publish([{"key": "a", "n": 1}])
        self.witness = self.web_socket()
        self.addCleanup(self.witness.close)

    def tearDown(self):
        self.witness.sendall(frame(poll()))
        self.snapshot(self.witness)

    def failed(self, why):
        return self.silo.metric(f"synoptic_tls_failed_{why}_total")

    def test_plain(self):
        connection = self.silo.connect_plain()
        connection.sendall(get("/healthz"))
        status, head, body = read_answer(connection)
        self.assertEqual(status, 400)
        self.assertIn("https://", json.loads(body)["error"]["message"])
        self.assertEqual(connection.recv(1), b"")
        connection.close()
        self.assertEqual(self.failed("plain"), 1)

    def test_garbage(self):
        for number, data in enumerate((b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 100, b"\x16\x03\x01\x00\x06\x02\0\0\x02\x03\x03", b"\x80\x03" * 50)):
            with self.silo.connect_plain() as connection:
                connection.sendall(data)
                try:
                    while connection.recv(100):  # perhaps an alert
                        pass
                except ConnectionError:
                    pass
            until(lambda: self.failed("protocol") == number + 1, what="it is counted")

    def test_half_a_handshake(self):
        """A hello cut anywhere; and then garbage instead of the rest."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = self.silo.tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        hello = outgoing.read()
        for cut in range(1, len(hello), 37):
            with self.silo.connect_plain() as connection:
                connection.sendall(hello[:cut])
        until(lambda: self.failed("left") == len(range(1, len(hello), 37)), what="all are counted")
        with self.silo.connect_plain() as connection:
            connection.sendall(hello)
            self.assertTrue(connection.recv(100))
            connection.sendall(b"garbage, garbage, garbage")
            try:
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass
        until(lambda: self.failed("protocol") == 1, what="it is counted")

    def test_garbage_afterwards(self):
        """In place of a record: the connection ends, whoever has it."""
        for request in (get("/v1/projections/p"), get("/healthz"), None):
            connection = self.web_socket() if request is None else self.silo.connect()
            if request is not None:
                connection.sendall(request)
                read_answer(connection)
            raw = socket.socket(fileno=connection.detach())
            raw.settimeout(60)
            raw.sendall(b"\x17\x03\x03\x00\x30" + os.urandom(48))
            try:
                while raw.recv(65536):
                    pass
            except ConnectionError:
                pass
            raw.close()
        until(lambda: len(self.silo.get("/v1/connections").json["connections"]) <= 3, what="they are gone")

    def test_names_and_protocols(self):
        """Whatever host is asked for, and protocols that nobody has: that is no reason to refuse."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "synoptic"])
        for name in ("elsewhere.example", None):
            with context.wrap_socket(self.silo.connect_plain(), server_hostname=name) as connection:
                self.assertIsNone(connection.selected_alpn_protocol())
                connection.sendall(get("/healthz"))
                self.assertEqual(read_answer(connection)[2], b"ok\n")
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(self.silo.connect_plain()) as connection:
            self.assertEqual(connection.selected_alpn_protocol(), "http/1.1")

    def test_who_does_not_trust_us(self):
        context = ssl.create_default_context(cafile=self.certificates["other-ca.pem"])
        with self.assertRaises(ssl.SSLCertVerificationError):
            context.wrap_socket(self.silo.connect_plain(), server_hostname="localhost")
        until(lambda: self.failed("refused") == 1, what="it is counted")

    def test_ends(self):
        """With a word, with half of it, without: a poll that waits is answered to who only ends its side."""
        tag = self.silo.get("/v1/projections/p").headers["ETag"]
        for more in ("", "TE: trailers\r\n"):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = self.silo.tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
            connection = self.silo.connect_plain()

            def step(what):
                while True:
                    try:
                        return what()
                    except ssl.SSLWantReadError:
                        connection.sendall(outgoing.read())
                        data = connection.recv(65536)
                        incoming.write(data) if data else incoming.write_eof()

            step(client.do_handshake)
            client.write(get("/v1/projections/p", f"If-None-Match: {tag}\r\nPrefer: wait=30\r\n{more}"))
            connection.sendall(outgoing.read())
            until(lambda: self.silo.get("/v1/status").json["polls_waiting"] == 1, what="it waits")
            try:
                client.unwrap()
            except ssl.SSLWantReadError:
                pass
            connection.sendall(outgoing.read())
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while data := connection.recv(65536):
                answer += data
            self.assertGreater(len(answer), 100)  # encrypted, and then the end
            connection.close()
        until(lambda: self.silo.get("/v1/status").json["polls_waiting"] == 0, what="nobody waits")


class Certificate(Tls):
    def name(self):
        """Of the certificate that is shown, the one who it is for."""
        context = ssl.create_default_context(cafile=self.certificates["ca.pem"])
        context.check_hostname = False
        with context.wrap_socket(self.silo.connect_plain()) as connection:
            return dict(pair for part in connection.getpeercert()["subject"] for pair in part)["commonName"]

    def replace(self, certificate, key):
        shutil.copy(self.certificates[certificate], self.certificates["server.pem"])
        shutil.copy(self.certificates[key], self.certificates["server-key.pem"])
        self.said = len(self.silo.stderr())
        os.kill(self.silo.pid, signal.SIGHUP)

    def test_reload(self):
        self.publish([{"key": "a", "n": 1}])
        with self.web_socket() as before:
            self.assertEqual(self.name(), "server")
            self.replace("elsewhere.pem", "elsewhere-key.pem")
            until(lambda: "was read again" in self.silo.stderr()[self.said:], what="a message")
            self.assertEqual(self.name(), "elsewhere")
            self.silo.tls.check_hostname = False
            self.assertIn("CN=elsewhere", self.silo.get("/v1/status").json["tls"]["certificate"])

            self.replace("expired.pem", "elsewhere-key.pem")  # which does not belong to it
            until(lambda: "does not belong to the certificate" in self.silo.stderr()[self.said:], what="a warning")
            self.assertEqual(self.name(), "elsewhere")
            os.unlink(self.certificates["server.pem"])
            said = len(self.silo.stderr())
            os.kill(self.silo.pid, signal.SIGHUP)
            until(lambda: "No such file" in self.silo.stderr()[said:], what="a warning")
            self.assertEqual(self.name(), "elsewhere")

            before.sendall(frame(poll()))  # who was there is not touched
            self.snapshot(before)

    def start(self, *args):
        with tempfile.TemporaryDirectory(prefix="synoptic-test-") as folder:
            done = subprocess.run([program("synopticd", "SYNOPTICD"), "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", *args],
                                  cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    def test_refused_at_the_start(self):
        good, key, other = (self.certificates[name] for name in ("server.pem", "server-key.pem", "expired-key.pem"))
        for args, status, words in ((("--tls-cert", good), 2, "go together"), (("--tls-key", key), 2, "go together"),
                                    (("--tls-cert", good, "--tls-key", other), 1, f"the key in {other} does not belong to the certificate in {good}"),
                                    (("--tls-cert", "/nothing.pem", "--tls-key", key), 1, "/nothing.pem"),
                                    (("--tls-cert", key, "--tls-key", key), 1, "there is no certificate")):
            with self.subTest(args):
                code, text = self.start(*args)
                self.assertEqual(code, status, text)
                self.assertIn(words, text)


if __name__ == "__main__":
    main()
