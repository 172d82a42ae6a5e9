#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""One line per connection: its counters, its end, and what limited it."""

import os
import re
import signal
import sys

from lib import quiesce, Case, main, need_prog
from lib.proc import run

PEER = """
import socket, sys, time
role, addr, port, what = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
l = s = socket.socket()
def buf(opt, n): s.setsockopt(socket.SOL_SOCKET, opt, n)
if role == "server":
    if what in ("rwnd", "reader"): buf(socket.SO_RCVBUF, 8192)
    l.bind((addr, port)); l.listen()
    print("ready", l.getsockname()[1], flush=True)
    s, _ = l.accept()
else:
    if what == "sndbuf": buf(socket.SO_SNDBUF, 4608)
    s.connect((addr, port))
if role == "server":
    n = 0
    while True:
        if what in ("rwnd", "reader"): time.sleep(0.02)
        b = s.recv(2048)
        if not b: break
        n += len(b)
    print("got", n, flush=True)
else:
    end, n = time.monotonic() + 1.5, 0
    while time.monotonic() < end:
        if what == "app":
            time.sleep(0.1); n += s.send(b"x" * 100)
        else:
            n += s.send(b"x" * 16384)
    print("sent", n, flush=True)
s.close()
"""


class Lives(Case):
    def shape(self, net, shape, *opts, server_opts=(), clean=True):
        t = self.live("traffic")
        server = self.spawn([t, "server", "-a", net.b.addr4, "-p", "0", "-s", shape, *opts], ns=net.b)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        client = self.spawn([t, "client", "-a", net.b.addr4, "-p", port, "-s", shape, *opts], ns=net.a)
        if clean:
            client.check()
            server.check()
        return client, server, int(port)

    def sides(self, lives, port):
        """(client's records, server's records) of that port."""
        for r in lives:
            self.assertEqual(sum(r["verdict"].values()), 100, r)
            self.assertLess(r["dur_us"], 600e6)
        return [r for r in lives if r["rport"] == port], [r for r in lives if r["lport"] == port]


class Ends(Lives):
    """Who ended it, and how; bytes as the programs sent them."""

    def check_shape(self, shape, client, server, tx=100, rx=200):
        net = self.veth()
        tl = self.lens("life", "--netns", f"{net.a.path},{net.b.path}")
        _, _, port = self.shape(net, shape)
        (c,), (s,) = self.sides(tl.stop().lives, port)
        self.assertEqual((c["ended"], c.get("ended_by")), client, c)
        self.assertEqual((s["ended"], s.get("ended_by")), server, s)
        self.assertEqual((c["tx"], c["rx"]), (tx, rx), c)
        self.assertEqual((s["tx"], s["rx"]), (rx, tx), s)
        self.assertEqual((c["dir"], s["dir"]), ("out", "in"))
        self.assertEqual((c["comm"], s["comm"]), ("traffic", "traffic"))
        self.assertGreater(c["connect_us"], 0)
        self.assertLessEqual(c["connect_us"], c["dur_us"])

    def test_fin_by_client(self):
        self.check_shape("short", ("fin", "local"), ("fin", "remote"))

    def test_fin_by_server(self):
        self.check_shape("srvclose", ("fin", "remote"), ("fin", "local"))

    def test_rst_by_client(self):
        self.check_shape("reset", ("rst", "local"), ("rst", "remote"))

    def test_rst_by_server(self):
        self.check_shape("srvreset", ("rst", "remote"), ("rst", "local"), rx=0)

    def test_killed(self):
        net = self.veth()
        tl = self.lens("life", "--netns", net.a.path)
        client, server, _ = self.shape(net, "hold", clean=False)
        client.expect(rb"^held")
        server.expect(rb"^held")
        client.signal(signal.SIGKILL)
        tl.expect(rb'"event":"life"')
        (r,) = tl.stop().lives
        self.assertEqual((r["ended"], r["ended_by"]), ("exit", "local"), r)

    def test_open_and_older(self):
        """Open at the end, and older than the tracer: marked, bytes right, equal to ss."""
        need_prog("ss")
        net = self.veth()
        client, server, port = self.shape(net, "hold", clean=False)
        client.expect(rb"^held")
        server.expect(rb"^held")
        tl = self.lens("life", "--netns", f"{net.a.path},{net.b.path}")
        with net.a:
            ss = run(["ss", "-tin", "dport", f"= :{port}"]).decode()
        res = tl.stop()
        (c,), (s,) = self.sides(res.lives, port)
        for r in (c, s):
            self.assertTrue(r["open"] and r["partial"], r)
            self.assertEqual((r["ended"], r["tx"], r["rx"]), ("open", 100, 100), r)
            self.assertNotIn("connect_us", r)
        self.assertEqual(int(re.search(r"bytes_sent:(\d+)", ss)[1]), c["tx"])
        self.assertEqual(int(re.search(r"bytes_received:(\d+)", ss)[1]), c["rx"])
        self.assertEqual(int(re.search(r"segs_out:(\d+)", ss)[1]), c["segs_out"])
        client.tell("")
        server.tell("")


