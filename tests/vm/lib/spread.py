# SPDX-License-Identifier: BSD-2-Clause
"""
Spreads tests over machines: where there is no time to run each test in every kernel with every
backend, each runs in some, and different tests in different ones.

Where a test runs depends on its own name and on theirs alone: a test or a kernel that is added
moves no other test, but to the new kernel.  (Rendezvous hashing: per test, the pairs are ranked by
the hash of both names, and the first N are taken.)
"""

import hashlib
import os
import subprocess
import sys

from . import expected, image

NEWEST = "999"  # the version of a kernel whose line in kernels.list says `*`


def names(words):
    """The tests that tests/live/run.py takes these words for."""
    argv = [sys.executable, os.path.join(image.TOP, "tests/live/run.py"), "--list"]
    for w in words:
        argv += ["-x", w[1:]] if w.startswith("!") else [w]
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def _rank(test, kernel, backend):
    return hashlib.sha256(f"{test} {kernel.name} {backend}".encode()).digest()


def _skipped(rules, test, kernel, backend):
    """
    Does expected.list allow that it is skipped there?  The version is the list's, not that of a
    kernel in the cache, so that an empty cache gives the same spread.
    """
    release = kernel.version.replace("*", "").rstrip(".") or NEWEST
    return expected.may_skip(rules, expected.Where(kernel.name, release), backend, test)


def spread(words, named, pairs, n):
    """
    Yields (kernel, backend, test): each test but those that `named` has in n of the pairs (kernel,
    backend), in preference where it is not going to be skipped.
    """
    rules, have = expected.load(), set(names(named))
    for test in (t for t in names(words) if t not in have):
        ranked = sorted(pairs, key=lambda p: (_skipped(rules, test, *p), _rank(test, *p)))
        for kernel, backend in ranked[:n]:
            yield kernel, backend, test
