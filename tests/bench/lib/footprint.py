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
FEW = 32768  # connections that there is always room for


def memory(a):
    """{what: bytes at most} with the default ring, all CPUs full."""
    out = ("-w", place.tmp + "/out.tcpl")
    return {"text": one(tcplens("trace", "-q"), FULL, a.seconds)["memory"],
            "trace -w": one(tcplens("trace", "-q", *out, text=False), FULL, a.seconds)["memory"],
            "record": one(tcplens("record", "-q", *out, text=False), FULL, a.seconds)["memory"]}


def idle(a):
    """Percent of a CPU, of `trace` for a namespace where nothing happens: the machine's own traffic is left out."""
    with Running(tcplens("trace", "-q", "--netns", place.NS)) as t:
        time.sleep(ASLEEP)
        before, began = process.cpu(t.p.pid), time.monotonic()
        time.sleep(a.idle_seconds)
        return 100 * (process.cpu(t.p.pid) - before) / (time.monotonic() - began)


def _map_bytes(connections):
    with Running(tcplens("states", "-q", "--connections", str(connections))) as t:
        return process.map_bytes(t.p.pid)


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
    starts = []
    with Held(a.connections) as held:
        sockets = int(place.run(*place.inside(["sh", "-c", "ss -Htn state established | wc -l"])).stdout)
        for _ in range(a.samples):
            with Running(tcplens("states", "-q")) as t:
                starts.append(t.ready_s)
        need = max(2 * a.connections, 2 * FEW)
        each = (_map_bytes(need) - _map_bytes(FEW)) / (need - FEW)
        told, unknown, lost = _owners(held)
    say(f"{a.connections:,} connections")
    return {"starts": starts, "each": each, "sockets": sockets, "told": told, "unknown": unknown, "lost": lost}
