# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the pages name is there: files and folders, names of the code, tests, options. And what programs offer, the pages name."""

import os
import re
import subprocess
import unittest

from silo import ROOT, main, program

PAGES = [ROOT / "README.md", ROOT / "HACKING.md", ROOT / "bench" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# What is made by installing, and names that only stand for some.
MADE = {"include/libreplica/", "weather/", "weather/oslo", "source/trades"}

# Options of other programs: meson, ninja, pkg-config, curl.
FOREIGN = {"--setup", "--suite", "--test-args", "--benchmark", "--verbose", "--cflags", "--variable", "--destdir", "--cacert"}

SUFFIX = r"\.(?:c|h|py|md|json|ui|css|supp|dict|service|svg|png|sh)"


def tree():
    """All files and folders of the source, relative to it; not those of builds."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith((".", "build")) and name != "__pycache__"]
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in folders + files]
    return found


def words_of(page):
    """(line number, what stands in backquotes or is linked to) of a page."""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for text in re.findall(r"`([^`]+)`", line):
            for word in text.split():
                yield number, word.strip(".,;:()")
        for link in re.findall(r"\]\(([^)#\s]+)", line):
            if "://" not in link:
                yield number, link


def options_of(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text))


def help_of(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


class Docs(unittest.TestCase):
    maxDiff = None

    def test_paths(self):
        there = tree()
        ends = set()
        for path in there:
            parts = path.split(os.sep)
            ends.update("/".join(parts[i:]) for i in range(len(parts)))
        tops = {path for path in there if os.sep not in path}
        missing = []
        for page in PAGES:
            for number, word in words_of(page):
                if re.fullmatch(r"-[a-z-]+\.[ch]", word) and not any(path.endswith(word) for path in there):  # `syn-one.c`, `-other.c`
                    missing.append(f"{page.name}:{number}: {word}")
                path = word.rstrip("/")
                is_path = re.fullmatch(r"[\w./-]+", word) and (re.search(SUFFIX + "$", word) or path.split("/")[0] in tops and "/" in word)
                stands_for_some = re.search(r"KIND|VERB|NAME", word)  # `ctl-VERB.c`
                if not is_path or word.startswith(("-", "/", "..")) or word in MADE or stands_for_some:
                    continue
                if path not in ends and os.path.normpath(page.parent / path) not in {str(ROOT / p) for p in there}:
                    missing.append(f"{page.name}:{number}: {word}")
        self.assertEqual(missing, [])
        rooms = (ROOT / "HACKING.md").read_text()
        for room in sorted((ROOT / "server").iterdir()):
            if room.is_dir() and not room.name.startswith("_"):
                self.assertIn(f"| `server/{room.name}/` |", rooms)

    def test_names(self):
        """Functions, constants and types that the pages name."""
        code = set()
        for path in tree():
            if re.search(r"\.(?:c|h|py|build)$|meson_options.txt$", path):
                code.update(re.findall(r"\w+", (ROOT / path).read_text(errors="replace")))
        pattern = r"\b(?:(?:syn|replica|dash|ctl|bench)_[a-z0-9_]+[a-z0-9]|(?:SYN|REPLICA|SYNOPTIC)_[A-Z0-9_]+[A-Z0-9]|(?:Syn|Replica|Dash|Bench)[A-Z]\w+)\b"
        missing = [f"{page.name}:{number}: {name}" for page in PAGES for number, word in words_of(page)
                   for name in re.findall(pattern, word) if name not in code]
        self.assertEqual(missing, [])

    def test_options(self):
        synopticd, synopticctl = program("synopticd", "SYNOPTICD"), program("synopticctl", "SYNOPTICCTL")
        verbs = re.findall(r"^  ([a-z]+) ", help_of(synopticctl, "--help"), re.M)
        self.assertIn("journal", verbs)
        ctl = {verb: options_of(help_of(synopticctl, verb, "--help")) for verb in verbs}
        daemon = options_of(help_of(synopticd, "--help"))
        ours = daemon.union(*ctl.values(), options_of(help_of(synopticctl, "--help")))
        # Benchmarks, and what is not always built: by their tables of options; scripts, by what they say of themselves.
        for path in tree():
            text = (ROOT / path).read_text(errors="replace") if re.match(r"(?:bench|client-[a-z]+)/.*\.c$|(?:run|check)$|bench/.*\.py$", path) else ""
            ours |= {"--" + name for name in re.findall(r'^\s*\{ "([a-z-]+)", (?:\'?\w\'?|0), ', text, re.M)}
            if not path.endswith(".c"):
                ours |= options_of(text)
        pages = {page: options_of(page.read_text()) for page in PAGES}
        for page, named in pages.items():
            self.assertEqual(named - ours - FOREIGN, set(), f"options in {page.name} that no program has")
        operations = pages[ROOT / "docs" / "operations.md"]
        self.assertEqual(daemon - operations, set(), "options of synopticd that docs/operations.md does not name")
        short = {"--format", "--count", "--limit", "--sort", "--clients", "--quiet"}  # told by their letters there
        for verb, options in ctl.items():
            self.assertEqual(options - operations - short, set(), f"options of synopticctl {verb} that docs/operations.md does not name")
        readme = (ROOT / "README.md").read_text()
        for verb in verbs:
            self.assertIn(f"`{verb}`", readme)


if __name__ == "__main__":
    main()
