# SPDX-License-Identifier: BSD-2-Clause
"""All that was measured, as Markdown."""

from . import limit, nanos
from .figures import MB, paired, per_event, shares
from .rates import others
from .samples import med, middle, num, percent, whole
from .traffic import WORKLOADS


def rates(d, bases):
    """`bases`: {tool: the empty program it is compared with}."""
    for w, tab in d.get("rates", {}).items():
        none = med([r["rate"] for r in tab.get("none", [])])
        if not none:
            continue
        yield (f"\n### {w}\n\n`load {' '.join(WORKLOADS[w])}`: {none:,.0f} a second without a tracer; elsewhere in the machine "
               f"{percent(others(sum(tab.values(), [])), 3)} as many segments\n")
        yield ("| tool | vs. none (min–max) | vs. its empty (quartiles) | lost, by its own word | missing | CPU % | "
               "CPU µs per event |")
        yield "|---|---|---|---|---|---|---|"
        for n in sorted(tab, key=lambda n: -med([r["rate"] for r in tab[n]])):
            yield _rate_row(n, tab[n], none, paired(d["rates"], w, n, bases.get(n)))


def _rate_row(n, rs, none, above_empty):
    told, missing = shares(rs)
    busy = med([100 * r["cpu"] / r["took"] for r in rs if "cpu" in r]) if n != "none" and not n.startswith("empty") else None
    each = [1e6 * x for x in map(per_event, rs) if x is not None]
    note = "" if all(r.get("drained", True) and r.get("clean", True) for r in rs) else " (did not come to an end)"
    return (f"| {n}{note} | {whole([r['rate'] / none for r in rs])} | {middle(above_empty)} | "
            f"{told} | {missing} | {num(busy, '{:.1f}')} | {num(med(each), '{:.3f}')} |")


def highest(d):
    x = d.get("limit")
    if not x:
        return
    yield (f"\n### The highest rate without loss\n\n`load pp -n CONNECTIONS -d DEPTH`, {d['step_seconds']:g} s each, beside "
           f"`tcplens trace -q` with default options; a segment is two records. {_sentence(limit.best(x)[1])}.\n")
    yield ("| connections | segments at a time | records/s | what the load makes alone | lost, by its own word | missing | "
           "segments elsewhere |")
    yield "|---|---|---|---|---|---|---|"
    for s in x["steps"]:
        yield f"| {s['step'][0]} | {s['step'][1]} | {s['rate']:,.0f} | {s['alone']:,.0f} | {_losses(s)} |"
    for s in x["long"]:
        yield f"| {s['step'][0]} | {s['step'][1]}, {d['long_seconds']:g} s | {s['rate']:,.0f} | – | {_losses(s)} |"


def _losses(s):
    return " | ".join(percent(s[k], 3) for k in ("told", "missing", "others"))


def _sentence(text):
    return text[0].upper() + text[1:]


def nanoseconds(d):
    ns = d.get("ns")
    if not ns:
        return
    yield ("\n### BPF time per run above an empty program on the same hook, ns\n\nMedians of rounds, mean over the hooks of "
           "sent and received segments, without those that tell whose a socket is.\n\n| what | ns (min–max) |\n|---|---|")
    for what in nanos.OWN:
        x = nanos.above(ns, what)
        if x:
            yield f"| {what} | {whole(x, '{:.0f}')} |"
    yield "\nRecords, aggregation, and what tells whose a socket is, hook by hook, in ping-pong:\n"
    yield "| command | hook | kernel's | runs per round | ns | above empty (min–max) |\n|---|---|---|---|---|---|"
    for what in nanos.WHOLE:
        for hook, target, runs, mid, over, least, most in nanos.by_hook(ns, what):
            yield (f"| `{nanos.OWN[what][1][0]}` | {hook} | {target.split(':')[1]} | {runs:,.0f} | {mid:.0f} | "
                   f"{over:.0f} ({least:.0f}–{most:.0f}) |")


def starts(d):
    if not d.get("start"):
        return
    yield ("\n### Start and stop, ms\n\nBeside connections that come and go, all at SCHED_FIFO 1; first event: on a "
           "terminal; stop: with standard output to /dev/null.\n\n| what | ready | first event | stop |\n|---|---|---|---|")
    for n, x in d["start"].items():
        cells = (whole([1e3 * s for s in x[k]], "{:.0f}") for k in ("ready", "first", "stop"))
        yield f"| {n} | {' | '.join(cells)} |"


def footprint(d):
    mem, many = d.get("memory"), d.get("many")
    if mem:
        yield "\nMemory, all CPUs full: " + ", ".join(f"{k} {whole([x / MB for x in v], '{:.1f}')} MB"
                                                          for k, v in mem.items()) + "."
    if many:
        yield (f"\n{d['connections']:,} open connections ({many['sockets']:,} sockets): start of `states` "
               f"{whole(many['starts'])} s; `states` "
               f"tells the end of {many['told']:,} of them, {many['unknown']:,} without an owner, and lost {many['lost']:,} "
               f"when all ended at once.")


def commands(d):
    yield "\n### Command lines\n"
    for n, line in d["commands"].items():
        yield f"* {n}: `{line}`"


def counted(d):
    if d.get("user"):
        yield "\n### Instructions of user space per record (callgrind)\n\n| what | instructions |\n|---|---|"
        for k, v in d["user"].items():
            yield f"| {k} | {v:.0f} |"
    if d.get("insns"):
        yield ("\n### Instructions of the kernel that are added to a round trip, and to a connection\n\n`tests/vm/insns -b fentry "
               "--peers`: Linux 6.12, emulated; a connection is made, accepted and closed by both; with what "
               "the tool itself runs meanwhile, as there is one CPU. tcprtt stands beside "
               "`latency`, tcpconnect and tcptracer beside `connect`, tcpstates and tcplife beside `states` and `life`.\n\n"
               "| what | instructions |\n|---|---|")
        for k, v in d["insns"].items():
            yield f"| {k} | {v:,} |"
