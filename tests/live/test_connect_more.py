#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`connect`: attempts at once, ended from outside, with data in the SYN; sums, and the same from a recording."""

import collections
import os
import socket
import threading

from lib import TCPLENS, Case, main, need_prog, wait_until
from lib.lens import Result
from lib.net import SYN_SENT
from lib.proc import run

THREADS = 20
IPPROTO_MPTCP = 262


def listener(ns):
    with ns:
        s = socket.socket()
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    s.bind(("127.0.0.1", 0))
    s.listen(2 * THREADS)
    return s


class More(Case):
    def watch(self, ns, *opts, command="connect", **kw):
        return self.lens(command, "--netns", ns.path, *opts, **kw)

    def test_at_once(self):
        """Threads that connect at the same time: each attempt is one line, out and in, and the sums add up."""
        ns = self.ns()
        path = os.path.join(self.tmp(), "f.tcpl")
        live, sums = self.watch(ns), self.watch(ns, "--count")
        rec = self.watch(ns, "-w", path, command="record", json=False)
        ports, errors = [], []
        with listener(ns) as ls:
            to = ls.getsockname()

            def one(dest, want):
                with ns, socket.socket() as s:
                    got = s.connect_ex(dest)
                    (ports if got == want else errors).append(s.getsockname()[1])
            at_once = [threading.Thread(target=one, args=a) for _ in range(THREADS) for a in
                       ((to, 0), (("127.0.0.1", 1), 111))]
            for t in at_once:
                t.start()
            for t in at_once:
                t.join()
            for _ in range(THREADS):
                ls.accept()[0].close()
        self.assertEqual(errors, [])
        got, counted, _ = live.stop().records, sums.stop().records, rec.stop()
        what = collections.Counter((r["dir"], r["result"], r["pid"]) for r in got)
        self.assertEqual(what, {("out", "ok", os.getpid()): THREADS, ("out", "refused", os.getpid()): THREADS,
                                ("in", "ok", os.getpid()): THREADS}, got)
        self.assertEqual(len({(r["dir"], r["lport"], r["rport"]) for r in got}), 3 * THREADS)
        self.assertEqual(sorted((r["dir"], r.get("rport"), r["count"], r["failed"]) for r in counted if
                                r["dir"] == "out"), sorted([("out", to[1], THREADS, 0), ("out", 1, THREADS, THREADS)]))
        self.assertEqual([(r["lport"], r["count"], r["failed"]) for r in counted if r["dir"] == "in"],
                         [(to[1], THREADS, 0)])
        # From the recording: the same, as chosen.
        for opts, keep in (((), lambda r: True), (("--dir", "in"), lambda r: r["dir"] == "in"),
                           (("--failed",), lambda r: r["result"] != "ok"), (("-p", "1"), lambda r: False)):
            p = self.spawn([TCPLENS, "connect", "-r", path, "--json", *opts])
            res = Result(p.wait(), p.out, p.err, True)
            self.assertEqual(res.rc, 0, p.said())

            def ends(rs):
                return sorted((r["dir"], r["result"], r["lport"], r["rport"], r["pid"]) for r in rs)
            self.assertEqual(ends(res.records), ends(filter(keep, got)), opts)

    def test_ended_from_outside(self):
        """`ss -K` while it waits for an answer (tcp_abort()): an error, ECONNABORTED."""
        need_prog("ss")
        net = self.veth()
        net.a.ip("neigh replace 10.99.0.9 lladdr 02:00:00:00:00:99 dev v0")
        tl = self.watch(net.a)
        with net.a, socket.socket() as s:
            s.setblocking(False)
            s.connect_ex(("10.99.0.9", 9))
            if not run(["ss", "-HtK", "state", "syn-sent", "dport", "=", ":9"]):
                self.skipTest("this kernel cannot do ss -K")
            wait_until("its end", lambda: not any(x[0] == SYN_SENT for x in net.a.tcp_states()))
        self.assertEqual([(r["result"], r["errno"], r["raddr"], r["pid"]) for r in tl.stop().records],
                         [("error", "ECONNABORTED", "10.99.0.9", os.getpid())])

    def test_fast_open(self):
        """Data in the SYN, once the client has a cookie; both ends say so."""
        ns = self.ns()
        ns.sysctl("ipv4.tcp_fastopen", 3)
        tl = self.watch(ns)
        with listener(ns) as ls:
            for _ in range(2):
                with ns, socket.socket() as c:
                    c.sendto(b"hello", socket.MSG_FASTOPEN, ls.getsockname())
                    with ls.accept()[0] as a:
                        self.assertEqual(a.recv(5), b"hello")
        got = [r for r in tl.stop().records]
        self.assertEqual([(r["dir"], r["result"], r["pid"]) for r in sorted(got, key=lambda r: r["dir"])],
                         [("in", "ok", os.getpid())] * 2 + [("out", "ok", os.getpid())] * 2)
        self.assertEqual([bool(r.get("fastopen")) for r in got if r["dir"] == "out"], [False, True])

    def test_mptcp(self):
        """The process has an MPTCP socket, the network its TCP connection: results, owner and wait are as ever."""
        net = self.veth()
        net.a.ip("route add prohibit 10.7.0.0/16")
        try:
            with net.b:
                ls = socket.socket(proto=IPPROTO_MPTCP)
        except OSError as e:
            self.skipTest(f"no MPTCP: {e}")
        self.addCleanup(ls.close)
        ls.bind((net.b.addr4, 0))
        ls.listen(8)
        tl = self.lens("connect", "--netns", f"{net.a.path},{net.b.path}")
        for to in (ls.getsockname(), (net.b.addr4, 1), ("10.7.0.1", 2), ("10.8.0.1", 3)):
            with net.a, socket.socket(proto=IPPROTO_MPTCP) as c:
                if not c.connect_ex(to):
                    ls.accept()[0].close()
        port, me = ls.getsockname()[1], os.getpid()
        got = [(r["dir"], r["result"], r.get("errno"), r["lport" if r["dir"] == "in" else "rport"], r["pid"])
               for r in tl.stop().records]
        self.assertEqual(sorted(got, key=str), sorted([
            ("out", "ok", None, port, me), ("in", "ok", None, port, me),
            ("out", "refused", "ECONNREFUSED", 1, me), ("out", "blocked", "EACCES", 2, me),
            ("out", "unreachable", "ENETUNREACH", 3, me)], key=str))


if __name__ == "__main__":
    main()
