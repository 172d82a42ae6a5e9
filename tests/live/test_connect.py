#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`connect`: how attempts to connect end."""

import errno
import os
import socket
import time

from lib import Case, main


class Results(Case):
    def attempts(self, ns, do, *opts):
        tl = self.lens("connect", "--netns", ns.path, "-p", os.getpid(), *opts)
        with ns:
            do()
        return tl.stop().records

    def test_ok_refused_overflow(self):
        ns = self.ns()

        def do():
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                s.listen(0)
                a = socket.create_connection(s.getsockname())
                b = socket.socket()
                b.setblocking(False)
                b.connect_ex(s.getsockname())
                time.sleep(0.2)  # what accept() is to wait for
                b.close()
                s.accept()[0].close()
                a.close()
            with socket.socket() as s:
                self.assertNotEqual(s.connect_ex(("127.0.0.1", 1)), 0)
        r = self.attempts(ns, do)
        got = [(x["dir"], x["result"], x.get("errno")) for x in r]
        for want in (("out", "ok", None), ("in", "ok", None), ("in", "overflow", None),
                     ("out", "aborted", None), ("out", "refused", "ECONNREFUSED")):
            self.assertEqual(got.count(want), 1, (want, got))
        waited = next(x for x in r if (x["dir"], x["result"]) == ("in", "ok"))
        self.assertGreaterEqual(waited["queue_us"], 200000)
        self.assertEqual(waited["listener_pid"], os.getpid())

    def test_no_route(self):
        def do():
            with socket.socket() as s:
                self.assertNotEqual(s.connect_ex(("10.1.2.3", 80)), 0)
        r = self.attempts(self.ns(), do, "--failed")
        self.assertEqual([(x["result"], x["errno"], x["raddr"], x["pid"]) for x in r],
                         [("unreachable", "ENETUNREACH", "10.1.2.3", os.getpid())])

    def test_six_and_mapped(self):
        """Both are one line per side; a mapped address is told as IPv4."""
        def do():
            with socket.socket(socket.AF_INET6) as s:
                s.bind(("::", 0))
                s.listen(5)
                for addr in ("::1", "::ffff:127.0.0.1"):
                    with socket.socket(socket.AF_INET6) as c:
                        c.connect((addr, s.getsockname()[1]))
                        s.accept()[0].close()
        r = self.attempts(self.ns(), do)
        got = sorted((x["dir"], x["result"], x["raddr"]) for x in r)
        self.assertEqual(got, sorted((d, "ok", a) for d in ("in", "out") for a in ("::1", "127.0.0.1")))

    def test_non_blocking(self):
        """A refusal that connect() does not return itself, and only the one of that port."""
        def do():
            for port in (1, 2):
                with socket.socket() as s:
                    s.setblocking(False)
                    # Over loopback the refusal may be there already.
                    self.assertIn(s.connect_ex(("127.0.0.1", port)),
                                  (errno.EINPROGRESS, errno.ECONNREFUSED))
        r = self.attempts(self.ns(), do, "-P", "2")
        self.assertEqual([(x["dir"], x["result"], x["errno"], x["rport"]) for x in r],
                         [("out", "refused", "ECONNREFUSED", 2)])

    def test_never_accepted(self):
        def do():
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                s.listen(5)
                c = socket.create_connection(s.getsockname())
            c.close()
        r = self.attempts(self.ns(), do)
        self.assertIn(("in", "unaccepted"), [(x["dir"], x["result"]) for x in r])


if __name__ == "__main__":
    main()
