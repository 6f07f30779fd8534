# SPDX-License-Identifier: LGPL-2.1-or-later
"""A folder on a disk that fails: tests/fault/fault-disk.c, preloaded into a synopticd.

    disk = FaultDisk(folder)
    silo = Silo(catalog, data=disk.folder, env=disk.env)
    disk.set(mode="fail", match="sync journal.db-wal", errno="EIO")     # from now on, while it runs
    disk.set()                                                          # healed
"""

import os
import pathlib
import re
import shutil

from silo import program


class FaultDisk:
    """`folder` is to be made by this, and becomes the data folder; what goes with it is made beside it. `power`: keeps a shadow, for mode=power."""

    def __init__(self, beside, power=False):
        beside = pathlib.Path(beside)
        self.folder = str(beside / "data")
        self.control = beside / "control"
        self.trace = beside / "trace"
        self.shadow = beside / "shadow"
        os.makedirs(self.folder)
        os.makedirs(self.shadow)
        self.env = {
            "LD_PRELOAD": program("fault-disk.so", "SYNOPTIC_FAULT_DISK"),
            "FAULT_DISK_FOLDER": self.folder,
            "FAULT_DISK_CONTROL": str(self.control),
            "FAULT_DISK_TRACE": str(self.trace),
            # A sanitizer is to be there all the same, if not as the first.
            "ASAN_OPTIONS": ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0"])),
        }
        if power:
            self.env["FAULT_DISK_SHADOW"] = str(self.shadow)
        self.set()

    def set(self, mode="count", **values):
        """What happens from now on: see the head of fault-disk.c."""
        text = "".join(f"{name}={value}\n" for name, value in {"mode": mode, **values}.items())
        beside = self.control.with_suffix(".new")
        beside.write_text(text)
        os.rename(beside, self.control)

    def points(self):
        """The write points so far: (kind, file, bytes)."""
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        return [(kind, name, int(size)) for _, kind, name, size in (re.fullmatch(r"(\d+) (\S+) (.+) (\d+)", line).groups() for line in lines)]

    def start_with(self, folder):
        """As if the folder had always been there: its files are copied, and are on the disk."""
        for name in os.listdir(folder):
            shutil.copy(os.path.join(folder, name), self.folder)
            shutil.copy(os.path.join(folder, name), self.shadow)
