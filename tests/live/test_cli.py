#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The command line: how it starts, how it ends, what it says when it cannot."""

import ctypes
import errno
import glob
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import time

from lib import TCPLENS, BACKEND, Case, Proc, main, quiesce, wait_until
from lib.lens import parse_summary

CONTROL = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]")


class Cli(Case):
    def run_it(self, *args, **kw):
        """tcplens with these arguments, to its end."""
        p = self.spawn([TCPLENS, *args], **kw)
        p.rc = p.wait()
        return p

    def sentence(self, p, *words, rc=None):
        """It failed: with this status, nothing on stdout, and one sentence that names the words."""
        self.assertNotEqual(p.rc, 0, f"{p} succeeded; {p.said()}")
        self.assertGreater(p.rc, 0, f"{p} died of signal {-p.rc}; {p.said()}")
        if rc is not None:
            self.assertEqual(p.rc, rc, f"{p}: {p.said()}")
        self.assertEqual(p.out, b"")
        lines = p.err.decode().strip().splitlines()
        self.assertTrue(lines, f"{p} said nothing")
        # Loader chatter would be many lines; argp may add where to find help.
        self.assertLessEqual(len(lines), 2, p.said())
        self.assertTrue(lines[0].startswith("tcplens"), p.said())
        for w in words:
            self.assertIn(w.lower(), p.err.decode().lower(), f"{p} does not name it")

    def place(self):
        """One namespace with a server that answers short connections."""
        ns = self.ns()
        server = self.spawn([self.live("traffic"), "server", "-a", "127.0.0.1", "-p", "0",
                             "-s", "short", "-n", "1000"], ns=ns)
        ns.port = server.expect(rb"^ready (\d+)")[1].decode()
        return ns

    def caller(self, ns, n=1, argv0=None):
        return [argv0 or self.live("traffic"), "client", "-a", "127.0.0.1", "-p", ns.port,
                "-s", "short", "-n", str(n)]

    def call(self, ns, n=1, argv0=None):
        self.spawn(self.caller(ns, n, argv0), ns=ns).check()

    def anyones(self, *names):
        """Copies of programs that every user may run; the directory."""
        d = self.tmp()
        os.chmod(d, 0o755)
        for path in names:
            shutil.copy(path, d)
            os.chmod(os.path.join(d, os.path.basename(path)), 0o755)
        return d


