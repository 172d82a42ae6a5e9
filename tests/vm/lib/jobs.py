# SPDX-License-Identifier: BSD-2-Clause
"""Jobs: one boot of one kernel each; how they are run, and what came of them."""

import fcntl
import fnmatch
import json
import os
import re
import subprocess
import threading
import time

from . import Unavailable, expected, image, kernels, machine, spread

PLAN = os.path.join(kernels.HERE, "plan.list")
RESULTS = os.path.join(image.BUILD, "results")  # of a whole --all: what the report reads
OTHERS = os.path.join(image.BUILD, "others")  # of all other runs
AFTER = re.compile(r"\d+ times a test was tried again|live: ")  # behind the last test
TEST = re.compile(r"(ok|FAIL|skip) +(\S+) \(([\d.]+) s\)( \(try \d+\))?(?:: (.*))?$")
COUNT = re.compile(r"live: (\d+) passed, (\d+) failed, (\d+) skipped$")
# An emulated machine is slow, more so on a busy host.  A test's limit is less than the silence
# that machine.py takes for a hang, so that the test says what it waited for.
ENV = {"TCPLENS_LIVE_WAIT": "200", "TCPLENS_LIVE_TIMEOUT": "400", "TCPLENS_VM": "1"}
AGAIN = []  # more options for the tests' runner: tests/vm/run's --again
COMMIT = ""  # set by Runner
VERIFIER = re.compile(r"libbpf:|BEGIN PROG LOAD LOG|processed \d+ insns")


class Part:
    """The tests of one backend in one machine; `any`: the tests try all backends themselves."""

    def __init__(self, backend, tests, shell=None):
        self.backend, self.tests, self.shell = backend, list(tests), shell
        self.results = []  # [verdict, test, seconds, reason]
        self.status = None  # of the runner; None: it did not end
        self.retried = []  # what it says of tests that were tried again
        self.said = {}  # test: the lines that follow its failure
        self._failing = None
        self.told = None  # passed, failed, skipped, by the runner's last line

    @property
    def command(self):
        if self.shell:
            return {"name": self.backend, "argv": ["sh", "-c", self.shell], "env": ENV}
        argv = ["python3", "-u", "tests/live/run.py", *AGAIN]
        for t in self.tests:
            argv += ["-x", t[1:]] if t.startswith("!") else [t]
        if self.backend != "any":
            argv += ["--backend", self.backend]
        return {"name": self.backend, "argv": argv, "env": ENV}

    def read(self, line):
        m = TEST.match(line)
        if m:
            self.results.append([m[1], m[2], float(m[3]), m[5] or ""])
            self._failing = m[2] if m[1] == "FAIL" else None
            if m[4]:
                self.retried.append(m[2])
        elif AFTER.match(line):
            self._failing = None
        elif self._failing:
            self.said.setdefault(self._failing, []).append(line)
        m = COUNT.match(line)
        if m:
            self.told = tuple(int(x) for x in m.groups())

    def failures(self):
        """What is wrong with the run, beside the tests that failed."""
        if self.shell:
            if self.status:
                yield f"the command ended with status {self.status}"
            return
        n = tuple(sum(r[0] == v for r in self.results) for v in ("ok", "FAIL", "skip"))
        if not self.results:
            yield f"{self.backend}: no test ran"
        elif self.status is None:
            yield f"{self.backend}: the tests did not end"
        elif self.told != n:
            yield f"{self.backend}: the tests' runner counts {self.told}, seen were {n} (passed, failed, skipped)"
        elif self.status and not n[1]:
            yield f"{self.backend}: the tests' runner ended with status {self.status}, though none failed"


