# SPDX-License-Identifier: BSD-2-Clause
"""Counted instructions: the same figures on a busy machine."""

import re
import shutil
import signal
import subprocess

from . import place, say

RECORDS = 10000
LIMIT = 900


def user_side():
    """{what: instructions of user space per record}."""
    if not shutil.which("valgrind"):
        raise RuntimeError("no valgrind")
    res = {}
    for what in ("read", "text", "json", "tcpl"):
        out = place.run("valgrind", "--tool=callgrind", f"--callgrind-out-file={place.tmp}/cg",
                        "--toggle-collect=rings__drain", place.BENCH + "/cost", what, str(RECORDS))
        found = re.search(r"Collected : (\d+)", out.stderr)
        if not found:
            raise RuntimeError(out.stderr[-200:])
        res[what] = int(found[1]) / RECORDS
    say("instructions of user space")
    return res


def guest(*args):
    """{what: instructions that it adds to a round trip} in an emulated machine (tests/vm/insns)."""
    if not shutil.which("qemu-system-x86_64"):
        raise RuntimeError("no qemu-system-x86_64")
    p = subprocess.Popen([place.TOP + "/tests/vm/insns", "-b", "fentry", *args], stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    place.children.add(p)
    try:
        said = p.communicate(timeout=LIMIT)[0]
    except subprocess.TimeoutExpired:
        said = ""
    finally:
        place.end(p, signal.SIGINT)  # then it ends its machine
    found = {n.strip(): int(v) for n, v in re.findall(r"^(.+?) +(-?\d+)$", said, re.M)}
    if p.returncode or not found:
        raise RuntimeError(f"tests/vm/insns: {said[-200:]}")
    return found
