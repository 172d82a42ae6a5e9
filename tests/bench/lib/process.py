# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel says of processes: CPU, memory, BPF."""

import os
import re

TICK = os.sysconf("SC_CLK_TCK")
ARRAY, RINGBUF = 2, 27  # enum bpf_map_type


def _read(path):
    with open(path, errors="replace") as f:
        return f.read()


def _links(pid):
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            pass


def group(pgid):
    """Its processes."""
    for d in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getpgid(int(d)) == pgid:
                yield int(d)
        except OSError:
            pass


def cpu(pgid):
    """CPU seconds of a process group by the scheduler's own clock, and what its ended children had."""
    total = 0.0
    for pid in group(pgid):
        try:
            stat = _read(f"/proc/{pid}/stat")
            fields = stat[stat.rindex(")") + 2:].split()
            total += (int(fields[13]) + int(fields[14])) / TICK
            for t in os.listdir(f"/proc/{pid}/task"):
                total += int(_read(f"/proc/{pid}/task/{t}/schedstat").split()[0]) / 1e9
        except (OSError, ValueError):
            pass
    return total


def most_memory(pid):
    """Bytes resident at most, since it began."""
    return int(re.search(r"VmHWM:\s+(\d+)", _read(f"/proc/{pid}/status"))[1]) * 1024


def attached(pid):
    """How many BPF programs it has attached, and buffers of events it has open."""
    try:
        return sum(1 for x in _links(pid) if x.endswith(("bpf_link", "bpf-link")) or "perf_event" in x)
    except OSError:
        return 0


def _maps(pid):
    """What the kernel says of each BPF map that it has open: {field: number}."""
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            info = _read(f"/proc/{pid}/fdinfo/{fd}")
        except OSError:
            continue
        if "map_type:" in info:
            yield {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+)$", info, re.M)}


def map_bytes(pid):
    """Of its BPF maps, without rings."""
    return sum(m["memlock"] for m in _maps(pid) if m["map_type"] != RINGBUF)


def largest_array(pid, value_size):
    """How many places the largest array has whose values are of this size."""
    return max((m["max_entries"] for m in _maps(pid) if (m["map_type"], m["value_size"]) == (ARRAY, value_size)), default=0)
