# SPDX-License-Identifier: BSD-2-Clause
"""Judging segment records by a capture: each segment exactly once, none invented."""

import collections
import datetime

ADDITIONAL = (("win", "scaled"), ("ttl", "ttl"), ("smac", "smac"), ("dmac", "dmac"),
              ("tsval", "tsval"), ("tsecr", "tsecr"))


def is_out(seg, local):
    """Did the captured segment leave?  `local`: the traced side's MAC address."""
    return seg.smac == local


def _ends(seg, out):
    return (seg.src, seg.sport, seg.dst, seg.dport) if out else \
        (seg.dst, seg.dport, seg.src, seg.sport)


def _core(flags, seq, ack, length):
    return frozenset(flags), seq, ack if "ACK" in flags else None, length


def wire_key(seg, out):
    return ("out" if out else "in", *_ends(seg, out), *_core(seg.flags, seg.seq, seg.ack, seg.len))


def record_key(r):
    return (r["dir"], r.get("laddr"), r.get("lport"), r.get("raddr"), r.get("rport"),
            *_core(r["flags"], r["seq"], r.get("ack"), r["len"]))


def when_ns(r):
    """`time` of a record, in ns since 1970."""
    t = r["time"]
    assert t[19] == "." and t.endswith("Z") and len(t) == 30, f"not RFC 3339 with ns: {t}"
    base = datetime.datetime.strptime(t[:19] + "+0000", "%Y-%m-%dT%H:%M:%S%z")
    return int(base.timestamp()) * 10**9 + int(t[20:29])


def _show(r):
    keys = ("time", "dir", "laddr", "lport", "raddr", "rport", "flags", "seq", "ack", "len", "win",
            "segs", "state", "pid", "comm", "owner", "ttl", "tsval", "smac")
    return " ".join(f"{k}={r[k]}" for k in keys if k in r)


def _differences(r, seg):
    """Fields the record gives that are not what was on the wire."""
    bad = []
    for field, attr in ADDITIONAL:
        want = getattr(seg, attr)
        if field in r and want is not None and r[field] != want:
            bad.append(f"{field} is {r[field]}, on the wire {want}")
        elif field in r and want is None and field in ("tsval", "tsecr"):
            bad.append(f"{field} is {r[field]}, the segment has none")
    for field, want in (("dscp", seg.tos >> 2), ("ecn", seg.tos & 3)):
        if field in r and r[field] != want:
            bad.append(f"{field} is {r[field]}, on the wire {want}")
    if r.get("ip") != seg.ip:
        bad.append(f"ip is {r.get('ip')}")
    if "ACK" not in seg.flags and r.get("ack", 0) != 0:
        bad.append("ack given without ACK")
    return bad


class Verdict:
    """missing, invented: what stayed alone; wrong: (record, segment, differences)."""

    def __init__(self):
        self.missing, self.invented, self.wrong, self.pairs = [], [], [], []

    def __str__(self):
        lines = [f"{len(self.pairs)} agree, {len(self.missing)} missing, "
                 f"{len(self.invented)} invented, {len(self.wrong)} with a wrong field"]
        lines += [f"  missing:  {'out' if o else 'in '} {s}" for s, o in self.missing[:15]]
        lines += [f"  invented: {_show(r)}" for r in self.invented[:15]]
        lines += [f"  wrong:    {'; '.join(d)}: {_show(r)} / {s}" for r, s, d in self.wrong[:15]]
        return "\n".join(lines)

    @property
    def good(self):
        return not (self.missing or self.invented or self.wrong)


def _match_single(records, segs, v):
    """Identical in direction, ends, flags, seq, ack, len, as often as on the wire; order aside."""
    waiting = collections.defaultdict(list)
    for seg, out in segs:
        waiting[wire_key(seg, out)].append((seg, out))
    left = []
    for r in records:
        group = waiting.get(record_key(r))
        if not group:
            left.append(r)
            continue
        # Several alike (duplicate ACKs): the one whose other fields agree.
        at = next((i for i, (s, _) in enumerate(group) if not _differences(r, s)), 0)
        seg, _ = group.pop(at)
        bad = _differences(r, seg)
        if bad:
            v.wrong.append((r, seg, bad))
        else:
            v.pairs.append((r, seg))
    return left, [x for group in waiting.values() for x in group]


def _covered(r, segs):
    """
    The wire segments that a coalesced record (segs > 1) stands for, or None.
    tcp_add_backlog() appends in-order neighbours: the sequence numbers and
    lengths add up, FIN is in if any has it, PSH is not kept reliably, ack and
    window are those of the first or of a later one.
    """
    ends = (r["laddr"], r["lport"], r["raddr"], r["rport"])
    cand = [s for s, out in segs if out == (r["dir"] == "out") and _ends(s, out) == ends]
    cand.sort(key=lambda s: s.n)
    fit = lambda flags: set(flags) - {"FIN", "PSH"}  # noqa: E731
    for i, first in enumerate(cand):
        if first.seq != r["seq"]:
            continue
        run, at = [], first.seq
        for s in cand[i:]:
            if s.seq == at and fit(s.flags) == fit(r["flags"]):
                run.append(s)
                at = (at + s.len + ("FIN" in s.flags)) & 0xffffffff
            if len(run) == r["segs"]:
                break
        if (len(run) == r["segs"] and sum(s.len for s in run) == r["len"] and
                r["ack"] in {s.ack for s in run} and
                any("FIN" in s.flags for s in run) == ("FIN" in r["flags"]) and
                ("win" not in r or r["win"] in {s.scaled for s in run})):
            return run
    return None


def judge(records, segs, local, both_ends=False):
    """
    `records` (segments of one namespace) against `segs` (the capture there).
    `local`: the MAC address of that side.  `both_ends`: loopback, where each
    captured segment was both sent and received.
    """
    v = Verdict()
    wire = [(s, out) for s in segs for out in
            ((True, False) if both_ends else (is_out(s, local),))]
    single = [r for r in records if r.get("segs", 1) == 1]
    v.invented, rest = _match_single(single, wire, v)
    for r in (r for r in records if r.get("segs", 1) > 1):
        run = _covered(r, rest)
        if run is None:
            v.invented.append(r)
            continue
        taken = {(s.n, r["dir"] == "out") for s in run}
        rest = [(s, o) for s, o in rest if (s.n, o) not in taken]
        v.pairs.append((r, run[0]))
    v.missing = sorted(rest, key=lambda x: x[0].n)
    return v
