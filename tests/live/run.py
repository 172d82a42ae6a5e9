#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Runs the live tests: real kernel, real traffic.  Needs root.

Each test runs in a process of its own, with a time limit; what it leaves
behind when it had to be killed is removed here.  One line per test, the
details of failures behind them, and the last line is
`live: N passed, N failed, N skipped`.
"""

import argparse
import glob
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from pool import Pool  # noqa: E402  (not of lib: that reads TCPLENS_BACKEND, which is set below)


def flatten(suite):
    for t in suite:
        if isinstance(t, unittest.TestSuite):
            yield from flatten(t)
        else:
            yield t


class Broken(unittest.TestCase):
    """Stands for a test file that cannot be loaded."""

    def __init__(self, name, why):
        super().__init__("runTest")
        self.name, self.why = name, why

    def id(self):
        return self.name

    def runTest(self):
        self.fail(self.why)


def discover():
    tests = []
    for path in sorted(glob.glob(os.path.join(HERE, "test_*.py"))):
        name = os.path.basename(path)[:-3]
        try:
            module = importlib.import_module(name)
        except Exception:
            tests.append(Broken(name, traceback.format_exc()))
            continue
        tests += flatten(unittest.defaultTestLoader.loadTestsFromModule(module))
    return tests


_hidden = None
RETRIES = 3


def hides_processes():
    """
    Does this kernel run no tracing program while process 1 is on the CPU (src/hidden.c)?  What an
    interrupt of it handles is then seen by no tracer and counted by nobody: a test that lost to
    that is no failure of tcplens.  Asked once, at the first failure that may be of that kind.
    """
    global _hidden
    if _hidden is None:
        prog = os.path.join(os.environ.get("TCPLENS_LIVE_BIN") or
                            os.path.join(HERE, "..", "..", "build", "live"), "hidden")
        try:
            r = subprocess.run([prog, "1", "5"], stdout=subprocess.PIPE, timeout=30)
            _hidden = r.stdout == b"hidden\n"
        except (OSError, subprocess.SubprocessError):
            _hidden = False
        if _hidden:
            print("note: this kernel runs no tracing program while process 1 is on the CPU: a test that "
                  f"fails is tried up to {RETRIES} times", flush=True)
    return _hidden


def may_be_unseen(text):
    """
    Can a segment that was not seen explain this failure?  Not one that hung, crashed, could not
    start, or found what is wrong or invented: only an assertion about what is there.
    """
    return "AssertionError" in text and not re.search(
        r"took longer than|died or hung|ready-fd said|died of signal|records were lost|"
        r"not JSON|[1-9]\d* invented|[1-9]\d* with a wrong field", text)


def left_out(text):
    """
    Did tcplens say that the kernel left programs out (bpf/nested.bpf.h)?  It does that where what
    interrupts a program, or preempts it, comes to the same hook; which may be what another test
    does, beside this one.  tcplens has told it; the test proves nothing.
    """
    return "records were lost (left out)" in text


def try_again(text, nth, anything):
    if os.environ.get("TCPLENS_VM"):
        return left_out(text) or (anything and nth == 1)
    return (nth == 1 and left_out(text)) or (may_be_unseen(text) and hides_processes())


def select(tests, names, exclude):
    """Those whose name contains one of these; a test's whole name is of that test alone."""
    whole = {t.id() for t in tests}.intersection(names)

    def meant(test):
        return test.id() in whole or any(n in test.id() for n in names if n not in whole)

    return [t for t in tests if (not names or meant(t)) and not any(n in t.id() for n in exclude)]


def on_signal(sig, _frame):
    raise KeyboardInterrupt(signal.Signals(sig).name)


