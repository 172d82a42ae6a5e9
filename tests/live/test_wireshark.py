#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pcapng files: the packets that tcpdump captures, each with its process; tshark and tcpdump read them."""

import collections
import glob
import os
import shutil
import signal
import socket
import subprocess

from lib import TCPLENS, Case, main, need_prog, quiesce, wait_until
from lib.doctor import doctor, under_test
from lib.dump import _frame
from lib.pcapng import File
from lib.tshark import STRICT, complaints
from lib.wire import wire_key


class Files(Case):
    """Two clients, each its own process and name, in a traced namespace."""

    def start(self, *opts, name="out.pcapng", command="record"):
        self.net = net = self.veth()
        self.dir = self.tmp()
        self.path = os.path.join(self.dir, name)
        self.wire = self.dump(net.a, net.a.dev, net.b.addr4)
        self.tl = self.lens(command, "--netns", net.a.path, "-w", self.path, *opts, json=False)

    def skip_if_hidden(self):
        """bpf_dynptr_from_skb() reads payload wherever the kernel keeps it: since 6.12, by doctor's word."""
        if not doctor()[under_test()[0]]["packets"]["payload_anywhere"]:
            self.skipTest("this kernel keeps payload where only later ones let programs read it")

    def program(self, name):
        path = os.path.join(self.dir, name)
        if not os.path.exists(path):
            shutil.copy(self.live("traffic"), path)
        return path

    def client(self, name, shape="short", family=4, opts=()):
        """A client called `name`, to its end: (its pid, the server's port)."""
        b = self.net.b
        addr = b.addr4 if family == 4 else b.addr6
        server = self.spawn([self.live("traffic"), "server", "-p", "0", "-s", shape, "-a", addr, *opts], ns=b)
        port = int(server.expect(rb"^ready (\d+)")[1])
        c = self.spawn([self.program(name), "client", "-p", str(port), "-s", shape, "-a", addr, *opts],
                       ns=self.net.a)
        c.check()
        server.check()
        return c.pid, port

    def end(self):
        quiesce(*self.net.sides)
        for _ in range(3):
            self.wire.flush(self.net.b, self.net.b.dev)
        self.tl.stop()
        return self.wire.stop()

    def read(self, path=None):
        with open(path or self.path, "rb") as f:
            return File(f.read())

    def segs(self, packets):
        """What tcpdump's reader makes of the packets."""
        return [(_frame(p.frame), p) for p in packets]

    def tshark(self, path, *args):
        r = subprocess.run(["tshark", "-n", "-r", path, *args], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=120)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout.decode().splitlines()


class Packets(Files):
    def judge(self, packets, wire):
        """The same segments, in the same directions, as on the wire; headers byte for byte."""
        mac = self.net.a.mac
        want = collections.Counter(wire_key(s, s.smac == mac) for s in wire)
        got = collections.Counter()
        for seg, p in self.segs(packets):
            self.assertIsNotNone(seg, "not a TCP packet")
            self.assertEqual(p.dir == "out", seg.smac == mac)
            self.assertEqual(p.orig_len, len(p.frame) + (0 if p.orig_len == len(p.frame) else seg.len))
            got[wire_key(seg, p.dir == "out")] += 1
        self.assertEqual(want, got)

    def test_as_tcpdump(self):
        self.start()
        who = {}
        for name, family in (("alpha", 4), ("beta", 6 if self.net.ipv6 else 4)):
            who[name] = self.client(name, family=family)
        wire = self.end()
        f = self.read()
        self.judge(f.packets, wire)
        self.assertEqual([i[2] for i in f.interfaces], [b"lo", self.net.a.dev.encode()])
        self.assertEqual(f.drops(), 0)
        for name, (pid, port) in who.items():
            mine = [p for s, p in self.segs(f.packets) if port in (s.sport, s.dport)]
            self.assertTrue(mine)
            for p in mine:
                self.assertEqual((p.pid, p.process), (pid, (pid, name)))
                self.assertIn(f"pid={pid}", p.comments)
                self.assertIn(f"comm={name}", p.comments)
            states = [c for p in mine for c in p.comments if c.startswith("state=")]
            self.assertEqual(states[:2], ["state=CLOSED->SYN-SENT", "state=SYN-SENT->ESTABLISHED"])
            self.assertIn("->CLOSED", states[-1])
        # In the order in which things happened, but for what several CPUs did at the same time.
        at = [p.ns for p in f.packets]
        self.assertLess(max(a - b for a, b in zip(at, at[1:])), 10**9)

    def test_headers_only(self):
        self.start()
        self.client("alpha", "up")
        self.end()
        for seg, p in self.segs(self.read().packets):
            self.assertLessEqual(len(p.frame), p.orig_len - seg.len, "payload that nobody asked for")

    def test_snap(self):
        self.start("--snap", "10")
        self.client("alpha")
        self.end()
        lens = [len(p.frame) - (p.orig_len - s.len) for s, p in self.segs(self.read().packets) if s.len]
        self.assertTrue(lens)
        self.assertLessEqual(max(lens), 10)
        if not max(lens):
            self.skip_if_hidden()
        self.assertEqual(max(lens), 10)


