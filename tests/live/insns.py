# SPDX-License-Identifier: BSD-2-Clause
"""
The guest's side of tests/vm/insns: instructions per round trip, without a
tracer and beside each of these; with --peers, beside tools of libbpf-tools, too,
and per connection that is made and closed.
"""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib.lens import LIVE_BIN, Tcplens  # noqa: E402
from lib.net import Ns  # noqa: E402
from lib.proc import Proc, run, wait_until  # noqa: E402

# What, and how it is asked for.
RUNS = (("full records", ("trace",)),
        ("received only", ("trace", "--dir", "in")),
        ("rejected by a port", ("trace", "--port", "9")),
        ("rejected by a process", ("trace", "--pid", "1")),
        ("states", ("states",)),
        ("life", ("life",)),
        ("latency", ("latency",)),
        ("loss", ("loss",)))

# Of libbpf-tools, and what of tcplens does the like.
TRIP_PEERS = (("tcprtt", ("tcprtt", "-i", "100000")),)
CONNECTION_RUNS = (("connect", ("connect",)), ("states", ("states",)), ("life", ("life",)))
CONNECTION_PEERS = (("tcpconnect", ("tcpconnect",)), ("tcptracer", ("tcptracer",)), ("tcpstates", ("tcpstates",)),
                    ("tcplife", ("tcplife",)))


def count(ns, *opts):
    p = Proc([os.path.join(LIVE_BIN, "roundtrip"), *opts], ns=ns)
    try:
        return int(p.check())
    finally:
        p.close()


def attached(pid):
    """How many BPF links a process has."""
    links = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links += "bpf_link" in os.readlink(f"/proc/{pid}/fd/{fd}").replace("-", "_")
        except OSError:
            pass
    return links


def start_peer(argv):
    """It does not say when it is ready: it has attached, and attaches no more."""
    p = Proc(argv, stdout=subprocess.DEVNULL)
    try:
        wait_until(f"{argv[0]}'s hooks", lambda: p.p.poll() is not None or attached(p.p.pid))
        seen = 0
        while p.p.poll() is None and attached(p.p.pid) != seen:
            seen = attached(p.p.pid)
            time.sleep(5)  # emulated machines are slow
        return p
    except BaseException:
        p.close()
        raise


def beside(start, what, ns, none, *opts):
    """Prints what a tracer adds."""
    t = start()
    try:
        print(f"insns {what}: {count(ns, *opts) - none}", flush=True)
    finally:
        t.signal(signal.SIGINT)
        t.wait()
        t.close()


def tcplens(command, *opts):
    def start():
        with open(os.devnull, "wb") as null:
            return Tcplens(command, *opts, json=False, stdout=null)
    return start


def trips(ns, wanted):
    none = count(ns)
    print(f"insns none: {none}", flush=True)
    for name, args in RUNS:
        if not wanted or name in wanted:
            beside(tcplens(*args), name, ns, none)
    return none


def peers(ns, none):
    for name, argv in TRIP_PEERS:
        beside(lambda argv=argv: start_peer(argv), name, ns, none)
    each = count(ns, "-c")
    print(f"insns a connection, none: {each}", flush=True)
    for name, args in CONNECTION_RUNS:
        beside(tcplens(*args), f"a connection, {name}", ns, each, "-c")
    for name, argv in CONNECTION_PEERS:
        beside(lambda argv=argv: start_peer(argv), f"a connection, {name}", ns, each, "-c")


def main():
    wanted = [a for a in sys.argv[1:] if a != "--peers"]
    ns = Ns()
    try:
        none = trips(ns, wanted)
        if "--peers" in sys.argv:
            if not os.path.isdir("/sys/kernel/tracing/events"):
                run(["busybox", "mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"])
            peers(ns, none)
        print(f"insns none again: {count(ns) - none}", flush=True)
    finally:
        ns.remove()


if __name__ == "__main__":
    main()
