# SPDX-License-Identifier: LGPL-2.1-or-later
"""Bad input of every kind against a real synopticd: catalogs, events, endless lines and queries. Each gets one clear error that
names the place and what was expected; nothing of it is applied, and the server goes on."""

import json
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "common"))

from silo import Silo, main, program

TIMEOUT_S = 120
MIB = 1 << 20
SOURCE = {"name": "s", "kind": "http",
          "fields": {"key": "string", "n": "int64", "price": "decimal(2)", "ratio": "double", "on": "bool", "time": "timestamp"}}
CATALOG = {
    "sources": [SOURCE, {"name": "sim", "kind": "simulator", "instruments": 3, "limit": 10}],
    "projections": [
        {"name": "p", "from": "s", "key": ["key"], "min_interval_ms": 10,
         "columns": {"n": "sum(n)", "price": "last(price)", "ratio": "last(ratio)", "on": "last(on)", "time": "last(time)",
                     "events": "count()"}},
        {"name": "dir/total", "from": "s", "min_interval_ms": 10, "columns": {"events": "count()"}}],
}


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=TIMEOUT_S,
                          **options)


# ---- catalogs ----

TRADES = ('{"name":"trades","kind":"http","fields":{"symbol":"string","price":"decimal(4)","size":"int64","w":"double",'
          '"time":"timestamp"}}')
QUOTES = '{"name":"quotes","from":"trades","key":["symbol"],"columns":{"last":"last(price)"}}'


def projection(members):
    """A projection whose own members begin at line 4."""
    return '{"sources":[' + TRADES + '],\n"projections":[\n{"name":"p","from":"trades","key":["symbol"],\n' + members + '}]}'


def panels(members):
    return '{"sources":[' + TRADES + '],\n"projections":[' + QUOTES + '],\n"screens":[{"name":"desk","panels":[\n' + members + ']}]}'


