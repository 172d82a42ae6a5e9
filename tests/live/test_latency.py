#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Where the time goes: each single wait that `latency` tells, and each sum of
them, against what the programs and tcpdump saw by the same clock.

A wait lies between two instants, and each of those within a call of a program,
whose begin and end are known.  So its length is known to within the time the
calls took, some tens of microseconds: what the scheduler does is in the truth.
The tracer may be off by 5 % or 1 ms of that.
"""

import itertools
import os
import random
import re
import select
import signal
import socket
import statistics
import sys
import time

from lib import BACKEND, WAIT, Case, main, need_prog, quiesce
from lib.doctor import not_seen
from lib.lens import parse_json_lines, parse_summary

MS = 1000000

# Does what its arguments say, and tells in the end when each call began and ended (CLOCK_MONOTONIC, ns).
PEER = """
import fcntl, os, socket, sys, termios, time
s, log, pipe = socket.socket(), [], os.pipe()
def get(n):
    while n:
        b = s.recv(n)
        if not b: raise SystemExit("the peer closed early")
        n -= len(b)
for op in sys.argv[1:]:
    name, _, v = op.partition("=")
    begin = time.monotonic_ns()
    if name == "sleep": time.sleep(float(v) / 1000)
    elif name == "wait": sys.stdin.readline()
    elif name == "say": print(v, flush=True)
    elif name == "sndbuf": s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(v))
    elif name == "rcvbuf": s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(v))
    elif name == "nodelay": s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    elif name == "slowack": s.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    elif name == "listen":
        s.bind((v, 0)); s.listen(); print("ready", s.getsockname()[1], flush=True)
    elif name == "accept": s = s.accept()[0]
    elif name == "connect": s.connect((v.split(",")[0], int(v.split(",")[1])))
    elif name == "write": s.sendall(b"x" * int(v))
    elif name == "acked":
        while any(fcntl.ioctl(s, termios.TIOCOUTQ, bytes(4))): time.sleep(0.005)
    elif name == "read": get(int(v))
    elif name == "recv": assert len(s.recv(int(v))) == int(v)
    elif name == "peek": assert len(s.recv(int(v), socket.MSG_PEEK)) == int(v)
    elif name == "all": assert len(s.recv(int(v), socket.MSG_WAITALL)) == int(v)
    elif name == "splice": assert os.splice(s.fileno(), pipe[1], int(v)) == int(v)
    elif name == "eof":
        while s.recv(1 << 16): pass
    elif name == "close": s.close()
    log.append((name, begin, time.monotonic_ns()))
for l in log: print("did %s %d %d" % l)
"""


class Instant:
    """Between two readings of the clock."""

    def __init__(self, least, most=None):
        self.least, self.most = least, least if most is None else most


class Truth:
    """A wait from one instant to another."""

    def __init__(self, begin, end):
        self.least = max(end.least - begin.most, 0)
        self.most = end.most - begin.least
        self.end = end


def clock_offset():
    """Wall clock minus CLOCK_MONOTONIC, ns: for tcpdump's times."""
    best = None
    for _ in range(20):
        a = time.monotonic_ns()
        w = time.time_ns()
        b = time.monotonic_ns()
        if best is None or b - a < best[0]:
            best = b - a, w - (a + b) // 2
    return best[1]


# On an emulated machine the programs, whose clocks tell the truth, take milliseconds for a system call.
SLOW = 20 * MS if os.environ.get("TCPLENS_VM") else 0


def tolerance(ns):
    return max(0.05 * ns, MS) + SLOW