def options():
    p = argparse.ArgumentParser(description="Runs the live tests.")
    p.add_argument("names", nargs="*", metavar="NAME",
                   help="only tests whose name (file.Class.test) contains one of these; a whole name: "
                        "that test alone")
    p.add_argument("-x", "--exclude", action="append", default=[], metavar="NAME",
                   help="not those that contain this")
    p.add_argument("--backend", choices=["auto", "fentry", "kprobe", "tracepoint"],
                   help="sets TCPLENS_BACKEND")
    p.add_argument("--timeout", type=float, metavar="S",
                   default=float(os.environ.get("TCPLENS_LIVE_TIMEOUT", "180")),
                   help="limit for one test, seconds (%(default)g)")
    p.add_argument("-j", "--jobs", type=int, default=1, metavar="N",
                   help="tests at a time (%(default)d); what is tried again runs alone, at the end")
    p.add_argument("--again", action="store_true",
                   help="try once more what fails in an emulated machine, which may stand still for as long "
                        "as its host has other work; told at the end")
    p.add_argument("--repeat", type=int, default=1, metavar="N", help="run the selection N times")
    p.add_argument("-f", "--failfast", action="store_true", help="stop at the first failure")
    p.add_argument("--save", metavar="FILE", help="what came of it, and doctor's word, for tests/vm/report")
    p.add_argument("-l", "--list", action="store_true", help="print the names only")
    return p.parse_args()


def show(details):
    """Failures with the same text are shown once."""
    by_text = {}
    for d in details:
        head, _, text = d.partition("\n")
        by_text.setdefault(text, []).append(head)
    for text, heads in by_text.items():
        print("\n".join(heads[:3] + [f"---- and {len(heads) - 3} more"] * (len(heads) > 3)))
        print(text, flush=True)


def save(path, backend, results, retried):
    """As tests/vm/run saves what came of a machine."""
    from lib.doctor import ask

    said = json.loads(ask())
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as f:
        json.dump({"kernel": "this", "release": said["kernel"], "arch": said["machine"],
                   "commit": commit.stdout.strip(), "backend": backend or said["chosen"], "doctor": said,
                   "results": results, "retried": retried, "failures": []}, f, indent=1)


def main():
    opt = options()
    if opt.backend:
        os.environ["TCPLENS_BACKEND"] = opt.backend
    tests = select(discover(), opt.names, opt.exclude)
    unknown = [n for n in opt.names if not any(n in t.id() for t in tests)]
    if opt.list:
        print("\n".join(t.id() for t in tests))
        return 0
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, on_signal)
    count = {"ok": 0, "FAIL": 0, "skip": 0}
    details, again, results, retried = [], [], [], []
    pool = Pool(opt.jobs, opt.timeout)
    for test in tests * opt.repeat:
        pool.submit(test)
    try:
        for ended in pool.results():
            name, (verdict, text) = ended.test.id(), ended.outcome()
            if verdict == "FAIL" and ended.nth < RETRIES and try_again(text, ended.nth, opt.again):
                again.append(f"---- {name}, try {ended.nth}\n{text}")
                pool.submit(ended.test, ended.nth + 1)
                continue
            count[verdict] += 1
            why = f": {text}" if verdict == "skip" else ""
            nth = f" (try {ended.nth})" if ended.nth > 1 else ""
            results.append([verdict, name, round(ended.took, 1), text if verdict == "skip" else ""])
            retried += [name] if nth else []
            print(f"{verdict:4} {name} ({ended.took:.1f} s){nth}{why}", flush=True)
            if verdict == "FAIL":
                failure = f"---- {name}\n{text}"
                if os.environ.get("TCPLENS_VM"):
                    show([failure])  # at once: the machine may not live until the end
                else:
                    details.append(failure)
                if opt.failfast:
                    break
    except KeyboardInterrupt as e:
        details.append(f"---- ended by {e}")
        count["FAIL"] += 1
    finally:
        pool.end()
    if again:
        print(f"{len(again)} times a test was tried again; what had failed:")
        show(again)
    show(details)
    for name in unknown:
        print(f"FAIL {name} (0.0 s): no test has such a name")
        count["FAIL"] += 1
    if opt.save:
        save(opt.save, opt.backend, results, retried)
    print(f"live: {count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped", flush=True)
    return 1 if count["FAIL"] or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