# What, the text, the line, and what has to be said.
BAD_CATALOGS = (
    ("not JSON", "Dear silo,\nplease serve trades.\n", 1, "expected"),
    ("an empty file", "", 1, "end of the file"),
    ("a comment", '{\n// trades\n"sources":[]}', 2, "expected"),
    ("a trailing comma", '{"sources":[],\n}', 2, "expected"),
    ("truncated", '{"sources":[\n{"name":"s","kind":"htt', 2, "end of the file"),
    ("truncated between", '{"sources":[' + TRADES + ',\n', 2, "end of the file"),
    ("something behind it", '{"sources":[]}\n{}', 2, "expected"),
    ("an array", "\n[]", 2, "expected an object, found an array"),
    ("sources as an object", '{\n"sources":{}}', 2, '"sources": expected an array, found an object'),
    ("a number for a name", '{"sources":[\n{"name":3,"kind":"http"}]}', 2, '"name": expected a string, found a number'),
    ("a field's type that is none", '{"sources":[{"name":"s","kind":"http",\n"fields":{"n":"integer"}}]}', 2, "expected a type"),
    ("a decimal of too many digits", '{"sources":[{"name":"s","kind":"http",\n"fields":{"n":"decimal(19)"}}]}', 2,
     "expected decimal(0) to decimal(18)"),
    ("an unknown kind", '{"sources":[{"name":"s",\n"kind":"htpp","fields":{"n":"int64"}}]}', 2, 'did you mean "http"?'),
    ("an unknown member at the top", '{"sources":[],\n"projektions":[]}', 2, 'did you mean "projections"?'),
    ("an unknown member of a source", '{"sources":[{"name":"s","kind":"http",\n"feilds":{}}]}', 2, 'did you mean "fields"?'),
    ("an unknown member of a projection", projection('"wher":"price>1","columns":{"n":"count()"}'), 4, 'did you mean "where"?'),
    ("a member twice", '{"sources":[],\n"sources":[]}', 2, '"sources" is given twice'),
    ("a field twice", '{"sources":[{"name":"s","kind":"http","fields":{"n":"int64",\n"n":"string"}}]}', 2, '"n" is given twice'),
    ("a source twice", '{"sources":[' + TRADES + ',\n' + TRADES + ']}', 2, 'source "trades": is defined already, at'),
    ("a projection twice", '{"sources":[' + TRADES + '],"projections":[' + QUOTES + ',\n' + QUOTES + ']}', 2,
     'projection "quotes": is defined already, at'),
    ("an unknown source", '{"sources":[' + TRADES + '],"projections":[\n{"name":"p","from":"trade","columns":{"n":"count()"}}]}', 2,
     'there is no source "trade"; did you mean "trades"?'),
    ("an unknown key field", '{"sources":[' + TRADES + '],"projections":[{"name":"p","from":"trades",\n"key":["symbl"],'
     '"columns":{"n":"count()"}}]}', 2, 'did you mean "symbol"?'),
    ("an unknown field in an aggregate", projection('"columns":{"vwap":\n"sum(prise*size)"}'), 5,
     'projection "p", column "vwap": column 5: no column "prise"; did you mean "price"?'),
    ("a field outside of an aggregate", projection('"columns":{"x":"price*2"}'), 4, "last(price)"),
    ("an unknown aggregate", projection('"columns":{"x":"sun(price)"}'), 4, 'column "x"'),
    ("an aggregate cut short", projection('"columns":{"x":"vwap(price)"}'), 4,
     "vwap() takes 2 arguments, (price, size), found 1"),
    ("a sum of strings", projection('"columns":{"x":"sum(symbol)"}'), 4, "sum() takes numbers, found string"),
    ("a formula cut short", projection('"columns":{"x":"last(price"}'), 4, "column 11: expected"),
    ("columns in a circle", projection('"columns":{"a":"b",\n"b":"a"}'), 4, "a → b → a"),
    ("a circle of three", projection('"columns":{"n":"count()",\n"a":"b+1","b":"c","c":"a*n"}'), 5, "a → b → c → a"),
    ("a circle of one", projection('"columns":{"a":"a+1"}'), 4, "a → a"),
    ("a projection from a projection", '{"sources":[' + TRADES + '],"projections":[' + QUOTES + ',\n'
     '{"name":"p","from":"quotes","columns":{"n":"count()"}}]}', 2, "projections are made from sources"),
    ("a window on a decimal", projection('"window":{"every":"1m","on":"price"},"columns":{"n":"count()"}'), 4,
     'a window needs a timestamp; "price" is decimal(4)'),
    ("a window of a strange length", projection('"window":{"every":"1 minute","on":"time"},"columns":{"n":"count()"}'), 4,
     "expected a duration"),
    ("a cap of 9 ms", projection('"min_interval_ms":9,"columns":{"n":"count()"}'), 4,
     '"min_interval_ms": expected a whole number from 10 to 3600000, found 9'),
    ("a cap of more than an hour", projection('"min_interval_ms":3600001,"columns":{"n":"count()"}'), 4, "10 to 3600000"),
    ("a cap as text", projection('"min_interval_ms":"fast","columns":{"n":"count()"}'), 4, "expected a whole number"),
    ("a durable file", '{"sources":[{"name":"s","kind":"file","path":"x.csv",\n"durable":true,"fields":{"n":"int64"}}]}', 2,
     'a file is read again from its beginning'),
    ("a durable simulator", '{"sources":[{"name":"s","kind":"simulator",\n"durable":true}]}', 2, 'makes the same events again'),
    ("a double as key", '{"sources":[' + TRADES + '],"projections":[{"name":"p","from":"trades",\n"key":["w"],'
     '"columns":{"n":"count()"}}]}', 2, "declare it as a decimal"),
    ("a where that is no condition", projection('"where":"price","columns":{"n":"count()"}'), 4, "expected a condition"),
    ("a screen of an unknown projection", panels('{"grid":"quotse"}'), 4, 'there is no projection "quotse"; did you mean "quotes"?'),
    ("a screen sorted by nothing", panels('{"grid":"quotes",\n"sort":"-lsat"}'), 5, 'did you mean "last"?'),
    ("candles of no candles", panels('{"candles":"quotes"}'), 4, "quotes"),
)
HOSTILE_CATALOGS = (
    ("UTF-8: an overlong slash", b'{"sources":[\n{"name":"\xc0\xaf"}]}', 2, "UTF-8"),
    ("UTF-8: half a surrogate", b'{"sources":[\n{"name":"\xed\xa0\x80"}]}', 2, "UTF-8"),
    ("UTF-8: cut short", b'{"sources":[\n{"name":"\xe2\x82"}]}', 2, "UTF-8"),
    ("UTF-16", '{"sources":[]}'.encode("utf-16"), 1, ""),
    ("an escaped half surrogate", b'{"sources":[\n{"name":"\\ud800"}]}', 2, "surrogate"),
    ("a NUL", b'{"sources":[\n\0]}', 2, ""),
    ("a name that steers terminals", b'{"sources":[\n{"name":"\\u001b[2J\\u202e"}]}', 2, "expected a name"),
    ("nested too deep", b'{"sources":\n' + b"[" * 1000 + b"]" * 1000 + b"}", 2, "deep"),
    ("nested a million deep", b"\n" + b"[" * 1_000_000, 2, "deep"),
    ("nested objects a million deep", b"\n" + b'{"a":' * 1_000_000, 2, "deep"),
    ("a deep expression", projection('"columns":{"x":"' + "(" * 100 + "count()" + ")" * 100 + '"}').encode(), 4, "deep"),
    ("a long expression", projection('"columns":{"x":"' + "count()+" * 1000 + '1"}').encode(), 4, "4096"),
    ("a long name", b'{"sources":[\n{"name":"' + b"n" * 129 + b'"}]}', 2, "128"),
    ("a number of many digits", projection('"min_interval_ms":' + "9" * 100_000 + ',"columns":{"n":"count()"}').encode(), 4, ""),
)