class Job:
    """One machine: a kernel, and what is run in it, one part after the other; `where`: its results go."""

    def __init__(self, kernel, parts=(), name=None, counted=False, where=OTHERS, doctor=True):
        self.counted, self.asks_doctor = counted, doctor
        self.kernel, self.name, self.parts = kernel, name or kernel.name, list(parts)
        self.file = os.path.join(where, self.name, "machine")
        self.doctor, self.failures, self.skipped, self.took = {}, [], None, 0
        self.ended = False  # it was run, or skipped

    def part(self, backend):
        for p in self.parts:
            if p.backend == backend:
                return p
        self.parts.append(Part(backend, []))
        return self.parts[-1]

    @property
    def content(self):
        """What guest.py gets."""
        return {"doctor": self.asks_doctor, "commands": [p.command for p in self.parts]}

    @property
    def results(self):
        return [r for p in self.parts for r in p.results]

    def count(self):
        n = {"ok": 0, "FAIL": len(self.failures), "skip": 1 if self.skipped else 0}
        for verdict, *_ in self.results:
            n[verdict] += 1
        return n["ok"], n["FAIL"], n["skip"]

    def read(self, out, verdict):
        """What the guest sent, and how its machine ended (None: well)."""
        current = None
        for line in out.splitlines():
            words = line.split()
            if line.startswith("@ doctor "):
                self.doctor = _json(line[9:])
            elif line.startswith("@ trouble "):
                self.failures.append(line[10:])
            elif line.startswith("@ begin "):
                current = self.part(words[2])
            elif line.startswith("@ end "):
                self.part(words[2]).status = int(words[3])
                current = None
            elif current:
                current.read(line)
        failed = [r for r in self.results if r[0] == "FAIL"]
        if verdict and not (verdict.startswith("the guest reports") and failed):
            self.failures.append(verdict)
        for p in self.parts:
            self.failures += p.failures()
        if self.asks_doctor:
            self._check_backends()
        if VERIFIER.search(out):
            self.failures.append("the verifier's or libbpf's words reached the screen")

    def _check_backends(self):
        works = {b["name"]: b for b in self.doctor.get("backends", [])}
        for b in kernels.BACKENDS:
            got, said = works.get(b, {}).get("works"), works.get(b, {}).get("why_not")
            if got and b in self.kernel.lacks:
                self.failures.append(f"{b} works, kernels.list says it does not")
            if not got and b not in self.kernel.lacks:
                self.failures.append(f"{b} does not work: {said or 'doctor says nothing'}")
        if self.doctor.get("kernel"):
            self.failures += expected.differences(self.kernel.name, self.doctor)
            for p in self.parts:
                self.failures += expected.skips(self.kernel.name, self.doctor["kernel"], p.backend, p.results)

    def said(self):
        """All that its commands printed."""
        with open(self.file + ".out", errors="replace") as f:
            return "".join(x for x in f if not x.startswith("@ "))

    def save(self):
        """Per backend, for the report; what fails of the machine goes with each."""
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        for p in (p for p in self.parts if not p.shell):
            with open(os.path.join(os.path.dirname(self.file), p.backend + ".json"), "w") as f:
                json.dump({"kernel": self.kernel.name, "arch": self.kernel.arch,
                           "commit": COMMIT, "release": self.doctor.get("kernel"), "backend": p.backend,
                           "doctor": self.doctor, "results": p.results,
                           "retried": p.retried, "failures": self.failures,
                           "took": round(self.took, 1)}, f, indent=1)