class Waits(Case):
    def peer(self, ns, *ops):
        return self.spawn([sys.executable, "-c", PEER, *ops], ns=ns)

    def calls(self, proc, name):
        """Each call of that kind, as an Instant."""
        proc.check()
        return [Instant(int(b), int(e)) for b, e in
                re.findall(rb"^did %s (\d+) (\d+)$" % name.encode(), proc.out, re.M)]

    def places(self):
        net = self.veth()
        one = self.ns("lo")
        yield "veth", net.a, net.b, net.b.addr4, net.DEV
        if os.environ.get("TCPLENS_VM"):
            return  # where each start of the tracer takes seconds
        yield "loopback", one, one, "127.0.0.1", "lo"

    def begin(self, a, b):
        """Two tracers: of every single wait, and of their sums."""
        nets = ",".join({a.path, b.path})
        self.single = self.lens("latency", "--netns", nets, "--outliers", "0")
        self.sums = self.lens("latency", "--netns", nets)

    def serve(self, ns, addr, *ops):
        p = self.peer(ns, *(o for o in ops if o.startswith("rcvbuf")), f"listen={addr}",
                      *(o for o in ops if not o.startswith("rcvbuf")))
        self.port = int(p.expect(rb"^ready (\d+)")[1])
        return p

    def dial(self, ns, addr, *ops):
        first = "sndbuf", "slowack"
        return self.peer(ns, *(o for o in ops if o.startswith(first)), f"connect={addr},{self.port}",
                         *(o for o in ops if not o.startswith(first)))

    def told(self):
        """Ends both tracers: {(is server, part): ([single records], sum record)}."""
        singles, sums, found = self.single.stop(), self.sums.stop(), {}
        for r in singles.latencies:
            self.assertEqual(r["count"], 1)
            self.assertLess(r["wait_us"], 60e6, f"longer than the test: {r}")
            found.setdefault((r["rport"] != self.port, r["part"]), [[], None])[0].append(r)
        for r in sums.latencies:
            order = [r[k] for k in ("min_us", "p50_us", "p90_us", "p99_us", "max_us")]
            self.assertEqual(order, sorted(order), r)
            self.assertLess(r["max_us"], 60e6, f"longer than the test: {r}")
            entry = found.setdefault((r["rport"] != self.port, r["part"]), [[], None])
            self.assertIsNone(entry[1], "one sum a part of a connection")
            entry[1] = r
        return found

    def within(self, got_us, least, most, what):
        """Measured within 5 % or 1 ms of what is true."""
        got, most = got_us * 1000, max(least, most)
        self.assertGreaterEqual(got, least - tolerance(least) - 1000, what)
        self.assertLessEqual(got, most + tolerance(most) + 1000, what)

    def agree(self, told, server, part, truths):
        """One record for each wait, in order, each as long as it was, and ending when it ended; the sums, too."""
        side = "server" if server else "client"
        self.assertIn((server, part), told, f"{side} has none of {part}")
        singles, total = told[server, part]
        singles.sort(key=lambda r: r["mono_ns"])
        self.assertEqual(len(singles), len(truths), f"{side}'s {part}: {[r['wait_us'] for r in singles]}")
        for i, (r, t) in enumerate(zip(singles, truths)):
            what = f"{side}'s {part} {i}: {r['wait_us']} us, in truth {t.least / 1000} to {t.most / 1000}"
            self.within(r["wait_us"], t.least, t.most, what)
            late = tolerance(t.most)
            self.assertGreaterEqual(r["mono_ns"], t.end.least - late, f"{what}: ended early")
            self.assertLessEqual(r["mono_ns"], t.end.most + late, f"{what}: ended late")
        self.assertEqual(total["count"], len(truths))
        # Each of these grows with every wait, so bounds of all waits give its bounds.
        for key, f in (("min_us", min), ("max_us", max), ("mean_us", statistics.fmean),
                       ("p50_us", statistics.median_low)):
            self.within(total[key], f([t.least for t in truths]), f([t.most for t in truths]),
                        f"{side}'s {part}: {key} of {total}")


ROUNDS = 6


