#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How a connection ends, as both of its sides tell it: life's `ended` and `ended_by`."""

import os
import signal
import socket
import struct

from lib import Case, main, need_ipv6, wait_until

# Ends in silence: after a second without an answer.
KEEPALIVE = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
             (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT))


class Ends(Case):
    def pair(self, net, addr=None):
        """(client, server): two connected sockets of this process."""
        addr = addr or net.b.addr4
        family = socket.AF_INET6 if ":" in addr else socket.AF_INET
        with net.b, socket.socket(family) as listener:
            listener.bind((addr, 0))
            listener.listen()
            with net.a:
                c = socket.create_connection(listener.getsockname()[:2], timeout=30)
            s, _ = listener.accept()
        self.addCleanup(c.close)
        self.addCleanup(s.close)
        s.settimeout(30)
        self.port = s.getsockname()[1]
        return c, s

    def life(self, net, *opts):
        return self.lens("life", "--netns", f"{net.a.path},{net.b.path}", *opts)

    def by_port(self, res):
        """{(local port, remote port): record}, each once."""
        found = {(r.get("lport"), r["rport"]): r for r in res.lives}
        self.assertEqual(len(found), len(res.lives))
        return found

    def said(self, r):
        return r["ended"], r.get("ended_by")

    def ends(self, net, tl, cases):
        """cases: {name: ((client, server) sockets' ports, what the client's record says, the server's)}."""
        lives = self.by_port(tl.stop())
        for name, ((cport, sport), client, server) in cases.items():
            with self.subTest(name):
                self.assertEqual(self.said(lives[cport, sport]), client, lives[cport, sport])
                self.assertEqual(self.said(lives[sport, cport]), server, lives[sport, cport])
        return lives

    @staticmethod
    def ports(c, s):
        return c.getsockname()[1], s.getsockname()[1]

    def test_closed(self):
        """FIN and reset, by either side, in every order that the socket calls allow."""
        net = self.veth()
        tl = self.life(net)
        cases = {}

        def case(name, client, server, do, addr=None):
            c, s = self.pair(net, addr)
            cases[name] = (self.ports(c, s), client, server)
            do(c, s)
            c.close()
            s.close()

        def both_ways(c, s):
            c.sendall(b"question")
            s.recv(100)
            s.sendall(b"answer")
            c.recv(100)

        def fin_by_client(c, s):
            both_ways(c, s)
            c.close()
            self.assertEqual(s.recv(1), b"")

        def fin_by_server(c, s):
            s.close()
            self.assertEqual(c.recv(1), b"")

        def half_closed(c, s):
            c.shutdown(socket.SHUT_WR)
            self.assertEqual(s.recv(1), b"")
            s.sendall(b"late")
            s.close()
            self.assertEqual(c.recv(100), b"late")
            self.assertEqual(c.recv(100), b"")

        def linger_zero(one, other):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.close()
            with self.assertRaises(ConnectionResetError):
                other.recv(1)

        def unread(one, other):
            other.sendall(b"never read")
            one.recv(1, socket.MSG_PEEK)
            one.close()
            with self.assertRaises(ConnectionResetError):
                other.recv(1)

        def sent_to_closed(c, s):
            c.close()
            self.assertEqual(s.recv(1), b"")
            s.sendall(b"nobody is there")
            wait_until("the reset", lambda: s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

        mine, theirs = ("fin", "local"), ("fin", "remote")
        rst, got_rst = ("rst", "local"), ("rst", "remote")
        case("fin by client", mine, theirs, fin_by_client)
        case("fin by server", theirs, mine, fin_by_server)
        case("half closed", mine, theirs, half_closed)
        case("linger by client", rst, got_rst, linger_zero)
        case("linger by server", got_rst, rst, lambda c, s: linger_zero(s, c))
        case("unread by client", rst, got_rst, unread)
        case("unread by server", got_rst, rst, lambda c, s: unread(s, c))
        # The client's socket was done when its FIN was acknowledged; the kernel resets without it.
        case("sent to who has closed", mine, got_rst, sent_to_closed)
        lives = self.ends(net, tl, cases)
        cport, sport = cases["fin by client"][0]
        self.assertEqual((lives[cport, sport]["tx"], lives[cport, sport]["rx"]), (8, 6))
        self.assertEqual((lives[sport, cport]["tx"], lives[sport, cport]["rx"]), (6, 8))

    def test_ipv6(self):
        need_ipv6()
        net = self.veth()
        tl = self.life(net)
        c, s = self.pair(net, net.b.addr6)
        ports = self.ports(c, s)
        c.close()
        self.assertEqual(s.recv(1), b"")
        s.close()
        lives = self.ends(net, tl, {"v6": (ports, ("fin", "local"), ("fin", "remote"))})
        self.assertEqual({r["ip"] for r in lives.values()}, {6})

    def test_timeout(self):
        """The peer falls silent: our data is not acknowledged; nothing is sent, and keepalives find out."""
        net = self.veth(relay=True)
        relay = self.relay(net)
        tl = self.life(net)
        c, s = self.pair(net)
        c2, s2 = self.pair(net)
        cases = {"data": (self.ports(c, s), ("timeout", None), ("timeout", None)),
                 "keepalive": (self.ports(c2, s2), ("timeout", None), ("timeout", None))}
        for x in (c, c2, s, s2):
            for level, opt in KEEPALIVE:
                x.setsockopt(level, opt, 1)
        c.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 700)
        self.hold_back(relay)
        c.sendall(b"does not arrive")
        for x in (c, c2, s, s2):
            with self.assertRaises(TimeoutError) as e:
                x.recv(1)
            self.assertEqual(e.exception.errno, 110)
            x.close()
        lives = self.ends(net, tl, cases)
        r = lives[cases["data"][0]]
        self.assertGreater(r["retrans"], 0)
        self.assertEqual(r["tx"], 15, "sent once, whatever was retransmitted")
        self.assertEqual(r["limit"], "loss", r["verdict"])

    def hold(self, net):
        """Client and server processes in the middle of a connection, all data read."""
        t = self.live("traffic")
        server = self.spawn([t, "server", "-a", net.b.addr4, "-p", "0", "-s", "hold"], ns=net.b)
        port = int(server.expect(rb"^ready (\d+)")[1])
        client = self.spawn([t, "client", "-a", net.b.addr4, "-p", str(port), "-s", "hold"], ns=net.a)
        client.expect(rb"^held")
        server.expect(rb"^held")
        return client, server, port

    def test_killed(self):
        """kill -9: the kernel closes, and it is told from a close() of the process."""
        net = self.veth()
        tl = self.life(net)
        c1, s1, p1 = self.hold(net)
        c1.signal(signal.SIGKILL)
        c1.wait()
        s1.tell("")
        s1.check()
        c2, s2, p2 = self.hold(net)
        s2.signal(signal.SIGKILL)
        s2.wait()
        c2.tell("")
        c2.check()
        lives = tl.stop().lives
        got = {(r["lport"] in (p1, p2), p1 in (r["lport"], r["rport"])): self.said(r) for r in lives}
        self.assertEqual(got, {(False, True): ("exit", "local"), (True, True): ("fin", "remote"),
                               (True, False): ("exit", "local"), (False, False): ("fin", "remote")})
        self.assertEqual({r["pid"] for r in lives if r["ended"] == "exit"}, {c1.pid, s2.pid})

    def test_still_open(self):
        """Open when the tracer ends: told once, marked; those it saw begin are not partial."""
        net = self.veth()
        old = self.pair(net)
        old[0].sendall(b"x" * 1000)
        self.assertEqual(len(old[1].recv(1000, socket.MSG_WAITALL)), 1000)
        tl = self.life(net)
        new = self.pair(net)
        new[1].sendall(b"y" * 500)
        self.assertEqual(len(new[0].recv(500, socket.MSG_WAITALL)), 500)
        old[0].sendall(b"x" * 234)
        self.assertEqual(len(old[1].recv(234, socket.MSG_WAITALL)), 234)
        lives = self.by_port(tl.stop())
        self.assertEqual(len(lives), 4, lives.values())
        for pair, partial, tx, rx in ((old, True, 1234, 0), (new, False, 0, 500)):
            c = lives[self.ports(*pair)]
            s = lives[self.ports(*pair[::-1])]
            for r in (c, s):
                self.assertEqual(self.said(r), ("open", None), r)
                self.assertTrue(r["open"])
                self.assertEqual(r.get("partial", False), partial, r)
                self.assertEqual("connect_us" in r, not partial, r)
                self.assertEqual(r["state"], "ESTABLISHED")
                self.assertEqual(r["pid"], os.getpid())
            self.assertEqual((c["tx"], c["rx"]), (tx, rx))
            self.assertEqual((s["tx"], s["rx"]), (rx, tx))

    def test_many_still_open(self):
        """More than the kernel hands over at once (a buffer of eight pages): each once."""
        net = self.veth()
        pairs = [self.pair(net) for _ in range(300)]
        tl = self.life(net)
        pairs += [self.pair(net) for _ in range(100)]
        got = [(r["laddr"], r["lport"], r["raddr"], r["rport"]) for r in tl.stop().records if r.get("open")]
        self.assertEqual(len(got), 800)
        self.assertEqual(len(set(got)), 800)

    def test_attempts(self):
        """What was never established has a line, too: how the attempt ended."""
        net = self.veth()
        tl = self.life(net)
        with net.a:
            with socket.socket() as s, self.assertRaises(ConnectionRefusedError):
                s.connect((net.b.addr4, 9))
            net.a.sysctl("ipv4.tcp_syn_retries", 1)
            with socket.socket() as s, self.assertRaises(OSError):
                net.b.ip(f"link set {net.DEV} down")
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
                s.connect((net.b.addr4, 10))
            s = socket.socket()
            s.setblocking(False)
            self.assertNotEqual(s.connect_ex((net.b.addr4, 11)), 0)
            s.close()
        lives = {r["rport"]: r for r in tl.stop().lives}
        self.assertEqual(self.said(lives[9]), ("rst", "remote"), lives[9])
        self.assertEqual(self.said(lives[10]), ("timeout", None), lives[10])
        self.assertEqual(self.said(lives[11]), ("close", "local"), lives[11])
        for r in lives.values():
            self.assertEqual(r["limit"], "handshake", r)
            self.assertEqual((r["tx"], r["rx"]), (0, 0))

    def test_lines(self):
        """80 characters with IPv4; --wide says all, and never more than JSON does."""
        net = self.veth()
        usual = self.lens("life", "--netns", net.a.path, json=False)
        wide = self.lens("life", "--netns", net.a.path, "--wide", json=False)
        c, s = self.pair(net)
        c.sendall(b"x" * 1000)
        self.assertEqual(len(s.recv(1000, socket.MSG_WAITALL)), 1000)
        s.close()
        self.assertEqual(c.recv(1), b"")
        c.close()
        head, line = usual.stop().out.decode().splitlines()
        self.assertEqual(head.split(), "PID COMM REMOTE TX RX DUR END LIMIT".split())
        self.assertLessEqual(max(len(head), len(line)), 80)
        self.assertRegex(line, r"^ *%d python3 +%s:%d +1000 +0 +[0-9.]+[mu]?s fin-rcvd \w+$" % (
            os.getpid(), net.b.addr4, self.port))
        head, line = wide.stop().out.decode().splitlines()
        self.assertEqual(head.split(), "TIME PID COMM DIR LOCAL REMOTE TX RX DUR CONNECT MINRTT_US "
                         "AVGRTT RETRANS RETR% END VERDICT".split())
        self.assertRegex(line, r" out .* fin-rcvd (\w+ \d+%(, )?)+$")


if __name__ == "__main__":
    main()