class Usage(Cli):
    """Nothing is begun that the command line does not mean."""

    def test_wrong_values(self):
        for args, word in (
                (("--local", "10.0.0.0/33"), "10.0.0.0/33"),
                (("--remote", "300.1.2.3"), "300.1.2.3"),
                (("--remote", "fd00::/129"), "fd00::/129"),
                (("-P", "70000"), "70000"),
                (("-L", "http!"), "http!"),
                (("-D", "90-80"), "90-80"),
                (("-P", ""), "port"),
                (("-u", "no-such-user-here"), "no-such-user-here"),
                (("--state", "ALMOST"), "ALMOST"),
                (("--flags", "SYN,WRONG"), "WRONG"),
                (("--dir", "sideways"), "sideways"),
                (("--backend", "magic"), "magic"),
                (("--buffer", "much"), "much"),
                (("--buffer", "0"), "0"),
                (("-c", "0"), "0"),
                (("-c", "some"), "some"),
                (("-d", "-1"), "-1"),
                (("-d", "soon"), "soon"),
                (("--fields", "pid,colour_of_socket"), "colour_of_socket"),
                (("--color", "pink"), "pink"),
                (("--cgroup", "/no/such/cgroup"), "/no/such/cgroup"),
                (("--netns", "/no/such/netns"), "/no/such/netns"),
                (("-P", "@/no/such/file"), "/no/such/file"),
                (("--ready-fd", "777"), "777"),
                (("--ready-fd", "x"), "x"),
                (("--no-such-option",), "no-such-option"),
                (("stray",), "stray")):
            with self.subTest(args=args):
                self.sentence(self.run_it("trace", *args), word, rc=2)

    def test_wrong_line_of_a_file(self):
        path = os.path.join(self.tmp(), "ports")
        with open(path, "w") as f:
            f.write("80\nninety\n")
        self.sentence(self.run_it("trace", "-P", "@" + path), "ninety", rc=2)

    def test_unknown_pid(self):
        p = subprocess.Popen(["true"])
        p.wait()
        for option in ("-p", "--netns"):
            self.sentence(self.run_it("trace", option, str(p.pid)), str(p.pid), rc=2)
        self.sentence(self.run_it("trace", "-p", "-3"), "-3", rc=2)
        self.sentence(self.run_it("trace", "-p", "1x"), "1x", rc=2)

    def test_contradictions(self):
        for args in (("-4", "-6"), ("-t", "-T"), ("-n", "--resolve"), ("-4", "--local", "fd00::/8"),
                     ("-6", "--remote", "10.0.0.1")):
            with self.subTest(args=args):
                self.sentence(self.run_it("trace", *args), rc=2)

    def test_filters_that_a_view_cannot_answer(self):
        for command, *args in (("states", "--flags", "SYN"), ("states", "--dir", "in"),
                               ("life", "--flags", "SYN"), ("connect", "--flags", "RST"),
                               ("connect", "--state", "LISTEN"), ("latency", "--dir", "out"),
                               ("life", "--state", "ESTABLISHED")):
            with self.subTest(command=command, args=args):
                self.sentence(self.run_it(command, *args), args[0], command, rc=2)

    def test_command_missing(self):
        self.sentence(self.run_it("trace", "--"), rc=2)

    def test_command_words(self):
        self.sentence(self.run_it("trase"), "trase", rc=2)
        self.sentence(self.run_it(), rc=2)

    def test_help(self):
        for args in (("--help",), ("trace", "--help"), ("states", "--help"), ("doctor", "--help"),
                     ("fields", "--help"), ("trace", "--usage"), ("--version",)):
            with self.subTest(args=args):
                p = self.run_it(*args)
                self.assertEqual(p.rc, 0, p.said())
                self.assertGreater(len(p.out), 10)
                self.assertEqual(p.err, b"")

    def test_fields_command(self):
        p = self.run_it("fields")
        self.assertEqual((p.rc, p.err), (0, b""))
        for name in (b"pid", b"comm", b"srtt_us", b"in_old_us", b"tsecr"):
            self.assertRegex(p.out, rb"(?m)^\s*" + name + rb"\b")


class Refused(Cli):
    """What the kernel does not let us do is said before anything is begun."""

    def test_not_root(self):
        d = self.anyones(TCPLENS)
        p = Proc([os.path.join(d, os.path.basename(TCPLENS)), "trace"], user=65534, group=65534,
                 extra_groups=[])
        self.addCleanup(p.close)
        p.rc = p.wait()
        self.sentence(p, "root", rc=1)

    def test_root_without_capabilities(self):
        if not shutil.which("setpriv"):
            self.skipTest("setpriv is not installed")
        p = self.spawn(["setpriv", "--bounding-set=-all", "--inh-caps=-all", TCPLENS, "trace"])
        p.rc = p.wait()
        self.sentence(p, "CAP_BPF", rc=1)

    def test_fields_and_help_need_no_privilege(self):
        d = self.anyones(TCPLENS)
        for args in (("fields",), ("trace", "--help")):
            p = Proc([os.path.join(d, os.path.basename(TCPLENS)), *args], user=65534, group=65534,
                     extra_groups=[])
            self.addCleanup(p.close)
            self.assertEqual(p.wait(), 0, p.said())

    def test_doctor(self):
        p = self.run_it("doctor")
        self.assertEqual(p.rc, 0, p.said())
        self.assertIn(b"tracepoint", p.out)


