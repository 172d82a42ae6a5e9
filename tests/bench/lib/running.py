# SPDX-License-Identifier: BSD-2-Clause
"""A tool while it runs: started like all others, ready, and ended when it has shown what it saw."""

import os
import re
import signal
import subprocess
import time

from . import place, process

START_LIMIT = 30
DRAIN_LIMIT = 20
QUIET = 0.01  # of a CPU: nothing comes any more


class Running:
    """`with Running(tool) as t:`; t.stop() gives what it used, saw and lost."""

    def __init__(self, tool, scheduled=True):
        """`scheduled`: tools other than tcplens, which asks for it itself, get SCHED_FIFO 1 as it does."""
        self.tool, self.p, self.ready_s = tool, None, 0
        self.out, self.err = place.tmp + "/out", place.tmp + "/err"
        if tool.cmd:
            self._start(scheduled)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _start(self, scheduled):
        cmd, rd, wr = list(self.tool.cmd), None, None
        if self.tool.ready == "fd":
            rd, wr = os.pipe()
            cmd += ["--ready-fd", str(wr)]
        elif scheduled:
            cmd = ["chrt", "-f", "1", *cmd]
        began = time.monotonic()
        with open(self.out, "w") as out, open(self.err, "w") as err:
            self.p = place.start(cmd, stdin=subprocess.PIPE, stdout=out, stderr=err, pass_fds=(wr,) if wr else ())
        try:
            self._wait_until_ready(rd, wr)
        except BaseException:
            self.kill()  # or it would slow down all that is measured after it
            raise
        self.ready_s = time.monotonic() - began
        self.cpu, self.since = process.cpu(self.p.pid), time.monotonic()

    def _wait_until_ready(self, rd, wr):
        if wr is not None:
            os.close(wr)
            ok = os.read(rd, 8)
            os.close(rd)
            if not ok:
                self._fail("does not start")
        elif self.tool.ready == "attached":
            self._wait_for(self._all_attached)
        elif self.tool.ready:
            self._wait_for(lambda: re.search(self.tool.ready, self.said()))

    def _all_attached(self):
        """They say nothing of it: there are links, and no more are coming."""
        n = process.attached(self.p.pid)
        time.sleep(0.1)
        return n and n == process.attached(self.p.pid)

    def _wait_for(self, true):
        end = time.monotonic() + START_LIMIT
        while not true():
            if time.monotonic() > end or self.p.poll() is not None:
                self._fail("does not become ready")
            time.sleep(0.01)

    def _fail(self, what):
        raise RuntimeError(f"{' '.join(self.tool.cmd)} {what}: {self.said()[-300:]}")

    def said(self):
        with open(self.err, errors="replace") as f:
            return f.read()

    def lines(self):
        with open(self.out, "rb") as f:
            return sum(piece.count(b"\n") for piece in iter(lambda: f.read(1 << 20), b""))

    def drain(self):
        """Until it has stood still for as long as it may keep events back.  False: it never does."""
        if not self.tool.settle:
            return True
        end, still = time.monotonic() + DRAIN_LIMIT, time.monotonic()
        cpu = process.cpu(self.p.pid)
        while time.monotonic() - still < self.tool.settle:
            if time.monotonic() > end or self.p.poll() is not None:
                return False
            time.sleep(0.1)
            now = process.cpu(self.p.pid)
            if now - cpu > 0.1 * QUIET:
                still = time.monotonic()
            cpu = now
        return True

    def stop(self):
        if not self.p:
            return {}
        r = {"drained": self.drain()}
        r["cpu"] = process.cpu(self.p.pid) - self.cpu
        r["memory"] = process.most_memory(self.p.pid)
        began = time.monotonic()
        self.p.stdin.close()
        if self.tool.quits:
            self.p.wait(DRAIN_LIMIT)
        r["clean"] = place.end(self.p, signal.SIGINT)
        r["stop"] = time.monotonic() - began
        said = self.said()
        for key, pattern in (("told", self.tool.lost), ("events", self.tool.events)):
            found = re.findall(pattern, said) if pattern else []
            if found:
                r[key] = sum(map(int, found))
        if self.tool.lost and "told" not in r:
            r["told"] = 0  # these speak only when they lose
        if self.tool.text:
            r["events"] = self.lines()
        return r

    def kill(self):
        if self.p:
            place.end(self.p)
