# SPDX-License-Identifier: LGPL-2.1-or-later
"""Edges: silos that serve what another silo serves. Real processes in chains, killed, stopped and started again."""

import asyncio
import collections
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

import websockets
from batches import DOUBLE, INT64, STRING, batch, publication, receipt
from silo import Silo, main, program, until

CATALOG = {
    "sources": [{"name": "s", "kind": "http", "durable": True, "fields": {"key": "string", "n": "int64"}}],
    "projections": [
        {"name": "t/rows", "from": "s", "key": ["key"], "min_interval_ms": 10, "columns": {"n": "last(n)", "sum": "sum(n)", "events": "count()"}},
        {"name": "t/quiet", "from": "s", "key": ["key"], "min_interval_ms": 10, "columns": {"events": "count()"}},
    ],
    "screens": [{"name": "desk", "panels": [{"grid": "t/rows"}]}],
}
LISTS = ["/v1/projections", "/v1/screens", "/v1/sources"]
ROWS = "/v1/projections/t/rows"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def edge_of(upstream, **more):
    url = upstream if isinstance(upstream, str) else upstream.url
    return Silo(args=["--upstream", url, *more.pop("args", [])], **more)


def reached(edge):
    until(lambda: edge.get("/readyz").status == 200, what="the upstream")
    return edge


def upstream_of(edge):
    return edge.get("/v1/status").json["upstream"]


def token_of(text):
    epoch, _, serial = text.strip('"').partition("-")
    return int(epoch, 16), int(serial, 16)


def publish(silo, events):
    """A silo that has just started may have its source read again first."""
    until(lambda: silo.publish("s", events).status == 200, what="publishing")


def metric(silo, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in silo.get("/metrics").text.splitlines()
               if line.startswith((f"synoptic_{name} ", f"synoptic_{name}{{")))


class Chain:
    """A root with the catalog, an edge of it, an edge of that."""

    def __enter__(self):
        self.silos = []
        try:
            self.root = self.add(Silo(CATALOG, listen=f"127.0.0.1:{free_port()}"))
            self.edge = self.add(reached(edge_of(self.root, listen=f"127.0.0.1:{free_port()}")))
            self.leaf = self.add(reached(edge_of(self.edge)))
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def add(self, silo):
        self.silos.append(silo)
        return silo

    def __exit__(self, *what):
        for silo in reversed(self.silos):
            silo.__exit__(*what)


class Watcher(threading.Thread):
    """Polls one path over and over, as a desk does, and notes what it is told."""

    def __init__(self, silo, path=ROWS):
        super().__init__(daemon=True)
        self.silo, self.path = silo, path
        self.tokens, self.statuses, self.over = [], [], False
        self.start()

    def run(self):
        tag = None
        while not self.over:
            try:
                answer = self.silo.get(self.path, {"Prefer": "wait=1", **({"If-None-Match": tag} if tag else {})})
            except OSError:
                time.sleep(0.05)
                continue
            self.statuses.append(answer.status)
            if answer.status == 200:
                tag = answer.headers["ETag"]
                self.tokens.append(token_of(tag))
            elif answer.status != 304:
                time.sleep(0.1)

    def stop(self):
        self.over = True
        self.join(10)


class Proxy:
    """Between an edge and its upstream: counts the bytes that come down."""

    def __init__(self, silo):
        self.target = (silo.host, silo.port)
        self.down = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(self.target)
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source, target, counts):
        try:
            while data := source.recv(65536):
                if counts:
                    self.down += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


async def poll(socket_, view, path, token, hold_ms=10000):
    text = path.encode()
    await socket_.send(struct.pack("<BBHIQQII", 1, 1, len(text), view, *token, hold_ms, 0) + text)


def read(answer):
    """(type, token, age in ms, the bytes of a snapshot or the text of an error)"""
    if answer[0] == 0x81:
        age_ms, = struct.unpack_from("<I", answer, 12)
        return "snapshot", struct.unpack_from("<QQ", answer, 16 + 8), age_ms, answer[16:]
    if answer[0] == 0x82:
        age, = struct.unpack_from("<H", answer, 2)
        return "unchanged", struct.unpack_from("<QQ", answer, 8), age * 10, None
    return "error", None, None, answer[16:].decode()


