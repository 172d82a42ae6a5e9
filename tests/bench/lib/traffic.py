# SPDX-License-Identifier: BSD-2-Clause
"""Traffic: tests/bench/load.c, and what the kernel counted of it."""

import subprocess

from . import place

WORKLOADS = {
    "ping-pong": ["pp", "-c", "0", "-S", "0"],
    "all CPUs": ["pp", "-n", "16"],
    "all CPUs, 16 at a time": ["pp", "-n", "16", "-d", "16"],
    "churn 1": ["churn", "-c", "0", "-S", "0"],
    "churn 4": ["churn", "-n", "4"],
    "bulk": ["bulk", "-c", "0", "-S", "1"],
}
PROGRAM = place.BENCH + "/load"


def load(args, seconds):
    """
    {rate, ops, errors, segs, others, …}: `segs` is how many TCP segments were received meanwhile,
    `others` how many were sent and received in other namespaces, which some tools see, too.
    """
    before, elsewhere = place.segments(), place.elsewhere()
    p = place.start([PROGRAM, *args, "-t", str(seconds)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, text=True)
    try:
        out, err = p.communicate(timeout=seconds * 10 + 60)
    finally:
        place.end(p)
    if p.returncode:
        raise RuntimeError("load: " + err)
    r = {k: float(v) for k, v in (x.split("=") for x in out.split())}
    r["segs"] = place.segments() - before
    r["others"] = sum(max(0, n - elsewhere.get(ns, 0)) for ns, n in place.elsewhere().items())
    r["took"] = r["ops"] / r["rate"] if r["rate"] else seconds
    return r


class Background:
    """Traffic for as long as it is wanted."""

    def __init__(self, args):
        self.args = args

    def __enter__(self):
        self.p = place.start([PROGRAM, *self.args, "-t", "600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def __exit__(self, *_):
        place.end(self.p)


class Held:
    """Open connections that do nothing."""

    def __init__(self, n):
        self.n = n

    def __enter__(self):
        self.p = place.start([PROGRAM, "hold", "-n", str(self.n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.p.stdout.readline().startswith("held"):
            raise RuntimeError("load: connections could not be made")
        return self

    def end(self):
        self.p.stdin.close()
        try:
            self.p.wait(60)
        except subprocess.TimeoutExpired:
            pass
        place.end(self.p)

    def __exit__(self, *_):
        self.end()
