# SPDX-License-Identifier: BSD-2-Clause
"""
One run of QEMU, under pure emulation.  Only the exit status that the guest
chose itself is a pass: a panic, a hang or a time-out is a failure with the
last lines of the console.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

from . import Unavailable

QEMU = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}
PASS, FAIL = 33, 35
SILENCE = 500  # seconds without a word are a hang
CONSOLE_TAIL = 25
CAUSE = re.compile(r"Kernel panic|BUG:|Oops|Unable to handle|sysrq: Trigger a crash")
# What a silent machine is asked for, by magic SysRq: what runs, and what waits.
ASK = (b"l", b"w")
ANSWER, ANSWER_LINES = re.compile(r"sysrq: Show"), 60
ASK_WAIT = 20  # seconds, as it is slow

# What only costs time under emulation is off.  Not quiet: how far a machine that hangs has come is
# on its console.
COMMON = ("loglevel=7 sysrq_always_enabled panic=-1 oops=panic mitigations=off random.trust_cpu=on "
          "nowatchdog nokaslr init_on_alloc=0 audit=0 apparmor=0 rcupdate.rcu_expedited=1")
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
    """
    Started by the constructor; `out` is what the guest sent, `console` what its kernel said.
    `counted`: its clock is the count of its instructions, the time stamp counter, too.
    """

    def __init__(self, kernel, initrd, path, limit, silence=SILENCE, memory="1G", counted=False):
        self.kernel, self.limit, self.silence = kernel, limit, silence
        self.out_path, self.console_path = path + ".out", path + ".console"
        for p in (self.out_path, self.console_path):
            open(p, "w").close()
        # A socket's path has to be short.
        self.dir = tempfile.mkdtemp(prefix="tcplens-vm.")
        self.console_socket, self.monitor = (os.path.join(self.dir, x) for x in ("console", "monitor"))
        argv = [QEMU[kernel.arch], *MACHINE[kernel.arch], "-accel", "tcg,thread=single", "-smp", "1",
                "-m", memory, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", kernel.image, "-initrd", initrd,
                "-append", f"{CONSOLE[kernel.arch]} {COMMON}",
                "-chardev", f"socket,id=console,path={self.console_socket},server=on,wait=off,"
                            f"logfile={self.console_path}",
                "-serial", "chardev:console", "-qmp", f"unix:{self.monitor},server=on,wait=off",
                "-device", "virtio-serial-pci",
                "-chardev", f"file,id=results,path={self.out_path}",
                "-device", "virtserialport,chardev=results,name=results"]
        if counted:
            argv += ["-icount", "shift=0,sleep=off"]
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
        self._ask()
        self.close()
        said = self.out.splitlines()
        why += f", having said last: {said[-1][:200]}" if said else ", and nothing before"
        return self._with_console(why)

    def _ask(self):
        """Makes a machine that hangs say on its console what it is at: break, then a letter."""
        try:
            with _connected(self.console_socket) as console, _connected(self.monitor) as monitor:
                self._answer(monitor, b"QMP")
                monitor.sendall(b'{"execute": "qmp_capabilities"}')
                self._answer(monitor, b"return")
                for letter in ASK:
                    monitor.sendall(b'{"execute": "chardev-send-break", "arguments": {"id": "console"}}')
                    self._answer(monitor, b"return")
                    console.sendall(letter)
                    self._answer(console, b"sysrq: ")
                self._answer(console, b"until it says no more")
        except OSError as e:
            print(f"note: {self.kernel.name}: its console cannot be asked: {e}", flush=True)

    @staticmethod
    def _answer(sock, mark):
        """Reads until the mark, or nothing comes any more."""
        got, end = b"", time.monotonic() + ASK_WAIT
        try:
            while mark not in got and time.monotonic() < end:
                more = sock.recv(1 << 16)
                if not more:
                    return
                got += more
        except socket.timeout:
            pass

    def close(self):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def out(self):
        with open(self.out_path, errors="replace") as f:
            return f.read()

    def _with_console(self, why):
        with open(self.console_path, errors="replace") as f:
            lines = f.read().splitlines()
        # What it died of stands above the registers and stacks that follow; so does what it was asked for.
        asked = next((n for n, x in enumerate(lines) if ANSWER.search(x)), len(lines))
        tail = max(asked - CONSOLE_TAIL, 0)
        lines = [x for x in lines[:tail] if CAUSE.search(x)][:3] + lines[tail:asked + ANSWER_LINES]
        return why + "; the console's last lines:\n" + "\n".join("    " + x for x in lines)


def _connected(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(ASK_WAIT / 4)
    s.connect(path)
    return s
