# SPDX-License-Identifier: LGPL-2.1-or-later
"""A filter that changes with every key: one evaluation each, and nothing left behind."""

import asyncio
import time
import unittest

from silo import Silo, main
from test_independent_client import NONE, SNAPSHOT, Socket, poll, withdraw

PLAN = {
    "sources": [{"name": "trades", "kind": "http", "fields": {"symbol": "string", "price": "decimal(4)"}}],
    "projections": [{"name": "quotes", "from": "trades", "key": ["symbol"], "columns": {"last": "last(price)"}}],
}
KEYS = 100
IDLE_AGE_S = 20  # of a query, of a beacon: two holds


def metric(silo, name):
    return sum(lane["metrics"][name] for lane in silo.get("/v1/status").json["lanes"])


def wait_until(condition, seconds):
    """A state that comes by itself; how long it may take is no part of what is shown."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


class Typing(unittest.TestCase):
    def setUp(self):
        self.silo = Silo(PLAN, lanes=2)
        self.addCleanup(self.silo.__exit__, None, None, None)
        self.silo.publish("trades", "".join(f'{{"symbol":"S{i}","price":{i}}}\n' for i in range(KEYS)))
        self.silo.wait_for("quotes", lambda rows: len(rows) == KEYS)

    def type_all(self, after_each):
        async def run():
            async with Socket(self.silo) as socket:
                for key in range(KEYS):
                    await socket.send(poll(key, f"quotes?where=last<{key}"))
                    answer = await socket.receive()
                    self.assertEqual((answer.kind, answer.view), (SNAPSHOT, key))
                    self.assertEqual(len(answer.snapshot.rows), key)
                    await socket.send(poll(key, "", answer.token, 30000))  # parked: it follows
                    after_each(key)
                    await socket.send(withdraw(key))
                self.settled()
        asyncio.run(asyncio.wait_for(run(), 200))

    def settled(self):
        """Everything that was withdrawn has been taken back, as far as the grains."""
        self.assertTrue(wait_until(lambda: metric(self.silo, "polls_waiting") == 0, 30))
        self.assertTrue(wait_until(lambda: metric(self.silo, "beacon_polls_cancelled_total") == KEYS, 30))

    def test_one_evaluation_each(self):
        before = metric(self.silo, "snapshots_total")
        activations = metric(self.silo, "activations")
        self.assertEqual(self.silo.get("/v1/status").json["grains"]["query"], 0)
        self.type_all(lambda key: None)
        self.assertEqual(metric(self.silo, "snapshots_total") - before, KEYS)
        listed = self.silo.get("/v1/status").json
        self.assertEqual(len(listed["on_demand"]) + listed["on_demand_not_listed"], KEYS)
        self.assertEqual({entry["readers"] for entry in listed["on_demand"]}, {0})
        # What changes now is nobody's: no question is evaluated again.
        self.silo.publish("trades", '{"symbol":"S0","price":5}\n')
        self.silo.wait_for("quotes", lambda rows: any(row["symbol"] == "S0" and row["last"] == 5 for row in rows))
        made = metric(self.silo, "snapshots_total")
        self.assertLessEqual(made - before - KEYS, 2)  # of quotes itself
        self.assertTrue(wait_until(lambda: self.silo.get("/v1/status").json["grains"]["query"] == 0, 3 * IDLE_AGE_S))
        self.assertTrue(wait_until(lambda: metric(self.silo, "beacons") == 0, 3 * IDLE_AGE_S))
        self.assertEqual(metric(self.silo, "activations"), activations)
        self.assertLessEqual(metric(self.silo, "snapshots_total") - before - KEYS, 2)

    def test_closed_connection(self):
        async def run():
            async with Socket(self.silo) as socket:
                for view in range(10):
                    await socket.send(poll(view, f"quotes?limit={view + 1}", NONE))
                    answer = await socket.receive()
                    await socket.send(poll(view, "", answer.token, 30000))
                status = self.silo.get("/v1/status").json
                self.assertEqual({entry["readers"] for entry in status["on_demand"]}, {1})
                self.assertEqual(len(status["on_demand"]), 10)
        asyncio.run(asyncio.wait_for(run(), 200))
        self.assertTrue(wait_until(lambda: metric(self.silo, "beacon_polls_cancelled_total") == 10, 30))
        self.assertEqual({entry["readers"] for entry in self.silo.get("/v1/status").json["on_demand"]}, {0})

    def test_long_poll_left(self):
        tag = self.silo.get("/v1/projections/quotes?limit=2").headers["ETag"]
        connection = self.silo.connect()
        connection.sendall(f"GET /v1/projections/quotes?limit=2 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\n"
                           "Prefer: wait=30\r\n\r\n".encode())
        self.assertTrue(wait_until(lambda: metric(self.silo, "polls_waiting") == 1, 30))
        connection.close()
        self.assertTrue(wait_until(lambda: metric(self.silo, "beacon_polls_cancelled_total") == 1, 30))
        self.assertEqual(metric(self.silo, "polls_waiting"), 0)

    def test_another_reader_stays(self):
        async def run():
            async with Socket(self.silo) as one, Socket(self.silo) as other:
                tokens = []
                for socket in (one, other):
                    await socket.send(poll(1, "quotes?limit=3"))
                    tokens.append((await socket.receive()).token)
                    await socket.send(poll(1, "", tokens[-1], 30000))
                await one.send(withdraw(1))
                self.silo.publish("trades", '{"symbol":"S0","price":7.5}\n')
                answer = await other.receive()
                self.assertEqual((answer.kind, answer.snapshot.rows[0]), (SNAPSHOT, ["S0", 75000]))
                self.assertTrue(await one.is_silent())
        asyncio.run(asyncio.wait_for(run(), 200))


if __name__ == "__main__":
    main()