class Bytes(Lives):
    def test_retransmits(self):
        """A bad link: bytes exact, and retransmits equal to the namespace's counter."""
        net = self.veth(relay=True)
        self.relay(net, loss=20)
        before = net.a.counters()["Tcp.RetransSegs"]
        tl = self.lens("life", "--netns", net.a.path)
        _, _, port = self.shape(net, "up", "-b", "500000")
        (c,), _ = self.sides(tl.stop().lives, port)
        self.assertEqual((c["tx"], c["rx"]), (500000, 0))
        self.assertEqual(c["retrans"], net.a.counters()["Tcp.RetransSegs"] - before)
        self.assertGreater(c["retrans"], 0)

    def test_churn(self):
        """Thousands of short connections: each has one line, or is among the lost."""
        net = self.veth()
        conns, jobs = int(os.environ.get("TCPLENS_CHURN", "2000")) // 4, 4
        tl = self.lens("life", "--netns", net.b.path)
        _, _, port = self.shape(net, "silent", "-n", str(conns), "-j", str(jobs), "-q", "4096")
        res = tl.stop(lossless=False)
        ids = [r["conn"] for r in res.lives]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(len(ids) + res.lost.get("life", 0), conns * jobs)


class Verdicts(Lives):
    def limited(self, what, side=0, net=None):
        net = net or self.veth()
        tl = self.lens("life", "--netns", f"{net.a.path},{net.b.path}")
        server = self.spawn([sys.executable, "-c", PEER, "server", net.b.addr4, "0", what], ns=net.b)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        client = self.spawn([sys.executable, "-c", PEER, "client", net.b.addr4, port, what], ns=net.a)
        client.check()
        server.check()
        quiesce(net.a, net.b)
        c, s = self.sides(tl.stop().lives, int(port))
        self.assertEqual(c[0]["tx"], int(re.search(rb"sent (\d+)", client.out)[1]))
        self.assertEqual(s[0]["rx"], int(re.search(rb"got (\d+)", server.out)[1]))
        return (c, s)[side][0]

    def test_idle(self):
        r = self.limited("app")
        self.assertEqual(r["limit"], "app", r["verdict"])

    def test_peers_window(self):
        r = self.limited("rwnd")
        self.assertEqual(r["limit"], "rwnd", r["verdict"])

    def test_own_reader(self):
        r = self.limited("reader", side=1)
        self.assertEqual(r["limit"], "reader", r["verdict"])

    def test_send_buffer(self):
        net = self.veth(relay=True)
        self.relay(net, delay=10)
        r = self.limited("sndbuf", net=net)
        self.assertEqual(r["limit"], "sndbuf", r["verdict"])

    def test_path(self):
        """1 % loss and 50 ms: the congestion window, or the repair of what was lost."""
        net = self.veth(relay=True)
        self.relay(net, loss=10, delay=25)
        r = self.limited("path", net=net)
        self.assertIn(r["limit"], ("path", "loss"), r["verdict"])


if __name__ == "__main__":
    main()
