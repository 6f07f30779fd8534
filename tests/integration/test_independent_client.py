# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client written from docs/protocol.md alone: Debian's python3-websockets and struct for `synoptic.v1`, curl for HTTP."""

import asyncio
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

import struct
import websockets
import xxhash
from batches import BOOL, DECIMAL, DOUBLE, INT64, STRING, TIMESTAMP, batch, publication
from silo import Silo, main

CATALOG = {
    "sources": [
        {"name": "trades", "kind": "http",
         "fields": {"symbol": "string", "price": "decimal(4)", "size": "int64", "weight": "double", "open": "bool", "time": "timestamp"}},
        {"name": "other", "kind": "http", "fields": {"key": "string", "n": "int64"}},
        {"name": "quiet", "kind": "http", "fields": {"key": "string", "n": "int64"}},
    ],
    "projections": [
        {"name": "market/quotes", "from": "trades", "key": ["symbol"],
         "columns": {"last": "last(price)", "volume": "sum(size)", "weight": "last(weight)", "open": "last(open)", "at": "last(time)",
                     "n": "count()"}},
        {"name": "other", "from": "other", "key": ["key"], "columns": {"n": "sum(n)"}},
        {"name": "quiet", "from": "quiet", "key": ["key"], "columns": {"n": "sum(n)"}},
    ],
    "screens": [{"name": "market", "panels": [{"grid": "market/quotes", "sort": "-volume"}]}],
}

NONE = (0, 0)
SNAPSHOT, UNCHANGED, ERROR, PUBLISHED, REFUSED = 0x81, 0x82, 0x83, 0x90, 0x91
INVALID, NOT_FOUND, OVERLOADED, UNAVAILABLE, TOO_LARGE, CONFLICT = 1, 2, 3, 4, 6, 9


# ---- synoptic.v1, by the tables of the document ----------------------------------------------------------------------

def poll(view, path, token=NONE, hold_ms=10000, accept=1):
    text = path.encode()
    return struct.pack("<BBHIQQII", 0x01, accept, len(text), view, token[0], token[1], hold_ms, 0) + text


def withdraw(view):
    return struct.pack("<B3xI", 0x02, view)


