# SPDX-License-Identifier: LGPL-2.1-or-later
"""synopticctl load, with few clients, against a real synopticd: each mode over each transport, its result in each form."""

import html.parser
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from silo import Silo, main, program

TIMEOUT_S = 120
CATALOG = {
    "sources": [{"name": "trades", "kind": "simulator", "instruments": 50, "rate": 2000, "seed": 1},
                {"name": "quiet", "kind": "http", "fields": {"key": "string", "n": "int64"}}],
    "projections": [
        {"name": "hot", "from": "trades", "key": ["symbol"], "min_interval_ms": 50, "columns": {"last": "last(price)", "n": "count()"}},
        {"name": "still", "from": "quiet", "key": ["key"], "min_interval_ms": 10, "columns": {"n": "last(n)"}}],
}
LATENCY = {"count": int, "mean": float, "p50": int, "p90": int, "p99": int, "p999": int, "max": int}
SCHEMA = {
    "mode": str, "server": str, "path": str, "transport": str, "clients": int, "connections": int, "threads": int, "rate": float, "hold_s": float,
    "warm_up_s": float, "duration_s": float, "began_us": int, "interrupted": bool, "stopped_by": (str, type(None)),
    "clock": {"offset_us": int, "error_us": int},
    "connect": {"seconds": float, "ready": int},
    "latency_us": {"first_snapshot": LATENCY, "age_on_arrival": LATENCY, "poll_round_trip": LATENCY},
    "measured": {"seconds": float, "deliveries": int, "deliveries_per_s": float, "received_bytes": int, "bytes_per_s": float, "snapshot_bytes": float,
                 "polls": int, "unchanged": int, "skipped": int},
    "server_use": {"cpu": float, "cpu_us_per_delivery": float, "rss_before_bytes": int, "rss_ready_bytes": int, "rss_peak_bytes": int,
                   "rss_after_bytes": int, "bytes_per_client": float, "settle_s": float, "questions_before": int, "questions_peak": int,
                   "questions_after": int},
    "client_use": {"cpu": float, "cpu_us_per_delivery": float, "rss_bytes": int},
    "storm": (dict, type(None)),
    "errors": {name: int for name in ("connect", "upgrade", "closed", "protocol", "timeout", "overloaded", "unavailable", "refused")},
    "clients_without_snapshot": int, "ok": bool, "samples": list,
}
STORM = {"calm_s": float, "storm_s": float, "ratio": (float, type(None)), "rounds": list}
SAMPLE = {"at_s": float, "phase": str, "connections": int, "clients_ready": int, "questions": int, "deliveries_per_s": float, "bytes_per_s": float,
          "server_cpu": float, "client_cpu": float, "rss_bytes": int, "age_p50_us": int, "age_p99_us": int}