class Catalogs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="synoptic-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, data, name="catalog.json"):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def refused(self, paths, start, said, status=1):
        """Neither --check nor a start takes it: one line on stderr that has `start` and `said`, nothing else."""
        data = os.path.join(self.folder, "data")
        catalogs = [argument for path in paths for argument in ("--catalog", path)]
        lines = []
        for more in (["--check"], ["--data", data, "--listen", "127.0.0.1:0"]):
            done = run([program("synopticd", "SYNOPTICD"), *catalogs, *more])
            self.assertEqual(done.returncode, status, done)
            self.assertEqual(done.stdout, b"")
            text = done.stderr.decode("utf-8")
            self.assertEqual(text.count("\n"), 1, text[:2000])
            self.assertTrue(text.endswith("\n"))
            self.assertTrue(text.startswith("synopticd: " + start), (text[:500], start))
            self.assertIn(said, text)
            self.assertLess(len(text), 1000, text[:2000])
            self.assertTrue(text[:-1].isprintable(), text)
            self.assertGreater(len(text), len("synopticd: " + start) + 5)
            lines.append(text)
        self.assertEqual(lines[0], lines[1])
        self.assertFalse(os.path.exists(data), "a refused catalog left a data folder")

    def test_bad(self):
        for what, text, line, said in BAD_CATALOGS:
            with self.subTest(what):
                path = self.write(text)
                self.refused([path], f"{path}:{line}: ", said)

    def test_hostile(self):
        for what, data, line, said in HOSTILE_CATALOGS:
            with self.subTest(what):
                path = self.write(data)
                self.refused([path], f"{path}:{line}: ", said)

    def test_files(self):
        missing = os.path.join(self.folder, "missing.json")
        self.refused([missing], missing + ": ", "No such file")
        self.refused([self.folder], self.folder + ": ", "expected a file")
        huge = self.write(b"", "huge.json")
        os.truncate(huge, (16 << 20) + 1)
        self.refused([huge], huge + ": ", str(16 << 20))
        os.truncate(huge, 1 << 40)
        self.refused([huge], huge + ": ", str(16 << 20))
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        self.refused([pipe], pipe + ": ", "expected a file")
        self.refused(["/dev/zero"], "/dev/zero: ", "expected a file")

    def test_two_files(self):
        good = self.write('{"sources":[\n' + TRADES + '],"projections":[' + QUOTES + ']}', "good.json")
        again = self.write('{\n\n"sources":[' + TRADES + ']}', "again.json")
        self.refused([good, again], f"{again}:3: ", f'source "trades": is defined already, at {good}:2')
        self.refused([good, good], f"{good}:2: ", "is defined already")
        bad = self.write('{"projections":[\n{"name":"q","from":"tradse","columns":{"n":"count()"}}]}', "bad.json")
        self.refused([bad, good], f"{bad}:2: ", 'did you mean "trades"?')
        self.refused([good, bad], f"{bad}:2: ", 'did you mean "trades"?')
        # One file uses what another one defines, in any order.
        more = self.write('{"screens":[{"name":"desk","panels":[{"grid":"quotes"}]}]}', "more.json")
        for catalogs in ((good, more), (more, good)):
            done = run([program("synopticd", "SYNOPTICD"), "--check", "--catalog", catalogs[0], "--catalog", catalogs[1]])
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"OK: 1 sources, 1 projections, 1 screens\n", b""))

    def test_panels(self):
        for query, said in (("where=last>", "where: column 6: expected"), ("where=lsat>1", 'did you mean "last"?'),
                            ("limit=-1", "limit: expected a whole number"), ("wher=1", 'unknown parameter "wher"'),
                            ("sort=-lsat", 'did you mean "last"?')):
            with self.subTest(query):
                path = self.write(panels('{"grid":"quotes?' + query + '"}'))
                self.refused([path], "", f'{path}:4: screen "desk", panel "quotes?{query}": ')
                self.refused([path], "", said)

    def test_panels_that_follow(self):
        """What counts is the key of the answers, which is not always that of the projections asked."""
        leader = '{"grid":"quotes?group=last"}'
        path = self.write(panels(leader + ',\n{"grid":"quotes?where=last>1","follows":"quotes?group=last"}'))
        self.refused([path], "", f'{path}:5: screen "desk", panel "quotes?where=last>1": "follows": "quotes?group=last" has no key column in common')
        path = self.write(panels(leader + ',{"grid":"quotes?group=last&select=last,count()","follows":"quotes?group=last"}'))
        done = run([program("synopticd", "SYNOPTICD"), "--check", "--catalog", path])
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_usage(self):
        good = self.write(json.dumps(CATALOG))
        for arguments, said in (([], "no catalog"), (["--catalog", good], "no data folder"), (["--catalog"], "--catalog"),
                                (["--bogus"], "--bogus"), (["--catalog", good, "--data", self.folder, "--lanes", "257"], "--lanes"),
                                (["--catalog", good, "--data", self.folder, "--lanes", "many"], "many"),
                                (["--catalog", good, "--data", self.folder, "--lanes", "0"], "--lanes"),
                                (["--catalog", good, "--data", self.folder, "--lanes", "-1"], "--lanes"),
                                (["--catalog", good, "--data", self.folder, "--max-stretch", "3"], "--max-stretch"),
                                (["--catalog", good, "--data", self.folder, "--max-stretch", "0"], "--max-stretch")):
            with self.subTest(arguments):
                done = run([program("synopticd", "SYNOPTICD"), *arguments])
                self.assertEqual(done.returncode, 2, done)
                self.assertEqual(done.stdout, b"")
                self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
                self.assertIn(said, done.stderr.decode())

    def test_data_folder(self):
        good = self.write(json.dumps(CATALOG))
        for data, said in ((good, good), ("/proc/nothing/here", "/proc/nothing")):
            done = run([program("synopticd", "SYNOPTICD"), "--catalog", good, "--data", data, "--listen", "127.0.0.1:0"])
            self.assertEqual((done.returncode, done.stdout), (1, b""), done)
            self.assertEqual(done.stderr.count(b"\n"), 1, done.stderr)
            self.assertIn(said, done.stderr.decode())


