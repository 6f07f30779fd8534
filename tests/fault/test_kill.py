# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing acknowledged is lost: publishers and pollers of a real synopticd that is killed with SIGKILL at random points, again and again.

Each publisher numbers its requests and sends one again until it is acknowledged, so in the end each of its events has to count exactly once; after
each restart, what was acknowledged before has to be there. SYNOPTIC_FAULT_ROUNDS: how often it is killed (meson's long setup: hundreds);
SYNOPTIC_FAULT_SEED: of the points in time.
"""

import os
import random
import subprocess
import threading
import time
import unittest

from durable import CATALOG, N_BOOKS, Poller, Publisher, Views, check_all, counts, reached, settled, token_of
from silo import Silo, main, program, until

ROUNDS = int(os.environ.get("SYNOPTIC_FAULT_ROUNDS", "6"))
SEED = int(os.environ.get("SYNOPTIC_FAULT_SEED", "0")) or random.randrange(1, 1 << 30)
N_PUBLISHERS = 3

class Kill(unittest.TestCase):
    def test_kill(self):
        print(f"# seed {SEED}, {ROUNDS} rounds", flush=True)
        chance = random.Random(SEED)
        with Silo(CATALOG) as silo:
            silo.listen = f"127.0.0.1:{silo.port}"
            publishers = [Publisher(silo.port, n, SEED + n) for n in range(N_PUBLISHERS)]
            pollers = [Poller(silo.port, path) for path in ("totals", "all", "by_last_digit")]
            paths = ("totals", "all", "by_last_digit", "books")
            for thread in publishers + pollers:
                thread.start()
            reached(silo, "books", lambda rows: len(rows) == N_BOOKS)  # from now on few rows of it are new
            clients = [Views(silo.url, paths, many=("books",)) for _ in range(2)]
            for client in clients:
                self.addCleanup(client.stop)
                client.start()
            for number in range(ROUNDS):
                time.sleep(chance.random() * 0.6)
                silo.kill()
                before = {p.who: p.acknowledged for p in publishers}
                silo.start()
                after = counts(settled(silo, "totals"))
                begun = {p.who: p.begun for p in publishers}
                for thread in publishers + pollers + clients:
                    self.assertIsNone(thread.fault, f"round {number}")
                for client in clients:  # by themselves
                    until(lambda: all(token[0] >= token_of(silo, path)[0] for path, token in client.tokens.items()), what="a view's new epoch")
                for who, n in before.items():
                    self.assertGreaterEqual(after.get(who, (0, 0))[0], n, f"round {number}: acknowledged events of {who} are missing")
                    self.assertLessEqual(after.get(who, (0, 0))[0], begun[who], f"round {number}: events of {who} count twice")
            for publisher in publishers:
                publisher.stopping = True
            for publisher in publishers:
                publisher.join(30)
                self.assertIsNone(publisher.fault)
                self.assertFalse(publisher.is_alive())
            sequence = check_all(self, silo, publishers)
            for client in clients:
                until(lambda: all(token == token_of(silo, path) for path, token in client.tokens.items()), what="the newest snapshot")
                self.assertIsNone(client.fault)
                self.assertGreater(client.n_delta["books"], client.n_full["books"])
                self.assertLessEqual(client.n_full["books"], ROUNDS + 1)
                self.assertGreater(len(client.epochs["books"]), 1)
                print(f"# a client: {client.n_full} in full, {client.n_delta} deltas, {len(client.epochs['books'])} epochs", flush=True)
            for poller in pollers:
                poller.stopping = True
            for poller in pollers:
                poller.join(30)
                self.assertIsNone(poller.fault)
                epochs = {epoch for epoch, _ in poller.seen}
                print(f"# {poller.path}: {len(poller.seen)} snapshots of {len(epochs)} epochs", flush=True)
            print(f"# {sequence} events in {sum(p.requests for p in publishers)} requests, "
                  f"{sum(p.repeats for p in publishers)} sent again", flush=True)

    def test_publish_tool(self):
        """synopticctl publish --retry: the server is killed and started again while a file goes out, and each of its lines counts once."""
        self.publish_while_killed()

    def test_publish_tool_binary(self):
        """The same over a WebSocket, which has to be made anew each time."""
        self.publish_while_killed("--binary")

    def publish_while_killed(self, *options):
        n, chance = 20000, random.Random(SEED)
        lines = "".join(f'{{"who":"tool","i":{i},"amount":0.01}}\n' for i in range(n))
        with Silo(CATALOG) as silo:
            silo.listen = f"127.0.0.1:{silo.port}"
            tool = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "publish", "orders", "--batch", "20", "--retry", "60", *options],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said = []
            reader = threading.Thread(target=lambda: said.append(tool.communicate(lines)[0]), daemon=True)
            reader.start()
            killed = 0
            while tool.poll() is None:
                time.sleep(0.05 + chance.random() * 0.2)
                if killed < max(ROUNDS // 3, 2):
                    silo.kill()
                    silo.start()
                    killed += 1
            reader.join(10)
            self.assertEqual((tool.returncode, said), (0, [f"accepted {n} sequence {n}\n"]))
            self.assertEqual(counts(settled(silo, "totals")), {"tool": (n, n)})
            print(f"# killed {killed} times", flush=True)


if __name__ == "__main__":
    main()
