#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Sockets that the kernel makes on a process's behalf: MPTCP's subflows are the process's."""

import socket
import sys

from lib import Case, main, quiesce

IPPROTO_MPTCP = 262

# Says its pid, and does one request or answers one.
PEER = """
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
if sys.argv[1] == "server":
    s.bind(("127.0.0.1", 0))
    s.listen(5)
    print("ready", s.getsockname()[1], os.getpid(), flush=True)
    c, _ = s.accept()
    c.sendall(c.recv(100))
    while c.recv(100):
        pass
else:
    s.connect(("127.0.0.1", int(sys.argv[2])))
    s.sendall(b"hello")
    assert s.recv(100) == b"hello"
    s.close()
    print("done", os.getpid(), flush=True)
"""


class Mptcp(Case):
    def test_subflows(self):
        ns = self.ns()
        try:
            ns.sysctl("mptcp.enabled", 1)
            with ns:
                socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()
        except OSError as e:
            self.skipTest(f"this kernel has no MPTCP: {e}")
        tl = self.lens("trace", "--netns", ns.path)
        server = self.spawn([sys.executable, "-c", PEER, "server"], ns=ns)
        port, spid = (int(x) for x in server.expect(rb"^ready (\d+) (\d+)").groups())
        client = self.spawn([sys.executable, "-c", PEER, "client", str(port)], ns=ns)
        cpid = int(client.expect(rb"^done (\d+)")[1])
        client.check()
        server.check()
        quiesce(ns)
        records = tl.stop().segments
        self.assertGreater(len(records), 10)
        for r in records:
            own, hows = (spid, {"listener", "accept", "io"}) if r["lport"] == port else \
                (cpid, {"connect", "io"})
            self.assertEqual(r.get("pid"), own, r)
            self.assertIn(r["owner"], hows, r)


if __name__ == "__main__":
    main()
