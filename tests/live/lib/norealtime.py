#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
norealtime.py FILE PROGRAM ARG…: becomes PROGRAM, in a session of its own, where
sched_setscheduler() is refused: what a container, or a limit of real-time
priority, does.  FILE gets the process id of another process of that session,
which stays.
"""

import ctypes
import os
import platform
import signal
import struct
import sys

NR = {"x86_64": 144, "aarch64": 119}
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LD, JEQ, RET = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def refuse():
    machine = platform.machine()
    insns = [(LD, 0, 0, 4), (JEQ, 0, 3, ARCH[machine]), (LD, 0, 0, 0), (JEQ, 0, 1, NR[machine]),
             (RET, 0, 0, REFUSE), (RET, 0, 0, ALLOW)]
    prog = Program(len(insns), b"".join(struct.pack("HBBI", *i) for i in insns))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or \
       libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(prog), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def main():
    os.setsid()
    other = os.fork()
    if not other:
        os.closerange(0, 1024)
        while True:
            signal.pause()
    with open(sys.argv[1], "w") as f:
        f.write(str(other))
    # Started in the background by a shell, we would have some of them ignored.
    for sig in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(sig, signal.SIG_DFL)
    refuse()
    os.execv(sys.argv[2], sys.argv[2:])


main()
