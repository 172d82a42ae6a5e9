# SPDX-License-Identifier: BSD-2-Clause
"""The figures that are to be reached, out of all that was measured."""

from . import limit, nanos, rates
from .samples import all_of, med, middle, num, percent, ratios, verdict

PP, FULL, CHURN = "ping-pong", "all CPUs", "churn 4"
MB = 1e6


def done(r):
    return r["rate"]


def per_event(r):
    """CPU seconds; None where there are too few events to tell."""
    return r["cpu"] / r["events"] if r.get("events", 0) > 1000 else None


def paired(res, workload, tool, to, value=done):
    """One tool's values as multiples of another's of the same round."""
    tab = res.get(workload, {})
    return ratios(*({r["round"]: value(r) for r in tab.get(n, [])} for n in (tool, to)))


def below(target):
    return lambda v: v <= target


def above(target):
    return lambda v: v >= target


def beyond(target):
    return lambda v: v > target


def row(number, what, target, values, reached, fmt="{:.2f}"):
    """
    One line of the table.  `values`: those of the rounds, of one thing or, as a
    tuple, of several that must all reach it; `reached`: None where nothing is asked.
    """
    values = values if isinstance(values, tuple) else (values,)
    verdicts = [verdict(v, reached) if reached else "–" for v in values]
    return number, what, target, " / ".join(middle(v, fmt) for v in values), all_of(verdicts)


def speed(d):
    res = d.get("rates", {})
    return [
        row("1", "ping-pong, full records, vs. empty", "≥ 0.95", paired(res, PP, "tcplens trace", "empty: trace"), above(0.95)),
        row("1", "… vs. `tcpdump -w /dev/null`", "> 1", paired(res, PP, "tcplens trace", "tcpdump -w /dev/null"), beyond(1)),
        row("2", "churn, `states` vs. empty", "≥ 0.95", paired(res, CHURN, "tcplens states", "empty: states"), above(0.95)),
        row("2", "churn, `life` vs. empty", "≥ 0.95", paired(res, CHURN, "tcplens life", "empty: life"), above(0.95)),
        row("2", "churn, `states` / `life` vs. tcplife", "≥ 1.5",
            tuple(paired(res, CHURN, n, "tcplife") for n in ("tcplens states", "tcplens life")), above(1.5)),
        row("2", "churn, `states` / `life` vs. tcpstates", "≥ 2.8",
            tuple(paired(res, CHURN, n, "tcpstates") for n in ("tcplens states", "tcplens life")), above(2.8)),
    ]


def loss(d):
    x = d.get("limit")
    if not x:
        return [("3", "loss, all CPUs full, default options", "0 at ≥ 500,000/s", "–", "–")]
    long = x["long"]
    rate = [r["rate"] for r in long]
    lost, missed, others = (max(r[k] for r in long) for k in ("told", "missing", "others"))
    top, why = limit.best(x)
    step = long[0]["step"]
    return [
        ("3", f"loss, all CPUs full, default options, {d['long_seconds']:g} s ({step[0]} connections, {step[1]} at a time; "
              f"the most of {len(long)} runs; up to {limit.BLIND} % missing is allowed for)", "0 at ≥ 500,000/s",
         f"{percent(lost, 3)} told, {percent(missed, 3)} missing ({percent(others, 3)} as many segments elsewhere), "
         f"at {middle(rate, '{:,.0f}')}/s",
         _loss_verdict(long)),
        ("3", "the highest rate without loss", "aim at 1,000,000/s", f"{num(top and top['rate'], '{:,.0f}/s')}: {why}",
         "yes" if top and top["rate"] >= 1e6 else "no"),
    ]


def _loss_verdict(long):
    if not all(map(limit.lossless, long)):
        return "no"
    return "undecided" if any(map(limit.hidden, long)) else verdict([r["rate"] for r in long], above(limit.ASKED))


