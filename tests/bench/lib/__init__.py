# SPDX-License-Identifier: BSD-2-Clause
"""The parts of scripts/bench, a subject each."""

import sys


def say(what):
    """How far it is, and what goes wrong."""
    print(f"bench: {what}", file=sys.stderr, flush=True)


failed = []  # single runs and whole parts


def fail(what, error):
    """Told at once, and in the report."""
    reason = " ".join(str(error).split()) or type(error).__name__
    failed.append(f"{what}: {reason[:200]}")
    say(failed[-1])
