# SPDX-License-Identifier: BSD-2-Clause
"""The hooks that a command attaches on this kernel, as it says itself."""

import functools
import json

from . import place


def stats(said):
    """What --stats --json told among all else: its object."""
    return json.loads([x for x in said.splitlines() if x.startswith('{"stats"')][-1])


@functools.lru_cache(maxsize=None)
def of(command):
    """KIND:TARGET of each hook, once however many programs are on it, for tests/bench/empty.c."""
    r = place.run(place.TCPLENS, command, "--stats", "--json", "-d", "0.1")
    if r.returncode:
        raise RuntimeError(f"tcplens {command}: {r.stderr}")
    return list(dict.fromkeys(name(p) for p in stats(r.stderr)["programs"]))


def name(program):
    return f"{program['kind']}:{program['target']}"
