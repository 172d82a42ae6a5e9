#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`connect`: every way an outgoing attempt can end, whose it is, and how long it took."""

import errno
import os
import signal
import socket
import sys
import time

from lib import craft, main, need_ipv6, wait_until
from lib.attempts import Out, firewall, tcp
from lib.net import SYN_RECV, SYN_SENT

NOWHERE = "02:00:00:00:00:99"  # a frame to it reaches nobody


class Answered(Out):
    def listener(self, ns, addr):
        with ns:
            s = tcp(addr)
        self.addCleanup(s.close)
        s.bind((addr, 0))
        s.listen(8)
        return s.getsockname()[1]

    def test_ok(self):
        need_ipv6()
        self.net = net = self.veth()
        for addr in (net.b.addr4, net.b.addr6):
            port = self.listener(net.b, addr)
            with self.subTest(addr=addr):
                self.answered(net.a, "v0", "ok", None, addr, port, retrans=0)

    def test_ok_after_a_delay(self):
        """connect() to established is what the way there and back takes."""
        self.net = net = self.veth(relay=True)
        self.relay(net, delay=100)
        port = self.listener(net.b, net.b.addr4)
        r = self.answered(net.a, "v0", "ok", None, net.b.addr4, port, retrans=0)
        self.assertGreaterEqual(r["latency_us"], 200000)

    def test_ok_at_the_second_syn(self):
        """The first gets lost: one retransmit, and its timer's second in the latency."""
        self.net = net = self.veth()
        firewall(net.b, "input", "tcp flags & (syn|ack) == syn limit rate 1/hour burst 1 packets drop")
        port = self.listener(net.b, net.b.addr4)
        r = self.answered(net.a, "v0", "ok", None, net.b.addr4, port, retrans=1)
        self.assertGreaterEqual(r["latency_us"], 900000)

    def test_refused(self):
        need_ipv6()
        self.net = net = self.veth()
        for ns, dev, addr in ((net.a, "v0", net.b.addr4), (net.a, "v0", net.b.addr6),
                              (net.a, "lo", "127.0.0.1"), (net.a, "lo", "::1")):
            with self.subTest(addr=addr):
                self.answered(ns, dev, "refused", errno.ECONNREFUSED, addr, 9, retrans=0)

    def test_refused_by_icmp(self):
        """A port-unreachable answers instead of a reset (tcp_v4_err())."""
        net = self.veth()
        firewall(net.b, "input", "tcp dport 9 reject with icmp type port-unreachable")
        self.case(net.a, "refused", errno.ECONNREFUSED, net.b.addr4)

    def test_to_itself(self):
        """A simultaneous open of one socket with itself."""
        ns = self.ns()

        def bind(s):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("127.0.0.1", 4001))
        self.case(ns, "ok", None, "127.0.0.1", 4001, before=bind)

    def test_reset(self):
        """The peer connects at the same time, and then resets (tcp_reset() in SYN-RECEIVED)."""
        net = self.veth()
        net.a.ip(f"neigh replace 10.99.0.9 lladdr {NOWHERE} dev v0")
        tl = self.watch(net.a)
        with net.a, tcp("10.99.0.9") as s:
            s.setblocking(False)
            t = time.monotonic_ns()
            self.assertEqual(s.connect_ex(("10.99.0.9", 9)), errno.EINPROGRESS)

            def send(*flags, seq):
                craft.inject(net.b, "v0", craft.frame(net.b.mac, net.a.mac, "10.99.0.9", net.a.addr4, 9,
                                                      s.getsockname()[1], flags, seq=seq))
            send("SYN", seq=1000)
            wait_until("SYN-RECEIVED", lambda: any(x[0] == SYN_RECV for x in net.a.tcp_states()))
            send("RST", seq=1001)
            wait_until("its end", lambda: not any(x[0] == SYN_RECV for x in net.a.tcp_states()))
            took = time.monotonic_ns() - t
            self.assertEqual(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), errno.ECONNRESET)
        r = self.one(tl.stop(), "reset", errno.ECONNRESET, "10.99.0.9", 9)
        self.assertLessEqual(r["latency_us"] * 1000, took)

    def test_bound_first(self):
        """The local end is the one that bind() chose."""
        net = self.veth()
        port = self.listener(net.b, net.b.addr4)
        r, _ = self.case(net.a, "ok", None, net.b.addr4, port,
                         before=lambda s: s.bind((net.a.addr4, 4002)))
        self.assertEqual((r["laddr"], r["lport"]), (net.a.addr4, 4002))


