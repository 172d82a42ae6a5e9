#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`loss`: resets and drops, each made on purpose: whose, why; the filters, the sums and the recording say the same."""

import collections
import os
import re
import signal
import socket

from lib import TCPLENS, Case, kernel, main, quiesce, wait_until
from lib.doctor import not_seen
from lib.lens import BACKEND, Result
from lib.net import CLOSE_WAIT, ESTABLISHED

SERVER, CLIENT = "tl-server", "tl-client"


# Of the moment, or known better by `record`, which has more programs in use; what is dropped
# behind the reset of a connection need not find it any more.
MAY_DIFFER = {"time", "mono_ns", "conn", "owner", "stall_us", "mean_us", "max_us"}
WHO = {"pid", "tid", "comm", "uid", "cgroup_id"}


def key(r):
    """What two tracers of the same run must agree on."""
    without = MAY_DIFFER | (WHO if r["event"] == "drop" else set())
    return sorted((k, str(v)) for k, v in r.items() if k not in without)


class Causes(Case):
    def alike(self, one, other):
        a, b = (collections.Counter(str(key(x)) for x in r) for r in (one, other))
        self.assertEqual((list(a - b), list(b - a)), ([], []))

    def replay(self, path, *opts, json=True):
        """`loss -r`, of what `record` wrote at the same time."""
        p = self.spawn([TCPLENS, "loss", "-r", path, *(["--json"] if json else []), *opts])
        rc = p.wait()
        self.assertEqual(rc, 0, p.said())
        return Result(rc, p.out, p.err, json)


