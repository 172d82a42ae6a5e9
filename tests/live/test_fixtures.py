#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Recordings of every kind of record: one made here, and those of tests/fixtures, which were made
on other architectures, by other kernels and earlier versions.  Each must give what its .txt says,
in every view: text byte for byte; of JSON all that is in it (there may be more by now).

    tests/live/test_fixtures.py refresh     writes the .txt anew, to be looked at with git diff
"""

import base64
import glob
import json
import os
import shutil
import signal
import socket
import struct
import sys
import time
import unittest

from lib import TCPLENS, Case, main, quiesce, wait_until
from lib.case import proc_state
from lib.lens import TOP, parse_json_lines
from lib.net import ESTABLISHED
from lib.proc import run

FIXTURES = os.path.join(TOP, "tests", "fixtures")
VIEWS = ("trace", "states", "connect", "life", "latency", "loss")
ASKED = [(v, *o) for v in VIEWS for o in (("-T", "-c", "100"), ("--json", "-c", "30"))] + [
    ("connect", "--count"), ("loss", "--count"), ("latency", "--by", "process", "--no-histogram"),
    ("trace", "-T", "--wide", "--dir", "in", "--flags", "SYN"), ("states", "-T", "--state", "SYN-SENT"),
    ("trace", "-T", "-x", "tcp[tcpflags] & tcp-push != 0 and greater 1000")]

REFRESH = "\nif that is as it should be: python3 tests/live/test_fixtures.py refresh, and look at git diff"


def ask(path, args):
    return run([TCPLENS, args[0], "-r", path, "-q", *args[1:]]).decode()


def answers(path):
    """What the recording says to all that is asked."""
    return "".join(f"$ tcplens {' '.join(a)}\n{ask(path, a)}" for a in ASKED)


def parse(text):
    """{command: output} of a .txt."""
    found = {}
    for part in ("\n" + text).split("\n$ tcplens ")[1:]:
        head, _, body = part.partition("\n")
        found[tuple(head.split())] = body + "\n" if body and not body.endswith("\n") else body
    return found


def fixtures():
    return sorted(glob.glob(os.path.join(FIXTURES, "every-*.tcpl")))


class Fixtures(unittest.TestCase):
    """Needs no privileges: `make unit` runs it, too."""

    maxDiff = None

    def test_each(self):
        self.assertGreaterEqual(len(fixtures()), 2)
        for path in fixtures():
            with open(path[:-5] + ".txt") as f:
                want = parse(f.read())
            self.assertGreaterEqual(len(want), 2 * len(VIEWS))
            for args, text in want.items():
                with self.subTest(path=os.path.basename(path), args=args):
                    self.compare(ask(path, args), text, "--json" in args)

    def compare(self, got, want, as_json):
        if not as_json:
            self.assertEqual(got, want, REFRESH)
            return
        got, want = [parse_json_lines(x.encode()) for x in (got, want)]
        self.assertEqual(len(got), len(want), REFRESH)
        for g, w in zip(got, want):
            self.assertEqual({k: g.get(k) for k in w}, w, REFRESH)


class Everything(Case):
    """Traffic in which everything happens that a record can tell."""

    def setUp(self):
        self.net = self.veth()
        self.bad = self.veth(relay=True)
        self.path = os.path.join(self.tmp(), "every.tcpl")
        self.size = 0

    def drained(self):
        """What happened is in the file: the small buffer has room for more."""
        def settled():
            now = os.path.getsize(self.path)
            grew, self.size = now != self.size, now
            return not grew
        time.sleep(0.01)
        wait_until("the file to stop growing", lambda: [time.sleep(0.02), settled()][1])

    def connected(self, addr, net=None, rcvbuf=0):
        """A connection from a to b: (client's socket, server's)."""
        net = net or self.net
        with net.b:
            s = socket.create_server((addr, 0), family=socket.AF_INET6 if ":" in addr else socket.AF_INET)
        self.addCleanup(s.close)
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        with net.a:
            c = socket.create_connection(s.getsockname()[:2])
        p = s.accept()[0]
        for x in (c, p):
            x.settimeout(60)
            self.addCleanup(x.close)
        return c, p

    def refused(self):
        with self.net.a, socket.socket() as c:
            self.assertNotEqual(c.connect_ex((self.net.b.addr4, 1)), 0)

    def sent_again(self):
        """The link stands still until TCP tries again."""
        net, link = self.bad, self.relay(self.bad)
        c, p = self.connected(net.b.addr4, net)
        before = net.a.counters()["Tcp.RetransSegs"]
        self.hold_back(link)
        c.sendall(b"x" * 100)
        wait_until("a segment to be sent again", lambda: net.a.counters()["Tcp.RetransSegs"] > before)
        link.signal(signal.SIGCONT)
        self.assertEqual(p.recv(100, socket.MSG_WAITALL), b"x" * 100)
        c.close()
        self.assertEqual(p.recv(1), b"")
        p.close()

    def window_closed(self):
        """The receiver reads only when its window has closed."""
        c, p = self.connected(self.net.b.addr4, rcvbuf=2048)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        c.setblocking(False)
        sent = 0

        def closed():
            nonlocal sent
            try:
                sent += c.send(b"y" * 500)
            except BlockingIOError:
                pass
            return self.net.b.counters()["TcpExt.TCPToZeroWindowAdv"]
        wait_until("the window to close", closed)
        while sent:
            sent -= len(p.recv(1 << 20))
        wait_until("it to open", lambda: self.net.b.counters()["TcpExt.TCPFromZeroWindowAdv"])
        c.close()
        p.close()

    def reset(self):
        c, p = self.connected(self.net.b.addr4)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
        with self.assertRaises(ConnectionResetError):
            p.recv(1)
        p.close()

    def talk(self, addr):
        c, p = self.connected(addr)
        for _ in range(2):
            c.sendall(b"a question")
            self.assertEqual(p.recv(10, socket.MSG_WAITALL), b"a question")
            p.sendall(b"Answer" * 200)
            c.recv(1200, socket.MSG_WAITALL)
        p.close()
        self.assertEqual(c.recv(1), b"")
        c.close()

    def too_much(self, tl):
        """More than the buffer holds, while nobody reads it."""
        c, p = self.connected(self.net.b.addr4)
        tl.signal(signal.SIGSTOP)
        wait_until("it to stop", lambda: proc_state(tl.pid) == "T")
        for _ in range(60):
            c.sendall(b"z")
            p.recv(1)
        tl.signal(signal.SIGCONT)
        c.close()
        p.close()

    def test_every_kind(self):
        sides = [n for net in (self.net, self.bad) for n in net.sides]
        tl = self.lens("record", "-w", self.path, "--netns", ",".join(n.path for n in sides), "--snap", "16",
                       "--buffer", "32k", json=False)
        self.talk(self.net.b.addr4)
        self.drained()
        if self.net.ipv6:
            self.talk(self.net.b.addr6)
        for step in (self.refused, self.sent_again, self.window_closed, self.reset):
            self.drained()
            step()
        self.drained()
        self.too_much(tl)
        self.drained()
        stays = self.connected(self.net.b.addr4)
        quiesce(*sides, allow={ESTABLISHED})
        tl.stop(lossless=False)
        del stays
        keep = os.environ.get("TCPLENS_TEST_FIXTURE")
        if keep == "-":
            with open(self.path, "rb") as f:
                for line in base64.encodebytes(f.read()).splitlines():
                    print("fixture", line.decode())
        elif keep:
            shutil.copy(self.path, keep)
        self.check_kinds()

    def check_kinds(self):
        seen = {}
        for view in VIEWS:
            for r in parse_json_lines(ask(self.path, (view, "--json")).encode()):
                seen.setdefault(r["event"], []).append(r)
        want = {"segment", "state", "connect", "accept", "retransmit", "reset", "stall", "life", "latency", "lost"}
        self.assertEqual(want - set(seen), set())
        self.assertEqual({r["result"] for r in seen["connect"]}, {"ok", "refused"})
        self.assertIn("open", {r["ended"] for r in seen["life"]})
        ends = {}
        for r in sum(seen.values(), []):
            if "conn" in r and r.get("lport"):
                end = ends.setdefault(r["conn"], (r["laddr"], r["lport"]))
                self.assertEqual((r["laddr"], r["lport"]), end, r)
        if "drop" not in seen:  # before 5.17 the kernel does not say why, nor all of them
            self.assertLess(tuple(map(int, os.uname().release.split(".")[:2])), (6, 0))


if __name__ == "__main__":
    if sys.argv[1:] == ["refresh"]:
        for path in fixtures():
            with open(path[:-5] + ".txt", "w") as f:
                f.write(answers(path))
    else:
        main()
