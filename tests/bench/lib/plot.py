# SPDX-License-Identifier: BSD-2-Clause
"""The rates as bars, with the spread of the rounds; what was lost is in red."""

from html import escape

from . import rates
from .samples import med

SHOWN = ("ping-pong", "all CPUs", "all CPUs, 16 at a time", "churn 4")
WIDTH, LEFT, UNIT, MOST = 860, 190, 380, 1.3
ROW, BAR = 20, 13
OURS, OTHER, BASE, LOSS = "#1f6f54", "#9aa5b1", "#c9b458", "#b3261e"


def _x(v):
    return LEFT + min(v, MOST) * UNIT


def _text(x, y, s, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}"{more}>{escape(s)}</text>'


def _lost(rs):
    worst = max((x for x in (rates.told(rs), rates.missing(rs)) if x is not None), default=0)
    return f"lost {worst:.1f} %" if worst >= 0.05 else ""


def _bar(n, v, lost, y):
    """A bar to the median, a whisker from the least to the most."""
    fill = OURS if n.startswith("tcplens") else BASE if n.startswith("empty") else OTHER
    mid, low, high, line = med(v), _x(min(v)), _x(max(v)), y + BAR / 2
    yield _text(LEFT - 8, y + 11, n, ' text-anchor="end"')
    yield f'<rect x="{LEFT}" y="{y}" width="{_x(mid) - LEFT:.0f}" height="{BAR}" fill="{fill}"/>'
    yield (f'<path d="M{low:.1f} {line}H{high:.1f}M{low:.1f} {line - 4}v8M{high:.1f} {line - 4}v8" stroke="#222" '
           'fill="none"/>')
    yield _text(_x(MOST) + 10, y + 11, f"{mid:.2f}")
    if lost:
        yield _text(_x(MOST) + 45, y + 11, lost, f' fill="{LOSS}" font-weight="bold"')


def _panel(workload, tab, y):
    """(its lines, where the next begins)"""
    none = med([r["rate"] for r in tab["none"]])
    top = y
    out = [_text(10, y, f"{workload}: {none:,.0f} a second without a tracer = 1", ' font-weight="bold"')]
    y += 10
    for n in sorted(tab, key=lambda n: -med([r["rate"] for r in tab[n]])):
        out += _bar(n, [r["rate"] / none for r in tab[n]], _lost(tab[n]), y)
        y += ROW
    out.append(f'<path d="M{_x(1):.0f} {top + 6}V{y}" stroke="#888" stroke-dasharray="3 3" fill="none"/>')
    return out, y + 30


def svg(res, caption):
    out, y = [], 30
    for w in SHOWN:
        if res.get(w, {}).get("none"):
            lines, y = _panel(w, res[w], y)
            out += lines
    out.append(_text(10, y, caption, ' font-size="11"'))
    out.append(_text(10, y + 16, "Bars: medians; whiskers: least and most of the rounds; red: events lost, by the tool's own "
                     "word or by what the kernel counted", ' font-size="11"'))
    y += 30
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" font-size="12">\n'
            f'<title>{escape(caption)}</title>\n<rect width="{WIDTH}" height="{y}" fill="white"/>\n' + "\n".join(out)
            + "\n</svg>\n")