class Serving(unittest.TestCase):
    def test_everything(self):
        with Chain() as chain:
            publish(chain.root, [{"key": "a", "n": 1}, {"key": "b", "n": 2}])
            for silo in (chain.edge, chain.leaf):
                with self.subTest(silo=silo.url):
                    rows = silo.wait_for("t/rows", lambda rows: len(rows) == 2)
                    self.assertEqual(rows, chain.root.rows("t/rows"))
                    for path in (ROWS, ROWS + "?where=n>1", ROWS + "?group=key&select=key,sum(n)+as+n"):
                        for accept in ("application/json", "text/csv", "application/vnd.synoptic.snapshot"):
                            here, there = (one.get(path, {"Accept": accept}) for one in (chain.root, silo))
                            self.assertEqual((there.status, there.headers["ETag"], there.body), (200, here.headers["ETag"], here.body))
                    for wrong in ("/v1/projections/t/rowz", ROWS + "?where=m>1", ROWS + "?whre=n>1", ROWS + "?where=%zz"):
                        here, there = (one.get(wrong) for one in (chain.root, silo))
                        self.assertEqual((there.status, there.json), (here.status, here.json))
                    for path in LISTS:
                        self.assertEqual(silo.get(path).json, chain.root.get(path).json)
            ids = [silo.get("/v1/status").json["id"] for silo in (chain.root, chain.edge, chain.leaf)]
            self.assertEqual(len(set(ids)), 3)
            up = upstream_of(chain.leaf)
            self.assertEqual((up["url"], up["state"], up["error"]), (chain.edge.url, "online", None))
            self.assertEqual(up["above"], [ids[1], ids[0]])
            self.assertNotIn("upstream", chain.root.get("/v1/status").json)
            # A spelling of its own is no question of its own.
            until(lambda: metric(chain.edge, "upstream_paths") > 0)
            before = metric(chain.edge, "upstream_paths")
            for same in ("?where=n%3E1", "?where=n%3e1", "?where=%6e>1"):
                self.assertEqual(chain.edge.get(ROWS + same).status, 200)
            self.assertEqual(metric(chain.edge, "upstream_paths"), before)

    def test_publishing(self):
        with Chain() as chain:
            body = [{"key": "a", "n": 1}, {"key": "a", "n": 2}]
            until(lambda: not chain.leaf.get("/v1/sources").json["sources"][0].get("recovering"), what="the source")
            answer = chain.leaf.publish("s", body)
            self.assertEqual((answer.status, answer.json), (200, {"accepted": 2, "sequence": 2}))
            self.assertEqual(chain.root.rows("t/rows"), [{"key": "a", "n": 2, "sum": 3, "events": 2}])
            # The same request by each way counts once, and is answered the same.
            for number, silo in enumerate((chain.leaf, chain.edge, chain.root, chain.leaf)):
                answer = silo.request("POST", "/v1/sources/s/events", b'{"key":"a","n":10}\n',
                                      {"Synoptic-Producer": "p", "Synoptic-Sequence": "7"})
                self.assertEqual((number, answer.status, answer.json), (number, 200, {"accepted": 1, "sequence": 3}))
            self.assertEqual(chain.root.rows("t/rows")[0]["events"], 3)
            # What is wrong comes back as it is.
            for path, text, headers in (("s", b'{"key":"a","n":1}\n{"key":"a","n":"x"}\n', {}), ("s", b"key,n\na,1.5\n", {"Content-Type": "text/csv"}),
                                        ("z", b"{}", {}), ("s", b"x", {"Content-Type": "image/png"}), ("s", b"x", {"Synoptic-Producer": "p"}),
                                        ("s", b"{}", {"Synoptic-Producer": "p", "Synoptic-Sequence": "99"})):
                here, there = (one.request("POST", f"/v1/sources/{path}/events", text, headers) for one in (chain.root, chain.leaf))
                self.assertGreaterEqual(here.status, 400)
                self.assertEqual((there.status, there.json), (here.status, here.json))
            answer = chain.leaf.request("POST", "/v1/sources/s/events", b"{}", {"Origin": "http://elsewhere.example"})
            self.assertEqual(answer.status, 403)
            # A megabyte goes through whole.
            many = [{"key": f"k{i % 1000}", "n": i} for i in range(40000)]
            self.assertEqual(chain.leaf.publish("s", many).json["accepted"], 40000)
            self.assertEqual(len(chain.leaf.wait_for("t/rows", lambda rows: len(rows) == 1001)), 1001)

    def test_too_many_paths(self):
        """One path more than an edge follows at a time is refused, by name; the others go on."""
        with Silo(CATALOG) as root, reached(edge_of(root)) as edge:
            publish(root, [{"key": "a", "n": 1}])
            asyncio.run(self.many_paths(edge, 1000))

    async def many_paths(self, edge, limit):
        async with websockets.connect(edge.ws_url, subprotocols=["synoptic.v1"], max_size=None) as desk:
            for view in range(1, limit + 1):
                await poll(desk, view, f"t/rows?limit={view}", (0, 0))
            for _ in range(limit):
                answer = await desk.recv()
                kind, token, _, _ = read(answer)
                self.assertEqual(kind, "snapshot")
                view, = struct.unpack_from("<I", answer, 4)
                await poll(desk, view, f"t/rows?limit={view}", token, 30000)  # it goes on being looked at
            await poll(desk, limit + 1, f"t/rows?limit={limit + 1}", (0, 0))
            kind, _, _, text = read(await desk.recv())
            self.assertEqual(kind, "error")
            self.assertIn(f"follows {limit} paths", text)

    def test_ocean_bytes(self):
        """Fifty desks at the site cost the way there what one does."""
        def cost(n_desks, n_rounds=20):
            with Silo(CATALOG) as root:
                publish(root, [{"key": f"key {i}", "n": i} for i in range(500)])
                proxy = Proxy(root)
                with reached(edge_of(proxy.url)) as edge:
                    asyncio.run(self.rounds(root, edge, n_desks, n_rounds))
                    self.assertEqual(metric(edge, "upstream_paths"), 1)
                proxy.close()
                return proxy.down

        one, fifty = cost(1), cost(50)
        print(f"# bytes down the link: one desk {one}, fifty {fifty}: {fifty / one:.3f}", flush=True)
        self.assertLessEqual(fifty, 1.1 * one)

    async def rounds(self, root, edge, n_desks, n_rounds):
        """Each desk has each of the snapshots."""
        desks = [await websockets.connect(edge.ws_url, subprotocols=["synoptic.v1"], max_size=None) for _ in range(n_desks)]
        tokens = [(0, 0)] * n_desks
        for number in range(n_rounds + 1):
            if number > 0:
                # Nothing that compressing would make less of: whether the edge asks for that depends on how far its upstream looks.
                publish(root, [{"key": f"key {i}", "n": random.getrandbits(62)} for i in range(500)])
            newest = None
            for i, desk in enumerate(desks):
                while tokens[i] != newest or newest is None:
                    await poll(desk, 1, "t/rows?select=key,n", tokens[i])
                    kind, token, age_ms, _ = read(await desk.recv())
                    self.assertEqual(kind, "snapshot")
                    self.assertGreater(token, tokens[i])
                    tokens[i] = newest = token
        for desk in desks:
            await desk.close()


