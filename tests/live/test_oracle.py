#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
tcpdump as referee: every segment on the wire appears in `trace` exactly once,
with the same direction, flags, seq, ack and length (and window, TTL, DSCP/ECN,
timestamps, MACs where tcplens gives them), and nothing else appears.

Both sides of the wire are traced and captured at once, each judged by its own
capture.
"""

import signal
import statistics

from lib import BACKEND, Case, kernel, main, need_ipv6, need_nft, need_prog, quiesce, wait_until
from lib import wire
from lib.craft import frame, inject
from lib.doctor import not_seen
from lib.net import CLOSE_WAIT, ESTABLISHED
from lib.proc import run


def _no_socket(seg, out, segs):
    """Arrived for no socket: answered by a reset, or a reset itself, or after this side's reset."""
    def same(s):
        return (s.sport, s.dport, s.src, s.dst) == (seg.dport, seg.sport, seg.dst, seg.src)
    return not out and ("RST" in seg.flags or any("RST" in s.flags for s in segs if same(s)))


# What a backend cannot see, as `tcplens doctor` names it.
GAPS = {
    "that no socket wants": _no_socket,
}


def gaps():
    said = not_seen(BACKEND)
    return [gap for words, gap in GAPS.items() if words in said]


def beyond_gaps(missing, segs):
    """Of what tcplens did not see what it should have."""
    return [(s, o) for s, o in missing if not any(g(s, o, segs) for g in gaps())]


FAMILIES = ("4", "6", "mapped")


class Oracle(Case):
    """The equipment: two sides, their captures, one tcplens for both."""

    def start(self, relay=None, traced="ab", opts=(), mtu=1500, sysctls=()):
        self.net = net = self.veth(relay=relay is not None, mtu=mtu)
        self.link = self.relay(net, **relay) if relay is not None else None
        for ns in net.sides:
            for key, value in sysctls:
                ns.sysctl(key, value)
        self.families = FAMILIES if net.ipv6 else ("4",)
        self.traced = [getattr(net, x) for x in traced]
        self.begin(opts)

    def begin(self, opts=()):
        peer = {self.net.a: self.net.b, self.net.b: self.net.a}
        self.dumps = {ns: self.dump(ns, ns.dev, peer[ns].addr4) for ns in self.traced}
        self.tl = self.lens("trace", "--netns", ",".join(ns.path for ns in self.traced), *opts)

    def serve(self, ns, shape, family="4", opts=()):
        argv = [self.live("traffic"), "server", "-p", "0", "-s", shape, *opts]
        if family != "mapped":
            argv += ["-a", ns.addr4 if family == "4" else ns.addr6]
        p = self.spawn(argv, ns=ns)
        p.port = int(p.expect(rb"^ready (\d+)")[1])
        return p

    def call(self, ns, to, port, shape, family="4", opts=()):
        argv = [self.live("traffic"), "client", "-p", str(port), "-s", shape,
                "-a", to.addr6 if family == "6" else to.addr4, *opts]
        return self.spawn(argv + (["-m"] if family == "mapped" else []), ns=ns)

    def talk(self, shape, family="4", opts=(), client=None, server_opts=None):
        """A server on side b, a client on side a (or the other way round), to the end."""
        here = client or self.net.a
        there = self.net.b if here is self.net.a else self.net.a
        server = self.serve(there, shape, family, opts if server_opts is None else server_opts)
        caller = self.call(here, there, server.port, shape, family, opts)
        caller.check()
        server.check()
        return server.port

    def far_end(self, ns):
        """(namespace, device) at the other end of ns's wire."""
        if self.net.r:
            return self.net.r, "ra" if ns is self.net.a else "rb"
        return (self.net.b if ns is self.net.a else self.net.a), self.net.DEV

    def calm(self, allow=()):
        """Returns when nothing is on its way any more."""
        quiesce(*self.net.sides, allow=allow)
        if self.link:
            self.link.signal(signal.SIGTERM)
            self.link.check()
        # A last segment may still cause an answer (RST), and that another.
        for _ in range(3):
            for ns, dump in self.dumps.items():
                dump.flush(*self.far_end(ns))

    def settle(self, allow=(), lossless=True):
        """Ends the run and judges it; {namespace: Verdict}."""
        self.calm(allow)
        records = self.tl.stop(lossless=lossless).segments
        known = {ns.inode for ns in self.traced}
        strange = [r for r in records if r.get("netns") not in known]
        self.assertFalse(strange, "records of other namespaces")
        verdicts, problems = {}, []
        for ns in self.traced:
            segs = self.dumps[ns].stop()
            self.assertTrue(segs, "the capture is empty: this test proves nothing")
            mine = [r for r in records if r["netns"] == ns.inode]
            v = wire.judge(mine, segs, ns.mac)
            v.segs = segs
            v.missing = beyond_gaps(v.missing, segs)
            verdicts[ns] = v
            if not v.good:
                problems.append(f"side {'a' if ns is self.net.a else 'b'}: {v}")
            problems += self.incomplete(v)
        if problems:
            self.fail("tcplens and tcpdump differ\n" + "\n".join(problems))
        return verdicts

    def incomplete(self, v):
        """Fields that must be there, in records that agree."""
        bad = []
        for r, s in v.pairs:
            need = ["event", "time", "mono_ns", "dir", "ip", "netns", "segs"]
            if r["dir"] == "in":
                need += ["ttl", "dscp", "ecn", "smac", "dmac"]
            if s.tsval is not None:
                need += ["tsval", "tsecr"]
            if "SYN" in s.flags or (s.scaled is not None and r.get("state") == "ESTABLISHED"):
                need.append("win")
            lack = [k for k in need if k not in r]
            if lack:
                bad.append(f"  lacks {','.join(lack)}: {r} / {s}")
        return bad[:10]