class Unanswered(Out):
    def silent(self):
        """A veth, and addresses behind it from which nothing ever comes."""
        net = self.veth()
        net.a.ip(f"neigh replace 10.99.0.9 lladdr {NOWHERE} dev v0",
                 f"neigh replace fd99::9 lladdr {NOWHERE} dev v0")
        return net

    def test_timeout(self):
        """No packet ever comes back: as many SYNs again as tcpdump sees."""
        need_ipv6()
        net = self.silent()
        for addr in ("10.99.0.9", "fd99::9"):
            with self.subTest(addr=addr):
                dump = self.dump(net.b, "v0", net.a.addr4)
                r, took = self.case(net.a, "timeout", errno.ETIMEDOUT, addr, retries=1)
                self.near(r, took)
                syns = [p for p in dump.stop() if "SYN" in p.flags]
                self.assertGreater(len(syns), 1)
                self.assertEqual(r["retrans"], len(syns) - 1, syns)

    def test_user_timeout(self):
        net = self.silent()
        r, took = self.case(net.a, "timeout", errno.ETIMEDOUT, "10.99.0.9", timeout=1500)
        self.near(r, took)

    def test_pending(self):
        """No answer yet when tracing ends; the time since connect() is told."""
        net = self.silent()
        tl = self.watch(net.a, "--failed")
        with net.a, tcp("10.99.0.9") as s:
            s.setblocking(False)
            t = time.monotonic_ns()
            self.assertEqual(s.connect_ex(("10.99.0.9", 9)), errno.EINPROGRESS)
            time.sleep(0.1)
            least = time.monotonic_ns() - t
            res = tl.stop()
        r = self.one(res, "pending", None, "10.99.0.9", 9)
        self.assertGreaterEqual(r["latency_us"] * 1000, least - 1e6)

    def test_pending_before_tracing(self):
        """Begun before the tracer: its beginning is not known, and not made up."""
        net = self.silent()
        with net.a, tcp("10.99.0.9") as s:
            s.setblocking(False)
            s.connect_ex(("10.99.0.9", 9))
            tl = self.watch(net.a)
            res = tl.stop()
        r = self.one(res, "pending", None, "10.99.0.9", 9)
        self.assertNotIn("latency_us", r)

    def test_aborted_by_close(self):
        net = self.silent()
        tl = self.watch(net.a)
        with net.a, tcp("10.99.0.9") as s:
            s.setblocking(False)
            t = time.monotonic_ns()
            s.connect_ex(("10.99.0.9", 9))
            begun = time.monotonic_ns()
            time.sleep(0.1)
            least = time.monotonic_ns() - begun
            s.close()
            took = time.monotonic_ns() - t
        r = self.one(tl.stop(), "aborted", None, "10.99.0.9", 9, retrans=0)
        self.near(r, took, least)

    def test_aborted_by_disconnect(self):
        """connect() to AF_UNSPEC gives an attempt up (tcp_disconnect()); the socket lives on."""
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        net = self.silent()
        tl = self.watch(net.a)
        with net.a, tcp("10.99.0.9") as s:
            s.setblocking(False)
            s.connect_ex(("10.99.0.9", 9))
            self.assertEqual(libc.connect(s.fileno(), bytes(16), 16), 0)
            s.setblocking(True)
            self.assertEqual(s.connect_ex((net.b.addr4, 9)), errno.ECONNREFUSED)
        got = [(r["result"], r["raddr"]) for r in tl.stop().records]
        self.assertEqual(got, [("aborted", "10.99.0.9"), ("refused", net.b.addr4)])

    def dying(self, how):
        net = self.silent()
        p = self.spawn([sys.executable, "-c", "import socket, signal, sys\n"
                        "signal.signal(signal.SIGALRM, lambda *a: sys.exit())\n"
                        "socket.socket().connect(('10.99.0.9', 9))"], ns=net.a)
        tl = None
        try:
            wait_until("the SYN", lambda: any(s[0] == SYN_SENT for s in net.a.tcp_states()))
            tl = self.watch(net.a, pid=p.pid)
        finally:
            p.signal(how)
        p.wait()
        r = tl.stop().records
        self.assertEqual([(x["result"], x["raddr"], x["pid"]) for x in r], [("aborted", "10.99.0.9", p.pid)])

    def test_killed(self):
        self.dying(signal.SIGKILL)

    def test_interrupted(self):
        self.dying(signal.SIGALRM)


