# SPDX-License-Identifier: BSD-2-Clause
"""Tests in processes of their own, several at a time, each with a time limit."""

import atexit
import collections
import glob
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
import unittest

GRACE = 30  # seconds for a test's own clean-up when its time is up


def _verdict(result):
    bad = result.failures + result.errors
    if bad or result.unexpectedSuccesses:
        return "FAIL", "\n".join(text for _, text in bad) or "passed, and should not have"
    if result.skipped:
        return "skip", "; ".join(why for _, why in result.skipped)
    return "ok", ""


def _child(test, fd):
    """In the forked process: runs one test and writes [verdict, details] to fd."""
    os.setsid()  # so that all it starts can be killed with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until Case takes it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    result = unittest.TestResult()
    try:
        unittest.TestSuite([test]).run(result)
        verdict = _verdict(result)
    except BaseException:
        verdict = "FAIL", traceback.format_exc()
    with os.fdopen(fd, "w") as f:
        json.dump(verdict, f)
    # Threads and locks of the parent are not ours; only our own clean-up is.
    atexit._run_exitfuncs()
    os._exit(0)


class Running:
    """A test that has been started; `fd` ends when it has ended."""

    def __init__(self, test, nth, limit):
        self.test, self.nth, self.limit = test, nth, limit  # the nth try
        self.got, self.late = b"", False
        self.start = time.monotonic()
        self.end = self.start + limit
        self.fd, w = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            os.close(self.fd)
            _child(test, w)
        os.close(w)

    def read(self):
        """False when there is nothing more to come."""
        b = os.read(self.fd, 1 << 16)
        self.got += b
        return bool(b)

    def time_is_up(self):
        """SIGTERM when it is (its clean-ups run then); True when these have had their time too."""
        if time.monotonic() < self.end:
            return False
        if self.late:
            return True
        self.late, self.end = True, time.monotonic() + GRACE
        os.kill(self.pid, signal.SIGTERM)
        return False

    def sweep(self):
        """Ends it, and removes what is left of it: its processes and its namespaces (named by its pid)."""
        self.took = time.monotonic() - self.start
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        os.close(self.fd)
        for path in glob.glob(f"/run/netns/tl{self.pid}-*"):
            subprocess.run(["ip", "netns", "del", os.path.basename(path)], check=False)

    def outcome(self):
        """(ok, FAIL or skip; details)"""
        try:
            verdict, text = json.loads(self.got)
        except ValueError:
            verdict, text = "FAIL", "the test's process died or hung"
        if self.late:
            verdict, text = "FAIL", f"took longer than {self.limit:g} s\n{text}"
        return verdict, text


class Pool:
    """
    Runs what is submitted, `jobs` at a time.  Behind all others come, one by one, those that
    are tried again.
    """

    def __init__(self, jobs, limit):
        self.jobs, self.limit = jobs, limit
        self.queue, self.again = collections.deque(), collections.deque()
        self.running = []

    def submit(self, test, nth=1):
        (self.again if nth > 1 else self.queue).append((test, nth))

    def _fill(self):
        while self.queue and len(self.running) < self.jobs:
            self.running.append(Running(*self.queue.popleft(), self.limit))
        if self.again and not self.running:
            self.running.append(Running(*self.again.popleft(), self.limit))

    def _wait(self):
        """Those that have ended, or had to be."""
        left = min(r.end for r in self.running) - time.monotonic()
        ready = select.select([r.fd for r in self.running], [], [], max(left, 0))[0]
        return [r for r in self.running if (not r.read() if r.fd in ready else r.time_is_up())]

    def results(self):
        """Yields each Running that has ended; more may be submitted meanwhile."""
        while True:
            self._fill()
            if not self.running:
                return
            for r in self._wait():
                self.running.remove(r)
                r.sweep()
                yield r

    def end(self):
        """Ends what runs, with its clean-ups."""
        for r in self.running:
            os.kill(r.pid, signal.SIGTERM)
        for r in self.running:
            while select.select([r.fd], [], [], GRACE)[0] and r.read():
                pass
            r.sweep()