class Shapes(Oracle):
    """Connections of known shape on a good link."""

    def each_family(self, shape, opts=(), **kw):
        self.start(**kw)
        for family in self.families:
            self.talk(shape, family, opts)
        return self.settle()

    def test_short(self):
        self.each_family("short", ("-n", "5"))

    def test_server_closes_first(self):
        self.each_family("srvclose", ("-n", "5"))

    def test_no_data(self):
        self.each_family("silent", ("-n", "5"))

    def test_pingpong(self):
        self.each_family("pingpong", ("-b", "200"))

    def test_bulk_up(self):
        self.each_family("up", ("-b", "300000"))

    def test_bulk_down(self):
        self.each_family("down", ("-b", "300000"))

    def test_bulk_both_ways(self):
        self.each_family("both", ("-b", "300000"))

    def test_small_mtu(self):
        self.each_family("both", ("-b", "60000"), mtu=1280)

    def test_parallel(self):
        self.each_family("short", ("-n", "10", "-j", "4"))

    def test_reset_by_client(self):
        v = self.each_family("reset", ("-n", "3"))
        self.assertTrue(any("RST" in r["flags"] for r, _ in v[self.net.a].pairs))

    def test_reset_by_server(self):
        self.each_family("srvreset", ("-n", "3"))

    def test_reset_unread_data(self):
        v = self.each_family("unread", ("-n", "3"))
        self.assertTrue(any("RST" in r["flags"] for r, _ in v[self.net.a].pairs))

    def test_half_close(self):
        self.each_family("half", ("-b", "50000"))

    def test_urgent(self):
        v = self.each_family("urgent")
        self.assertTrue(any("URG" in r["flags"] for r, _ in v[self.net.a].pairs))

    def test_dscp(self):
        v = self.each_family("short", ("-t", str(46 << 2)))
        got = [r for r, _ in v[self.net.b].pairs if r["dir"] == "in" and r.get("dscp") == 46]
        self.assertTrue(got, "no received segment with DSCP 46")

    def test_no_timestamps_no_scaling(self):
        self.each_family("both", ("-b", "60000"),
                         sysctls=(("ipv4.tcp_timestamps", 0), ("ipv4.tcp_window_scaling", 0),
                                  ("ipv4.tcp_sack", 0)))

    def test_refused(self):
        self.start()
        for family in self.families:
            self.call(self.net.a, self.net.b, 9, "refused", family, ("-n", "3")).check()
        v = self.settle()
        for side, way in ((self.net.a, "in"), (self.net.b, "out")):
            rst = [r for r, _ in v[side].pairs if "RST" in r["flags"] and r["dir"] == way]
            self.assertEqual(len(rst), 3 * len(self.families))

    def test_deferred_accept(self):
        self.each_family("short", ("-n", "3", "-d"))

    def test_syn_cookies(self):
        self.start(sysctls=(("ipv4.tcp_syncookies", 2),))
        for family in self.families:
            self.talk("short", family, ("-n", "3"))
        self.settle()
        self.assertEqual(self.net.b.counters()["TcpExt.SyncookiesRecv"], 3 * len(self.families))

    def test_fast_open(self):
        self.start(sysctls=(("ipv4.tcp_fastopen", 0x3),))
        for family in self.families:
            self.talk("short", family, ("-n", "3", "-f"))
        v = self.settle()
        self.assertTrue(any("SYN" in s.flags and s.len for s in v[self.net.a].segs),
                        "no SYN carried data: this test proves nothing")

    def test_ecn(self):
        self.start(relay=dict(ce=100), sysctls=(("ipv4.tcp_ecn", 1),))
        for family in self.families:
            self.talk("both", family, ("-b", "200000"))
        v = self.settle()
        for flag in ("ECE", "CWR"):
            self.assertTrue(any(flag in r["flags"] and "SYN" not in r["flags"]
                                for r, _ in v[self.net.a].pairs), f"no {flag} after the handshake")
        self.assertTrue(any(r.get("ecn") == 3 for r, _ in v[self.net.a].pairs), "no CE")

    def test_accurate_ecn(self):
        self.start(relay=dict(ce=100))
        try:
            for ns in self.net.sides:
                ns.sysctl("ipv4.tcp_ecn", 3)
            # Older ones take any number (6.4 began to refuse those without a meaning).
            if kernel() < (6, 18):
                raise OSError
        except OSError:
            self.skipTest("this kernel has no AccECN (net.ipv4.tcp_ecn=3)")
        self.talk("both", "4", ("-b", "100000"))
        v = self.settle()
        self.assertTrue(any("AE" in r["flags"] for r, _ in v[self.net.a].pairs), "no AE")

    def test_connection_older_than_tracer(self):
        self.net = self.veth()
        self.link, self.traced = None, list(self.net.sides)
        server = self.serve(self.net.b, "hold")
        client = self.call(self.net.a, self.net.b, server.port, "hold")
        for p in (server, client):
            p.expect("^held")
        quiesce(*self.net.sides, allow=(ESTABLISHED,))
        self.begin()
        client.tell("close")
        client.check()
        wait_until("the FIN to arrive",
                   lambda: any(s[0] == CLOSE_WAIT for s in self.net.b.tcp_states()))
        server.tell("close")
        server.check()
        self.settle()