class Snapshot:
    """§4, with every offset checked."""

    def __init__(self, data):
        self.data = data
        (magic, version, stretched, epoch, serial, self.time_us, size, self.n_rows, n_columns, columns, n_frontier, frontier, path,
         path_bytes) = struct.unpack_from("<4sHHQQqIIIIIIII", data, 0)
        assert magic == b"SYNS" and version == 1 and stretched < 100, (magic, version, stretched)
        assert size == len(data), (size, len(data))
        self.token = (epoch, serial)
        self.path = self.text(path, path_bytes)
        self.frontier = {}
        for i in range(n_frontier):
            name, name_bytes, sequence = struct.unpack_from("<IIQ", data, self.at(frontier, 16 * n_frontier) + 16 * i)
            self.frontier[self.text(name, name_bytes)] = sequence
        self.names, self.types, self.key, values = [], [], [], []
        for i in range(n_columns):
            values.append(self.column(self.at(columns, 32 * n_columns) + 32 * i))
        self.rows = [list(row) for row in zip(*values)] if values else []
        assert len(self.rows) == self.n_rows

    def at(self, offset, length):
        assert offset % 8 == 0 and offset + length <= len(self.data), (offset, length)
        return offset

    def text(self, offset, length):
        self.at(offset, length + 1)
        assert self.data[offset + length] == 0
        return self.data[offset:offset + length].decode("utf-8")

    def column(self, offset):
        (name, name_bytes, kind, scale, width, flags, data, validity, n_dict, dict_offsets,
         dict_bytes) = struct.unpack_from("<IIBBBBIIIII", self.data, offset)
        self.names.append(self.text(name, name_bytes))
        self.types.append((kind, scale))
        if flags & 1:
            self.key.append(self.names[-1])
        start = self.at(data, self.n_rows * width)
        raw = [self.data[start + i * width:start + (i + 1) * width] for i in range(self.n_rows)]
        if kind == 1:
            values = [value != b"\0" for value in raw]
        elif kind in (2, 6):
            assert width == 8
            values = [int.from_bytes(value, "little", signed=True) for value in raw]
        elif kind == 3:
            values = [struct.unpack("<d", value)[0] for value in raw]
        elif kind == 4:
            assert width in (8, 16)
            values = [int.from_bytes(value, "little", signed=True) for value in raw]
        else:
            assert kind == 5 and width == 4
            ends = struct.unpack_from(f"<{n_dict + 1}I", self.data, self.at(dict_offsets, 4 * (n_dict + 1)))
            start = self.at(dict_bytes, ends[-1])
            words = [self.data[start + ends[k]:start + ends[k + 1] - 1].decode() for k in range(n_dict)]
            values = [words[int.from_bytes(value, "little")] if words else "" for value in raw]
        if validity:
            bits = self.data[self.at(validity, (self.n_rows + 7) // 8):]
            values = [value if bits[i // 8] >> (i % 8) & 1 else None for i, value in enumerate(values)]
        return values


def apply_delta(base, delta):
    """§4.1: the bytes of the result."""
    (magic, version, reserved, *token, base_epoch, base_serial, digest, size, base_bytes, result_bytes,
     n_parts) = struct.unpack_from("<4sHHQQQQQIIII", delta, 0)
    assert magic == b"SYND" and version == 1 and reserved == 0 and size == len(delta) and base_bytes == len(base)
    assert (base_epoch, base_serial) == struct.unpack_from("<QQ", base, 8)
    result, taken = bytearray(), 0
    for k in range(n_parts):
        (length, offset, n_taken, tail, n_changes, positions, values, width, kind,
         reserved) = struct.unpack_from("<IIIIIIIBBH", delta, 64 + 32 * k)
        assert length > 0 and n_taken <= length and reserved == 0
        assert n_taken == 0 or (offset >= taken and offset + n_taken <= len(base))
        taken = offset + n_taken if n_taken else taken
        part = bytearray(base[offset:offset + n_taken]) + delta[tail:tail + length - n_taken]
        assert len(part) == length
        found, n_words = [], 0
        if kind == 1:
            found = struct.unpack_from(f"<{n_changes}I", delta, positions)
        elif kind == 2:
            while len(found) < n_changes:
                word, = struct.unpack_from("<Q", delta, positions)
                found += [64 * n_words + bit for bit in range(64) if word >> bit & 1]
                positions, n_words = positions + 8, n_words + 1
        assert len(found) == n_changes and (kind == 0) == (n_changes == 0)
        for i, position in enumerate(found):
            assert (position + 1) * width <= n_taken
            part[position * width:(position + 1) * width] = delta[values + i * width:values + (i + 1) * width]
        result += part + bytes(-length % 8)
    assert len(result) == result_bytes and xxhash.xxh64_intdigest(bytes(result)) == digest
    assert tuple(token) == struct.unpack_from("<QQ", result, 8)
    return bytes(result)


def decompress(data):
    """§4.2, by the zstd program."""
    magic, version, reserved, _, _, n_plain, reserved1 = struct.unpack_from("<4sHHQQII", data, 0)
    assert magic == b"SYNZ" and version == 1 and reserved == 0 and reserved1 == 0
    plain = subprocess.run(["zstd", "-d", "-c"], input=data[32:], stdout=subprocess.PIPE, check=True).stdout
    assert len(plain) == n_plain <= 4096 * (len(data) - 32)
    return plain


class Message:
    def __init__(self, data):
        assert isinstance(data, bytes), "messages are binary"
        self.kind = data[0]
        self.view, = struct.unpack_from("<I", data, 4)
        if self.kind == SNAPSHOT:
            self.form, reserved, _, size, reserved1 = struct.unpack_from("<BHIII", data, 1)
            assert self.form in (1, 2, 5, 6) and reserved == 0 and reserved1 == 0 and size == len(data) - 16
            self.body = data[16:]
            self.token = struct.unpack_from("<QQ", self.body, 8)
            if self.form & 4:
                self.body = decompress(self.body)
                assert self.token == struct.unpack_from("<QQ", self.body, 8)
            if self.form & 3 == 1:
                self.snapshot = Snapshot(self.body)
                assert self.token == self.snapshot.token
        elif self.kind == UNCHANGED:
            assert len(data) == 24
            self.token = struct.unpack_from("<QQ", data, 8)
        elif self.kind == PUBLISHED:
            assert len(data) == 24 and data[1:4] == b"\0\0\0"
            self.request, self.accepted, self.sequence = struct.unpack_from("<IQQ", data, 4)
        elif self.kind == REFUSED:
            reserved, self.code, self.request, self.retry_ms, self.event, field, size, reserved1 = struct.unpack_from("<BHIIIIIQ", data, 1)
            assert reserved == 0 and reserved1 == 0 and len(data) == 32 + field + size
            self.field, self.text = data[32:32 + field].decode("utf-8"), data[32 + field:].decode("utf-8")
        else:
            assert self.kind == ERROR, hex(self.kind)
            self.code, _, self.retry_ms, size = struct.unpack_from("<HIII", data, 2)
            assert size == len(data) - 16
            self.text = data[16:].decode("utf-8")


class Socket:
    """A connection whose messages are read as they come, so that silence can be looked at."""

    def __init__(self, silo):
        self.url = silo.ws_url

    async def __aenter__(self):
        self.socket = await websockets.connect(self.url, subprotocols=["synoptic.v1"], max_size=None)
        self.messages = asyncio.Queue()
        self.reader = asyncio.ensure_future(self.read())
        return self

    async def __aexit__(self, *_):
        await self.socket.close()
        await self.reader

    async def read(self):
        try:
            async for data in self.socket:
                self.messages.put_nowait(Message(data))
        except websockets.exceptions.ConnectionClosed:
            pass
        self.messages.put_nowait(None)

    async def send(self, message):
        await self.socket.send(message)

    async def receive(self, timeout=60):
        """The next message; None: the connection is closed."""
        return await asyncio.wait_for(self.messages.get(), timeout)

    async def is_silent(self, seconds=0.3):
        await asyncio.sleep(seconds)
        return self.messages.empty()


# ---- curl ------------------------------------------------------------------------------------------------------------

class Curl:
    def __init__(self, silo, path, *arguments, body=None):
        command = ["curl", "-sS", "-i", "-g", "--max-time", "100", "--noproxy", "*", *arguments, silo.url + path]
        done = subprocess.run(command, input=body, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode} {done.stderr.decode()}")
        rest = done.stdout
        while True:
            head, _, rest = rest.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            self.status = int(lines[0].split()[1])
            if self.status != 100:
                break
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.body = rest

    @property
    def json(self):
        return json.loads(self.body)


def publish(silo, body, *arguments, content_type="application/x-ndjson", source="trades"):
    if not isinstance(body, bytes):
        body = body.encode()
    return Curl(silo, f"/v1/sources/{source}/events", "-X", "POST", "--data-binary", "@-", "-H", f"Content-Type: {content_type}",
                *arguments, body=body)


class Case(unittest.TestCase):
    def setUp(self):
        self.silo = Silo(CATALOG)
        self.addCleanup(self.silo.__exit__, None, None, None)

    def go(self, coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 200))


class WebSocket(Case):
    def test_first_poll_and_events(self):
        async def run():
            async with Socket(self.silo) as socket:
                self.assertEqual(socket.socket.subprotocol, "synoptic.v1")
                publish(self.silo, '{"symbol":"ABC","price":1.1,"size":3,"weight":0.5,"open":true,"time":"2024-05-01T12:00:00.25Z"}\n')
                token = NONE
                while True:
                    await socket.send(poll(7, "market/quotes", token))
                    answer = await socket.receive()
                    self.assertEqual((answer.kind, answer.view), (SNAPSHOT, 7))
                    token = answer.token
                    if answer.snapshot.rows:
                        break
                snapshot = answer.snapshot
                self.assertEqual(snapshot.path, "market/quotes")
                self.assertEqual(snapshot.names, ["symbol", "last", "volume", "weight", "open", "at", "n"])
                self.assertEqual(snapshot.key, ["symbol"])
                self.assertEqual([kind for kind, _ in snapshot.types], [5, 4, 2, 3, 1, 6, 2])
                self.assertEqual(snapshot.types[1], (4, 4))
                self.assertEqual(snapshot.rows, [["ABC", 11000, 3, 0.5, True, 1714564800250000, 1]])
                self.assertEqual(snapshot.frontier, {"trades": 1})
                self.assertLess(abs(snapshot.time_us / 1e6 - time.time()), 100)

                # The token is held: parked, until an event.
                await socket.send(poll(7, "", token, 30000))
                self.assertTrue(await socket.is_silent())
                publish(self.silo, '{"symbol":"ABC","price":2,"size":4}\n{"symbol":"XYZ"}\n')
                answer = await socket.receive()
                self.assertEqual((answer.kind, answer.view), (SNAPSHOT, 7))
                self.assertNotEqual(answer.token, token)
                self.assertEqual(sorted(answer.snapshot.rows, key=lambda row: row[0]),
                                 [["ABC", 20000, 7, 0.5, True, 1714564800250000, 2], ["XYZ", None, None, None, None, None, 1]])
                self.assertEqual(answer.snapshot.frontier, {"trades": 3})

                # An old token, or a stranger's, is answered at once.
                for old in (token, (0xffffffffffff, 1), (1, 1)):
                    await socket.send(poll(7, "", old, 30000))
                    again = await socket.receive()
                    self.assertEqual((again.kind, again.token), (SNAPSHOT, answer.token))
        self.go(run())

    def test_deltas(self):
        def trade(symbols, price):
            publish(self.silo, "".join(f'{{"symbol":"S{i}","price":{price},"size":{i},"weight":0.5}}\n' for i in symbols))
        trade(range(300), 1)
        self.silo.wait_for("market/quotes", lambda rows: len(rows) == 300)

        async def run():
            async with Socket(self.silo) as socket:
                await socket.send(poll(5, "market/quotes", accept=3))
                answer = await socket.receive()
                self.assertEqual(answer.form, 1)
                held, token, sizes = answer.body, answer.token, []
                # Cells that change, rows that are new, and another's first null: each comes as what changed.
                for symbols, price in ((range(0, 300, 10), 2), (range(290, 303), 3), ((7,), "null"), (range(300), 4)):
                    await socket.send(poll(5, "", token, 30000, accept=3))
                    trade(symbols, price)
                    answer = await socket.receive()
                    self.assertEqual((answer.kind, answer.view, answer.form), (SNAPSHOT, 5, 2))
                    sizes.append(len(answer.body))
                    held, token = apply_delta(held, answer.body), answer.token
                    snapshot = Snapshot(held)
                    self.assertEqual(snapshot.token, token)
                    # The same, byte for byte, as in full.
                    whole = Curl(self.silo, "/v1/projections/market/quotes", "-H", "Accept: application/vnd.synoptic.snapshot")
                    self.assertEqual(whole.headers["etag"], f'"{token[0]:x}-{token[1]:x}"')
                    self.assertEqual(whole.body, held)
                self.assertEqual(snapshot.n_rows, 303)
                self.assertLess(sizes[0], len(held) * 0.12)

                # Who does not hold what it names, or does not say that it reads deltas, gets it in full.
                for other, accept in (((1, 1), 3), (NONE, 3), (NONE, 1)):
                    await socket.send(poll(6, "market/quotes", other, 0, accept))
                    self.assertEqual((await socket.receive()).form, 1)
                metrics = Curl(self.silo, "/metrics").body.decode()
                self.assertEqual(sum(float(line.split()[1]) for line in metrics.splitlines()
                                     if line.startswith("synoptic_websocket_deltas_total")), 4)
        self.go(run())

    def test_compressed(self):
        for n in (300, 3000):  # one that is compressed at once, one that a thread compresses
            publish(self.silo, "".join(f'{{"symbol":"S{i}","price":{i % 9},"size":{i},"weight":0.5}}\n' for i in range(n)))
            self.silo.wait_for("market/quotes", lambda rows: len(rows) == n)

            async def run():
                async with Socket(self.silo) as socket:
                    await socket.send(poll(5, "market/quotes", accept=7))
                    answer = await socket.receive()
                    self.assertEqual((answer.form, answer.snapshot.n_rows), (5, n))
                    await socket.send(poll(5, "", answer.token, 30000, accept=7))
                    publish(self.silo, "".join(f'{{"symbol":"S{i}","price":7,"size":{i}}}\n' for i in range(0, n, 3)))
                    delta = await socket.receive()
                    self.assertEqual(delta.form, 6)
                    held = apply_delta(answer.body, delta.body)
                    await socket.send(poll(5, "", delta.token, 0, accept=7))
                    self.assertEqual((await socket.receive()).kind, UNCHANGED)
                    whole = Curl(self.silo, "/v1/projections/market/quotes", "-H", "Accept: application/vnd.synoptic.snapshot")
                    self.assertEqual(whole.body, held)
            self.go(run())

    def test_hold_ends(self):
        async def run():
            async with Socket(self.silo) as socket:
                await socket.send(poll(1, "quiet"))
                first = await socket.receive()
                self.assertEqual((first.kind, first.snapshot.rows), (SNAPSHOT, []))
                for hold_ms in (1500, 0):
                    await socket.send(poll(1, "", first.token, hold_ms))
                    before = time.monotonic()
                    answer = await socket.receive()
                    self.assertEqual((answer.kind, answer.token), (UNCHANGED, first.token))
                    self.assertGreaterEqual(time.monotonic() - before, hold_ms / 1000 - 0.05)
        self.go(run())

    def test_queries(self):
        publish(self.silo, "".join(f'{{"symbol":"S{i}","price":{i}.5,"size":{i}}}\n' for i in range(20)))
        self.silo.wait_for("market/quotes", lambda rows: len(rows) == 20)

        async def run():
            async with Socket(self.silo) as socket:
                await socket.send(poll(1, "market/quotes?where=last>10.5+and+symbol~%22S1*%22&select=symbol,last&sort=-last&limit=3"))
                answer = await socket.receive()
                self.assertEqual(answer.kind, SNAPSHOT, getattr(answer, "text", ""))
                self.assertEqual(answer.snapshot.names, ["symbol", "last"])
                self.assertEqual(answer.snapshot.rows, [["S19", 195000], ["S18", 185000], ["S17", 175000]])
                await socket.send(poll(1, "", answer.token, 30000))
                self.assertTrue(await socket.is_silent())
                publish(self.silo, '{"symbol":"S11","price":99,"size":1}\n')
                answer = await socket.receive()
                self.assertEqual(answer.snapshot.rows, [["S11", 990000], ["S19", 195000], ["S18", 185000]])
        self.go(run())

    def test_many_views(self):
        async def run():
            async with Socket(self.silo) as socket:
                paths = {view: path for view, path in zip((4, 2**32 - 1, 0), ("market/quotes", "other", "quiet"))}
                for view, path in paths.items():
                    await socket.send(poll(view, path))
                tokens = {}
                for _ in paths:
                    answer = await socket.receive()
                    self.assertEqual(answer.snapshot.path, paths[answer.view])
                    tokens[answer.view] = answer.token
                for view in paths:
                    await socket.send(poll(view, "", tokens[view], 30000))
                publish(self.silo, '{"key":"a","n":1}\n', source="other")
                answer = await socket.receive()
                self.assertEqual((answer.view, answer.snapshot.rows), (2**32 - 1, [["a", 1]]))
                self.assertTrue(await socket.is_silent())
        self.go(run())

    def test_errors_and_withdraw(self):
        async def run():
            async with Socket(self.silo) as socket:
                for view, (path, code, part) in enumerate((
                        ("market/quote", NOT_FOUND, "market/quotes"),
                        ("nothing", NOT_FOUND, "nothing"),
                        ("market/quotes?where=nolast>1", INVALID, "nolast"),
                        ("market/quotes?where=last>", INVALID, "where"),
                        ("market/quotes?limit=x", INVALID, "limit"),
                        ("market/quotes?what=1", INVALID, "what"),
                        ("", INVALID, "path"))):
                    await socket.send(poll(view, path))
                    answer = await socket.receive()
                    self.assertEqual((answer.kind, answer.view, answer.code, answer.retry_ms), (ERROR, view, code, 0))
                    self.assertIn(part, answer.text)
                # The connection is none the worse.
                await socket.send(poll(1, "quiet"))
                token = (await socket.receive()).token
                await socket.send(poll(1, "", token, 30000))
                await socket.send(withdraw(1))
                await socket.send(withdraw(12345))
                publish(self.silo, '{"key":"a","n":1}\n', source="quiet")
                self.silo.wait_for("quiet", lambda rows: rows)
                self.assertTrue(await socket.is_silent())
                await socket.send(poll(1, ""))
                self.assertEqual((await socket.receive()).code, INVALID)
        self.go(run())

    def test_interim_snapshots_are_skipped(self):
        async def run():
            async with Socket(self.silo) as socket:
                await socket.send(poll(1, "other"))
                first = await socket.receive()
                for i in range(3):
                    publish(self.silo, '{"key":"a","n":1}\n', source="other")
                self.silo.wait_for("other", lambda rows: rows and rows[0]["n"] == 3)
                self.assertTrue(await socket.is_silent(0.1))
                await socket.send(poll(1, "", first.token))
                self.assertEqual((await socket.receive()).snapshot.rows, [["a", 3]])
                self.assertTrue(await socket.is_silent(0.1))
        self.go(run())

    def test_ping_close_and_drain(self):
        async def run():
            async with Socket(self.silo) as client:
                await asyncio.wait_for(await client.socket.ping(b"are you there"), 30)
                await client.socket.close(3001, "done")
                self.assertEqual(client.socket.close_code, 3001)
            async with Socket(self.silo) as client:
                await client.send(poll(1, "quiet"))
                token = (await client.receive()).token
                await client.send(poll(1, "", token, 30000))
                await client.send(poll(2, "other", (1, 1), 30000))
                self.assertEqual((await client.receive()).view, 2)
                stop = asyncio.get_running_loop().run_in_executor(None, self.silo.stop)
                answer = await client.receive()
                self.assertEqual((answer.kind, answer.view, answer.code), (ERROR, 1, UNAVAILABLE))
                self.assertGreater(answer.retry_ms, 0)
                self.assertIsNone(await client.receive())
                self.assertEqual(client.socket.close_code, 1001)
                await stop
        self.go(run())

    def test_tokens_do_not_survive_a_restart(self):
        async def run():
            async with Socket(self.silo) as socket:
                await socket.send(poll(1, "quiet"))
                return (await socket.receive()).token
        token = self.go(run())
        self.silo.stop()
        self.silo.start()

        async def again():
            async with Socket(self.silo) as socket:
                await socket.send(poll(1, "quiet", token, 30000))
                answer = await socket.receive()
                self.assertEqual(answer.kind, SNAPSHOT)
                self.assertNotEqual(answer.token[0], token[0])
        self.go(again())


class Http(Case):
    def test_lists(self):
        answer = Curl(self.silo, "/v1/projections")
        self.assertEqual(answer.headers["content-type"], "application/json")
        by_path = {projection["path"]: projection for projection in answer.json["projections"]}
        self.assertEqual(set(by_path), {"market/quotes", "other", "quiet"})
        quotes = by_path["market/quotes"]
        self.assertEqual((quotes["key"], quotes["source"], quotes["min_interval_ms"]), (["symbol"], "trades", 1000))
        self.assertIn({"name": "last", "type": "decimal(4)"}, quotes["columns"])
        self.assertEqual(Curl(self.silo, "/v1/screens").json["screens"][0]["panels"][0]["path"], "market/quotes")
        self.assertEqual({source["name"]: source["sequence"] for source in Curl(self.silo, "/v1/sources").json["sources"]},
                         {"trades": 0, "other": 0, "quiet": 0})
        status = Curl(self.silo, "/v1/status").json
        self.assertEqual((status["pid"], status["projections"], status["ready"]), (self.silo.pid, 3, True))
        self.assertEqual(status["grains"]["source"], 3)
        self.assertGreater(status["memory"]["rss_bytes"], 1 << 20)
        self.assertEqual([lane["lane"] for lane in status["lanes"]], ["0", "1", "front"])
        self.assertEqual(Curl(self.silo, "/healthz").body, b"ok\n")
        self.assertEqual(Curl(self.silo, "/readyz").status, 200)
        self.assertIn(b"synoptic_http_requests_total", Curl(self.silo, "/metrics").body)
        self.assertIn(b"/v1/projections", Curl(self.silo, "/").body)

    def test_json_keeps_digits(self):
        publish(self.silo, '{"symbol":"A\\"ü","price":1.1,"size":9007199254740993,"time":"2024-05-01T12:00:00Z","weight":0.1}\n')
        self.silo.wait_for("market/quotes", lambda rows: rows)
        answer = Curl(self.silo, "/v1/projections/market/quotes")
        self.assertIn('["A\\"ü",1.1000,9007199254740993,0.1,null,"2024-05-01T12:00:00Z",1]', answer.body.decode())
        self.assertEqual(answer.json["token"], answer.headers["etag"].strip('"'))
        self.assertEqual(answer.json["key"], ["symbol"])

    def test_conditional(self):
        first = Curl(self.silo, "/v1/projections/quiet")
        tag = first.headers["etag"]
        self.assertEqual((first.status, first.headers["vary"], first.headers["cache-control"]), (200, "Accept", "no-cache"))
        for held in (tag, "W/" + tag, f'"0-0", {tag}', "*"):
            answer = Curl(self.silo, "/v1/projections/quiet", "-H", f"If-None-Match: {held}")
            self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", tag))
        self.assertEqual(Curl(self.silo, "/v1/projections/quiet", "-H", 'If-None-Match: "1-1"').status, 200)
        head = Curl(self.silo, "/v1/projections/quiet", "-I")
        self.assertEqual((head.status, head.headers["etag"], int(head.headers["content-length"])), (200, tag, len(first.body)))

        before = time.monotonic()
        held = Curl(self.silo, "/v1/projections/quiet", "-H", f"If-None-Match: {tag}", "-H", "Prefer: wait=1")
        self.assertEqual((held.status, held.headers["preference-applied"]), (304, "wait=1"))
        self.assertGreaterEqual(time.monotonic() - before, 0.95)

    def test_long_poll(self):
        tag = Curl(self.silo, "/v1/projections/quiet").headers["etag"]
        with subprocess.Popen(["curl", "-sS", "-i", "-g", "--noproxy", "*", "-H", f"If-None-Match: {tag}", "-H", "Prefer: wait=30",
                               self.silo.url + "/v1/projections/quiet?where=n>0"], stdout=subprocess.PIPE) as first:
            # Another path, another token: answered at once.
            self.assertIn(b"200 OK", first.communicate(timeout=60)[0])
        with subprocess.Popen(["curl", "-sS", "-i", "--noproxy", "*", "-H", f"If-None-Match: {tag}", "-H", "Prefer: wait=30",
                               self.silo.url + "/v1/projections/quiet"], stdout=subprocess.PIPE) as waiting:
            while Curl(self.silo, "/v1/status").json["polls_waiting"] == 0:
                self.assertIsNone(waiting.poll())
            publish(self.silo, '{"key":"a","n":5}\n', source="quiet")
            out = waiting.communicate(timeout=60)[0]
        self.assertIn(b"200 OK", out)
        self.assertIn(b'[["a",5]]', out)

    def test_forms(self):
        publish(self.silo, '{"symbol":"a,b","price":1,"size":1,"time":"2024-05-01T12:00:00Z"}\n{"symbol":"","price":2}\n')
        self.silo.wait_for("market/quotes", lambda rows: len(rows) == 2)
        answer = Curl(self.silo, "/v1/projections/market/quotes?sort=last", "-H", "Accept: text/csv")
        self.assertTrue(answer.headers["content-type"].startswith("text/csv"))
        self.assertEqual(answer.body.decode(),
                         'symbol,last,volume,weight,open,at,n\n"a,b",1.0000,1,,,2024-05-01T12:00:00Z,1\n"",2.0000,,,,,1\n')
        self.assertEqual(list(csv.reader(io.StringIO(answer.body.decode())))[1][0], "a,b")
        binary = Curl(self.silo, "/v1/projections/market/quotes?sort=last", "-H", "Accept: application/vnd.synoptic.snapshot")
        self.assertEqual([row[:2] for row in Snapshot(binary.body).rows], [["a,b", 10000], ["", 20000]])
        self.assertEqual(Curl(self.silo, "/v1/projections/market/quotes", "-H", "Accept: text/html;q=0.9, text/csv;q=0.1").headers
                         ["content-type"].split(";")[0], "text/csv")
        refused = Curl(self.silo, "/v1/projections/market/quotes", "-H", "Accept: image/png")
        self.assertEqual((refused.status, refused.json["error"]["code"]), (406, "not-acceptable"))
        self.assertIn("text/csv", refused.json["error"]["message"])

    def test_errors(self):
        for path, status, code, part in (
                ("/v1/projections/market/quote", 404, "not-found", "market/quotes"),
                ("/v1/projections/market/quotes?where=nope>1", 400, "invalid", "nope"),
                ("/v1/projections/market/quotes?where=last%20%3E%20%22a%22", 400, "invalid", "where"),
                ("/v1/projections/market/quotes?sort=nope", 400, "invalid", "nope"),
                ("/v1/projections/market/quotes?limit=-1", 400, "invalid", "limit"),
                ("/v1/projections/market/quotes?where=" + "(" * 2000 + ")" * 2000, 400, "invalid", "where"),
                ("/nothing", 404, "not-found", "/nothing")):
            answer = Curl(self.silo, path)
            self.assertEqual((answer.status, answer.json["error"]["code"]), (status, code), path)
            self.assertIn(part, answer.json["error"]["message"])
        self.assertIn(Curl(self.silo, "/v1/projections/market/quotes?where=" + "x" * 20000).status, (400, 413))
        wrong = Curl(self.silo, "/v1/projections", "-X", "DELETE")
        self.assertEqual((wrong.status, wrong.headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(Curl(self.silo, "/v1/replica").status, 426)


class Publish(Case):
    def test_formats(self):
        for content_type, body in (
                ("application/x-ndjson", '{"key":"a","n":1}\n{"key":"b","n":2}'),
                ("application/json", '[{"key":"a","n":1},\n {"key":"b","n":2}]'),
                ("text/csv; charset=utf-8", 'n,key\n1,a\n2,"b"\n')):
            with self.subTest(content_type):
                answer = publish(self.silo, body, content_type=content_type, source="other")
                self.assertEqual((answer.status, answer.json["accepted"]), (200, 2), answer.body)
        self.assertEqual(answer.json["sequence"], 6)
        self.silo.wait_for("other", lambda rows: {row["key"]: row["n"] for row in rows} == {"a": 3, "b": 6})

    def test_bad_events(self):
        good = '{"key":"a","n":1}\n'
        for content_type, body, line, field in (
                ("application/x-ndjson", good + '{"key":"b","n":"x"}\n', 2, "n"),
                ("application/x-ndjson", good + good + '{"key":"b","m":1}\n', 3, None),
                ("application/x-ndjson", good + '{"key":"b","n":9223372036854775808}\n', 2, "n"),
                ("application/x-ndjson", good + '{"key":"b","n":1.5}\n', 2, "n"),
                ("application/x-ndjson", good + '{"key":"b\n', 2, None),
                ("application/x-ndjson", good + '{"key":5,"n":1}\n', 2, "key"),
                ("application/x-ndjson", (good + '{"key":"\xff"}\n').encode("latin-1"), 2, "key"),
                ("application/json", '[{"key":"a","n":1},\n{"key":"b","n":true}]', 2, "n"),
                ("application/json", '[{"key":"a","n":1}', None, None),
                ("application/json", '{"key":"a","n":1}', 1, None),
                ("text/csv", "key,n\na,1\nb,x\n", 3, "n"),
                ("text/csv", "key,m\na,1\n", 1, None),
                ("text/csv", "key,n\na\n", 2, None)):
            with self.subTest(f"{content_type} {body!r}"):
                answer = publish(self.silo, body, content_type=content_type, source="other")
                self.assertEqual(answer.status, 400, answer.body)
                error = answer.json["error"]
                self.assertEqual(error["code"], "invalid")
                self.assertTrue(error["message"])
                if line is not None:
                    self.assertEqual(error["line"], line, error)
                if field is not None:
                    self.assertEqual(error["field"], field, error)
        # All or nothing: not one of them was accepted, and the next one is.
        self.assertEqual(publish(self.silo, good, source="other").json, {"accepted": 1, "sequence": 1})
        self.silo.wait_for("other", lambda rows: [(row["key"], row["n"]) for row in rows] == [("a", 1)])

    def test_refusals(self):
        self.assertEqual(publish(self.silo, "{}", content_type="text/plain").status, 415)
        self.assertEqual(publish(self.silo, "{}", "-H", "Content-Encoding: gzip").status, 415)
        self.assertEqual(publish(self.silo, "{}", source="nothing").json["error"]["code"], "not-found")
        self.assertEqual(publish(self.silo, "{}", "-H", "Origin: http://evil.example").status, 403)
        self.assertEqual(Curl(self.silo, "/v1/sources/trades/events").status, 405)

    def test_too_large(self):
        line = publish(self.silo, '{"key":"' + "x" * (1 << 20) + '"}\n', source="other")
        self.assertEqual((line.status, line.json["error"]["code"], line.json["error"]["line"]), (413, "too-large", 1))
        with tempfile.TemporaryFile() as body:
            body.truncate(65 << 20)
            for more in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect:"]):
                with self.subTest(str(more)):
                    body.seek(0)
                    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-o", "-", "-w", "\n%{http_code}", "-X", "POST", "-T", "-", *more,
                                           "-H", "Content-Type: application/x-ndjson", self.silo.url + "/v1/sources/other/events"],
                                          stdin=body, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=100)
                    self.assertTrue(done.stdout.endswith(b"\n413"), (done.stdout[-500:], done.stderr))
        self.assertEqual(publish(self.silo, '{"key":"a","n":1}', source="other").json, {"accepted": 1, "sequence": 1})

    def test_many(self):
        body = "".join(f'{{"symbol":"S{i % 500}","price":{i % 97}.25,"size":1}}\n' for i in range(50000))
        for _ in range(3):
            self.assertEqual(publish(self.silo, body).status, 200)
        rows = self.silo.wait_for("market/quotes", lambda rows: sum(row["n"] for row in rows) == 150000)
        self.assertEqual(len(rows), 500)


QUOTES = [("symbol", STRING, 0, ["ABC", "XYZ", "ABC"]), ("price", DECIMAL, 4, [11000, None, 20000]), ("size", INT64, 0, [3, 4, 5]),
          ("weight", DOUBLE, 0, [0.5, None, -0.25]), ("open", BOOL, 0, [True, None, False]),
          ("time", TIMESTAMP, 0, [1714564800250000, None, 1714564800250001])]


def one(name, kind, value, scale=0):
    """A column of one event, in place of that of QUOTES."""
    return [column if column[0] != name else (name, kind, scale, [value] * 3) for column in QUOTES]


class PublishBatches(Case):
    """§3.4: events over the WebSocket."""

    async def answer_to(self, socket, request, content):
        await socket.send(publication(request, content))
        answer = await socket.receive()
        self.assertEqual(answer.request, request)
        return answer

    def test_batches(self):
        async def run():
            async with Socket(self.silo) as socket:
                answer = await self.answer_to(socket, 77, batch("trades", QUOTES))
                self.assertEqual((answer.kind, answer.accepted, answer.sequence), (PUBLISHED, 3, 3))
                # Fields in another order, some of them left out; no event at all; among polls.
                answer = await self.answer_to(socket, 78, batch("trades", [QUOTES[2], QUOTES[0]]))
                self.assertEqual((answer.kind, answer.accepted, answer.sequence), (PUBLISHED, 3, 6))
                answer = await self.answer_to(socket, 79, batch("trades", [("size", INT64, 0, [])]))
                self.assertEqual((answer.kind, answer.accepted, answer.sequence), (PUBLISHED, 0, 6))
                rows = self.silo.wait_for("market/quotes", lambda rows: sum(row["n"] for row in rows) == 6)
                await socket.send(poll(1, "market/quotes?sort=symbol"))
                self.assertEqual((await socket.receive()).snapshot.rows,
                                 [["ABC", 20000, 16, -0.25, False, 1714564800250001, 4], ["XYZ", None, 8, None, None, None, 2]], rows)
        self.go(run())

    def test_example(self):
        """The bytes that the document shows are those of its tables."""
        text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text("utf-8")
        lines = text[text.index("A publication, as request 1"):].split("```")[1].strip().split("\n")
        shown = "".join(line[:80] for line in lines).replace("..", "00")
        self.assertEqual(bytes.fromhex(shown), publication(1, batch("ticks", [("n", INT64, 0, [7])])))

    def test_refused(self):
        good = batch("trades", QUOTES)
        cases = (
            (batch("trade", QUOTES), NOT_FOUND, 0, "", 'did you mean "trades"'),
            (batch("market/quotes", QUOTES), NOT_FOUND, 0, "", "market/quotes"),
            (b"", INVALID, 0, "", "not a batch"),
            (b"SYNS" + bytes(60), INVALID, 0, "", "not a batch"),
            (good[:-8], INVALID, 0, "", "not a batch"),
            (good[:36] + struct.pack("<I", 4) + good[40:], INVALID, 4, "price", "row 3 is null"),
            (good[:16] + b"\1" + good[17:], INVALID, 0, "", "serial"),
            (batch("trades", QUOTES + [("prize", INT64, 0, [1, 2, 3])]), INVALID, 0, "prize", 'did you mean "price"'),
            (batch("trades", one("price", DECIMAL, 1, 3)), INVALID, 0, "price", "expected decimal(4)"),
            (batch("trades", one("price", INT64, 1)), INVALID, 0, "price", "found int64"),
            (batch("trades", one("weight", DOUBLE, float("nan"))), INVALID, 1, "weight", "finite"),
            (batch("trades", one("weight", DOUBLE, float("-inf"))), INVALID, 1, "weight", "finite"),
            (batch("trades", one("time", TIMESTAMP, 1 << 60)), INVALID, 1, "time", "0001 to 9999"),
            (batch("trades", one("symbol", STRING, "x" * 65537)), TOO_LARGE, 1, "symbol", "65536"),
            (batch("trades", QUOTES[:2]).replace(b"ABC\0", b"AB\xff\0"), INVALID, 0, "symbol", "UTF-8"),
            (batch("trades", QUOTES[:2]).replace(b"ABC\0", b"XYZ\0"), INVALID, 2, "symbol", "same"),
            (batch("trades", [("open", BOOL, 0, [True] * 1048577)]), TOO_LARGE, 0, "", "1048577 events"),
            (batch("trades", QUOTES, "me", 0), INVALID, 0, "", "producer"),
            (batch("trades", QUOTES, "it's me", 1), INVALID, 0, "", "producer"),
        )

        async def run():
            async with Socket(self.silo) as socket:
                for i, (content, code, event, field, part) in enumerate(cases):
                    with self.subTest(f"{i} {part}"):
                        answer = await self.answer_to(socket, i, content)
                        self.assertEqual((answer.kind, answer.code, answer.event, answer.field, answer.retry_ms), (REFUSED, code, event, field, 0),
                                         answer.text if answer.kind == REFUSED else None)
                        self.assertIn(part, answer.text)
                # All or nothing, and the connection is none the worse.
                answer = await self.answer_to(socket, 99, good)
                self.assertEqual((answer.kind, answer.sequence), (PUBLISHED, 3))
        self.go(run())

    def test_numbered(self):
        async def run():
            first, second = batch("trades", QUOTES, "me", 41), batch("trades", QUOTES, "me", 42)
            async with Socket(self.silo) as socket:
                self.assertEqual((await self.answer_to(socket, 1, first)).sequence, 3)
                self.assertEqual((await self.answer_to(socket, 2, second)).sequence, 6)
            async with Socket(self.silo) as socket:
                again = await self.answer_to(socket, 3, first)
                self.assertEqual((again.kind, again.accepted, again.sequence), (PUBLISHED, 3, 3))
                gap = await self.answer_to(socket, 4, batch("trades", QUOTES, "me", 44))
                self.assertEqual((gap.kind, gap.code), (REFUSED, CONFLICT))
            # The same numbers as over HTTP.
            answer = publish(self.silo, "{}", "-H", "Synoptic-Producer: me", "-H", "Synoptic-Sequence: 42")
            self.assertEqual(answer.json, {"accepted": 3, "sequence": 6})
        self.go(run())

    def test_many_at_once(self):
        """More than may be out: the server reads on when it has answered; large ones, whole and in fragments."""
        n = 30000
        content = batch("other", [("key", STRING, 0, [f"k{i % 100}" for i in range(n)]), ("n", INT64, 0, list(range(n)))])

        async def run():
            async with Socket(self.silo) as socket:
                async def send():
                    for i in range(20):
                        message = publication(i, content)
                        await socket.send(message if i % 2 else [message[:9000], message[9000:9001], b"", message[9001:]])
                sending = asyncio.ensure_future(send())
                for i in range(20):
                    answer = await socket.receive()
                    self.assertEqual((answer.kind, answer.request, answer.accepted, answer.sequence), (PUBLISHED, i, n, n * (i + 1)))
                await sending
            self.silo.wait_for("other", lambda rows: sum(row["n"] for row in rows) == 20 * n * (n - 1) // 2)
        self.go(run())

    def test_offences(self):
        good = publication(1, batch("trades", QUOTES))
        for message, code in ((good[:15], 1002), (good[:1] + b"\1" + good[2:], 1002), (good[:8] + b"\0\0\0\0" + good[12:], 1002),
                              (good[:12] + b"\1" + good[13:], 1002), (b"\x01" + bytes(9000), 1009), (publication(1, bytes((64 << 20) + 1)), 1009)):
            async def run():
                async with Socket(self.silo) as socket:
                    try:
                        await socket.send(message)
                    except websockets.exceptions.ConnectionClosed:
                        pass
                    self.assertIsNone(await socket.receive())
                    self.assertEqual(socket.socket.close_code, code)
            self.go(run())


class PublishDurable(unittest.TestCase):
    def test_is_there_after_a_restart(self):
        catalog = json.loads(json.dumps(CATALOG))
        catalog["sources"][0]["durable"] = True
        silo = Silo(catalog)
        self.addCleanup(silo.__exit__, None, None, None)

        async def run(number, request):
            async with Socket(silo) as socket:
                while True:
                    await socket.send(publication(request, batch("trades", QUOTES, "me", number)))
                    answer = await socket.receive()
                    if answer.kind == PUBLISHED or answer.retry_ms == 0:
                        return answer
                    await asyncio.sleep(answer.retry_ms / 1000)

        self.assertEqual(asyncio.run(run(1, 7)).sequence, 3)
        self.assertEqual(asyncio.run(run(2, 8)).sequence, 6)
        silo.kill()
        silo.start()
        self.assertEqual(asyncio.run(run(2, 9)).sequence, 6)
        self.assertEqual(asyncio.run(run(3, 10)).sequence, 9)
        rows = silo.wait_for("market/quotes", lambda rows: sum(row["n"] for row in rows) == 9)
        self.assertEqual({row["symbol"]: row["volume"] for row in rows}, {"ABC": 24, "XYZ": 12})


if __name__ == "__main__":
    os.environ.pop("http_proxy", None)
    main()