class Page(html.parser.HTMLParser):
    """Every element that is opened is closed, in order; what the page is made of."""

    VOID = {"meta", "br", "path", "rect"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise AssertionError(f"</{tag}> ends nothing")

    def handle_data(self, data):
        self.text.append(data)


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.silo = Silo(CATALOG)
        cls.silo.publish("quiet", [{"key": "a", "n": 1}])

    @classmethod
    def tearDownClass(cls):
        cls.silo.stop()
        cls.silo.clean()

    def run_load(self, *arguments, status=0, server=None, limit=None):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        done = subprocess.run([program("synopticctl", "SYNOPTICCTL"), "--server", server or self.silo.url, "load", *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=TIMEOUT_S, preexec_fn=lower if limit else None)
        self.assertEqual(done.returncode, status, done)
        return done

    def result(self, *arguments, status=0):
        done = self.run_load(*arguments, "--settle", "0", "-q", "-f", "json", status=status)
        result = json.loads(done.stdout)
        self.check(result, SCHEMA, "result")
        for sample in result["samples"]:
            self.check(sample, SAMPLE, "sample")
        if result["storm"] is not None:
            self.check(result["storm"], STORM, "storm")
        self.assertGreater(len(result["samples"]), 1)
        return result

    def check(self, value, schema, where):
        if isinstance(schema, dict):
            self.assertEqual(set(value), set(schema), where)
            for name, kind in schema.items():
                self.check(value[name], kind, f"{where}.{name}")
        elif schema is float:
            self.assertIsInstance(value, (int, float), where)
            self.assertNotIsInstance(value, bool, where)
        else:
            self.assertIsInstance(value, schema, where)
            if schema is int:
                self.assertNotIsInstance(value, bool, where)

    def check_latency(self, latency):
        self.assertGreater(latency["count"], 0)
        self.assertTrue(0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["p999"] <= latency["max"], latency)

    # -- hot -----------------------------------------------------------------------------------------------------------

    def check_hot(self, result, clients, connections, transport):
        self.assertEqual((result["mode"], result["transport"], result["clients"], result["connections"]), ("hot", transport, clients, connections))
        self.assertTrue(result["ok"])
        self.assertEqual(sum(result["errors"].values()), 0)
        self.assertEqual(result["connect"]["ready"], clients)
        self.assertEqual(result["clients_without_snapshot"], 0)
        measured = result["measured"]
        self.assertGreater(measured["deliveries"], 0)
        # Each delivery is the answer to one poll, but those that were out at the ends.
        self.assertLessEqual(abs(measured["polls"] - measured["deliveries"] - measured["unchanged"]), clients)
        self.assertGreaterEqual(measured["received_bytes"], measured["deliveries"] * measured["snapshot_bytes"] * 0.9)
        self.assertEqual(result["latency_us"]["first_snapshot"]["count"], clients)
        # Skipped ones count as well, but for those of which nobody knew yet when they were skipped.
        self.assertLessEqual(result["latency_us"]["age_on_arrival"]["count"], measured["deliveries"] + measured["skipped"])
        self.assertGreaterEqual(result["latency_us"]["age_on_arrival"]["count"], measured["deliveries"] - clients)
        for name in result["latency_us"]:
            self.check_latency(result["latency_us"][name])
        self.assertGreater(result["server_use"]["cpu_us_per_delivery"], 0)
        self.assertIsNone(result["storm"])

    def test_hot_ws(self):
        self.check_hot(self.result("--hot", "hot", "-n", "40", "--duration", "1", "--warm-up", "0.2"), 40, 40, "ws")

    def test_hot_http(self):
        self.check_hot(self.result("--hot", "hot", "-n", "40", "--duration", "1", "--warm-up", "0.2", "--transport", "http"), 40, 40, "http")

    def test_hot_shared_connections_and_threads(self):
        result = self.result("--hot", "hot", "-n", "50", "--connections", "7", "--threads", "3", "--duration", "1", "--warm-up", "0.2")
        self.check_hot(result, 50, 7, "ws")
        self.assertEqual(result["threads"], 3)

    def test_hold_ends(self):
        """A projection that does not change: polls are answered unchanged, and asked again."""
        result = self.result("--hot", "still", "-n", "5", "--duration", "2.5", "--warm-up", "0", "--hold", "1")
        self.assertTrue(result["ok"])
        self.assertEqual(result["measured"]["deliveries"], 0)
        self.assertGreaterEqual(result["measured"]["unchanged"], 5)
        self.assertEqual(result["latency_us"]["age_on_arrival"]["count"], 0)

    # -- new projections -----------------------------------------------------------------------------------------------

    def check_new(self, *arguments, clients=30):
        result = self.result("--new-projections", "hot", "-n", str(clients), "--duration", "0.5", "--warm-up", "0", *arguments)
        self.assertEqual(result["mode"], "new-projections")
        self.assertTrue(result["ok"])
        use = result["server_use"]
        self.assertEqual(use["questions_peak"] - use["questions_before"], clients)
        self.assertEqual(result["connect"]["ready"], clients)
        return result

    def test_new_projections_ws(self):
        self.assertEqual(self.check_new()["connections"], 1)

    def test_new_projections_http(self):
        # Other limits than the test before, whose questions live on for a while.
        result = self.result("--new-projections", "hot?where=n>{}", "-n", "30", "--duration", "0.5", "--warm-up", "0", "--transport", "http")
        self.assertTrue(result["ok"])
        self.assertEqual(result["connections"], 30)
        self.assertEqual(result["connect"]["ready"], 30)

    def test_questions_come_and_go(self):
        with Silo(CATALOG) as silo:
            done = self.run_load("--new-projections", "hot?where=n>{}", "-n", "20", "--rate", "100", "--duration", "0.5", "--warm-up", "0", "-q", "-f", "json", "--hold", "1",
                                 "--settle", "40", server=silo.url)
            result = json.loads(done.stdout)
            self.assertEqual(result["server_use"]["questions_before"], 0)
            self.assertEqual(result["server_use"]["questions_peak"], 20)
            self.assertEqual(result["server_use"]["questions_after"], 0)
            self.assertEqual(silo.get("/v1/status").json["grains"]["query"], 0)

    # -- storms --------------------------------------------------------------------------------------------------------

    def test_storm(self):
        for transport in ("ws", "http"):
            with self.subTest(transport):
                result = self.result("--hot", "hot", "--storm", "--storms", "2", "-n", "30", "--duration", "1", "--warm-up", "0.2", "--transport", transport)
                self.assertEqual(result["mode"], "storm")
                self.assertTrue(result["ok"])
                self.assertEqual(sum(result["errors"].values()), 0)
                storm = result["storm"]
                self.assertEqual(len(storm["rounds"]), 2)
                self.assertGreater(storm["calm_s"], 0)
                self.assertAlmostEqual(storm["ratio"], storm["storm_s"] / storm["calm_s"], places=3)
                for one in storm["rounds"]:
                    self.assertGreater(one["seconds"], 0)
                    self.assertGreaterEqual(one["rss_peak_bytes"], one["rss_after_bytes"])

    # -- forms of the result -------------------------------------------------------------------------------------------

    def test_text_and_progress(self):
        done = self.run_load("--hot", "hot", "-n", "10", "--duration", "0.5", "--warm-up", "0", "--settle", "0")
        text = done.stdout.decode("utf-8")
        for part in ("hot hot: 10 clients over 10 WebSockets", "first snapshot", "age on arrival", "poll round trip", "delivered", "errors     none", "the same to"):
            self.assertIn(part, text)
        lines = done.stderr.decode("utf-8").splitlines()
        self.assertGreater(len(lines), 1)
        self.assertTrue(all("clients" in line and "\r" not in line and "\x1b" not in line for line in lines), lines)

    def test_progress_on_a_terminal(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", self.silo.url, "load", "--hot", "hot", "-n", "5", "--duration", "0.5",
                                    "--warm-up", "0", "--settle", "0"], stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        shown = []

        def read():
            try:
                while piece := os.read(ours, 4096):
                    shown.append(piece)
            except OSError:  # the other side has ended
                pass

        reader = threading.Thread(target=read)
        reader.start()
        out, _ = process.communicate(timeout=TIMEOUT_S)
        reader.join(TIMEOUT_S)
        os.close(ours)
        text = b"".join(shown).decode("utf-8")
        self.assertEqual(process.returncode, 0)
        self.assertNotIn("\n", text)
        self.assertGreater(text.count("\r\x1b[K"), 2)
        self.assertTrue(text.endswith("\r\x1b[K"))  # nothing is left of it above the result
        self.assertIn(b"delivered", out)

    def test_page(self):
        for mode in (["--hot", "hot", "--storm", "--storms", "1"], ["--new-projections", "hot?where=n>{} and symbol != \"<b>\""]):
            with self.subTest(mode), tempfile.TemporaryDirectory() as folder:
                file = os.path.join(folder, "load.html")
                self.run_load(*mode, "-n", "20", "--duration", "1", "--warm-up", "0", "--settle", "0", "-q", "--html", file)
                with open(file, encoding="utf-8") as stream:
                    text = stream.read()
                page = Page()
                page.feed(text)
                page.close()
                self.assertEqual(page.open, [])
                tags = [tag for tag, _ in page.tags]
                self.assertEqual(tags.count("svg"), 7)
                self.assertGreater(tags.count("path"), 20)
                for tag in ("script", "link", "img", "iframe", "b>"):
                    self.assertNotIn(tag, set(tags))
                # Nothing is fetched from anywhere: the only URL that is no text is a namespace's.
                self.assertFalse([value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href", "style", "onclick")])
                self.assertIn("prefers-color-scheme:dark", text)
                self.assertIn(mode[1], "".join(page.text))  # whole: what looks like a tag is none
                self.assertNotIn("nan", text.lower())
        done = self.run_load("--hot", "hot", "-n", "2", "--duration", "600", "-q", "--html", "/nonexistent/load.html", status=1)
        self.assertIn(b"/nonexistent/load.html", done.stderr)  # before it is measured, not after
        self.assertIn(b"is a folder", self.run_load("--hot", "hot", "--duration", "600", "-q", "--html", tempfile.gettempdir(), status=1).stderr)

    # -- what goes wrong -----------------------------------------------------------------------------------------------

    def test_wrong_questions(self):
        for arguments, message in ((["--hot", "nothing"], "no projection"), (["--new-projections", "hot?where={}+"], "column 3"),
                                   (["--hot", "nothing", "--transport", "http"], "no projection")):
            done = self.run_load(*arguments, "-n", "3", "--duration", "1", "-q", status=1)
            self.assertIn("no client got a snapshot", done.stderr.decode("utf-8"))
            self.assertIn(message, done.stderr.decode("utf-8"))
            self.assertEqual(done.stdout, b"")

    def test_wrong_usage(self):
        for arguments, message in (([], "expected either"), (["--hot", ""], "--hot: expected a PROJECTION"), (["--new-projections", ""], "expected a PROJECTION"), (["--hot", "a", "--new-projections", "b"], "expected either"),
                                   (["--storm", "--new-projections", "a"], "needs --hot"), (["--hot", "a", "-n", "0"], "--clients 0"),
                                   (["--hot", "a", "--transport", "tcp"], "expected ws or http"), (["--hot", "a", "-n", "5", "--connections", "6"], "more than"),
                                   (["--hot", "a", "-n", "5", "--connections", "2", "--transport", "http"], "its own"), (["--hot", "a", "--hold", "31"], "1 to 30"),
                                   (["--hot", "a", "--rate", "0"], "--rate"), (["--hot", "a", "-f", "csv"], "table or json"), (["--hot", "a", "more"], "too many")):
            self.assertIn(message, self.run_load(*arguments, status=2).stderr.decode("utf-8"), arguments)

    def test_no_server(self):
        done = self.run_load("--hot", "hot", "-q", server="http://127.0.0.1:1", status=1)
        self.assertIn("refused", done.stderr.decode("utf-8").lower())

    def test_too_few_descriptors(self):
        done = self.run_load("--hot", "hot", "-n", "500", "-q", status=1, limit=256)
        self.assertIn("descriptors are needed, and the limit of this process is 256", done.stderr.decode("utf-8"))

    def test_memory_bound(self):
        """At the bound new ones stop; those that never began have not failed. Questions that are not computed again and again: a sanitized
        server could not keep up with them."""
        result = self.result("--new-projections", "still?where=n<={}", "-n", "20000", "--rate", "50", "--max-memory", "1", "--duration", "0.3", "--warm-up", "0")
        self.assertEqual(result["stopped_by"], "the bound of memory")
        self.assertTrue(result["ok"])
        self.assertLess(result["connect"]["ready"], 20000)

    def test_server_goes_away(self):
        silo = Silo(CATALOG)
        self.addCleanup(silo.clean)
        process = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "load", "--hot", "hot", "-n", "5", "--duration", "60"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stderr.readline()  # it is under way
        silo.stop()
        out, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual((process.returncode, out), (1, b""), err)
        self.assertIn(b"synopticctl: ", err)

    def interrupt(self, *arguments, status):
        """Ctrl-C after the second line of how it goes."""
        process = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", self.silo.url, "load", *arguments, "--settle", "0", "-f", "json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2):
            process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, status, err)
        result = json.loads(out)
        self.assertTrue(result["interrupted"])
        return result, err.decode("utf-8")

    def test_interrupted_while_they_come(self):
        """Those that never began have not failed."""
        result, _ = self.interrupt("--hot", "hot", "-n", "1000", "--rate", "10", status=0)
        self.assertTrue(result["ok"])
        self.assertLess(result["connect"]["ready"], 1000)

    def test_too_many_views(self):
        """Who is told to ask later asks the same again, and is one client without a snapshot, not two failures."""
        result, err = self.interrupt("--new-projections", "still?limit={}", "-n", "1030", "--connections", "1", "--rate", "1000000", status=1)
        self.assertEqual(result["clients_without_snapshot"], 6)
        self.assertGreaterEqual(result["errors"]["overloaded"], 6)
        self.assertEqual(result["errors"]["refused"], 0)
        self.assertIn("6 failures of clients", err)

    def test_server_is_restarted(self):
        """What it used before and after counts, and is never less than nothing."""
        silo = Silo(CATALOG)
        self.addCleanup(silo.clean)
        self.addCleanup(silo.kill)
        process = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "load", "--hot", "hot", "-n", "5", "--duration", "600",
                                    "--warm-up", "0", "--settle", "0", "-f", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4):
            process.stderr.readline()
        # It is not looked at while it is away: that would end the test.
        process.send_signal(signal.SIGSTOP)
        silo.listen = f"127.0.0.1:{silo.port}"
        silo.kill()
        silo.start()
        process.send_signal(signal.SIGCONT)
        for _ in range(3):
            process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 1, err)  # connections were lost
        result = json.loads(out)
        self.assertGreaterEqual(result["server_use"]["cpu"], 0)
        self.assertTrue(all(sample["server_cpu"] >= 0 for sample in result["samples"]))

    def test_interrupted(self):
        process = subprocess.Popen([program("synopticctl", "SYNOPTICCTL"), "--server", self.silo.url, "load", "--hot", "hot", "-n", "5", "--duration", "600",
                                    "--warm-up", "0", "--settle", "0", "-f", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while b"measuring" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, 0, err)
        result = json.loads(out)
        self.assertTrue(result["interrupted"])
        self.assertLess(result["measured"]["seconds"], 600)


if __name__ == "__main__":
    main()