class States(Oracle):
    """Shapes that need both ends' co-operation."""

    def held_pair(self, family="4"):
        server = self.serve(self.net.b, "hold", family)
        client = self.call(self.net.a, self.net.b, server.port, "hold", family)
        for p in (server, client):
            p.expect("^held")
        return client, server

    def test_simultaneous_close(self):
        self.start(relay={})
        for family in self.families:
            client, server = self.held_pair(family)
            quiesce(*self.net.sides, allow=(ESTABLISHED,))
            self.hold_back(self.link)
            for p in (client, server):
                p.tell("close")
            for p in (client, server):
                p.expect("^closed")
            self.link.signal(signal.SIGCONT)
            client.check()
            server.check()
            quiesce(*self.net.sides)
        v = self.settle()
        for ns in self.net.sides:
            fins = [r for r, _ in v[ns].pairs if "FIN" in r["flags"] and r["dir"] == "in"]
            self.assertTrue(any(r.get("state") == "FIN-WAIT-1" for r in fins),
                            "the FINs did not cross")

    def test_simultaneous_open(self):
        self.start(relay={})
        traffic, net = self.live("traffic"), self.net
        self.hold_back(self.link)
        a = self.spawn([traffic, "dial", "-a", net.b.addr4, "-p", "5002", "-l", "5001"], ns=net.a)
        b = self.spawn([traffic, "dial", "-a", net.a.addr4, "-p", "5001", "-l", "5002"], ns=net.b)
        for p in (a, b):
            p.expect("^dialled")
        self.link.signal(signal.SIGCONT)
        for p in (a, b):
            p.check()
        v = self.settle()
        for ns in net.sides:
            self.assertTrue(any(r["dir"] == "in" and set(r["flags"]) == {"SYN"}
                                for r, _ in v[ns].pairs), "the SYNs did not cross")

    def test_zero_window(self):
        self.start()
        for family in self.families:
            server = self.serve(self.net.b, "stall", family, ("-r", "4096"))
            client = self.call(self.net.a, self.net.b, server.port, "stall", family,
                               ("-b", "200000"))
            server.expect("^held")

            def probed(segs, port=server.port):
                """A closed window, announced again: in answer to a probe."""
                shut = [s for s in segs if s.sport == port and s.scaled == 0]
                return len(shut) >= 2
            self.dumps[self.net.a].wait_segments("a window probe", probed)
            server.tell("read")
            client.check()
            server.check()
        v = self.settle()
        self.assertTrue(any(r["win"] == 0 for r, _ in v[self.net.a].pairs if r["dir"] == "in"))

    def test_keepalive(self):
        self.start()
        server = self.serve(self.net.b, "keepalive")
        client = self.call(self.net.a, self.net.b, server.port, "keepalive")
        client.expect("^held")

        def probed(segs):
            """One byte before what was sent, without data, and its answer."""
            mine = [s for s in segs if s.dport == server.port]
            top = max((s.seq for s in mine if s.len), default=0)
            return top and any(s.seq == top + 99 and not s.len for s in mine)
        self.dumps[self.net.a].wait_segments("a keepalive probe", probed)
        client.tell("close")
        client.check()
        server.check()
        self.settle()

    def test_time_wait_reuse_by_syn(self):
        """The server closed first and has a TIME-WAIT socket: a new SYN takes its place."""
        self.start()
        for family in self.families:
            self.talk("srvclose", family, ("-n", "4", "-l", "4321"), server_opts=("-n", "4"))
        v = self.settle()
        # By their numbers: a slow machine sends some again.
        syns = {(r["laddr"], r["raddr"], r["seq"]) for r, _ in v[self.net.b].pairs if set(r["flags"]) == {"SYN"}}
        self.assertEqual(len(syns), 4 * len(self.families))

    def test_listen_queue_full(self):
        """SYNs that a full listener drops are seen."""
        self.start(sysctls=(("ipv4.tcp_syncookies", 0), ("ipv4.tcp_syn_retries", 1)))
        server = self.serve(self.net.b, "deaf", "4", ("-q", "1"))
        client = self.call(self.net.a, self.net.b, server.port, "pile", "4", ("-n", "6"))
        client.expect("^held")

        def dropped(segs):
            """A SYN sent again: its first was dropped, and so is it."""
            syns = [(s.sport, s.seq) for s in segs if s.dport == server.port and "SYN" in s.flags]
            return len(syns) > len(set(syns))
        self.dumps[self.net.a].wait_segments("a dropped SYN", dropped)
        client.tell("close")
        client.check()
        server.tell("end")
        server.check()
        self.settle()


