# SPDX-License-Identifier: BSD-2-Clause
"""Cgroups of the test's own, and BPF programs of theirs that let nothing through."""

import contextlib
import ctypes
import os
import struct
import unittest

# enum bpf_cmd, bpf_prog_type, bpf_attach_type
BPF_PROG_LOAD, BPF_PROG_ATTACH = 5, 8
CGROUP_SKB, CGROUP_SOCK_ADDR = 8, 18
CGROUP_EGRESS, CGROUP_CONNECT4, CGROUP_CONNECT6 = 1, 10, 11
SYS_BPF = {"x86_64": 321, "aarch64": 280}
_libc = ctypes.CDLL(None, use_errno=True)


def cgroup2():
    """Where the cgroup v2 hierarchy is mounted; not always /sys/fs/cgroup."""
    with open("/proc/mounts") as f:
        for line in f:
            if line.split()[2] == "cgroup2":
                return line.split()[1]
    raise unittest.SkipTest("no cgroup2 in /proc/mounts")


def make_cgroup(case, path=None):
    """Directory of a new cgroup, of which nothing is left when the test ends."""
    path = path or os.path.join(cgroup2(), f"tcplens-live-{os.getpid()}")
    try:
        os.mkdir(path)
    except OSError as e:
        raise unittest.SkipTest(f"cannot make a cgroup: {e}") from None
    case.addCleanup(os.rmdir, path)
    return path


def _move(path):
    with open(os.path.join(path, "cgroup.procs"), "w") as f:
        f.write("0")


@contextlib.contextmanager
def inside(path):
    """This process is in the cgroup; what it starts meanwhile stays there."""
    with open("/proc/self/cgroup") as f:
        home = next(line[3:].strip() for line in f if line.startswith("0::"))
    home = cgroup2() + home
    _move(path)
    try:
        yield
    finally:
        _move(home)


def _bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr, len(attr))
    fd = _libc.syscall(SYS_BPF[os.uname().machine], cmd, buf, len(attr))
    if fd < 0:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return fd


def deny(path, kind, attach):
    """A program that answers 0, "no", to all that the cgroup's processes ask; it goes with the cgroup."""
    insns = ctypes.create_string_buffer(struct.pack("<BBhi", 0xb7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0))
    text = ctypes.create_string_buffer(b"GPL")
    try:
        prog = _bpf(BPF_PROG_LOAD, struct.pack("=IIQQIIQII16sII", kind, 2, ctypes.addressof(insns),
                                               ctypes.addressof(text), 0, 0, 0, 0, 0, b"deny", 0, attach))
    except OSError as e:
        raise unittest.SkipTest(f"this kernel takes no program of a cgroup: {e}") from None
    dir_fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _bpf(BPF_PROG_ATTACH, struct.pack("=IIII", dir_fd, prog, attach, 0))
    finally:
        os.close(dir_fd)
        os.close(prog)
