# SPDX-License-Identifier: BSD-2-Clause
"""What was measured, between the marks of performance.md, and its plot."""

import os

from . import figures, plot, tables

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def caption(d):
    return (f"Linux {d['kernel']}, {d['cpus']} CPUs ({d['cpu']}), {d['date']}; tcplens {d['commit']}, {d['backend']} backend; "
            f"medians of {d['rounds']} rounds of {d['seconds']:g} s")


def text(d):
    how = f"scripts/bench {d['given']}".rstrip()
    out = [caption(d) + f"; load average at the start {d['load']:.1f}. `{how}`, {d['minutes']:.0f} minutes."]
    if d["without"]:
        out.append(f"\nLeft out: {'; '.join(d['without'])}.")
    if d["failed"]:
        out.append(f"\nFailed: {'; '.join(d['failed'])}.")
    out += figures.table(d)
    out.append("\n![rates](performance.svg)")
    for part in (tables.rates(d, d["bases"]), tables.highest(d), tables.nanoseconds(d), tables.starts(d), tables.footprint(d),
                 tables.counted(d), tables.commands(d)):
        out += part
    return "\n".join(out)


def write(d, docs):
    path = os.path.join(docs, "performance.md")
    with open(path) as f:
        old = f.read()
    head, rest = old.split(BEGIN)
    tail = rest.split(END)[1]
    with open(path, "w") as f:
        f.write(f"{head}{BEGIN}\n{text(d)}\n{END}{tail}")
    with open(os.path.join(docs, "performance.svg"), "w") as f:
        f.write(plot.svg(d.get("rates", {}), caption(d)))