class BadLink(Oracle):
    """Loss, reordering and duplication."""

    def test_relay(self):
        """A program between the two sides does it all, to both directions."""
        self.start(relay=dict(loss=30, reorder=60, twice=20, seed=7))
        for family in self.families:
            self.talk("both", family, ("-b", "150000"))
            self.talk("short", family, ("-n", "5"))
        v = self.settle()
        said = self.link.out
        for what in (b"dropped", b"reordered", b"doubled"):
            self.assertNotIn(what + b" 0", said, "the relay did nothing of the kind")
        self.assertTrue(any(r.get("retrans") for r, _ in v[self.net.a].pairs), "no retransmission")

    def test_nftables(self):
        """Every seventh segment is dropped on the far side, where side a's tcpdump has no part in it."""
        self.start(traced="a")
        need_nft(self.net.b, """
            table inet loss {
                chain from_a { type filter hook prerouting priority -300;
                    meta l4proto tcp numgen inc mod 7 == 3 drop; }
                chain to_a { type filter hook output priority 0;
                    meta l4proto tcp numgen inc mod 11 == 5 drop; }
            }""")
        for family in self.families:
            self.talk("both", family, ("-b", "100000"))
        v = self.settle()
        self.assertTrue(any(r.get("retrans") for r, _ in v[self.net.a].pairs), "no retransmission")

    def test_netem(self):
        """netem on the far side's egress."""
        self.start(traced="a")
        self.netem(self.net.b, self.net.DEV, "delay", "2ms", "loss", "3%", "reorder", "10%",
                   "duplicate", "1%")
        for family in self.families:
            self.talk("both", family, ("-b", "100000"))
        # It would lose the capture's marks as well, and let them overtake what it holds back.
        self.no_netem(self.net.b, self.net.DEV)
        self.settle()


