#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
doctor's word is kept: what it calls attached gives records or owners, and what
it says is not seen is not seen.  For every backend of this kernel.
"""

import json
import os
import sys

from lib import TCPLENS, Case, main, quiesce, wait_until
from lib.craft import frame, inject
from lib.doctor import attached, doctor, not_seen, under_test
from lib.net import CLOSE_WAIT, TIME_WAIT
from lib.proc import run

# Shares an accepted connection with a child, which alone uses it from then on.
HEIR = """
import os, socket, sys
s = socket.socket()
s.bind(("0.0.0.0", 0))
s.listen()
print("ready", s.getsockname()[1], flush=True)
c = s.accept()[0]
c.recv(1)
if not os.fork():
    for what in sys.argv[1]:
        c.sendall(b"x" * 100) if what == "s" else c.recv(1)
    print("heir", os.getpid(), flush=True)
    sys.stdin.read()
    os._exit(0)
os.wait()
"""

PEER = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
c.sendall(b"12")
sys.stdin.readline()
c.shutdown(socket.SHUT_WR)
print("shut", flush=True)
sys.stdin.read()
"""

RENAMED = """
import ctypes, socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"1")
ctypes.CDLL(None).prctl(15, b"new-name", 0, 0, 0)
s.sendall(b"2")
"""


