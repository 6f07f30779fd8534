# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a silo serves: the cap, queries, windows; its files, simulators and hosts; and how it starts and ends."""

import base64
import json
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from silo import Silo, main, program, until

TIMEOUT_S = 60
HOUR_MS = 3600000
FIELDS = {"key": "string", "n": "int64", "time": "timestamp"}


def catalog(sources=(), projections=(), screens=()):
    return {"sources": [{"name": "s", "kind": "http", "fields": FIELDS}, *sources], "projections": list(projections),
            "screens": list(screens)}


def totals(name, source, **more):
    """A projection of one row per key."""
    return {"name": name, "from": source, "key": ["key"], "min_interval_ms": 10,
            "columns": {"n": "last(n)", "sum": "sum(n)", "events": "count()"}, **more}


def serial(token):
    epoch, _, number = token.strip('"').partition("-")
    return int(epoch, 16), int(number, 16)


class Poller:
    """Polls one path as a client of docs/protocol.md would: with the last tag, and a wait."""

    def __init__(self, silo, path):
        self.silo, self.path, self.tag = silo, path, None

    def poll(self, wait_s):
        """The rows of another snapshot than the last one, or None when the hold has ended."""
        headers = {"Prefer": f"wait={wait_s}"}
        if self.tag is not None:
            headers["If-None-Match"] = self.tag
        answer = self.silo.get("/v1/projections/" + self.path, headers)
        if answer.status == 304:
            assert answer.headers["ETag"] == self.tag, (answer, self.tag)
            assert answer.body == b""
            return None
        assert answer.status == 200, answer
        assert answer.headers["ETag"] != self.tag
        self.tag = answer.headers["ETag"]
        assert self.tag == f'"{answer.json["token"]}"', answer
        return answer.json["rows"]


