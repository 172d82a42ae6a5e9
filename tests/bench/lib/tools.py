# SPDX-License-Identifier: BSD-2-Clause
"""Who is measured: how each is started and says that it is ready, and what of the traffic it should see."""

import re
import shlex
import shutil

from . import hooks, place
from .traffic import WORKLOADS

# As much room for what waits as tcplens has by default, a ring of 1 MiB and one of 8.
BUFFER_MIB = 9
# libpcap hands packets over a block at a time, one that is not full after a second.
LIBPCAP_BLOCK = 1.2
BPFTRACE = ('tracepoint:tcp:tcp_probe { printf("%d %s %d %d %d %u %u\\n", pid, comm, args->sport,'
            " args->dport, args->data_len, args->snd_nxt, args->snd_cwnd); }")
CHURN = ("churn 1", "churn 4")
EACH_OF_A_PACKET = "all CPUs, 16 at a time"  # several at once are joined before tcp_probe


# ---- how many events there should be, of one `load`

def once(_workload, r):
    """Each packet."""
    return r["segs"]


def twice(workload, r):
    """Each segment, where it is sent and where it is received; but bulk's packets of more than 64 KB
    are sent as one and received as two."""
    return None if workload == "bulk" else 2 * r["segs"]


def probes(workload, r):
    """Each segment of data, where they come one by one (in churn and bulk acknowledgements count, too)."""
    return 2 * r["ops"] if WORKLOADS[workload][0] == "pp" and workload != EACH_OF_A_PACKET else None


def per_connection(n):
    def expected(workload, r):
        return n * (r["ops"] + r["errors"]) if workload in CHURN else None
    return expected


ENDS = per_connection(2)  # both are here
CHANGES = per_connection(10)  # five states at each end


class Tool:
    """
    cmd      what is run; nothing: no tracer
    ready    "fd": by --ready-fd; "attached": its BPF links are seen; else a pattern of what it says
    text     its standard output is events, a line each
    events   a pattern of what it says it saw, where that cannot be counted
    lost     the same, of what it lost
    expects  see above
    settle   seconds it may keep events back
    quits    it ends with its standard input
    base     the command of tcplens whose hooks the empty programs to compare with are on
    near     the command beside which it is run, as it is compared with that
    on       workloads that it is measured with
    """

    def __init__(self, cmd, ready=None, text=False, events=None, lost=None, expects=None, settle=0.2, quits=False,
                 base=None, near=None,
                 on=None):
        self.cmd, self.ready, self.text, self.events, self.lost = cmd, ready, text, events, lost
        self.expects, self.settle, self.quits = expects, settle, quits
        self.base, self.near, self.on = base, near or base, on or tuple(WORKLOADS)

    def there(self):
        return not self.cmd or shutil.which(self.cmd[0]) is not None

    def line(self):
        """To be read: without the bench's own paths."""
        line = shlex.join(self.cmd)
        for path, name in ((place.TOP + "/", ""), (place.tmp, "/dev/shm")):
            line = line.replace(path, name)
        return line

    def takes(self, workload):
        return workload in self.on


def tcplens(*args, **kw):
    """`args`: the command first."""
    kw.setdefault("text", True)
    return Tool([place.TCPLENS, *args], ready="fd", events=r"(\d+) records,", lost=r"(\d+) lost", **kw)


def _pcap(*args, **kw):
    return Tool(["tcpdump", "-i", "lo", "-B", str(BUFFER_MIB << 10), "-s", "128", *args], ready="listening on",
                expects=once, settle=LIBPCAP_BLOCK, events=r"(\d+) packets? captured",
                lost=r"(\d+) packets? dropped by kernel", near="trace", **kw)


def commands():
    """Of tcplens."""
    return re.findall(r"^  (\w+)  ", place.run(place.TCPLENS, "--help").stdout, re.M)


def empty(command, on=None):
    return Tool([place.BENCH + "/empty", *hooks.of(command)], ready="ready", settle=0, quits=True, near=command, on=on)


BASES = ("trace", "states", "life")


def everything():
    """{name: Tool}, without looking which are installed."""
    calm = ("ping-pong", *CHURN)  # what there is to see for them, and a workload where there is nothing
    on = {"trace": None, "states": calm, "life": calm}
    t = {"none": Tool([])}
    for c in BASES:
        t[f"empty: {c}"] = empty(c, on[c])
    t["tcplens trace"] = tcplens("trace", "-q", expects=twice, base="trace")
    t["tcplens trace -w"] = tcplens("trace", "-q", "-w", place.tmp + "/out.tcpl", text=False, expects=twice, base="trace")
    t["tcplens states"] = tcplens("states", "-q", expects=CHANGES, base="states", on=calm)
    t["tcplens life"] = tcplens("life", "-q", expects=ENDS, base="life", on=calm)
    t["tcpdump -w /dev/null"] = _pcap("-w", "/dev/null")
    t["tcpdump -w file"] = _pcap("-w", place.tmp + "/out.pcap")
    t["tcpdump -nn"] = _pcap("-nn", text=True)
    t["tshark -n"] = Tool(["tshark", "-i", "lo", "-B", str(BUFFER_MIB), "-s", "128", "-n"], ready="Capturing", text=True,
                          expects=once, settle=LIBPCAP_BLOCK, lost=r"(\d+) packets? dropped",
                          on=("ping-pong", "all CPUs", "churn 4"))
    t["bpftrace printf"] = Tool(["bpftrace", "-B", "full", "-e", BPFTRACE], ready="attached", text=True, expects=probes,
                                lost=r"Lost (\d+) events")
    lost_on = r"[Ll]ost (\d+) events on CPU"
    t["tcplife"] = Tool(["tcplife"], ready="attached", text=True, expects=ENDS, lost=lost_on, near="states",
                        on=CHURN)
    t["tcpstates"] = Tool(["tcpstates"], ready="attached", text=True, expects=CHANGES, lost=lost_on, near="states",
                          on=CHURN)
    t["ss -tin 10/s"] = Tool(["sh", "-c", "while :; do ss -tin >/dev/null; sleep 0.1; done"], settle=0,
                              on=("ping-pong", "all CPUs", "churn 4"))
    return t
