# SPDX-License-Identifier: BSD-2-Clause
"""
From the start to being ready, and to the first event on a terminal; from SIGINT
to the end.  Beside connections that come and go, all with the same scheduling.
"""

import os
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import time

from . import fail, place, say
from .tools import commands
from .traffic import Background

TRAFFIC = ["churn", "-n", "1"]
EVENT = re.compile(rb"127\.0\.0\.")
LIMIT = 30


def _first_event(cmd):
    """Seconds.  A terminal, as what goes to a pipe waits in some tools' buffers."""
    master, slave = pty.openpty()
    began = time.monotonic()
    p = place.start(["chrt", "-f", "1", *cmd], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.DEVNULL)
    os.close(slave)
    try:
        got = b""
        while not EVENT.search(got):
            if not select.select([master], [], [], LIMIT)[0]:
                raise RuntimeError(f"{cmd[0]}: no event in {LIMIT} s")
            got = got[-100:] + os.read(master, 1 << 16)
        return time.monotonic() - began
    finally:
        place.end(p)
        os.close(master)


def _ready_and_stop(cmd, ready):
    """Seconds until it says that it is ready, and until it has ended, with standard output to /dev/null."""
    rd, wr = os.pipe()
    ours = cmd[0] == place.TCPLENS
    began = time.monotonic()
    p = place.start(["chrt", "-f", "1", *cmd, *(["--ready-fd", str(wr)] if ours else [])], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if ours else wr, pass_fds=(wr,))
    os.close(wr)
    try:
        said = b""
        while ready.encode() not in said:
            piece = os.read(rd, 4096)
            if not piece:
                raise RuntimeError(f"{cmd} does not become ready")
            said += piece
        took = time.monotonic() - began
        time.sleep(0.2)
        began = time.monotonic()
        place.end(p, signal.SIGINT)
        return took, time.monotonic() - began
    finally:
        place.end(p)
        os.close(rd)


def _candidates():
    """{what: (command, what it says when it is ready, or None)}."""
    t = {f"tcplens {c}": ([place.TCPLENS, c, "-q"], "ready") for c in ("trace", "states", "life", "latency", "connect", "loss")
         if c in commands()}
    t["tcplens trace -w"] = ([place.TCPLENS, "trace", "-q", "-w", place.tmp + "/start.tcpl"], "ready")
    t["tcplens record"] = ([place.TCPLENS, "record", "-q", "-w", place.tmp + "/start.tcpl"], "ready")
    t["tcpdump -nn"] = (["tcpdump", "-i", "lo", "-nn"], "listening on")
    t["tcpstates"] = (["tcpstates"], None)
    t["tcplife"] = (["tcplife"], None)
    return {n: x for n, x in t.items() if shutil.which(x[0][0])}


PRINT_SOON = ("tcplens trace", "tcplens states", "tcplens life", "tcpdump -nn", "tcpstates", "tcplife")


def measure(a):
    """{what: {"ready": [s], "first": [s], "stop": [s]}}."""
    cmds = _candidates()
    res = {n: {"ready": [], "first": [], "stop": []} for n in cmds}
    todo = [(n, "first") for n in cmds if n in PRINT_SOON] + [(n, "ready") for n in cmds if cmds[n][1]]
    with Background(TRAFFIC):
        for _ in range(a.rounds):
            for n, what in random.sample(todo, len(todo)):
                try:
                    if what == "first":
                        res[n]["first"].append(_first_event(cmds[n][0]))
                        continue
                    ready, stop = _ready_and_stop(*cmds[n])
                    res[n]["ready"].append(ready)
                    res[n]["stop"].append(stop)
                except (RuntimeError, OSError) as e:
                    fail(f"start, {n}", e)
    say("start and stop")
    return res
