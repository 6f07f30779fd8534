# SPDX-License-Identifier: LGPL-2.1-or-later
"""Modules, from outside: the headers are installed into a temporary folder, examples/module is built against them with nothing but pkg-config, and
the real server runs it: its projection, its aggregate, its publishing; its state and its reminder outlast a kill. What the server shows to
modules is what those headers declare; what is no module is refused in one line."""

import datetime
import glob
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from silo import ROOT, Silo, main, program

BUILD = os.environ["SYNOPTIC_BUILD_ROOT"]
SANITIZE = os.environ.get("SYNOPTIC_SANITIZE", "none")


def run(*command, env=None):
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
    return done.stdout


class Outside:
    """A folder with what `meson install` puts out, and with the example as somebody else would build it. Made once."""

    made = None

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="synoptic-modules-"))
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--tags", "devel", "--destdir", str(self.folder / "root"))
        self.pc = glob.glob(str(self.folder / "root" / "**" / "synoptic-grain-1.pc"), recursive=True)[0]
        self.env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(self.pc))
        self.headers = pathlib.Path(glob.glob(str(self.folder / "root" / "**" / "include"), recursive=True)[0])
        shutil.copytree(ROOT / "examples" / "module", self.folder / "module")
        build = str(self.folder / "module" / "build")
        options = ["-Dwerror=true"] + ([f"-Db_sanitize={SANITIZE}", "-Db_lundef=false"] if SANITIZE != "none" else [])
        run("meson", "setup", build, str(self.folder / "module"), *options, env=self.env)
        run("ninja", "-C", build, env=self.env)
        self.alert = str(self.folder / "module" / "build" / "alert.so")
        self.catalog = str(self.folder / "module" / "catalog.json")

    @classmethod
    def get(cls):
        if cls.made is None:
            cls.made = cls()
        return cls.made

    def compile(self, name, text, *flags):
        source, target = self.folder / f"{name}.c", self.folder / f"{name}.so"
        source.write_text(text)
        cflags = run("pkg-config", "--cflags", "synoptic-grain-1", env=self.env).split()
        run("cc", "-shared", "-fPIC", "-o", str(target), str(source), *cflags, *flags)
        return str(target)