class NoWay(Out):
    def test_no_route(self):
        need_ipv6()
        ns = self.ns()
        for addr in ("10.1.2.3", "2001:db8::1"):
            with self.subTest(addr=addr):
                self.case(ns, "unreachable", errno.ENETUNREACH, addr)

    def test_routes_that_say_no(self):
        """fib_props[], ip6_route_info_create()."""
        need_ipv6()
        ns = self.ns()
        for kind, result, err in (("unreachable", "unreachable", errno.EHOSTUNREACH),
                                  ("prohibit", "blocked", errno.EACCES),
                                  ("blackhole", "unreachable", errno.EINVAL)):
            for net, addr in (("10.7.0.0/16", "10.7.0.1"), ("fd77::/64", "fd77::1")):
                with self.subTest(kind=kind, addr=addr):
                    ns.ip(f"route replace {kind} {net}")
                    self.case(ns, result, err, addr)

    def test_no_neighbour(self):
        """Nobody there to answer ARP, three times asked (arp_error_report())."""
        net = self.veth()
        net.a.sysctl("ipv4.neigh.v0.retrans_time_ms", 100)
        r, took = self.case(net.a, "unreachable", errno.EHOSTUNREACH, "10.99.0.77")
        self.near(r, took, 300e6)

    def test_icmp(self):
        """tcp_v4_err(), tcp_v6_err(): icmp_err_convert[]."""
        net = self.veth()
        for what, err in (("icmp type host-unreachable", errno.EHOSTUNREACH),
                          ("icmp type net-unreachable", errno.ENETUNREACH),
                          ("icmp type admin-prohibited", errno.EHOSTUNREACH)):
            firewall(net.b, "input", f"tcp dport 9 reject with {what}")
            with self.subTest(what=what):
                self.case(net.a, "unreachable", err, net.b.addr4)

    def test_device_down(self):
        net = self.veth()
        net.a.ip("link set v0 down")
        self.case(net.a, "unreachable", errno.ENETUNREACH, net.b.addr4)

    def test_link_local_without_device(self):
        """The caller must say by which device (tcp_v6_connect())."""
        need_ipv6()
        ns = self.ns()
        self.case(ns, "unreachable", errno.EINVAL, "fe80::1")

    def test_no_port(self):
        """One local port to give, and it is taken for this destination."""
        net = self.veth()
        net.a.sysctl("ipv4.ip_local_port_range", "40000 40000")
        with net.b, tcp(net.b.addr4) as ls:
            ls.bind((net.b.addr4, 0))
            ls.listen(5)
            port = ls.getsockname()[1]
            with net.a, socket.create_connection((net.b.addr4, port)):
                self.case(net.a, "no-port", errno.EADDRNOTAVAIL, net.b.addr4, port)

    def test_pair_in_use(self):
        """bind() chose the port; this pair of ends is somebody's already (__inet_check_established())."""
        net = self.veth()

        def bind(s):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((net.a.addr4, 4003))
        with net.b, tcp(net.b.addr4) as ls:
            ls.bind((net.b.addr4, 0))
            ls.listen(5)
            port = ls.getsockname()[1]
            with net.a, tcp(net.b.addr4) as first:
                bind(first)
                first.connect((net.b.addr4, port))
                self.case(net.a, "no-port", errno.EADDRNOTAVAIL, net.b.addr4, port, before=bind)

    def test_not_ours(self):
        """A second connect() on one that is connected is no attempt."""
        net = self.veth()
        tl = self.watch(net.a)
        with net.b, tcp(net.b.addr4) as ls:
            ls.bind((net.b.addr4, 0))
            ls.listen(5)
            to = ls.getsockname()
            with net.a, tcp(net.b.addr4) as s:
                s.connect(to)
                self.assertEqual(s.connect_ex(to), errno.EISCONN)
        self.one(tl.stop(), "ok", None, *to)


if __name__ == "__main__":
    main()
