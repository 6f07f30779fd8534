# SPDX-License-Identifier: LGPL-2.1-or-later
"""synopticctl, every verb of it, against a real synopticd."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from silo import Silo, main, program

TIMEOUT_S = 60
CATALOG = {
    "sources": [{"name": "s", "kind": "http", "fields": {"key": "string", "n": "int64", "price": "decimal(4)", "time": "timestamp"}},
                {"name": "big", "kind": "http", "fields": {"key": "string", "n": "int64"}},
                {"name": "sim", "kind": "simulator", "instruments": 3, "limit": 10}],
    "projections": [
        {"name": "dir/p", "from": "s", "key": ["key"], "min_interval_ms": 10,
         "columns": {"n": "last(n)", "price": "last(price)", "spread in %": "last(price)*2", "time": "last(time)"}},
        {"name": "big", "from": "big", "min_interval_ms": 10, "columns": {"events": "count()", "sum": "sum(n)", "last": "last(n)"}}],
    "screens": [{"name": "desk", "title": "The desk", "panels": [
        {"grid": "dir/p", "title": "All", "sort": "-n"}, {"grid": "dir/p?where=n>1", "follows": "dir/p"}]}],
}
EVENTS = [
    {"key": "a b", "n": 1, "price": 1.1, "time": "2024-05-01T12:00:00.5Z"},
    {"key": "x+y", "n": 9007199254740993, "price": -0.0001, "time": "2024-05-01T12:00:00Z"},
    {"key": "it's \"so\", & 100%", "n": 3},
    {"key": "größer ≥ 東京", "n": 4, "price": 12345678901.1234},
    {"key": "\u001b[2J\u202eevil", "n": 5},
    {"key": ""},
]


class Cli(unittest.TestCase):
    def command(self, *arguments, server=None):
        where = [] if server is None else ["--server", server]
        return [program("synopticctl", "SYNOPTICCTL"), *where, *arguments]

    def run_ctl(self, *arguments, server=None, data=None, env=None, status=0):
        done = subprocess.run(self.command(*arguments, server=server), input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=TIMEOUT_S, env=dict(os.environ, **(env or {})))
        self.assertEqual(done.returncode, status, done)
        if status == 0:
            self.assertEqual(done.stderr, b"", done)
        else:
            self.assertTrue(done.stderr.startswith(b"synopticctl: "), done)
            self.assertTrue(done.stderr.decode("utf-8").replace("\n", "").isprintable(), done)
        return done

    def start_ctl(self, *arguments, server):
        process = subprocess.Popen(self.command(*arguments, server=server), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        watchdog = threading.Timer(TIMEOUT_S, process.kill)  # whoever waits for a line gets the end instead
        watchdog.start()

        def clean():
            watchdog.cancel()
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

        self.addCleanup(clean)
        return process

    def ended(self, process, status=0):
        out, err = process.communicate(timeout=TIMEOUT_S)
        self.assertEqual(process.returncode, status, (out, err))
        return out, err


class Reading(Cli):
    @classmethod
    def setUpClass(cls):
        cls.silo = Silo(CATALOG)
        cls.silo.publish("s", EVENTS)
        cls.silo.wait_for("dir/p", lambda rows: len(rows) == len(EVENTS))

    @classmethod
    def tearDownClass(cls):
        cls.silo.__exit__(None, None, None)

    def ctl(self, *arguments, **options):
        return self.run_ctl(*arguments, server=self.silo.url, **options)

    def keys(self, path):
        return [row[0] for row in json.loads(self.ctl("get", path, "--format", "json").stdout)["rows"]]

    def test_get_bodies(self):
        """JSON and CSV are the server's own bytes."""
        for path in ("dir/p", "dir/p?select=key,price&sort=-n&limit=3", "big"):
            for form, kind in (("json", "application/json"), ("csv", "text/csv")):
                with self.subTest(f"{path} {form}"):
                    answer = self.silo.get("/v1/projections/" + path, {"Accept": kind})
                    self.assertEqual(answer.status, 200)
                    self.assertEqual(self.ctl("get", path, "--format", form).stdout, answer.body)
                    self.assertEqual(self.ctl("get", path, "-f", form).stdout, answer.body)
                    self.assertEqual(self.ctl("get", f"--format={form}", path).stdout, answer.body)
        rows = list(csv.reader(io.StringIO(self.ctl("get", "dir/p?where=n=1", "--format", "csv").stdout.decode())))
        self.assertEqual(rows, [["key", "n", "price", "spread in %", "time"], ["a b", "1", "1.1000", "2.2000", "2024-05-01T12:00:00.500Z"]])

    def test_get_table(self):
        text = self.ctl("get", "dir/p").stdout.decode("utf-8")
        self.assertEqual(self.ctl("get", "dir/p", "--format", "table").stdout.decode("utf-8"), text)
        lines = text.splitlines()
        self.assertEqual(lines[0].split("  ")[0], "key")
        for name in ("n", "price", "spread in %", "time"):
            self.assertIn(name, lines[0])
        for event in EVENTS[:4]:
            line, = [line for line in lines if line.startswith(event["key"] + " ")]
            self.assertIn(f" {event['n']}", line)
        self.assertIn(" 9007199254740993 ", text)
        self.assertIn(" 1.1000 ", text)
        self.assertIn(" -0.0001 ", text)
        self.assertIn(" 12345678901.1234 ", text)
        self.assertIn("\\x1b[2J\\u202eevil", text)
        self.assertTrue(text.replace("\n", "").isprintable())

    def test_get_queries(self):
        """As people type them: spaces, quotes, plus signs, other letters."""
        for query, keys in (
                ('where=key == "a b"', ["a b"]), ('where=key=="x+y"', ["x+y"]), ('where=key ~ "*+*"', ["x+y"]),
                ("where=key = 'a b' or key == 'x+y'&sort=key", ["a b", "x+y"]), ("where=n+1>5.5&sort=n", ["\u001b[2J\u202eevil", "x+y"]),
                ("where=n + 1 == 2", ["a b"]), ('where=key~"größer*東?"', ["größer ≥ 東京"]), ("where=`spread in %`>2.1&sort=n", ["a b", "größer ≥ 東京"]),
                ('where=key ~ "*%26*"', ["it's \"so\", & 100%"]), ('where=key ~ "it\'s *"', ["it's \"so\", & 100%"]),
                ('where=key ~ "*%"', ["it's \"so\", & 100%"]), ('where=key == "it\'s \\"so\\", %26 100%"', ["it's \"so\", & 100%"]),
                ("where=key == ''", [""]), ("sort=-n&limit=2", ["x+y", "\u001b[2J\u202eevil"]), ("limit=0", []),
                ('where=time >= "2024-05-01T14:00:00.1+02:00"', ["a b"]), ("where=n=9007199254740993", ["x+y"]),
                ("where=n=9007199254740992", []), ("where=n%3D%31", ["a b"])):
            with self.subTest(query):
                self.assertEqual(self.keys("dir/p?" + query), keys)
                # The table asks over the WebSocket.
                self.assertEqual(len(self.ctl("get", "dir/p?" + query).stdout.splitlines()), len(keys) + 1)
        self.assertEqual(json.loads(self.ctl("get", "dir/p?select=n+1 as m,key&where=n=1", "--format", "json").stdout)["rows"],
                         [[2, "a b"]])

    def test_lists(self):
        text = self.ctl("projections").stdout.decode()
        for word in ("dir/p", "big", "price", "spread in %"):
            self.assertIn(word, text)
        self.assertEqual(json.loads(self.ctl("projections", "--format", "json").stdout), self.silo.get("/v1/projections").json)
        text = self.ctl("screens").stdout.decode()
        lines = text.splitlines()
        self.assertEqual(lines[0].split(), ["screen", "kind", "title", "path", "sort", "follows"])
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[1].split(), ["desk", "grid", "All", "dir/p", "-n"])
        self.assertIn("dir/p?where=n>1", lines[2])
        self.assertEqual(json.loads(self.ctl("screens", "--format", "json").stdout), self.silo.get("/v1/screens").json)

    def test_status(self):
        status = json.loads(self.ctl("status", "--format", "json").stdout)
        self.assertEqual(status["pid"], self.silo.pid)
        self.assertEqual((status["projections"], status["screens"], status["ready"]), (2, 1, True))
        text = self.ctl("status").stdout.decode()
        self.assertIn(str(self.silo.pid), text)
        for word in ("version", "uptime_s", "descriptors", "rss_bytes", "big", "sim"):
            self.assertIn(word, text)
        lines = [line.split() for line in text.splitlines()]
        numbers = {line[0]: line[1] for line in lines if len(line) == 2}
        applied = sum(lane["metrics"]["applied_events_total"] for lane in status["lanes"])
        self.assertGreaterEqual(int(numbers["events.applied"]), applied)
        for name in ("grains.conflation", "conflation.partials", "questions.from_changes", "store.requests", "reminders.set", "snapshots.made",
                     "look_at"):
            self.assertIn(name, numbers)

    def test_status_of_a_question(self):
        """Questions are shown as they are asked; what has gone wrong is named."""
        question = "dir/p?where=n > 0 and key != \"+\"&select=key, n"
        with Silo(CATALOG) as silo:
            silo.publish("s", EVENTS)
            self.run_ctl("get", question, server=silo.url)
            silo.publish("s", [{"price": "not a number"}])
            text = self.run_ctl("status", server=silo.url).stdout.decode()
            self.assertIn('dir/p?where=n > 0 and key != "+"&select=key,n', text)
            self.assertRegex(text, r"(?m)^look_at\.source_refused_total +1$")
            paths = [entry["path"] for entry in json.loads(self.run_ctl("status", "-f", "json", server=silo.url).stdout)["on_demand"]]
            self.assertEqual(len(paths), 1)
            self.assertIn("%2B", paths[0])

    def test_where_the_server_is(self):
        """--server before or behind the verb, or $SYNOPTIC_SERVER; the option wins."""
        body = self.ctl("get", "big", "--format", "json").stdout
        nowhere = {"SYNOPTIC_SERVER": "http://127.0.0.1:1"}
        self.assertEqual(self.run_ctl("get", "big", "--format", "json", env={"SYNOPTIC_SERVER": self.silo.url}).stdout, body)
        self.assertEqual(self.ctl("get", "big", "--format", "json", env=nowhere).stdout, body)
        self.assertEqual(self.run_ctl("get", "--server", self.silo.url, "big", "--format", "json", env=nowhere).stdout, body)
        self.assertEqual(self.run_ctl("get", "big", "--server=" + self.silo.url, "--format", "json", env=nowhere).stdout, body)
        self.assertEqual(self.run_ctl("--server=" + self.silo.url, "get", "big", "-f", "json", env=nowhere).stdout, body)
        for server in ("", "ftp://127.0.0.1/", "127.0.0.1", "http://", "http://127.0.0.1:99999"):
            with self.subTest(server):
                self.run_ctl("get", "big", server=server, status=1)

    def test_not_there(self):
        for arguments in (("get", "nothing"), ("get", "nothing", "--format", "json"), ("get", "nothing", "--format", "csv"),
                          ("watch", "nothing"), ("watch", "nothing", "--format", "json", "--count", "1")):
            with self.subTest(arguments):
                done = self.ctl(*arguments, status=1)
                self.assertEqual(done.stdout, b"")
                self.assertIn(b'"nothing"', done.stderr)
                self.assertEqual(done.stderr.count(b"\n"), 1)

    def test_nothing_to_publish(self):
        """Not an event: whether there is such a source, and how far it is, the server says all the same."""
        done = self.ctl("publish", "nope", "/dev/null", status=1)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b'no source "nope"', done.stderr)
        self.assertIn(b"/v1/sources", done.stderr)
        done = self.ctl("publish", "s1", "/dev/null", status=1)
        self.assertIn(b'no source "s1"; did you mean "s"?', done.stderr)
        sequence = json.loads(self.silo.publish("s", "").text)["sequence"]
        self.assertEqual(self.ctl("publish", "s", "/dev/null").stdout.decode(), f"accepted 0 sequence {sequence}\n")

    def test_output_that_ends(self):
        """Into a pipe that nobody reads, and a full disk: it ends, and does not say that it went well."""
        process = self.start_ctl("watch", "dir/p", "--format", "json", server=self.silo.url)
        process.stdout.readline()
        process.stdout.close()
        self.silo.publish("s", [{"key": "", "n": None}])
        self.assertNotEqual(process.wait(TIMEOUT_S), 0)
        with open("/dev/full", "wb") as full:
            for arguments in (("get", "dir/p"), ("get", "dir/p", "--format", "csv"), ("status",), ("--help",)):
                with self.subTest(arguments):
                    done = subprocess.run(self.command(*arguments, server=self.silo.url), stdout=full, stderr=subprocess.PIPE,
                                          timeout=TIMEOUT_S)
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(b"No space left", done.stderr)