def tearDownModule():
    if Outside.made is not None:
        shutil.rmtree(Outside.made.folder, ignore_errors=True)


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Alerts(unittest.TestCase):
    def test_alerts(self):
        outside = Outside.get()
        with tempfile.TemporaryDirectory() as data:
            self.first_life(outside, data)
            self.second_life(outside, data)

    def silo(self, outside, data):
        return Silo(outside.catalog, data=data, args=["--module", outside.alert])

    def first_life(self, outside, data):
        with self.silo(outside, data) as silo:
            listed = {entry["path"]: entry for entry in silo.get("/v1/projections").json["projections"]}
            self.assertEqual(listed["alerts"]["module"], "alert.so")
            self.assertEqual(listed["alerts"]["columns"][2], {"name": "last", "type": "decimal(4)"})
            self.assertEqual([panel["path"] for panel in silo.get("/v1/screens").json["screens"][0]["panels"]], ["alerts", "quotes"])
            self.assertEqual(silo.rows("alerts"), [])

            # The soonest escalates in this life, the next (raised just before the end) in the one after it, the last in none.
            thresholds = [{"symbol": "SOON", "above": 10.5, "after_s": 1}, {"symbol": "LATE", "above": 10, "after_s": 86400}]
            trades = [{"symbol": "SOON", "price": 4}, {"symbol": "SOON", "price": 25}, {"symbol": "LATE", "price": 12},
                      {"symbol": "CALM", "price": 3}]
            self.assertEqual(silo.publish("thresholds", thresholds).status, 200)
            self.assertEqual(silo.publish("trades", trades).status, 200)
            rows = silo.wait_for("alerts", lambda rows: len(rows) == 2)
            self.assertEqual({row["symbol"]: (row["last"], row["above"]) for row in rows}, {"SOON": (25, 10.5), "LATE": (12, 10)})

            # Its aggregate, in a column of the catalog and in a query's group.
            usual = {row["symbol"]: row["usual"] for row in silo.rows("quotes")}
            self.assertAlmostEqual(usual["SOON"], 10)
            self.assertAlmostEqual(usual["CALM"], 3)
            grouped = silo.rows("quotes?group=last>5+as+high&select=high,geomean(last)+as+g&where=last<20")
            self.assertAlmostEqual({row["high"]: row["g"] for row in grouped}[True], 12)
            grouped = silo.rows("quotes?select=geomean(last)+as+g&where=last>5")
            self.assertAlmostEqual(grouped[0]["g"], (25 * 12) ** 0.5)

            # Queries over its projection, and joins with others.
            self.assertEqual(silo.rows("alerts?where=last>20&select=symbol,last-above+as+over"), [{"symbol": "SOON", "over": 14.5}])
            joined = silo.rows("alerts?join=quotes+as+q&select=symbol,`q.usual`&where=symbol==\"SOON\"")
            self.assertAlmostEqual(joined[0]["q.usual"], 10)
            self.assertEqual(silo.get("/v1/projections/alerts?where=lats>20").status, 400)

            # The reminder of the soonest: it publishes, the event comes back by a projection.
            self.assertEqual(silo.wait_for("escalated", lambda rows: len(rows) == 1), [{"symbol": "SOON", "times": 1}])
            rows = silo.wait_for("alerts", lambda rows: any(row["escalated"] for row in rows))
            self.assertEqual([row["symbol"] for row in rows if row["escalated"]], ["SOON"])

            self.assertEqual(silo.publish("thresholds", [{"symbol": "NEXT", "above": 10, "after_s": 8}]).status, 200)
            self.assertEqual(silo.publish("trades", [{"symbol": "NEXT", "price": 11.25}]).status, 200)
            rows = silo.wait_for("alerts", lambda rows: len(rows) == 3)
            self.before = {row["symbol"]: row["since"] for row in rows}
            silo.kill()

    def second_life(self, outside, data):
        with self.silo(outside, data) as silo:
            rows = {row["symbol"]: row for row in silo.rows("alerts")}
            self.assertEqual({symbol: row["since"] for symbol, row in rows.items()}, self.before)  # no price is here yet: from its state
            self.assertTrue(rows["SOON"]["escalated"])

            self.assertEqual(silo.wait_for("escalated", lambda rows: len(rows) > 0), [{"symbol": "NEXT", "times": 1}])
            rows = {row["symbol"]: row for row in silo.wait_for("alerts", lambda rows: sum(1 for row in rows if row["escalated"]) == 2)}
            self.assertGreaterEqual(seconds(rows["NEXT"]["escalated"]) - seconds(rows["NEXT"]["since"]), 8 - 0.5)
            self.assertIsNone(rows["LATE"]["escalated"])

            # Acknowledged, and no longer above: gone. Acknowledged, and above: it stays.
            self.assertEqual(silo.publish("thresholds", [{"symbol": "LATE", "above": 10, "after_s": 86400}]).status, 200)
            self.assertEqual(silo.publish("trades", [{"symbol": "LATE", "price": 13}]).status, 200)
            # Above again, as far as the grain knows, before it hears of the acknowledgement: it polls them apart.
            silo.wait_for("alerts", lambda rows: any(row["symbol"] == "LATE" and row["last"] == 13 for row in rows))
            acks = [{"symbol": symbol, "time": "2100-01-01T00:00:00Z"} for symbol in ("SOON", "LATE")]
            self.assertEqual(silo.publish("acks", acks).status, 200)
            rows = silo.wait_for("alerts", lambda rows: {row["symbol"] for row in rows if not row["acknowledged"]} == {"NEXT"})
            self.assertNotIn("SOON", [row["symbol"] for row in rows])
            self.assertNotIn("WARNING", silo.stderr())

    def test_check(self):
        outside = Outside.get()
        command = [program("synopticd", "SYNOPTICD"), "--check", "--catalog", outside.catalog]
        self.assertIn("OK: 4 sources, 5 projections, 1 screens", run(*command, "--module", outside.alert))
        without = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(without.returncode, 1)
        self.assertIn('column "usual"', without.stderr)


class Families(unittest.TestCase):
    def test_family(self):
        echo = Outside.get().compile("echo", (ROOT / "tests" / "unit" / "module" / "echo.c").read_text(), "-Wall", "-Werror")
        screens = [{"name": "desk", "panels": [{"grid": "echo/there", "sort": "-length"}]}]
        with Silo({"screens": screens}, args=["--module", echo]) as silo:
            answer = silo.get("/v1/projections").json
            self.assertEqual([entry["path"] for entry in answer["projections"]], ["echo/one"])
            self.assertEqual([(entry["path"], entry["key"], entry["module"]) for entry in answer["families"]], [("echo/", ["text"], "echo.so")])
            self.assertEqual(silo.rows("echo/there"), [{"text": "hello, there", "length": 5}])
            self.assertEqual(silo.rows("echo/over/there?select=length"), [{"length": 10}])
            got = run(program("synopticctl", "SYNOPTICCTL"), "--server", silo.url, "get", "echo/there", "-f", "csv")
            self.assertEqual(got, "text,length\n\"hello, there\",5\n")
            for path, status in (("echo/nobody", 404), ("echo/", 404), ("echo", 404), ("echo/there?where=size>1", 400), ("echo/liar?limit=1", 500)):
                self.assertEqual(silo.get("/v1/projections/" + path).status, status, path)


