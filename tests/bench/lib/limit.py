# SPDX-License-Identifier: BSD-2-Clause
"""How many records a second are had without loss, all CPUs full, with default options."""

from . import say
from .rates import missing, one, others, told
from .tools import Tool, tcplens, twice

# Connections, and segments that each sends before it waits for the answer: ever more a second.
STEPS = ((4, 1), (16, 1), (16, 2), (16, 4), (16, 8), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128))
ASKED = 500000
# Percent.  No program sees what is handled while a task is on the CPU for which the kernel runs no
# tracing programs (on the development machine: PID 1): not a loss of tcplens's.
BLIND = 0.05


def _run(step, seconds, tool):
    args = ["pp", "-n", str(step[0]), "-d", str(step[1])]
    r = one(tool, None, seconds, args)
    return {"step": step, "rate": 2 * r["segs"] / r["took"], "told": told([r]), "missing": missing([r]),
            "others": others([r])}


def lossless(x):
    return not x["told"] and x["missing"] <= BLIND


def hidden(x):
    """Whether more went on elsewhere than is allowed to be missing, seen there or by the records that it makes."""
    return max(x["others"], -x["missing"]) > BLIND


def measure(a):
    """{steps: [with what the load makes `alone`], long: [of the step to be judged]}."""
    tracer = tcplens("trace", "-q", expects=twice)
    steps = []
    for step in STEPS[::3] if a.quick else STEPS:
        alone = _run_alone(step, a.step_seconds)
        steps.append(dict(_run(step, a.step_seconds, tracer), alone=alone))
        say(f"highest rate: {step[0]} connections, {step[1]} at a time: {steps[-1]['rate']:,.0f} records/s")
    good = [x for x in steps if lossless(x)] or steps
    enough = [x for x in good if x["rate"] >= ASKED * 1.1]
    judged = enough[0] if enough else max(good, key=lambda x: x["rate"])
    long = [_run(judged["step"], a.long_seconds, tracer) for _ in range(a.rounds)]
    say(f"{judged['step']}: {a.rounds} runs of {a.long_seconds:g} s")
    return {"steps": steps, "long": long}


def _run_alone(step, seconds):
    r = one(Tool([]), None, seconds, ["pp", "-n", str(step[0]), "-d", str(step[1])])
    return 2 * r["segs"] / r["took"]


def best(d):
    """The step with the highest rate without loss, and what limits it."""
    good = [x for x in d["steps"] if lossless(x)]
    if not good:
        return None, "every step lost records"
    top = max(good, key=lambda x: x["rate"])
    over = [x for x in d["steps"] if not lossless(x)]
    if not over:
        return top, ("no step lost any: the load, which has all CPUs but for what tcplens takes of them, "
                     "makes no more, so this is a lower bound")
    least = min(over, key=lambda x: x["rate"])
    return top, (f"records were lost at {least['rate']:,.0f}/s "
                 f"({least['step'][0]} connections, {least['step'][1]} segments at a time)")
