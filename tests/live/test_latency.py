#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Where the time goes: each part of `latency` against a wait that a program or the
link was told to make, and measured itself.
"""

import re
import sys

from lib import Case, main

# Both ends of one connection; what they measure they print as `NAME SECONDS`.
COMMON = """
import socket, sys, time
now = time.monotonic
def say(name, s): print(name, "%.6f" % s, flush=True)
def get(s, n):
    b = b""
    while len(b) < n:
        x = s.recv(n - len(b))
        if not x: raise SystemExit("the peer closed early")
        b += x
"""

SERVER = COMMON + """
addr, accept_s, read_s, answer_s, rounds, bulk = sys.argv[1], *map(float, sys.argv[2:7])
l = socket.socket()
l.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536 if bulk else 1 << 20)
l.bind((addr, 0)); l.listen()
print("ready", l.getsockname()[1], flush=True)
sys.stdin.readline()                # the client has connected
begin = now()
time.sleep(accept_s)
s, _ = l.accept()
say("accept", now() - begin)
if bulk:
    time.sleep(read_s)
    while s.recv(1 << 20): pass
    s.close(); sys.exit()
for _ in range(int(rounds)):
    if read_s:
        sys.stdin.readline()        # the client has sent
        begin = now(); time.sleep(read_s)
        get(s, 100); say("read", now() - begin)
    else:
        get(s, 100)
    begin = now(); time.sleep(answer_s)
    s.sendall(b"x" * 100); say("answer", now() - begin)
