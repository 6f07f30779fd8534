#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fan-out of one message to N subscribers: synopticd, the floor server, and whichever peers are installed (bench/peers/install), in one run.

    bench/peers/peers.py --build build-release --clients 1000 --bytes 16384 [--rounds 15] [--only nchan-ws,redis] [--json]

Each server runs by itself on loopback, with its own configuration in a temporary folder, and each has N subscribers of its own in one process of
peer-client. Then rounds, each server in turn: a message is published, all have it (and, where they poll, have asked again), the server is quiet; what
it took of CPU since before is what the round cost, by the scheduler's own count (/proc/PID/task/TID/schedstat). So a noisy neighbour hits
all alike. Told are the medians, half the width of the middle half of the samples, and the median of the ratios of the pairs of a round.

A silo's and a long-poll's figures have the next poll in them; what is pushed has none. The message has as many bytes for all as the silo's snapshot has."""

import argparse
import http.client
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PAGE = os.sysconf("SC_PAGE_SIZE")
ROUND_TIMEOUT_S = 60
ROW_BYTES = 67  # seven columns of 8 bytes (the key's code has 4), and about 10 bytes of dictionary
CATALOG = {
    "sources": [{"name": "events", "kind": "http", "fields": {"id": "string", "a": "int64"}}],
    "projections": [{"name": "hot", "from": "events", "key": ["id"], "min_interval_ms": 10, "columns": {
        "a": "last(a)", "b": "first(a)", "c": "min(a)", "d": "max(a)", "e": "sum(a)", "f": "count()"}}],
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_until_open(port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args[0]} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} does not listen")