class Comments(Files):
    def test_sent_again(self):
        """Exactly the segments that were sent again say so, and why."""
        net = self.net = self.veth(relay=True)
        self.dir = self.tmp()
        self.path = os.path.join(self.dir, "out.pcapng")
        link = self.relay(net)
        tl = self.lens("record", "--netns", net.a.path, "-w", self.path, json=False)
        before = net.a.counters()["Tcp.RetransSegs"]
        with net.b:
            server = socket.create_server((net.b.addr4, 0))
        with net.a, socket.create_connection(server.getsockname()) as c:
            peer = server.accept()[0]
            self.hold_back(link)
            c.sendall(b"x" * 100)
            wait_until("a segment to be sent again",
                       lambda: net.a.counters()["Tcp.RetransSegs"] > before)
            link.signal(signal.SIGCONT)
            self.assertEqual(peer.recv(100, socket.MSG_WAITALL), b"x" * 100)
        peer.close()
        server.close()
        quiesce(*net.sides)
        tl.stop()
        seen, again = set(), 0
        for seg, p in self.segs(self.read().packets):
            key = (p.dir, seg.seq, seg.len, tuple(seg.flags))
            said = [c for c in p.comments if c.startswith("retransmit=")]
            twice = key in seen and p.dir == "out" and bool(seg.len or "FIN" in seg.flags or "SYN" in seg.flags)
            self.assertEqual(len(said), int(twice), (key, p.comments))
            if said:
                self.assertIn(said[0], ("retransmit=tlp", "retransmit=rto", "retransmit=fast",
                                        "retransmit=syn", "retransmit=other"))
                again += 1
            seen.add(key)
        self.assertEqual(again, net.a.counters()["Tcp.RetransSegs"] - before)