s.recv(1); s.close()
"""

CLIENT = COMMON + """
addr, port, rounds, bulk, sync = sys.argv[1], *map(int, sys.argv[2:6])
s = socket.socket()
if bulk: s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
begin = now()
s.connect((addr, port)); say("connect", now() - begin)
print("connected", flush=True)
sys.stdin.readline()
if bulk:
    longest = 0
    for _ in range(bulk // 4096):
        begin = now(); s.sendall(b"x" * 4096); longest = max(longest, now() - begin)
    say("send", longest)
for _ in range(rounds):
    s.sendall(b"x" * 100)
    begin = now()
    if sync: print("sent", flush=True)
    get(s, 100); say("answer", now() - begin)
s.close()
"""


class Waits(Case):
    def pair(self, a, b, addr, accept=0, read=0, answer=0, rounds=3, bulk=0):
        """Runs both; what each measured: {name: [seconds]} of client and server."""
        server = self.spawn([sys.executable, "-c", SERVER, addr, str(accept), str(read), str(answer),
                             str(rounds), str(bulk)], ns=b)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        client = self.spawn([sys.executable, "-c", CLIENT, addr, port, str(0 if bulk else rounds),
                             str(bulk), str(int(read > 0))], ns=a)
        client.expect(rb"^connected")
        server.tell("")
        server.expect(rb"^accept ")
        client.tell("")
        for _ in range(rounds if read and not bulk else 0):
            client.expect(rb"^sent$")
            server.tell("")
        client.check()
        server.check()
        return [self.times(p) for p in (client, server)]

    def times(self, proc):
        got = {}
        for name, s in re.findall(rb"^(\w+) (\d+\.\d+)$", proc.out, re.M):
            got.setdefault(name.decode(), []).append(float(s))
        return got

    def parts(self, res):
        """Of each side, by its role: {part: record}."""
        roles = {"in": {}, "out": {}}
        for r in res.latencies:
            for key in ("min_us", "p50_us", "p90_us", "p99_us", "max_us", "mean_us"):
                self.assertLess(r[key], 60e6, f"a wait longer than the test: {r}")
            self.assertLessEqual(r["min_us"], r["p50_us"])
            self.assertLessEqual(r["p50_us"], r["p99_us"])
            self.assertLessEqual(r["p99_us"], r["max_us"])
            roles["out" if r["rport"] == self.port else "in"][r["part"]] = r
        return roles["out"], roles["in"]

    def near(self, got_us, truth_s, what):
        self.assertAlmostEqual(got_us / 1e6, truth_s, delta=max(0.05 * truth_s, 0.001 + SLACK), msg=what)

    def measure(self, a, b, addr, **kw):
        sides = {a.path, b.path}
        tl = self.lens("latency", "--netns", ",".join(sides))
        truth = self.pair(a, b, addr, **kw)
        res = tl.stop()
        self.port = min(r["rport"] for r in res.latencies if r["part"] == "handshake"
                        and r["rport"] in {x["lport"] for x in res.latencies})
        # The service's port is the one that the side with an accept queue has.
        for r in res.latencies:
            if r["part"] == "accept-queue":
                self.port = r["lport"]
        return truth, self.parts(res)

    def places(self):
        net = self.veth()
        one = self.ns("lo")
        yield net.a, net.b, net.b.addr4
        yield one, one, "127.0.0.1"


# What the scheduler of a busy machine may put between a wait's end and its measuring.
SLACK = 0.004


class Parts(Waits):
    def test_accept_queue(self):
        for a, b, addr in self.places():
            (_, server), (_, got) = self.measure(a, b, addr, accept=0.25)
            self.near(got["accept-queue"]["max_us"], server["accept"][0], "accept queue")

    def test_receive_queue(self):
        for a, b, addr in self.places():
            (_, server), (_, got) = self.measure(a, b, addr, read=0.15)
            self.near(got["receive-queue"]["max_us"], max(server["read"]), "receive queue")
            self.assertEqual(got["receive-queue"]["count"], 3)

    def test_think_time(self):
        for a, b, addr in self.places():
            (client, server), (mine, got) = self.measure(a, b, addr, answer=0.2)
            self.near(got["own-think"]["max_us"], max(server["answer"]), "own think time")
            self.near(mine["peer-think"]["max_us"], max(client["answer"]), "the peer's think time")
            self.assertEqual(mine["peer-think"]["count"], 3)
            self.assertEqual(got["own-think"]["count"], 3)

    def test_send_queue(self):
        """The peer does not read, the send buffer is full: a send() waits for it."""
        for a, b, addr in self.places():
            (client, _), (mine, _) = self.measure(a, b, addr, read=0.5, bulk=1000000)
            longest = client["send"][0]
            self.assertGreater(longest, 0.15)
            # The byte leaves when the window opens: about when the call may go on.
            self.assertGreater(mine["send-queue"]["max_us"] / 1e6, 0.95 * longest - SLACK)
            self.assertLess(mine["send-queue"]["max_us"] / 1e6, 0.5 * 1.05 + 0.1)

    def test_network(self):
        net = self.veth(relay=True)
        self.relay(net, delay=40)
        (client, _), (mine, got) = self.measure(net.a, net.b, net.b.addr4, rounds=8)
        self.near(mine["handshake"]["max_us"], client["connect"][0], "handshake")
        self.near(mine["network"]["p50_us"], 0.08, "network, client")
        self.near(got["network"]["p50_us"], 0.08, "network, server")


class Outliers(Waits):
    def test_single_waits(self):
        net = self.veth()
        tl = self.lens("latency", "--netns", f"{net.a.path},{net.b.path}", "--outliers", "100")
        self.pair(net.a, net.b, net.b.addr4, answer=0.2, rounds=2)
        res = tl.stop()
        for r in res.latencies:
            self.assertGreater(r["wait_us"], 100000)
            self.assertEqual(r["count"], 1)
        self.assertEqual(sum(r["part"] == "own-think" for r in res.latencies), 2)
        self.assertEqual(sum(r["part"] == "peer-think" for r in res.latencies), 2)
        self.assertLessEqual({r["part"] for r in res.latencies}, {"own-think", "peer-think", "accept-queue"})


class Looks(Waits):
    def test_text(self):
        net = self.veth()
        tl = self.lens("latency", "--netns", net.a.path, "--by", "process", json=False)
        self.pair(net.a, net.b, net.b.addr4)
        lines = tl.stop().out.decode().splitlines()
        self.assertRegex(lines[0], r"^ +PID COMM +PART +COUNT +P50 +P90 +P99 +MAX$")
        self.assertTrue(all(len(x) <= 80 for x in lines), lines)
        self.assertTrue(any(re.search(r">= .*\| ?#+$", x) for x in lines), lines)

    def test_interval(self):
        """-i: sums of each interval, from zero."""
        net = self.veth()
        tl = self.lens("latency", "--netns", net.a.path, "-i", "0.5")
        self.pair(net.a, net.b, net.b.addr4, answer=0.7, rounds=3)
        got = [r for r in tl.stop().latencies if r["part"] == "peer-think"]
        self.assertEqual(sum(r["count"] for r in got), 3)
        self.assertGreaterEqual(len(got), 2)


if __name__ == "__main__":
    main()
