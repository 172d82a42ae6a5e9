#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A machine between two others, which masquerades what it forwards: whose connections these are
is not known there, and their segments are none of its processes'.
"""

import os
import socket

from lib import Case, main, need_nft, quiesce

SIDE_A, SIDE_B = "10.98.1", "10.98.2"


class Masquerade(Case):
    def setUp(self):
        self.net = self.veth(relay=True)
        a, b, r = self.net.a, self.net.b, self.net.r
        r.ip(f"addr add {SIDE_A}.1/24 dev ra", f"addr add {SIDE_B}.1/24 dev rb")
        r.sysctl("ipv4.ip_forward", 1)
        a.ip(f"addr add {SIDE_A}.2/24 dev v0", f"route add {SIDE_B}.0/24 via {SIDE_A}.1")
        b.ip(f"addr add {SIDE_B}.2/24 dev v0")
        need_nft(r, """table ip t {
            chain out { type nat hook postrouting priority 100; oifname "rb" masquerade; }
        }""")

    def talk(self, ns, port):
        """One connection from the namespace, with data both ways; its own port."""
        with ns, socket.socket() as c:
            c.connect((f"{SIDE_B}.2", port))
            s, (peer, _) = self.ls.accept()
            with s:
                self.assertEqual(peer, f"{SIDE_B}.1")
                for one, other in ((c, s), (s, c)):
                    one.sendall(b"x" * 500)
                    self.assertEqual(len(other.recv(500, socket.MSG_WAITALL)), 500)
            return c.getsockname()[1]

    def judge(self, *opts):
        a, b, r = self.net.a, self.net.b, self.net.r
        tl = self.lens("trace", "--netns", r.path, *opts)
        with b:
            self.ls = socket.create_server((f"{SIDE_B}.2", 0))
        with self.ls:
            port = self.ls.getsockname()[1]
            for _ in range(3):
                self.talk(a, port)
            own = self.talk(r, port)
        quiesce(a, b, r)
        got = tl.stop().segments
        self.assertEqual({(r.get("lport"), r.get("rport")) for r in got}, {(own, port)})
        self.assertEqual({r["dir"] for r in got if r["len"] == 500}, {"in", "out"})
        return got

    def test_forwarded(self):
        self.assertEqual({r.get("pid") for r in self.judge()}, {os.getpid()})

    def test_full_table(self):
        """The router's own connection, for which there is no place, is found by its ends."""
        with self.net.r, socket.create_server((f"{SIDE_A}.1", 0)):
            self.judge("--connections", "1")


if __name__ == "__main__":
    main()