def events(values, producer=None, number=0):
    """A batch for the source: of the key "a", n is of `values`."""
    return batch("s", [("key", STRING, 0, ["a"] * len(values)), ("n", INT64, 0, list(values))], producer, number)


async def publish_batch(silo, content, request=1):
    async with websockets.connect(silo.ws_url, subprotocols=["synoptic.v1"], max_size=None) as socket:
        await socket.send(publication(request, content))
        return receipt(await socket.recv())


class BatchPublisher:
    """One who numbers his batches, has several out, and sends again what may have been lost, over a new connection when the old one ends."""

    OUT = 4

    def __init__(self, silo, name, n_batches):
        self.silo, self.name, self.n_batches = silo, name, n_batches
        self.done = 0            # batches that are acknowledged: all up to this number
        self.codes = collections.Counter()
        self.slowest_away_s = 0  # how long it took to be told that the upstream is away

    async def run(self):
        while self.done < self.n_batches:
            try:
                async with websockets.connect(self.silo.ws_url, subprotocols=["synoptic.v1"], max_size=None) as socket:
                    await self.one_connection(socket)
            except (OSError, websockets.exceptions.WebSocketException):
                self.codes["connection"] += 1
                await asyncio.sleep(0.05)

    async def one_connection(self, socket):
        sent, began = self.done, {}
        while self.done < self.n_batches:
            while sent < min(self.done + self.OUT, self.n_batches):
                sent += 1
                began[sent] = time.monotonic()
                await socket.send(publication(sent, events([1, 2, 3], self.name, sent)))
            answer = receipt(await socket.recv())
            if answer.code is None:
                assert answer.accepted == 3, answer
                assert answer.request == self.done + 1, (answer, self.done)  # in order
                self.done = answer.request
                continue
            self.codes[answer.code] += 1
            assert answer.code in ("unavailable", "timeout", "overloaded"), answer
            if "is away" in answer.message:
                self.slowest_away_s = max(self.slowest_away_s, time.monotonic() - began[answer.request])
            # Those behind it are answered too (refused for they come too early, or once more): the next connection has them again in order.
            await asyncio.sleep(0.05)
            return