class Parts(Waits):
    def test_conversation(self):
        """
        The server is late to accept, to read, and to answer, the client to ask again.
        In the accept queue, the receive queue, own and peer's think time, handshake.
        """
        for name, a, b, addr, _ in self.places():
            with self.subTest(name):
                self.begin(a, b)
                server = self.serve(b, addr, "wait", "sleep=120", "accept",
                                    *["read=100", "sleep=40", "write=100", "sleep=60"] * ROUNDS, "eof")
                client = self.dial(a, addr, "say=connected",
                                   *["write=100", "read=100", "sleep=25"] * ROUNDS, "close")
                client.expect(b"^connected")
                server.tell("")
                self.judge_conversation(client, server)

    def judge_conversation(self, client, server):
        connect, = self.calls(client, "connect")
        accept, = self.calls(server, "accept")
        asks, answers = self.calls(client, "write"), self.calls(server, "write")
        # A read that waits for its data is over after that was sent.
        reads = [Instant(max(r.least, w.least), r.most)
                 for r, w in zip(self.calls(server, "read"), asks)]
        back = [Instant(max(r.least, w.least), r.most)
                for r, w in zip(self.calls(client, "read"), answers)]
        told = self.told()
        # The last owner, whichever part was told last: the handshake was the listener's.
        self.assertEqual({(server, total["owner"]) for (server, _), (_, total) in told.items()},
                         {(False, "connect"), (True, "accept")})

        def all_of(begins, ends):
            return [Truth(b, e) for b, e in zip(begins, ends)]
        self.agree(told, False, "handshake", [Truth(connect, connect)])
        self.agree(told, True, "handshake", [Truth(connect, connect)])
        self.agree(told, True, "accept-queue", [Truth(connect, accept)])
        self.agree(told, True, "receive-queue", all_of(asks, reads))
        self.agree(told, True, "own-think", all_of(reads, answers))
        self.agree(told, True, "peer-think", all_of(answers, asks[1:]))
        self.agree(told, False, "receive-queue", all_of(answers, back))
        self.agree(told, False, "own-think", all_of(back, asks[1:]))
        self.agree(told, False, "peer-think", all_of(asks, answers))
        if (False, "send-queue") in told:
            self.agree(told, False, "send-queue", all_of(asks, asks))
            self.agree(told, True, "send-queue", all_of(answers, answers))

    def first_sent(self, segs, size, n):
        """When the first byte of each of n calls of `size` bytes left, by the capture."""
        syn = next(s for s in segs if s.flags == {"SYN"} and s.dport == self.port)
        found = []
        for s in segs:
            end = (s.seq - syn.seq - 1) % (1 << 32) + s.len
            while s.dport == self.port and s.len and len(found) < n and end > len(found) * size:
                found.append(s.ns - self.offset)
        return found

    def send_queue(self, *client_ops, size, calls):
        need_prog("tcpdump")
        for name, a, b, addr, dev in self.places():
            with self.subTest(name):
                self.offset = clock_offset()
                self.begin(a, b)
                dump = self.dump(a, dev, addr)
                server = self.serve(b, addr, "rcvbuf=8192", "accept", "wait", "eof")
                client = self.dial(a, addr, *client_ops, "close")
                # Not from accept() on: on a busy machine the client may have to wait before its first call.
                client.expect(b"^begun")
                time.sleep(0.5)
                server.tell("")
                writes = self.calls(client, "write")
                server.check()
                quiesce(a, b)
                sent = self.first_sent(dump.stop(), size, calls)
                told = self.told()
                self.assertEqual((len(writes), len(sent)), (calls, calls))
                if (False, "send-queue") not in told:
                    self.skipTest("this backend does not see send()")
                truths = [Truth(Instant(w.least), Instant(t)) for w, t in zip(writes, sent)]
                self.assertGreater(max(t.most for t in truths), 200 * MS)
                self.agree(told, False, "send-queue", truths)

    def test_send_queue(self):
        """The peer's window is closed: what is sent meanwhile waits in the send buffer."""
        self.send_queue("sndbuf=200000", "write=2000", "say=begun", *["sleep=12", "write=2000"] * 23, size=2000,
                        calls=24)

    def test_full_send_buffer(self):
        """… and then there is no room in that, either: send() waits."""
        if os.environ.get("TCPLENS_VM"):
            self.skipTest("an emulated machine takes milliseconds from the program's clock to its call")
        self.send_queue("sndbuf=4096", "write=2000", "say=begun", *["write=2000"] * 19, size=2000, calls=20)

    def round_trips(self, segs, out):
        """As documented: one acknowledgment is waited for at a time."""
        found, waits, end = [], None, None
        for s in segs:
            mine = (s.dport == self.port) == out
            last = (s.seq + s.len) % (1 << 32)
            if mine and s.len and (end is None or (last - end) % (1 << 32) < 1 << 31):
                end = last
                waits = waits or (last, Instant(s.ns - self.offset))
            elif not mine and waits and "ACK" in s.flags and (s.ack - waits[0]) % (1 << 32) < 1 << 31:
                found.append(Truth(waits[1], Instant(s.ns - self.offset)))
                waits = None
        return found

    def judge_network(self, a, b, addr, devs, delay_ms, *before_answer):
        need_prog("tcpdump")
        self.offset = clock_offset()
        self.begin(a, b)
        dumps = [self.dump(ns, dev, to) for ns, dev, to in devs]
        server = self.serve(b, addr, "accept", *["read=100", *before_answer, "write=3000"] * ROUNDS, "eof")
        client = self.dial(a, addr, *["write=100", "read=3000"] * ROUNDS, "close")
        client.check()
        server.check()
        quiesce(a, b)
        mine, theirs = [d.stop() for d in (dumps * 2)[:2]] if len(dumps) == 2 else [dumps[0].stop()] * 2
        told = self.told()
        call, = self.calls(client, "connect")

        def handshake(begin, end):
            """As on the wire at least; in connect() at most: a busy machine may be late to send."""
            t = Truth(Instant(begin.ns - self.offset), Instant(end.ns - self.offset))
            t.most = max(t.most, call.most - call.least)
            t.end.most = max(t.end.most, call.most)
            return [t]
        syn, synack = (next(s for s in mine if s.flags == f) for f in ({"SYN"}, {"SYN", "ACK"}))
        self.agree(told, False, "handshake", handshake(syn, synack))
        begin, ack = (next(s for s in theirs if f(s)) for f in (
            lambda s: s.flags == {"SYN", "ACK"}, lambda s: s.flags == {"ACK"} and s.dport == self.port))
        self.agree(told, True, "handshake", handshake(begin, ack))
        self.agree(told, False, "network", self.round_trips(mine, True))
        self.agree(told, True, "network", self.round_trips(theirs, False))
        for side in (False, True) if delay_ms else ():
            least = told[side, "network"][1]["min_us"]
            self.assertGreaterEqual(least, 2000 * delay_ms)
            self.assertLessEqual(least, 2000 * delay_ms * 1.05 + 1000 + SLOW / 1000)

    def test_network(self):
        """A link that takes 40 ms each way."""
        net = self.veth(relay=True)
        self.relay(net, delay=40)
        self.judge_network(net.a, net.b, net.b.addr4,
                           [(net.a, net.DEV, net.b.addr4), (net.b, net.DEV, net.a.addr4)], 40)

    def test_network_loopback(self):
        """No way to go: what takes time is that the server acknowledges with its answer (or 40 ms later)."""
        if os.environ.get("TCPLENS_VM"):
            self.skipTest("an emulated machine takes milliseconds from the hook to the tap of lo")
        one = self.ns("lo")
        self.judge_network(one, one, "127.0.0.1", [(one, "lo", "127.0.0.1")], 0, "sleep=30")

    def test_netem_loopback(self):
        one = self.ns("lo")
        self.netem(one, "lo", "delay", "40ms")
        # What is sent is captured behind netem: round trips are not seen whole.
        self.begin(one, one)
        server = self.serve(one, "127.0.0.1", "accept", *["read=100", "write=100"] * ROUNDS, "eof")
        client = self.dial(one, "127.0.0.1", *["write=100", "read=100"] * ROUNDS, "close")
        connect, = self.calls(client, "connect")
        asks, answers = self.calls(client, "write"), self.calls(server, "write")
        told = self.told()
        self.agree(told, False, "handshake", [Truth(connect, connect)])
        self.assertGreaterEqual(told[False, "handshake"][1]["min_us"], 80000)
        trips = [Truth(w, Instant(t.least + 40 * MS, t.most + 40 * MS)) for w, t in zip(asks, answers)]
        self.agree(told, False, "network", trips)
        self.agree(told, False, "peer-think", trips)