class Ends(Cli):
    def traced(self, *opts, **kw):
        ns = self.place()
        return ns, self.lens("trace", "--netns", ns.path, *opts, **kw)

    def test_sigint_and_sigterm(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            ns, tl = self.traced()
            self.call(ns)
            res = tl.stop(sig)
            self.assertGreater(len(res.segments), 15)

    def test_signal_before_it_is_ready(self):
        """A signal that comes at once: a clean end all the same, no trace on stdout."""
        # Where SIGINT is ignored, children inherit that: then one that comes before main() is lost.
        ns, old = self.ns(), signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            p = self.spawn([TCPLENS, "trace", "--json", "--netns", ns.path])
        finally:
            signal.signal(signal.SIGINT, old)
        p.signal(signal.SIGINT)
        rc = p.wait()
        self.assertIn(rc, (0, -signal.SIGINT), p.said())
        self.assertEqual(p.out, b"")

    def test_count(self):
        ns, tl = self.traced("-c", "5")
        self.call(ns, 3)
        res = tl.finish()
        self.assertEqual(res.summary[0], 5)

    def test_duration(self):
        start = time.monotonic()
        ns, tl = self.traced("-d", "0.5")
        self.call(ns)
        res = tl.finish()
        self.assertGreaterEqual(time.monotonic() - start, 0.5)
        self.assertGreater(res.summary[0], 0)

    def test_count_with_summary_in_text(self):
        ns, tl = self.traced("-c", "3", json=False)
        self.call(ns)
        res = tl.finish()
        self.assertEqual(len(res.out.splitlines()), 4)
        self.assertEqual(res.summary[0], 3)

    def test_reader_leaves(self):
        """`| head -1`: quiet, and no error."""
        ns = self.place()
        r, w = os.pipe()
        tl = self.lens("trace", "--netns", ns.path, json=False, stdout=w)
        os.close(w)
        self.call(ns)
        with os.fdopen(r, "rb") as f:
            self.assertTrue(f.readline())
        self.call(ns, 3)
        self.assertEqual(tl.wait(), 0, tl.said())
        self.assertNotRegex(tl.err.lower(), rb"pipe|error|fail")

    def test_disk_full(self):
        ns = self.place()
        with open("/dev/full", "wb") as full:
            tl = self.lens("trace", "--netns", ns.path, stdout=full)
            self.call(ns)
            rc = tl.wait()
        self.assertEqual(rc, 1, tl.said())
        self.assertIn(b"no space", tl.err.lower())

    def test_stdout_closed(self):
        """Started with no stdout at all."""
        p = self.spawn(["sh", "-c", 'exec "$0" "$@" >&-', TCPLENS, "trace", "-d", "1"])
        p.rc = p.wait()
        self.sentence(p, "stdout", rc=1)

    def test_quiet(self):
        """Nothing but the last line, which tells whether something is missing."""
        ns, tl = self.traced("-q")
        self.call(ns)
        res = tl.stop()
        self.assertEqual(res.err.count(b"\n"), 1, res.err)
        self.assertGreater(len(res.segments), 15)

    def test_quiet_still_tells_errors(self):
        self.sentence(self.run_it("trace", "-q", "-P", "70000"), "70000", rc=2)


class Command(Cli):
    """`-- COMMAND ARG…`"""

    def status(self, *command):
        tl = self.lens("trace", child=command)
        return tl, tl.wait()

    def test_status(self):
        for command, want in ((("true",), 0), (("sh", "-c", "exit 3"), 3),
                              (("sh", "-c", "kill -9 $$"), 137),
                              (("sh", "-c", "kill -TERM $$"), 143),
                              (("/no/such/program",), 127), (("no-such-program-here",), 127),
                              ((self.tmp(),), 126)):
            with self.subTest(command=command):
                tl, rc = self.status(*command)
                self.assertEqual(rc, want, tl.said())
                self.assertTrue(parse_summary(tl.err), tl.said())

    def test_first_syn_and_only_its_own(self):
        ns = self.place()
        other = self.spawn([self.live("traffic"), "client", "-w", "-a", "127.0.0.1", "-p", ns.port,
                            "-s", "short", "-n", "5"], ns=ns)
        other.expect("^waiting")
        tl = self.lens("trace", child=self.caller(ns), ns=ns)
        res = tl.finish()
        out = [r for r in res.segments if r["dir"] == "out"]
        self.assertEqual(out[0]["flags"], ["SYN"], "not the first SYN")
        self.assertEqual({r.get("comm") for r in res.segments}, {"traffic"})
        self.assertEqual(len({r.get("pid") for r in res.segments}), 1)
        self.assertEqual({str(r["rport"]) for r in res.segments}, {ns.port})
        other.tell("go")
        other.check()

    def test_children(self):
        ns = self.place()
        words = " ".join(self.caller(ns, 2))
        script = f"{words} & ({words}; sh -c '{words}'); {words}; wait"
        tl = self.lens("trace", child=("sh", "-c", script), ns=ns)
        self.spawn(["true"]).check()
        res = tl.finish()
        syns = [r for r in res.segments if r["flags"] == ["SYN"] and r["dir"] == "out"]
        self.assertEqual(len(syns), 8)
        self.assertEqual(len({r["pid"] for r in syns}), 4)
        self.assertTrue(all(r["rport"] == int(ns.port) for r in res.segments), "the server is not ours")

    def test_bystanders_are_left_out(self):
        ns = self.place()
        gate = os.path.join(self.tmp(), "gate")
        os.mkfifo(gate)
        tl = self.lens("trace", child=("sh", "-c", f"read x < {gate}; exec " +
                                       " ".join(self.caller(ns))), ns=ns)
        self.call(ns, 3)  # not the command's
        with open(gate, "w") as f:
            f.write("go\n")
        res = tl.finish()
        self.assertEqual(len({(r["lport"], r["rport"]) for r in res.segments}), 1)

    def test_output_of_the_command_does_not_mix(self):
        """stdout is data: what the command prints goes elsewhere."""
        tl = self.lens("trace", child=("sh", "-c", "echo hello from the command"))
        res = tl.finish()
        self.assertNotIn(b"hello", res.out)
        self.assertIn(b"hello", res.err)

    def test_interrupted(self):
        """SIGINT while the command runs: summary, and the command does not stay behind."""
        tl = self.lens("trace", child=("sh", "-c", "echo pid $$; exec sleep 1000"))
        pid = int(tl.expect(rb"pid (\d+)", "err")[1])
        tl.signal(signal.SIGINT)
        tl.wait()
        self.assertTrue(parse_summary(tl.err), tl.said())
        wait_until("the command to end", lambda: not os.path.exists(f"/proc/{pid}"))


class Untrusted(Cli):
    """A process may call itself anything."""

    NAMES = (b"\x1b[2J\x1b[H", b'q"uo\\te\'s', b"\xff\xfe\xc3(", b"a\nb\tc\rd", b"\xe2\x82", b"\x7f\x01",
             "ünïcödé".encode())

    def test_names(self):
        ns = self.place()
        text = self.lens("trace", "--netns", ns.path, json=False)
        states = self.lens("states", "--netns", ns.path, json=False)
        as_json = self.lens("trace", "--netns", ns.path)
        d = os.fsencode(self.tmp())
        pids = {}
        for name in self.NAMES:
            path = os.path.join(d, name)
            shutil.copy(os.fsencode(self.live("traffic")), path)
            p = self.spawn([path, "client", "-a", "127.0.0.1", "-p", ns.port, "-s", "short"], ns=ns)
            pids[p.pid] = name
            p.check()
        quiesce(ns)
        records = as_json.stop().segments
        for pid, name in pids.items():
            comms = {r["comm"] for r in records if r.get("pid") == pid}
            self.assertEqual(len(comms), 1, f"{name!r} is shown as {comms}")
            try:
                self.assertEqual(comms, {name[:15].decode()})
            except UnicodeDecodeError:
                pass  # how invalid bytes are shown is a matter of taste, that JSON is valid is not
        for tl in (text, states):
            out = tl.stop().out
            self.assertFalse(CONTROL.search(out), "control bytes on stdout")
            out.decode("utf-8")
            for line in out.splitlines():
                self.assertRegex(line, rb"^(TIME|\d\d:\d\d:\d\d\.\d{6}) ")


class Leftovers(Cli):
    """Every end leaves the kernel as it was."""

    BY_ID = {"prog": 13, "map": 14, "link": 30}  # BPF_*_GET_FD_BY_ID

    def setUp(self):
        nr = {"x86_64": 321, "aarch64": 280}.get(os.uname().machine)
        if nr is None:
            self.skipTest("the number of bpf(2) is not known for this machine")
        self.nr = nr
        self.libc = ctypes.CDLL(None, use_errno=True)

    def exists(self, kind, ident):
        attr = ctypes.create_string_buffer(struct.pack("III", ident, 0, 0), 128)
        fd = self.libc.syscall(self.nr, self.BY_ID[kind], attr, 128)
        if fd >= 0:
            os.close(fd)
            return True
        self.assertEqual(ctypes.get_errno(), errno.ENOENT)
        return False

    def held(self, pid):
        """{(kind, id)} of the BPF objects a process has descriptors of."""
        found = set()
        for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
            try:
                with open(path) as f:
                    found |= {(m[1], int(m[2])) for m in
                              re.finditer(r"^(prog|map|link)_id:\s*(\d+)", f.read(), re.M)}
            except FileNotFoundError:
                pass
        return found

    def gone(self, objects, how):
        self.assertTrue(objects, "it held no BPF objects: this test proves nothing")
        for kind in ("prog", "map"):
            self.assertTrue(any(k == kind for k, _ in objects), f"no {kind} seen")
        # The kernel frees them a little after the last reference went.
        wait_until(f"the BPF objects to go after {how}",
                   lambda: not [o for o in objects if self.exists(*o)])

    def test_after_signals(self):
        ns = self.place()
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            tl = self.lens("trace", "--netns", ns.path)
            objects = self.held(tl.pid)
            self.call(ns)
            tl.signal(sig)
            tl.wait()
            self.gone(objects, sig.name)

    def test_after_other_ends(self):
        ns = self.place()
        tl = self.lens("trace", "--netns", ns.path, "-c", "3")
        objects = self.held(tl.pid)
        self.call(ns)
        tl.finish()
        self.gone(objects, "-c")
        with open("/dev/full", "wb") as full:
            tl = self.lens("states", "--netns", ns.path, stdout=full)
            objects = self.held(tl.pid)
            self.call(ns)
            self.assertEqual(tl.wait(), 1)
        self.gone(objects, "a full disk")


class Looks(Cli):
    """Text, times, fields, colours."""

    def output(self, *opts, n=1, json=False, command="trace", **kw):
        ns = self.place()
        tl = self.lens(command, "--netns", ns.path, *opts, json=json, **kw)
        self.call(ns, n)
        quiesce(ns)
        return tl.stop()

    def test_columns(self):
        lines = self.output().out.decode().splitlines()
        head = lines[0].split()
        self.assertEqual(head[:4], ["TIME", "PID", "COMM", "DIR"])
        for word in ("LOCAL", "REMOTE", "FLAGS", "SEQ", "ACK", "LEN", "WIN"):
            self.assertIn(word, head)
        for line in lines[1:]:
            self.assertEqual(len(line.split()), len(head), line)

    def test_relative_and_absolute_sequence_numbers(self):
        def first(out):
            head, *lines = [x.split() for x in out.decode().splitlines()]
            at = {k: head.index(k) for k in ("DIR", "FLAGS", "SEQ", "ACK", "LEN")}
            return [{k: x[i] for k, i in at.items()} for x in lines]
        rel = first(self.output().out)
        syn = next(x for x in rel if x["FLAGS"] == "SYN")
        self.assertEqual((syn["SEQ"], syn["ACK"]), ("0", "-"))
        data = [x for x in rel if x["LEN"] == "100"]
        self.assertTrue(data and all((x["SEQ"], x["ACK"]) == ("1", "1") for x in data), rel)
        syn = next(x for x in first(self.output("-S").out) if x["FLAGS"] == "SYN")
        self.assertNotEqual(syn["SEQ"], "0")

    def test_times(self):
        for opts, form in (((), r"\d\d:\d\d:\d\d\.\d{6}"), (("-t",), r"\d+\.\d{6}"),
                           (("-T",), r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")):
            lines = self.output(*opts).out.decode().splitlines()
            for line in lines[1:]:
                self.assertRegex(line.split()[0], f"^{form}$")

    def test_records_in_order_of_time(self):
        times = [r["mono_ns"] for r in self.output(n=20, json=True).segments]
        late = sum(b < a for a, b in zip(times, times[1:]))
        self.assertLessEqual(late, len(times) // 10, "records are not in order")

    def test_fields(self):
        out = self.output("--fields", "pid,comm,seq").out.decode().splitlines()
        self.assertEqual(out[0].split(), ["PID", "COMM", "SEQ"])
        res = self.output("--fields", "pid,comm,seq,ttl", json=True)
        self.assertGreater(len(res.records), 15)
        for r in res.records:
            self.assertLessEqual(set(r), {"pid", "comm", "seq", "ttl"})
            self.assertIn("seq", r)
        for r in self.output("--fields", "event,seq", json=True).segments:
            self.assertEqual(set(r), {"event", "seq"})

    def test_macs_and_socket_columns(self):
        self.assertIn("SMAC", self.output("-e").out.decode().splitlines()[0].split())
        self.assertIn("SRTT", self.output("-v").out.decode().splitlines()[0].upper())

    def test_json_keys_are_fields(self):
        known = self.run_it("fields").out.decode()
        res = self.output(json=True)
        keys = set().union(*res.segments)
        for k in keys - {"event"}:
            self.assertRegex(known, rf"(?m)^\s*{k}\b")
        for r in res.segments:
            self.assertIsInstance(r["flags"], list)
            self.assertIsInstance(r.get("conn", ""), str)
            for k in ("seq", "len", "lport", "rport", "mono_ns", "segs"):
                self.assertIs(type(r[k]), int, k)
            for k, val in r.items():
                self.assertNotIn(val, ("", None), f"{k}: what is unknown is absent")

    def on_terminal(self, *opts, env=None):
        ns = self.place()
        try:
            master, slave = pty.openpty()
        except OSError as e:
            self.skipTest(f"no pseudo-terminal: {e}")
        tl = self.lens("trace", "--netns", ns.path, "-c", "3", *opts, json=False, stdout=slave,
                       env={**os.environ, **(env or {})})
        os.close(slave)
        self.call(ns)
        got = b""
        try:
            while True:
                b = os.read(master, 4096)
                if not b:
                    break
                got += b
        except OSError:
            pass  # EIO: the other side is closed
        os.close(master)
        tl.finish()
        return got

    def test_colours(self):
        plain = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        for opts, env, want in (((), {"TERM": "xterm"}, True),
                                ((), {"TERM": "xterm", "NO_COLOR": "1"}, False),
                                (("--color", "never"), {"TERM": "xterm"}, False)):
            with self.subTest(opts=opts, env=env):
                self.assertEqual(b"\x1b[" in self.on_terminal(*opts, env={**plain, **env}), want)
        self.assertNotIn(b"\x1b", self.output().out)
        self.assertIn(b"\x1b[", self.output("--color", "always").out)

    def test_backend_is_said(self):
        """What the backend cannot see is told in one line at the start, unless -q."""
        ns = self.ns()
        tl = self.lens("trace", "--netns", ns.path)
        err = tl.stop().err.decode().strip().splitlines()
        self.assertLessEqual(len(err), 3, err)
        if BACKEND == "tracepoint":
            self.assertGreaterEqual(len(err), 2, "the tracepoint backend has gaps to name")


if __name__ == "__main__":
    main()