# ---- publishing ----

NDJSON, JSON, CSV = "application/x-ndjson", "application/json", "text/csv"
GOOD = b'{"key":"never","n":1}\n'

# What, its type, the body, and of the error: line, field, a part of the message.
BAD_BODIES = (
    ("an unknown field", NDJSON, GOOD + b'{"key":"a","nn":1}\n', 2, "nn", 'unknown field "nn"'),
    ("a string for an int64", NDJSON, GOOD + b'{"key":"a","n":"1"}\n', 2, "n", "expected int64, found a string"),
    ("a number for a string", NDJSON, GOOD + b'{"key":7}\n', 2, "key", "expected a string"),
    ("a number for a bool", NDJSON, GOOD + b'{"on":1}\n', 2, "on", "expected"),
    ("a bool for a number", NDJSON, GOOD + b'{"n":true}\n', 2, "n", "expected int64"),
    ("a time that is none", NDJSON, GOOD + b'{"time":"yesterday"}\n', 2, "time", "expected a timestamp"),
    ("the 30th of February", NDJSON, GOOD + b'{"time":"2024-02-30T00:00:00Z"}\n', 2, "time", "2024-02-30"),
    ("an int64 too great", NDJSON, GOOD * 2 + b'{"n":9223372036854775808}\n', 3, "n", "out of the range of int64"),
    ("an int64 too small", NDJSON, GOOD + b'{"n":-9223372036854775809}\n', 2, "n", "out of the range of int64"),
    ("a broken int64", NDJSON, GOOD + b'{"n":1.5}\n', 2, "n", "int64"),
    ("a decimal of too many decimals", NDJSON, GOOD + b'{"price":1.001}\n', 2, "price", "more than 2 decimals"),
    ("a decimal too great", NDJSON, GOOD + b'{"price":92233720368547758.08}\n', 2, "price", "range"),
    ("a decimal of an absurd exponent", NDJSON, GOOD + b'{"price":1e999999999}\n', 2, "price", "range"),
    ("a double too great", NDJSON, GOOD + b'{"ratio":1e999}\n', 2, "ratio", "range"),
    ("NaN", NDJSON, GOOD + b'{"ratio":NaN}\n', 2, "ratio", "expected double"),
    ("NaN in quotes", NDJSON, GOOD + b'{"ratio":"NaN"}\n', 2, "ratio", "expected double"),
    ("Infinity", NDJSON, GOOD + b'{"ratio":-Infinity}\n', 2, "ratio", "expected"),
    ("a number with a leading zero", NDJSON, GOOD + b'{"n":007}\n', 2, None, ""),
    ("a number with a plus", NDJSON, GOOD + b'{"n":+7}\n', 2, "n", ""),
    ("hexadecimal", NDJSON, GOOD + b'{"n":0x10}\n', 2, None, ""),
    ("UTF-8: an overlong slash", NDJSON, GOOD + b'{"key":"\xc0\xaf"}\n', 2, "key", "UTF-8"),
    ("UTF-8: overlong in three", NDJSON, GOOD + b'{"key":"\xe0\x80\xaf"}\n', 2, "key", "UTF-8"),
    ("UTF-8: a lone surrogate", NDJSON, GOOD + b'{"key":"\xed\xa0\x80"}\n', 2, "key", "UTF-8"),
    ("UTF-8: above U+10FFFF", NDJSON, GOOD + b'{"key":"\xf4\x90\x80\x80"}\n', 2, "key", "UTF-8"),
    ("UTF-8: a lone continuation", NDJSON, GOOD + b'{"key":"\x80"}\n', 2, "key", "UTF-8"),
    ("UTF-8: cut short", NDJSON, GOOD + b'{"key":"\xe2\x82"}\n', 2, "key", "UTF-8"),
    ("Latin-1", NDJSON, GOOD + "{\"key\":\"Müller\"}\n".encode("latin-1"), 2, "key", "UTF-8"),
    ("broken UTF-8 in a field's name", NDJSON, GOOD + b'{"\xff":1}\n', 2, None, ""),
    ("an escaped lone surrogate", NDJSON, GOOD + b'{"key":"\\ud800"}\n', 2, "key", "surrogate"),
    ("an escaped low surrogate", NDJSON, GOOD + b'{"key":"\\udc00\\ud800"}\n', 2, "key", "surrogate"),
    ("an unknown escape", NDJSON, GOOD + b'{"key":"\\x41"}\n', 2, "key", ""),
    ("a raw control character", NDJSON, GOOD + b'{"key":"a\x01b"}\n', 2, "key", ""),
    ("a NUL", NDJSON, GOOD + b'{"key":"a\0b"}\n', 2, "key", ""),
    ("half a line", NDJSON, GOOD + b'{"key":"a","n":', 2, None, "ends inside"),
    ("half a string", NDJSON, GOOD + b'{"key":"a', 2, None, "ends inside"),
    ("half a line and another", NDJSON, GOOD + b'{"key":"a",\n{"key":"b"}\n', None, None, ""),
    ("two events on a line", NDJSON, GOOD + b'{"key":"a"}{"key":"b"}\n', 2, None, ""),
    ("a field twice", NDJSON, GOOD + b'{"key":"a","n":1,"key":"b"}\n', 2, "key", "given twice"),
    ("a nested object", NDJSON, GOOD + b'{"key":{"key":"a"}}\n', 2, "key", "found an object"),
    ("a nested array", NDJSON, GOOD + b'{"n":[1]}\n', 2, "n", "found an array"),
    ("nested very deep", NDJSON, GOOD + b'{"n":' + b"[" * 500_000 + b"\n", 2, "n", "found an array"),
    ("an array for an event", NDJSON, GOOD + b'["a",1]\n', 2, None, "expected"),
    ("a number for an event", NDJSON, GOOD + b"7\n", 2, None, "expected"),
    ("plain text", NDJSON, b"hello\n", 1, None, "expected"),
    ("a trailing comma", NDJSON, GOOD + b'{"n":1,}\n', 2, None, ""),
    ("CSV: too few cells", CSV, b"key,n,on\nnever,1,true\na,2\n", 3, None, "expected 3 cells, found 2"),
    ("CSV: too many cells", CSV, b"key,n\nnever,1\na,2,3\n", 3, None, "expected 2 cells, found"),
    ("CSV: an unknown column", CSV, b"key,nn\nnever,1\n", 1, "nn", 'unknown column "nn"'),
    ("CSV: a column twice", CSV, b"key,n,key\nnever,1,a\n", 1, None, "key"),
    ("CSV: an open quote", CSV, b'key,n\nnever,1\n"a,2\nb,3\n', 3, "key", "quote"),
    ("CSV: text behind a quote", CSV, b'key,n\nnever,1\n"a"b,2\n', 3, "key", "quote"),
    ("CSV: an open quote in the header", CSV, b'key,"n\nnever,1\n', 1, None, "quote"),
    ("CSV: a bad number", CSV, b"key,n\nnever,1\na,one\n", 3, "n", "int64"),
    ("CSV: a bad bool", CSV, b"key,on\nnever,true\na,yes\n", 3, "on", ""),
    ("CSV: NaN", CSV, b"key,ratio\nnever,1\na,nan\n", 3, "ratio", "double"),
    ("CSV: broken UTF-8", CSV, b"key,n\nnever,1\n\xff,2\n", 3, "key", "UTF-8"),
    ("CSV: lines within quotes are counted", CSV, b'key,n\n"ne\nver",1\na,x\n', 4, "n", "int64"),
    ("an array cut short", JSON, b'[{"key":"never"},\n{"key":"a"}', 2, None, "ends inside the array"),
    ("an array cut in an event", JSON, b'[{"key":"never"},\n{"key":"a', 2, None, "ends inside"),
    ("an array with a trailing comma", JSON, b'[{"key":"never"},\n]', 2, None, "expected"),
    ("an object for an array", JSON, b'{"key":"never"}', 1, None, "expected an array"),
    ("an array of numbers", JSON, b"[1,2]", 1, None, "expected"),
    ("something behind the array", JSON, b'[{"key":"never"}]\n[]', 2, None, ""),
    ("a bad value in the second event", JSON, b'[{"key":"never"},\n\n{"n":1.5}]', 3, "n", "int64"),
    ("NDJSON called JSON", JSON, GOOD * 2, 1, None, "expected an array"),
)


