# SPDX-License-Identifier: BSD-2-Clause
"""Memory, idle CPU, and what many open connections cost."""

import json
import time

from . import place, process, say
from .rates import one
from .running import Running
from .tools import tcplens
from .traffic import Held

ASLEEP = 6  # seconds without an event after which the reader is as idle as it gets
FULL = "all CPUs, 16 at a time"


def memory(a):
    """{what: [bytes at most]} with the default ring, all CPUs full."""
    out = ("-w", place.tmp + "/out.tcpl")
    tools = {"text": tcplens("trace", "-q"), "trace -w": tcplens("trace", "-q", *out, text=False),
             "record": tcplens("record", "-q", *out, text=False)}
    res = {k: [] for k in tools}
    for _ in range(a.rounds):
        for k, tool in tools.items():
            res[k].append(one(tool, FULL, a.seconds)["memory"])
    say("memory")
    return res


def idle(a):
    """
    Percent of a CPU, time after time, of `trace` for a namespace where nothing
    happens: the machine's own traffic is left out.
    """
    res = []
    with Running(tcplens("trace", "-q", "--netns", place.NS)) as t:
        time.sleep(ASLEEP)
        for _ in range(a.rounds):
            before, began = process.cpu(t.p.pid), time.monotonic()
            time.sleep(a.idle_seconds)
            res.append(100 * (process.cpu(t.p.pid) - before) / (time.monotonic() - began))
    return res


def _maps():
    """{command: bytes of its maps} with default options, by which it makes room for the sockets that are there."""
    commands = {"states": tcplens("states", "-q"),
                "record": tcplens("record", "-q", "-w", place.tmp + "/out.tcpl", text=False)}
    res = {}
    for c, tool in commands.items():
        with Running(tool) as t:
            res[c] = process.map_bytes(t.p.pid)
    return res


def _owners(held):
    """How many sockets leave ESTABLISHED when all connections end at once, how many of them without an owner, lost ones."""
    with Running(tcplens("states", "-q", "--json", "--netns", place.NS)) as t:
        held.end()
        lost = t.stop()["told"]
        told = unknown = 0
        with open(t.out) as f:
            for line in f:
                r = json.loads(line)
                if r["old"] == "ESTABLISHED":
                    told += 1
                    unknown += "pid" not in r
    return told, unknown, lost


def many(a):
    """Connections that are open when it starts, both ends here: seconds to ready, bytes a socket, owners."""
    starts, without = [], _maps()
    with Held(a.connections) as held:
        sockets = int(place.run(*place.inside(["sh", "-c", "ss -Htn state established | wc -l"])).stdout)
        for _ in range(a.rounds):
            with Running(tcplens("states", "-q")) as t:
                starts.append(t.ready_s)
        each = {c: (n - without[c]) / sockets for c, n in _maps().items()}
        told, unknown, lost = _owners(held)
    say(f"{a.connections:,} connections")
    return {"starts": starts, "each": each, "sockets": sockets, "told": told, "unknown": unknown, "lost": lost}
