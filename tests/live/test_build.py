#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What the build decides by itself: whether libraries are linked in."""

import os
import shutil
import subprocess

from lib import Case, main
from lib.lens import TOP

# Knows of a library that is nowhere, for programs that link all in.
STATIC_MISSING = """#!/bin/sh
case "$*" in *--static*) printf -- '-lno-such-library-here ';; esac
exec pkg-config "$@"
"""


class Libraries(Case):
    def setUp(self):
        if os.environ.get("TCPLENS_VM"):
            self.skipTest("it is built outside")
        for prog in ("make", "gcc", "pkg-config"):
            if not shutil.which(prog):
                self.skipTest(f"{prog} is not installed")
        self.b = self.tmp()

    def make(self, *args):
        """What `make` says on stderr, and the libraries that it has chosen, if it has."""
        env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}
        p = subprocess.run(["make", "-s", "-C", TOP, f"B={self.b}", *args], env=env, capture_output=True, text=True)
        self.assertEqual(p.returncode, 0, p.stderr)
        path = os.path.join(self.b, ".libs")
        if not os.path.exists(path):
            return p.stderr, None
        with open(path) as f:
            return p.stderr, f.read().split()

    def test_told_if_not_linked_in(self):
        wrapper = os.path.join(self.b, "pkg-config")
        with open(wrapper, "w") as f:
            f.write(STATIC_MISSING)
        os.chmod(wrapper, 0o755)
        libs = os.path.join(self.b, ".libs")
        said, chosen = self.make(libs, f"PKG_CONFIG={wrapper}")
        self.assertEqual(said.count("\n"), 1, said)
        self.assertIn("could not be linked in", said)
        self.assertIn("-lbpf", chosen)
        self.assertNotIn("-Wl,-Bstatic", chosen)
        with open(libs + ".log") as f:
            self.assertIn("no-such-library-here", f.read())
        # Tried once.
        self.assertEqual(self.make(libs, f"PKG_CONFIG={wrapper}"), ("", chosen))

    def test_asked_for(self):
        said, chosen = self.make(os.path.join(self.b, ".libs"), "SHARED=1")
        self.assertEqual(said, "")
        self.assertNotIn("-Wl,-Bstatic", chosen)

    def test_with_the_flags_of_the_build(self):
        """What the linker refuses for the program, it refuses in the trial."""
        said, chosen = self.make(os.path.join(self.b, ".libs"), "LDFLAGS=-Wl,--no-such-flag")
        self.assertIn("could not be linked in", said)
        self.assertNotIn("-Wl,-Bstatic", chosen)

    def test_not_tried_where_nothing_is_linked(self):
        for target in ("help", "-n"):
            self.assertEqual(self.make(target), ("", None))
        self.assertEqual(self.make("clean"), ("", None))


if __name__ == "__main__":
    main()
