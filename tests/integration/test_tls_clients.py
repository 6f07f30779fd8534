# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients over TLS: synopticctl and an edge, with certificates that are good, and with each kind that is not."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from certs import Certificates
from silo import Silo, main, program, until
from tlsproxy import TlsProxy

CATALOG = {
    "sources": [{"name": "s", "kind": "http", "fields": {"key": "string", "n": "int64"}}],
    "projections": [{"name": "t/rows", "from": "s", "key": ["key"], "min_interval_ms": 10, "columns": {"n": "last(n)", "events": "count()"}}],
}
# What a server presents, what a client trusts, and what it says.
REFUSED = [
    ("server", None, "its certificate was signed by "),
    ("server", "other-ca.pem", "who is not trusted"),
    ("expired", "ca.pem", "its certificate expired on "),
    ("early", "ca.pem", "its certificate is not valid before "),
    ("elsewhere", "ca.pem", "its certificate is for silo.example, not for 127.0.0.1"),
]


def environment(**more):
    return {name: value for name, value in os.environ.items() if name not in ("SYNOPTIC_CA", "SYNOPTIC_SERVER")} | more


def ctl(*args, env=None, timeout=120, **more):
    return subprocess.run([program("synopticctl", "SYNOPTICCTL"), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout,
                          env=env or environment(), **more)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.clean)
        cls.ca = cls.certificates["ca.pem"]
        cls.silo = Silo(CATALOG)
        cls.addClassCleanup(cls.silo.clean)
        cls.addClassCleanup(cls.silo.stop)
        cls.silo.publish("s", [{"key": "a", "n": 1}])
        cls.proxy = TlsProxy(cls.silo.port, cls.certificates, "server")
        cls.addClassCleanup(cls.proxy.close)

    def present(self, name):
        self.proxy.present(name)
        self.addCleanup(self.proxy.present, "server")

    def good(self, *args, **more):
        done = ctl(*args, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), args)
        return done.stdout

    def test_every_verb(self):
        reach = ["--server", self.proxy.url, "--ca", self.ca]
        self.assertIn("a", self.good("get", "t/rows", *reach))
        self.assertEqual(json.loads(self.good("get", "t/rows", "-f", "json", *reach))["rows"][0][0], "a")
        self.assertIn("token ", self.good("watch", "-n", "1", "t/rows", *reach))
        self.assertIn("1", self.good("publish", "s", *reach, input='{"key":"b","n":2}\n'))
        self.assertIn("t/rows", self.good("projections", *reach))
        self.assertIn("uptime", self.good("status", *reach))
        self.assertIn("b", self.good("--ca", self.ca, "--server", "wss" + self.proxy.url[len("https"):], "get", "t/rows"))
        self.assertIn("b", self.good("get", "t/rows", "--server", f"https://localhost:{self.proxy.port}", env=environment(SYNOPTIC_CA=self.ca)))
        self.assertIn("b", self.good(f"--ca={self.ca}", "get", "t/rows", env=environment(SYNOPTIC_SERVER=self.proxy.url, SYNOPTIC_CA="/nowhere")))

    def test_refused(self):
        for name, trusted, said in REFUSED:
            with self.subTest(certificate=name, ca=trusted):
                self.present(name)
                trust = ["--ca", self.certificates[trusted]] if trusted else []
                before = self.proxy.n_accepted
                for verb in (["get", "t/rows"], ["status"], ["publish", "s", "/dev/null"], ["load", "--hot", "t/rows", "--clients", "1"]):
                    if verb[0] == "publish":
                        done = ctl(*verb[:2], "--server", self.proxy.url, *trust, input='{"key":"never","n":1}\n')
                    else:
                        done = ctl(*verb, "--server", self.proxy.url, *trust)
                    self.assertEqual((done.returncode, done.stdout), (1, ""), verb)
                    self.assertIn(said, done.stderr)
                    self.assertIn(self.proxy.url, done.stderr)
                    self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertEqual(self.proxy.n_accepted, before)
        self.assertNotIn("never", json.dumps(self.silo.rows("t/rows")))

    def test_files_of_authorities(self):
        bad = os.path.join(self.certificates.folder, "rubbish.txt")
        with open(bad, "w", encoding="ascii") as file:
            file.write("no certificate\n")
        for path in (bad, "/nowhere/ca.pem"):
            done = ctl("get", "t/rows", "--server", self.proxy.url, "--ca", path)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertTrue(done.stderr.startswith(f"synopticctl: {path}: "), done.stderr)
            done = subprocess.run([program("synopticd", "SYNOPTICD"), "--upstream", self.proxy.url, "--upstream-ca", path], capture_output=True, text=True,
                                  timeout=60)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(f"--upstream-ca: {path}: ", done.stderr)
        done = subprocess.run([program("synopticd", "SYNOPTICD"), "--upstream-ca", self.ca, "x.json"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--upstream-ca is for an --upstream", done.stderr)

    def test_a_watch_says_why_and_goes_on_when_it_is_renewed(self):
        self.present("expired")
        watch = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "watch", "-n", "1", "t/rows", "--server", self.proxy.url, "--ca", self.ca],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        self.addCleanup(watch.kill)
        line = watch.stderr.readline()
        self.assertIn("its certificate expired on ", line)
        self.assertIn("; trying again", line)
        self.proxy.present("server")
        out, err = watch.communicate(timeout=60)
        self.assertEqual(watch.returncode, 0, err)
        self.assertIn(f"connected to {self.proxy.url}", err)
        self.assertIn("a", out)

    def edge(self, ca):
        edge = Silo(args=["--upstream", self.proxy.url] + (["--upstream-ca", self.certificates[ca]] if ca else []), env=environment())
        self.addCleanup(edge.clean)
        self.addCleanup(edge.stop)
        return edge

    def test_an_edge(self):
        edge = self.edge("ca.pem")
        until(lambda: edge.get("/readyz").status == 200, what="the upstream")
        self.assertEqual(edge.get("/v1/status").json["upstream"]["url"], self.proxy.url)
        self.assertEqual(edge.publish("s", [{"key": "edge", "n": 7}]).status, 200)
        edge.wait_for("t/rows", lambda rows: any(row["key"] == "edge" for row in rows))
        self.assertIn("t/rows", edge.get("/v1/projections").text)

    def test_an_edge_that_does_not_trust(self):
        self.present("expired")
        edge = self.edge("ca.pem")
        until(lambda: "its certificate expired on " in (edge.get("/v1/status").json["upstream"].get("error") or ""), what="the reason in the status")
        self.assertEqual(edge.get("/readyz").status, 503)
        answer = edge.get("/v1/projections")
        self.assertEqual(answer.status, 503)
        self.assertIn("its certificate expired on ", answer.json["error"]["message"])
        self.assertIn("its certificate expired on ", edge.stderr())
        self.proxy.present("server")
        until(lambda: edge.get("/readyz").status == 200, what="the upstream")


class RealTls(unittest.TestCase):
    """The same clients at a silo that speaks TLS itself."""

    @classmethod
    def setUpClass(cls):
        cls.certificates = Certificates()
        cls.addClassCleanup(cls.certificates.clean)
        cls.reach = ["--ca", cls.certificates["ca.pem"], "--server"]

    def silo(self, *catalogs, **more):
        silo = Silo(*catalogs, tls=self.certificates, env=environment(), **more)
        self.addCleanup(silo.clean)
        self.addCleanup(silo.stop)
        return silo

    def test_verbs(self):
        silo = self.silo(CATALOG)
        done = ctl("publish", "s", *self.reach, silo.url, input='{"key":"b","n":2}\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        done = ctl("publish", "s", "--binary", *self.reach, silo.url, input='{"key":"c","n":3}\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        done = ctl("watch", "-n", "1", "-f", "json", "t/rows", *self.reach, silo.url)
        self.assertEqual(sorted(row[0] for row in json.loads(done.stdout)["rows"]), ["b", "c"])
        done = ctl("connections", "--format", "json", *self.reach, silo.url)
        self.assertEqual([one["tls"] for one in json.loads(done.stdout)["connections"]], ["TLS1.3"])
        done = ctl("get", "t/rows", "--server", silo.url)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("its certificate was signed by ", done.stderr)
        done = ctl("get", "t/rows", "--server", "http" + silo.url[len("https"):])
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("(is it https://?)", done.stderr)

    def load(self, silo, *args):
        done = ctl("load", "--hot", "t/rows", "-q", "-f", "json", "--clients", "40", "--warm-up", "0.2", "--duration", "1", "--settle", "0", *args, *self.reach, silo.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertTrue(result["ok"])
        self.assertEqual(result["connect"]["ready"], 40)
        return result

    def test_load(self):
        ticking = {"sources": [{"name": "s", "kind": "simulator", "instruments": 300, "rate": 2000, "seed": 7}],
                   "projections": [{"name": "t/rows", "from": "s", "key": ["symbol"], "min_interval_ms": 50, "columns": {"last": "last(price)"}}]}
        silo = self.silo(ticking)
        for transport in ("ws", "http"):
            with self.subTest(transport=transport):
                self.assertGreater(self.load(silo, "--transport", transport, "--threads", "2")["measured"]["deliveries"], 40)
        handshakes, resumed = silo.metric("synoptic_tls_handshakes_total"), silo.metric("synoptic_tls_resumed_total")
        result = self.load(silo, "--storm", "--storms", "2")
        self.assertEqual(len(result["storm"]["rounds"]), 2)
        resumed = silo.metric("synoptic_tls_resumed_total") - resumed
        self.assertGreaterEqual(resumed, 2 * 40)  # who comes back takes up a session
        self.assertGreaterEqual(silo.metric("synoptic_tls_handshakes_total") - handshakes - resumed, 40)  # who is new does not

    def test_load_refuses(self):
        silo = self.silo(CATALOG)
        done = ctl("load", "--hot", "t/rows", "--clients", "2", "--server", silo.url)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("its certificate was signed by ", done.stderr)

    def test_a_chain(self):
        root = self.silo(CATALOG)
        edge = self.silo(args=["--upstream", root.url, "--upstream-ca", self.certificates["ca.pem"]])
        until(lambda: edge.get("/readyz").status == 200, what="the upstream")
        self.assertEqual(edge.publish("s", [{"key": "edge", "n": 7}]).status, 200)
        edge.wait_for("t/rows", lambda rows: any(row["key"] == "edge" for row in rows))
        done = ctl("publish", "s", "--binary", *self.reach, edge.url, input='{"key":"d","n":4}\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        edge.wait_for("t/rows", lambda rows: any(row["key"] == "d" for row in rows))


if __name__ == "__main__":
    main()
