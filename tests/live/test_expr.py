#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
pcap-filter expressions: the verdict of tcplens, in the kernel, in user space
and on a recording, is libpcap's (tcpdump's) on the same packets.
"""

import os
import re

from lib import Case, main, need_prog, quiesce
from lib import wire
from lib.dump import parse_pcap
from lib.lens import TOP
from lib.proc import run

TABLE = os.path.join(TOP, "tests", "unit", "expr_table.h")
BATCH = 13
# Segments with data, as everybody writes it: it needs memory for what is in between.
WITH_DATA = "ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0"


def expressions(port):
    """The unit test's table, its addresses and port turned into those here."""
    with open(TABLE) as f:
        rows = re.findall(r'X\("((?:[^"\\]|\\.)*)", (\d+)\)', f.read())
    for text, payload in rows:
        text = text.replace("\\\\", "\\")
        for old, new in (("10.0.0.", "10.99.0."), ("10.99.0.0/8", "10.0.0.0/8"), ("fd00::/8", "fd00::/8"),
                         ("fd00::1", "fd99::1"), ("fd00::2", "fd99::2"), ("fd00::/127", "fd99::/127"),
                         ("02:00:00:00:00:01", "02:00:00:00:00:0a"),
                         ("02:00:00:00:00:02", "02:00:00:00:00:0b")):
            text = text.replace(old, new)
        yield re.sub(r"\bport 80\b", f"port {port}", text), int(payload)
    # Compiled in parts.
    ports = " or ".join(f"port {n}" for n in [*range(10001, 10150), port, *range(10151, 10301)])
    yield ports, 0
    yield f"tcp[tcpflags] & tcp-push != 0 and not (host 10.9.9.9 or not ({ports}))", 0


class Verdicts(Case):
    port = 4080

    def setUp(self):
        need_prog("tcpdump")

    def traffic(self, net):
        """Handshakes, data both ways, closes and a refusal, over IPv4 and IPv6."""
        for addr in (net.b.addr4, net.b.addr6)[:2 if net.ipv6 else 1]:
            for shape in ("short", "reset"):
                server = self.spawn([self.live("traffic"), "server", "-p", str(self.port), "-s", shape, "-a", addr],
                                    ns=net.b)
                server.expect(rb"^ready (\d+)")
                self.spawn([self.live("traffic"), "client", "-p", str(self.port), "-s", shape, "-a", addr],
                           ns=net.a).wait()
                server.wait()

    def capture(self, net, lenses):
        """The traffic, seen by tcpdump and all of `lenses`: (capture file, results)."""
        dump = self.dump(net.a, net.a.dev, net.b.addr4)
        self.traffic(net)
        quiesce(*net.sides)
        for _ in range(3):
            dump.flush(net.b, net.b.dev)
        results = [tl.stop() for tl in lenses]
        self.assertTrue(dump.stop())
        path = os.path.join(self.tmp(), "wire.pcap")
        with open(path, "wb") as f:
            f.write(dump.out)
        return path, results

    def verdict(self, path, text):
        """tcpdump's: what of the capture passes."""
        return parse_pcap(run(["tcpdump", "-Z", "root", "-r", path, "-w", "-", text]))

    def agree(self, net, text, segs, records):
        v = wire.judge(records, segs, net.a.mac)
        if not v.good:
            self.fail(f"{text}: {v}")
        return bool(segs)

    def ask_live(self, table):
        """All of the table asked on one kind of traffic, a batch at a time; how many let anything through."""
        net, useful = self.veth(), 0
        for i in range(0, len(table), BATCH):
            batch = table[i:i + BATCH]
            lenses = [self.lens("trace", "--netns", net.a.path, "--buffer", "1M", text) for text, _ in batch]
            path, results = self.capture(net, lenses)
            for (text, payload), tl, res in zip(batch, lenses, results):
                where = "in user space" if payload else "in the kernel"
                self.assertIn(f"asked {where}".encode(), tl.err, text)
                useful += self.agree(net, text, self.verdict(path, text), res.segments)
        return useful

    def test_live(self):
        table = list(expressions(self.port))
        self.assertGreaterEqual(len(table), 60)
        self.assertGreater(self.ask_live(table), 40, "too few expressions match anything: this proves little")

    def test_some(self):
        """A few of all parts of the table, for emulated machines; with the long one at its end."""
        self.assertGreater(self.ask_live([*expressions(self.port)][::-24] + [(WITH_DATA, 0)]), 1)

    def test_recording(self):
        net = self.veth()
        rec = os.path.join(self.tmp(), "x.tcpl")
        tl = self.lens("record", "--netns", net.a.path, "--snap", "100", "-w", rec, json=False)
        path, _ = self.capture(net, [tl])
        for text, _ in expressions(self.port):
            res = self.lens("trace", "-r", rec, text, ready=False, backend="").finish()
            self.agree(net, text, self.verdict(path, text), res.segments)


if __name__ == "__main__":
    main()
