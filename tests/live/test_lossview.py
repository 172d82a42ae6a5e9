#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`loss`: what it tells, against the kernel's own counters and tcpdump; and what it does not."""

import os
import socket
import struct
import time

from lib import Case, kernel, main, need_nft, parse_pcap, quiesce

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6


class Retransmits(Case):
    def test_as_the_kernel_counts(self):
        """On a link that loses 5 %: as many segments sent again as TcpRetransSegs says."""
        net = self.veth(relay=True)
        self.relay(net, loss=50)
        before = net.a.counters()["Tcp.RetransSegs"]
        tl = self.lens("loss", "--netns", net.a.path)
        traffic = self.live("traffic")
        server = self.spawn([traffic, "server", "-a", net.b.addr4, "-p", "0", "-s", "both",
                             "-b", "500000"], ns=net.b)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        self.spawn([traffic, "client", "-a", net.b.addr4, "-p", port, "-s", "both",
                    "-b", "500000"], ns=net.a).check()
        server.check()
        quiesce(*net.sides)
        r = [x for x in tl.stop().records if x["event"] == "retransmit"]
        self.assertGreater(len(r), 0)
        self.assertEqual(sum(x["segs"] for x in r), net.a.counters()["Tcp.RetransSegs"] - before)
        self.assertTrue(all(x["kind"] != "other" for x in r), r)


