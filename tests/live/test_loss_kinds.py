#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`loss`: each kind of retransmit, made on purpose: against tcpdump on the same wire and the kernel's counters."""

import collections
import os
import socket
import struct

from lib import Case, main, need_ipv6, need_nft, quiesce

MSS = 1448  # of 1500 bytes, with timestamps; IPv6: 20 less
SYN_AND_ACK = "tcp flags & (syn|ack) == (syn|ack)"
# TCP_REPAIR and what goes with it (linux/tcp.h)
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
SSTHRESH = 76  # tcpi_snd_ssthresh in struct tcp_info
SEND_QUEUE, OFF_WITHOUT_PROBE = 2, -1


def firewall(ns, rule):
    """Drops what comes in and matches."""
    need_nft(ns, "table inet t\ndelete table inet t\ntable inet t {\n chain c {\n"
                 f"  type filter hook prerouting priority -300;\n  {rule} drop\n }}\n}}\n")


def first(n):
    """Of what matches the rest of a rule, the first `n` packets."""
    return f"limit rate 1/hour burst {n} packets"


def start_at(s, seq):
    """The first sequence number of a connection that is not begun yet."""
    for opt, value in ((TCP_REPAIR, 1), (TCP_REPAIR_QUEUE, SEND_QUEUE), (TCP_QUEUE_SEQ, seq),
                       (TCP_REPAIR, OFF_WITHOUT_PROBE)):
        s.setsockopt(socket.IPPROTO_TCP, opt, value if value < 1 << 31 else value - (1 << 32))


