# SPDX-License-Identifier: BSD-2-Clause
"""What `tcplens doctor` says of this kernel."""

import functools
import json
import os
import subprocess

from .lens import BACKEND, TCPLENS
from .proc import kernel

BACKENDS = ("fentry", "kprobe", "tracepoint")


def ask():
    r = subprocess.run([TCPLENS, "doctor", "--json"], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, check=True)
    assert not r.stderr, f"doctor says on stderr: {r.stderr!r}"
    return r.stdout


@functools.lru_cache
def doctor():
    """{backend: what doctor --json says of it}."""
    said = os.environ.get("TCPLENS_DOCTOR")  # a file with it: an emulated machine needs seconds
    if said:
        with open(said, "rb") as f:
            said = f.read()
    else:
        said = ask()
    said = json.loads(said)
    return {b["name"]: b for b in said["backends"]}


def working():
    """The backends that work here."""
    return [b for b in BACKENDS if doctor()[b]["works"]]


def under_test():
    """The one that was asked for (TCPLENS_BACKEND), or all that work."""
    return [BACKEND] if BACKEND in BACKENDS else working()


def not_seen(backend):
    """doctor's words on what a backend does not see."""
    return doctor()[backend if backend in BACKENDS else working()[0]]["not_seen"]


def uncounted(backend, n):
    """How many of n events a backend may miss without a word, by doctor's."""
    if "before 6.7, and not counted as lost" in not_seen(backend) and kernel() < (6, 7):
        return n // 200 + 1
    return 0


def attached(backend):
    """{(hook, target)} of the programs that are in use."""
    return {(p["hook"], p["target"]) for p in doctor()[backend]["programs"]
            if p["status"] == "attached"}
