#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`loss`: what it tells, against the kernel's own counters and tcpdump; and what it does not."""

import os
import re
import socket

from lib import Case, main, quiesce


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

    def test_deferred(self):
        """With TCP_DEFER_ACCEPT the handshake's ACK makes no socket: it is not lost."""
        if tuple(int(x) for x in re.findall(r"\d+", os.uname().release)[:2]) < (6, 11):
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


if __name__ == "__main__":
    main()