class Snapshots(unittest.TestCase):
    def test_cap(self):
        """A cap of an hour: the first snapshot comes at once, and no other one however much is published."""
        with Silo(catalog(projections=[totals("p", "s", min_interval_ms=HOUR_MS), totals("quick", "s")])) as silo:
            silo.publish("s", [{"key": "a", "n": 1}])
            silo.wait_for("quick", lambda rows: rows and rows[0]["events"] == 1)
            capped, query = Poller(silo, "p"), Poller(silo, "p?where=n>0&sort=-n")
            self.assertEqual(capped.poll(30), [["a", 1, 1, 1]])
            self.assertEqual(serial(capped.tag)[1], 1)
            self.assertEqual(query.poll(30), [["a", 1, 1, 1]])
            for n in range(2, 5):
                silo.publish("s", [{"key": "a", "n": n}, {"key": "b", "n": n}])
                # Once it has been applied there ...
                silo.wait_for("quick", lambda rows: rows[0]["n"] == n)
                # ... neither who waits nor who asks anew gets another one.
                self.assertIsNone(capped.poll(1))
                self.assertIsNone(query.poll(1))
                answer = silo.get("/v1/projections/p")
                self.assertEqual((answer.headers["ETag"], answer.json["rows"]), (capped.tag, [["a", 1, 1, 1]]))
            # Other questions are answered from the same snapshot.
            self.assertEqual(silo.rows("p?select=key,sum"), [{"key": "a", "sum": 1}])

    def test_conflation(self):
        """A cap of 100 ms under a hundred requests: whoever polls sees fewer snapshots, the last of them whole, and time and
        token never step back."""
        with Silo(catalog(projections=[totals("p", "s", min_interval_ms=100)])) as silo:
            connection = silo.http()
            seen, tags, times = 0, [], []
            poller = Poller(silo, "p")
            for n in range(1, 101):
                connection.request("POST", "/v1/sources/s/events", b'{"key":"a","n":%d}\n' % n)
                self.assertEqual(json.loads(connection.getresponse().read()), {"accepted": 1, "sequence": n})
            while seen < 100:
                rows = poller.poll(30)
                self.assertIsNotNone(rows)
                answer = silo.get("/v1/projections/p")
                times.append(answer.json["time"])
                tags.append(serial(poller.tag))
                tags.append(serial(answer.headers["ETag"]))
                if rows:
                    self.assertGreater(rows[0][3], seen)
                    seen = rows[0][3]
                    self.assertEqual(rows, [["a", seen, seen * (seen + 1) // 2, seen]])
            connection.close()
            self.assertEqual(tags, sorted(tags))
            self.assertEqual(times, sorted(times))
            self.assertEqual(len({epoch for epoch, _ in tags}), 1)
            self.assertLess(tags[-1][1], 100)

    def test_queries_follow(self):
        with Silo(catalog(projections=[totals("p", "s")])) as silo:
            pollers = {path: Poller(silo, "p?" + urllib.parse.quote(path, safe="=&")) for path in (
                "where=n>=10", "sort=-n&limit=2", "select=key,n*2 as double&sort=key", 'where=key ~ "b*"&select=n')}
            shown = {path: poller.poll(30) for path, poller in pollers.items()}
            self.assertEqual(list(shown.values()), [[]] * 4)
            keys = {}

            def expect():
                rows = sorted(keys.items())
                return {"where=n>=10": [[key, n, n, 1] for key, n in rows if n >= 10],
                        "sort=-n&limit=2": [[key, n, n, 1] for key, n in sorted(rows, key=lambda row: -row[1])][:2],
                        "select=key,n*2 as double&sort=key": [[key, 2 * n] for key, n in rows],
                        'where=key ~ "b*"&select=n': [[n] for key, n in rows if key.startswith("b")]}

            for n, key in enumerate(("a", "b", "c", "bb", "d", "bbb"), 7):
                keys[key] = n
                silo.publish("s", [{"key": key, "n": n}])
                for path, want in expect().items():
                    # Whoever holds another answer than this one gets it.
                    while (shown[path] if "sort" in path else sorted(shown[path])) != want:
                        rows = pollers[path].poll(30)
                        self.assertIsNotNone(rows, (path, shown[path], want))
                        shown[path] = rows

    def test_equal_questions(self):
        """Written in several ways, they are one, with one token."""
        with Silo(catalog(projections=[totals("p", "s")])) as silo:
            silo.publish("s", [{"key": "a", "n": 1}])
            silo.wait_for("p", lambda rows: rows)
            tags = {silo.get("/v1/projections/p?" + query).headers["ETag"] for query in (
                "where=n%3E0+and+key='a'&limit=5", "limit=5&where=n>0%20and%20key==%22a%22", "where=(n>0)and(key=\"a\")&limit=05".replace('"', "%22"))}
            self.assertEqual(len(tags), 1)
            self.assertEqual(silo.get("/v1/status").json["grains"].get("query"), 1)
            plain = silo.get("/v1/projections/p").headers["ETag"]
            for query in ("?", "?&"):
                self.assertEqual(silo.get("/v1/projections/p" + query).headers["ETag"], plain)
            for kind in ("text/csv", "application/vnd.synoptic.snapshot"):
                self.assertEqual(silo.get("/v1/projections/p", {"Accept": kind}).headers["ETag"], plain)

    def test_windows(self):
        """One row per key and minute; what is older than three minutes goes, and what comes later than that is counted."""
        window = {"name": "w", "from": "s", "key": ["key"], "window": {"every": "1m", "on": "time", "keep": "3m"}, "min_interval_ms": 10,
                  "columns": {"open": "first(n)", "high": "max(n)", "low": "min(n)", "close": "last(n)", "events": "count()"}}
        forever = dict(window, name="forever", window={"every": "1m", "on": "time"})
        with Silo(catalog(projections=[window, forever])) as silo:
            def event(minute, second, n, key="a"):
                return {"key": key, "n": n, "time": f"2024-05-01T12:{minute:02}:{second:02}Z"}

            def start(minute):
                return f"2024-05-01T12:{minute:02}:00Z"

            silo.publish("s", [event(0, 0, 5), event(0, 59, 9), event(0, 30, 1), event(1, 0, 7), event(1, 1, 8, "b")])
            first = [["a", start(0), 5, 9, 1, 1, 3], ["a", start(1), 7, 7, 7, 7, 1], ["b", start(1), 8, 8, 8, 8, 1]]
            names = ["key", "time", "open", "high", "low", "close", "events"]
            for path in ("w", "forever"):
                rows = silo.wait_for(path, lambda rows: sum(row["events"] for row in rows) == 5)
                self.assertEqual(sorted(list(row.values()) for row in rows), first)
                self.assertEqual(list(rows[0]), names)
            silo.publish("s", [event(5, 0, 2), event(1, 30, 100), event(4, 0, 3, "b"), {"key": "a", "n": 1}])
            rows = silo.wait_for("w", lambda rows: any(row["time"] == start(4) for row in rows))
            self.assertEqual(sorted((row["key"], row["time"], row["close"]) for row in rows), [("a", start(5), 2), ("b", start(4), 3)])
            rows = silo.wait_for("forever", lambda rows: any(row["time"] == start(4) for row in rows))
            self.assertEqual(sorted((row["key"], row["time"], row["close"]) for row in rows),
                             [("a", start(0), 1), ("a", start(1), 100), ("a", start(5), 2), ("b", start(1), 8), ("b", start(4), 3)])
            metrics = silo.get("/metrics").text
            def total(name):
                return sum(float(value) for value in re.findall(rf"^synoptic_{name}(?:{{[^}}]*}})? (\S+)$", metrics, re.M))
            self.assertEqual(total("late_events_total"), 1)
            self.assertEqual(total("untimed_events_total"), 2)

    def test_screens(self):
        screens = [{"name": "one", "title": "Title ≥ <b>", "panels": [
            {"grid": "p?where=n>1&sort=-n", "title": "Grid", "sort": "-n,key"},
            {"line": "w", "follows": "p?where=n>1&sort=-n"}]}, {"name": "two", "panels": [{"grid": "p"}]}]
        window = {"name": "w", "from": "s", "key": ["key"], "window": {"every": "1s", "on": "time", "keep": "1h"},
                  "columns": {"mean": "mean(n)"}}
        with Silo(catalog(projections=[totals("p", "s"), window], screens=screens)) as silo:
            answer = silo.get("/v1/screens")
            self.assertEqual(answer.status, 200)
            found = answer.json
            for screen in found["screens"]:
                # What a panel does not have may be null, or not there.
                screen["panels"] = [{"sort": None, "follows": None} | panel for panel in screen["panels"]]
            self.assertEqual(found, {"screens": [
                {"name": "one", "title": "Title ≥ <b>", "panels": [
                    {"kind": "grid", "path": "p?where=n>1&sort=-n", "title": "Grid", "sort": "-n,key", "follows": None},
                    {"kind": "line", "path": "w", "title": "w", "sort": None, "follows": "p?where=n>1&sort=-n"}]},
                {"name": "two", "title": "two", "panels": [
                    {"kind": "grid", "path": "p", "title": "p", "sort": None, "follows": None}]}]})
            self.assertEqual(silo.rows("p?where=n%3E1&sort=-n"), [])


class Files(unittest.TestCase):
    LINES = [{"key": "ab"[n % 2], "n": n, "time": f"2024-05-01T12:00:{n:02}Z"} for n in range(10)]
    WANT = {"a": (8, 20, 5), "b": (9, 25, 5)}

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="synoptic-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def ndjson(self, events):
        return "".join(json.dumps(event) + "\n" for event in events).encode()

    def csv(self, events):
        return b"time,key,n\n" + "".join(f"{event['time']},{event['key']},{event['n']}\n" for event in events).encode()

    def source(self, path, **more):
        return {"name": "f", "kind": "file", "path": str(path), "fields": FIELDS, **more}

    def state(self, silo, name="f"):
        return {source["name"]: source for source in silo.get("/v1/sources").json["sources"]}[name]

    def finished(self, silo, name="f"):
        until(lambda: self.state(silo, name)["finished"] or self.state(silo, name)["error"], what="the end of the file")
        state = self.state(silo, name)
        self.assertIsNone(state["error"])
        return state["sequence"]

    def got(self, rows):
        return {row["key"]: (row["n"], row["sum"], row["events"]) for row in rows}

    def wait_for_keys(self, silo, want, path="p"):
        silo.wait_for(path, lambda rows: self.got(rows) == want)

    def test_kinds(self):
        """CSV and NDJSON, plain and compressed, in one catalog; relative paths count from the catalog's folder."""
        (self.folder / "sub").mkdir()
        sources, projections = [], []
        for name, data, more in (
                ("a.csv", self.csv(self.LINES), {}), ("a.ndjson", self.ndjson(self.LINES), {}),
                ("a.jsonl", self.ndjson(self.LINES)[:-1], {}), ("sub/strange name", self.csv(self.LINES), {"format": "csv"}),
                ("bare.csv", self.csv(self.LINES).partition(b"\n")[2], {"columns": ["time", "key", "n"]}),
                ("crlf.csv", self.csv(self.LINES).replace(b"\n", b"\r\n"), {}),
                ("bom.ndjson", b"\xef\xbb\xbf" + self.ndjson(self.LINES), {})):
            for compressed in (False, True):
                path = self.folder / name
                path.write_bytes(data)
                if compressed:
                    path = path.with_name(path.name + ".zst")
                    # Two frames, one behind the other.
                    half = len(data) // 2
                    path.write_bytes(b"".join(
                        subprocess.run(["zstd", "-cq"], input=part, stdout=subprocess.PIPE, check=True).stdout
                        for part in (data[:half], data[half:])))
                number = len(sources)
                sources.append(dict(self.source(path.relative_to(self.folder), **more), name=f"f{number}"))
                projections.append(totals(f"p{number}", f"f{number}"))
        file = self.folder / "catalog.json"
        file.write_text(json.dumps(catalog(sources, projections)))
        with Silo(file) as silo:
            for number, source in enumerate(sources):
                with self.subTest(source["path"]):
                    self.assertEqual(self.finished(silo, source["name"]), 10)
                    self.wait_for_keys(silo, self.WANT, f"p{number}")

    def test_big_file(self):
        """More than any batch holds, in order."""
        n_lines = 50_000
        path = self.folder / "big.csv.zst"
        data = "key,n\n" + "".join(f"k{n % 7},{n}\n" for n in range(n_lines))
        path.write_bytes(subprocess.run(["zstd", "-cq"], input=data.encode(), stdout=subprocess.PIPE, check=True).stdout)
        with Silo(catalog([self.source(path)], [totals("p", "f")])) as silo:
            self.assertEqual(self.finished(silo), n_lines)
            want = {f"k{k}": (max(range(k, n_lines, 7)), sum(range(k, n_lines, 7)), len(range(k, n_lines, 7))) for k in range(7)}
            self.wait_for_keys(silo, want)

    def test_follow(self):
        path = self.folder / "log.ndjson"
        path.write_bytes(self.ndjson(self.LINES[:2]))
        with Silo(catalog([self.source(path, follow=True)], [totals("p", "f")])) as silo:
            self.wait_for_keys(silo, {"a": (0, 0, 1), "b": (1, 1, 1)})
            self.assertFalse(self.state(silo)["finished"])
            with open(path, "ab", buffering=0) as file:
                file.write(self.ndjson(self.LINES[2:4]))
                self.wait_for_keys(silo, {"a": (2, 2, 2), "b": (3, 4, 2)})
                # Half a line is none; with its other half it is one.
                line = self.ndjson(self.LINES[4:5])
                file.write(line[:10])
                file.write(b"")
                self.assertEqual(self.state(silo)["sequence"], 4)
                file.write(line[10:])
                self.wait_for_keys(silo, {"a": (4, 6, 3), "b": (3, 4, 2)})
            # Cut to nothing, and written anew: that is read, too.
            path.write_bytes(self.ndjson(self.LINES[5:6]))
            self.wait_for_keys(silo, {"a": (4, 6, 3), "b": (5, 9, 3)})
            # Another file by the same name, as log rotation does.
            (self.folder / "new").write_bytes(self.ndjson(self.LINES[6:8]))
            os.replace(self.folder / "new", path)
            self.wait_for_keys(silo, {"a": (6, 12, 4), "b": (7, 16, 4)})
            with open(path, "ab") as file:
                file.write(self.ndjson(self.LINES[8:]))
            self.wait_for_keys(silo, self.WANT)
            state = self.state(silo)
            self.assertEqual((state["finished"], state["error"], state["sequence"]), (False, None, 10))

    def test_speed(self):
        """Ten seconds at a million times real time are all there; at a thousandth of it only what is due: the first one."""
        path = self.folder / "a.csv"
        path.write_bytes(self.csv(self.LINES))
        slow = dict(self.source(path, time="time", speed=0.001), name="slow")
        with Silo(catalog([self.source(path, time="time", speed=1000000), slow], [totals("p", "f"), totals("slow", "slow")])) as silo:
            self.wait_for_keys(silo, self.WANT)
            self.assertEqual(self.finished(silo), 10)
            self.wait_for_keys(silo, {"a": (0, 0, 1)}, "slow")
            poller = Poller(silo, "slow")
            poller.poll(1)
            self.assertIsNone(poller.poll(1))
            state = self.state(silo, "slow")
            self.assertEqual((state["sequence"], state["finished"], state["error"]), (1, False, None))

    def test_bad_lines(self):
        """The source stops there and says where; what came before is in, and the rest of the silo goes on."""
        good = self.ndjson(self.LINES)
        zst = subprocess.run(["zstd", "-cq"], input=good * 1000, stdout=subprocess.PIPE, check=True).stdout
        damaged = bytearray(zst)
        damaged[len(damaged) // 2] ^= 0xff
        cases = (
            ("type.ndjson", good + b'{"key":"a","n":"x"}\n' + good, r":11:\d+: .*expected int64", 10),
            ("field.ndjson", good + b'\n\n{"key":"a","m":1}\n', r':13:\d+: .*"m"', 10),
            ("utf8.ndjson", good + b'{"key":"\xff"}\n', r":11:\d+: .*UTF-8", 10),
            ("cut.ndjson", good + b'{"key":"a', r":11:\d+: ", 10),
            ("long.ndjson", good + b'{"key":"' + b"x" * (2 << 20) + b'"}\n', r":11:\d+: .*1048576", 10),
            ("type.csv", self.csv(self.LINES) + b"2024-05-01T12:00:00Z,a,1.5\n", r":12:\d+: .*int64", 10),
            ("cells.csv", self.csv(self.LINES) + b"2024-05-01T12:00:00Z,a\n", r":12:\d+: .*expected 3 cells, found 2", 10),
            ("header.csv", b"time,kye,n\n" + b"2024-05-01T12:00:00Z,a,1\n", r':1:\d+: .*"kye"', 0),
            ("quote.csv", self.csv(self.LINES) + b'2024-05-01T12:00:00Z,"a,1\n', r":12:\d+: .*quote", 10),
            ("cut.csv.zst", subprocess.run(["zstd", "-cq"], input=self.csv(self.LINES), stdout=subprocess.PIPE, check=True).stdout[:-3],
             r": .*truncated", None),
            ("damaged.ndjson.zst", bytes(damaged), r"(: .*corrupt|:\d+:\d+: )", None),
            ("plain.ndjson.zst", good, r": .*zstd", 0))
        sources, projections = [], []
        for number, (name, data, _, _) in enumerate(cases):
            (self.folder / name).write_bytes(data)
            sources.append(dict(self.source(self.folder / name), name=f"f{number}"))
            projections.append(totals(f"p{number}", f"f{number}"))
        sources.append(dict(self.source(self.folder, format="csv"), name="folder"))
        os.mkfifo(self.folder / "pipe.csv")
        sources.append(dict(self.source(self.folder / "pipe.csv"), name="pipe"))
        with Silo(catalog(sources, [totals("p", "s"), *projections])) as silo:
            for number, (name, _, said, events) in enumerate(cases):
                with self.subTest(name):
                    until(lambda: self.state(silo, f"f{number}")["error"], what="the error")
                    state = self.state(silo, f"f{number}")
                    path = str(self.folder / name)
                    self.assertTrue(state["error"].startswith(path + ":"), state)
                    self.assertRegex(state["error"][len(path):], "^" + said)
                    self.assertTrue(state["error"].isprintable())
                    self.assertFalse(state["finished"])
                    if events is not None:
                        self.assertEqual(state["sequence"], events)
                    if events:
                        self.wait_for_keys(silo, self.WANT, f"p{number}")
            for name in ("folder", "pipe"):
                until(lambda: self.state(silo, name)["error"], what="the error")
                self.assertIn("not a regular file", self.state(silo, name)["error"])
            self.assertEqual(silo.publish("s", [{"key": "a", "n": 1}]).status, 200)
            self.wait_for_keys(silo, {"a": (1, 1, 1)})
            ctl = subprocess.run([program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "status"], stdout=subprocess.PIPE,
                                 timeout=TIMEOUT_S, check=True).stdout.decode()
            self.assertIn("type.ndjson:11:", ctl)

    def test_missing_file(self):
        """It is waited for: an error says so until it is there."""
        path = self.folder / "later.ndjson"
        with Silo(catalog([self.source(path)], [totals("p", "f")])) as silo:
            until(lambda: self.state(silo)["error"], what="the error")
            self.assertIn(str(path), self.state(silo)["error"])
            self.assertIn("No such file", self.state(silo)["error"])
            self.assertFalse(self.state(silo)["finished"])
            (self.folder / "part").write_bytes(self.ndjson(self.LINES))
            os.replace(self.folder / "part", path)
            self.wait_for_keys(silo, self.WANT)
            self.assertEqual(self.finished(silo), 10)


class Makers(unittest.TestCase):
    """Sources that make their own events."""

    def test_simulator(self):
        def market(**more):
            return {"kind": "simulator", "instruments": 50, "rate": 100000, "speed": "max", "limit": 20000, "seed": 7,
                    "start": "2024-05-01T08:00:00Z", **more}

        columns = {"last": "last(price)", "open": "first(price)", "high": "max(price)", "low": "min(price)", "volume": "sum(size)",
                   "turnover": "sum(price*size)", "events": "count()", "side": "last(side)", "venue": "last(venue)", "time": "last(time)"}
        plan = {
            "sources": [dict(market(), name="a"), dict(market(), name="b"), dict(market(seed=8), name="other"),
                        dict(market(limit=1), name="one")],
            "projections": [{"name": name, "from": name, "key": ["symbol"], "columns": columns, "min_interval_ms": 10}
                            for name in ("a", "b", "other", "one")]}
        pictures = []
        for lanes in (1, 3):
            with Silo(plan, lanes=lanes) as silo:
                names = [source["name"] for source in plan["sources"]]
                until(lambda: all(source["finished"] for source in silo.get("/v1/sources").json["sources"]), what="the limits")
                for source in silo.get("/v1/sources").json["sources"]:
                    self.assertEqual(source["sequence"], 1 if source["name"] == "one" else 20000)
                    self.assertIsNone(source["error"])
                pictures.append({name: silo.wait_for(name + "?sort=symbol", lambda rows: sum(row["events"] for row in rows) == (
                    1 if name == "one" else 20000)) for name in names})
        self.assertEqual(pictures[0], pictures[1])
        rows = pictures[0]["a"]
        self.assertEqual(rows, pictures[0]["b"])
        self.assertNotEqual(rows, pictures[0]["other"])
        self.assertTrue(1 < len(rows) <= 50)
        for row in rows:
            self.assertTrue(0 < row["low"] <= row["open"] <= row["high"] and row["low"] <= row["last"] <= row["high"], row)
            self.assertTrue(row["volume"] > 0 and row["side"] in ("buy", "sell") and row["venue"], row)
            self.assertTrue("2024-05-01T08:00:00" <= row["time"] < "2024-05-01T09", row)

    def test_host(self):
        tables = {"cpu": "cpu", "memory": "name", "disk": "device", "network": "interface", "process": "pid", "load": "name"}
        columns = {
            "cpu": ("user", "system", "iowait", "idle", "busy"), "memory": ("total", "used", "available", "cached"),
            "disk": ("read_bytes", "written_bytes", "reads", "writes", "busy"),
            "network": ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "errors"),
            "process": ("slot", "name", "user", "cpu", "memory", "state"), "load": ("value",)}
        plan = {"sources": [{"name": table, "kind": "host", "table": table, "interval_ms": 100,
                             **({"processes": 1000} if table == "process" else {})} for table in tables],
                "projections": [{"name": table, "from": table, "key": [key], "min_interval_ms": 10,
                                 "columns": {**{column: f"last({column})" for column in columns[table]}, "samples": "count()",
                                             "at": "last(time)"}} for table, key in tables.items()]}
        with Silo(plan) as silo:
            def rows(table):
                found = silo.wait_for(table, lambda rows: rows and max(row["samples"] for row in rows) >= 3)
                return {row[tables[table]]: row for row in found}

            cpus = rows("cpu")
            self.assertIn("all", cpus)
            self.assertGreaterEqual(len(cpus), 2)
            for name, row in cpus.items():
                self.assertTrue(name == "all" or name.isdigit(), name)
                for column in columns["cpu"]:
                    self.assertTrue(row[column] is None or 0 <= row[column] <= 100, row)
            self.assertIsNotNone(cpus["all"]["busy"])

            memory = rows("memory")["memory"]
            with open("/proc/meminfo", encoding="ascii") as file:
                self.assertEqual(memory["total"], int(re.search(r"MemTotal:\s+(\d+) kB", file.read())[1]) * 1024)
            self.assertTrue(0 < memory["used"] < memory["total"] and 0 < memory["available"] <= memory["total"], memory)

            load = rows("load")
            self.assertTrue({"1m", "5m", "15m", "tasks", "running", "uptime"} <= set(load))
            self.assertTrue(all(row["value"] >= 0 for row in load.values()), load)
            with open("/proc/uptime", encoding="ascii") as file:
                self.assertTrue(0 < load["uptime"]["value"] <= float(file.read().split()[0]), load)

            self.assertIn("lo", rows("network"))
            processes = silo.wait_for("process", lambda rows: any(row["pid"] == silo.pid and row["memory"] for row in rows))
            own, = [row for row in processes if row["pid"] == silo.pid]
            self.assertEqual(own["name"], "synopticd")
            self.assertTrue(1 << 20 < own["memory"] < 1 << 40 and own["state"], own)
            self.assertTrue(own["cpu"] is None or 0 <= own["cpu"] <= 100 * os.cpu_count() * 1.5, own)
            self.assertRegex(own["at"], r"^20\d\d-\d\d-\d\dT.*Z$")
            self.assertEqual(silo.get("/v1/projections/disk").status, 200)
            for source in silo.get("/v1/sources").json["sources"]:
                self.assertIsNone(source["error"], source)


class Life(unittest.TestCase):
    def refuse(self, silo, listen, *said, data=None):
        """Another synopticd that must not start: status 1, one line on stderr."""
        with tempfile.TemporaryDirectory(prefix="synoptic-test-") as folder:
            done = subprocess.run([program("synopticd", "SYNOPTICD"), "--catalog", silo.files[0], "--data", data or folder + "/data",
                                   "--listen", listen], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT_S)
        self.assertEqual((done.returncode, done.stdout), (1, b""), done)
        text = done.stderr.decode()
        self.assertEqual(text.count("\n"), 1, text)
        for part in said:
            self.assertIn(part, text)

    def web_socket(self, silo):
        connection = silo.connect()
        connection.sendall((f"GET /v1/replica HTTP/1.1\r\nHost: {silo.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                            "Sec-WebSocket-Protocol: synoptic.v1\r\n\r\n").encode())
        reader = connection.makefile("rb")
        self.assertIn(b" 101 ", reader.readline())
        while reader.readline() != b"\r\n":
            pass
        return connection, reader

    @staticmethod
    def send_poll(connection, path, view, epoch=0, number=0):
        message = struct.pack("<BBHIQQII", 1, 1, len(path), view, epoch, number, 30000, 0) + path
        connection.sendall(bytes([0x82, 0x80 | len(message)]) + b"\0\0\0\0" + message)

    @staticmethod
    def read_frame(reader):
        first, length = reader.read(2)
        if length == 126:
            length, = struct.unpack(">H", reader.read(2))
        elif length == 127:
            length, = struct.unpack(">Q", reader.read(8))
        return first, reader.read(length)

    def test_term_with_parked_polls(self):
        with Silo(catalog(projections=[totals("p", "s"), totals("q", "s")])) as silo:
            waiting, sockets = [], []
            for path in ("p", "q", "p?where=n%3E1") * 5:
                tag = silo.get("/v1/projections/" + path).headers["ETag"]
                connection = silo.http()
                connection.request("GET", "/v1/projections/" + path, headers={"If-None-Match": tag, "Prefer": "wait=30"})
                waiting.append(connection)
            for _ in range(5):
                connection, reader = self.web_socket(silo)
                for view in range(3):
                    self.send_poll(connection, b"p", view)
                    first, message = self.read_frame(reader)
                    self.assertEqual((first, message[0]), (0x82, 0x81))
                    self.send_poll(connection, b"", view, *struct.unpack_from("<QQ", message, 24))
                sockets.append((connection, reader))
            until(lambda: silo.get("/v1/status").json["polls_waiting"] >= 15 + 15, what="30 parked polls")
            idle = silo.connect()
            silo.process.send_signal(signal.SIGTERM)
            for connection in waiting:
                answer = connection.getresponse()
                body = json.loads(answer.read())
                self.assertEqual((answer.status, body["error"]["code"]), (503, "unavailable"))
                self.assertGreater(int(answer.headers["Retry-After"]), 0)
                connection.close()
            for connection, reader in sockets:
                views = set()
                for _ in range(3):
                    first, message = self.read_frame(reader)
                    kind, _, code, view, retry_ms, _ = struct.unpack_from("<BBHIII", message)
                    self.assertEqual((first, kind, code), (0x82, 0x83, 4))
                    self.assertGreater(retry_ms, 0)
                    views.add(view)
                self.assertEqual(views, {0, 1, 2})
                first, message = self.read_frame(reader)
                self.assertEqual((first, struct.unpack_from(">H", message)[0]), (0x88, 1001))
                reader.close()
                connection.close()
            self.assertEqual(idle.recv(1), b"")
            idle.close()
            self.assertEqual(silo.process.wait(TIMEOUT_S), 0, silo.stderr())

    def test_interrupt_ends_it_too(self):
        silo = Silo(catalog(projections=[totals("p", "s")]))
        try:
            silo.rows("p")
            silo.process.send_signal(signal.SIGINT)
            self.assertEqual(silo.process.wait(TIMEOUT_S), 0, silo.stderr())
        finally:
            silo.kill()
            silo.clean()

    def test_one_silo_a_folder(self):
        with Silo(catalog(projections=[totals("p", "s")])) as silo:
            self.refuse(silo, "127.0.0.1:0", silo.data, str(silo.pid), data=silo.data)
            self.assertEqual(silo.publish("s", [{"key": "a", "n": 1}]).status, 200)
            silo.wait_for("p", lambda rows: rows)
            # After a power cut the folder is free again.
            silo.kill()
            silo.start()
            self.assertEqual(silo.rows("p"), [])

    def test_addresses(self):
        with Silo(catalog()) as silo:
            for listen in ("0.0.0.0:1", "0.0.0.0:0", "[::]:0", "192.0.2.1:8080"):
                with self.subTest(listen):
                    self.refuse(silo, listen, listen, "loopback")
            for listen, said in (
                    ("", "ADDR:PORT"), ("7878", "ADDR:PORT"), ("127.0.0.1", "ADDR:PORT"), ("127.0.0.1:", "0 to 65535"),
                    ("127.0.0.1:65536", "0 to 65535"), ("127.0.0.1:-1", "0 to 65535"), ("127.0.0.1:http", "0 to 65535"),
                    ("::1:80", "an IPv6 address in brackets"), ("[::1]", "0 to 65535"), ("example.com:80", "expected an IPv4 address")):
                with self.subTest(listen):
                    self.refuse(silo, listen, f'cannot listen on "{listen}": ', said)
            self.refuse(silo, f"127.0.0.1:{silo.port}", f"127.0.0.1:{silo.port}", "in use")
        for listen in ("localhost:0", "127.0.0.2:0"):
            with self.subTest(listen), Silo(catalog(), listen=listen) as silo:
                self.assertEqual(silo.get("/healthz").status, 200)

    def test_restart(self):
        """A token of an earlier run is never taken for one of this: whoever holds it gets a new snapshot, at once."""
        with Silo(catalog(projections=[totals("p", "s")])) as silo:
            epochs = []
            tags = set()
            for run in range(3):
                if run > 0:
                    (silo.kill if run == 2 else silo.stop)()
                    silo.start()
                for tag in sorted(tags):
                    answer = silo.get("/v1/projections/p", {"If-None-Match": tag, "Prefer": "wait=30"})
                    self.assertEqual(answer.status, 200)
                    self.assertNotIn(answer.headers["ETag"], tags)
                silo.publish("s", [{"key": "a", "n": run}])
                silo.wait_for("p", lambda rows: rows and rows[0]["n"] == run and rows[0]["events"] == 1)
                tag = silo.get("/v1/projections/p").headers["ETag"]
                self.assertEqual(silo.get("/v1/projections/p", {"If-None-Match": tag}).status, 304)
                tags.add(tag)
                epochs.append(serial(tag)[0])
                # The same over the WebSocket, with all tokens there ever were.
                connection, reader = self.web_socket(silo)
                for old in tags - {tag}:
                    self.send_poll(connection, b"p", 1, *serial(old))
                    self.assertEqual(self.read_frame(reader)[1][0], 0x81)
                reader.close()
                connection.close()
            self.assertEqual(len(set(epochs)), 3)
            self.assertEqual(epochs, sorted(epochs))
            incarnation = silo.get("/v1/status").json["incarnation"]
            self.assertEqual(epochs[-1] >> 32, incarnation)

    def test_health(self):
        with Silo(catalog(projections=[totals("p", "s")])) as silo:
            self.assertEqual((silo.get("/healthz").status, silo.get("/readyz").status), (200, 200))
            status = silo.get("/v1/status").json
            self.assertEqual((status["pid"], status["ready"], status["projections"], status["screens"]), (silo.pid, True, 1, 0))
            metrics = silo.get("/metrics").text
            self.assertRegex(metrics, r"(?m)^# TYPE synoptic_\w+ (counter|gauge)$")
            for line in metrics.splitlines():
                self.assertRegex(line, r'^(# (HELP|TYPE) (synoptic|process)_\w+ .+|(synoptic|process)_\w+({\w+="[^"]*"(,\w+="[^"]*")*})? -?[0-9.e+-]+)$')


if __name__ == "__main__":
    main()