class Batches(unittest.TestCase):
    """Publishing over the WebSocket of an edge."""

    def test_batches(self):
        with Chain() as chain:
            until(lambda: asyncio.run(publish_batch(chain.leaf, events([1, 2]))).code is None, what="the source")
            self.assertEqual(chain.root.rows("t/rows"), [{"key": "a", "n": 2, "sum": 3, "events": 2}])
            # The same request by each way, and by text, counts once.
            for silo in (chain.leaf, chain.edge, chain.root, chain.leaf):
                answer = asyncio.run(publish_batch(silo, events([10], "p", 7), request=77))
                self.assertEqual((answer.request, answer.code, answer.accepted, answer.sequence), (77, None, 1, 3))
            answer = chain.leaf.request("POST", "/v1/sources/s/events", b"{}", {"Synoptic-Producer": "p", "Synoptic-Sequence": "7"})
            self.assertEqual(answer.json, {"accepted": 1, "sequence": 3})
            # What is wrong comes back as its owner says it: code, place, words.
            good = events([1, 2])
            for wrong in (batch("z", [("n", INT64, 0, [1])]), batch("s", [("m", INT64, 0, [1])]), batch("s", [("n", DOUBLE, 0, [1.5])]),
                          batch("s", [("key", STRING, 0, ["b", "x" * 65537])]), good.replace(b"a\0", b"\xff\0"), good[:-8], b"nothing", b"",
                          events([1], "p", 99), events([1], "it's me", 1)):
                here, there = (asyncio.run(publish_batch(silo, wrong)) for silo in (chain.root, chain.leaf))
                self.assertIsNotNone(here.code)
                self.assertEqual(there, here)
            self.assertEqual(chain.root.rows("t/rows")[0]["events"], 3)
            # Empty ones, and one of more than is out at a time.
            self.assertEqual(asyncio.run(publish_batch(chain.leaf, events([]))).accepted, 0)
            self.assertEqual(asyncio.run(publish_batch(chain.leaf, events(range(1 << 20)))).accepted, 1 << 20)
            until(lambda: chain.root.rows("t/rows")[0]["events"] == 3 + (1 << 20), what="the large batch")
            for silo in (chain.edge, chain.leaf):
                self.assertGreater(metric(silo, "upstream_publishes_total"), 10)
                self.assertEqual(metric(silo, "upstream_publish_failures_total"), 0)

    def test_in_order(self):
        """Many at once over one connection, each of a number that only the order makes right; desks beside them are none the worse."""
        n = 300

        async def run(leaf):
            async with websockets.connect(leaf.ws_url, subprotocols=["synoptic.v1"], max_size=None) as socket:
                async def send():
                    for number in range(1, n + 1):
                        await socket.send(publication(number, events([number], "one", number)))
                sending = asyncio.ensure_future(send())
                answers = [receipt(await socket.recv()) for _ in range(n)]
                await sending
                return answers

        with Chain() as chain:
            until(lambda: asyncio.run(publish_batch(chain.leaf, events([0]))).code is None, what="the source")
            answers = asyncio.run(run(chain.leaf))
            self.assertEqual([(answer.request, answer.code, answer.sequence) for answer in answers], [(i, None, i + 1) for i in range(1, n + 1)])
            self.assertEqual(chain.leaf.wait_for("t/rows", lambda rows: rows[0]["events"] == n + 1)[0]["n"], n)
            self.assertEqual(upstream_of(chain.leaf)["connections"], 1)

    def test_killed_in_the_middle(self):
        """The owner and the edge between are killed while several publish: what is acknowledged counts once, and being away is said at once."""
        with Chain() as chain:
            until(lambda: asyncio.run(publish_batch(chain.leaf, events([0]))).code is None, what="the source")
            publishers = [BatchPublisher(chain.leaf, f"leaf{i}", 400) for i in range(3)] + [BatchPublisher(chain.edge, "edge", 400)]

            async def outages():
                for silo in (chain.root, chain.edge, chain.root):
                    before = sum(one.done for one in publishers)
                    while sum(one.done for one in publishers) < before + 100:
                        await asyncio.sleep(0.005)
                    silo.kill()
                    await asyncio.sleep(0.5)
                    await asyncio.get_running_loop().run_in_executor(None, silo.start)

            async def run():
                await asyncio.gather(outages(), *(one.run() for one in publishers))

            asyncio.run(asyncio.wait_for(run(), 240))
            self.assertGreater(sum(one.codes["unavailable"] for one in publishers), 0)
            self.assertLess(max(one.slowest_away_s for one in publishers), 10)  # not after some timeout of 15 s and more
            until(lambda: chain.root.get(ROWS).status == 200, what="the recovery")
            self.assertEqual(chain.root.wait_for("t/rows", lambda rows: rows and rows[0]["events"] >= 1 + 4 * 400 * 3),
                             [{"key": "a", "n": 3, "sum": 4 * 400 * 6, "events": 1 + 4 * 400 * 3}])

    def test_away(self):
        with Chain() as chain:
            until(lambda: asyncio.run(publish_batch(chain.leaf, events([0], "me", 1))).code is None, what="the source")
            chain.root.kill()
            until(lambda: upstream_of(chain.edge)["state"] != "online")
            for silo in (chain.edge, chain.leaf):
                answer = asyncio.run(publish_batch(silo, events([1], "me", 2)))
                self.assertEqual(answer.code, "unavailable")
                self.assertIn(f"the upstream {chain.root.url} is away", answer.message)
                self.assertGreater(answer.retry_ms, 0)
            chain.root.start()
            until(lambda: asyncio.run(publish_batch(chain.leaf, events([1], "me", 2))).code is None, what="its return")
            self.assertEqual(chain.root.rows("t/rows")[0]["events"], 2)


