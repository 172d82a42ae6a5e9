#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Every filter, live.  Beside the filtered runs goes one without the filter: what
each of them prints must be exactly what of the unfiltered run the filter's
meaning leaves over, and of an option and its negation, each segment one.
"""

import collections
import ipaddress
import os
import shutil

from lib import Case, main, quiesce
from lib import wire
from lib.cgroup import inside, make_cgroup
from lib.proc import run


def key(r):
    """What a segment is, whoever saw it."""
    return (r["netns"], r.get("segs"), *wire.record_key(r))


class Scene(Case):
    """Servers on side b, clients on side a; both sides are in the picture."""

    def setUp(self):
        self.net = self.veth()
        self.families = ("4", "6", "mapped") if self.net.ipv6 else ("4", "mapped")
        self.servers, self.clients = [], []
        self.scope = ("--netns", f"{self.net.a.path},{self.net.b.path}")

    def server(self, family="any", shape="short", opts=(), argv0=None, **kw):
        argv = [argv0 or self.live("traffic"), "server", "-p", "0", "-s", shape, *opts]
        if family != "any":
            argv += ["-a", self.net.b.addr4 if family == "4" else self.net.b.addr6]
        p = self.spawn(argv, ns=self.net.b, **kw)
        p.port = int(p.expect(rb"^ready (\d+)")[1])
        self.servers.append(p)
        return p

    def client(self, port, family="4", shape="short", opts=(), argv0=None, **kw):
        """A client that waits for go()."""
        addr = self.net.b.addr6 if family == "6" else self.net.b.addr4
        argv = [argv0 or self.live("traffic"), "client", "-w", "-p", str(port), "-s", shape,
                "-a", addr, *opts, *(["-m"] if family == "mapped" else [])]
        p = self.spawn(argv, ns=self.net.a, **kw)
        p.expect("^waiting")
        self.clients.append(p)
        return p

    def cast(self):
        """One server for all families; a client of each, and one that is refused."""
        s = self.server(opts=("-n", str(len(self.families))))
        for family in self.families:
            self.client(s.port, family)
        self.client(9, "4", "refused")

    def watch(self, *runs):
        """Starts the unfiltered run and one for each list of options."""
        self.all = self.lens("trace", *self.scope)
        self.runs = [self.lens("trace", *(() if "--netns" in r else self.scope), *r) for r in runs]

    def play(self):
        """The clients go; the segments of the unfiltered run and of each filtered one."""
        for c in self.clients:
            c.tell("go")
        for p in self.clients + self.servers:
            p.check()
        quiesce(*self.net.sides)
        filtered = [r.stop().segments for r in self.runs]
        return self.all.stop().segments, filtered

    def compare(self, what, everything, got, wanted, all_or_none=False):
        expect = [r for r in everything if wanted(r)]
        if not all_or_none:
            self.assertTrue(expect, f"{what}: nothing to find, this test proves nothing")
            self.assertLess(len(expect), len(everything), f"{what}: nothing to leave out")
        want = collections.Counter(map(key, expect))
        have = collections.Counter(map(key, got))
        self.assertFalse(want - have, f"{what}: not let through: {list((want - have))[:5]}")
        self.assertFalse(have - want, f"{what}: let through: {list((have - want))[:5]}")

    def judge(self, *cases):
        """cases: (options, predicate on the unfiltered run's records)."""
        self.watch(*[opts for opts, _ in cases])
        everything, filtered = self.play()
        for (opts, wanted), got in zip(cases, filtered):
            self.compare(" ".join(opts), everything, got, wanted)

    def both_ways(self, option, value, wanted):
        """An option, and its negation."""
        self.judge(((option, value), wanted),
                   ((option, f"!{value}"), lambda r: not wanted(r)))


def v4(r):
    return ipaddress.ip_address(r["laddr"]).version == 4


class Ends(Scene):
    def test_ip_version(self):
        """v4-mapped counts as IPv4."""
        self.cast()
        mapped = self.clients[-2].pid
        self.watch(("-4",), ("-6",))
        everything, (four, six) = self.play()
        self.compare("-4", everything, four, v4)
        if self.net.ipv6:
            self.compare("-6", everything, six, lambda r: not v4(r))
        self.assertTrue(any(r.get("pid") == mapped for r in four), "v4-mapped is missing in -4")

    def test_port(self):
        self.cast()
        p = self.servers[0].port
        self.both_ways("-P", str(p), lambda r: p in (r["lport"], r["rport"]))

    def test_local_port(self):
        self.cast()
        p = self.servers[0].port
        self.both_ways("-L", str(p), lambda r: p == r["lport"])

    def test_remote_port(self):
        self.cast()
        p = self.servers[0].port
        self.both_ways("--rport", str(p), lambda r: p == r["rport"])

    def test_port_range(self):
        self.cast()
        self.both_ways("--port", "1-1023", lambda r: min(r["lport"], r["rport"]) < 1024)

    def test_port_list_with_exception(self):
        self.cast()
        p = self.servers[0].port
        self.judge((("-D", f"1-65535,!{p}"), lambda r: r["rport"] != p),
                   (("-L", f"9,{p}"), lambda r: r["lport"] in (9, p)))

    def test_hundreds_of_ports(self):
        self.cast()
        p = self.servers[0].port
        many = [str(x) for x in range(1, 1999, 2) if x not in (9, p)]
        self.judge((("-P", ",".join(many + [str(p)])), lambda r: p in (r["lport"], r["rport"])),
                   (("-P", ",".join("!" + x for x in many + [str(p)])),
                    lambda r: p not in (r["lport"], r["rport"])))

    def test_ports_from_file(self):
        self.cast()
        p = self.servers[0].port
        path = os.path.join(self.tmp(), "ports")
        with open(path, "w") as f:
            f.write("1\n2\n3000-3001\n" + f"{p}\n")
        self.judge((("-L", "@" + path), lambda r: r["lport"] == p),
                   (("-L", "9,@" + path), lambda r: r["lport"] in (9, p)))

    def test_local_address(self):
        self.cast()
        self.both_ways("--local", self.net.a.addr4, lambda r: r["laddr"] == self.net.a.addr4)

    def test_remote_network(self):
        self.cast()
        self.judge((("--remote", "10.99.0.2/31"), lambda r: r["raddr"] == "10.99.0.2"),
                   (("--remote", "!10.99.0.2/31"), lambda r: r["raddr"] != "10.99.0.2"),
                   (("--remote", "10.0.0.0/8,!10.99.0.1"), lambda r: r["raddr"] == "10.99.0.2"))

    def test_ipv6_network(self):
        if not self.net.ipv6:
            self.skipTest("this kernel has no IPv6")
        self.cast()
        self.judge((("--local", "fd99::/64"), lambda r: not v4(r)),
                   (("--remote", "fd99::2/127,10.99.0.1"),
                    lambda r: r["raddr"] in ("fd99::2", "10.99.0.1")),
                   (("--local", "!fd00::/8"), v4))

    def test_hundreds_of_networks(self):
        self.cast()
        nets = [f"172.{16 + i // 256}.{i % 256}.0/24" for i in range(800)]
        nets += [f"2001:db8:{i:x}::/48" for i in range(400)]
        path = os.path.join(self.tmp(), "nets")
        with open(path, "w") as f:
            f.write("\n".join(nets + ["10.99.0.1"]) + "\n")
        self.judge((("--local", "@" + path), lambda r: r["laddr"] == "10.99.0.1"),
                   (("--local", "10.99.0.0/24," + ",".join("!" + n for n in nets)), v4))


class Header(Scene):
    def test_direction(self):
        self.cast()
        self.judge((("--dir", "in"), lambda r: r["dir"] == "in"),
                   (("--dir", "out"), lambda r: r["dir"] == "out"))

    def test_flags(self):
        self.cast()
        has = lambda *f: lambda r: set(f) <= set(r["flags"])  # noqa: E731
        self.judge((("--flags", "SYN"), has("SYN")),
                   (("--flags", "SYN,ACK"), has("SYN", "ACK")),
                   (("--flags", "rst"), has("RST")),
                   (("--flags", "SYN,!ACK"), lambda r: has("SYN")(r) and not has("ACK")(r)),
                   (("--flags", "RST", "--flags", "FIN"), lambda r: has("RST")(r) or has("FIN")(r)))

    def test_state(self):
        self.cast()
        self.judge((("--state", "ESTABLISHED"), lambda r: r.get("state") == "ESTABLISHED"),
                   (("--state", "!established"), lambda r: r.get("state") != "ESTABLISHED"),
                   (("--state", "syn_sent,FIN-WAIT-1,fin_wait2"),
                    lambda r: r.get("state") in ("SYN-SENT", "FIN-WAIT-1", "FIN-WAIT-2")))

    def test_several_at_once(self):
        self.cast()
        p = self.servers[0].port
        self.judge((("-4", "-L", str(p), "--dir", "in", "--flags", "FIN"),
                    lambda r: v4(r) and r["lport"] == p and r["dir"] == "in" and
                    "FIN" in r["flags"]))


class Owner(Scene):
    def test_pid(self):
        self.cast()
        pid = self.clients[0].pid
        self.both_ways("-p", str(pid), lambda r: r.get("pid") == pid)

    def test_pids(self):
        self.cast()
        pids = [self.clients[0].pid, self.servers[0].pid]
        self.judge((("-p", ",".join(map(str, pids))), lambda r: r.get("pid") in pids),
                   (("-p", ",".join(f"!{p}" for p in pids)), lambda r: r.get("pid") not in pids))

    def named(self, name):
        path = os.path.join(self.tmp(), name)
        shutil.copy(self.live("traffic"), path)
        return path

    def two_names(self, **kw):
        s = self.server(opts=("-n", "2"))
        self.client(s.port, "4", argv0=self.named("lens-alpha"))
        self.client(s.port, "4", argv0=self.named("lens-beta"))

    def test_comm(self):
        self.two_names()
        self.both_ways("--comm", "lens-alpha", lambda r: r.get("comm") == "lens-alpha")

    def test_hundreds_of_comms_from_file(self):
        self.two_names()
        path = os.path.join(self.tmp(), "names")
        with open(path, "w") as f:
            f.write("".join(f"other-{i}\n" for i in range(500)) + "lens-beta\n")
        self.judge((("--comm", "@" + path), lambda r: r.get("comm") == "lens-beta"),
                   (("--comm", "!lens-alpha,!lens-beta"),
                    lambda r: r.get("comm") not in ("lens-alpha", "lens-beta")))

    def test_long_comm(self):
        """A process name ends after 15 bytes."""
        s = self.server(opts=("-n", "1"))
        self.client(s.port, "4", argv0=self.named("a-name-of-15-by"))
        self.both_ways("--comm", "a-name-of-15-by", lambda r: r.get("comm") == "a-name-of-15-by")

    def two_users(self):
        os.chmod(os.path.dirname(self.live_copy()), 0o755)
        s = self.server(opts=("-n", "2"))
        self.client(s.port, "4", argv0=self.copy, user=65534)
        self.client(s.port, "4", argv0=self.copy)

    def live_copy(self):
        """traffic where any user may start it."""
        self.copy = self.named("traffic")
        return self.copy

    def test_uid(self):
        self.two_users()
        self.both_ways("-u", "65534", lambda r: r.get("uid") == 65534)

    def test_user_name(self):
        try:
            import pwd
            name = pwd.getpwuid(65534).pw_name
        except (ImportError, KeyError):
            self.skipTest("user 65534 has no name here")
        self.two_users()
        self.both_ways("-u", name, lambda r: r.get("uid") == 65534)


class Places(Scene):
    def test_netns_by_path(self):
        self.cast()
        a, b = self.net.a, self.net.b
        # The unfiltered run is of both namespaces; a third one exists on every machine: ours.
        self.judge((("--netns", a.path), lambda r: r["netns"] == a.inode),
                   (("--netns", f"{a.path},{b.path},!{a.path}"), lambda r: r["netns"] == b.inode))

    def test_netns_by_pid(self):
        self.cast()
        self.judge((("--netns", str(self.clients[0].pid)), lambda r: r["netns"] == self.net.a.inode),
                   (("--netns", str(self.servers[0].pid)), lambda r: r["netns"] == self.net.b.inode))

    def test_cgroup(self):
        """In it, or below it."""
        top = make_cgroup(self)
        sub = make_cgroup(self, os.path.join(top, "sub"))
        s = self.server(opts=("-n", "3"))
        with inside(top):
            one = self.client(s.port).pid
        with inside(sub):
            two = self.client(s.port).pid
        self.client(s.port)
        self.judge((("--cgroup", top), lambda r: r.get("pid") in (one, two)),
                   (("--cgroup", "!" + top), lambda r: r.get("pid") not in (one, two)),
                   (("--cgroup", sub), lambda r: r.get("pid") == two),
                   (("--cgroup", f"{top},!{sub}"), lambda r: r.get("pid") == one))


class Nat(Scene):
    """Side b redirects a port: filters are for the sockets' ports, which the wire does not have there."""

    def test_redirected_port(self):
        s = self.server("4", shape="pingpong", opts=("-n", "2", "-b", "30"))
        rules = f"""table ip renumber {{
            chain incoming {{ type nat hook prerouting priority -100; tcp dport 7080 redirect to :{s.port}; }}
        }}"""
        try:
            with self.net.b:
                run(["nft", "-f", "-"], input=rules.encode())
        except (AssertionError, FileNotFoundError):
            self.skipTest("no NAT by nftables here")
        for _ in range(2):
            self.client(7080, "4", shape="pingpong", opts=("-b", "30"))
        p = s.port
        self.judge((("-P", str(p)), lambda r: p in (r["lport"], r["rport"])),
                   (("-L", str(p)), lambda r: p == r["lport"]),
                   (("-P", "7080"), lambda r: 7080 in (r["lport"], r["rport"])),
                   (("-P", "!7080"), lambda r: 7080 not in (r["lport"], r["rport"])))


class Nothing(Scene):
    def test_filter_that_lets_nothing_through(self):
        self.cast()
        self.watch(("--remote", "192.0.2.1"), ("-P", "1"), ("--comm", "nobody-has-this"))
        everything, filtered = self.play()
        self.assertTrue(everything)
        for got in filtered:
            self.assertEqual(got, [])


if __name__ == "__main__":
    main()