class Redirected(Oracle):
    """Packets that take a turn by another device, or of which copies do."""

    def rules(self, ns, hook, rule):
        need_nft(ns, f"""
            table netdev by_{hook} {{
                chain c {{ type filter hook {hook} device {self.net.DEV} priority 0;
                    {rule}; }}
            }}""")

    def ifb(self, ns):
        try:
            ns.ip("link add ifb9 type ifb", "link set ifb9 up")
        except AssertionError as e:
            self.skipTest(f"this kernel has no ifb: {e}")

    def through_ifb(self, hook):
        self.start(traced="a")
        self.ifb(self.net.a)
        self.rules(self.net.a, hook, "fwd to ifb9")
        for family in self.families:
            self.talk("both", family, ("-b", "20000"))
        self.settle()

    def test_ifb(self):
        """What arrives is shaped on an ifb, and taken in once more by the device that it came by."""
        self.through_ifb("ingress")

    def test_sent_through_ifb(self):
        """What is sent goes through an ifb first."""
        self.through_ifb("egress")

    def test_mirrored(self):
        """Copies of all that is sent and received go to another machine."""
        self.start(traced="a")
        there = self.ns()
        run(["ip", "link", "add", "m0", "netns", self.net.a.name, "type", "veth",
             "peer", "name", "m0", "netns", there.name])
        for ns in (self.net.a, there):
            ns.ip("link set m0 up")
        for hook in ("ingress", "egress"):
            self.rules(self.net.a, hook, "dup to m0")
        for family in self.families:
            self.talk("both", family, ("-b", "20000"))
        self.call(self.net.a, self.net.b, 9, "refused").check()
        self.call(self.net.b, self.net.a, 9, "refused").check()
        self.settle()


class Stray(Oracle):
    """Segments that fit no connection, put on the wire by hand; side a gets them and may answer."""

    def setUp(self):
        self.start(traced="a")

    def send(self, family, sport, dport, flags, **kw):
        a, b = self.net.a, self.net.b
        ends = (b.addr6, a.addr6) if family == "6" else (b.addr4, a.addr4)
        inject(b, b.dev, frame(b.mac, a.mac, *ends, sport, dport, flags, **kw))

    def each(self, *flag_sets, dport):
        for family in [f for f in self.families if f != "mapped"]:
            for i, flags in enumerate(flag_sets):
                self.send(family, 7000 + i, dport, flags, seq=1000 * i, ack=5000 if "ACK" in flags
                          else 0, data=b"x" * 10 if "PSH" in flags else b"")

    KINDS = (("ACK",), ("FIN", "ACK"), ("PSH", "ACK"), ("RST",), ("RST", "ACK"), ("FIN",),
             ("SYN", "ACK"))

    def test_closed_port(self):
        self.each(("SYN",), *self.KINDS, dport=9)
        self.settle()

    def test_listener(self):
        server = self.spawn([self.live("traffic"), "server", "-p", "0", "-s", "short"],
                            ns=self.net.a)
        self.each(*self.KINDS, dport=int(server.expect(rb"^ready (\d+)")[1]))
        self.settle()

    def test_established(self):
        """Old data, data from the future, a SYN, a reset that is not exact: challenge ACKs."""
        for family in [f for f in self.families if f != "mapped"]:
            server = self.serve(self.net.b, "hold", family)
            client = self.call(self.net.a, self.net.b, server.port, "hold", family)
            for p in (server, client):
                p.expect("^held")
            segs = self.dumps[self.net.a].wait_segments(
                "the server's data", lambda segs: [s for s in segs if s.sport == server.port and
                                                   s.len])
            last = segs[-1]
            after = last.seq + last.len
            for flags, seq in ((("SYN",), after + 5), (("RST",), after + 5),
                               (("PSH", "ACK"), after - 50), (("PSH", "ACK"), after + 10**6)):
                self.send(family, server.port, last.dport, flags, seq=seq, ack=last.ack,
                          data=b"x" * 10 if "PSH" in flags else b"")
            client.tell("close")
            client.expect("^closed")
            server.tell("close")
            client.check()
            server.check()
        self.settle()


