# SPDX-License-Identifier: BSD-2-Clause
"""What is made of the values that several rounds gave."""

import statistics


def med(v):
    return statistics.median(v) if v else None


def num(x, fmt="{:.2f}"):
    return "–" if x is None else fmt.format(x)


def percent(x, digits=2):
    return "–" if x is None else f"{round(x, digits) + 0.0:.{digits}f} %"  # no -0.00


def quartiles(v):
    return statistics.quantiles(v, n=4, method="inclusive")[::2] if len(v) > 1 else (v[0], v[0])


def middle(v, fmt="{:.2f}"):
    """The median, and where the middle half of the values lies."""
    low, high = quartiles(v) if v else (0, 0)
    return num(med(v), fmt) + (f" ({fmt.format(low)}–{fmt.format(high)})" if len(v) > 1 else "")


def whole(v, fmt="{:.2f}"):
    """The median, and where all values lie."""
    return num(med(v), fmt) + (f" ({fmt.format(min(v))}–{fmt.format(max(v))})" if len(v) > 1 else "")


def ratios(one, other):
    """Of what two had in the same round, each {round: value}: a machine that is slow for a while is so for both."""
    return [one[i] / other[i] for i in one if one[i] is not None and other.get(i)]


def verdict(v, reached):
    """By the median; nobody can tell where the middle half of the values is on both sides of the target."""
    if not v:
        return "–"
    low, high = quartiles(v)
    if reached(low) != reached(high):
        return "undecided"
    return "yes" if reached(med(v)) else "no"


def all_of(verdicts):
    return next(x for x in ("–", "no", "undecided", "yes") if x in verdicts)