class Outages(unittest.TestCase):
    def test_upstream_killed(self):
        with Chain() as chain:
            publish(chain.root, [{"key": "a", "n": 1}])
            chain.leaf.wait_for("t/rows", lambda rows: len(rows) == 1)
            tag = chain.leaf.get(ROWS).headers["ETag"]
            for path in LISTS:
                self.assertEqual(chain.leaf.get(path).status, 200)
            watchers = [Watcher(chain.leaf), Watcher(chain.edge)]
            until(lambda: all(watcher.tokens for watcher in watchers))
            chain.root.kill()
            until(lambda: upstream_of(chain.edge)["state"] != "online")
            # Those who hold it are told, those who do not are given it: the same at each level, with an age that grows.
            for silo in (chain.edge, chain.leaf):
                until(lambda: int(silo.get(ROWS).headers.get("Age", "0")) >= 1, what="an age")
                answer = silo.get(ROWS)
                self.assertEqual((answer.status, answer.headers["ETag"], answer.json["rows"]), (200, tag, [["a", 1, 1, 1]]))
                answer = silo.get(ROWS, {"If-None-Match": tag, "Prefer": "wait=10"})
                self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unavailable"))
                self.assertIn(chain.root.url, answer.json["error"]["message"])
                self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
                self.assertEqual(silo.get("/v1/projections/t/quiet").status, 503)  # nobody had looked at it
                for path in LISTS:
                    until(lambda: "Age" in silo.get(path).headers, what="the age of a list")
                    self.assertEqual(silo.get(path).status, 200)
                self.assertEqual(silo.get("/readyz").status, 200)
            asyncio.run(self.ages(chain.leaf, token_of(tag)))
            for silo in (chain.edge, chain.leaf):
                answer = silo.publish("s", [{"key": "a", "n": 100}])
                self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unavailable"))
                self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
            # It comes back, with all that it had said yes to and nothing else; nobody is restarted.
            chain.root.start()
            until(lambda: chain.root.get(ROWS).status == 200, what="the recovery")
            rows = chain.root.rows("t/rows")
            self.assertEqual(rows, [{"key": "a", "n": 1, "sum": 1, "events": 1}])
            publish(chain.leaf, [{"key": "a", "n": 5}])
            until(lambda: chain.leaf.get(ROWS).status == 200 and chain.leaf.rows("t/rows")[0]["n"] == 5, what="the new event")
            until(lambda: chain.leaf.get("/v1/projections/t/quiet").status == 200, what="what nobody had")
            until(lambda: all(watcher.tokens[-1][0] > token_of(tag)[0] for watcher in watchers), what="the new epoch at the watchers")
            for watcher in watchers:
                watcher.stop()
                self.assertEqual(watcher.tokens, sorted(watcher.tokens))
                self.assertLessEqual(set(watcher.statuses), {200, 304, 503})
            self.assertEqual(upstream_of(chain.edge)["connections"], 2)
            self.assertEqual(upstream_of(chain.leaf)["connections"], 1)

    async def ages(self, leaf, held):
        async with websockets.connect(leaf.ws_url, subprotocols=["synoptic.v1"], max_size=None) as desk:
            await poll(desk, 1, "t/rows", (0, 0))
            kind, token, age_ms, _ = read(await desk.recv())
            self.assertEqual((kind, token), ("snapshot", held))
            self.assertGreaterEqual(age_ms, 1000)
            await poll(desk, 1, "t/rows", token)
            self.assertEqual(read(await desk.recv())[0], "error")
            await poll(desk, 2, "t/rows", (0, 0))
            again_ms = read(await desk.recv())[2]
            self.assertGreaterEqual(again_ms, age_ms)

    def test_edges_killed(self):
        with Chain() as chain:
            publish(chain.root, [{"key": "a", "n": 1}])
            chain.leaf.wait_for("t/rows", lambda rows: len(rows) == 1)
            watcher = Watcher(chain.leaf)
            until(lambda: watcher.tokens)
            before = chain.edge.get("/v1/status").json["id"]
            chain.edge.kill()
            publish(chain.root, [{"key": "a", "n": 2}])
            chain.edge.start()
            until(lambda: watcher.tokens[-1][1] >= 2, what="the snapshot made meanwhile")
            self.assertEqual(len({epoch for epoch, _ in watcher.tokens}), 1)  # the owner lived on: the same tokens
            self.assertNotEqual(upstream_of(chain.leaf)["above"][0], before)
            watcher.stop()
            self.assertEqual(watcher.tokens, sorted(watcher.tokens))
            # And the leaf; its desks come back to a newcomer that has everything after one question.
            chain.leaf.kill()
            chain.leaf.start()
            reached(chain.leaf)
            self.assertEqual(chain.leaf.rows("t/rows"), chain.root.rows("t/rows"))

    def test_stopped(self):
        """An upstream that only says nothing any more: the edge cannot know yet, but its age grows."""
        with Chain() as chain:
            publish(chain.root, [{"key": "a", "n": 1}])
            watcher = Watcher(chain.leaf)
            until(lambda: watcher.tokens)
            os.kill(chain.root.pid, signal.SIGSTOP)
            try:
                until(lambda: int(chain.leaf.get(ROWS).headers.get("Age", "0")) >= 2, what="an age")
                self.assertGreaterEqual(upstream_of(chain.edge)["age_s"], 2)
                self.assertGreaterEqual(metric(chain.edge, "upstream_age_ms"), 2000)
                self.assertGreaterEqual(upstream_of(chain.leaf)["age_s"], 2)  # it hears from the edge, which says how old that is
            finally:
                os.kill(chain.root.pid, signal.SIGCONT)
            publish(chain.root, [{"key": "a", "n": 2}])
            until(lambda: "Age" not in chain.leaf.get(ROWS).headers, what="being current again")
            until(lambda: chain.leaf.rows("t/rows")[0]["n"] == 2, what="the new event")
            watcher.stop()
            self.assertEqual(watcher.tokens, sorted(watcher.tokens))

    def test_comes_later(self):
        """An edge that is there before its upstream: not ready, clear about why, and well when that comes."""
        port = free_port()
        with edge_of(f"http://127.0.0.1:{port}") as edge, edge_of(edge) as leaf:
            until(lambda: upstream_of(edge)["error"], what="an error")
            self.assertIn("refused", upstream_of(edge)["error"])
            until(lambda: upstream_of(leaf)["error"], what="an error")
            self.assertIn("has not reached its own upstream yet", upstream_of(leaf)["error"])
            for silo in (edge, leaf):
                self.assertEqual(silo.get("/readyz").status, 503)
                self.assertEqual(silo.get("/healthz").status, 200)
                for path in (ROWS, *LISTS):
                    answer = silo.get(path)
                    self.assertEqual((answer.status, answer.json["error"]["code"]), (503, "unavailable"), path)
            with Silo(CATALOG, listen=f"127.0.0.1:{port}") as root:
                publish(root, [{"key": "a", "n": 1}])
                reached(leaf)
                self.assertEqual(leaf.wait_for("t/rows", lambda rows: rows)[0]["n"], 1)

    def test_comes_back_to_rest(self):
        """Hundreds of desks come and go: descriptors come back, at the edge and above."""
        with Silo(CATALOG) as root, reached(edge_of(root)) as edge:
            publish(root, [{"key": "a", "n": 1}])
            edge.wait_for("t/rows", lambda rows: rows)
            before = [silo.descriptors() for silo in (root, edge)]
            asyncio.run(self.crowd(edge, 200))
            until(lambda: edge.get("/v1/status").json["connections"]["websocket"] == 0)
            until(lambda: [silo.descriptors() for silo in (root, edge)] <= [n + 2 for n in before], what="the descriptors")
            self.assertLessEqual(root.get("/v1/status").json["connections"]["websocket"], 1)
            until(lambda: edge.get("/v1/status").json["polls_waiting"] == 0)

    async def crowd(self, edge, n):
        desks = [await websockets.connect(edge.ws_url, subprotocols=["synoptic.v1"], max_size=None) for _ in range(n)]
        for i, desk in enumerate(desks):
            await poll(desk, 1, f"t/rows?limit={1 + i % 20}", (0, 0))
        for desk in desks:
            self.assertEqual(read(await desk.recv())[0], "snapshot")
            desk.transport.abort()


