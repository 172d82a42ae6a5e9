# SPDX-License-Identifier: BSD-2-Clause
"""One connect(), and the one line that tcplens is to say of it."""

import errno
import os
import socket
import time

from .case import Case, need_nft

TCP_SYNCNT = 7


def tcp(addr):
    return socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)


def firewall(ns, hook, *rules):
    """Rules of the namespace's firewall, instead of those before."""
    need_nft(ns, "table inet t\ndelete table inet t\ntable inet t {\n chain c {\n"
                 f"  type filter hook {hook} priority 0;\n  " + "\n  ".join(rules) + "\n }\n}\n")


class Out(Case):
    """`attempt` is one connect(), clocked; `check` compares the one line with it."""

    def setUp(self):
        # So that the clock is read when connect() has returned, whoever else wants the CPU.
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        except OSError:
            pass

    def watch(self, ns, *opts, pid=None):
        return self.lens("connect", "--netns", ns.path, "--dir", "out", "-p", pid or os.getpid(), *opts)

    def attempt(self, ns, addr, port, retries=None, before=None, timeout=None):
        """(errno, ns that connect() took)."""
        with ns, tcp(addr) as s:
            if retries:
                s.setsockopt(socket.IPPROTO_TCP, TCP_SYNCNT, retries)
            if timeout:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout)
            if before:
                before(s)
            t = time.monotonic_ns()
            err = s.connect_ex((addr, port))
            return err, time.monotonic_ns() - t

    def one(self, res, result, err, addr, port, **more):
        self.assertEqual(len(res.records), 1, res.records)
        r = res.records[0]
        got = {k: r.get(k) for k in ("event", "dir", "result", "errno", "raddr", "rport", "pid")}
        self.assertEqual(got, dict(event="connect", dir="out", result=result,
                                   errno=err and errno.errorcode[err], raddr=addr, rport=port,
                                   pid=os.getpid()))
        for k, v in more.items():
            self.assertEqual(r.get(k), v, (k, r))
        with open("/proc/self/comm") as f:
            self.assertEqual(r["comm"], f.read().rstrip("\n"))
        return r

    def near(self, r, most_ns, least_ns=None):
        """
        Within the call's time, and not shorter by more than 5 % or 1 ms: than that, or, where a busy
        machine may be late to come back from the call, than what else is known to have passed.
        """
        got, least = r["latency_us"] * 1000, most_ns if least_ns is None else least_ns
        self.assertLessEqual(got, most_ns, r)
        self.assertGreaterEqual(got, least - max(least * 0.05, 1e6), r)

    def answered(self, ns, dev, result, err, addr, port, **kw):
        """A case that an answer decides: as long as from the first SYN to that answer on the wire."""
        dump = self.dump(ns, dev, "127.0.0.1" if dev == "lo" else self.net.b.addr4)
        r, took = self.case(ns, result, err, addr, port, **kw)
        segs = [s for s in dump.stop() if port in (s.sport, s.dport)]
        syn = next(s for s in segs if s.flags == {"SYN"})
        end = next(s for s in segs if s.sport == port and "ACK" in s.flags)
        self.near(r, took, end.ns - syn.ns)
        return r

    def case(self, ns, result, err, addr, port=9, retrans=None, **kw):
        tl = self.watch(ns)
        got, took = self.attempt(ns, addr, port, **kw)
        self.assertEqual(got, err or 0, os.strerror(got))
        more = {} if retrans is None else {"retrans": retrans}
        r = self.one(tl.stop(), result, err, addr, port, **more)
        return r, took
