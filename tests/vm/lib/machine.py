# SPDX-License-Identifier: BSD-2-Clause
"""
One run of QEMU, under pure emulation.  Only the exit status that the guest
chose itself is a pass: a panic, a hang or a time-out is a failure with the
last lines of the console.
"""

import os
import re
import shutil
import subprocess
import time

from . import Unavailable

QEMU = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}
PASS, FAIL = 33, 35
CONSOLE_TAIL = 25
CAUSE = re.compile(r"Kernel panic|BUG:|Oops|Unable to handle|sysrq: ")

# What only costs time under emulation is off.
COMMON = ("quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on nowatchdog nokaslr "
          "init_on_alloc=0 audit=0 apparmor=0 rcupdate.rcu_expedited=1")
# One vCPU and one thread: multi-threaded emulation has tripped over the
# kernel's patching of its own text.
MACHINE = {
    # A plain CPU: wide vector instructions are the slower ones here.
    "amd64": ["-M", "q35", "-cpu", "qemu64", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
    "arm64": ["-M", "virt", "-cpu", "cortex-a57", "-semihosting-config",
              "enable=on,target=native,userspace=on"],
}
# Not the TSC: its speed is measured at boot, and wrong if the host is busy just then.  A guest's
# clock once ran six times too fast.
CONSOLE = {"amd64": "console=ttyS0 tsc=unstable clocksource=hpet no_timer_check", "arm64": "console=ttyAMA0"}


def check(arch):
    if not shutil.which(QEMU[arch]):
        raise Unavailable(f"{QEMU[arch]} is not installed (scripts/install-deps --vm)")


class Machine:
    """Started by the constructor; `out` is what the guest sent, `console` what its kernel said."""

    def __init__(self, kernel, initrd, path, limit, silence=500, memory="1G"):
        self.kernel, self.limit, self.silence = kernel, limit, silence
        self.out_path, self.console_path = path + ".out", path + ".console"
        for p in (self.out_path, self.console_path):
            open(p, "w").close()
        argv = [QEMU[kernel.arch], *MACHINE[kernel.arch], "-accel", "tcg,thread=single", "-smp", "1",
                "-m", memory, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", kernel.image, "-initrd", initrd,
                "-append", f"{CONSOLE[kernel.arch]} {COMMON}",
                "-serial", "file:" + self.console_path,
                "-device", "virtio-serial-pci",
                "-chardev", f"file,id=results,path={self.out_path}",
                "-device", "virtserialport,chardev=results,name=results"]
        self.start = time.monotonic()
        self.p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE)

    def wait(self):
        """None when it passed, else why not.  The guest's own failures are in `out`."""
        grew, size = time.monotonic(), -1
        while True:
            try:
                self.p.wait(0.5)
                break
            except subprocess.TimeoutExpired:
                pass
            now = time.monotonic()
            n = os.path.getsize(self.out_path) + os.path.getsize(self.console_path)
            if n != size:
                grew, size = now, n
            if now - self.start > self.limit:
                return self._kill(f"was not done after {self.limit:g} s")
            if now - grew > self.silence:
                return self._kill(f"said nothing for {self.silence:g} s")
        self.took = time.monotonic() - self.start
        rc = self.p.returncode
        err = self.p.stderr.read().decode(errors="replace").strip()
        if rc == PASS:
            return None
        if rc == FAIL:
            return "the guest reports failures"
        return self._with_console(f"ended with status {rc}, not by the guest's own word{err and ': ' + err}")

    def _kill(self, why):
        self.took = time.monotonic() - self.start
        self.close()
        return self._with_console(why)

    def close(self):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()

    @property
    def out(self):
        with open(self.out_path, errors="replace") as f:
            return f.read()

    def _with_console(self, why):
        with open(self.console_path, errors="replace") as f:
            lines = f.read().splitlines()
        # What it died of stands above the registers and stacks that follow.
        cause = next((x for x in lines[:-CONSOLE_TAIL] if CAUSE.search(x)), None)
        lines = ([cause] if cause else []) + lines[-CONSOLE_TAIL:]
        return why + "; the console's last lines:\n" + "\n".join("    " + x for x in lines)