class Server:
    """A server, its subscribers, and its samples. `protocol`: of peer-client."""

    name, protocol, program = "", "", None
    polls = False  # its figure has the next poll in it

    def __init__(self, options, folder):
        self.options, self.folder = options, os.path.join(folder, self.name.replace(" ", "-"))
        os.mkdir(self.folder)
        self.samples, self.process, self.client, self.round = [], None, None, 0
        self.bytes_per_client = 0.0

    @classmethod
    def missing(cls, options):
        """Why it cannot run, or None."""
        return None if shutil.which(cls.program) else f"{cls.program} is not installed"

    def command(self):
        raise NotImplementedError

    def start(self):
        self.port = free_port()
        self.spawn(self.command())
        wait_until_open(self.port, self.process)

    def spawn(self, command, **more):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=self.log, cwd=self.folder, **({"stdout": self.log} | more))

    def spawn_and_read_port(self, command):
        self.spawn(command, stdout=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        if not line.startswith("listening on "):
            raise RuntimeError(f"{command[0]} said {line!r}")
        self.port = int(line.rsplit(":", 1)[1])

    def configure(self, name):
        text = (HERE / name).read_text(encoding="utf-8").replace("@PORT@", str(self.port)).replace("@FOLDER@", self.folder)
        path = os.path.join(self.folder, name)
        pathlib.Path(path).write_text(text, encoding="utf-8")
        return path

    def publish(self, payload):
        raise NotImplementedError

    # -- its subscribers -----------------------------------------------------------------------------------------------

    def subscribe(self, n, message_bytes):
        self.settle()
        before = self.rss()
        self.client = subprocess.Popen([self.options.client, self.protocol, str(self.port), str(n), str(message_bytes)], stdout=subprocess.PIPE)
        self.expect("subscribed")
        self.settle()
        return before

    def expect(self, word):
        line = self.client.stdout.readline().decode()
        if not line.startswith(word + " "):
            raise RuntimeError(f"{self.name}: the client said {line!r}, not {word!r}")

    def one_round(self, payload):
        before = self.settle()
        self.publish(payload)
        self.expect("round")
        return self.settle() - before

    # -- what it takes -------------------------------------------------------------------------------------------------

    def cpu_us(self):
        total = 0
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            try:
                with open(f"/proc/{self.process.pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
            except FileNotFoundError:
                pass
        return total / 1e3

    def rss(self):
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE

    def settle(self):
        """The CPU time that it has taken when it takes no more: under 200 µs in 20 ms."""
        deadline, now = time.monotonic() + ROUND_TIMEOUT_S, self.cpu_us()
        while time.monotonic() < deadline:
            before = now
            time.sleep(0.02)
            now = self.cpu_us()
            if now - before < self.options.quiet_us:
                return now
        raise RuntimeError(f"{self.name} does not come to rest")

    def stop(self):
        for process in (self.client, self.process):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        for process in (self.client, self.process):
            for stream in (process.stdout, process.stdin) if process is not None else ():
                if stream is not None:
                    stream.close()

    def post(self, path, body, kind):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        if answer.status not in (200, 201, 202):
            raise RuntimeError(f"{self.name}: publishing got {answer.status}")


class Silo(Server):
    name, protocol, polls = "synopticd ws", "silo-ws", True

    @classmethod
    def missing(cls, options):
        return None if os.path.exists(options.synopticd) else "synopticd is not built"

    def start(self):
        catalog = os.path.join(self.folder, "catalog.json")
        pathlib.Path(catalog).write_text(json.dumps(CATALOG), encoding="utf-8")
        self.spawn_and_read_port([self.options.synopticd, "--catalog", catalog, "--data", os.path.join(self.folder, "data"), "--listen", "127.0.0.1:0", "--lanes", str(self.options.lanes)])
        rows = max(1, self.options.bytes // ROW_BYTES)
        self.post("/v1/sources/events/events", "".join(json.dumps({"id": f"row-{i}", "a": i}) + "\n" for i in range(rows)), "application/x-ndjson")

    def snapshot_bytes(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", "/v1/projections/hot", headers={"Accept": "application/vnd.synoptic.snapshot"})
        n = len(connection.getresponse().read())
        connection.close()
        return n

    def subscribe(self, n, message_bytes):
        before = super().subscribe(n, message_bytes)
        self.expect("round")  # the first poll is answered at once
        self.settle()
        return before

    def publish(self, payload):
        self.round += 1
        self.post("/v1/sources/events/events", json.dumps({"id": "row-0", "a": self.round}) + "\n", "application/x-ndjson")


class SiloHttp(Silo):
    name, protocol = "synopticd http", "silo-http"


class OnByte(Server):
    """Has its message, and sends it when a byte comes on its standard input."""

    polls = True

    def publish(self, payload):
        self.process.stdin.write(b"!")
        self.process.stdin.flush()


class Floor(OnByte):
    name, protocol = "floor ws", "silo-ws"

    @classmethod
    def missing(cls, options):
        return None if os.path.exists(options.floor) else "floor-server is not built"

    def start(self):
        self.spawn_and_read_port([self.options.floor, str(self.options.message_bytes), str(self.options.lanes)])


class FloorHttp(Floor):
    name, protocol = "floor http", "silo-http"

    def subscribe(self, n, message_bytes):
        before = super().subscribe(n, message_bytes)
        self.expect("round")
        self.settle()
        return before


class Nchan(Server):
    name, protocol, program = "nchan ws", "nchan-ws", "nginx"

    @classmethod
    def missing(cls, options):
        if not os.path.exists("/usr/lib/nginx/modules/ngx_nchan_module.so"):
            return "libnginx-mod-nchan is not installed"
        return super().missing(options)

    def command(self):
        return [self.program, "-p", self.folder, "-c", self.configure("nginx.conf")]

    def publish(self, payload):
        self.post("/pub", payload, "application/octet-stream")


class NchanHttp(Nchan):
    name, protocol, polls = "nchan http", "nchan-http", True


class Redis(Server):
    name, protocol, program = "redis", "redis", "redis-server"

    def command(self):
        return [self.program, self.configure("redis.conf")]

    def publish(self, payload):
        with socket.create_connection(("127.0.0.1", self.port)) as one:
            one.sendall(b"*3\r\n$7\r\nPUBLISH\r\n$3\r\nhot\r\n$%d\r\n%s\r\n" % (len(payload), payload))
            if not one.recv(64).startswith(b":"):
                raise RuntimeError("redis did not publish")


class Nats(Server):
    name, protocol, program = "nats", "nats", "nats-server"

    def command(self):
        return [self.program, "-c", self.configure("nats.conf")]

    def publish(self, payload):
        with socket.create_connection(("127.0.0.1", self.port)) as one:
            one.sendall(b"CONNECT {\"verbose\":false}\r\nPUB hot %d\r\n%s\r\nPING\r\n" % (len(payload), payload))
            answer = b""
            while b"PONG\r\n" not in answer:
                piece = one.recv(65536)
                if not piece:
                    raise RuntimeError("nats did not publish")
                answer += piece


class Mosquitto(Server):
    name, protocol, program = "mosquitto", "mqtt", "mosquitto"

    def command(self):
        return [self.program, "-c", self.configure("mosquitto.conf")]

    def publish(self, payload):
        body, length, n = b"\x00\x03hot" + payload, b"", 5 + len(payload)
        while n > 0:
            length += bytes([n & 127 | (128 if n > 127 else 0)])
            n >>= 7
        with socket.create_connection(("127.0.0.1", self.port)) as one:
            one.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04peer")
            if one.recv(4)[3:] != b"\x00":
                raise RuntimeError("mosquitto refused the publisher")
            one.sendall(b"\x30" + length + body + b"\xe0\x00")
            while one.recv(64):
                pass


class NodeWs(OnByte):
    name, protocol, program = "node ws", "silo-ws", "node"

    @classmethod
    def missing(cls, options):
        if not os.path.exists(os.environ.get("NODE_WS", "/usr/share/nodejs/ws")):
            return "node-ws is not installed (or set NODE_WS to the folder of npm's ws)"
        return super().missing(options)

    def start(self):
        self.spawn_and_read_port([self.program, str(HERE / "ws-server.js"), str(self.options.message_bytes)])


KINDS = [Silo, SiloHttp, Floor, FloorHttp, Nchan, NchanHttp, Redis, Nats, Mosquitto, NodeWs]
PAIRS = {"synopticd ws": ["floor ws", "nchan ws", "redis", "nats", "mosquitto", "node ws"], "synopticd http": ["floor http", "nchan http"],
        "floor ws": ["nchan ws", "node ws"], "floor http": ["nchan http"]}  # and what can be reached at all


def spread(values):
    """Half the width of the middle half, of the median."""
    if len(values) < 4:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / statistics.median(values)


def measure(options, folder):
    servers, problems = [], []
    try:
        for kind in KINDS:
            if options.only and kind.name not in options.only:
                continue
            problem = kind.missing(options)
            if problem:
                problems.append(f"{kind.name}: left out: {problem}")
                continue
            server = kind(options, folder)
            server.start()
            servers.append(server)
            if options.message_bytes is None:
                options.message_bytes = server.snapshot_bytes()
        payload = b"x" * options.message_bytes
        for server in servers:
            before = server.subscribe(options.clients, options.message_bytes)
            server.one_round(payload)
            server.bytes_per_client = (server.rss() - before) / options.clients
        for number in range(options.rounds + 1):
            for server in servers:
                cost = server.one_round(payload) / options.clients
                if number > 0:  # the first one warms up
                    server.samples.append(cost)
        return [{"server": server.name, "us_per_delivery": statistics.median(server.samples), "spread": spread(server.samples),
                 "kb_per_client": server.bytes_per_client / 1024, "with_poll": server.polls, "samples": server.samples} for server in servers], problems
    finally:
        for server in servers:
            server.stop()


def ratios(results):
    """Ours to theirs, by pairs of a round."""
    by_name = {result["server"]: result for result in results}
    out = []
    for ours, others in PAIRS.items():
        for theirs in others:
            if ours in by_name and theirs in by_name:
                pairs = [a / b for a, b in zip(by_name[ours]["samples"], by_name[theirs]["samples"])]
                out.append({"ours": ours, "theirs": theirs, "ratio": statistics.median(pairs), "spread": spread(pairs)})
    return out


def main():
    parser = argparse.ArgumentParser(description="Fan-out of one message: synopticd beside its peers.")
    parser.add_argument("--build", default="build-release", help="the build folder (build-release)")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=16384, help="about, of a message")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--lanes", type=int, default=os.cpu_count(), help="of synopticd, and threads of the floor (one per core); nchan, redis, mosquitto and node have one")
    parser.add_argument("--only", type=lambda text: text.split(","), help="servers by name: " + ", ".join(kind.name for kind in KINDS))
    parser.add_argument("--quiet-us", type=float, default=200, help="a server that takes less CPU than this in 20 ms is at rest (200)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for name in options.only or []:
        if name not in {kind.name for kind in KINDS}:
            parser.error(f"no server {name!r}")
    if options.only and "synopticd ws" not in options.only:
        options.only.insert(0, "synopticd ws")  # it says how long a message is
    build = pathlib.Path(options.build).resolve()
    options.synopticd, options.floor, options.client = str(build / "server/synopticd"), str(build / "bench/floor-server"), str(build / "bench/peer-client")
    options.message_bytes = None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < options.clients + 64:
        parser.error(f"{options.clients} clients need {options.clients + 64} descriptors, and the limit is {hard} (ulimit -Hn)")
    with tempfile.TemporaryDirectory(prefix="synoptic-peers-") as folder:
        results, problems = measure(options, folder)
    pairs = ratios(results)
    if options.json:
        json.dump({"clients": options.clients, "bytes": options.message_bytes, "rounds": options.rounds, "lanes": options.lanes, "servers": results, "ratios": pairs}, sys.stdout, indent=1)
        print()
    else:
        print(f"{options.clients} subscribers × {options.message_bytes} bytes, {options.rounds} rounds, {options.lanes} lanes, load {os.getloadavg()[0]:.1f}")
        for result in results:
            print(f"  {result['server']:15} {result['us_per_delivery']:8.2f} µs CPU ±{100 * result['spread']:.0f} % a delivery{' and poll' if result['with_poll'] else '':9}"
                  f" {result['kb_per_client']:8.2f} KB a subscriber")
        for pair in pairs:
            print(f"  {pair['ours']} / {pair['theirs']:15} {pair['ratio']:6.2f} ±{100 * pair['spread']:.0f} %")
    for problem in problems:
        print(problem, file=sys.stderr)


if __name__ == "__main__":
    main()