class Rings(unittest.TestCase):
    def ring(self, ports):
        return [edge_of(f"http://127.0.0.1:{ports[(i + 1) % len(ports)]}", listen=f"127.0.0.1:{port}") for i, port in enumerate(ports)]

    def test_rings(self):
        for n in (1, 2, 3):
            with self.subTest(n=n):
                silos = self.ring([free_port() for _ in range(n)])
                try:
                    for silo in silos:
                        until(lambda: "a ring of edges" in (upstream_of(silo)["error"] or ""), what="being refused")
                        self.assertNotEqual(upstream_of(silo)["state"], "online")
                        self.assertEqual(silo.get(ROWS).status, 503)
                        self.assertEqual(silo.publish("s", [{"key": "a", "n": 1}]).status, 503)
                        self.assertIn("a ring of edges", silo.stderr())
                finally:
                    for silo in silos:
                        silo.__exit__(*sys.exc_info())

    def test_requests_that_go_round(self):
        with Silo(CATALOG) as root:
            own = root.get("/v1/status").json["id"]
            answer = root.get("/v1/projections", {"Synoptic-Chain": f"0123456789abcdef, {own}"})
            self.assertEqual((answer.status, answer.json["error"]["code"]), (508, "loop"))
            self.assertEqual(root.get("/v1/projections", {"Synoptic-Chain": "0123456789abcdef"}).status, 200)
            self.assertEqual(root.get("/v1/projections", {"Synoptic-Chain": "x"}).status, 400)

    def test_options(self):
        for args, status, words in ((["--upstream", "http://127.0.0.1:1", "--catalog", "x.json"], 2, "without --catalog"),
                                    (["--upstream", "http://127.0.0.1:1", "--module", "x.so"], 2, "--module"),
                                    (["--upstream", "http://127.0.0.1:1", "--retain-age", "1d"], 2, "--retain-age"),
                                    (["--upstream", "http://127.0.0.1:1", "--retain-mb", "0"], 2, "--retain-mb"),
                                    (["--upstream", "nonsense"], 1, "nonsense"),
                                    (["--upstream", "http://127.0.0.1:1/path"], 1, "expected http://HOST:PORT")):
            run = subprocess.run([program("synopticd", "SYNOPTICD"), *args, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
            self.assertEqual(run.returncode, status, run.stderr)
            self.assertIn(words, run.stderr)
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)


if __name__ == "__main__":
    main()
