# SPDX-License-Identifier: BSD-2-Clause
"""The parts of scripts/bench, a subject each."""

import sys


def say(what):
    """How far it is, and what goes wrong."""
    print(f"bench: {what}", file=sys.stderr, flush=True)