class Watching(Cli):
    def test_count(self):
        with Silo(CATALOG) as silo:
            process = self.start_ctl("watch", "big", "--count", "3", "--format", "json", server=silo.url)
            tokens = []
            for n in range(3):
                picture = json.loads(process.stdout.readline())
                self.assertEqual(picture["rows"], [[n, n * (n - 1) // 2, n - 1]] if n > 0 else [])
                tokens.append(picture["token"])
                if n < 2:
                    self.assertEqual(silo.publish("big", [{"n": n}]).status, 200)
            self.assertEqual(self.ended(process), (b"", b""))
            self.assertEqual(len(set(tokens)), 3)

            once = self.run_ctl("watch", "big", "-n", "1", server=silo.url).stdout.decode()
            self.assertRegex(once.splitlines()[0], r"^-- \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  token [0-9a-f]+-[0-9a-f]+  1 row$")
            self.assertEqual(once.splitlines()[1].split(), ["events", "sum", "last"])
            self.assertEqual(once.splitlines()[2].split(), ["2", "1", "1"])
            csv_text = self.run_ctl("watch", "big?select=events", "-n", "1", "--format", "csv", server=silo.url).stdout
            self.assertEqual(csv_text, b"events\n2\n")

    def test_csv_tables_are_apart(self):
        with Silo(CATALOG) as silo:
            process = self.start_ctl("watch", "big", "--count", "2", "--format", "csv", server=silo.url)
            self.assertEqual(process.stdout.readline(), b"events,sum,last\n")
            silo.publish("big", [{"n": 7}])
            self.assertEqual(self.ended(process), (b"\nevents,sum,last\n1,7,7\n", b""))

    def test_server_goes_and_comes(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        # It is not there yet.
        process = self.start_ctl("watch", "big", "--count", "2", "--format", "json", server=f"http://127.0.0.1:{port}")
        self.assertIn(b"trying again", process.stderr.readline())
        with Silo(CATALOG, listen=f"127.0.0.1:{port}") as silo:
            self.assertIn(b"connected to", process.stderr.readline())
            first = json.loads(process.stdout.readline())
            silo.stop()
            said = process.stderr.readline()
            self.assertTrue(said.startswith(b"synopticctl: "), said)
            silo.start()
            # One more, of another epoch, though the table is the same.
            second = json.loads(process.stdout.readline())
            self.assertEqual(self.ended(process)[0], b"")
            self.assertNotEqual(first["token"].split("-")[0], second["token"].split("-")[0])
            self.assertEqual(first["rows"], second["rows"])

    def test_interrupted(self):
        with Silo(CATALOG) as silo:
            process = self.start_ctl("watch", "big", server=silo.url)
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            self.assertIn(process.wait(TIMEOUT_S), (0, -signal.SIGINT, 130))


class Publishing(Cli):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="synoptic-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def test_forms(self):
        lines = "".join(json.dumps({"key": "k", "n": n}) + "\n" for n in range(1, 4))
        table = "n,key\n" + "".join(f"{n},k\n" for n in range(1, 4))
        with Silo(CATALOG) as silo:
            sequence = 0
            for arguments, data in (
                    ((self.write("a.ndjson", lines),), None), ((self.write("a.csv", table),), None), ((self.write("a.txt", lines),), None),
                    ((self.write("b.txt", table), "--format", "csv"), None), ((self.write("c.csv", lines), "-f", "ndjson"), None),
                    (("-",), lines), ((), lines), (("-", "--format", "csv"), table), (("--format=csv",), table),
                    (("-",), lines.replace("\n", "\r\n")), (("-",), lines[:-1]), (("-",), "\n\n" + lines),
                    (("-",), "\ufeff" + lines), (("--format=csv",), table.replace("\n", "\r\n")), (("--batch", "1"), lines),
                    (("--format", "csv", "--batch", "2"), table)):
                with self.subTest(arguments=arguments, data=data):
                    done = self.run_ctl("publish", "big", *arguments, server=silo.url, data=data.encode() if data else b"")
                    sequence += 3
                    self.assertEqual(done.stdout.decode(), f"accepted 3 sequence {sequence}\n")
            silo.wait_for("big", lambda rows: rows == [{"events": sequence, "sum": 2 * sequence, "last": 3}])
            for data in (b"", b"\n"):
                self.run_ctl("publish", "big", server=silo.url, data=data)
            self.assertEqual(silo.rows("big")[0]["events"], sequence)

    def test_big_files(self):
        """Over several requests: all of it in order; and the line that is wrong by its number in the file."""
        n_lines, bad_at = 100_000, 90_001
        numbers = range(1, n_lines + 1)
        lines = [json.dumps({"key": "padding " * 3, "n": n}) + "\n" for n in numbers]
        with Silo(CATALOG) as silo:
            done = self.run_ctl("publish", "big", self.write("good.ndjson", "".join(lines)), server=silo.url)
            self.assertEqual(done.stdout.decode(), f"accepted {n_lines} sequence {n_lines}\n")
            silo.wait_for("big", lambda rows: rows == [{"events": n_lines, "sum": sum(numbers), "last": n_lines}], timeout=120)

            before = n_lines
            good = lines[bad_at - 1]
            table = ["key,n\n"] + [f'"pad{",ding" * 5}",{n}\n' for n in numbers]
            table_with_breaks = list(table)
            table_with_breaks[5] = '"pad\nding\n",5\n'  # three lines of the file, one event
            for name, text, line, said in (
                    ("type.ndjson", lines[:bad_at - 1] + ['{"n":"many"}\n'] + lines[bad_at:], bad_at, "expected int64"),
                    ("field.ndjson", lines[:bad_at - 1] + [good.replace('"n"', '"m"')] + lines[bad_at:], bad_at, '"m"'),
                    ("utf8.ndjson", lines[:bad_at - 1] + ['{"key":"\udcff"}\n'] + lines[bad_at:], bad_at, "UTF-8"),
                    ("cut.ndjson", lines[:bad_at - 1] + [good[:-10]], bad_at, ""),
                    ("type.csv", table[:bad_at - 1] + ["a,many\n"] + table[bad_at:], bad_at, "int64"),
                    ("breaks.csv", table_with_breaks[:bad_at - 1] + ["a,many\n"] + table[bad_at:], bad_at + 2, "int64"),
                    ("first.ndjson", ["nonsense\n"] + lines, 1, "expected"), ("header.csv", ["key,m\n"] + table[1:], 1, '"m"'),
                    ("long.ndjson", lines[:bad_at - 1] + ['{"key":"' + "x" * (2 << 20) + '"}\n'], bad_at, "1048576")):
                with self.subTest(name):
                    path = self.write(name, "".join(text).encode("utf-8", "surrogateescape"))
                    done = self.run_ctl("publish", "big", path, server=silo.url, status=1)
                    self.assertEqual(done.stdout, b"")
                    told = done.stderr.decode("utf-8").splitlines()
                    place = f"{path}: line {line}: " if name == "long.ndjson" else f"{path}:{line}: "
                    self.assertTrue(told[0].startswith("synopticctl: " + place), told)
                    self.assertIn(said, told[0])
                    # What was accepted are whole requests before that line, and it says how much.
                    sources = {source["name"]: source for source in silo.get("/v1/sources").json["sources"]}
                    accepted = sources["big"]["sequence"] - before
                    before += accepted
                    if line > 1:
                        self.assertTrue(0 < accepted < line, (accepted, told))
                        self.assertEqual(told[1:], [f"synopticctl: accepted before: {accepted} events, up to sequence {before}"])
                    else:
                        self.assertEqual((accepted, told[1:]), (0, []))
            silo.wait_for("big", lambda rows: rows[0]["events"] == before, timeout=120)

    def test_batches(self):
        """--batch 2, and the fifth line is wrong: four are in."""
        lines = "".join(f'{{"n":{n}}}\n' for n in (1, 2, 3, 4, '"five"', 6))
        with Silo(CATALOG) as silo:
            done = self.run_ctl("publish", "big", "--batch", "2", server=silo.url, data=lines.encode(), status=1)
            self.assertEqual(done.stderr.decode().splitlines(), [
                'synopticctl: stdin:5: field "n": expected int64, found a string',
                "synopticctl: accepted before: 4 events, up to sequence 4"])
            silo.wait_for("big", lambda rows: rows == [{"events": 4, "sum": 10, "last": 4}])

    def test_pipe_that_pauses(self):
        """What has come goes out while the rest of it is not there yet."""
        with Silo(CATALOG) as silo:
            process = self.start_ctl("publish", "big", "-", server=silo.url)
            for n in range(1, 4):
                process.stdin.write(b'{"n":%d}\n{"n":%d}\n' % (n, n))
                process.stdin.flush()
                silo.wait_for("big", lambda rows: rows and rows[0]["events"] == 2 * n and rows[0]["last"] == n)
            process.stdin.write(b'{"n":')
            process.stdin.flush()
            process.stdin.write(b"100}\n")
            self.assertEqual(self.ended(process), (b"accepted 7 sequence 7\n", b""))

    def test_speed(self):
        """A day in an instant; and by the field that is named."""
        lines = "".join(f'{{"key":"k","n":{n},"time":"2024-05-01T{n:02}:00:00Z"}}\n' for n in range(24))
        table = "time,n\n" + "".join(f"2024-05-01T{n:02}:00:00Z,{n}\n" for n in range(24))
        with Silo(CATALOG) as silo:
            for arguments, data in ((("--speed", "1e9", "--time", "time"), lines), (("--speed", "max", "--time", "time"), lines),
                                    (("--format", "csv", "--speed", "1e9", "--time", "time"), table)):
                with self.subTest(arguments):
                    done = self.run_ctl("publish", "s", *arguments, server=silo.url, data=data.encode())
                    self.assertRegex(done.stdout, rb"^accepted 24 sequence \d+\n$")
            done = self.run_ctl("publish", "s", "--speed", "1e9", "--time", "nope", server=silo.url, data=lines.encode(), status=1)
            self.assertIn(b"stdin:1: ", done.stderr)
            self.assertIn(b"nope", done.stderr)

    def test_refused(self):
        with Silo(CATALOG) as silo:
            line = b'{"n":1}\n'
            for arguments, said in ((("trades",), '"trades"'), (("sim",), "http"), (("big", "/nowhere/file.ndjson"), "/nowhere/file.ndjson: "),
                                    (("big", self.folder), self.folder), (("big", "a.csv.zst"), "zstdcat")):
                with self.subTest(arguments):
                    done = self.run_ctl("publish", *arguments, server=silo.url, data=line, status=1)
                    self.assertEqual(done.stdout, b"")
                    self.assertIn(said, done.stderr.decode())
                    self.assertEqual(done.stderr.count(b"\n"), 1)
            self.assertEqual(silo.rows("big"), [])


class PublishingBinary(Publishing):
    """The same with --binary: a batch is what its lines are, and what is wrong with them is said in the same words."""

    def command(self, *arguments, server=None):
        return super().command(*arguments, *(["--binary"] if arguments[0] == "publish" else []), server=server)

    def test_fields(self):
        """Every type, units, names that fields have in text only, nulls, and what is nearly right: as by HTTP, to the byte of the answer."""
        fields = {"s": "string", "i": "int64", "d": "double", "c": "decimal(4)", "b": "bool", "t": "timestamp",
                  "at": {"type": "timestamp", "unit": "ms", "epoch": "2020-01-01T00:00:00Z", "column": "at_ms"},
                  "ns": {"type": "timestamp", "unit": "ns"}, "odd": {"type": "string", "column": "a \"b\""}}
        catalog = {"sources": [{"name": name, "kind": "http", "fields": fields} for name in ("text", "batch")],
                   "projections": [{"name": f"p/{name}", "from": name, "key": ["i"], "min_interval_ms": 10,
                                    "columns": {field: f"last({field})" for field in fields if field != "i"}} for name in ("text", "batch")]}
        lines = [{"i": 1, "s": "é\n\"", "d": 1.5e-7, "c": 12345678901234.5678, "b": True, "t": "2024-05-01T14:30:00.123456789+02:00", "at_ms": 86400001,
                  "ns": 1714564800123456789, "a \"b\"": "x"},
                 {"i": 2}, {"i": 3, "s": "", "d": -0.0, "c": -1, "b": False, "t": None, "at_ms": -1, "ns": 0}, {"i": -(1 << 63), "a \"b\"": ""}]
        good = "".join(json.dumps(line) + "\n" for line in lines).replace("12345678901234.568", "12345678901234.5678")
        table = 'i,"a ""b""",at_ms,c,b\n1,"x, ""y""\nz",5,0.5,true\n2,"",,,\n3,,,1e2,false\n'
        with Silo(catalog) as silo:
            listed = {source["name"]: source["fields"] for source in silo.get("/v1/sources").json["sources"]}["batch"]
            self.assertEqual(listed[6:], [{"name": "at", "type": "timestamp", "column": "at_ms", "unit": "ms", "epoch": "2020-01-01T00:00:00Z"},
                                          {"name": "ns", "type": "timestamp", "unit": "ns"}, {"name": "odd", "type": "string", "column": 'a "b"'}])
            for form, text in (("ndjson", good), ("csv", table)):
                done = self.run_ctl("publish", "batch", "-f", form, server=silo.url, data=text.encode())
                self.assertEqual(silo.publish("text", text, f"text/{form}" if form == "csv" else "application/x-ndjson").status, 200, done)
                here, there = (silo.wait_for(f"p/{name}", lambda rows: len(rows) == 4) for name in ("text", "batch"))
                self.assertEqual(there, here)
                self.assertEqual([silo.get(f"/v1/projections/p/{name}?sort=i", {"Accept": "text/csv"}).text for name in ("batch",)],
                                 [silo.get("/v1/projections/p/text?sort=i", {"Accept": "text/csv"}).text])
            for text in ('{"at":1}', '{"t":1}', '{"at_ms":"2024-05-01T00:00:00Z"}', '{"c":1.23456}', '{"i":9223372036854775808}', '{"b":1}', '{"s":"\\ud800"}',
                         '{"i":1,"i":2}', '{"d":1e999}', '{"i":[1]}', '{"i":1', '{"s":"' + "x" * 65537 + '"}'):
                with self.subTest(text[:40]):
                    wrong = silo.publish("text", text + "\n").json["error"]["message"].replace('"text"', '"batch"')
                    done = self.run_ctl("publish", "batch", server=silo.url, data=text.encode(), status=1)
                    self.assertIn(wrong, done.stderr.decode())
                    self.assertTrue(done.stderr.startswith(b"synopticctl: stdin:1: "), done.stderr)
            self.assertGreaterEqual(silo.metric("synoptic_websocket_publishes_total"), 2)


class Usage(Cli):
    VERBS = ("get", "watch", "publish", "projections", "screens", "status")

    def test_help(self):
        text = self.run_ctl("--help").stdout.decode()
        self.assertEqual(self.run_ctl("-h").stdout.decode(), text)
        for verb in self.VERBS:
            self.assertIn(f"\n  {verb} ", text)
            with self.subTest(verb):
                help_text = self.run_ctl(verb, "--help").stdout.decode()
                self.assertIn(f"synopticctl {verb}", help_text)
                self.assertIn("--server", help_text)
                self.assertIn("--format", help_text)
        self.assertIn("--count", self.run_ctl("watch", "--help").stdout.decode())
        for option in ("--speed", "--time", "--batch", "--retry", "--binary"):
            self.assertIn(option, self.run_ctl("publish", "--help").stdout.decode())
        self.assertRegex(self.run_ctl("--version").stdout, rb"^synopticctl \d+\.\d+\.\d+\n$")

    def test_wrong_usage(self):
        """Exit status 2, and nothing was asked of any server."""
        nowhere = "http://127.0.0.1:1"
        for arguments, said in (
                (("fetch",), '"fetch"'), (("--bogus",), "--bogus"), (("get",), "an argument is missing"), (("get", "a", "b"), "too many"),
                (("get", "--bogus", "a"), "--bogus"), (("get", "a", "--format", "xml"), "expected table, json or csv"),
                (("watch",), "an argument is missing"), (("watch", "a", "--count", "-1"), "--count"), (("watch", "a", "--count", "x"), "x"),
                (("watch", "a", "--format", "xml"), "expected table, json or csv"), (("publish",), "an argument is missing"),
                (("publish", "a", "b", "c"), "too many"), (("publish", "a", "--format", "json"), "expected ndjson or csv"),
                (("publish", "a", "--speed", "fast", "--time", "t"), "--speed fast"), (("publish", "a", "--speed", "2"), "--time"),
                (("publish", "a", "--speed", "-1", "--time", "t"), "--speed -1"), (("publish", "a", "--batch", "-1"), "--batch"),
                (("status", "x"), "too many"), (("status", "--format", "csv"), "expected table or json"), (("screens", "x"), "too many"),
                (("projections", "--format", "csv"), "expected table or json")):
            with self.subTest(arguments):
                done = self.run_ctl(*arguments, server=nowhere, data=b"", status=2)
                self.assertEqual(done.stdout, b"")
                self.assertIn(said, done.stderr.decode())
        done = subprocess.run(self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"Usage:", done.stderr)
        done = subprocess.run(self.command("--server"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
        self.assertEqual((done.returncode, done.stdout), (2, b""))

    def test_no_server(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else takes it meanwhile
            nowhere = "http://127.0.0.1:%d" % taken.getsockname()[1]
            for arguments in (("get", "p"), ("get", "p", "--format", "json"), ("get", "p", "--format", "csv"), ("status",), ("screens",),
                              ("projections",), ("publish", "s")):
                with self.subTest(arguments):
                    done = self.run_ctl(*arguments, server=nowhere, data=b'{"n":1}\n', status=1)
                    self.assertEqual(done.stdout, b"")
                    self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
                    self.assertIn(str(taken.getsockname()[1]), done.stderr.decode())

    def test_not_a_silo(self):
        """Something else answers there: HTML, nothing at all, garbage."""
        for body in (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>", b"",
                     b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"):
            for arguments in (("status",), ("screens",), ("get", "p"), ("publish", "s")):
                with self.subTest(body=body, arguments=arguments), socket.socket() as listener:
                    listener.bind(("127.0.0.1", 0))
                    listener.listen(8)
                    process = self.start_ctl(*arguments, server="http://127.0.0.1:%d" % listener.getsockname()[1])
                    process.stdin.write(b'{"n":1}\n')
                    process.stdin.close()
                    process.stdin = None
                    listener.settimeout(0.1)
                    while process.poll() is None:
                        try:
                            connection, _ = listener.accept()
                        except TimeoutError:
                            continue
                        connection.settimeout(TIMEOUT_S)
                        with connection:
                            connection.recv(65536)
                            connection.sendall(body)
                    out, err = self.ended(process, 1)
                    self.assertTrue(err.startswith(b"synopticctl: "), err)
                    self.assertNotIn(b"Sanitizer", err)


if __name__ == "__main__":
    main()
