#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`connect`: every way an incoming attempt can end, who listens, who accepts, and how long it waited."""

import ctypes
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

from lib import Case, main, need_ipv6, wait_until
from lib.net import CLOSE_WAIT, ESTABLISHED

# Listens, and does what it is told: fork (the child goes on), accept, close, quit.
SERVER = r"""
import os, socket, sys, time
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
s.bind((sys.argv[1], int(sys.argv[3])))
s.listen(int(sys.argv[2]))
got = []
print("port", s.getsockname()[1], flush=True)
while True:
    w = sys.stdin.readline().split()
    if not w:
        os._exit(0)
    if w[0] == "fork":
        pid = os.fork()
        if pid:
            os.waitpid(pid, 0)
            os._exit(0)
        with open("/proc/self/comm", "w") as f:
            f.write("worker")
    elif w[0] == "accept":
        got.append(s.accept()[0])
    elif w[0] == "close":
        s.close()
    print("done", os.getpid(), time.monotonic_ns(), flush=True)
"""


# accept and accept4 of x86-64 and of arm64.
ACCEPTS = {"43", "288"} if os.uname().machine == "x86_64" else {"202", "242"}


def syscall_of(pid):
    with open(f"/proc/{pid}/syscall") as f:
        return f.read().split()[0]

libc = ctypes.CDLL(None, use_errno=True)
SYS_USERFAULTFD = 323 if os.uname().machine == "x86_64" else 282
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_ZEROPAGE = 0xc018aa3f, 0xc020aa00, 0xc020aa04
UFFD_API, UFFDIO_REGISTER_MODE_MISSING = 0xaa, 1


