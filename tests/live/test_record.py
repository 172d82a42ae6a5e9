#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Recordings: what -r shows is what live was shown, and what happens to a file is told."""

import fcntl
import os
import pty
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import time

from lib import BACKEND, TCPLENS, Case, main, quiesce, wait_until
from lib.lens import parse_json_lines, parse_summary
from lib.pcapng import File

VIEWS = ("trace", "states", "connect", "life", "latency", "loss")
# What two tracers of the same traffic measure each for itself; with more hooks it is known better how.
OWN = re.compile(r"time|mono_ns|conn|.*_us|owner|verdict|limit")
PACKET = {"smac", "dmac", "ttl", "dscp", "ecn"}
WAY = ("netns", "laddr", "lport", "raddr", "rport", "dir")


def cut(records):
    """Without those, but a time that one of them knows the other one has to know."""
    return [{k: "known" if k.endswith("_us") else v for k, v in r.items()
             if not OWN.fullmatch(k) or (k.endswith("_us") and v is not None)} for r in records]


def as_live(got, live):
    """
    The records of a file with the header fields that live had.  `record` has the packet itself; live,
    fentry and kprobe have the socket's side of it (doctor: not seen: MAC addresses, TTL and DSCP).
    A segment that is sent meets one hook before the other, and what the other end does meanwhile
    comes before it there, and behind it here: each end's records, by direction, have one order.
    """
    got, live = cut(got), cut(live)
    if BACKEND != "tracepoint":
        got, live = (sorted(rs, key=lambda r: str([r.get(k) for k in WAY])) for rs in (got, live))
        for g, r in zip(got, live):
            for k in PACKET & g.keys() - r.keys():
                del g[k]
    return got, live


def last_record(path):
    """Where a recording's last record begins that is one of the kernel's."""
    with open(path, "rb") as f:
        data = f.read()
    at, last = struct.unpack_from("=I", data, 16)[0], 0
    while at < len(data):
        kind, size = struct.unpack_from("=HH", data, at)
        if kind < 0xff00 or kind == 0xff04:  # as it is, or as a change
            last = at
        at += size
    return last


class Recorded(Case):
    def setUp(self):
        self.dir = self.tmp()

    def path(self, name):
        return os.path.join(self.dir, name)

    def place(self, n=1000):
        ns = self.ns()
        # One CPU: then all tracers see the same order.
        argv = [self.live("traffic"), "server", "-a", "127.0.0.1", "-p", "0", "-s", "short", "-n", str(n)]
        server = self.spawn(["taskset", "-c", "0", *argv], ns=ns)
        ns.port = server.expect(rb"^ready (\d+)")[1].decode()
        ns.server = server
        return ns

    def call(self, ns, n=1):
        p = self.spawn(["taskset", "-c", "0", self.live("traffic"), "client", "-a", "127.0.0.1",
                        "-p", ns.port, "-s", "short", "-n", str(n)], ns=ns)
        p.check()
        return p

    def refuse(self, ns, n=3):
        """Connects to where nobody listens: something for `loss`."""
        for _ in range(n):
            with ns, socket.socket() as s:
                self.assertNotEqual(s.connect_ex(("127.0.0.1", 1)), 0)

    def read(self, view, path, *opts, rc=0, json=False, **kw):
        argv = [TCPLENS, view, "-r", path, *opts] + (["--json"] if json else [])
        p = self.spawn(argv, **kw)
        p.rc = p.wait()
        self.assertEqual(p.rc, rc, p.said())
        p.summary = parse_summary(p.err)
        p.records = [r for r in parse_json_lines(p.out) if r["event"] != "lost"] if json else []
        if rc == 0:
            self.assertTrue(p.summary, p.said())
        return p

    def sample(self, n=3, name="sample.tcpl"):
        """A recording of n connections: its path."""
        ns, path = self.place(), self.path(name)
        tl = self.lens("record", "-w", path, "--netns", ns.path, json=False)
        self.call(ns, n)
        quiesce(ns)
        tl.stop()
        self.sampled = ns
        return path

    def refuses(self, args, *words, rc=2, **kw):
        p = self.spawn([TCPLENS, *args], **kw)
        self.assertEqual(p.wait(), rc, p.said())
        self.assertEqual(p.out, b"")
        said = p.err.decode().strip().splitlines()
        self.assertLessEqual(len(said), 2, p.said())
        for w in words:
            self.assertIn(w, p.err.decode())