def commit():
    """Of what is tested; "" outside of a checkout."""
    try:
        r = subprocess.run(["git", "-C", image.TOP, "describe", "--always", "--dirty"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return ""
    return r.stdout.strip()


def _json(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}


def plan(mode, all_kernels, kernels_run, only=None, where=OTHERS):
    """
    The jobs of a mode, as plan.list says, in these kernels of all that there are; `only`: of these
    backends.
    """
    found = {}
    apart = mode == "whole"  # a machine for each backend: they run for hours
    with open(PLAN) as f:
        lines = [x.split("#")[0].split() for x in f]
    lines = [x for x in lines if x and x[0] == mode]
    named = [t for _, _, backends, *tests in lines if ":" not in backends for t in tests]
    for _, names, backends, *tests in lines:
        for k, b, words in _where(names, backends, tests, named, all_kernels):
            if k in kernels_run and (not only or b in only):
                name = f"{k.name}-{b}" if apart else k.name
                found.setdefault(name, Job(k, name=name, where=where)).part(b).tests += words
    return list(found.values())


def _where(names, backends, tests, named, all_kernels):
    """Yields (kernel, backend, tests) of a line of plan.list; `named`: tests that lines of their own run."""
    backends, _, n = backends.partition(":")
    pairs = []
    for k in all_kernels:
        asked = {"each": k.backends, "best": k.backends[:1]}.get(backends, backends.split(","))
        pairs += [(k, b) for b in asked if b == "any" or b in k.backends]
    if n:  # over all kernels, whichever are the line's
        found = ((k, b, [test]) for k, b, test in spread.spread(tests, named, pairs, int(n)))
    else:
        found = ((k, b, tests) for k, b in pairs)
    yield from (x for x in found if any(fnmatch.fnmatch(x[0].name, p) for p in names.split(",")))


class Runner:
    """Runs jobs, a few machines at a time; `say` gets (job, text) as they end."""

    def __init__(self, jobs, parallel, say, limit, refresh=False, silence=machine.SILENCE):
        # The slowest first (the other architecture), so that none is left to run alone.
        self.todo = sorted(jobs, key=lambda j: (j.kernel.arch == image.HOST, -len(j.parts)))
        self.parallel, self.say = parallel, say
        self.limit, self.refresh, self.silence = limit, refresh, silence
        self.jobs, self.bases, self.bad = list(jobs), {}, {}
        self.lock = threading.Lock()
        self.machines = set()

    def prepare(self):
        """Kernels and archives: before any boot, so that boots alone share the processors."""
        os.makedirs(image.BUILD, exist_ok=True)
        with open(os.path.join(image.BUILD, "lock"), "w") as f:
            fcntl.flock(f, fcntl.LOCK_EX)  # two runs in one tree do not build at once
            global COMMIT
            COMMIT = commit()
            self._prepare()

    def _prepare(self):
        for job in self.jobs:
            k = job.kernel
            if k.name in self.bad or (k.arch, k.name) in self.bases:
                continue
            try:
                machine.check(k.arch)
                k.fetch(self.refresh)
                if k.arch not in self.bases:
                    self.bases[k.arch] = image.base(k.arch, image.make(k.arch))
                self.bases[k.arch, k.name] = image.modules(k)
            except Unavailable as e:
                self.bad[k.name] = str(e)

    def run(self):
        self.prepare()
        for job in [j for j in self.todo if j.kernel.name in self.bad]:
            job.skipped, job.ended = self.bad[job.kernel.name], True
            self.todo.remove(job)
            self.say(job)
        threads = [threading.Thread(target=self._work) for _ in range(self.parallel)]
        try:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        except BaseException:
            self.todo.clear()
            for m in list(self.machines):
                m.close()
            raise
        finally:
            # Whatever ended the thread that should have.
            for job in (j for j in self.jobs if not j.ended):
                job.failures.append("it was not run")
                self.say(job)

    def _work(self):
        while True:
            with self.lock:
                if not self.todo:
                    return
                job = self.todo.pop(0)
            start = time.monotonic()
            job.ended = True
            try:
                self._one(job)
            except Exception as e:  # the others go on
                job.failures.append(f"{type(e).__name__}: {e}")
            job.took = time.monotonic() - start
            try:
                job.save()
            except Exception as e:
                job.failures.append(f"what it found cannot be written: {type(e).__name__}: {e}")
            with self.lock:
                self.say(job)

    def _one(self, job):
        k = job.kernel
        os.makedirs(os.path.dirname(job.file), exist_ok=True)
        initrd = job.file + ".initramfs"
        image.initramfs(initrd, [self.bases[k.arch], self.bases[k.arch, k.name]], job.content)
        m = machine.Machine(k, initrd, job.file, self.limit, self.silence, counted=job.counted)
        self.machines.add(m)
        try:
            verdict = m.wait()
        finally:
            m.close()
            self.machines.discard(m)
            os.unlink(initrd)
        job.read(m.out, verdict)
