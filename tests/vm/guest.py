# SPDX-License-Identifier: BSD-2-Clause
"""
Runs inside the virtual machine: the commands of /job.json, each one's output
line by line to the host (a virtio port), and then the end of the machine.

    @ doctor {...}          what `tcplens doctor --json` says
    @ trouble TEXT          what is wrong with that
    @ begin NAME / @ end NAME STATUS
    @ done                  only then is the machine's exit status a pass
"""

import glob
import json
import os
import subprocess
import sys
import time
import traceback

PASS, FAIL = {"x86_64": (16, 17), "aarch64": (33, 35)}[os.uname().machine]


def find_port():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = glob.glob("/dev/vport*")
        if found:
            return open(found[0], "wb", buffering=0)
        time.sleep(0.05)
    raise RuntimeError("the port to the host did not come up")


DOCTOR = "/tmp/doctor.json"


def doctor(port):
    r = subprocess.run(["build/tcplens", "doctor", "--json"], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    port.write(b"@ doctor " + (r.stdout.strip() or b"{}") + b"\n")
    with open(DOCTOR, "wb") as f:
        f.write(r.stdout)
    bad = bool(r.returncode or r.stderr)
    if bad:
        port.write(b"@ trouble doctor: exit status %d, stderr: %r\n" % (r.returncode, r.stderr))
    return not bad


def run(port, command):
    port.write(f"@ begin {command['name']}\n".encode())
    p = subprocess.Popen(command["argv"], env=dict(os.environ, TCPLENS_DOCTOR=DOCTOR, **command["env"]), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for line in p.stdout:
        port.write(line)
    rc = p.wait()
    port.write(f"@ end {command['name']} {rc}\n".encode())
    return rc == 0


def main():
    with open("/job.json") as f:
        job = json.load(f)
    port = find_port()
    good = not job["doctor"] or doctor(port)
    good = all([good, *(run(port, command) for command in job["commands"])])
    port.write(b"@ done\n")
    port.close()
    return good


if __name__ == "__main__":
    status = FAIL
    try:
        status = PASS if main() else FAIL
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os.execvp("vmexit", ["vmexit", str(status)])
