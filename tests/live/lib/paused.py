# SPDX-License-Identifier: BSD-2-Clause
"""A recv() that stands still in the kernel, holding its socket: userfaultfd(2)."""

import ctypes
import fcntl
import mmap
import os
import select
import struct
import threading
import unittest

from .proc import WAIT

SYS_USERFAULTFD = {"x86_64": 323, "aarch64": 282}
UFFDIO_API, UFFDIO_REGISTER, UFFDIO_ZEROPAGE = 0xc018aa3f, 0xc020aa00, 0xc020aa04
UFFD_API, REGISTER_MODE_MISSING = 0xaa, 1
_libc = ctypes.CDLL(None, use_errno=True)


class Paused:
    """
    A thread receives into memory that is not there: from await_pause() to the
    end of the `with` the kernel waits for it in the middle of tcp_recvmsg(),
    so that what arrives has to wait in the backlog.
    """

    def __init__(self, sock):
        self.sock, self.memory = sock, mmap.mmap(-1, mmap.PAGESIZE)
        self.fd = _libc.syscall(SYS_USERFAULTFD[os.uname().machine], os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise unittest.SkipTest(f"no userfaultfd: {os.strerror(ctypes.get_errno())}")
        view = ctypes.c_char.from_buffer(self.memory)
        self.page = ctypes.addressof(view)
        del view
        fcntl.ioctl(self.fd, UFFDIO_API, struct.pack("QQQ", UFFD_API, 0, 0))
        fcntl.ioctl(self.fd, UFFDIO_REGISTER, struct.pack("QQQQ", self.page, mmap.PAGESIZE,
                                                          REGISTER_MODE_MISSING, 0))
        self.thread = threading.Thread(target=sock.recv_into, args=(self.memory,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def await_pause(self):
        if not select.select([self.fd], [], [], WAIT)[0]:
            raise AssertionError("recv() did not come to its memory")

    def __exit__(self, *exc):
        fcntl.ioctl(self.fd, UFFDIO_ZEROPAGE, struct.pack("QQQq", self.page, mmap.PAGESIZE, 0, 0))
        os.close(self.fd)
        self.thread.join(WAIT)
