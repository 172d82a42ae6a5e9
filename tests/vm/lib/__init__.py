# SPDX-License-Identifier: BSD-2-Clause
"""
What tests/vm/run, report and btf share:

    kernels   the list, and the kernels of it in the cache
    debian    packages from Debian, without installing any
    cpio      initramfs archives
    image     what goes into the guests' initramfs
    machine   one run of QEMU
    jobs      what is run where, and what came of it
    expected  what is to be found in each kernel
    btf       type information, without booting
"""


class Unavailable(Exception):
    """It cannot be tested here, and why: a reason to skip, not a failure."""
