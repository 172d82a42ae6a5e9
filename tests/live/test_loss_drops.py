#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`loss`: what the kernel drops, each made on purpose: whose it was, and the kernel's name for why."""

import collections
import os
import socket
import struct

from lib import Case, craft, kernel, main, need_nft, wait_until
from lib.paused import Paused

IP_MINTTL, TCP_MD5SIG = 21, 14
SO_ATTACH_FILTER = 26
WINDOW = 1 << 20  # so much is always beyond what a small buffer lets the peer send


def first(*names):
    """What this kernel calls it: the first of the names, newest first, that it has (in its BTF's strings)."""
    with open("/sys/kernel/btf/vmlinux", "rb") as f:
        btf = f.read()
    return next((n for n in names if b"\0SKB_DROP_REASON_%s\0" % n.encode() in btf), "NOT_SPECIFIED")


class Drops(Case):
    """Side a has a connection, and gets beside what its peer sends what the peer would never send."""

    def setUp(self):
        if first("NO_SOCKET") == "NOT_SPECIFIED":
            self.skipTest("the kernel does not tell why (before 5.17)")
        self.net = self.veth()

    def need_socket(self):
        """tcp_data_queue() and tcp_add_backlog() take all that tells the namespace off before they drop."""
        if kernel() < (6, 11):
            self.skipTest("the kernel does not tell which socket these drops are of (before 6.11)")

    def connect(self, rcvbuf=0):
        """A connection; what is next in each direction, and the timestamps, are read from the wire."""
        net = self.net
        with net.b:
            ls = socket.create_server((net.b.addr4, 0))
        ls_name = ls.getsockname()
        dump = self.dump(net.b, "v0", net.a.addr4)
        with net.a:
            self.sock = socket.socket()
        self.addCleanup(self.sock.close)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.connect(ls_name)
        self.peer = ls.accept()[0]
        ls.close()
        self.addCleanup(self.peer.close)
        self.port, (self.addr, self.rport) = self.sock.getsockname()[1], ls_name
        dump.wait_segments("the handshake", lambda segs: len(segs) >= 3)
        segs = dump.stop()
        syn_ack = next(s for s in segs if {"SYN", "ACK"} <= s.flags)
        self.window = next(s for s in segs if s.flags == {"ACK"}).scaled  # that a offers
        self.rcv, self.snd = syn_ack.seq + 1, syn_ack.ack
        self.times = syn_ack.tsval + 100000, syn_ack.tsecr  # later than anything that the peer sends

    def segment(self, *flags, at=0, ack=0, data=b"", later=0, **kw):
        """From the peer: `at` bytes behind what a expects next."""
        net = self.net
        return craft.frame(net.b.mac, net.a.mac, self.addr, net.a.addr4, self.rport, self.port, flags or ("ACK",),
                           seq=self.rcv + at, ack=self.snd + ack, data=data,
                           times=(self.times[0] + later, self.times[1]), **kw)

    def send(self, *frames):
        craft.inject(self.net.b, "v0", *frames)

    def watch(self):
        return self.lens("loss", "--netns", self.net.a.path)

    def counters(self, *names):
        now = self.net.a.counters()
        return {n: now[n] for n in names}

    def reasons(self, tl):
        """{reason: how many drops}, all of them of this process's connection and coming in."""
        got = [r for r in tl.stop().records if r["event"] == "drop"]
        for r in got:
            self.assertEqual((r["dir"], r.get("pid"), r["lport"], r["rport"]),
                             ("in", os.getpid(), self.port, self.rport), r)
            self.assertIn("location", r)
        return collections.Counter(r["reason"] for r in got)

    def test_segments(self):
        """Segments that TCP does not take: each of them once, and as often as the kernel counts."""
        self.connect(rcvbuf=65536)
        count = ("Tcp.InCsumErrors", "TcpExt.PAWSEstab")
        before = self.counters(*count)
        tl = self.watch()
        half = b"x" * 10
        self.sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 60)
        self.peer.sendall(half)
        self.assertEqual(self.sock.recv(10), half)
        wait_until("the acknowledgment", lambda: not self.unacked())
        self.rcv += 10
        self.send(self.segment(data=half, flip=0x0101),
                  self.segment(data=half * 50, flip=0x0101),
                  self.segment(data=half, later=-200000),
                  self.segment(at=-9, data=half[:5]),
                  self.segment(at=WINDOW, data=half),
                  self.segment("PSH", data=half),
                  self.segment(ack=WINDOW, data=half))
        self.sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 200)
        ttl = "TcpExt.TCPMinTTLDrop"
        had = self.counters(ttl)[ttl]
        self.send(self.segment(data=half))
        wait_until("the drop for its TTL", lambda: self.counters(ttl)[ttl] > had)
        self.sock.setsockopt(socket.IPPROTO_IP, IP_MINTTL, 0)
        want = collections.Counter(TCP_CSUM=2, TCP_RFC7323_PAWS=1, TCP_INVALID_SEQUENCE=1,
                                   TCP_FLAGS=1, TCP_ACK_UNSENT_DATA=1)
        want[first("TCP_OLD_SEQUENCE", "TCP_INVALID_SEQUENCE")] += 1
        want[first("TCP_MINTTL")] += 1
        self.assertEqual(self.reasons(tl), want)
        after = self.counters(*count)
        self.assertEqual([after[n] - before[n] for n in count], [2, 1])

    def unacked(self):
        import fcntl
        import termios
        return struct.unpack("i", fcntl.ioctl(self.peer, termios.TIOCOUTQ, b"0000"))[0]

    def test_filter(self):
        """A socket filter that takes nothing (sk_filter_trim_cap())."""
        self.connect()
        ret0 = struct.pack("HBBI", 6, 0, 0, 0)
        import ctypes
        code = ctypes.create_string_buffer(ret0)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                             struct.pack("HxxxxxxQ", 1, ctypes.addressof(code)))
        tl = self.watch()
        self.send(*[self.segment(data=b"x")] * 3)
        self.assertEqual(self.reasons(tl), {"SOCKET_FILTER": 3})

    def test_beyond_window(self):
        """Data from where the window ends on, which tcp_sequence() lets through."""
        self.need_socket()
        self.connect()
        tl = self.watch()
        self.send(*[self.segment(at=self.window, data=b"x" * 10)] * 2)
        self.assertEqual(self.reasons(tl), {"TCP_OVERWINDOW": 2})

    def test_no_window(self):
        """Data for a window that is shut: the reader has stopped."""
        self.need_socket()
        self.connect(rcvbuf=4096)
        dump = self.dump(self.net.b, "v0", self.net.a.addr4)
        self.peer.setblocking(False)

        def shut(segs):
            mine = [s for s in segs if s.sport == self.port]
            try:
                while self.peer.send(b"x" * 4096):
                    pass
            except BlockingIOError:
                pass
            return mine and mine[-1].win == 0 and mine[-1]
        ack = dump.wait_segments("the shut window", shut)
        tl = self.watch()
        self.rcv = ack.ack
        self.send(*[self.segment("ACK", "PSH", data=b"y" * 7)] * 2)
        # 6.17 looks first whether it ends within the window.  The peer's own probes are not of 7 bytes.
        got = [r for r in tl.stop().records if r["event"] == "drop" and r["len"] == 7]
        self.assertEqual([(r["reason"], r["pid"], r["lport"]) for r in got],
                         [(first("TCP_INVALID_END_SEQUENCE", "TCP_ZEROWINDOW"), os.getpid(), self.port)] * 2)

    def test_md5(self):
        """A signature (RFC 2385) that is not wanted, is missing, is wrong."""
        self.connect()
        tl = self.watch()
        signed = {"opts": bytes([1, 1, 19, 18]) + b"s" * 16}
        self.send(self.segment(data=b"x", **signed))
        key = struct.pack("H2x4s120xBBHI80s", socket.AF_INET, socket.inet_aton(self.addr), 0, 0, 3, 0, b"key")
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, key)
        except OSError as e:
            self.skipTest(f"this kernel has no TCP MD5: {e}")
        self.send(self.segment(data=b"x"), self.segment(data=b"x", **signed), self.segment(data=b"x", **signed))
        self.assertEqual(self.reasons(tl), {"TCP_MD5UNEXPECTED": 1, "TCP_MD5NOTFOUND": 1, "TCP_MD5FAILURE": 2})

    def test_no_room(self):
        """Pieces that wait for what is before them, more than the receive buffer holds."""
        self.need_socket()
        self.connect(rcvbuf=1)
        tl = self.watch()
        before = self.counters("TcpExt.OfoPruned", "TcpExt.TCPOFODrop")
        # Every second byte: none of them can be joined with its neighbour.  The last ones find no
        # room; those of the second round are worth more, and make it.
        for first in (501, 101):
            self.send(*[self.segment(at=first + 2 * i, data=b"x") for i in range(20)])
        after = self.counters(*before)
        got = self.reasons(tl)
        self.assertEqual(set(got), {"PROTO_MEM", "TCP_OFO_QUEUE_PRUNE"})
        self.assertEqual(got["PROTO_MEM"], after["TcpExt.TCPOFODrop"] - before["TcpExt.TCPOFODrop"])
        self.assertGreater(after["TcpExt.OfoPruned"], before["TcpExt.OfoPruned"])

    def test_backlog(self):
        """The socket is in use, by a recv() that waits for its own memory: the backlog overflows."""
        self.need_socket()
        self.connect(rcvbuf=1)
        tl = self.watch()
        before = self.counters("TcpExt.TCPBacklogDrop")
        with Paused(self.sock) as p:
            self.peer.sendall(b"x")
            p.await_pause()
            # With gaps, so that they are not joined.
            self.send(*[self.segment("ACK", "PSH", at=2 * i, data=b"y") for i in range(1, 400)])
            after = self.counters("TcpExt.TCPBacklogDrop")
        dropped = after["TcpExt.TCPBacklogDrop"] - before["TcpExt.TCPBacklogDrop"]
        self.assertGreater(dropped, 0)
        self.assertEqual(self.reasons(tl)["SOCKET_BACKLOG"], dropped)

    def test_listener(self):
        """A handshake's last ACK that finds the accept queue full (tcp_check_req()): the listener's loss."""
        net = self.net
        with net.a:
            ls = socket.socket()
        self.addCleanup(ls.close)
        ls.bind((net.a.addr4, 0))
        ls.listen(0)
        port = ls.getsockname()[1]

        def late(*flags, **kw):
            craft.inject(net.b, "v0", craft.frame(net.b.mac, net.a.mac, net.b.addr4, net.a.addr4, 7000, port,
                                                  flags, **kw))
        # Its answer would be a reset: the real peer knows nothing of this.
        need_nft(net.b, "table inet t {\n chain c {\n type filter hook input priority 0\n tcp dport 7000 drop\n }\n}")
        dump = self.dump(net.b, "v0", net.a.addr4)
        tl = self.watch()
        late("SYN", seq=100)
        dump.wait_segments("the SYN-ACK", lambda segs: any(s.dport == 7000 for s in segs))
        with net.b, socket.create_connection((net.a.addr4, port)):
            answer = next(s for s in dump.stop() if s.dport == 7000)
            late("ACK", seq=101, ack=answer.seq + 1)
            wait_until("the drop", lambda: self.counters("TcpExt.ListenOverflows")["TcpExt.ListenOverflows"])
        got = [r for r in tl.stop().records if r["event"] == "drop"]
        self.assertEqual([(r["reason"], r["dir"], r["pid"], r["lport"], r["rport"], r["flags"]) for r in got],
                         [(first("TCP_LISTEN_OVERFLOW"), "in", os.getpid(), port, 7000, ["ACK"])])


if __name__ == "__main__":
    main()