class Ordinary(Case):
    """Where nothing goes wrong there is nothing to tell."""

    def pairs(self, net):
        yield net.a, "127.0.0.1"
        yield net.b, net.b.addr4
        if net.ipv6:
            yield net.b, net.b.addr6

    def closes(self, c, a):
        """Ways to end a connection without a loss: each closes both ends."""
        def first(x, y):
            x.close()
            self.assertEqual(y.recv(1), b"")
            y.close()

        def half(x, y):
            """The peer's FIN is there, and data goes on."""
            x.shutdown(socket.SHUT_WR)
            self.assertEqual(y.recv(1), b"")
            for _ in range(3):
                y.sendall(b"x")
                self.assertEqual(x.recv(1), b"x")
            y.close()
            self.assertEqual(x.recv(1), b"")
            x.close()
        return [lambda: first(c, a), lambda: first(a, c), lambda: half(c, a), lambda: half(a, c)]

    def test_closes(self):
        """ACKs behind a FIN, FINs that TIME-WAIT takes: the kernel frees them like drops, without a reason."""
        net = self.veth()
        tl = self.lens("loss", "--netns", f"{net.a.path},{net.b.path}")
        for side, addr in self.pairs(net):
            family = socket.AF_INET6 if ":" in addr else socket.AF_INET
            with side, socket.socket(family) as s:
                s.bind((addr, 0))
                s.listen(5)
                for how in range(4):
                    with net.a:
                        c = socket.create_connection(s.getsockname()[:2])
                    self.closes(c, s.accept()[0])[how]()
        quiesce(*net.sides)
        self.assertEqual(tl.stop().records, [])

    def test_captured(self):
        """A capture that does not keep up loses its own copies: TCP has lost nothing."""
        net = self.veth()
        captures = []
        for side in net.sides:
            for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM):
                with side:
                    s = socket.socket(socket.AF_PACKET, kind, socket.htons(ETH_P_ALL))
                self.addCleanup(s.close)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                captures.append(s)
        tl = self.lens("loss", "--netns", f"{net.a.path},{net.b.path}")
        with net.b, socket.create_server((net.b.addr4, 0)) as ls:
            with net.a:
                c = socket.create_connection(ls.getsockname())
            a = ls.accept()[0]
        for _ in range(30):
            c.sendall(b"x" * 1000)
            self.assertEqual(len(a.recv(1000, socket.MSG_WAITALL)), 1000)
        a.close()
        self.assertEqual(c.recv(1), b"")
        c.close()
        quiesce(*net.sides)
        for s in captures:
            packets, drops = struct.unpack("II", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
            self.assertGreater(drops, 0, f"of {packets}")
        self.assertEqual([r for r in tl.stop().records if r["event"] == "drop"], [])

    def test_deferred(self):
        """With TCP_DEFER_ACCEPT the handshake's ACK makes no socket: it is not lost."""
        if kernel() < (6, 11):
            self.skipTest("this kernel does not tell whose packet it frees")
        ns = self.ns()
        tl = self.lens("loss", "--netns", ns.path)
        with ns, socket.socket() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
            s.bind(("127.0.0.1", 0))
            s.listen(5)
            with socket.create_connection(s.getsockname()) as c:
                c.sendall(b"x")
                with s.accept()[0] as a:
                    self.assertEqual(a.recv(1), b"x")
                    a.sendall(b"y")
                    a.shutdown(socket.SHUT_WR)
                    self.assertEqual(c.recv(2), b"y")
                    self.assertEqual(c.recv(2), b"")
                    c.close()
                    self.assertEqual(a.recv(1), b"")
        quiesce(ns)
        self.assertEqual(tl.stop().records, [])


class Told(Case):
    """Each kind has a line, with its owner."""

    def told(self, res, **want):
        """The records that have all of these."""
        return [r for r in res.records if all(r.get(k) == v for k, v in want.items())]

    def test_closed_port(self):
        """Nobody listens: the drop, the reset that answers it, and the client's that receives it; -p takes its own only."""
        ns = self.ns()
        all_, own = self.lens("loss", "--netns", ns.path), self.lens("loss", "-p", os.getpid())
        with ns, socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
            self.assertNotEqual(s.connect_ex(("127.0.0.1", 1)), 0)
        got, mine = all_.stop(), own.stop()
        r = self.told(got, event="reset", dir="in", pid=os.getpid())
        self.assertEqual([(x["lport"], x["rport"], x["state"]) for x in r], [(port, 1, "SYN-SENT")])
        self.assertEqual([(x["event"], x["dir"], x["lport"]) for x in mine.records], [("reset", "in", port)])
        if any("reason" in x for x in got.records):  # 5.17
            d = self.told(got, event="drop", reason="NO_SOCKET", dir="in", lport=1, rport=port)
            self.assertEqual([x["flags"] for x in d], [["SYN"]])
            self.assertTrue(all("pid" not in x for x in d), d)

    def test_firewall(self):
        """SYNs that nft drops: each is a drop of the sender's, and each further try a retransmit of kind syn."""
        ns = self.ns()
        need_nft(ns, """
            table inet f {
                chain o { type filter hook output priority 0; tcp dport 81 drop; }
            }""")
        before = ns.counters()["Tcp.RetransSegs"]
        tl = self.lens("loss", "--netns", ns.path)
        with ns, socket.socket() as s:
            s.settimeout(1.5)
            self.assertRaises(OSError, s.connect, ("127.0.0.1", 81))
        res = tl.stop()
        tried = ns.counters()["Tcp.RetransSegs"] - before
        again = self.told(res, event="retransmit")
        self.assertGreater(tried, 0)
        self.assertEqual(len(again), tried if kernel() >= (6, 18) else 0)  # doctor: "that this host itself drops"
        self.assertEqual([(x["kind"], x["attempt"], x["state"], x["pid"], x["flags"], x["len"]) for x in again],
                         [("syn", i + 1, "SYN-SENT", os.getpid(), ["SYN"], 0) for i in range(len(again))])
        drops = self.told(res, event="drop", dir="out", rport=81, pid=os.getpid())
        self.assertEqual(len(drops), tried + 1, res.records)
        for x in drops:
            self.assertIn(x.get("reason", "NETFILTER_DROP"), ("NETFILTER_DROP", "NOT_SPECIFIED"))

    def test_accepted_by_another(self):
        """A connection that a child of the listener's process has accepted, and not used yet: it is the child's."""
        ns = self.ns()
        srv = self.spawn([self.live("actor"), "name=master", "listen=0", "fork", "name=worker", "accept",
                          "wait=over", "end", "reap"], ns=ns)
        port = int(srv.expect(rb"^ready (\d+)$")[1])
        worker = int(srv.expect(rb"^who worker (\d+)")[1])
        all_, own = self.lens("loss", "--netns", ns.path), self.lens("loss", "-p", worker)
        with ns, socket.create_connection(("127.0.0.1", port)) as s:
            srv.expect("^at over")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        srv.tell("go")
        srv.check()
        for got in (all_.stop(), own.stop()):
            r = self.told(got, event="reset", dir="in", lport=port)
            self.assertEqual([(x["pid"], x["comm"], x["owner"]) for x in r], [(worker, "worker", "accept")])

    def test_columns(self):
        """The usual columns are no wider than a terminal, whatever happens."""
        ns = self.ns()
        tl = self.lens("loss", "--netns", ns.path, json=False)
        with ns, socket.socket() as s:
            self.assertNotEqual(s.connect_ex(("127.0.0.1", 1)), 0)
        lines = tl.stop().out.decode().splitlines()
        self.assertGreater(len(lines), 1)
        self.assertEqual(lines[0].split(), ["TIME", "PID", "COMM", "REMOTE", "TROUBLE"])
        self.assertLessEqual(max(map(len, lines)), 80, lines)
        self.assertTrue(any(x.endswith("reset in") for x in lines), lines)

    def shut(self, segs, port):
        """For how long, in µs, the window that `port` announces was 0, each time."""
        since, out = None, []
        for s in segs:
            if s.sport != port or "SYN" in s.flags:
                continue
            if s.win == 0 and since is None:
                since = s.ns
            elif s.win and since is not None:
                out.append((s.ns - since) // 1000)
                since = None
        self.assertIsNone(since, "the window is still shut")
        return out

    def test_zero_window(self):
        """A reader that stops for a while: each stall as long as tcpdump saw it, on both sides."""
        net = self.veth()
        tl = self.lens("loss", "--netns", f"{net.a.path},{net.b.path}")
        wire = self.dump(net.b, net.b.dev, net.a.addr4)
        with net.b, socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            s.bind((net.b.addr4, 0))
            s.listen(1)
            port = s.getsockname()[1]
            with net.a:
                c = socket.create_connection(s.getsockname())
            a = s.accept()[0]
        c.setblocking(False)
        sent = 0
        while not any(x.win == 0 and x.sport == port for x in parse_pcap(wire.out)):
            try:
                sent += c.send(b"x" * 4096)
            except BlockingIOError:
                time.sleep(0.01)
        pause = 0.5
        time.sleep(pause)  # the scene: the reader's pause
        while sent:
            sent -= len(a.recv(65536))
        c.close()
        a.close()
        quiesce(*net.sides)
        shut = self.shut(wire.stop(), port)
        self.assertGreater(max(shut) / 1e6, pause * 0.9)
        stalls = self.told(tl.stop(), event="stall")
        for reason in ("peer-window", "own-window"):
            of = [x for x in stalls if x["reason"] == reason]
            self.assertEqual(len(of), len(shut), (stalls, shut))
            for x, us in zip(of, shut):
                self.assertEqual((x["pid"], "open" in x), (os.getpid(), False), x)
                self.assertAlmostEqual(x["stall_us"], us, delta=max(us * 0.05, 5000))


if __name__ == "__main__":
    main()
