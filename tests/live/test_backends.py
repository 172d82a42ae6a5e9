#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
All backends of this kernel, side by side on the same traffic: each tells what
tcpdump saw, and all tell the same (less what doctor names).
"""

import collections

import test_oracle

from lib import Case, main, quiesce, wire
from lib.doctor import not_seen, uncounted, working

ENDS = ("laddr", "lport", "raddr", "rport")
SEGMENT = ("netns", "dir", *ENDS, "flags", "seq", "ack", "len")
# Where both give them.  Not: the socket's own figures, which the hooks meet at different moments.
SAME = ("ip", "win", "ttl", "dscp", "ecn", "smac", "dmac", "tsval", "tsecr", "pid", "comm", "uid",
        "cgroup_id")


def key(r, fields):
    return tuple(tuple(r[k]) if isinstance(r.get(k), list) else r.get(k) for k in fields)


def covers(big, r):
    """Is `r` within what the coalesced record `big` stands for?"""
    if r["dir"] != big["dir"] or key(r, ENDS) != key(big, ENDS):
        return False
    return (r["seq"] - big["seq"]) & 0xffffffff <= big["len"]


class Agree(Case):
    SHAPES = (("short", "-n", "3"), ("srvclose", "-n", "2"), ("pingpong", "-b", "20"),
              ("half", "-b", "20000"), ("reset", "-n", "2"), ("both", "-b", "30000"))

    def setUp(self):
        self.names = working()
        self.net = self.veth()

    def need_several(self):
        if len(self.names) < 2:
            self.skipTest(f"only the {self.names[0]} backend works on this kernel")

    def play(self, command, dumps=()):
        """{backend: records} of one and the same traffic, which `dumps` capture."""
        a, b = self.net.sides
        lenses = {n: self.lens(command, "--netns", f"{a.path},{b.path}", backend=n)
                  for n in self.names}
        traffic = self.live("traffic")
        for shape, *opts in self.SHAPES:
            for addr, more in ((b.addr4, ()), (b.addr6, ()), (b.addr4, ("-m",)))[:3 if self.net.ipv6
                                                                                else 1]:
                s = self.spawn([traffic, "server", "-p", "0", "-s", shape, *opts], ns=b)
                port = s.expect(rb"^ready (\d+)")[1].decode()
                self.spawn([traffic, "client", "-a", addr, "-p", port, "-s", shape, *more, *opts],
                           ns=a).check()
                s.check()
        if all("no socket wants" not in not_seen(n) for n in self.names):
            self.spawn([traffic, "client", "-a", b.addr4, "-p", "9", "-s", "refused"], ns=a).check()
        quiesce(a, b)
        for ns in dumps:
            dumps[ns].flush(b if ns is a else a, a.dev)
        return {n: tl.stop().records for n, tl in lenses.items()}

    def same(self, one, left, two, right, fields):
        """Both lists of records, as multisets by `fields`, and what else both say of each."""
        groups = collections.defaultdict(lambda: ([], []))
        for i, records in enumerate((left, right)):
            for r in records:
                groups[key(r, fields)][i].append(r)
        problems, missing = [], ([], [])  # in the first, in the second
        for k, (ls, rs) in groups.items():
            if len(ls) != len(rs):
                missing[len(ls) > len(rs)].append(f"{one} has {len(ls)}, {two} {len(rs)} of {(ls or rs)[0]}")
                continue
            for x, y in zip(ls, rs):
                bad = [f"{f} {x[f]!r} / {y[f]!r}" for f in SAME if f in x and f in y and x[f] != y[f]]
                if bad:
                    problems.append(f"{one} and {two} differ in {', '.join(bad)} of {x}")
        for name, lacks in zip((one, two), missing):
            few = uncounted(name, len(left)) if fields is SEGMENT else 0
            problems += lacks if len(lacks) > few else []
        return problems

    def judge(self, got, fields):
        first, *others = got
        self.assertGreater(len(got[first]), 50)
        problems = []
        for other in others:
            left, right = got[first], got[other]
            # The backlog joins neighbours before TCP sees them: the devices saw each alone.
            joined = [r for r in left + right if r.get("segs", 1) > 1]
            if joined:
                left, right = ([r for r in x if not any(covers(j, r) for j in joined)]
                               for x in (left, right))
            problems += self.same(first, left, other, right, fields)
        self.assertFalse(problems, "\n".join(problems[:20]))

    def by_tcpdump(self, name, records, dumps):
        """Each side's records against its capture; what differs."""
        gaps = [g for words, g in test_oracle.GAPS.items() if words in not_seen(name)]
        problems = []
        for ns, segs in dumps.items():
            v = wire.judge([r for r in records if r["netns"] == ns.inode], segs, ns.mac)
            v.missing = [(s, o) for s, o in v.missing if not any(g(s, o, segs) for g in gaps)]
            if len(v.missing) <= uncounted(name, len(segs)):
                v.missing = []
            if not v.good:
                problems.append(f"{name}, side {'a' if ns is self.net.a else 'b'}: {v}")
        return problems

    def test_segments(self):
        a, b = self.net.sides
        dumps = {ns: self.dump(ns, ns.dev, peer.addr4) for ns, peer in ((a, b), (b, a))}
        got = self.play("trace", dumps)
        segs = {ns: d.stop() for ns, d in dumps.items()}
        problems = [x for name, records in got.items() for x in self.by_tcpdump(name, records, segs)]
        self.assertFalse(problems, "\n".join(problems))
        self.judge(got, SEGMENT)

    def test_states(self):
        self.need_several()
        self.judge(self.play("states"), ("netns", *ENDS, "old", "new"))


if __name__ == "__main__":
    main()
