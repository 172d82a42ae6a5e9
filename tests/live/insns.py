# SPDX-License-Identifier: BSD-2-Clause
"""
The guest's side of tests/vm/insns: instructions per round trip, without a
tracer and beside each of these.
"""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib.lens import LIVE_BIN, Tcplens  # noqa: E402
from lib.net import Ns  # noqa: E402
from lib.proc import Proc, run  # noqa: E402

# What, and how it is asked for.
RUNS = (("full records", ("trace",)),
        ("received only", ("trace", "--dir", "in")),
        ("rejected by a port", ("trace", "--port", "9")),
        ("rejected by a process", ("trace", "--pid", "1")),
        ("states", ("states",)),
        ("life", ("life",)),
        ("latency", ("latency",)),
        ("loss", ("loss",)))


def roundtrip(ns):
    p = Proc([os.path.join(LIVE_BIN, "roundtrip")], ns=ns)
    try:
        return int(p.check())
    finally:
        p.close()


def main():
    ns = Ns()
    try:
        none = roundtrip(ns)
        print(f"insns none: {none}", flush=True)
        for name, (command, *opts) in RUNS:
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            with open(os.devnull, "wb") as null:
                t = Tcplens(command, *opts, json=False, stdout=null)
                try:
                    print(f"insns {name}: {roundtrip(ns) - none}", flush=True)
                finally:
                    t.signal(signal.SIGINT)
                    t.wait()
                    t.close()
        print(f"insns none again: {roundtrip(ns) - none}", flush=True)
    finally:
        ns.remove()


if __name__ == "__main__":
    main()
