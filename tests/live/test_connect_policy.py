#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`connect`: attempts that this machine itself does not let through."""

import errno

from lib import BACKEND, main, need_ipv6
from lib import cgroup
from lib.attempts import Out, firewall
from lib.doctor import not_seen


class Firewall(Out):
    def setUp(self):
        super().setUp()
        if "firewall drops a SYN" in not_seen(BACKEND):
            self.skipTest("not seen in this kernel")

    def test_drop(self):
        """The firewall drops each SYN on its way out: no answer can come."""
        need_ipv6()
        net = self.veth()
        firewall(net.a, "output", "tcp dport 9 drop")
        for addr in (net.b.addr4, net.b.addr6):
            with self.subTest(addr=addr):
                r, took = self.case(net.a, "blocked", errno.ETIMEDOUT, addr, retries=1)
                self.near(r, took)

    def test_reject(self):
        net = self.veth()
        for what, err in (("tcp reset", errno.ECONNREFUSED),
                          ("icmp type port-unreachable", errno.ECONNREFUSED),
                          ("icmp type host-prohibited", errno.EHOSTUNREACH)):
            firewall(net.a, "output", f"tcp dport 9 reject with {what}")
            with self.subTest(what=what):
                self.case(net.a, "blocked", err, net.b.addr4, retries=1)

    def test_theirs(self):
        """The peer's firewall is not ours: a timeout."""
        net = self.veth()
        firewall(net.b, "input", "tcp dport 9 drop")
        r, _ = self.case(net.a, "timeout", errno.ETIMEDOUT, net.b.addr4, retries=1)
        self.assertGreaterEqual(r["retrans"], 1)

    def test_drop_then_through(self):
        """Blocked once, not at the second SYN: the result is what came of it."""
        net = self.veth()
        firewall(net.a, "output", "tcp flags & (syn|ack) == syn limit rate 1/hour burst 1 packets drop")
        r, _ = self.case(net.a, "refused", errno.ECONNREFUSED, net.b.addr4)


class Cgroup(Out):
    """BPF programs of a cgroup, as systemd's IPAddressDeny= and container runtimes use them."""

    def test_connect(self):
        """No to connect() itself (BPF_CGROUP_RUN_PROG_INET4_CONNECT): no SYN is made."""
        net = self.veth()
        path = cgroup.make_cgroup(self)
        cgroup.deny(path, cgroup.CGROUP_SOCK_ADDR, cgroup.CGROUP_CONNECT4)
        cgroup.deny(path, cgroup.CGROUP_SOCK_ADDR, cgroup.CGROUP_CONNECT6)
        for addr in [net.b.addr4] + [net.b.addr6] * net.ipv6:
            with self.subTest(addr=addr), cgroup.inside(path):
                r, _ = self.case(net.a, "blocked", errno.EPERM, addr)
                self.assertNotIn("latency_us", r)

    def test_egress(self):
        """No to each packet (BPF_CGROUP_RUN_PROG_INET_EGRESS): no answer can come."""
        if "firewall drops a SYN" in not_seen(BACKEND):
            self.skipTest("not seen in this kernel")
        net = self.veth()
        path = cgroup.make_cgroup(self)
        cgroup.deny(path, cgroup.CGROUP_SKB, cgroup.CGROUP_EGRESS)
        with cgroup.inside(path):
            self.case(net.a, "blocked", errno.ETIMEDOUT, net.b.addr4, retries=1)


if __name__ == "__main__":
    main()