class Reads(Waits):
    """The receive queue: one wait for each call that takes data, of the first byte that it takes."""

    def scene(self, sends, reads):
        """All that is sent is there before the first of the reads.  (calls of the client, of the server)"""
        net = self.veth()
        self.begin(net.a, net.b)
        server = self.serve(net.b, net.b.addr4, "accept", "wait", *reads, "eof")
        client = self.dial(net.a, net.b.addr4, "nodelay", *sends, "say=sent", "wait", "close")
        client.expect(b"^sent")
        server.tell("")
        return client, server

    def judge(self, client, server, *pairs):
        """pairs: (which write the first byte is of, the kind of read, which of that kind)."""
        client.tell("")
        sent = self.calls(client, "write")
        truths = [Truth(sent[i], self.calls(server, kind)[nth]) for i, kind, nth in pairs]
        self.agree(self.told(), True, "receive-queue", truths)

    def test_parts(self):
        """Several packets in one read; each read takes a part; looking is no reading."""
        client, server = self.scene(
            ["write=100", "sleep=40", "write=100", "sleep=40", "write=100"] + ["sleep=60", "write=100"] * 2 + ["acked"],
            ["peek=500", "sleep=40", "recv=300", "sleep=30", "recv=50", "recv=10", "peek=20", "sleep=40",
             "recv=100", "sleep=50", "recv=40"])
        self.judge(client, server, (0, "recv", 0), (3, "recv", 1), (3, "recv", 2), (3, "recv", 3), (4, "recv", 4))

    def test_many_packets(self):
        """More than the kernel joins in one buffer."""
        client, server = self.scene(["write=200000", "acked"], ["rcvbuf=500000", "sleep=30", "recv=200000"])
        self.judge(client, server, (0, "recv", 0))

    def test_long_backlog(self):
        """Hundreds of segments, in bursts and with gaps; the reads end anywhere in them, some in the middle of a burst."""
        some, size, left, reads = random.Random(5), 100, 40000, []
        gaps = [some.choice((0, 0, 1, 4, 15)) for _ in range(left // size)]
        while left:
            reads.append(min(left, some.choice((30, 130, 250, 1000))))
            left -= reads[-1]
        client, server = self.scene([op for gap in gaps for op in (f"write={size}", f"sleep={gap}")] + ["acked"],
                                    ["rcvbuf=4000000", *(op for n in reads for op in (f"recv={n}", "sleep=1"))])
        begins = itertools.accumulate(reads[:-1], initial=0)
        self.judge(client, server, *((begin // size, "recv", i) for i, begin in enumerate(begins)))

    def test_with_the_handshake(self):
        """The handshake's last ACK brings the first data along."""
        if "data that arrives with the handshake's last ACK" in not_seen(BACKEND):
            self.skipTest("this backend does not see data that comes with the handshake")
        client, server = self.scene(["slowack", "write=100", "sleep=40", "write=100", "acked"],
                                    ["sleep=60", "recv=50", "sleep=30", "recv=100", "recv=50"])
        self.judge(client, server, (0, "recv", 0), (0, "recv", 1), (1, "recv", 2))

    def test_waits_for_all(self):
        """A read that has a part, and waits for the rest: its wait is over when it has that part."""
        net = self.veth()
        self.begin(net.a, net.b)
        server = self.serve(net.b, net.b.addr4, "accept", "wait", "say=reads", "all=200", "recv=50", "eof")
        client = self.dial(net.a, net.b.addr4, "nodelay", "write=100", "say=sent", "wait", "sleep=150", "write=150",
                           "close")
        client.expect(b"^sent")
        server.tell("")
        server.expect(b"^reads")
        client.tell("")
        sent, (whole,), (rest,) = (self.calls(p, n) for p, n in
                                   ((client, "write"), (server, "all"), (server, "recv")))
        self.agree(self.told(), True, "receive-queue",
                   [Truth(sent[0], Instant(whole.least, sent[1].least)), Truth(sent[1], rest)])

    def test_splice(self):
        if not hasattr(os, "splice"):
            self.skipTest("this Python has no os.splice()")
        client, server = self.scene(["write=100", "sleep=40", "write=100", "sleep=40", "write=100", "acked"],
                                    ["splice=150", "sleep=30", "splice=50", "sleep=30", "splice=100"])
        self.judge(client, server, (0, "splice", 0), (1, "splice", 1), (2, "splice", 2))


class Outliers(Waits):
    def test_single_waits(self):
        """Those above the limit, and nothing else."""
        net = self.veth()
        tl = self.lens("latency", "--netns", f"{net.a.path},{net.b.path}", "--outliers", "100")
        server = self.serve(net.b, net.b.addr4, "accept",
                            *["read=100", "sleep=150", "write=100", "read=100", "write=100"] * 2, "eof")
        client = self.dial(net.a, net.b.addr4, *["write=100", "read=100"] * 4, "close")
        client.check()
        server.check()
        res = tl.stop()
        for r in res.latencies:
            self.assertGreater(r["wait_us"], 100000)
            self.assertEqual(r["count"], 1)
        self.assertEqual(sorted((r["lport"] == self.port, r["part"]) for r in res.latencies),
                         [(False, "peer-think")] * 2 + [(True, "own-think")] * 2)


class Looks(Waits):
    def talk(self, net, *ops):
        server = self.serve(net.b, net.b.addr4, "accept", *["read=100", *ops, "write=100"] * 3, "eof")
        client = self.dial(net.a, net.b.addr4, *["write=100", "read=100"] * 3, "close")
        client.check()
        server.check()

    def test_text(self):
        net = self.veth()
        tl = self.lens("latency", "--netns", net.a.path, "--by", "process", json=False)
        self.talk(net)
        lines = tl.stop().out.decode().splitlines()
        self.assertRegex(lines[0], r"^ +PID COMM +PART +COUNT +P50 +P90 +P99 +MAX$")
        self.assertTrue(all(len(x) <= 80 for x in lines), lines)
        self.assertTrue(any(re.search(r">= .*\| ?#+$", x) for x in lines), lines)

    def test_interval(self):
        """-i: sums of each interval, from zero."""
        net = self.veth()
        tl = self.lens("latency", "--netns", net.a.path, "-i", "0.5")
        self.talk(net, "sleep=700")
        got = [r for r in tl.stop().latencies if r["part"] == "peer-think"]
        self.assertEqual(sum(r["count"] for r in got), 3)
        self.assertGreaterEqual(len(got), 2)

    def test_reader_takes_its_time(self):
        """What is printed at the end is more than there is room for: who reads it is waited for."""
        ns, many = self.ns(), 1000
        server = self.spawn([self.live("traffic"), "server", "-a", "127.0.0.1", "-p", "0", "-s", "short",
                             "-n", str(many)], ns=ns)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        r, w = os.pipe()
        tl = self.lens("latency", "--netns", ns.path, "--buffer", "64k", stdout=w)
        os.close(w)
        self.spawn([self.live("traffic"), "client", "-a", "127.0.0.1", "-p", port, "-s", "short",
                    "-n", str(many)], ns=ns).check()
        tl.signal(signal.SIGINT)
        out = []
        while select.select([r], [], [], WAIT)[0]:
            if len(out) % 8 == 0:
                time.sleep(0.02)
            out.append(os.read(r, 65536))
            if not out[-1]:
                break
        os.close(r)
        out = b"".join(out)
        self.assertEqual(tl.wait(), 0, tl.said())
        self.assertGreater(len(out), 1 << 20)
        self.assertEqual(parse_summary(tl.err), (len(parse_json_lines(out)), 0))


if __name__ == "__main__":
    main()