class Publishing(unittest.TestCase):
    def state(self, silo):
        sources = {source["name"]: source for source in silo.get("/v1/sources").json["sources"]}
        self.assertIsNone(sources["s"]["error"])
        return sources["s"]["sequence"]

    def error_of(self, answer, status, code):
        self.assertEqual(answer.status, status, answer)
        self.assertTrue(answer.headers["Content-Type"].startswith("application/json"), answer)
        error = answer.json["error"]
        self.assertEqual(error["code"], code, answer)
        self.assertTrue(error["message"])
        self.assertTrue(error["message"].isprintable(), answer)
        self.assertLess(len(answer.body), 2000)
        return error

    def test_bodies(self):
        with Silo(CATALOG) as silo:
            events = 0
            for what, kind, body, line, field, said in BAD_BODIES:
                with self.subTest(what):
                    before = self.state(silo)
                    error = self.error_of(silo.publish("s", body, kind), 400, "invalid")
                    self.assertTrue({"line", "column", "field"} <= set(error), error)
                    if line is not None:
                        self.assertEqual(error["line"], line, error)
                    if field is not None:
                        self.assertEqual(error["field"], field, error)
                    if error["column"] is not None:
                        self.assertGreater(error["column"], 0)
                    self.assertIn(said, error["message"])
                    self.assertEqual(self.state(silo), before, "events of a refused request were taken")
                    # Straight after it a good one is taken, on the same source.
                    answer = silo.publish("s", [{"key": "good", "n": 1}])
                    events += 1
                    self.assertEqual((answer.status, answer.json), (200, {"accepted": 1, "sequence": before + 1}), answer)
            rows = silo.wait_for("p", lambda rows: rows and rows[0]["events"] >= events)
            self.assertEqual([(row["key"], row["n"], row["events"]) for row in rows], [("good", events, events)])
            self.assertEqual(silo.rows("dir/total"), [{"events": events}])

    def test_unusual_but_good(self):
        """What is no error, so that the errors above are not too many."""
        with Silo(CATALOG) as silo:
            sequence = 0
            for what, kind, body, accepted in (
                    ("nothing", NDJSON, b"", 0), ("empty lines", NDJSON, b"\n\r\n\n", 0), ("an empty array", JSON, b" [ ]\n", 0),
                    ("a header and nothing else", CSV, b"key,n\n", 0),
                    ("BOM and CRLF", NDJSON, b'\xef\xbb\xbf{"key":"a","n":1}\r\n{"key":"a","n":2}\r\n', 2),
                    ("CSV with BOM and CRLF", CSV, b'\xef\xbb\xbfkey,n\r\na,4\r\n"a",8\r\n', 2),
                    ("JSON with BOM", JSON, b'\xef\xbb\xbf[{"key":"a","n":16}]', 1),
                    ("no line end", NDJSON, b'{"key":"a","n":32}', 1), ("no type", None, b'{"key":"a","n":64}', 1),
                    ("a charset", "application/x-ndjson; charset=utf-8", b'{"key":"a","n":128}', 1),
                    ("spaces and an exponent", NDJSON, b' { "n" : 256 , "key" : "\\u0061" , "price" : 1e0 } ', 1),
                    ("columns in another order", CSV, b"n,key\n512,a\n", 1)):
                with self.subTest(what):
                    answer = silo.publish("s", body, kind)
                    sequence += accepted
                    self.assertEqual((answer.status, answer.json), (200, {"accepted": accepted, "sequence": sequence}), answer)
            rows = silo.wait_for("p", lambda rows: rows and rows[0]["n"] == 1023)
            self.assertEqual((rows[0]["key"], rows[0]["events"], rows[0]["price"]), ("a", sequence, 1.0))

    def test_requests(self):
        with Silo(CATALOG) as silo:
            for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "garbage", "text/csv2"):
                with self.subTest(kind):
                    error = self.error_of(silo.publish("s", GOOD, kind), 415, "unsupported-media-type")
                    self.assertIn("application/x-ndjson", error["message"])
            answer = silo.request("POST", "/v1/sources/s/events", GOOD, {"Content-Type": NDJSON, "Content-Encoding": "gzip"})
            self.error_of(answer, 415, "unsupported-media-type")
            error = self.error_of(silo.publish("trade%73", GOOD), 404, "not-found")
            self.assertIn('"trades"', error["message"])
            self.error_of(silo.publish("..%2f..%2fetc", GOOD), 404, "not-found")
            self.error_of(silo.publish("%ff", GOOD), 404, "not-found")
            error = self.error_of(silo.publish("sim", GOOD), 400, "invalid")
            self.assertIn("http", error["message"])
            self.assertIn("sim", error["message"])
            for method in ("GET", "PUT", "DELETE", "PATCH"):
                answer = silo.request(method, "/v1/sources/s/events", None if method == "GET" else GOOD)
                self.error_of(answer, 405, "method-not-allowed")
                self.assertIn("POST", answer.headers["Allow"])
            self.assertEqual(self.state(silo), 0)
            self.assertEqual(silo.publish("s", GOOD).json, {"accepted": 1, "sequence": 1})

    def test_a_line_too_long(self):
        """2 MiB on one line, in a body that is well below the limit."""
        with Silo(CATALOG) as silo:
            long_json = b'{"key":"' + b"x" * (2 * MIB) + b'"}\n'
            spaces = b'{"key":"a",' + b" " * (2 * MIB) + b'"n":1}\n'
            for what, kind, body, line in (
                    ("NDJSON", NDJSON, GOOD * 4 + long_json + GOOD, 5), ("spaces", NDJSON, GOOD + spaces, 2),
                    ("no end", NDJSON, GOOD + long_json[:-1], 2),
                    ("CSV", CSV, b"key,n\nnever,1\n" + b"x" * (2 * MIB) + b",1\n", 3),
                    ("a quoted cell", CSV, b'key,n\nnever,1\n"' + b"x\n" * MIB + b'",1\n', 3),
                    ("a header", CSV, b"x" * (2 * MIB) + b"\na\n", 1)):
                with self.subTest(what):
                    error = self.error_of(silo.publish("s", body, kind), 413, "too-large")
                    self.assertEqual(error["line"], line, error)
            for size, status in ((65537, 413), (65536, 200)):
                for kind, body in ((NDJSON, GOOD + b'{"key":"' + b"x" * size + b'"}\n'), (CSV, b"key\na\n" + b"x" * size + b"\n")):
                    answer = silo.publish("s", body, kind)
                    self.assertEqual(answer.status, status, answer)
                    if status != 200:
                        error = self.error_of(answer, 413, "too-large")
                        self.assertEqual((error["line"], error["field"]), (2 if kind == NDJSON else 3, "key"), error)
            self.assertEqual(self.state(silo), 4)
            # As long as it may be.
            most = b'{"key":"a"' + b" " * (MIB - 20) + b"}\n"
            self.assertEqual(silo.publish("s", most * 3).json, {"accepted": 3, "sequence": 7})


