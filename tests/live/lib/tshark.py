# SPDX-License-Identifier: BSD-2-Clause
"""What tshark, where it is installed, has to say against a file of packets."""

import shutil
import subprocess

STRICT = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
BAD = ("_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || "
       "_ws.expert.severity >= 0x800000")


def complaints(path):
    """Frames that are malformed, or have a wrong checksum or length, one a line; or why it can't read the file."""
    if not shutil.which("tshark"):
        return []
    r = subprocess.run(["tshark", "-n", "-r", path, *STRICT, "-Y", BAD], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=120)
    if r.returncode:
        return [r.stderr.decode(errors="replace")]
    return r.stdout.decode(errors="replace").splitlines()