class OneSide(Oracle):
    """One side chosen by a filter: all of it, and nothing of the other."""

    def test_client_side_by_netns(self):
        self.start(traced="a")
        for family in self.families:
            self.talk("short", family, ("-n", "3"))
        self.settle()

    def test_server_side_by_netns(self):
        self.start(traced="b")
        for family in self.families:
            self.talk("short", family, ("-n", "3"))
        self.settle()

    def test_side_by_local_address(self):
        net = self.net = self.veth()
        self.link, self.traced = None, [net.a]
        self.dumps = {net.a: self.dump(net.a, net.a.dev, net.b.addr4)}
        self.tl = self.lens("trace", "--netns", f"{net.a.path},{net.b.path}",
                            "--local", f"{net.a.addr4}/32,{net.a.addr6}")
        for family in FAMILIES if net.ipv6 else ("4",):
            self.talk("short", family, ("-n", "3"))
        self.settle()


class Loopback(Case):
    """Both ends in one namespace: each captured segment was sent by one and received by the other."""

    def run_shapes(self, shapes):
        ns = self.ns()
        dump = self.dump(ns, "lo", "127.0.0.1")
        tl = self.lens("trace", "--netns", ns.path)
        traffic = self.live("traffic")
        for shape, *opts in shapes:
            for addr, more in (("127.0.0.1", []), ("::1", []), ("127.0.0.1", ["-m"])):
                at = [] if more else ["-a", addr]
                server = self.spawn([traffic, "server", "-p", "0", "-s", shape, *at, *opts], ns=ns)
                port = server.expect(rb"^ready (\d+)")[1].decode()
                self.spawn([traffic, "client", "-a", addr, "-p", port, "-s", shape, *more, *opts],
                           ns=ns).check()
                server.check()
        quiesce(ns)
        for _ in range(3):
            dump.flush(ns, "lo")
        records = tl.stop().segments
        segs = dump.stop()
        v = wire.judge(records, segs, None, both_ends=True)
        self.assertTrue(segs)
        self.assertTrue(v.good, v)

    def test_connections(self):
        need_ipv6()
        self.run_shapes([("short", "-n", "5"), ("srvclose", "-n", "5"), ("reset",), ("half",),
                         ("pingpong", "-b", "50")])

    def test_bulk(self):
        need_ipv6()
        self.run_shapes([("both", "-b", "500000")])

    def test_refused(self):
        ns = self.ns()
        dump = self.dump(ns, "lo", "127.0.0.1")
        tl = self.lens("trace", "--netns", ns.path)
        self.spawn([self.live("traffic"), "client", "-a", "127.0.0.1", "-p", "9", "-s", "refused",
                    "-n", "3"], ns=ns).check()
        dump.flush(ns, "lo")
        records, segs = tl.stop().segments, dump.stop()
        v = wire.judge(records, segs, None, both_ends=True)
        v.missing = beyond_gaps(v.missing, segs)
        self.assertEqual(len(segs), 6)
        self.assertTrue(v.good, v)


class Clock(Oracle):
    def test_time_is_the_events(self):
        """`time` is the kernel's at the event, not that of printing: it is tcpdump's."""
        self.start()
        self.talk("pingpong", "4", ("-b", "300"))
        for v in self.settle().values():
            apart = [abs(wire.when_ns(r) - s.ns) for r, s in v.pairs]
            self.assertLess(statistics.median(apart), 2_000_000)
            mono = [r["mono_ns"] - wire.when_ns(r) for r, _ in v.pairs]
            self.assertLess(max(mono) - min(mono), 50_000_000, "the two clocks drift apart")


if __name__ == "__main__":
    main()