class SameAsLive(Recorded):
    def test_byte_for_byte(self):
        """The very run: printed, and written at the same time."""
        more = (("-T",), ("-t", "-S"), ("--json", "--fields", "+tid"))
        for opts in ((), ("--json",), *more):
            for view in VIEWS if opts not in more else ("trace", "states"):
                with self.subTest(view=view, opts=opts):
                    ns, path = self.place(), self.path("x.tcpl")
                    tl = self.lens(view, "--print", "-w", path, "--netns", ns.path, *opts, json=False)
                    self.call(ns, 5)
                    self.refuse(ns)
                    quiesce(ns)
                    live = tl.stop()
                    again = self.read(view, path, *opts)
                    self.assertGreater(len(live.out), 300)
                    self.assertEqual(again.out, live.out)
                    self.assertEqual(again.summary, live.summary)

    def test_one_recording_for_all_views(self):
        """`record` beside the live views, then each of them asked of its file."""
        ns, path = self.place(), self.path("x.tcpl")
        tls = {v: self.lens(v, "--netns", ns.path) for v in VIEWS}
        rec = self.lens("record", "-w", path, "--netns", ns.path, json=False)
        self.call(ns, 20)
        self.refuse(ns)
        quiesce(ns)
        rec.stop()
        for view, tl in tls.items():
            with self.subTest(view=view):
                live = tl.stop().records
                self.assertGreater(len(live), 2)
                got = self.read(view, path, json=True).records
                if view == "latency":  # in the order that a table has them in
                    got, live = (sorted(rs, key=lambda r: str(cut([r]))) for rs in (got, live))
                self.assertEqual(*as_live(got, live))

    def test_filters(self):
        """Given when reading, they choose what they choose live."""
        ns, path = self.place(), self.path("x.tcpl")
        port = ns.port
        filters = [("--comm", "traffic"), ("--comm", "!traffic"), ("-p", str(ns.server.pid)),
                   ("-p", f"!{ns.server.pid}"), ("-P", port), ("-P", "!" + port), ("-L", port), ("-D", port),
                   ("-4",), ("-6",), ("-u", "root"), ("-u", "!root"), ("--local", "127.0.0.0/8"),
                   ("--remote", "!127.0.0.1"), ("--netns", ns.path), ("--flags", "SYN"),
                   ("--flags", "!SYN,ACK", "--dir", "in"), ("--state", "ESTABLISHED"), ("--state", "!LISTEN")]
        # A few at a time: a function takes no more than some 38 programs (BPF_MAX_TRAMP_LINKS).
        for i in range(0, len(filters), 6):
            self.compare(filters[i:i + 6], ns, port, path)

    def compare(self, filters, ns, port, path):
        scope = ("-P", port)
        rec = self.lens("record", "-w", path, json=False)
        runs = []
        for n, f in enumerate(filters):
            view = "states" if f[0] == "--state" and n % 2 else "trace"
            runs.append((view, f, self.lens(view, *f, *([] if f[0] == "-P" else scope))))
        self.call(ns, 3)
        quiesce(ns)
        rec.stop()
        for view, f, tl in runs:
            live = tl.stop().records
            if f[0] == "-P":
                # Others' traffic has other ports: only whether ours is in it is certain.
                live = [r for r in live if port in (str(r["lport"]), str(r["rport"]))]
            with self.subTest(view=view, f=f):
                got = self.read(view, path, *f, json=True).records
                got = [r for r in got if port in (str(r.get("lport")), str(r.get("rport")))]
                self.assertEqual(*as_live(got, live))

    def test_pid_that_is_gone(self):
        path = self.sample()
        pid = next(r["pid"] for r in self.read("trace", path, json=True).records if r.get("owner") == "connect")
        self.assertFalse(os.path.exists(f"/proc/{pid}"))
        got = self.read("trace", path, "-p", str(pid), json=True).records
        self.assertGreater(len(got), 5)
        self.assertEqual({r["pid"] for r in got}, {pid})

    def test_count_and_duration(self):
        path = self.sample(30)
        every = self.read("trace", path, json=True).records
        self.assertEqual(self.read("trace", path, "-c", "7", json=True).records, every[:7])
        self.assertEqual(len(self.read("trace", path, "-d", "1000", json=True).records), len(every))
        got = self.read("trace", path, "-d", "0.000001", json=True).records
        self.assertEqual(got, [])

    def test_into_another_file(self):
        path, out = self.sample(), self.path("syn.tcpl")
        p = self.read("trace", path, "-w", out, "--flags", "SYN")
        self.assertEqual(p.out, b"")
        want = self.read("trace", path, "--flags", "SYN").out
        self.assertEqual(self.read("trace", out).out, want)
        # All of it is the very same file again.
        self.read("record", path, "-w", out)
        with open(path, "rb") as a, open(out, "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_without_privileges(self):
        path = self.sample()
        d = self.tmp()
        os.chmod(d, 0o755)
        for f in (TCPLENS, path):
            shutil.copy(f, d)
            os.chmod(os.path.join(d, os.path.basename(f)), 0o755)
        p = self.spawn([os.path.join(d, os.path.basename(TCPLENS)), "trace", "-r", "sample.tcpl"], cwd=d,
                       user=65534, group=65534, extra_groups=[])
        self.assertEqual(p.wait(), 0, p.said())
        self.assertEqual(p.out, self.read("trace", path).out)

    def test_origin_is_told(self):
        said = self.read("trace", self.sample()).err.decode()
        self.assertIn(f"recorded on {os.uname().nodename}", said)
        if BACKEND:
            self.assertIn(f"{BACKEND} backend", said)


class Pipes(Recorded):
    def test_live_through_a_pipe(self):
        """What the recorder writes is shown while it runs."""
        ns = self.place()
        r, w = os.pipe()
        rec = self.lens("record", "-w", "-", "--format", "tcpl", "--netns", ns.path, json=False, stdout=w)
        os.close(w)
        show = self.spawn([TCPLENS, "trace", "-r", "-", "--json"], stdin=r)
        os.close(r)
        self.call(ns)
        show.expect(rb'"flags":\["FIN"')
        self.assertIsNone(show.p.poll())
        rec.stop()
        self.assertEqual(show.p.wait(60), 0, show.said())

    def test_two_writers(self):
        """The second one is refused, and the first one's file stays whole."""
        path = self.sample()
        with open(path, "rb") as f:
            data = f.read()
            fcntl.flock(f, fcntl.LOCK_EX)
            p = self.spawn([TCPLENS, "trace", "-r", self.sample(name="other.tcpl"), "-w", path])
            self.assertEqual(p.wait(), 1, p.said())
            self.assertIn(b"another tcplens is writing it", p.err)
            f.seek(0)
            self.assertEqual(f.read(), data)

    def test_interrupted_while_waiting(self):
        r, w = os.pipe()
        with open(self.sample(), "rb") as f:
            data = f.read()
        os.write(w, data[:min(len(data) // 2, 60000)])
        show = self.spawn([TCPLENS, "trace", "-r", "-"], stdin=r)
        os.close(r)
        show.expect("SYN,ACK")
        show.signal(signal.SIGINT)
        self.assertEqual(show.p.wait(60), 0, show.said())
        os.close(w)

    def test_reader_leaves(self):
        path = self.sample(30)
        r, w = os.pipe()
        p = self.spawn([TCPLENS, "trace", "-r", path, "-w", "-", "--format", "tcpl"], stdout=w)
        os.close(w)
        os.close(r)
        self.assertEqual(p.wait(), 0, p.said())
        self.assertNotIn(b"can't", p.err)

    def test_reader_leaves_live(self):
        """What was on its way to a reader who has seen enough is not lost."""
        # Of the first calls' records more than a hundred, and not all.
        for opts, enough in ((("record", "-w", "-"), 16384), (("trace", "--json"), 65536)):
            with self.subTest(opts=opts):
                ns = self.place(10000)
                r, w = os.pipe()
                # Smaller than what comes: something waits for the reader when it leaves.
                fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
                tl = self.lens(*opts, "--netns", ns.path, json=False, stdout=w)
                os.close(w)
                self.call(ns, 20)
                got = 0
                while got < enough:
                    got += len(os.read(r, 4096))
                self.call(ns, 20)
                os.close(r)
                self.assertEqual(tl.wait(), 0, tl.said())
                n, lost = parse_summary(tl.err)
                self.assertGreater(n, 100)
                self.assertEqual(lost, 0)

    def test_no_terminal(self):
        master, slave = pty.openpty()
        p = self.spawn([TCPLENS, "record", "-w", "-", "--format", "tcpl", "-q"], stdout=slave)
        self.assertEqual(p.wait(), 1, p.said())
        self.assertIn(b"terminal", p.err)
        os.close(slave)
        os.close(master)


class Fifo(Recorded):
    """Whose other end nobody has opened yet."""

    def setUp(self):
        super().setUp()
        self.fifo = self.path("fifo")
        os.mkfifo(self.fifo)

    def recorder(self, ns, *opts):
        tl = self.lens("trace", "-w", self.fifo, "--format", "tcpl", "--netns", ns.path, *opts, json=False, ready=False)
        tl.expect("^tcplens: tracing with", "err")
        return tl

    def test_what_comes_before_the_reader(self):
        """Nobody records it: it does not fill the ring up either."""
        ns = self.place()
        tl = self.recorder(ns, "--buffer", "4k")
        self.call(ns, 100)
        show = self.spawn([TCPLENS, "trace", "-r", self.fifo, "--json"])
        show.expect("recorded on", "err")
        tl.signal(signal.SIGINT)
        self.assertEqual(tl.wait(), 0, tl.said())
        self.assertEqual(parse_summary(tl.err)[1], 0, tl.said())
        self.assertEqual(show.wait(), 0, show.said())

    def test_interrupted(self):
        ns = self.ns()
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(sig=sig):
                tl = self.recorder(ns)
                tl.signal(sig)
                self.assertEqual(tl.wait(), 0, tl.said())
                self.assertEqual(parse_summary(tl.err), (0, 0))

    def test_interrupted_reading(self):
        p = self.spawn([TCPLENS, "trace", "-r", self.fifo])

        def takes_signals():
            with open(f"/proc/{p.pid}/status") as f:
                return int(re.search(r"^SigBlk:\t(\w+)", f.read(), re.M)[1], 16) & 1 << (signal.SIGINT - 1)

        wait_until("signals to be asked for", takes_signals)
        p.signal(signal.SIGINT)
        self.assertEqual(p.wait(), 1, p.said())

    def test_writer_comes_late(self):
        with open(self.sample(), "rb") as f:
            data = f.read()
        p = self.spawn([TCPLENS, "trace", "-r", self.fifo, "--json"])
        with open(self.fifo, "wb") as f:
            f.write(data[:100])
            f.flush()
            f.write(data[100:])
        self.assertEqual(p.wait(), 0, p.said())
        self.assertEqual(p.out, self.read("trace", self.path("sample.tcpl"), json=True).out)


class Told(Recorded):
    def test_progress(self):
        """On a terminal: what is written, while it runs; then one line that stays."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        ns, path = self.place(), self.path("x.tcpl")
        p = self.lens("record", "-w", path, "--netns", ns.path, json=False, stderr=slave)
        os.close(slave)
        said = b""
        while not re.search(rb"\r\x1b\[Ktcplens: [1-9]\d* records, 0 lost, [\d.]+ k?[Bb]\w*; Ctrl-C", said):
            self.call(ns)
            if select.select([master], [], [], 0.1)[0]:
                said += os.read(master, 1 << 16)
        p.signal(signal.SIGINT)
        self.assertEqual(p.wait(), 0)
        while select.select([master], [], [], 0)[0]:
            try:
                said += os.read(master, 1 << 16)
            except OSError:  # the other end is closed
                break
        last = said.replace(b"\r\n", b"\n").splitlines()[-1].rpartition(b"\x1b[K")[2].decode()
        self.assertRegex(last, rf"^tcplens: \d+ records, 0 lost; [\d.]+ kB in {path}$")

    def test_nothing_but_a_terminal(self):
        ns, path = self.place(), self.path("x.tcpl")
        tl = self.lens("record", "-q", "-w", path, "--netns", ns.path, json=False)
        self.call(ns, 3)
        quiesce(ns)
        err = tl.stop().err.decode()
        size = os.path.getsize(path)
        self.assertRegex(err, rf"^tcplens: \d+ records, 0 lost; {size / 1000:.0f} kB in {path}\n$")


class Damage(Recorded):
    def test_cut_off(self):
        path, part = self.sample(), self.path("part.tcpl")
        with open(path, "rb") as f:
            whole = f.read()
        lines = self.read("trace", path).out
        for size in (len(whole) - 1, len(whole) - 32, len(whole) // 2, len(whole) // 3 * 2 // 8 * 8, 700, 56):
            with open(part, "wb") as f:
                f.write(whole[:size])
            p = self.read("trace", part, rc=1)
            self.assertIn(f"offset {size}", p.err.decode())
            self.assertTrue(lines.startswith(p.out), size)
            if size > len(whole) - 64:
                self.assertEqual(p.out, lines)

    def test_overwritten(self):
        path, part = self.sample(), self.path("part.tcpl")
        with open(path, "rb") as f:
            whole = f.read()
        lines = self.read("states", path).out
        at = len(whole) // 2
        for junk in (b"\0" * 64, b"\xff" * 64, b"\x01"):
            with open(part, "wb") as f:
                f.write(whole[:at] + junk + whole[at + len(junk):])
            p = self.read("states", part, rc=1)
            m = re.search(r"damaged at offset (\d+)", p.err.decode())
            self.assertTrue(m, p.said())
            # Where the damaged record begins, or what is checked together with it.
            self.assertTrue(at - 512 < int(m[1]) <= at + 64, (at, m[1]))
            self.assertTrue(lines.startswith(p.out))
            self.assertGreater(len(p.out), 100)

    def test_killed(self):
        """All that happened more than a second before."""
        ns, path = self.place(10000), self.path("x.tcpl")
        ref = self.lens("trace", "--netns", ns.path)
        rec = self.lens("record", "-w", path, "--netns", ns.path, json=False)
        for _ in range(10):  # however slow the machine: enough to be compared
            self.call(ns, 5)
        start = time.monotonic()
        while time.monotonic() < start + 2:
            self.call(ns, 5)
        rec.signal(signal.SIGKILL)
        killed = time.monotonic_ns()
        rec.wait()
        want = [r for r in ref.stop().segments if r["mono_ns"] < killed - 10**9]
        self.assertGreater(len(want), 100)
        p = self.read("trace", path, rc=1, json=True)
        self.assertIn("killed", p.err.decode())
        have = {(r["lport"], r["rport"], r["dir"], r["seq"], r.get("ack"), tuple(r["flags"])) for r in p.records}
        for r in want:
            self.assertIn((r["lport"], r["rport"], r["dir"], r["seq"], r.get("ack"), tuple(r["flags"])), have)

    def test_full_disk(self):
        disk = self.path("disk")
        os.mkdir(disk)
        r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tcplens-test", disk],
                           stderr=subprocess.PIPE)
        if r.returncode:
            self.skipTest(f"no small disk: {r.stderr.decode()}")
        self.addCleanup(subprocess.run, ["umount", disk], check=False)
        ns, path = self.place(), os.path.join(disk, "x.tcpl")
        said = self.fill(ns, path)
        p = self.read("trace", path, json=True, rc=0)
        self.assertGreater(len(p.records), 30)
        self.assertIn("disk was full", p.err.decode())
        # record's own count, of all kinds of records
        every = sum(self.read(v, path, json=True).summary[0] for v in ("trace", "states"))
        self.assertGreaterEqual(said, every)
        os.unlink(path)
        path = os.path.join(disk, "x.pcapng")
        self.fill(ns, path)
        with open(path, "rb") as f:
            self.assertGreater(len(File(f.read()).packets), 30)

    def fill(self, ns, path):
        tl = self.lens("record", "-w", path, "--netns", ns.path, json=False)
        self.call(ns, 50)
        self.assertEqual(tl.wait(), 1, tl.said())
        self.assertIn(b"No space left", tl.err)
        return int(re.search(rb"(\d+) records, \d+ lost", tl.err)[1])

    def test_size_limit(self):
        """ulimit -f: an error of write(), not a signal."""
        ns, path = self.place(), self.path("x.tcpl")
        tl = self.lens("record", "-w", path, "--netns", ns.path, json=False)
        resource.prlimit(tl.pid, resource.RLIMIT_FSIZE, (20000, 20000))
        self.call(ns, 50)
        self.assertEqual(tl.wait(), 1, tl.said())
        self.assertGreater(len(self.read("trace", path, json=True).records), 20)


class Rotation(Recorded):
    def test_by_time(self):
        """Two periods, then it ends by itself; together they have everything."""
        ns = self.place(10000)
        ref = self.lens("trace", "--netns", ns.path)
        tl = self.lens("record", "-w", self.path("%s.tcpl"), "-G", "1", "-W", "2", "--netns", ns.path,
                       json=False)
        while tl.p.poll() is None:
            self.call(ns, 5)
        self.assertEqual(tl.wait(), 0, tl.said())
        files = sorted(os.listdir(self.dir))
        self.assertEqual(len(files), 2)
        self.assertEqual(int(files[1][:-5]) - int(files[0][:-5]), 1)
        got = sum((self.read("trace", self.path(f), json=True).records for f in files), [])
        want = ref.stop().segments
        self.assertGreater(len(got), 50)
        self.assertEqual(*as_live(got[:50], want[:50]))
        self.assertGreater(len(self.read("states", self.path(files[1])).out), 100)

    def test_by_size(self):
        ns = self.place()
        tl = self.lens("record", "-w", self.path("x"), "-C", "8k", "-W", "3", "--netns", ns.path, json=False)
        self.call(ns, 40)
        quiesce(ns)
        tl.stop()
        self.assertEqual(sorted(os.listdir(self.dir)), ["x0", "x1", "x2"])
        for f in ("x0", "x1", "x2"):
            # Before each record it is looked at whether the file is larger by now.
            self.assertLessEqual(last_record(self.path(f)), 8192)
            self.read("trace", self.path(f))
        # All but the last one, which their times of writing need not tell apart.
        self.assertLessEqual(sum(os.path.getsize(self.path(f)) <= 8192 for f in ("x0", "x1", "x2")), 1)

    def test_idle(self):
        """-G rotates, and -W ends, also where nothing happens."""
        p = self.spawn([TCPLENS, "record", "-w", self.path("%s"), "-G", "1", "-W", "2", "--netns",
                        self.ns().path])
        self.assertEqual(p.wait(), 0, p.said())
        self.assertEqual(len(os.listdir(self.dir)), 2)


class Refused(Recorded):
    def test_sentences(self):
        path = self.sample()
        only = self.path("only.tcpl")
        self.read("trace", path, "-w", only)
        text = self.path("text")
        with open(text, "w") as f:
            f.write("TIME PID\n" * 100)
        self.refuses(["trace", "-r", path, "--", "true"], "exclude each other")
        self.refuses(["trace", "-r", path, "--backend", "kprobe"], "--backend")
        self.refuses(["trace", "-r", path, "--buffer", "1M"], "--buffer")
        self.refuses(["trace", "-r", path, "--stats"], "-r and --stats exclude each other")
        self.refuses(["latency", "--no-priority", "-r", path], "-r and --no-priority exclude each other")
        self.refuses(["trace", "-r", path, "--cgroup", "!/"], "--cgroup")
        self.refuses(["record"], "-w")
        self.refuses(["states", "-q", "-r", only], "no state records", rc=1)
        self.refuses(["latency", "-q", "-r", path, "--outliers", "1"], "--outliers", rc=1)
        self.refuses(["trace", "-r", text], "no recording", rc=1)
        packets = self.path("x.pcapng")
        self.read("record", path, "-w", packets)
        self.refuses(["trace", "-r", packets], "pcapng", rc=1)
        self.refuses(["trace", "-r", "/no/such/file"], "/no/such/file", "No such file", rc=1)
        self.refuses(["trace", "-r", self.dir], "is a directory", rc=1)
        self.refuses(["trace", "-r", "/dev/null"], "is empty", rc=1)
        self.refuses(["record", "-q", "-r", path, "-w", path], "same file", rc=1)
        self.refuses(["record", "-q", "-w", "/no/such/dir/file"], "/no/such/dir/file", rc=1)
        self.read("trace", path)  # still whole


if __name__ == "__main__":
    main()
