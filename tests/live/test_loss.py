#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Loss accounting: printed + lost = produced, where the kernel's own counters
(and nftables', where there are any) say what was produced.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading

from lib import BACKEND, Case, main, need_prog, pcapng, quiesce, wait_until
from lib.doctor import uncounted
from lib.lens import TCPLENS, Result, parse_json_lines, parse_left_out, parse_summary
from lib.proc import run

COUNTERS = """
    table inet referee {
        counter sent {}
        counter received {}
        chain out { type filter hook postrouting priority 300; meta l4proto tcp counter name sent; }
        chain in { type filter hook prerouting priority -300; meta l4proto tcp counter name received; }
    }"""


# An emulated machine is slower at all of it.
ROUNDS = "400" if os.environ.get("TCPLENS_VM") else "800"


class Produced(Case):
    """Side a is traced; the load runs between the sides."""

    def setUp(self):
        self.net = self.veth()
        self.nft = self.count_by_nft()
        self.before = self.net.a.counters()

    def count_by_nft(self):
        try:
            with self.net.a:
                run(["nft", "-f", "-"], input=COUNTERS.encode())
            return True
        except (AssertionError, FileNotFoundError):
            return False  # the kernel's own counters remain

    def nft_count(self, name):
        with self.net.a:
            words = run(["nft", "list", "counter", "inet", "referee", name]).split()
        return int(words[words.index(b"packets") + 1])

    def produced(self):
        """Segments that TCP of side a {sent, received}, one skb each."""
        now = self.net.a.counters()
        d = {k: now[k] - self.before.get(k, 0) for k in now}
        sent = d["Tcp.OutSegs"] + d["Tcp.RetransSegs"]
        received = d["Tcp.InSegs"]
        if self.nft:
            self.assertEqual((sent, received), (self.nft_count("sent"), self.nft_count("received")),
                             "the referees disagree")
        if BACKEND != "tracepoint":
            # Hooks in TCP itself see one skb where the backlog joined several.
            received -= d.get("TcpExt.TCPBacklogCoalesce", 0)
        return {"out": sent, "in": received}

    def load(self, shape, *opts):
        traffic = self.live("traffic")
        server = self.spawn([traffic, "server", "-a", self.net.b.addr4, "-p", "0", "-s", shape,
                             *opts], ns=self.net.b)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        client = self.spawn([traffic, "client", "-a", self.net.b.addr4, "-p", port, "-s", shape,
                             *opts], ns=self.net.a)
        return client, server

    def end(self, *procs):
        for p in procs:
            p.check()
        quiesce(*self.net.sides)

    def account(self, res, full=False):
        """Segments printed + lost = produced, in each direction.  `full`: the table of connections was."""
        produced = self.produced()
        joined = BACKEND != "tracepoint"
        for way in ("out", "in"):
            printed = sum(r["dir"] == way for r in res.segments)
            lost = res.lost.get(f"segment-{way}", 0)
            total = produced[way]
            if joined and way == "in" and BACKEND == "":
                # Which backend was chosen is not known: it joined, or it did not.
                self.assertIn(printed + lost, (total, self.received_unjoined()))
                continue
            self.fits(printed, lost, res.left_out.get(f"segment-{way}", 0), total, way)
        self.assertEqual(res.lost.get("conn", 0) > 0, full)

    def fits(self, printed, lost, left_out, total, what):
        """Of what the kernel left out, some may not have been for this run."""
        self.assertTrue(total - uncounted(BACKEND, total) <= printed + lost <= total + left_out,
                        f"{what}: {printed} printed + {lost} lost (of these {left_out} left out) is not "
                        f"what was produced: {total}")

    def received_unjoined(self):
        return self.net.a.counters()["Tcp.InSegs"] - self.before["Tcp.InSegs"]


class SmallBuffer(Produced):
    def overflow(self, tl):
        """
        More than fits, first while the tracer cannot read (a reader that is fast enough loses
        nothing, however small the buffer is), then while it does.
        """
        tl.signal(signal.SIGSTOP)
        try:
            self.end(*self.load("pingpong", "-j", "8", "-b", "100"))
        finally:
            tl.signal(signal.SIGCONT)
        return self.load("pingpong", "-j", "8", "-b", ROUNDS)

    def test_json(self):
        tl = self.lens("trace", "--netns", self.net.a.path, "--buffer", "4k")
        procs = self.overflow(tl)
        tl.expect(r'"event": *"lost"')  # while it runs, not only at the end
        self.end(*procs)
        res = tl.stop(lossless=False)
        self.assertGreater(res.summary[1], 0)
        self.assertGreater(res.summary[0], 0)
        self.account(res)

    def test_text(self):
        """In text, losses are told on stderr: while it runs, and in the last line."""
        tl = self.lens("trace", "--netns", self.net.a.path, "--buffer", "4k", json=False)
        procs = self.overflow(tl)
        tl.expect(r"(?i)lost", "err")
        self.end(*procs)
        res = tl.stop(lossless=False)
        printed, lost = res.summary
        self.assertGreater(lost, 0)
        lines = res.out.decode().splitlines()
        self.assertEqual(len(lines) - 1, printed, "one header, and a line for each record")
        produced = self.produced()
        if BACKEND:
            self.fits(printed, lost, sum(res.left_out.values()), sum(produced.values()), "all")
        else:
            self.assertIn(printed + lost, (sum(produced.values()),
                                           produced["out"] + self.received_unjoined()))

    def test_reader_that_stops(self):
        """Whoever reads the output stops reading for a while: lost, counted, and it goes on."""
        r, w = os.pipe()
        tl = self.lens("trace", "--netns", self.net.a.path, "--buffer", "16k", stdout=w)
        os.close(w)
        self.end(*self.load("pingpong", "-j", "4", "-b", "1000"))
        chunks = []

        def drain():
            with os.fdopen(r, "rb") as f:
                chunks.extend(iter(lambda: f.read(1 << 16), b""))
        reader = threading.Thread(target=drain)
        reader.start()
        tl.signal(signal.SIGINT)
        rc = tl.wait()
        reader.join()
        self.assertEqual(rc, 0, tl.said())
        res = Result(rc, b"".join(chunks), tl.err, True)
        self.assertEqual(res.summary, (len(res.records), sum(res.lost.values())))
        self.assertGreater(res.summary[1], 0)
        self.account(res)


    def test_reader_that_never_reads(self):
        """The drain goes on; at the end what the pipe took and what is counted as lost is everything."""
        r, w = os.pipe()
        tl = self.lens("trace", "--netns", self.net.a.path, "--buffer", "16k", stdout=w)
        os.close(w)
        self.end(*self.load("pingpong", "-j", "4", "-b", "1000"))
        tl.expect(r"too slow", "err")
        tl.signal(signal.SIGINT)
        self.assertEqual(tl.wait(), 0, tl.said())
        with os.fdopen(r, "rb") as f:
            out = f.read()
        whole = out[:out.rfind(b"\n") + 1]  # nobody waited for the rest of the last line
        printed = [x for x in parse_json_lines(whole) if x["event"] != "lost"]
        n, lost = parse_summary(tl.err)
        self.assertEqual(n, len(printed))
        produced = self.produced()
        self.assertIn(n + lost, (sum(produced.values()), produced["out"] + self.received_unjoined()))


    def unread(self, *opts, sig, trips="2000"):
        """What is in a pipe that nobody reads when the signal has ended -w -; and how many packets it says are."""
        r, w = os.pipe()
        tl = self.lens("trace", "--netns", self.net.a.path, "--buffer", "16k", "-w", "-", *opts, json=False, stdout=w)
        os.close(w)
        self.end(*self.load("pingpong", "-j", "4", "-b", trips))
        tl.expect(r"too slow", "err")
        tl.signal(sig)
        self.assertEqual(tl.wait(20), 0, tl.said())
        n, lost = parse_summary(tl.err)
        told = re.findall(rb"(\d+) records lost \(([a-z-]+)\)", tl.err)
        self.assertEqual(lost, sum(int(k) for k, _ in told), tl.said())
        # A pcapng file has other records, too, as comments: of the small buffer's losses some are such.
        lost = sum(int(k) for k, hook in told if hook.startswith(b"segment"))
        left_out = sum(k for hook, k in parse_left_out(tl.err).items() if hook.startswith("segment"))
        produced = self.produced()
        self.assertGreater(lost, 0)
        if BACKEND:
            self.fits(n, lost, left_out, sum(produced.values()), "all")
        else:
            self.assertIn(n + lost, (sum(produced.values()), produced["out"] + self.received_unjoined()))
        with os.fdopen(r, "rb") as f:
            return f.read(), n

    def test_pipe_that_nobody_reads(self):
        """The same with -w -: what the pipe took is a readable beginning."""
        data, n = self.unread("--format", "tcpl", sig=signal.SIGINT, trips="6000")  # its records are small
        read = subprocess.run([TCPLENS, "trace", "-r", "-", "--json"], input=data, capture_output=True)
        self.assertEqual(n, len([x for x in parse_json_lines(read.stdout) if x["event"] != "lost"]))

    def test_pcapng_that_nobody_reads(self):
        data, n = self.unread(sig=signal.SIGTERM)
        self.assertEqual(n, len(pcapng.File(pcapng.whole(data)).packets))


    def frozen_disk(self):
        """A file system in a file, which can be stopped."""
        top = self.tmp()
        image, disk = os.path.join(top, "image"), os.path.join(top, "disk")
        os.mkdir(disk)
        for cmd in (["truncate", "-s", "64M", image], ["mkfs.ext4", "-q", image],
                    ["mount", "-o", "loop", image, disk], ["fsfreeze", "-f", disk]):
            try:
                subprocess.run(cmd, check=True, stderr=subprocess.PIPE)
            except (FileNotFoundError, subprocess.CalledProcessError) as e:
                self.skipTest(f"no disk that can be frozen: {getattr(e, 'stderr', None) or e}")
            if cmd[0] == "mount":
                self.addCleanup(subprocess.run, ["umount", disk], check=True)
        subprocess.run(["fsfreeze", "-u", disk], check=True)
        return disk

    def test_disk_that_stops(self):
        """The drain goes on: what waits is bounded, the rest is counted, and nothing is lost in the kernel."""
        disk = self.frozen_disk()
        path = os.path.join(disk, "x.tcpl")
        tl = self.lens("trace", "--netns", self.net.a.path, "-w", path, "--stats", json=False)
        # The first that is done: a tracer that waits for the disk can't even be killed.
        self.addCleanup(subprocess.run, ["fsfreeze", "-u", disk], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["fsfreeze", "-f", disk], check=True)
        for _ in range(20):
            self.end(*self.load("pingpong", "-j", "8", "-b", "1000"))
            if b"too slow" in tl.err:
                break
        subprocess.run(["fsfreeze", "-u", disk], check=True)
        tl.signal(signal.SIGINT)
        self.assertEqual(tl.wait(30), 0, tl.said())
        self.assertNotIn(b"ring buffer", tl.err)
        n, lost = parse_summary(tl.err)
        self.assertGreater(lost, 0)
        produced = self.produced()
        self.assertIn(n + lost, (sum(produced.values()), produced["out"] + self.received_unjoined()))
        table = [int(k) for k in re.findall(rb"segment-(?:in|out) +\d+ +(\d+)\n", tl.err)]
        self.assertEqual(sum(table), lost, tl.said())
        read = subprocess.run([TCPLENS, "trace", "-r", path, "--json"], capture_output=True)
        self.assertEqual(n, len([x for x in parse_json_lines(read.stdout) if x["event"] != "lost"]))


class Stats(Produced):
    """What --stats says adds up to what was printed, and names what ran."""

    def stats(self, view, *opts, **kw):
        tl = self.lens(view, "--netns", self.net.a.path, "--stats", *opts, **kw)
        self.end(*self.load("pingpong", "-j", "2", "-b", "500"))
        self.end(*self.load("short", "-j", "2", "-n", "10"))
        res = tl.stop()
        line = json.loads(next(x for x in tl.err.decode().splitlines() if x.startswith('{"stats"')))
        self.assertEqual(line["printed"], len(res.records))
        self.assertGreater(line["seconds"], 0)
        self.assertGreater(line["cpu_seconds"], 0)
        self.assertLessEqual(line["drain_cpu_seconds"], line["cpu_seconds"])
        for p in line["programs"]:
            if "runs" in p:
                self.assertGreaterEqual(p["run_ns"], p["runs"], p)  # more than a nanosecond each
        return line, res

    def test_segments(self):
        line, res = self.stats("trace")
        hooks = {h["records_of"]: h for h in line["hooks"]}
        for hook, way in (("segment-out", "out"), ("segment-in", "in")):
            self.assertEqual(hooks[hook]["lost"], 0)
            self.assertGreaterEqual(hooks[hook]["records"], len([r for r in res.records if r["dir"] == way]))
            self.assertGreaterEqual(sum(p["runs"] for p in line["programs"] if p["hook"] == hook),
                                    hooks[hook]["records"])

    def test_views(self):
        for view, hook in (("states", "state"), ("life", "life"), ("connect", "attempt"), ("latency", "latency")):
            with self.subTest(view=view):
                line, _ = self.stats(view)
                self.assertGreater(sum(h["records"] for h in line["hooks"] if h["records_of"] == hook), 0, line)


    # What the README asks for, and nothing more: before 5.11 maps count as locked memory.
    OLD = tuple(int(x) for x in os.uname().release.split("-")[0].split(".")[:2]) < (5, 11)
    CAPS = ("setpriv", f"--bounding-set=-all,+bpf,+perfmon,+net_admin{',+sys_resource' if OLD else ''}",
            "--inh-caps=-all")

    def counted_anyway(self):
        try:
            with open("/proc/sys/kernel/bpf_stats_enabled") as f:
                return f.read().strip() == "1"
        except FileNotFoundError:
            return False

    def test_runs_that_nobody_counts(self):
        """Without CAP_SYS_ADMIN runs are unknown, not 0, and it is said why; records are counted."""
        need_prog("setpriv")
        if self.counted_anyway():
            self.skipTest("this machine counts the runs of all programs")
        if BACKEND == "kprobe":
            self.skipTest("kprobes can't be attached with these capabilities")
        line, res = self.stats("trace", via=self.CAPS)
        self.assertIn(b"CAP_SYS_ADMIN", res.err)
        self.assertTrue(line["programs"])
        for p in line["programs"]:
            self.assertEqual(set(p), {"hook", "kind", "target"})
        self.assertGreater(sum(h["records"] for h in line["hooks"]), 0)
        tl = self.lens("trace", "--netns", self.net.a.path, "--stats", "-q", json=False, via=self.CAPS)
        err = tl.stop().err
        self.assertNotIn(b"CAP_SYS_ADMIN", err)
        hooks = re.findall(rb"(?m)^tcplens:   [a-z-]+ +\S+ +\S+ +(\S+) +(\S+)$",
                           err.split(b"RECORDS OF")[0])
        self.assertTrue(hooks, err)
        self.assertEqual(set(hooks), {(b"-", b"-")})


class FullTable(Produced):
    """More connections than were to be remembered: that is told, and no wrong owner takes the place of a missing one."""

    def run_full(self, view):
        tl = self.lens(view, "--netns", self.net.a.path, "--connections", "1")
        client, server = self.load("pingpong", "-j", "8", "-b", "50")
        pid = client.pid
        self.end(client, server)
        res = tl.stop()
        self.assertGreater(res.lost["conn"], 0)
        self.assertRegex(res.err, rb"table was full \d+ times, so owners, and records that need a connection, are "
                                  rb"missing: use a larger --connections")
        return pid, res

    def test_segments(self):
        """Each is seen without a connection."""
        pid, res = self.run_full("trace")
        self.account(res, full=True)
        for way in ("in", "out"):
            self.assertIn("unknown", {r["owner"] for r in res.segments if r["dir"] == way})
        for r in res.segments:
            self.assertEqual(r.get("pid"), None if r["owner"] == "unknown" else pid, r)

    def test_accepted(self):
        """What a connection without a place receives is not the listener's."""
        with self.net.a, socket.create_server((self.net.a.addr4, 0)) as ls:
            tl = self.lens("trace", "--netns", self.net.a.path, "--connections", "1")
            with self.net.b:
                ends = [socket.create_connection(ls.getsockname()) for _ in range(3)]
            port = ls.getsockname()[1]
            child = os.fork()
            if not child:
                try:
                    for _ in ends:
                        with ls.accept()[0] as c:
                            c.sendall(c.recv(100) + c.recv(100))
                    os._exit(0)
                except BaseException:
                    os._exit(1)
            for part in (b"a" * 100, b"b" * 100):
                for e in ends:
                    e.sendall(part)
            for e in ends:
                while e.recv(400):
                    pass
                e.close()
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        quiesce(*self.net.sides)
        res = tl.stop()
        self.account(res, full=True)
        got = [r for r in res.segments if r["lport"] == port and r["dir"] == "in"]
        data = [r for r in got if r["len"]]
        self.assertEqual(sum(r["len"] for r in data), 600)
        # The listener has the place, and its SYNs are its own; or another socket of this machine has it.
        self.assertIn({(r.get("pid"), r["owner"], r.get("state")) for r in got if "SYN" in r["flags"]},
                      ({(os.getpid(), "listener", "LISTEN")}, {(None, "unknown", "LISTEN")}))
        self.assertEqual({(r.get("pid"), r["owner"]) for r in data}, {(None, "unknown")})
        self.assertLessEqual({r.get("state") for r in data}, {None, "ESTABLISHED"})

    def test_same_ends_again(self):
        """Two connections without a place, one after the other, from the same port: two numbers."""
        with self.net.b:
            ls = socket.create_server((self.net.b.addr4, 0))
        with ls, self.net.a, socket.create_server((self.net.a.addr4, 0)):
            tl = self.lens("trace", "--netns", self.net.a.path, "--connections", "1")
            port, source = ls.getsockname()[1], ("", 0)
            for data in (b"first", b"second"):
                c = socket.create_connection(ls.getsockname(), source_address=source)
                source = c.getsockname()
                s = ls.accept()[0]
                s.sendall(data)
                self.assertEqual(c.recv(len(data), socket.MSG_WAITALL), data)
                # A reset leaves no TIME-WAIT behind.
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                c.close()
                self.assertRaises(ConnectionResetError, s.recv, 1)
                s.close()
        quiesce(*self.net.sides)
        res = tl.stop()
        self.account(res, full=True)
        got = {r["len"]: r for r in res.segments if r["rport"] == port and r["dir"] == "in" and r["len"]}
        self.assertEqual({n: r["owner"] for n, r in got.items()}, {5: "unknown", 6: "unknown"})
        # Where packets come with their socket nothing has to be remembered: neither has a number.
        first, second = got[5].get("conn"), got[6].get("conn")
        if first or second:
            self.assertNotEqual(first, second)

    def test_states(self):
        self.run_full("states")


class DefaultBuffer(Produced):
    def test_moderate_load(self):
        """Nothing is lost, and everything is there."""
        tl = self.lens("trace", "--netns", self.net.a.path)
        self.end(*self.load("pingpong", "-j", "2", "-b", "1000"))
        self.end(*self.load("short", "-j", "4", "-n", "25"))
        self.end(*self.load("both", "-b", "2000000"))
        res = tl.stop()
        self.assertEqual(res.lost, {})
        self.account(res)

    def test_reader_that_is_not_scheduled(self):
        """More than the ring in front holds waits in the one behind it: all is there, in order."""
        tl = self.lens("trace", "--netns", self.net.a.path)
        tl.signal(signal.SIGSTOP)
        try:
            self.end(*self.load("pingpong", "-j", "4", "-b", "800"))
        finally:
            tl.signal(signal.SIGCONT)
        self.end(*self.load("short", "-j", "4", "-n", "25"))
        res = tl.stop()
        self.assertEqual(res.lost, {})
        self.assertGreater(len(res.segments) * 200, 5 << 18)  # 1 MiB is in front
        self.account(res)
        for way in ("out", "in"):
            times = [r["mono_ns"] for r in res.segments if r["dir"] == way]
            back = [a - b for a, b in zip(times, times[1:]) if b < a - 10_000_000]
            self.assertEqual(back, [], "out of order by more than it takes to be preempted")

    def test_states(self):
        """`states` loses nothing either, and counts what it prints."""
        tl = self.lens("states", "--netns", f"{self.net.a.path},{self.net.b.path}")
        self.end(*self.load("short", "-j", "4", "-n", "25"))
        res = tl.stop()
        self.assertEqual(len([r for r in res.states if r["new"] == "SYN-SENT"]), 100)


class Order(Produced):
    def test_output_comes_while_it_runs(self):
        """A record is printed soon, not when a buffer is full."""
        tl = self.lens("trace", "--netns", self.net.a.path)
        procs = self.load("short")
        self.end(*procs)
        wait_until("the records of one connection",
                   lambda: sum("FIN" in r["flags"] for r in parse_json_lines(
                       tl.out[:tl.out.rfind(b"\n") + 1])) >= 2)
        tl.stop()


if __name__ == "__main__":
    main()
