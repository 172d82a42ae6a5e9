# SPDX-License-Identifier: BSD-2-Clause
"""What traffic gets done beside each tool, what the tool uses, and what it misses."""

import random
import subprocess

from . import fail, say
from .running import Running
from .traffic import WORKLOADS, load


def one(tool, workload, seconds, args=None):
    """Of one run; `expected` is how many events there should have been, None where that is not known."""
    with Running(tool) as t:
        r = load(args or WORKLOADS[workload], seconds)
        r.update(t.stop())
    r["expected"] = tool.expects(workload, r) if tool.expects else None
    return r


def in_order(names, chosen):
    """In random order, but what is compared with each other one right after the other: machines change within minutes."""
    groups = {}
    for n in random.sample(names, len(names)):
        groups.setdefault(chosen[n].near or n, []).append(n)
    return [n for g in random.sample(list(groups.values()), len(groups)) for n in g]


def measure(a, chosen):
    """{workload: {tool: [result]}}: each round, each workload under each tool."""
    res = {w: {} for w in WORKLOADS}
    for i in range(a.rounds):
        for w in WORKLOADS:
            names = [n for n in chosen if chosen[n].takes(w)]
            for n in in_order(names, chosen):
                try:
                    r = dict(one(chosen[n], w, a.seconds), round=i)
                    res[w].setdefault(n, []).append(r)
                except (RuntimeError, subprocess.TimeoutExpired) as e:
                    fail(f"{w}, {n}", e)
            say(f"round {i + 1}/{a.rounds}: {w}")
    return res


def missing(rs):
    """
    Percent of the events there should have been, in the round that missed most: what another
    showed too much would hide it in a sum.  None where it is not known.  Below 0 where each
    showed more: what else went on in the machine.
    """
    return max((100 * (r["expected"] - r["events"]) / r["expected"] for r in rs
                if r.get("expected") and "events" in r), default=None)


def others(rs):
    """Segments sent and received in other namespaces, in percent of those in ours: so much may hide what is missing."""
    segs = sum(2 * r["segs"] for r in rs)
    return 100 * sum(r["others"] for r in rs) / segs if segs else 0


def told(rs):
    """Percent lost by its own word; None: it says nothing of losses."""
    if not rs or "told" not in rs[0]:
        return None
    lost, seen = sum(r["told"] for r in rs), sum(r.get("events", 0) for r in rs)
    return 100 * lost / (lost + seen) if lost else 0
