# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a real synopticd for integration tests, and their TAP.

    from silo import Silo, main

    class Quotes(unittest.TestCase):
        def test_it(self):
            with Silo({"sources": [...], "projections": [...]}) as silo:
                self.assertEqual(silo.get("/healthz").status, 200)

    if __name__ == "__main__":
        main()

The program is $SYNOPTICD, or the newest one below the repository's build folders. Leaving the `with` block stops the silo by
SIGTERM and fails the test when its exit status is not 0 (a sanitizer's report is one such reason; it is shown).
"""

import glob
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30


def program(name, variable):
    """The path of a built program: from the environment, or the newest one in a build folder."""
    path = os.environ.get(variable)
    if path:
        return path
    found = [path for depth in ("*", "*/*") for path in glob.glob(str(ROOT / "build*" / depth / name))]
    found.sort(key=os.path.getmtime)
    if not found:
        raise RuntimeError(f"{name} is not built; set {variable}")
    return found[-1]


def free_port():
    """For one that is told before it starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    """What an HTTP request got: status, headers (case-insensitive), body as bytes."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {dict(self.headers)} {self.body[:400]!r}>"


class Silo:
    """A running synopticd. `catalogs`: dicts, or paths of files. `data`: a folder to keep; a temporary one otherwise. `tls`: Certificates,
    of which "server" is shown; then all that is asked here is asked by TLS."""

    def __init__(self, *catalogs, lanes=2, data=None, listen="127.0.0.1:0", args=(), env=None, start=True, tls=None):
        self.folder = tempfile.mkdtemp(prefix="synoptic-test-")
        self.data = str(data) if data is not None else os.path.join(self.folder, "data")
        self.listen = listen
        self.lanes = lanes
        self.args = list(args)
        self.tls = None
        if tls is not None:
            self.args += ["--tls-cert", tls["server.pem"], "--tls-key", tls["server-key.pem"]]
            self.tls = ssl.create_default_context(cafile=tls["ca.pem"])
        self.env = dict(os.environ, **(env or {}))
        self.process = self.status = None
        self.url = self.host = None
        self.port = 0
        self.files = []
        for number, catalog in enumerate(catalogs):
            if isinstance(catalog, dict):
                path = os.path.join(self.folder, f"catalog-{number}.json")
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(catalog, file)
                self.files.append(path)
            else:
                self.files.append(str(catalog))
        if start:
            try:
                self.start()
            except BaseException:
                self.clean()
                raise

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self):
        command = [program("synopticd", "SYNOPTICD")]
        for path in self.files:
            command += ["--catalog", path]
        command += ["--data", self.data, "--listen", self.listen, "--lanes", str(self.lanes)] + self.args
        self.log = os.path.join(self.folder, "stderr.txt")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=self.env)
        line = []
        reader = threading.Thread(target=self._read_stdout, args=(self.process.stdout, line), daemon=True)
        reader.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not line and reader.is_alive() and time.monotonic() < deadline:
            reader.join(0.01)
        scheme = "http" if self.tls is None else "https"
        if not line or not line[0].startswith(f"listening on {scheme}://"):
            if not reader.is_alive():  # it has ended
                self.process.wait(STOP_TIMEOUT_S)
            self.kill()
            raise AssertionError(f"synopticd did not start: {line!r}\n{self.stderr()}")
        self.url = line[0][len("listening on "):].strip()
        authority = self.url[len(scheme) + 3:]
        self.host, _, port = authority.rpartition(":")
        self.host = self.host.strip("[]")
        self.port = int(port)
        return self

    @staticmethod
    def _read_stdout(stream, line):
        first = stream.readline().decode("utf-8", "replace")
        if first:
            line.append(first)
        for _ in stream:
            pass
        stream.close()

    @property
    def pid(self):
        return self.process.pid

    @property
    def ws_url(self):
        return "ws" + self.url[len("http"):] + "/v1/replica"

    def stderr(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def stop(self):
        """SIGTERM; the exit status must be 0."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"synopticd did not stop within {STOP_TIMEOUT_S} s of SIGTERM\n{self.stderr()}")
        if status != 0:
            raise AssertionError(f"synopticd ended with status {status}\n{self.stderr()}")

    def kill(self):
        """SIGKILL, as a power cut would. `status` is how it ended: by this, or already."""
        if self.process is not None:
            self.process.kill()
            self.status = self.process.wait()
            self.process = None

    def end(self, timeout=STOP_TIMEOUT_S):
        """SIGTERM; the exit status, also of one that has ended before."""
        process, self.process = self.process, None
        process.terminate()
        try:
            self.status = process.wait(timeout)
        finally:
            process.kill()
        return self.status

    def clean(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            if kind is not None:
                print("# synopticd said:\n# " + self.stderr().replace("\n", "\n# "), file=sys.stderr)
                self.kill()
            else:
                self.stop()
        finally:
            self.kill()
            self.clean()

    # -- talking to it -------------------------------------------------------------------------------------------------

    def connect_plain(self, timeout=60):
        """A TCP connection, whatever is spoken."""
        connection = socket.create_connection((self.host, self.port), timeout=timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def connect(self, timeout=60):
        """A connection that may be asked: TCP, or TLS."""
        connection = self.connect_plain(timeout)
        return connection if self.tls is None else self.tls.wrap_socket(connection, server_hostname=self.host)

    def http(self, timeout=60):
        """A keep-alive HTTP connection."""
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = self.http(timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, headers=None, timeout=60):
        return self.request("GET", path, headers=headers, timeout=timeout)

    def publish(self, source, events, content_type="application/x-ndjson", timeout=120):
        """`events`: a list of dicts (sent as NDJSON), or a body. Returns the answer."""
        if isinstance(events, (list, tuple)):
            events = "".join(json.dumps(event) + "\n" for event in events)
        if isinstance(events, str):
            events = events.encode("utf-8")
        headers = {"Content-Type": content_type} if content_type is not None else {}
        return self.request("POST", f"/v1/sources/{source}/events", events, headers, timeout)

    def metric(self, name):
        """The sum over its labels."""
        lines = self.get("/metrics").text.splitlines()
        values = [float(line.rsplit(None, 1)[1]) for line in lines if line.split("{")[0].split()[0] == name]
        if not values:
            raise AssertionError(f"there is no metric {name}")
        return sum(values)

    def rows(self, path):
        """The rows of a projection, as dicts by column name."""
        answer = self.get("/v1/projections/" + path)
        if answer.status != 200:
            raise AssertionError(f"GET {path}: {answer!r}")
        picture = answer.json
        names = [column["name"] for column in picture["columns"]]
        return [dict(zip(names, row)) for row in picture["rows"]]

    def wait_for(self, path, condition, timeout=30):
        """Long-polls `path` until condition(rows as dicts) holds; returns them."""
        deadline = time.monotonic() + timeout
        token, rows = None, None
        while time.monotonic() < deadline:
            headers = {"Prefer": "wait=2"}
            if token:
                headers["If-None-Match"] = token
            answer = self.get("/v1/projections/" + path, headers)
            if answer.status == 304:
                continue
            if token is None and answer.status == 503 and answer.json["error"]["code"] == "unavailable":
                time.sleep(0.05)  # it has begun just now, and asks its sources what it lacks
                continue
            if answer.status != 200:
                raise AssertionError(f"GET {path}: {answer!r}")
            token, picture = answer.headers["ETag"], answer.json
            names = [column["name"] for column in picture["columns"]]
            rows = [dict(zip(names, row)) for row in picture["rows"]]
            if condition(rows):
                return rows
        raise AssertionError(f"{path} never got there; last: {rows!r}")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def until(condition, timeout=30, what="the condition", every_s=0.02):
    """Waits for condition() to hold (for what has no event to wait for)."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come within {timeout} s")
        time.sleep(every_s)


class _TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0

    def _line(self, ok, test, more=""):
        self.count += 1
        print(f"{'ok' if ok else 'not ok'} {self.count} - {test.id().removeprefix('__main__.')}{more}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(True, test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(True, test, f" # SKIP {reason}")

    def _bad(self, test, text):
        self._line(False, test)
        print("# " + text.rstrip().replace("\n", "\n# "), flush=True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._bad(test, self.failures[-1][1])

    def addError(self, test, error):
        super().addError(test, error)
        self._bad(test, self.errors[-1][1])

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            entry = (self.failures if issubclass(error[0], test.failureException) else self.errors)[-1]
            self._bad(subtest, entry[1])


def read_answer(connection):
    """One HTTP answer, as its Content-Length says, from a socket: its status, its head up to the empty line, its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            raise AssertionError(f"closed after {data!r}")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\nContent-Length: (\d+)", head)
    while len(body) < (int(found.group(1)) if found else 0):
        more = connection.recv(65536)
        if not more:
            raise AssertionError(f"closed after {len(body)} bytes of the body")
        body += more
    return int(head[9:12]), head, body


def main():
    """Runs the tests of the calling program (those named on the command line, or all) and prints TAP."""
    module = sys.modules["__main__"]
    loader = unittest.defaultTestLoader
    if len(sys.argv) > 1:
        suite = loader.loadTestsFromNames(sys.argv[1:], module)
    else:
        suite = loader.loadTestsFromModule(module)
    result = _TapResult()
    suite.run(result)
    print(f"1..{result.count}", flush=True)
    sys.exit(0 if result.wasSuccessful() and result.count > 0 else 1)