def cpu(d):
    res = d.get("rates", {})
    return [
        row("4", "text: CPU per line vs. `tcpdump -nn`", "≤ 0.04", paired(res, FULL, "tcplens trace", "tcpdump -nn", per_event),
            below(0.04), "{:.3f}"),
        row("4", "… vs. bpftrace printf", "≤ 0.0125", paired(res, FULL, "tcplens trace", "bpftrace printf", per_event),
            below(0.0125), "{:.4f}"),
        row("5", "recording: CPU per record vs. `tcpdump -w file`", "≤ 0.25",
            paired(res, FULL, "tcplens trace -w", "tcpdump -w file", per_event), below(0.25)),
    ]


def nanoseconds(d):
    ns = d.get("ns", {})
    return [
        row("6", "ns above empty: full record", "≤ 90", nanos.above(ns, "full record"), below(90), "{:.0f}"),
        row("6", "… with the hooks that tell whose it is, per segment sent or received", "–",
            nanos.per_event(ns, "full record"), None, "{:.0f}"),
        row("6", "… rejected by a port / by a process", "≤ 5",
            tuple(nanos.above(ns, f"rejected by a {x}") for x in ("port", "process")), below(5), "{:.0f}"),
        row("6", "… aggregation, all hooks of `latency` / of `life`, per segment sent or received", "≤ 20",
            tuple(nanos.per_event(ns, x) for x in ("latency", "life")), below(20), "{:.0f}"),
        row("9", "10,000 networks vs. one, ns per event (churn)", "≤ 1.2",
            ratios(*(nanos.per_run(ns, x) for x in ("10,000 networks", "one network"))), below(1.2)),
    ]


def footprint(d):
    st, mem = d.get("start", {}), d.get("memory", {})

    def ms(what):
        return tuple([1e3 * s for s in st.get(f"tcplens {c}", {}).get(what, [])] for c in ("trace", "states"))
    insns = d.get("insns", {}).get("full records")
    return [
        row("7", "first event, ms: `trace` / `states`", "≤ 15", ms("first"), below(15), "{:.0f}"),
        row("7", "stop, ms: `trace` / `states`", "≤ 20", ms("stop"), below(20), "{:.0f}"),
        row("8", "memory with an 8 MiB ring under load, MB: `trace` / `trace -w` / `record`", "≤ 16",
            tuple([x / MB for x in mem.get(k, [])] for k in ("text", "trace -w", "record")), below(16), "{:.1f}"),
        row("8", "idle CPU, %", "≤ 0.2", d.get("idle", []), below(0.2)),
        row("10", "instructions that full fentry records add to a round trip (6.12, `tests/vm/insns`)", "≤ 500",
            [insns] if insns else [], below(500), "{:,}"),
        *many(d),
    ]


def many(d):
    x, name = d.get("many"), f"{d['connections']:,} open connections, both ends here"
    if not x:
        return [("11", name, "≤ 1; ≤ 200", "–", "–")]
    owned = x["told"] >= x["sockets"] and not x["unknown"]
    return [
        row("11", f"{name}: start, s", "≤ 1", x["starts"], below(1)),
        row("11", "… bytes of maps per socket, more than without them: `states` / `record`", "≤ 200",
            tuple([v] for v in x["each"].values()), below(200), "{:.0f}"),
        ("11", "… all owned", "all", f"{x['told'] - x['unknown']:,} of {x['sockets']:,}; {x['unknown']:,} unknown",
         "yes" if owned else "no"),
    ]


def table(d):
    rows = [*speed(d), *loss(d), *cpu(d), *nanoseconds(d), *footprint(d)]
    rows.sort(key=lambda r: int(r[0]))
    out = ["", "| # | what | target | measured | reached |", "|---|---|---|---|---|"]
    return out + ["| " + " | ".join(r) + " |" for r in rows]


def shares(rs):
    """(told, missing) as text."""
    return percent(rates.told(rs)), percent(rates.missing(rs))
