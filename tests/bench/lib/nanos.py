# SPDX-License-Identifier: BSD-2-Clause
"""
Nanoseconds of the programs' runs above those of empty ones on the same hooks:
the kernel's own account.  Empty ones run in random order among the others.
"""

import random
import re
import statistics
import subprocess

from . import fail, hooks, place, process, say
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
WHOLE = ("full record", "latency", "life")  # what is told hook by hook, too
SEGMENTS = r"segment-"
NETWORKS = 10000
RANGE_BYTES = 32  # sizeof(struct frange), bpf/config.h


def _ten_thousand():
    """A gap behind each: tcplens makes one of neighbours."""
    path = place.tmp + "/nets"
    with open(path, "w") as f:
        f.writelines(f"10.{i >> 7}.{2 * (i & 127)}.0/24\n" for i in range(NETWORKS))
        f.write("127.0.0.0/8\n")
    return "@" + path


def _check_list(pid):
    found = process.largest_array(pid, RANGE_BYTES)
    if found < NETWORKS:
        raise RuntimeError(f"{found:,} ranges in the kernel, not {NETWORKS:,}")


def _tcplens(a, workload, args, i):
    """What is told of its programs, in their order: {round, events, programs: [[hook, target, runs, ns per run]]}."""
    with Running(tcplens(*args, "--json", "--stats")) as t:
        if args[-1].startswith("@"):
            _check_list(t.p.pid)
        r = load(WORKLOADS[workload], a.seconds)
        t.stop()
        programs = hooks.stats(t.said())["programs"]
    return {"round": i, "events": 2 * r["segs"],
            "programs": [[p["hook"], hooks.name(p), p["runs"], _each(p["runs"], p["run_ns"])] for p in programs]}


def _empty(a, workload, command, _round):
    """{target: ns per run}"""
    place.count_runs(True)
    try:
        with Running(empty(command)) as t:
            load(WORKLOADS[workload], a.seconds)
            t.stop()
            with open(t.out) as f:
                found = re.findall(r"^(\S+) (\d+) (\d+)$", f.read(), re.M)
    finally:
        place.count_runs(False)
    return {hook: _each(int(n), int(ns)) for hook, n, ns in found if int(n)}


def _each(runs, ns):
    return ns / runs if runs else 0


def measure(a):
    """{what or "empty COMMAND WORKLOAD": [of each round]}."""
    todo = {}
    for what, (workload, args) in OWN.items():
        args = (*args, _ten_thousand()) if args[-1] == "--remote" else args
        todo[what] = (_tcplens, workload, args)
        todo[_base(what)] = (_empty, workload, args[0])
    res = {k: [] for k in todo}
    for i in range(a.rounds):
        for k in random.sample(list(todo), len(todo)):
            fn, workload, arg = todo[k]
            try:
                res[k].append(fn(a, workload, arg, i))
            except (RuntimeError, IndexError, subprocess.TimeoutExpired) as e:
                fail(f"nanoseconds, {k}", e)
        say(f"round {i + 1}/{a.rounds}: nanoseconds")
    return res


def _base(what):
    workload, args = OWN[what]
    return f"empty {args[0]} {workload}"


def _nothing(res, what):
    """{target: ns of an empty program's run, the median of all rounds}."""
    rounds = res.get(_base(what), [])
    return {t: statistics.median(r[t] for r in rounds if t in r) for t in {t for r in rounds for t in r}}


def by_hook(res, what):
    """[(hook, target, runs per round, ns per run, ns above empty, its least, its most)]: medians over rounds."""
    own, nothing, rows = [r["programs"] for r in res.get(what, [])], _nothing(res, what), []
    for i, (hook, target, *_) in enumerate(own[0] if own else ()):
        runs = statistics.median(r[i][2] for r in own)
        ns = [r[i][3] for r in own]
        if runs >= FEW and target in nothing:
            mid, least = statistics.median(ns), nothing[target]
            rows.append((hook, target, runs, mid, mid - least, min(ns) - least, max(ns) - least))
    return rows


def above(res, what, hook=SEGMENTS):
    """ns above empty of each round, the mean of all runs of these hooks."""
    return [ns / runs for ns, runs, _ in _sums(res, what, hook) if runs]


def per_event(res, what):
    """The same of all hooks together, for each time that a segment is sent or received."""
    return [ns / events for ns, _, events in _sums(res, what, "") if events]


def _sums(res, what, hook):
    """(ns above empty, runs, segments sent and received) of each round."""
    nothing = _nothing(res, what)
    for r in res.get(what, []) if nothing else ():
        rows = [x for x in r["programs"] if re.match(hook, x[0]) and x[1] in nothing]
        yield sum(x[2] * (x[3] - nothing[x[1]]) for x in rows), sum(x[2] for x in rows), r["events"]


def per_run(res, what, hook=SEGMENTS):
    """{round: ns of a run, the hook itself included}"""
    found = {}
    for r in res.get(what, []):
        rows = [x for x in r["programs"] if re.match(hook, x[0])]
        found[r["round"]] = sum(x[2] * x[3] for x in rows) / max(1, sum(x[2] for x in rows))
    return found
