#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the tracer is scheduled, and what of that it leaves behind: nothing."""

import fcntl
import os
import signal
import sys

from lib import Case, main

RAISED = b"(Operation not permitted): until the end all processes of this session"

HELPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "norealtime.py")
USED = "/proc/sys/kernel/sched_autogroup_enabled"


def read(path):
    with open(path) as f:
        return f.read().strip()


class RealTime(Case):
    def policies(self, tl):
        return {os.sched_getscheduler(int(t)) & ~os.SCHED_RESET_ON_FORK for t in os.listdir(f"/proc/{tl.pid}/task")}

    def test_asked_for(self):
        """And by none that it starts: a command is scheduled as ever."""
        tl = self.lens("trace", "--netns", self.ns().path, child=("sleep", "1000"))
        if b"no real-time" in tl.err:
            self.skipTest("real-time priority is refused here")
        self.assertEqual(self.policies(tl), {os.SCHED_FIFO})
        child = int(read(f"/proc/{tl.pid}/task/{tl.pid}/children"))
        self.assertEqual(os.sched_getscheduler(child), os.SCHED_OTHER)
        tl.signal(signal.SIGINT)
        tl.wait()

    def test_not_asked_for(self):
        tl = self.lens("trace", "--netns", self.ns().path, "--no-priority")
        self.assertEqual(self.policies(tl), {os.SCHED_OTHER})
        self.assertNotIn(b"priority", tl.stop().err)


class Group(Case):
    """Where real time is refused, the session group is raised, and falls back with us."""

    def setUp(self):
        if not os.path.exists("/proc/self/autogroup"):
            self.skipTest("this kernel has no autogroups")
        self.file = os.path.join(self.tmp(), "other")

    def start(self, *opts, **kw):
        """A tracer, and how nice another process of its session is."""
        tl = self.lens("trace", *opts, via=(sys.executable, HELPER, self.file), **kw)
        other = int(read(self.file))
        self.addCleanup(os.kill, other, signal.SIGKILL)
        return tl, lambda: int(read(f"/proc/{other}/autogroup").split()[-1])

    def used(self, on):
        """Autogroups, for this test; another one, at the same time, may want them otherwise."""
        f = open(USED)
        self.addCleanup(f.close)
        fcntl.flock(f, fcntl.LOCK_EX)
        was = read(USED)
        if (was == "1") == on:
            return

        def put(v):
            with open(USED, "w") as f:
                f.write(v)

        self.addCleanup(put, was)
        put("1" if on else "0")

    def test_taken_back(self):
        self.used(True)
        ns = self.ns()
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV,
                    signal.SIGUSR1, signal.SIGALRM):
            with self.subTest(sig=sig):
                tl, nice = self.start("--netns", ns.path)
                self.assertEqual(nice(), -20)
                tl.signal(sig)
                self.assertEqual(tl.wait(), 0 if sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) else -sig)
                self.assertEqual(nice(), 0)
                self.assertIn(RAISED, tl.err)

    def test_taken_back_at_other_ends(self):
        self.used(True)
        with open("/dev/full", "wb") as full:
            for rc, opts, kw in ((0, ("-d", "0.1"), {}), (0, (), dict(child=("true",))),
                                 (1, (), dict(json=False, stdout=full))):
                with self.subTest(opts=opts, kw=kw):
                    tl, nice = self.start(*opts, **kw)
                    self.assertEqual(tl.wait(), rc)
                    self.assertIn(RAISED, tl.err)
                    self.assertEqual(nice(), 0)

    def test_not_asked_for(self):
        self.used(True)
        tl, nice = self.start("--no-priority")
        self.assertEqual(nice(), 0)
        self.assertNotIn(b"priority", tl.stop().err)

    def test_switched_off(self):
        """There it would be for nothing: left alone, and losses are to be expected."""
        self.used(False)
        tl, nice = self.start()
        self.assertEqual(nice(), 0)
        self.assertIn(b"records may be lost", tl.stop().err)


if __name__ == "__main__":
    main()
