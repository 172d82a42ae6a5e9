# SPDX-License-Identifier: BSD-2-Clause
"""Processes whose output is collected, waited for by content, and which end with the test."""

import os
import re
import signal
import subprocess
import threading
import time

# How long anything may take before a test says it never came.  Emulated
# machines are slow: their runner raises it.
WAIT = float(os.environ.get("TCPLENS_LIVE_WAIT", "60"))


def kernel():
    """The running kernel's version: (6, 1)."""
    return tuple(int(x) for x in re.findall(r"\d+", os.uname().release)[:2])


class Timeout(AssertionError):
    pass


def wait_until(what, cond, timeout=None):
    """Polls `cond` until it is true and returns its value; `what` names it in the failure."""
    end = time.monotonic() + (timeout or WAIT)
    while True:
        v = cond()
        if v:
            return v
        if time.monotonic() > end:
            raise Timeout(f"timed out waiting for {what}")
        time.sleep(0.005)


class Stream:
    """Collects a pipe in a thread, so that the writer never waits for the test."""

    def __init__(self, f):
        self._chunks = []
        self._size = 0
        self._cond = threading.Condition()
        self._eof = False
        self._thread = threading.Thread(target=self._pump, args=(f,), daemon=True)
        self._thread.start()

    def _pump(self, f):
        with f:
            while True:
                try:
                    b = os.read(f.fileno(), 1 << 16)
                except OSError:
                    b = b""
                with self._cond:
                    if b:
                        self._chunks.append(b)
                        self._size += len(b)
                    else:
                        self._eof = True
                    self._cond.notify_all()
                if not b:
                    return

    @property
    def data(self):
        with self._cond:
            if len(self._chunks) > 1:
                self._chunks = [b"".join(self._chunks)]
            return self._chunks[0] if self._chunks else b""

    def wait(self, found, timeout=None):
        """Waits until found(data) is true; its value, or None when the pipe ended or time is up."""
        end = time.monotonic() + (timeout or WAIT)
        while True:
            with self._cond:
                size, eof = self._size, self._eof
            v = found(self.data)
            if v or eof:
                return v
            with self._cond:
                left = end - time.monotonic()
                if not self._cond.wait_for(lambda: self._size != size or self._eof, max(left, 0)):
                    return None

    def join(self, timeout=None):
        self._thread.join(timeout or WAIT)
        return not self._thread.is_alive()


class Proc:
    """
    A child process.  `ns`: the Ns it runs in.  stdout and stderr are collected
    unless given; stdin is a pipe (tell()).
    """

    def __init__(self, argv, ns=None, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                 stderr=subprocess.PIPE, **kw):
        self.argv = [os.fspath(a) for a in argv]
        self.name = os.path.basename(os.fsdecode(self.argv[0]))
        self.args = argv
        self._seen = {"out": 0, "err": 0}
        opts = dict(stdin=stdin, stdout=stdout, stderr=stderr, **kw)
        if ns is None:
            self.p = subprocess.Popen(self.argv, **opts)
        else:
            with ns:  # children inherit the thread's namespace: no preexec_fn needed
                self.p = subprocess.Popen(self.argv, **opts)
        self.pid = self.p.pid
        self._out = Stream(self.p.stdout) if self.p.stdout else None
        self._err = Stream(self.p.stderr) if self.p.stderr else None

    @property
    def out(self):
        return self._out.data if self._out else b""

    @property
    def err(self):
        return self._err.data if self._err else b""

    def expect(self, pattern, stream="out", timeout=None):
        """Waits for a regular expression in the output, behind what was matched before."""
        s = self._out if stream == "out" else self._err
        rx = re.compile(pattern if isinstance(pattern, bytes) else pattern.encode(), re.M)
        m = s.wait(lambda d: rx.search(d, self._seen[stream]), timeout)
        if not m:
            raise Timeout(f"{self} did not say {pattern!r} on std{stream}; {self.said()}")
        self._seen[stream] = m.end()
        return m

    def tell(self, line):
        self.p.stdin.write(line.encode() + b"\n")
        self.p.stdin.flush()

    def signal(self, sig):
        if self.p.poll() is None:
            self.p.send_signal(sig)

    def wait(self, timeout=None):
        """Waits for the end; the exit status, negative for a signal."""
        if self.p.stdin and not self.p.stdin.closed:
            try:
                self.p.stdin.close()
            except BrokenPipeError:
                pass
        try:
            rc = self.p.wait(timeout or WAIT)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self} did not end; {self.said()}") from None
        for s in (self._out, self._err):
            if s and not s.join(timeout):
                raise Timeout(f"{self} ended and left its output open")
        return rc

    def check(self, timeout=None):
        """wait(), and it must have succeeded; returns stdout."""
        rc = self.wait(timeout)
        if rc:
            raise AssertionError(f"{self} ended with {rc}; {self.said()}")
        return self.out

    def said(self):
        def tail(b):
            return b[-2000:].decode(errors="replace")
        return f"stdout: {tail(self.out)!r} stderr: {tail(self.err)!r}"

    def close(self):
        """For clean-ups: ends it whatever it does."""
        if self.p.poll() is None:
            self.p.send_signal(signal.SIGCONT)
            self.p.kill()
            self.p.wait()
        if self.p.stdin and not self.p.stdin.closed:
            try:
                self.p.stdin.close()
            except BrokenPipeError:
                pass
        for s in (self._out, self._err):
            if s:
                s.join(5)

    def __str__(self):
        return " ".join(os.fsdecode(a) for a in self.argv)


def run(argv, timeout=None, **kw):
    """A short command that must succeed; returns its stdout."""
    r = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=timeout or WAIT, **kw)
    if r.returncode:
        raise AssertionError(f"{' '.join(argv)}: {r.stderr.decode(errors='replace').strip()}")
    return r.stdout
