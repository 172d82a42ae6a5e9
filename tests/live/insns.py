# SPDX-License-Identifier: BSD-2-Clause
"""
The guest's side of tests/vm/insns: instructions per round trip, without a
tracer and beside each of these; with --peers, beside tools of libbpf-tools, too,
and per connection that is made and closed.  With --hooks instead: of a run of
each program, by --stats, whose clock counts instructions here.
"""

import json
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

# Whose programs are told one by one, beside round trips and beside connections.
HOOK_RUNS = ("trace", "life", "latency", "connect", "loss")
FEW = 50  # runs, of which a mean says nothing: all that is rare


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


def hooks(ns, command, *opts):
    """Prints the mean of each program's runs, with the reading of the clock around them."""
    with open(os.devnull, "wb") as null:
        tl = Tcplens(command, "--stats", json=True, stdout=null)
    try:
        count(ns, *opts)
        tl.signal(signal.SIGINT)
        tl.wait()
        said = next(line for line in tl.err.splitlines() if line.startswith(b'{"stats"'))
    finally:
        tl.close()
    seen = {}
    for p in json.loads(said)["programs"]:
        name = f"{command}, {'connections' if opts else 'round trips'}: {p['hook']} {p['target']}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name += f" ({seen[name]})"
        if p["runs"] >= FEW:
            print(f"insns {name}: {p['run_ns'] // p['runs']}", flush=True)


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
    wanted = [a for a in sys.argv[1:] if not a.startswith("--")]
    ns = Ns()
    try:
        if "--hooks" in sys.argv:
            for command in HOOK_RUNS:
                if not wanted or command in wanted:
                    hooks(ns, command)
                    hooks(ns, command, "-c")
            return
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