class Resets(Causes):
    def setUp(self):
        self.net = self.veth()
        self.file = os.path.join(self.tmp(), "f.tcpl")
        spaces = f"{self.net.a.path},{self.net.b.path}"
        self.all_ = self.lens("loss", "--netns", spaces)
        self.own = self.lens("loss", "--netns", spaces, "--comm", CLIENT, "--count")
        self.recorder = self.lens("record", "--netns", spaces, "-w", self.file, json=False)
        self.wire = self.dump(self.net.b, "v0", self.net.a.addr4)
        self.want = []
        self.may_miss = set()  # of them

    def server(self, *ops):
        p = self.spawn([self.live("actor"), f"name={SERVER}", "listen=0", *ops], ns=self.net.b)
        self.port = int(p.expect(rb"(?m)^ready (\d+)$")[1])
        return p

    def client(self, *ops):
        return self.spawn([self.live("actor"), f"name={CLIENT}", f"to={self.port}", *ops], ns=self.net.a)

    def state(self, ns, state):
        return any(s[0] == state and self.port in s[1:] for s in ns.tcp_states())

    def expect(self, out, reason, received, state):
        """A reset that process `out` sent and `received` got, in that state."""
        self.want += [("out", self.port, out.pid, reason), ("in", self.port, received.pid, state)]

    def unread(self):
        """The server closes with a byte unread."""
        s = self.server("accept", "read=1", "close")
        c = self.client(f"connect={self.net.b.addr4}", "write=2", "eof", "close")
        s.check(), c.check()
        self.expect(s, "TCP_ABORT_ON_CLOSE", c, "ESTABLISHED")

    def killed(self):
        """The same, by a process that is killed."""
        s = self.server("accept", "read=1", "wait=death")
        c = self.client(f"connect={self.net.b.addr4}", "write=2", "eof", "close")
        s.expect(rb"^at death$")
        s.signal(signal.SIGKILL)
        s.wait(), c.check()
        self.expect(s, "TCP_ABORT_ON_CLOSE", c, "ESTABLISHED")

    def linger(self):
        """The client has no time for a goodbye."""
        s = self.server("accept", "read=1", "eof", "close")
        c = self.client(f"connect={self.net.b.addr4}", "write=1", "reset")
        s.check(), c.check()
        self.expect(c, "TCP_STATE", s, "ESTABLISHED")

    def late(self, reason=None):
        """Data for a server that has closed, and whose process has ended: TIME-WAIT answers, as a rule."""
        s = self.server("accept", "read=1", "close")
        c = self.client(f"connect={self.net.b.addr4}", "write=1", "eof", "wait=ended", "write=1", "wait=reset", "close")
        s.check()
        c.tell("")
        c.expect(rb"^at reset$")
        wait_until("the reset", lambda: not self.state(self.net.a, CLOSE_WAIT))
        c.tell("")
        c.check()
        self.expect(s, reason, c, "CLOSE-WAIT")
        # trace_tcp_send_reset() was for full sockets only: not for what is in TIME-WAIT.
        if not reason and "before 6.12 resets sent in answer" in not_seen(BACKEND) and kernel() < (6, 12):
            self.may_miss.add(self.want[-2][:3])

    def late_to_socket(self):
        """The same, where a socket without a process answers: it ends before its reset is made."""
        self.net.b.sysctl("ipv4.tcp_fin_timeout", 120)  # above TCP_TIMEWAIT_LEN (tcp_rcv_state_process())
        self.late("TCP_ABORT_ON_DATA")

    def unaccepted(self):
        """The listener is closed while a connection waits."""
        s = self.server("wait=go", "unlisten")
        c = self.client(f"connect={self.net.b.addr4}", "eof", "close")
        wait_until("the connection", lambda: self.state(self.net.b, ESTABLISHED))
        s.tell("")
        s.check(), c.check()
        self.expect(s, "TCP_STATE", c, "ESTABLISHED")

    def test_each(self):
        for do in (self.unread, self.killed, self.linger, self.late, self.late_to_socket, self.unaccepted):
            do()
        quiesce(*self.net.sides)
        resets = [p for p in self.wire.stop() if "RST" in p.flags]
        got, sums, _ = self.all_.stop(), self.own.stop(), self.recorder.stop()
        r = [x for x in got.records if x["event"] == "reset"]
        # One each, and with its process.
        ports = {w[1] for w in self.want}
        whose = [(x["dir"], x["lport"] if x["lport"] in ports else x["rport"], x.get("pid")) for x in r]
        missing = self.may_miss.difference(whose)
        self.want = [w for w in self.want if w[:3] not in missing]
        self.assertEqual(sorted(whose), sorted(w[:3] for w in self.want), r)
        # As on the wire.
        wire = collections.Counter((p.sport, p.dport) for p in resets)
        for way, mine in (("out", lambda x: (x["lport"], x["rport"])), ("in", lambda x: (x["rport"], x["lport"]))):
            unseen = {port for way_, port, _ in missing if way_ == way}
            self.assertEqual(collections.Counter(mine(x) for x in r if x["dir"] == way),
                             collections.Counter(p for p in wire.elements() if p[0] not in unseen), r)
        # Why.
        for way, port, pid, what in self.want:
            x = next(x for x in r if (x["dir"], x.get("pid")) == (way, pid) and port in (x["lport"], x["rport"]))
            if way == "in":
                self.assertEqual(x["state"], what, x)
            elif what and kernel() >= (6, 18):
                self.assertEqual(x["reason"], what, x)
        self.filters(got.records, sums.records)

    def filters(self, records, sums):
        self.alike(self.replay(self.file).records, records)
        pid = self.want[0][2]
        own = [x for x in records if x.get("pid") == pid]  # no drops are among them
        self.assertGreater(len(own), 0)
        self.alike(self.replay(self.file, "-p", str(pid)).records, own)
        self.alike(self.replay(self.file, "-p", f"!{pid}").records, [x for x in records if x not in own])
        self.alike(self.replay(self.file, "--state", "CLOSE-WAIT").records,
                   [x for x in records if x.get("state") == "CLOSE-WAIT"])
        self.alike(self.replay(self.file, "--dir", "in").records, [x for x in records if x["dir"] == "in"])
        self.alike(self.replay(self.file, "--comm", CLIENT, "--count").records, sums)
        self.assertGreater(len(sums), 0)
        for x in sums:
            of = [y for y in records if y.get("comm") == CLIENT and y["event"] == x["what"] and
                  all(y.get(k) == x.get(k) for k in ("pid", "dir", "lport", "rport", "reason"))]
            self.assertEqual(x["count"], len(of), (x, of))
        for opts in ((), ("--count",)):
            lines = self.replay(self.file, *opts, json=False).out.decode().splitlines()
            self.assertGreater(len(lines), 1)
            self.assertLessEqual(max(map(len, lines)), 80, lines)


if __name__ == "__main__":
    main()