class Page:
    """A page of memory that is not there until this ends: accept() stands where it writes the peer's address."""

    def __init__(self, case):
        self.fd = libc.syscall(SYS_USERFAULTFD, os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            case.skipTest("this kernel has no userfaultfd()")
        case.addCleanup(os.close, self.fd)
        fcntl.ioctl(self.fd, UFFDIO_API, struct.pack("QQQ", UFFD_API, 0, 0))
        self.mem = mmap.mmap(-1, mmap.PAGESIZE)
        self.addr = ctypes.addressof(ctypes.c_char.from_buffer(self.mem))
        self.range = struct.pack("QQ", self.addr, mmap.PAGESIZE)
        fcntl.ioctl(self.fd, UFFDIO_REGISTER, self.range + struct.pack("QQ", UFFDIO_REGISTER_MODE_MISSING, 0))

    def accept(self, ls):
        size = ctypes.c_uint(16)
        return libc.accept(ls.fileno(), ctypes.c_void_p(self.addr), ctypes.byref(size))

    def touched(self):
        wait_until("accept() to write there", lambda: select.select([self.fd], [], [], 0)[0])

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        fcntl.ioctl(self.fd, UFFDIO_ZEROPAGE, self.range + struct.pack("QQ", 0, 0))


class In(Case):
    def server(self, ns, addr="127.0.0.1", backlog=8, port=0):
        p = self.spawn([sys.executable, "-c", SERVER, addr, str(backlog), str(port)], ns=ns)
        return p, int(p.expect(rb"^port (\d+)")[1])

    def do(self, p, what):
        """(pid of who did it, when)"""
        p.tell(what)
        m = p.expect(rb"^done (\d+) (\d+)")
        return int(m[1]), int(m[2])

    def watch(self, ns, *opts):
        return self.lens("connect", "--netns", ns.path, "--dir", "in", *opts)

    def client(self, ns, addr, port):
        with ns:
            s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
        self.addCleanup(s.close)
        s.connect((addr, port))
        return s

    def one(self, res, result, port, **more):
        self.assertEqual(len(res.records), 1, res.records)
        r = res.records[0]
        self.assertEqual((r["event"], r["dir"], r["result"], r["lport"]), ("accept", "in", result, port), r)
        for k, v in more.items():
            self.assertEqual(r.get(k), v, (k, r))
        return r


class Accepted(In):
    def test_waited(self):
        """Established to accept()'s return, IPv4 and IPv6, and what it is together."""
        need_ipv6()
        net = self.veth()
        for addr in (net.b.addr4, net.b.addr6):
            with self.subTest(addr=addr):
                p, port = self.server(net.b, addr)
                tl = self.watch(net.b)
                before = time.monotonic_ns()
                c = self.client(net.a, addr, port)
                est = time.monotonic_ns()
                wait_until("it to be established", lambda: (ESTABLISHED, port, c.getsockname()[1])
                           in net.b.tcp_states())
                time.sleep(0.3)
                asked = time.monotonic_ns()
                pid, done = self.do(p, "accept")
                r = self.one(tl.stop(), "ok", port, pid=p.pid, listener_pid=p.pid, retrans=0,
                             raddr=c.getsockname()[0], rport=c.getsockname()[1])
                self.assertGreaterEqual(r["queue_us"] * 1000, asked - est - 1e6 - 30e6)
                self.assertLessEqual(r["queue_us"] * 1000, done - before)
                self.assertLessEqual(abs(r["latency_us"] - r["syn_us"] - r["queue_us"]), 2, r)

    def test_worker(self):
        """A process that inherited the listener accepts: it owns it, and the listener is named."""
        ns = self.ns()
        p, port = self.server(ns)
        self.do(p, "fork")
        tl = self.watch(ns)
        self.client(ns, "127.0.0.1", port)
        pid, _ = self.do(p, "accept")
        self.assertNotEqual(pid, p.pid)
        self.one(tl.stop(), "ok", port, pid=pid, comm="worker", owner="accept")

    def test_waits_in_accept(self):
        """accept() waits since before the tracer: it is seen all the same."""
        ns = self.ns()
        p, port = self.server(ns)
        p.tell("accept")
        wait_until("it to be in accept()", lambda: syscall_of(p.pid) in ACCEPTS)
        tl = self.watch(ns)
        self.client(ns, "127.0.0.1", port)
        p.expect(rb"^done")
        self.one(tl.stop(), "ok", port, pid=p.pid, listener_pid=p.pid, owner="accept")

    def test_before_tracing(self):
        """Established before the tracer: how long it waited is not known, and not made up."""
        ns = self.ns()
        p, port = self.server(ns)
        self.client(ns, "127.0.0.1", port)
        tl = self.watch(ns)
        pid, _ = self.do(p, "accept")
        r = self.one(tl.stop(), "ok", port, pid=pid)
        self.assertNotIn("queue_us", r)
        self.assertNotIn("latency_us", r)

    def test_cookie(self):
        """No request was kept (cookie_v4_check()): the SYN's time is not known, the wait is."""
        ns = self.ns()
        ns.sysctl("ipv4.tcp_syncookies", 2)
        p, port = self.server(ns)
        tl = self.watch(ns)
        self.client(ns, "127.0.0.1", port)
        wait_until("it to be established",
                   lambda: any(s[:2] == (ESTABLISHED, port) for s in ns.tcp_states()))
        time.sleep(0.1)
        pid, _ = self.do(p, "accept")
        r = self.one(tl.stop(), "ok", port, pid=pid)
        self.assertGreaterEqual(r["queue_us"], 100000)

    def test_goodbye_meanwhile(self):
        """The peer's FIN comes while accept() is about to return: it is one line still."""
        ns = self.ns()
        with ns, socket.create_server(("127.0.0.1", 0)) as ls:
            port, got = ls.getsockname()[1], []
            tl = self.watch(ns)
            with Page(self) as page:
                t = threading.Thread(target=lambda: got.append(page.accept(ls)))
                t.start()
                c = socket.create_connection(ls.getsockname())
                page.touched()
                c.close()
                wait_until("its FIN", lambda: any(s[:2] == (CLOSE_WAIT, port) for s in ns.tcp_states()))
            t.join()
            os.close(got[0])
        self.one(tl.stop(), "ok", port, pid=os.getpid(), owner="accept")


class NotAccepted(In):
    def test_listener_closed(self):
        ns = self.ns()
        p, port = self.server(ns)
        tl = self.watch(ns)
        self.client(ns, "127.0.0.1", port)
        self.do(p, "close")
        self.one(tl.stop(), "unaccepted", port, pid=p.pid, listener_pid=p.pid, owner="listener")

    def test_listener_killed(self):
        ns = self.ns()
        p, port = self.server(ns)
        tl = self.watch(ns)
        self.client(ns, "127.0.0.1", port)
        p.signal(signal.SIGKILL)
        p.wait()
        self.one(tl.stop(), "unaccepted", port, pid=p.pid, listener_pid=p.pid)

    def test_pending(self):
        ns = self.ns()
        p, port = self.server(ns)
        tl = self.watch(ns, "--failed")
        self.client(ns, "127.0.0.1", port)
        time.sleep(0.1)
        r = self.one(tl.stop(), "pending", port, pid=p.pid, listener_pid=p.pid)
        self.assertGreaterEqual(r["queue_us"], 100000)

    def test_reset_then_accepted(self):
        """The client resets while it waits; accept() still hands it out."""
        ns = self.ns()
        p, port = self.server(ns)
        tl = self.watch(ns)
        c = self.client(ns, "127.0.0.1", port)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
        wait_until("the reset", lambda: not any(s[:2] == (ESTABLISHED, port) for s in ns.tcp_states()))
        pid, _ = self.do(p, "accept")
        self.one(tl.stop(), "reset", port, pid=pid, errno="ECONNRESET")

    def test_closed_then_accepted(self):
        """The client says goodbye while it waits: it is accepted all the same."""
        ns = self.ns()
        p, port = self.server(ns)
        tl = self.watch(ns)
        self.client(ns, "127.0.0.1", port).close()
        wait_until("its FIN", lambda: any(s[:2] == (CLOSE_WAIT, port) for s in ns.tcp_states()))
        pid, _ = self.do(p, "accept")
        self.one(tl.stop(), "ok", port, pid=pid)

    def test_overflow(self):
        """A full accept queue: each client is one line, however often it asks."""
        need_ipv6()
        net = self.veth()
        for addr in (net.b.addr4, net.b.addr6):
            with self.subTest(addr=addr):
                p, port = self.server(net.b, addr, backlog=0)
                tl = self.watch(net.b, "-L", port)
                self.client(net.a, addr, port)
                wait_until("the queue to be full", lambda: any(
                    s[:2] == (ESTABLISHED, port) for s in net.b.tcp_states()))
                late = []
                for _ in range(2):
                    with net.a:
                        s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
                    self.addCleanup(s.close)
                    s.setblocking(False)
                    s.connect_ex((addr, port))
                    late.append(s.getsockname()[1])
                drops = net.b.counters()["TcpExt.ListenOverflows"]
                wait_until("a second try", lambda: net.b.counters()["TcpExt.ListenOverflows"] >= drops + 1)
                got = [x for x in tl.stop().records if x["result"] == "overflow"]
                self.assertEqual(sorted(x["rport"] for x in got), sorted(late), got)
                for x in got:
                    self.assertEqual((x["pid"], x["listener_pid"], x["lport"]), (p.pid, p.pid, port))

    def knock(self, net, addr, port, times):
        """So many connects that nobody waits for.  Their ports."""
        ports = []
        for _ in range(times):
            with net.a:
                s = socket.socket()
            self.addCleanup(s.close)
            s.setblocking(False)
            s.connect_ex((addr, port))
            ports.append(s.getsockname()[1])
        return ports

    def test_overflow_beside_others(self):
        """Of two that listen on the port at different addresses each has its own queue."""
        net = self.veth()
        net.b.ip(f"addr add 10.99.0.77/24 dev {net.b.dev}")
        full, port = self.server(net.b, net.b.addr4, backlog=0)
        other, _ = self.server(net.b, "10.99.0.77", port=port)
        self.client(net.a, net.b.addr4, port)
        wait_until("the queue to be full", lambda: (ESTABLISHED, port) in [s[:2] for s in net.b.tcp_states()])
        before = net.b.counters()["TcpExt.ListenOverflows"]
        tl = self.watch(net.b)
        late = self.knock(net, net.b.addr4, port, 2)
        self.client(net.a, "10.99.0.77", port)
        wait_until("overflows", lambda: net.b.counters()["TcpExt.ListenOverflows"] >= before + 2)
        self.do(other, "accept")
        got = {(r["rport"], r["result"], r["pid"]) for r in tl.stop().records}
        self.assertLessEqual({(p, "overflow", full.pid) for p in late}, got)
        self.assertIn(("ok", other.pid), [g[1:] for g in got])

    def test_overflow_in_a_group(self):
        """Whose turn it was is not known: then nobody is blamed, least for what another has accepted."""
        net = self.veth()
        full, port = self.server(net.b, net.b.addr4, backlog=0)
        other, _ = self.server(net.b, net.b.addr4, backlog=100, port=port)
        tl = self.watch(net.b)
        knocks = self.knock(net, net.b.addr4, port, 20)
        before = net.b.counters()["TcpExt.ListenOverflows"]
        wait_until("overflows", lambda: net.b.counters()["TcpExt.ListenOverflows"] > before)
        there = [s for s in net.b.tcp_states() if s[:2] == (ESTABLISHED, port)]
        self.assertGreater(len(there), 2)
        self.do(other, "accept")
        res = tl.stop()
        self.assertEqual({r["result"] for r in res.records}, {"ok", "pending"})
        self.assertLess(len({r["rport"] for r in res.records}), len(knocks))


if __name__ == "__main__":
    main()