class Refused(unittest.TestCase):
    def refuse(self, file, *expected):
        outside = Outside.get()
        done = subprocess.run([program("synopticd", "SYNOPTICD"), "--check", "--catalog", outside.catalog, "--module", file],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith(f"synopticd: {file}: "), done.stderr)
        for text in expected:
            self.assertIn(text, done.stderr)

    def test_files(self):
        outside = Outside.get()
        text = outside.folder / "text.so"
        text.write_text("no shared object " * 10)
        self.refuse(str(outside.folder / "none.so"), "No such file or directory")
        self.refuse("none.so", "No such file or directory")
        self.refuse(str(text), "cannot be loaded: invalid ELF header")
        self.refuse(str(outside.folder), "not a file")

    def test_modules(self):
        outside = Outside.get()
        init = "\n#include <synoptic-module.h>\ngboolean synoptic_module_init (SynModule *m, GError **error) { %s }\n"
        grain = "static const SynGrainType type = { .name = \"%s\" }; return syn_module_register (m, &type, NULL, NULL, error);"
        self.refuse(outside.compile("none", "int nothing;\n"), "it has no SYNOPTIC_MODULE")
        self.refuse(outside.compile("no-init", "#include <synoptic-module.h>\nSYNOPTIC_MODULE\n"), "it has no synoptic_module_init()")
        other = "#include <synoptic-module.h>\n#undef SYNOPTIC_MODULE_ABI\n#define SYNOPTIC_MODULE_ABI 99\nSYNOPTIC_MODULE\n"
        self.refuse(outside.compile("other", other + init % "return TRUE;"), "ABI 99", "this synopticd has 2")
        good = "#include <synoptic-module.h>\nSYNOPTIC_MODULE\n"
        self.refuse(outside.compile("own", good + init % (grain % "projection")), 'the name "projection" is the server\'s own')
        self.refuse(outside.compile("half", good + init % (grain % "half")), "lacks one of activate, receive and deactivate")
        self.refuse(outside.compile("fails", good + init % "g_set_error (error, SYN_ERROR, 1, \"no\\nlicence\\033[2J\"); return FALSE;"),
                    "no\\u000alicence\\u001b[2J")
        hidden = "void syn_silo_start (void);\n" + good + init % "syn_silo_start (); return TRUE;"
        self.refuse(outside.compile("hidden", hidden), "undefined symbol: syn_silo_start")

    def test_twice(self):
        outside = Outside.get()
        done = subprocess.run([program("synopticd", "SYNOPTICD"), "--check", "--catalog", outside.catalog, "--module", outside.alert,
                               "--module", outside.alert], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (1, f"synopticd: {outside.alert}: given twice\n"))


class Headers(unittest.TestCase):
    def installed(self):
        return sorted((Outside.get().headers / "synoptic-1").glob("*.h"))

    def test_self_contained(self):
        outside = Outside.get()
        cflags = run("pkg-config", "--cflags", "synoptic-grain-1", env=outside.env).split()
        self.assertGreaterEqual(len(self.installed()), 8)
        for header in self.installed():
            source = outside.folder / "one.c"
            source.write_text(f"#include <{header.name}>\n#include <{header.name}>\n")
            for language in ("c", "c++") if shutil.which("c++") else ("c",):
                run("cc", "-x", language, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *cflags, str(source))

    def test_abi_number(self):
        text = (Outside.get().headers / "synoptic-1" / "synoptic-module.h").read_text()
        number = re.search(r"^#define SYNOPTIC_MODULE_ABI (\d+)$", text, re.M)[1]
        self.assertEqual(run("pkg-config", "--variable=abi", "synoptic-grain-1", env=Outside.get().env).strip(), number)

    def test_symbols(self):
        """What the program shows is what the headers say it shows."""
        declared = set()
        names = {header.name for header in self.installed()}
        libreplica = {"replica-macros.h", "replica-column.h", "replica-error.h", "replica-snapshot.h", "replica-snapshot-builder.h"}
        headers = self.installed() + [Outside.get().headers / "libreplica" / name for name in libreplica]
        for header in headers:
            text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
            for included in re.findall(r'^#include "(.*)"$', text, re.M):
                self.assertIn(included, names | libreplica, header.name)  # nothing that is not installed, or not looked at here
            text = re.sub(r"^#.*?(?<!\\)$", "", text, flags=re.M | re.S)
            declared.update(re.findall(r"(?:SYN_PUBLIC|REPLICA_PUBLIC)[^;(]*?\b(\w+) \(", text))
        lines = run("nm", "-D", "--defined-only", program("synopticd", "SYNOPTICD")).splitlines()
        shown = {line.split()[-1] for line in lines}
        self.assertEqual({name for name in shown if name.startswith(("syn_", "replica_", "synoptic_"))}, declared)
        self.assertGreater(len(declared), 60)


if __name__ == "__main__":
    main()