class Tshark(Files):
    def setUp(self):
        need_prog("tshark")

    def test_read(self):
        self.start()
        pids = {name: self.client(name) for name in ("alpha", "beta")}
        wire = self.end()
        self.assertEqual(complaints(self.path), [])
        self.assertEqual(len(self.tshark(self.path)), len(wire))
        for name, (pid, port) in pids.items():
            want = sum(1 for s in wire if port in (s.sport, s.dport))
            for expr in (f'frame.comment == "pid={pid}"', f'frame.comment == "comm={name}"'):
                got = self.tshark(self.path, "-Y", expr, "-T", "fields", "-e", "tcp.srcport", "-e", "tcp.dstport")
                self.assertEqual(len(got), want)
                self.assertTrue(all(str(port) in line.split() for line in got), got)

    def test_checksums_of_whole_packets(self):
        self.start("--snap", "2000")
        self.client("alpha")
        self.end()
        rows = self.tshark(self.path, *STRICT, "-T", "fields", "-e", "tcp.checksum.status")
        self.assertEqual(set(rows), {"1"}, "tshark does not find all checksums good")

    def test_pipe(self):
        net = self.veth()
        self.net, self.dir = net, self.tmp()
        tl = self.lens("record", "--netns", net.a.path, "-w", "-", json=False)
        pid, port = self.client("alpha")
        quiesce(*net.sides)
        tl.stop()
        kb = len(tl.out) / 1000
        self.assertRegex(tl.err.decode(), rf"; {kb:{'.1f' if kb < 9.95 else '.0f'}} kB written\n$")
        path = os.path.join(self.dir, "pipe.pcapng")
        with open(path, "wb") as f:
            f.write(tl.out)
        self.assertTrue(self.tshark(path, "-Y", f'frame.comment == "pid={pid}" && tcp.port == {port}'))

    def test_empty(self):
        """Nothing happens: files all the same, which every reader takes, also after a kill."""
        ns = self.ns().path
        series = self.lens("record", "--netns", ns, "-w", os.path.join(self.tmp(), "%s.pcapng"), "-G", "1",
                           "-W", "2", json=False)
        paths = [os.path.join(self.tmp(), name + ".pcapng") for name in ("ended", "killed")]
        ended, killed = (self.lens("record", "--netns", ns, "-w", p, json=False) for p in paths)
        ended.stop()
        killed.signal(signal.SIGKILL)
        killed.wait()
        series.finish()
        paths += glob.glob(os.path.join(os.path.dirname(series.argv[series.argv.index("-w") + 1]), "*"))
        self.assertEqual(len(paths), 4)
        for path in paths:
            self.assertEqual(self.tshark(path), [])
            r = subprocess.run(["tcpdump", "-nr", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual((r.returncode, r.stdout), (0, b""), r.stderr)
            self.assertEqual([i[2] for i in self.read(path).interfaces], [b"lo"])

    def test_rotated(self):
        self.start("-C", "8k")
        pids = [self.client("alpha", "up")[0] for _ in range(3)]
        wire = self.end()
        files = glob.glob(self.path + "*")
        self.assertGreater(len(files), 2, "nothing was rotated")
        total, seen = 0, set()
        for path in files:
            self.assertLess(os.path.getsize(path), 10000)
            f = self.read(path)
            for p in f.packets:
                self.assertEqual(p.process, (p.pid, "alpha"))
                seen.add(p.pid)
            total += len(f.packets)
            self.assertEqual(len(self.tshark(path)), len(f.packets))
            r = subprocess.run(["tcpdump", "-nr", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(len(r.stdout.splitlines()), len(f.packets))
        self.assertEqual(total, len(wire))
        self.assertEqual(seen, set(pids))


class Payload(Files):
    """trace -A and -x show what --snap keeps."""

    def shown(self, *opts):
        net = self.net = self.veth()
        self.dir = self.tmp()
        tl = self.lens("trace", "--netns", net.a.path, *opts, json=False)
        server = self.spawn(["python3", "-c",
                             "import socket; s = socket.create_server(('10.99.0.2', 0)); "
                             "print('ready', s.getsockname()[1], flush=True); c = s.accept()[0]; "
                             "c.recv(100); c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\nbye\\x1b'); c.close()"], ns=net.b)
        port = int(server.expect(rb"^ready (\d+)")[1])
        self.spawn(["python3", "-c", f"import socket; c = socket.create_connection(('10.99.0.2', {port})); "
                                     "c.sendall(b'GET /hello'); c.recv(100); c.recv(1)"], ns=net.a).check()
        server.check()
        quiesce(*net.sides)
        tl.stop()
        return tl.out.decode().splitlines()

    def all_in(self, wanted, lines):
        if not set(wanted) <= set(lines):
            self.skip_if_hidden()
        for want in wanted:
            self.assertIn(want, lines)

    def test_text(self):
        lines = self.shown("-A", "--snap", "100")
        self.all_in(["\tGET /hello", "\tHTTP/1.0 200 OK", "\t", "\tbye."], lines)

    def test_hex(self):
        lines = self.shown("-x", "--snap", "5")
        self.all_in(["\t0x0000:  4745 5420 2f" + " " * 29 + "GET /"], lines)

    def test_nothing_kept(self):
        r = subprocess.run([TCPLENS, "trace", "-A"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(r.returncode, 2)
        self.assertIn(b"--snap", r.stderr)


class Extcap(Files):
    """tcplens as one of Wireshark's capture interfaces."""

    def setUp(self):
        need_prog("tshark")
        folders = subprocess.run(["tshark", "-G", "folders"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        where = [line.split(":", 1)[1].strip() for line in folders.stdout.decode().splitlines()
                 if line.startswith("Extcap path")]
        if not where or not os.path.isdir(where[0]):
            self.skipTest("this tshark has no folder for extcap")
        self.folder = where[0]
        self.dir = self.tmp()
        self.links = self.tmp()
        os.symlink(os.path.abspath(TCPLENS), os.path.join(self.links, "tcplens"))

    def tshark_with(self, *args):
        """tshark, for which our link is what lies in its folder: a mount of its own."""
        return self.spawn(["unshare", "-m", "--propagation", "private", "sh", "-c",
                           'mount --bind "$1" "$2" && shift 2 && exec tshark "$@"', "sh",
                           self.links, self.folder, *args])

    def test_listed(self):
        self.assertRegex(self.tshark_with("-D").check().decode(), r"(?m)^\d+\. tcplens ")

    def test_capture(self):
        net = self.net = self.veth()
        # Neither its first packet nor that it began can be waited for: traffic goes on until it has enough.
        t = self.tshark_with("-i", "tcplens", "-n", "-l", "-c", "40", "-o", f"extcap.tcplens.netns:{net.a.path}",
                             "-o", "extcap.tcplens.comm:alpha", "-f", "tcp", "-T", "fields", "-e", "frame.comment")
        t.expect(rb"Capturing on", "err")
        pids = set()
        for _ in range(200):
            pids.add(self.client("alpha")[0])
            if t.p.poll() is not None:
                break
        rows = t.check().decode().splitlines()
        self.assertEqual(len(rows), 40)
        for row in rows:
            self.assertIn("comm=alpha", row)
            self.assertTrue(any(f"pid={pid}," in row for pid in pids), row)


class Replay(Files):
    def test_from_recording(self):
        """A recording becomes the pcapng file that a live run would have written."""
        self.start(name="out.tcpl")
        pid, port = self.client("alpha")
        wire = self.end()
        path = os.path.join(self.dir, "later.pcapng")
        again = self.spawn([self.tl.argv[0], "record", "-r", self.path, "-w", path])
        again.check()
        f = self.read(path)
        self.assertEqual(len(f.packets), len(wire))
        self.assertEqual({p.process for p in f.packets}, {(pid, "alpha")})


if __name__ == "__main__":
    main()
