# SPDX-License-Identifier: BSD-2-Clause
"""The figures that are to be reached, out of all that was measured."""

import statistics

from . import limit, nanos, rates

PP, FULL, CHURN = "ping-pong", "all CPUs", "churn 4"
MB = 1e6


def med(v):
    return statistics.median(v) if v else None


def num(x, fmt="{:.2f}"):
    return "–" if x is None else fmt.format(x)


def nums(values, fmt):
    return " / ".join(num(x, fmt) for x in values)


def div(x, y):
    return x / y if x is not None and y else None


def rate(res, workload, tool):
    return med([r["rate"] for r in res.get(workload, {}).get(tool, [])])


def ratio(res, workload, tool, to):
    return div(rate(res, workload, tool), rate(res, workload, to))


def per_event(rs):
    """CPU seconds; None where there are too few events to tell."""
    events = sum(r.get("events", 0) for r in rs)
    return sum(r["cpu"] for r in rs) / events if events > 1000 * len(rs) else None


def cpu_ratio(res, workload, tool, to):
    return div(*(per_event(res.get(workload, {}).get(n, [])) for n in (tool, to)))


def below(target):
    return lambda *values: all(v is not None and v <= target for v in values)


def above(target):
    return lambda *values: all(v is not None and v >= target for v in values)


def row(number, what, target, values, reached, fmt="{:.2f}"):
    """One line of the table; `values`: one, or several that must all reach it."""
    values = values if isinstance(values, (tuple, list)) else (values,)
    verdict = "–" if None in values else "yes" if reached(*values) else "no"
    return number, what, target, nums(values, fmt), verdict


def speed(d):
    res = d.get("rates", {})
    return [
        row("1", "ping-pong, full records, vs. empty", "≥ 0.95", ratio(res, PP, "tcplens trace", "empty: trace"), above(0.95)),
        row("1", "… vs. `tcpdump -w /dev/null`", "> 1", ratio(res, PP, "tcplens trace", "tcpdump -w /dev/null"), above(1)),
        row("2", "churn, `states` vs. empty", "≥ 0.95", ratio(res, CHURN, "tcplens states", "empty: states"), above(0.95)),
        row("2", "churn, `life` vs. empty", "≥ 0.95", ratio(res, CHURN, "tcplens life", "empty: life"), above(0.95)),
        row("2", "churn, `states` / `life` vs. tcplife", "≥ 1.5",
            [ratio(res, CHURN, n, "tcplife") for n in ("tcplens states", "tcplens life")], above(1.5)),
        row("2", "churn, `states` / `life` vs. tcpstates", "≥ 2.8",
            [ratio(res, CHURN, n, "tcpstates") for n in ("tcplens states", "tcplens life")], above(2.8)),
    ]


def loss(d):
    x = d.get("limit")
    if not x:
        return [("3", "loss, all CPUs full, default options", "0 at ≥ 500,000/s", "–", "–")]
    long = x["long"]
    least = min(r["rate"] for r in long)
    lost, missed = (max(r[k] for r in long) for k in ("told", "missing"))
    top, why = limit.best(x)
    step = long[0]["step"]
    return [
        ("3", f"loss, all CPUs full, default options, {d['long_seconds']:g} s ({step[0]} connections, {step[1]} at a time; "
              f"the worst of {len(long)})", "0 at ≥ 500,000/s",
         f"{lost:.3f} % told, {missed:.3f} % missing, at {least:,.0f}/s or more",
         "yes" if least >= limit.ASKED and all(map(limit.lossless, long)) else "no"),
        ("3", "the highest rate without loss", "aim at 1,000,000/s", f"{num(top and top['rate'], '{:,.0f}/s')}: {why}",
         "yes" if top and top["rate"] >= 1e6 else "no"),
    ]


def cpu(d):
    res = d.get("rates", {})
    return [
        row("4", "text: CPU per line vs. `tcpdump -nn`", "≤ 0.04", cpu_ratio(res, FULL, "tcplens trace", "tcpdump -nn"),
            below(0.04), "{:.3f}"),
        row("4", "… vs. bpftrace printf", "≤ 0.0125", cpu_ratio(res, FULL, "tcplens trace", "bpftrace printf"),
            below(0.0125), "{:.4f}"),
        row("5", "recording: CPU per record vs. `tcpdump -w file`", "≤ 0.25",
            cpu_ratio(res, FULL, "tcplens trace -w", "tcpdump -w file"), below(0.25)),
    ]


def nanoseconds(d):
    ns = d.get("ns", {})

    def of(what, hook=r"segment-"):
        return (nanos.above(ns, what, hook) or [None])[0]
    return [
        row("6", "ns above empty: full record", "≤ 90", of("full record"), below(90), "{:.0f}"),
        row("6", "… rejected by a port / by a process", "≤ 5",
            [of("rejected by a port"), of("rejected by a process")], below(5), "{:.0f}"),
        row("6", "… aggregation, a run of `latency`'s / `life`'s hooks", "≤ 20",
            [of("latency", "flow-"), of("life", "flow-")], below(20), "{:.0f}"),
        row("9", "10,000 networks vs. one, ns per event (churn)", "≤ 1.2",
            div(nanos.per_run(ns, "10,000 networks"), nanos.per_run(ns, "one network")), below(1.2)),
    ]


def footprint(d):
    st, mem, many = d.get("start", {}), d.get("memory"), d.get("many")

    def ms(tool, what):
        v = med(st.get(tool, {}).get(what))
        return v and 1e3 * v
    out = [
        row("7", "first event, ms: `trace` / `states`", "≤ 15",
            [ms(n, "first") for n in ("tcplens trace", "tcplens states")], below(15), "{:.0f}"),
        row("7", "stop, ms: `trace` / `states`", "≤ 20",
            [ms(n, "stop") for n in ("tcplens trace", "tcplens states")], below(20), "{:.0f}"),
        row("8", "memory with an 8 MiB ring under load, MB: `trace` / `trace -w` / `record`", "≤ 16",
            [mem and mem[k] / MB for k in ("text", "trace -w", "record")], below(16), "{:.1f}"),
        row("8", "idle CPU, %", "≤ 0.2", d.get("idle"), below(0.2)),
        row("10", "instructions that full fentry records add to a round trip (6.12, `tests/vm/insns`)", "≤ 500",
            d.get("insns", {}).get("full records"), below(500), "{:,}"),
    ]
    name = f"{d['connections']:,} open connections, both ends here"
    if not many:
        return out + [("11", name, "≤ 1; ≤ 200", "–", "–")]
    took, owned = med(many["starts"]), many["told"] >= many["sockets"] and not many["unknown"]
    return out + [
        row("11", f"{name}: start, s", "≤ 1", took, below(1)),
        row("11", "… bytes per socket", "≤ 200", many["each"], below(200), "{:.0f}"),
        ("11", "… all owned", "all", f"{many['told'] - many['unknown']:,} of {many['sockets']:,}; "
                                     f"{many['unknown']:,} unknown", "yes" if owned else "no"),
    ]


def table(d):
    rows = [*speed(d), *loss(d), *cpu(d), *nanoseconds(d), *footprint(d)]
    rows.sort(key=lambda r: int(r[0]))
    out = ["", "| # | what | target | measured | reached |", "|---|---|---|---|---|"]
    return out + ["| " + " | ".join(r) + " |" for r in rows]


def shares(rs):
    """(told, missing) as text."""
    return num(rates.told(rs), "{:.2f} %"), num(rates.missing(rs), "{:.2f} %")
