# SPDX-License-Identifier: BSD-2-Clause
"""tcplens, run and its output checked the way a script would read it."""

import json
import os
import re
import select
import signal
import time

from .proc import WAIT, Proc, Timeout

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
TCPLENS = os.environ.get("TCPLENS") or os.path.join(TOP, "build", "tcplens")
LIVE_BIN = os.environ.get("TCPLENS_LIVE_BIN") or os.path.join(TOP, "build", "live")
BACKEND = os.environ.get("TCPLENS_BACKEND") or ""

EVENTS = {"segment", "state", "connect", "accept", "life", "latency", "retransmit", "drop",
          "reset", "stall", "sum", "lost", "alert", "blocked"}
HOOKS = {"attempt", "loss", "segment-out", "segment-in", "state", "conn", "life", "latency"}


def parse_summary(err):
    """(records, lost) of the last stderr line, or None."""
    lines = err.decode(errors="replace").strip().splitlines()
    m = lines and re.search(r"(\d+) records?, (\d+) lost", lines[-1])
    return (int(m[1]), int(m[2])) if m else None


def _no_twins(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), f"a JSON key appears twice: {keys}"
    return dict(pairs)


def _no_constant(name):
    raise AssertionError(f"{name} is not JSON")


def parse_json_lines(out, chosen=None):
    """
    stdout of --json: every line one object, the last one whole too.  `chosen`:
    the names given to --fields; without `event` among them only the account of
    losses, which no choice hides, says what it is.
    """
    assert not out or out.endswith(b"\n"), f"the last line is cut: {out[-200:]!r}"
    records = []
    for line in out.split(b"\n")[:-1]:
        try:
            r = json.loads(line.decode("utf-8"), object_pairs_hook=_no_twins,
                           parse_constant=_no_constant)
        except ValueError as e:
            raise AssertionError(f"not JSON: {line!r}: {e}") from None
        assert isinstance(r, dict), f"not an object: {line!r}"
        if chosen and "event" not in r:
            assert "event" not in chosen and set(r) <= chosen, f"not what was chosen: {line!r}"
        else:
            assert r.get("event") in EVENTS, f"not an event: {line!r}"
        records.append(r)
    return records


def parse_left_out(err):
    """
    {hook: count} of `lost` that the kernel left out.  Nobody knows whether those were for this
    run's filters: at most as many records are missing.
    """
    found = {}
    for n, hook in re.findall(rb"at most (\d+) records lost \(([a-z-]+)\): the kernel left out", err):
        found[hook.decode()] = found.get(hook.decode(), 0) + int(n)
    return found


class Result:
    """What a finished run said: rc, out, err; records, lost (by hook), left_out of them; summary."""

    def __init__(self, rc, out, err, as_json, chosen=None):
        self.rc, self.out, self.err = rc, out, err
        self.summary = parse_summary(err)
        self.all = parse_json_lines(out, chosen) if as_json else []
        self.records = [r for r in self.all if r.get("event") != "lost"]
        self.segments = [r for r in self.all if r.get("event") == "segment"]
        self.states = [r for r in self.all if r.get("event") == "state"]
        self.lives = [r for r in self.all if r.get("event") == "life"]
        self.latencies = [r for r in self.all if r.get("event") == "latency"]
        self.lost, self.left_out = {}, parse_left_out(err)
        for r in self.all:
            if r.get("event") == "lost":
                assert r["hook"] in HOOKS, r
                self.lost[r["hook"]] = self.lost.get(r["hook"], 0) + r["count"]


# The verifier's and libbpf's words.
NOISE = re.compile(rb"libbpf|PROG LOAD LOG|processed \d+ insns|R\d+[ =]")


class Tcplens(Proc):
    """
    `tcplens COMMAND OPTIONS…`, ready when the constructor returns.

    json: with --json.  ready: wait by --ready-fd.  backend: None takes the
    environment's (TCPLENS_BACKEND), "" none.  via: a command that becomes it.
    """

    def __init__(self, command, *opts, json=True, ready=True, backend=None, child=(), via=(), **kw):
        self.as_json = json
        argv = [*via, TCPLENS, command]
        backend = BACKEND if backend is None else backend
        if backend:
            argv += ["--backend", backend]
        if json:
            argv.append("--json")
        fd = None
        if ready:
            fd, wfd = os.pipe()
            os.set_inheritable(wfd, True)
            argv += ["--ready-fd", str(wfd)]
            kw["pass_fds"] = tuple(kw.get("pass_fds", ())) + (wfd,)
        argv += [str(o) for o in opts]
        if child:
            argv += ["--", *child]
        try:
            super().__init__(argv, **kw)
        finally:
            if ready:
                os.close(wfd)
        if ready:
            self._await_ready(fd)

    def _await_ready(self, fd):
        said, end = b"", time.monotonic() + WAIT
        try:
            while True:
                left = end - time.monotonic()
                if left <= 0 or not select.select([fd], [], [], left)[0]:
                    raise Timeout(f"{self} was not ready; {self.said()}")
                b = os.read(fd, 64)
                if not b:
                    break
                said += b
        except BaseException:
            self.close()
            raise
        finally:
            os.close(fd)
        if said != b"ready\n":
            rc = self.wait()
            raise AssertionError(f"{self}: ready-fd said {said!r}, exit {rc}; {self.said()}")

    def chosen(self):
        """The names that --fields was given, if it replaces the usual ones."""
        if "--fields" not in self.argv:
            return None
        names = self.argv[self.argv.index("--fields") + 1]
        return None if names.startswith("+") else set(names.split(","))

    def finish(self, rc=0, timeout=None):
        """Waits for its end, checks exit status and accounting; the Result."""
        got = self.wait(timeout)
        res = Result(got, self.out, self.err, self.as_json, self.chosen())
        assert not NOISE.search(self.err), f"shows its inside: {self.said()}"
        assert got == rc, f"{self}: exit {got}, not {rc}; {self.said()}"
        assert res.summary, f"{self}: no 'N records, M lost' in the last stderr line; {self.said()}"
        if self.as_json:
            assert res.summary[0] == len(res.records), \
                f"{self}: says {res.summary[0]} records, printed {len(res.records)}"
            lost = sum(n for hook, n in res.lost.items() if hook != "conn")  # missing owners, not records
            assert res.summary[1] == lost, \
                f"{self}: says {res.summary[1]} lost, printed {res.lost}"
        return res

    def stop(self, sig=signal.SIGINT, lossless=True):
        """Ends it by a signal: drained, exit 0, and (unless said otherwise) nothing lost."""
        self.signal(sig)
        res = self.finish()
        if lossless:
            assert res.summary is None or res.summary[1] == 0, \
                f"records were lost{' (left out)' if res.left_out else ''}: {self.said()}"
        return res