class Claims(Case):
    """Each test runs once per backend; self.has(hook, target) is doctor's claim."""

    def each(self, check):
        for backend in under_test():
            with self.subTest(backend=backend):
                self.backend, self.said = backend, not_seen(backend)
                self.net = self.veth()
                try:
                    check()
                finally:
                    self.doCleanups()

    def has(self, hook, target):
        return (hook, target) in attached(self.backend)

    def trace(self, *opts, command="trace", **kw):
        return self.lens(command, "--netns", self.net.a.path, *opts, backend=self.backend, **kw)

    def serve(self, ns, shape="short", *opts):
        p = self.spawn([self.live("traffic"), "server", "-p", "0", "-s", shape, *opts], ns=ns)
        p.port = int(p.expect(rb"^ready (\d+)")[1])
        return p

    def call(self, ns, addr, port, shape="short", *opts):
        return self.spawn([self.live("traffic"), "client", "-a", addr, "-p", str(port), "-s",
                           shape, *opts], ns=ns)

    def talk(self, here, there, addr, shape="short", *opts):
        s = self.serve(there, shape, *opts)
        self.call(here, addr, s.port, shape, *opts).check()
        s.check()

    def assert_claim(self, claimed, seen, what):
        """doctor's claim and what was seen are the same."""
        self.assertEqual(bool(claimed), bool(seen),
                         f"doctor says {'seen' if claimed else 'not seen'}: {what}; it was "
                         f"{'seen' if seen else 'not seen'} (backend {self.backend})")

    def test_segments(self):
        """Sent and received, both IP versions, full sockets and requests."""
        def check():
            a, b = self.net.sides
            tl = self.trace()
            for addr_a, addr_b in ((a.addr4, b.addr4), (a.addr6, b.addr6))[:1 + self.net.ipv6]:
                self.talk(a, b, addr_b)  # a connects
                self.talk(b, a, addr_a)  # a accepts
            quiesce(a, b)
            seen = tl.stop().segments
            for ip in (4, 6)[:1 + self.net.ipv6]:
                mine = [r for r in seen if r["ip"] == ip]
                want = {("out", "SYN"): "a SYN sent", ("in", "SYN"): "a SYN received",
                        ("out", "SYN ACK"): "a SYN-ACK sent", ("in", "SYN ACK"): "a SYN-ACK received",
                        ("out", "FIN ACK"): "a FIN sent", ("in", "FIN ACK"): "a FIN received"}
                for (way, flags), what in want.items():
                    self.assert_claim("IPv6" not in self.said or ip == 4, any(
                        r["dir"] == way and set(flags.split()) <= set(r["flags"]) and
                        ("ACK" in flags or "ACK" not in r["flags"]) for r in mine),
                        f"{what}, IPv{ip}")
                for way in ("in", "out"):
                    self.assertTrue(any(r["dir"] == way and r["len"] for r in mine),
                                    f"no data {way}, IPv{ip}")
        self.each(check)

    def test_states(self):
        def check():
            tl = self.trace(command="states")
            self.talk(self.net.a, self.net.b, self.net.b.addr4)
            quiesce(*self.net.sides)
            seen = {(r["old"], r["new"]) for r in tl.stop().states}
            for step in (("CLOSED", "SYN-SENT"), ("SYN-SENT", "ESTABLISHED"),
                         ("ESTABLISHED", "FIN-WAIT-1")):
                self.assertIn(step, seen)
            self.assertTrue(any(new == "CLOSED" for _, new in seen))
        self.each(check)

    def test_headers_of_what_is_sent(self):
        def check():
            tl = self.trace()
            self.talk(self.net.a, self.net.b, self.net.b.addr4)
            quiesce(*self.net.sides)
            full = [r for r in tl.stop().segments if r["dir"] == "out" and r["len"]]
            self.assertTrue(full)
            claimed = "MAC addresses, TTL and DSCP" not in self.said
            for field in ("ttl", "dscp", "smac", "dmac"):
                for r in full:
                    self.assert_claim(claimed, field in r, field)
        self.each(check)

    def test_closed_port(self):
        def check():
            a, b = self.net.sides
            tl = self.trace()
            self.call(b, a.addr4, 9, "refused").check()
            inject(b, b.dev, frame(b.mac, a.mac, b.addr4, a.addr4, 7000, 9, ("ACK",), ack=5))
            dump = self.dump(a, a.dev, b.addr4)
            dump.flush(b, b.dev)
            seen = [r for r in tl.stop().segments if r["dir"] == "in" and r["lport"] == 9]
            syn = any("SYN" in r["flags"] for r in seen)
            other = any("SYN" not in r["flags"] for r in seen)
            no_socket = "that no socket wants" in self.said
            but_syn = "other than SYNs that no socket wants" in self.said
            self.assert_claim(not no_socket or but_syn, syn, "a SYN to a closed port")
            self.assert_claim(not no_socket, other, "an ACK to a closed port")
        self.each(check)

    def test_request(self):
        """A reset for a connection request: the other side knows nothing of it."""
        def check():
            a, b = self.net.sides
            tl = self.trace()
            s = self.serve(a)
            inject(b, b.dev, frame(b.mac, a.mac, b.addr4, a.addr4, 7000, s.port, ("SYN",), seq=1))
            wait_until("the reset", lambda: b.counters()["Tcp.OutRsts"] > 0)
            dump = self.dump(a, a.dev, b.addr4)
            dump.flush(b, b.dev)
            rst = [r for r in tl.stop().segments if r["dir"] == "in" and "RST" in r["flags"]]
            self.assert_claim("resets for a connection request" not in self.said, rst,
                              "a reset for a request")
        self.each(check)

    def test_time_wait(self):
        def check():
            a, b = self.net.sides
            tl = self.trace()
            self.talk(a, b, b.addr4)  # a closes first
            ends = next(s for s in wait_until(
                "TIME-WAIT", lambda: [s for s in a.tcp_states() if s[0] == TIME_WAIT]))
            inject(b, b.dev, frame(b.mac, a.mac, b.addr4, a.addr4, ends[2], ends[1], ("ACK",),
                                   seq=1, ack=1))
            dump = self.dump(a, a.dev, b.addr4)
            dump.flush(b, b.dev)
            late = [r for r in tl.stop().segments if r["dir"] == "in" and r["seq"] == 1]
            self.assert_claim("segments received in TIME-WAIT" not in self.said, late, "a segment received in TIME-WAIT")
        self.each(check)

    def test_accept(self):
        def check():
            a, b = self.net.sides
            tl = self.trace()
            self.talk(b, a, a.addr4)
            quiesce(a, b)
            seen = {r.get("owner") for r in tl.stop().segments}
            self.assert_claim("accept() itself" not in self.said, "accept" in seen, "accept()")
        self.each(check)

    def heir(self, does):
        """Who the last segments are said to belong to when a child alone uses the socket."""
        a, b = self.net.sides
        tl = self.trace()
        server = self.spawn([sys.executable, "-c", HEIR, does], ns=a)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        peer = self.spawn([sys.executable, "-c", PEER, a.addr4, port], ns=b)
        child = int(server.expect(rb"^heir (\d+)")[1])
        dump = self.dump(a, a.dev, b.addr4)
        dump.flush(b, b.dev)
        peer.tell("shut")  # its FIN is the first segment after the child's call
        peer.expect("^shut")
        wait_until("the FIN", lambda: any(s[0] == CLOSE_WAIT for s in a.tcp_states()))
        dump.flush(b, b.dev)
        res = tl.stop().segments
        server.check()
        peer.check()
        fin = [r for r in res if r["dir"] == "in" and "FIN" in r["flags"]]
        self.assertEqual(len(fin), 1)
        return fin[0].get("pid") == child

    def test_new_owner_sends(self):
        self.each(lambda: self.assert_claim("a new owner that only sends" not in self.said,
                                            self.heir("s"), "a new owner that only sends"))

    def test_new_owner_receives(self):
        self.each(lambda: self.assert_claim(True, self.heir("r"), "a new owner that receives"))

    def test_rename(self):
        def check():
            tl = self.trace()
            listener = self.spawn([sys.executable, "-c", HEIR, ""], ns=self.net.b)
            port = listener.expect(rb"^ready (\d+)")[1].decode()
            self.spawn([sys.executable, "-c", RENAMED, self.net.b.addr4, port],
                       ns=self.net.a).check()
            listener.expect(rb"^heir")
            seen = {r.get("comm") for r in tl.stop().segments}
            listener.check()
            # The name is read again when the process uses the socket: here it only sends.
            claimed = self.has("rename", "task_rename") and \
                "a new owner that only sends" not in self.said
            self.assert_claim(claimed, "new-name" in seen, "a new name")
        self.each(check)

    def test_children(self):
        def check():
            s = self.serve(self.net.b)
            with self.net.a:
                tl = self.lens("trace", backend=self.backend, child=[
                    "sh", "-c", f"{self.live('traffic')} client -a {self.net.b.addr4} "
                    f"-p {s.port} -s short; exit $?"])
            s.check()
            seen = tl.finish().segments
            self.assert_claim(self.has("children", "sched_process_fork"),
                              any(r.get("comm") == "traffic" for r in seen), "a child's segments")
        self.each(check)


class Words(Case):
    def test_one_is_chosen(self):
        """The first that works, and `trace` says so too when it matters."""
        said = json.loads(run([TCPLENS, "doctor", "--json"]))
        works = [b["name"] for b in said["backends"] if b["works"]]
        self.assertTrue(works)
        self.assertEqual(said["chosen"], works[0])
        self.assertEqual(said["kernel"], os.uname().release)

    def test_reasons(self):
        """A backend that does not work says why, in one line."""
        for b in doctor().values():
            if not b["works"]:
                self.assertTrue(b["why_not"])
                self.assertNotIn("\n", b["why_not"])

    def test_packets(self):
        """What `record` takes beside the views is tried, too."""
        for name, b in doctor().items():
            if b["works"]:
                self.assertTrue(b["packets"]["works"], (name, b["packets"]))
                self.assertIn("packet-out", {p["hook"] for p in b["packets"]["programs"]})
                self.assertNotIn("packet-out", {p["hook"] for p in b["programs"]})


if __name__ == "__main__":
    main()
