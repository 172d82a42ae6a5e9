# SPDX-License-Identifier: BSD-2-Clause
"""
Nanoseconds of the programs' runs above those of empty ones on the same hooks:
the kernel's own account.  Empty ones run in random order among the others.
"""

import random
import re
import statistics
import subprocess

from . import hooks, place, say
from .running import Running
from .tools import empty, tcplens
from .traffic import WORKLOADS, load

FEW = 1000  # runs of a hook that tell nothing
PINGPONG, CHURN = "ping-pong", "churn 4"
OWN = {  # what: (workload, command line)
    "full record": (PINGPONG, ("trace",)),
    "rejected by a port": (PINGPONG, ("trace", "-P", "9")),
    "rejected by a process": (PINGPONG, ("trace", "--comm", "nobody")),
    "latency": (PINGPONG, ("latency",)),
    "life": (PINGPONG, ("life",)),
    # Ping-pong has one connection, and what is decided of an address is kept with it.
    "one network": (CHURN, ("trace", "--remote", "127.0.0.0/8")),
    "10,000 networks": (CHURN, ("trace", "--remote")),
}
AGGREGATES = ("latency", "life")


def _ten_thousand():
    path = place.tmp + "/nets"
    with open(path, "w") as f:
        f.writelines(f"10.{i >> 8}.{i & 255}.0/24\n" for i in range(10000))
        f.write("127.0.0.0/8\n")
    return "@" + path


def _tcplens(a, workload, args):
    """[[hook, target, runs, ns per run]] in the order of the programs."""
    with Running(tcplens(*args, "--json", "--stats")) as t:
        load(WORKLOADS[workload], a.seconds)
        t.stop()
        programs = hooks.stats(t.said())["programs"]
    return [[p["hook"], hooks.name(p), p["runs"], p["run_ns"] / p["runs"] if p["runs"] else 0] for p in programs]


def _empty(a, workload, command):
    place.count_runs(True)
    try:
        with Running(empty(command)) as t:
            load(WORKLOADS[workload], a.seconds)
            t.stop()
            with open(t.out) as f:
                found = re.findall(r"^(\S+) (\d+) (\d+)$", f.read(), re.M)
    finally:
        place.count_runs(False)
    return [["", hook, int(n), int(ns) / int(n) if int(n) else 0] for hook, n, ns in found]


def measure(a):
    """{(what or "empty", workload, command): [per round: programs]} with strings for keys."""
    todo = {}
    for what, (workload, args) in OWN.items():
        args = (*args, _ten_thousand()) if args[-1] == "--remote" else args
        todo[what] = (_tcplens, workload, args)
        todo[f"empty {args[0]} {workload}"] = (_empty, workload, args[0])
    res = {k: [] for k in todo}
    for i in range(a.rounds):
        for k in random.sample(list(todo), len(todo)):
            fn, workload, arg = todo[k]
            try:
                res[k].append(fn(a, workload, arg))
            except (RuntimeError, IndexError, subprocess.TimeoutExpired) as e:
                say(f"{k}: {e}")
        say(f"round {i + 1}/{a.rounds}: nanoseconds")
    return res


def by_hook(res, what):
    """[(hook, target, runs per round, ns per run, ns above empty, its least, its most)]: medians over rounds."""
    workload, args = OWN[what]
    own, base = res.get(what), res.get(f"empty {args[0]} {workload}")
    rows = []
    for i, (hook, target, *_) in enumerate(own[0] if own and base else ()):
        runs = statistics.median(r[i][2] for r in own)
        nothing = statistics.median(r[i][3] for r in base)
        ns = [r[i][3] for r in own]
        if runs >= FEW and base[0][i][2]:
            mid = statistics.median(ns)
            rows.append((hook, target, runs, mid, mid - nothing, min(ns) - nothing, max(ns) - nothing))
    return rows


def above(res, what, hook=r"segment-"):
    """(median, least, most) of ns above empty, all runs of these hooks together; None: not measured."""
    rows = [r for r in by_hook(res, what) if re.match(hook, r[0])]
    runs = sum(r[2] for r in rows)
    return tuple(sum(r[2] * r[i] for r in rows) / runs for i in (4, 5, 6)) if runs else None


def per_run(res, what, hook=r"segment-"):
    """ns of a run, the hook itself included."""
    rows = [r for r in by_hook(res, what) if re.match(hook, r[0])]
    runs = sum(r[2] for r in rows)
    return sum(r[2] * r[3] for r in rows) / runs if runs else None
