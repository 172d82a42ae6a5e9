# SPDX-License-Identifier: BSD-2-Clause
"""
What doctor has to say in a kernel, by expected.list: the tests take their own
expectations from doctor, so that a hook which silently is not there any more
would only make them expect less.
"""

import fnmatch
import os
import re

from . import kernels

LIST = os.path.join(kernels.HERE, "expected.list")
WORDS = {"unseen": 4, "packets": 4, "way": 4, "program": 5, "skip": 5, "btf": 4}  # per line; the last takes the rest
COMPARED = re.compile(r"(<|>=)(\d+(?:\.\d+)*)")
COMPARE = {"<": lambda a, b: a < b, ">=": lambda a, b: a >= b}


def version(release):
    """(6, 12, 117) of 6.12.117+deb12-cloud-amd64."""
    return tuple(int(x) for x in re.match(r"\d+(?:\.\d+)*", release)[0].split("."))


class Rule:
    def __init__(self, line):
        words = line.split(None, WORDS.get(line.split()[0], 1) - 1)
        if words[0] not in WORDS or len(words) != WORDS[words[0]]:
            raise AssertionError(f"{LIST}: not understood: {line}")
        self.what, self.of, self.kernels = words[0], words[1].split(","), words[2].split(",")
        self.args, self.line = words[3:], line

    def applies(self, where, of):
        """`of`: a backend; with `btf`, a kind of relocation."""
        return any(fnmatch.fnmatch(of, p) for p in self.of) and any(map(where.fits, self.kernels))


class Where:
    """A kernel: its name in kernels.list, and what runs."""

    def __init__(self, name, release):
        self.name, self.version = name, version(release)

    def fits(self, pattern):
        """`>=6.3<6.16`, or a name of kernels.list, perhaps with `*`."""
        compared = COMPARED.findall(pattern)
        if not compared:
            return fnmatch.fnmatch(self.name, pattern)
        return all(COMPARE[op](self.version, version(v)) for op, v in compared)


def load():
    with open(LIST) as f:
        return [Rule(x.strip()) for x in f if x.strip() and not x.startswith("#")]


def _texts(rules, what, where, backend):
    return [r.args[0] for r in rules if r.what == what and r.applies(where, backend)]


def _unseen(rules, what, where, backend, said):
    """Both ways: a blind spot that nobody knew of, and one that is not told any more."""
    told = [t for t in said.split("; ") if t]
    known = _texts(rules, what, where, backend)
    for text in told:
        if text not in known:
            yield (f"{backend}: not seen here, and not expected: if that is right, put it into expected.list:\n"
                   f"{what} {backend} {where.name} {text}")
    for text in known:
        if text not in told:
            yield f"{backend}: doctor does not tell any more what expected.list has: {what}: {text}"


def _programs(rules, where, backend, programs):
    wanted = {}
    for r in rules:
        if r.what == "program" and r.applies(where, backend):
            wanted.setdefault(r.args[0], r.args[1])
    for p in programs:
        name, want = p["program"], wanted.pop(p["program"], "attached")
        if p["status"] != want:
            yield (f"{backend}: {name} ({p['hook']}, {p['target']}) is {p['status']!r}, not {want!r}: if that is "
                   f"right, put it into expected.list:\nprogram {backend} {where.name} {name} {p['status']}")
    for name in wanted:
        yield f"{backend}: doctor has no program {name}, which expected.list names"


def _ways(rules, where, backend, said):
    known = _texts(rules, "way", where, backend)
    for way in ("direct", "payload_anywhere"):
        if way in said and said[way] != (way in known):
            yield (f"{backend}: {way} is {said[way]}, not as expected.list has it" +
                   (f"; if that is right:\nway {backend} {where.name} {way}" if said[way] else ""))


def differences(name, doctor):
    """What doctor says otherwise than expected, one text each."""
    rules, where, found = load(), Where(name, doctor["kernel"]), []
    for b in doctor["backends"]:
        if not b["works"]:
            continue
        packets = b["packets"]
        if not packets["works"]:
            found.append(f"{b['name']}: packets (record, --snap) do not work: {packets['why_not']}")
            packets = {"programs": [], "not_seen": None}
        else:
            found += _unseen(rules, "packets", where, b["name"], packets["not_seen"])
        found += _unseen(rules, "unseen", where, b["name"], b["not_seen"])
        found += _ways(rules, where, b["name"], b)
        found += _ways(rules, where, b["name"], packets)
        found += _programs(rules, where, b["name"], b["programs"] + packets["programs"])
    return found


def may_skip(rules, where, backend, test):
    """Does a line allow that this test is skipped there, for whatever reason?"""
    return any(r.what == "skip" and r.applies(where, backend) and fnmatch.fnmatch(test, r.args[0]) for r in rules)


def skips(name, release, backend, results):
    """Tests that were skipped and must not be, one text each."""
    rules, where = [r for r in load() if r.what == "skip"], Where(name, release)
    for verdict, test, _took, why in results:
        if verdict == "skip" and not any(
                r.applies(where, backend) and all(map(fnmatch.fnmatch, (test, why), r.args)) for r in rules):
            yield (f"{backend}: {test} was skipped ({why}), and not expected to be: if that is right, put it "
                   f"into expected.list:\nskip {backend} {name} {test} {why}")


def relocations(name, release, lacks):
    """lacks: {(kind, what)} without a target in a kernel's BTF.  What must not lack, or does not."""
    rules, where = [r for r in load() if r.what == "btf"], Where(name, release)
    fitting = {r: {(kind, what) for kind, what in lacks
                   if r.applies(where, kind) and fnmatch.fnmatchcase(what, r.args[0])} for r in rules}
    for kind, what in sorted(lacks - set().union(*fitting.values())):
        yield f"lacks {what} <{kind}>: if it can do without, put it into expected.list:\nbtf {kind} {name} {what}"
    for r, found in fitting.items():
        if not found and any(map(where.fits, r.kernels)):
            yield f"does not lack, as expected.list has it: {r.line}"
