#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
`states` against the clock of the programs: each change lies between the begin
and the end of the call that caused it, and the time in the old state is that
between two such changes.
"""

import ctypes
import re
import socket

from lib import Case, main, quiesce
from lib.net import ESTABLISHED

libc = ctypes.CDLL(None)


class States(Case):
    def setUp(self):
        self.net = self.veth()
        self.a, self.b = self.net.sides

    def observe(self):
        self.tl = self.lens("states", "--netns", f"{self.a.path},{self.b.path}")

    def actor(self, ns, *ops):
        return self.spawn([self.live("actor"), *ops], ns=ns)

    def server(self, *ops):
        p = self.actor(self.b, "listen=0", *ops)
        self.port = int(p.expect(rb"(?m)^ready (\d+)$")[1])
        return p

    def client(self, *ops):
        return self.actor(self.a, f"to={self.port}", *ops)

    def end(self, *procs):
        for p in procs:
            p.check()
        quiesce(self.a, self.b)
        states = sorted(self.tl.stop().states, key=lambda r: r["mono_ns"])
        self.of_listener = [r for r in states if r.get("lport") == self.port and not r.get("rport")]
        return ([r for r in states if r.get("lport") == self.port and r.get("rport")],
                [r for r in states if r.get("rport") == self.port])

    @staticmethod
    def calls(p):
        """{call: (begin, end)} in ns, the last one of each name."""
        return {m[0].decode(): (int(m[1]), int(m[2]))
                for m in re.findall(rb"(?m)^([\w-]+) (\d+) (\d+)$", p.out)}

    def path(self, records):
        """The names of the states gone through; each begins where the last ended."""
        for before, after in zip(records, records[1:]):
            self.assertEqual(before["new"], after["old"])
            self.assertEqual(before["conn"], after["conn"])
            self.assertNotIn("partial", after)
            took = (after["mono_ns"] - before["mono_ns"]) / 1000
            self.assertLessEqual(abs(after["in_old_us"] - took), 1, (before, after))
        return [records[0]["old"]] + [r["new"] for r in records]

    @staticmethod
    def change(records, new):
        return next(r for r in records if r["new"] == new)

    def inside(self, record, call):
        begin, end = call
        self.assertTrue(begin <= record["mono_ns"] <= end,
                        f"not within {call}: {record}")

    def between(self, us, first, second):
        """`us` fits a time from within call `first` to within call `second`."""
        least, most = (second[0] - first[1]) / 1000, (second[1] - first[0]) / 1000
        self.assertTrue(least - 1 <= us <= most, f"{us} is not in {least} … {most}")

    @staticmethod
    def arrival(sender, receiver):
        """Of a FIN: perhaps after close() has returned, if the softirq is late."""
        return sender["close"][0], receiver["eof"][1]

    def test_client_closes_first(self):
        self.observe()
        s = self.server("accept", "read=100", "eof", "wait=close", "close", "unlisten")
        c = self.client(f"connect={self.b.addr4}", "write=100", "wait=close", "close")
        c.expect("(?m)^at close")
        c.tell("go")
        s.expect("(?m)^at close")
        s.tell("go")
        srv, cli = self.end(c, s)
        self.assertEqual(self.path(cli), ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1",
                                          "FIN-WAIT-2", "CLOSED"])
        self.assertEqual(self.path(srv), ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT",
                                          "LAST-ACK", "CLOSED"])
        at_c, at_s = self.calls(c), self.calls(s)
        for state, call in (("SYN-SENT", "connect"), ("ESTABLISHED", "connect"),
                            ("FIN-WAIT-1", "close")):
            self.inside(self.change(cli, state), at_c[call])
        self.inside(self.change(srv, "LAST-ACK"), at_s["close"])
        self.between(self.change(cli, "FIN-WAIT-1")["in_old_us"], at_c["connect"], at_c["close"])
        self.between(self.change(srv, "LAST-ACK")["in_old_us"], self.arrival(at_c, at_s), at_s["close"])
        for r in srv + cli:
            self.assertIsInstance(r.get("in_old_us", 0), int)
        # The local port is known once there is one, and still at the end.
        self.assertEqual({r["lport"] for r in srv}, {self.port})
        self.assertEqual(len({r["lport"] for r in cli[1:]}), 1)
        self.assertTrue(cli[-1]["lport"])
        self.assertEqual([(r["old"], r["new"]) for r in self.of_listener],
                         [("CLOSED", "LISTEN"), ("LISTEN", "CLOSED")])
        up, down = self.of_listener
        self.assertEqual(down["in_old_us"], (down["mono_ns"] - up["mono_ns"]) // 1000)
        self.inside(down, at_s["unlisten"])

    def test_server_closes_first(self):
        self.observe()
        s = self.server("accept", "write=100", "close")
        c = self.client(f"connect={self.b.addr4}", "read=100", "eof", "wait=close", "close")
        c.expect("(?m)^at close")
        c.tell("go")
        srv, cli = self.end(s, c)
        self.assertEqual(self.path(srv)[-3:], ["FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"])
        self.assertEqual(self.path(cli)[-3:], ["CLOSE-WAIT", "LAST-ACK", "CLOSED"])
        at_c, at_s = self.calls(c), self.calls(s)
        self.inside(self.change(srv, "FIN-WAIT-1"), at_s["close"])
        self.between(self.change(cli, "LAST-ACK")["in_old_us"], self.arrival(at_s, at_c), at_c["close"])

    def test_half_close(self):
        self.observe()
        s = self.server("accept", "eof", "wait=more", "write=100", "close")
        c = self.client(f"connect={self.b.addr4}", "write=10", "shutdown", "read=100", "eof", "close")
        s.expect("(?m)^at more")
        s.tell("go")
        srv, cli = self.end(c, s)
        self.assertEqual(self.path(cli)[2:], ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSED"])
        self.inside(self.change(cli, "FIN-WAIT-1"), self.calls(c)["shutdown"])
        self.between(self.change(srv, "LAST-ACK")["in_old_us"], self.calls(c)["shutdown"],
                     self.calls(s)["close"])

    def test_reset(self):
        self.observe()
        s = self.server("accept", "read=10", "eof", "close")
        c = self.client(f"connect={self.b.addr4}", "write=10", "reset")
        srv, cli = self.end(c, s)
        self.assertEqual(self.path(cli)[2:], ["ESTABLISHED", "CLOSED"])
        self.assertEqual(self.path(srv)[2:], ["ESTABLISHED", "CLOSED"])
        self.inside(self.change(cli, "CLOSED"), self.calls(c)["reset"])

    def test_refused(self):
        self.observe()
        self.port = 9
        c = self.client(f"connect-fail={self.b.addr4}", "close")
        _, cli = self.end(c)
        self.assertEqual(self.path(cli), ["CLOSED", "SYN-SENT", "CLOSED"])
        call = self.calls(c)["connect-fail"]
        for r in cli:
            self.inside(r, call)

    def test_older_than_the_tracer(self):
        """The state it is found in began before: no time is invented for it."""
        s = self.server("accept", "wait=close", "eof", "close")
        c = self.client(f"connect={self.b.addr4}", "wait=close", "close")
        for p in (s, c):
            p.expect("(?m)^at close")
        quiesce(self.a, self.b, allow=(ESTABLISHED,))
        self.observe()
        c.tell("go")
        s.tell("go")
        for records in self.end(c, s):
            self.assertEqual(records[0]["old"], "ESTABLISHED")
            self.assertTrue(records[0]["partial"])
            self.assertNotIn("in_old_us", records[0])
            self.path(records)

    def connect_twice(self, *opts):
        """One socket, disconnected in between and given another port: its ports, and the records."""
        self.a.sysctl("ipv4.ip_local_port_range", "6000 6001")
        tl = self.lens("states", "--netns", self.a.path, *opts)
        ports = []
        with self.b:
            ls = socket.create_server((self.b.addr4, 0))
        with self.a, ls, socket.socket() as c, socket.socket() as other:
            for _ in range(2):
                c.connect(ls.getsockname())
                ports.append(c.getsockname()[1])
                ls.accept()[0].close()
                self.assertEqual(libc.connect(c.fileno(), bytes(16), 16), 0)  # AF_UNSPEC
                if len(ports) == 1:
                    other.bind((self.a.addr4, ports[0]))
        self.assertNotEqual(*ports)
        return ports, tl.stop().states

    def test_used_again(self):
        """The port of the connection before is not the next one's."""
        ports, states = self.connect_twice()
        for port, first in zip(ports, (r for r in states if r["new"] == "SYN-SENT")):
            mine = [r for r in states if r["conn"] == first["conn"]]
            self.assertNotIn("lport", first)
            self.assertEqual({r["lport"] for r in mine[1:]}, {port})
            self.assertEqual(self.path(mine)[:3], ["CLOSED", "SYN-SENT", "ESTABLISHED"])

    def test_used_again_by_port(self):
        """Nor is it what a filter looks at."""
        _, states = self.connect_twice("--lport", "6000")
        by_one = {r["conn"] for r in states}
        self.assertEqual(len(by_one), 1, states)
        self.assertEqual({r["lport"] for r in states}, {6000})
        self.assertEqual(states[-1]["new"], "CLOSED")


if __name__ == "__main__":
    main()