class Kinds(Case):
    """Side a sends, b is behind a delay of 20 ms each way: what is sent again is captured where it leaves."""

    def setUp(self):
        self.net = self.veth(relay=True)
        self.relay(self.net, delay=20)

    def listener(self, addr):
        with self.net.b:
            s = socket.socket(socket.AF_INET6 if ":" in addr else socket.AF_INET)
        self.addCleanup(s.close)
        s.bind((addr, 0))
        s.listen(5)
        return s

    def connect(self, to, seq=None):
        with self.net.a:
            c = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET)
        self.addCleanup(c.close)
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
        if seq is not None:
            start_at(c, seq)
        c.connect(to[:2])
        return c

    def pair(self, addr=None, seq=None):
        """(listener, client, its twin)"""
        ls = self.listener(addr or self.net.b.addr4)
        c = self.connect(ls.getsockname(), seq)
        twin = ls.accept()[0]
        self.addCleanup(twin.close)
        return ls, c, twin

    def watch(self, ns, addr=None):
        self.ns_ = ns
        self.tl = self.lens("loss", "--netns", ns.path)
        self.wire = self.dump(ns, "v0", self.net.b.addr4 if ns is self.net.a else self.net.a.addr4)
        self.before = ns.counters()

    def judge(self):
        """The retransmits: those that the wire shows, in this order, counted as the kernel counts them."""
        quiesce(*self.net.sides)
        now = self.ns_.counters()
        self.grown = collections.Counter({k: v - self.before.get(k, 0) for k, v in now.items()})
        own = [p for p in self.wire.stop() if p.smac == self.ns_.mac]
        res = self.tl.stop()
        r = [x for x in res.records if x["event"] == "retransmit"]
        times, again = collections.Counter(), []
        for p in own:
            what = (p.sport, p.seq, p.len, tuple(sorted(p.flags - {"PSH"})))
            # What can be sent again: not the bare ACKs.
            if p.len or p.flags & {"SYN", "FIN"}:
                if times[what]:
                    again.append((what, times[what]))
                times[what] += 1

        def key(x):
            return (x["lport"], x["seq"], x["len"], tuple(sorted(set(x["flags"]) - {"PSH"}))), x["attempt"]
        if r and r[0]["kind"] != "syn-ack":  # those have no number of their own yet
            self.assertEqual([key(x) for x in r], again)
        else:
            self.assertEqual([x["attempt"] for x in r], [n for _, n in again])
        self.assertEqual(sum(x["segs"] for x in r), self.grown["Tcp.RetransSegs"], r)
        kinds = collections.Counter(x["kind"] for x in r)
        self.assertEqual(kinds["syn"] + kinds["syn-ack"], self.grown["TcpExt.TCPSynRetrans"], r)
        self.assertEqual(kinds["fast"], self.grown["TcpExt.TCPFastRetrans"], r)
        self.assertEqual(kinds["tlp"], self.grown["TcpExt.TCPLossProbes"], r)
        self.assertEqual({x["pid"] for x in r}, {os.getpid()}, r)
        return r

    def fast(self, addr, seq=None):
        """The first of ten segments is lost; those behind it tell.  The retransmit."""
        ls, c, twin = self.pair(addr, seq)
        firewall(self.net.b, f"tcp dport {ls.getsockname()[1]} meta length > 1000 {first(1)}")
        self.watch(self.net.a)
        data = bytes(10 * MSS)
        c.sendall(data)
        n = 0
        while n < len(data):
            n += len(twin.recv(65536))
        ssthresh = struct.unpack_from("I", c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 84), SSTHRESH)[0]
        c.close()
        twin.close()
        r = self.judge()
        sent = [x for x in r if x["len"]]  # and not a FIN, on a busy machine
        self.assertEqual([(x["kind"], x["attempt"], x["state"]) for x in sent], [("fast", 1, "ESTABLISHED")])
        # Ten at first, more with each that arrives; Reno halves it.
        self.assertIn(sent[0]["cwnd_before"], range(10, 20))
        self.assertEqual(sent[0]["cwnd_before"] // 2, ssthresh)
        self.assertIn(sent[0]["cwnd"], range(1, 11))
        return sent

    def test_fast(self):
        need_ipv6()
        for addr in (self.net.b.addr4, self.net.b.addr6):
            with self.subTest(addr=addr):
                self.fast(addr)

    def test_fast_where_the_numbers_wrap(self):
        """Sequence numbers that begin anew in the middle of what is in flight."""
        r = self.fast(self.net.b.addr4, (1 << 32) - 1 - MSS // 2)
        self.assertEqual(r[0]["seq"], (1 << 32) - MSS // 2)

    def test_probe_then_timer(self):
        """One segment alone, lost three times: the probe, then the timer, and it again."""
        ls, c, twin = self.pair()
        firewall(self.net.b, f"tcp dport {ls.getsockname()[1]} meta length > 1000 {first(3)}")
        self.watch(self.net.a)
        c.sendall(bytes(MSS))
        n = 0
        while n < MSS:
            n += len(twin.recv(65536))
        c.close()
        twin.close()
        r = [x for x in self.judge() if x["len"]]
        self.assertEqual([(x["kind"], x["attempt"]) for x in r], [("tlp", 1), ("rto", 2), ("rto", 3)])
        self.assertEqual([(x["cwnd_before"], x["cwnd"]) for x in r], [(10, 10), (10, 1), (10, 1)])

    def test_goodbye(self):
        """A FIN that gets lost, of a socket that its process has closed: its process is still told."""
        ls, c, twin = self.pair()
        firewall(self.net.b, f"tcp dport {ls.getsockname()[1]} tcp flags & fin == fin {first(2)}")
        self.watch(self.net.a)
        c.close()
        self.assertEqual(twin.recv(1), b"")
        twin.close()
        r = self.judge()
        self.assertEqual([(x["len"], x["state"], x["attempt"]) for x in r],
                         [(0, "FIN-WAIT-1", 1), (0, "FIN-WAIT-1", 2)])

    def test_syn(self):
        ls = self.listener(self.net.b.addr4)
        firewall(self.net.b, f"tcp dport {ls.getsockname()[1]} tcp flags & (syn|ack) == syn {first(1)}")
        self.watch(self.net.a)
        c = self.connect(ls.getsockname())
        twin = ls.accept()[0]
        c.close()
        twin.close()
        r = self.judge()
        self.assertEqual([(x["kind"], x["attempt"], x["state"]) for x in r], [("syn", 1, "SYN-SENT")])

    def test_syn_ack(self):
        """The server's answer gets lost twice: its own timer, and the client's SYN, have it sent again."""
        ls = self.listener(self.net.b.addr4)
        firewall(self.net.a, f"{SYN_AND_ACK} {first(2)}")
        self.watch(self.net.b)
        c = self.connect(ls.getsockname())
        port = c.getsockname()[1]
        twin = ls.accept()[0]
        c.close()
        twin.close()
        r = self.judge()
        self.assertGreater(len(r), 1)
        self.assertEqual([(x["kind"], x["lport"], x["rport"], x["owner"], x["state"]) for x in r],
                         [("syn-ack", ls.getsockname()[1], port, "listener", "SYN-RECEIVED")] * len(r))


if __name__ == "__main__":
    main()
