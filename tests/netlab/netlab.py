# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of slow links share: a network namespace of their own, the link out of it, a silo at its other end, and a market.

The link is slow-link.c: a real TCP of the real kernel on both sides of packets that are held up. Its further end is another namespace, so nothing of this
machine's is touched. Whoever is here finds the silo at 127.0.0.1, as everywhere."""

import json
import os
import pathlib
import random
import shlex
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "common"))

from silo import Silo, main, program

PORT = 7979
TABLE = 2000


def own_namespace():
    """Again in a network namespace without loopback; None: done there; else why not."""
    if os.environ.get("SYNOPTIC_NETLAB") == "inside":
        return None
    try:
        with SlowLink(0, 0, ["unshare", "-n"]):
            pass
    except (OSError, RuntimeError) as error:
        return str(error)
    os.environ["SYNOPTIC_NETLAB"] = "inside"
    os.execvp("unshare", ["unshare", "-n", sys.executable, *sys.argv])


def run():
    """The main program of each test."""
    why = own_namespace()
    if why is not None:
        print(f"1..0 # SKIP no slow link can be made here: {' '.join(why.split())}")
        sys.exit(0)
    main()


class SlowLink:
    """@rate_mbit: 0 is no limit. @delay_ms: each way. $SYNOPTIC_NETLAB_SYSCTL: what TCP does differently at the further end, as `tcp_congestion_control=reno …`."""

    def __init__(self, rate_mbit, delay_ms, wrap=()):
        self.process = subprocess.Popen([*wrap, program("slow-link", "SYNOPTIC_SLOW_LINK"), str(rate_mbit * 1000), str(delay_ms)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(self.process.communicate()[1])
        for setting in os.environ.get("SYNOPTIC_NETLAB_SYSCTL", "").split() if not wrap else ():
            name, _, value = setting.partition("=")
            self.sysctl(name, value)

    def sysctl(self, name, value=None):
        """A setting of TCP at the further end, told or set."""
        command = f"cat /proc/sys/net/ipv4/{name}" if value is None else f"echo {value} > /proc/sys/net/ipv4/{name}"
        return subprocess.run(self.behind("sh", "-c", command), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def set(self, rate_mbit, delay_ms):
        self.process.stdin.write(f"{rate_mbit * 1000} {delay_ms}\n")
        self.process.stdin.flush()

    def behind(self, *command):
        """The command that runs @command at its further end."""
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", *command]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


class FarSilo(Silo):
    """A silo at the further end of @link."""

    def __init__(self, link, *args, **more):
        self.link = link
        super().__init__(*args, listen=f"127.0.0.1:{PORT}", **more)

    def start(self):
        usual = os.environ.get("SYNOPTICD")
        wrap = os.path.join(self.folder, "synopticd-behind")
        with open(wrap, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec {shlex.join(self.link.behind(program("synopticd", "SYNOPTICD")))} "$@"\n')
        os.chmod(wrap, 0o755)
        os.environ["SYNOPTICD"] = wrap
        try:
            return super().start()
        finally:
            if usual is None:
                del os.environ["SYNOPTICD"]
            else:
                os.environ["SYNOPTICD"] = usual


def quotes(path, min_interval_ms=1000):
    """The catalog of a table of quotes, fed by the file at @path, so that nothing of the feed is on the link."""
    return {
        "sources": [{"name": "trades", "kind": "file", "path": path, "format": "ndjson", "follow": True,
                     "fields": {"symbol": "string", "price": "decimal(4)", "size": "int64", "time": "timestamp"}}],
        "projections": [{"name": "quotes", "from": "trades", "key": ["symbol"], "min_interval_ms": min_interval_ms,
                         "columns": {"last": "last(price)", "volume": "sum(size)", "notional": "sum(price*size)", "vwap": "notional/volume",
                                     "open": "first(price)", "change": "last/open-1", "time": "last(time)"}}],
    }


class Market(threading.Thread):
    """Trades @share of the symbols a second, in tenths of one."""

    def __init__(self, path, share):
        super().__init__(daemon=True)
        self.file, self.rand, self.ended, self.share = open(path, "w", encoding="utf-8"), random.Random(1), threading.Event(), share
        self.trade(range(TABLE))

    def trade(self, symbols):
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        for i in symbols:
            print(json.dumps({"symbol": f"SYM{i:05}", "price": self.rand.randrange(10**5, 10**7) / 10**4,
                              "size": self.rand.randrange(1, 100) * 100, "time": f"{at}.{self.rand.randrange(1000):03}Z"}), file=self.file)
        self.file.flush()

    def run(self):
        while not self.ended.wait(0.1):
            self.trade(self.rand.sample(range(TABLE), int(TABLE * self.share / 10)))

    def end(self):
        self.ended.set()
        self.join()
        self.file.close()
