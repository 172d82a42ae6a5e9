# SPDX-License-Identifier: BSD-2-Clause
"""
Where it is all measured: a network namespace, a directory in memory, tracefs.
All of it, and every program started, is gone when the run ends, however it ends.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TCPLENS = os.path.join(TOP, "build/tcplens")
BENCH = os.path.join(TOP, "build/bench")
NS = f"tlbench{os.getpid()}"
TRACEFS = "/sys/kernel/tracing"
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
STATS_SWITCH = "/proc/sys/kernel/bpf_stats_enabled"

tmp = None  # what tools write goes there: memory, for all of them
children = set()  # leaders of process groups
switched = []  # what the switch of BPF statistics was before


def run(*cmd, **kw):
    return subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, text=True, **kw)


def inside(cmd):
    """In the namespace; unlike `ip netns exec`, /sys stays as it is, so that all tools can be run so."""
    return ["nsenter", f"--net=/run/netns/{NS}", *cmd]


def start(cmd, **kw):
    """In the namespace, the leader of a process group of its own."""
    p = subprocess.Popen(inside(cmd), start_new_session=True, **kw)
    children.add(p)
    return p


def wait(p, patience):
    """As Popen.wait() with a limit, which looks only after 1, 2, 4 … 50 ms, and so cannot tell how long an end takes."""
    fd = os.pidfd_open(p.pid)
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(1000 * patience):
            raise subprocess.TimeoutExpired(p.args, patience)
    finally:
        os.close(fd)
    p.wait()


def end(p, sig=signal.SIGKILL, patience=20):
    """It and its group, until all of that is gone.  True: it ended by this signal, and in time."""
    ok = True
    if p.poll() is None:
        try:
            os.killpg(p.pid, sig)
            wait(p, patience)
        except ProcessLookupError:
            p.wait()
        except subprocess.TimeoutExpired:
            ok = False
            os.killpg(p.pid, signal.SIGKILL)
            p.wait()
    _wait_until_gone(p.pid)
    children.discard(p)
    return ok


def _wait_until_gone(pgid, patience=60):
    """What a leader left behind: a listener is still there until it is, and many sockets are not closed at once."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        try:
            os.killpg(pgid, signal.SIGKILL)
        except ProcessLookupError:
            return
        time.sleep(0.005)


def count_runs(on):
    """The kernel's own account of all BPF programs' runs."""
    with open(STATS_SWITCH, "r+") as f:
        if on:
            switched.append(f.read())
            f.seek(0)
            f.write("1")
        elif switched:
            f.write(switched.pop())


def segments():
    """TCP segments received so far in the namespace (loopback: as many as were sent)."""
    return _tcp(run(*inside(["cat", "/proc/self/net/snmp"])).stdout, "InSegs")


def elsewhere():
    """{namespace: TCP segments sent and received so far}, of all others that there are processes in."""
    mine, found = os.stat(f"/run/netns/{NS}").st_ino, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            ns = os.stat(f"/proc/{pid}/ns/net").st_ino
            if ns != mine and ns not in found:
                with open(f"/proc/{pid}/net/snmp") as f:
                    found[ns] = _tcp(f.read(), "InSegs", "OutSegs")
        except (OSError, ValueError):
            pass  # gone
    return found


def _tcp(snmp, *wanted):
    names, numbers = (x.split() for x in snmp.splitlines() if x.startswith("Tcp:"))
    return sum(int(numbers[names.index(w)]) for w in wanted)


class Place:
    """`with Place():` from beginning to end."""

    def __init__(self):
        self.mounted = False

    def __enter__(self):
        global tmp
        for sig in ENDINGS:
            signal.signal(sig, lambda s, _frame: sys.exit(128 + s))
        try:
            tmp = tempfile.mkdtemp(prefix="tlbench", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
            self._mount_tracefs()
            subprocess.run(["ip", "netns", "add", NS], check=True)
            subprocess.run(["ip", "-n", NS, "link", "set", "lo", "up"], check=True)
            run(*inside(["sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_max_tw_buckets=4096"]))
        except BaseException:
            self.__exit__()
            raise
        return self

    def _mount_tracefs(self):
        """What bpftrace and libbpf-tools attach by."""
        if os.path.isdir(TRACEFS) and not os.path.exists(TRACEFS + "/events"):
            self.mounted = run("mount", "-t", "tracefs", "tracefs", TRACEFS).returncode == 0

    def __exit__(self, *_):
        for sig in ENDINGS:
            signal.signal(sig, signal.SIG_IGN)  # a second one does not end the cleaning up
        for p in list(children):
            end(p)
        while switched:
            count_runs(False)
        run("ip", "netns", "del", NS)
        if self.mounted:
            run("umount", TRACEFS)
        shutil.rmtree(tmp or "", ignore_errors=True)