class EndlessLines(unittest.TestCase):
    """A line of 1 GiB: refused early, in little memory."""

    GIB = 1 << 30
    # ASan keeps what was freed for a while, which is not what is measured here.
    ENV = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"}

    def peak_bytes(self, silo):
        with open(f"/proc/{silo.pid}/status", encoding="ascii") as file:
            return int(re.search(r"^VmHWM:\s+(\d+) kB", file.read(), re.M)[1]) << 10

    def stream(self, silo, head, pieces):
        """Sends until an answer is there or all was sent; (bytes sent, the answer's bytes)."""
        sent, answer = 0, b""
        with silo.connect(timeout=TIMEOUT_S) as connection:
            connection.sendall(head)
            try:
                for piece in pieces:
                    view = memoryview(piece)
                    while view and not answer:
                        readable, writable, _ = select.select([connection], [connection], [], TIMEOUT_S)
                        self.assertTrue(readable or writable, "the server neither reads nor answers")
                        if readable:
                            answer = connection.recv(65536)
                            if not answer:
                                return sent, answer
                        elif writable:
                            n = connection.send(view[:65536])
                            sent += n
                            view = view[n:]
                    if answer:
                        break
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                connection.shutdown(socket.SHUT_WR)
                while more := connection.recv(65536):
                    answer += more
            except OSError:
                pass
        return sent, answer

    def check(self, silo, headers, pieces, most):
        before = self.peak_bytes(silo)
        head = f"POST /v1/sources/s/events HTTP/1.1\r\nHost: {silo.host}\r\n{headers}\r\n\r\n".encode()
        sent, answer = self.stream(silo, head, pieces)
        self.assertLess(sent, most, "the server listened for too long")
        self.assertRegex(answer[:60], rb"^HTTP/1\.1 413 ")
        self.assertIn(b'"too-large"', answer)
        self.assertLess(self.peak_bytes(silo) - before, 150 * MIB)
        self.assertEqual(silo.get("/healthz").status, 200)

    def pieces(self, chunked):
        data = b"x" * MIB
        piece = b"%x\r\n" % len(data) + data + b"\r\n" if chunked else data
        first = b'{"key":"'
        yield b"%x\r\n" % len(first) + first + b"\r\n" if chunked else first
        for _ in range(self.GIB // MIB):
            yield piece
        if chunked:
            yield b"0\r\n\r\n"

    def test_chunked(self):
        with Silo(CATALOG, env=self.ENV) as silo:
            for kind in (NDJSON, CSV, JSON):
                with self.subTest(kind):
                    self.check(silo, f"Transfer-Encoding: chunked\r\nContent-Type: {kind}", self.pieces(True), 128 * MIB)
            self.assertEqual(silo.publish("s", GOOD).json, {"accepted": 1, "sequence": 1})

    def test_content_length(self):
        with Silo(CATALOG, env=self.ENV) as silo:
            for length in (self.GIB + 8, 64 * MIB + 1, 2**63 - 1):
                with self.subTest(length):
                    self.check(silo, f"Content-Length: {length}\r\nContent-Type: {NDJSON}", self.pieces(False), 64 * MIB)
            self.assertEqual(silo.publish("s", GOOD).json, {"accepted": 1, "sequence": 1})

    def test_expect_continue(self):
        """Who asks first is told before it sends anything."""
        with Silo(CATALOG) as silo, silo.connect() as connection:
            connection.sendall(f"POST /v1/sources/s/events HTTP/1.1\r\nHost: {silo.host}\r\nExpect: 100-continue\r\n"
                               f"Content-Type: {NDJSON}\r\nContent-Length: {self.GIB}\r\n\r\n".encode())
            self.assertRegex(connection.recv(65536)[:60], rb"^HTTP/1\.1 413 ")


# ---- queries ----

# What, the query, and what has to be said.
BAD_QUERIES = (
    ("an unknown column", "p?where=pryce>1", 'where: column 1: no column "pryce"; did you mean "price"?'),
    ("an unknown column, further on", "p?where=n>1 and evnts>2", 'column 9: no column "evnts"; did you mean "events"?'),
    ("nothing behind an operator", "p?where=n>", "column 3: expected"),
    ("an open parenthesis", "p?where=(n>1", "column 5: expected"),
    ("an open string", 'p?where=key=="a', "expected \""),
    ("two values", "p?where=n>1 2", "column 5: expected an operator"),
    ("a strange character", "p?where=n§1", "column 2"),
    ("a string and a number", 'p?where=n=="one"', "column 2: cannot compare int64 with string"),
    ("adding strings", "p?where=key+1>2".replace("+", "%2B"), "column 4: cannot add string and int64"),
    ("not a condition", "p?where=n", "condition"),
    ("an unknown function", "p?where=aps(n)>1", 'no function "aps"; did you mean "abs"?'),
    ("an aggregate", "p?where=sum(n)>1", "column 1"),
    ("a time that is none", 'p?where=time>"noon"', "RFC 3339"),
    ("a number that does not fit", "p?where=n>99999999999999999999999999999999999999999999", "column 3"),
    ("an empty where", "p?where=", "where"),
    ("an unknown parameter", "p?wher=n>1", 'unknown parameter "wher"'),
    ("a parameter twice", "p?limit=1&limit=2", "limit"),
    ("a negative limit", "p?limit=-1", "limit: expected a whole number"),
    ("a limit that is none", "p?limit=ten", "limit: expected a whole number"),
    ("a limit too great", "p?limit=99999999999999999999", "limit: expected a whole number"),
    ("sorted by an unknown column", "p?sort=-evnts", 'sort: column 2: no column "evnts"; did you mean "events"?'),
    ("sorted by a column twice", "p?sort=n,-n", "sort: column 4: \"n\" stands here twice"),
    ("sorted by 17 columns", "p?select=" + ",".join(f"n*{i} as c{i}" for i in range(17)) + "&sort=" + ",".join(f"c{i}" for i in range(17)),
     "16"),
    ("selecting an unknown column", "p?select=key,prize", 'select: column 5: no column "prize"; did you mean "price"?'),
    ("selecting nothing", "p?select=", "select"),
    ("selecting a name twice", "p?select=n,price as n", "n"),
    ("too deep", "p?where=" + "(" * 100 + "n>1" + ")" * 100, "deep"),
    ("too deep by not", "p?where=" + "not " * 500 + "on", "deep"),
    ("too deep by minus", "p?where=" + "-" * 500 + "n>1", "deep"),
    ("an expression too long", "p?where=" + "n-" * 2100 + "n>1", "4096"),
)


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.silo = Silo(CATALOG)
        cls.silo.publish("s", [{"key": "a" * 60_000, "n": 1}, {"key": "b", "n": 2}])

    @classmethod
    def tearDownClass(cls):
        cls.silo.__exit__(None, None, None)

    def http(self, path):
        name, _, query = path.partition("?")
        return self.silo.get(f"/v1/projections/{name}?{urllib.parse.quote(query, safe='=&%')}")

    def ctl(self, *arguments):
        return run([program("synopticctl", "SYNOPTICCTL"), "--server", self.silo.url, *arguments])

    def test_http(self):
        for what, path, said in BAD_QUERIES:
            with self.subTest(what):
                answer = self.http(path)
                self.assertEqual(answer.status, 400, answer)
                error = answer.json["error"]
                self.assertEqual(error["code"], "invalid")
                self.assertIn(said, error["message"])
                self.assertTrue(error["message"].isprintable(), answer)
                self.assertLess(len(answer.body), 2000, answer)
                self.assertNotIn("ETag", answer.headers)
                # The same for who would wait.
                self.assertEqual(self.silo.get(f"/v1/projections/p?{urllib.parse.quote(path.partition('?')[2], safe='=&%')}",
                                               {"Prefer": "wait=30", "If-None-Match": '"1-1"'}).status, 400)
        self.assertEqual(len(self.silo.rows("p")), 2)

    def test_ctl(self):
        for what, path, said in BAD_QUERIES:
            for arguments in (("get", path), ("get", path, "--format", "json"), ("watch", path, "--count", "1")):
                with self.subTest(f"{what}: {arguments[0]} {arguments[2:]}"):
                    done = self.ctl(*arguments)
                    self.assertEqual((done.returncode, done.stdout), (1, b""), done)
                    text = done.stderr.decode("utf-8")
                    self.assertEqual(text.count("\n"), 1, text)
                    self.assertTrue(text.startswith("synopticctl: "))
                    self.assertIn(said, text)

    def test_paths(self):
        for path, status, code in (
                ("nothing", 404, "not-found"), ("p/", 404, "not-found"), ("dir", 404, "not-found"), ("dir/totl", 404, "not-found"),
                ("P", 404, "not-found"), ("p%00", 400, "invalid"), ("%ff", 400, "invalid"), ("p?where=%ff", 400, "invalid"),
                ("p?where=n%3E1%00", 400, "invalid"), ("p?limit=", 400, "invalid"),
                ("p?where=" + "x" * 9000, 413, "too-large"), ("x" * 9000, 413, "too-large")):
            with self.subTest(path[:30]):
                answer = self.silo.get("/v1/projections/" + path)
                self.assertEqual((answer.status, answer.json["error"]["code"]), (status, code), answer)
                self.assertLess(len(answer.body), 2000)
        # What cannot be a URL: the HTTP library itself says so.
        self.assertEqual(self.silo.get("/v1/projections/p?where=%zz").status, 400)
        self.assertIn('"dir/total"', self.silo.get("/v1/projections/dir/totl").json["error"]["message"])
        done = self.ctl("get", "dir/totl")
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertIn('did you mean "dir/total"', done.stderr.decode())
        self.assertEqual(self.ctl("get", "p?where=" + "x" * 9000).returncode, 1)
        self.assertEqual(self.silo.get("/healthz").status, 200)

    def test_hostile_globs(self):
        """Patterns that send a backtracking matcher to the end of days, against a key of 60,000 letters: the test's own limit
        of time is what they would run into."""
        for pattern in ("*a" * 60 + "*b", "a*" * 60 + "b", "*" * 3000 + "b", "*?" * 60 + "b", "?*" * 60 + "aaaaaaaaab"):
            with self.subTest(pattern[:10]):
                query = urllib.parse.urlencode({"where": f'key ~ "{pattern}"'})
                answer = self.silo.get(f"/v1/projections/p?{query}", timeout=TIMEOUT_S)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual([row for row in answer.json["rows"] if row[0] != "b"], [])


if __name__ == "__main__":
    main()
