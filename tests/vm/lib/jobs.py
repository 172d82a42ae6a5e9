# SPDX-License-Identifier: BSD-2-Clause
"""Jobs: one boot of one kernel each, for one backend; how they are run, and what came of them."""

import fcntl
import fnmatch
import json
import os
import re
import threading
import time

from . import Unavailable, image, kernels, machine

PLAN = os.path.join(kernels.HERE, "plan.list")
RESULTS = os.path.join(image.BUILD, "results")
TEST = re.compile(r"(ok|FAIL|skip) +(\S+) \(([\d.]+) s\)(?:: (.*))?$")
# An emulated machine is slow, more so on a busy host.
ENV = {"TCPLENS_LIVE_WAIT": "300", "TCPLENS_LIVE_TIMEOUT": "600", "TCPLENS_VM": "1"}
VERIFIER = re.compile(r"libbpf:|BEGIN PROG LOAD LOG|processed \d+ insns")


class Job:
    def __init__(self, kernel, backend, tests):
        self.kernel, self.backend, self.tests = kernel, backend, tests
        self.name = f"{kernel.name} {backend}"
        self.file = os.path.join(RESULTS, kernel.name, backend)
        self.results = []  # [verdict, test, seconds, reason]
        self.doctor, self.failures, self.skipped, self.took = {}, [], None, 0

    @property
    def commands(self):
        argv = ["python3", "-u", "tests/live/run.py", *self.tests]
        if self.backend != "any":
            argv += ["--backend", self.backend]
        asked = {k: v for k, v in os.environ.items() if k.startswith("TCPLENS_TEST_")}
        return [{"name": self.backend, "argv": argv, "env": dict(ENV, **asked)}]

    def count(self):
        n = {"ok": 0, "FAIL": len(self.failures), "skip": 1 if self.skipped else 0}
        for verdict, *_ in self.results:
            n[verdict] += 1
        return n["ok"], n["FAIL"], n["skip"]

    def read(self, out, verdict):
        """What the guest sent, and how its machine ended (None: well)."""
        ended = {}
        for line in out.splitlines():
            m = TEST.match(line)
            if m:
                self.results.append([m[1], m[2], float(m[3]), m[4] or ""])
            elif line.startswith("@ doctor "):
                self.doctor = _json(line[9:])
            elif line.startswith("@ end "):
                ended[line.split()[2]] = int(line.split()[3])
        failed = [r for r in self.results if r[0] == "FAIL"]
        if verdict and not (verdict.startswith("the guest reports") and failed):
            self.failures.append(verdict)
        elif not self.results:
            self.failures.append("no test ran")
        elif ended.get(self.backend) is None:
            self.failures.append("the tests did not end")
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

    def save(self):
        os.makedirs(os.path.dirname(self.file), exist_ok=True)
        with open(self.file + ".json", "w") as f:
            json.dump({"kernel": self.kernel.name, "arch": self.kernel.arch,
                       "release": self.doctor.get("kernel"), "backend": self.backend,
                       "doctor": self.doctor, "results": self.results, "failures": self.failures,
                       "took": round(self.took, 1)}, f, indent=1)


def _json(text):
    try:
        return json.loads(text)
    except ValueError:
        return {}


def plan(mode, all_kernels):
    """The jobs of a mode, as plan.list says."""
    found = {}
    with open(PLAN) as f:
        lines = [x.split("#")[0].split() for x in f]
    for words in filter(None, lines):
        if words[0] != mode:
            continue
        for k in all_kernels:
            if not any(fnmatch.fnmatch(k.name, p) for p in words[1].split(",")):
                continue
            asked = k.backends if words[2] == "each" else words[2].split(",")
            for b in asked:
                if b == "any" or b in k.backends:
                    found.setdefault((k.name, b), Job(k, b, [])).tests += words[3:]
    return list(found.values())


class Runner:
    """Runs jobs, a few machines at a time; `say` gets (job, text) as they end."""

    def __init__(self, jobs, parallel, say, limit, refresh=False):
        self.todo, self.parallel, self.say = list(jobs), parallel, say
        self.limit, self.refresh = limit, refresh
        self.jobs, self.bases, self.bad = list(jobs), {}, {}
        self.lock = threading.Lock()
        self.machines = set()

    def prepare(self):
        """Kernels and archives: before any boot, so that boots alone share the processors."""
        os.makedirs(image.BUILD, exist_ok=True)
        with open(os.path.join(image.BUILD, "lock"), "w") as f:
            fcntl.flock(f, fcntl.LOCK_EX)  # two runs in one tree do not build at once
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
            job.skipped = self.bad[job.kernel.name]
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

    def _work(self):
        while True:
            with self.lock:
                if not self.todo:
                    return
                job = self.todo.pop(0)
            start = time.monotonic()
            try:
                self._one(job)
            except Exception as e:  # the others go on
                job.failures.append(f"{type(e).__name__}: {e}")
            job.took = time.monotonic() - start
            job.save()
            with self.lock:
                self.say(job)

    def _one(self, job):
        k = job.kernel
        os.makedirs(os.path.dirname(job.file), exist_ok=True)
        initrd = job.file + ".initramfs"
        image.initramfs(initrd, [self.bases[k.arch], self.bases[k.arch, k.name]], job.commands)
        m = machine.Machine(k, initrd, job.file, self.limit)
        self.machines.add(m)
        try:
            verdict = m.wait()
        finally:
            m.close()
            self.machines.discard(m)
            os.unlink(initrd)
        job.read(m.out, verdict)
