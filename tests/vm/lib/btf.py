# SPDX-License-Identifier: BSD-2-Clause
"""The type information (BTF) of a kernel image that is not running, and what of the programs it fits."""

import os
import re
import shutil
import struct
import subprocess
import zlib

from . import debian, image

# How a boot image may be packed: magic, command.
PACKED = ((b"\x28\xb5\x2f\xfd", ["zstd", "-dcq"]), (b"\xfd7zXZ\0", ["xz", "-dcq", "--single-stream"]),
          (b"\x02\x21\x4c\x18", ["lz4", "-dcq"]))
GZIP = b"\x1f\x8b\x08"
MAGIC = struct.pack("<HBBI", 0xeb9f, 1, 0, 24)  # struct btf_header up to hdr_len
SMALLEST = 1 << 20


def _unpacked(image):
    """The image, and all that looks like a packed kernel in it."""
    yield image
    at = image.find(GZIP)
    while at >= 0:
        try:
            yield zlib.decompressobj(31).decompress(image[at:])
        except zlib.error:
            pass
        at = image.find(GZIP, at + 1)
    for magic, tool in PACKED:
        at = image.find(magic)
        while at >= 0 and shutil.which(tool[0]):
            r = subprocess.run(tool, input=image[at:], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
            if len(r.stdout) > SMALLEST:
                yield r.stdout
            at = image.find(magic, at + 1)


def extract(kernel):
    """Path of the kernel's raw BTF, cut out of its image once."""
    with debian.locked(os.path.basename(kernel.home)):
        return _extract(kernel)


def _extract(kernel):
    path = os.path.join(kernel.dir, "btf")
    if os.path.exists(path):
        return path
    with open(kernel.image, "rb") as f:
        image = f.read()
    for data in _unpacked(image):
        at = data.find(MAGIC)
        while at >= 0:
            types, types_len, strings, strings_len = struct.unpack_from("<IIII", data, at + 8)
            size = 24 + types_len + strings_len
            if types == 0 and strings == types_len > SMALLEST and at + size <= len(data):
                with open(path + ".new", "wb") as f:
                    f.write(data[at:at + size])
                os.rename(path + ".new", path)
                return path
            at = data.find(MAGIC, at + 1)
    raise AssertionError(f"{kernel.image} has no BTF")


# libbpf's words with -d, for each relocation: what is asked for, and perhaps that there is none.
ASKS = re.compile(r"libbpf: prog '(.*)': relo #(\d+): <(\w+)> \[\d+\] (.*?)(?: \(.*\)| = .*)?$")
FAILS = re.compile(r"libbpf: prog '(.*)': relo #(\d+): no matching targets found")


def cut(btf, obj):
    """Path of what tcplens itself hands to libbpf of this BTF, when it loads the object."""
    path = f"{obj}.cut"
    r = debian.run([image.cut(), btf, obj, path])
    if r.returncode:
        raise AssertionError(r.stdout)
    return path


def relocations(btf, obj):
    """{(kind, what): found} of all CO-RE relocations of the object against the BTF, as it is cut."""
    btf = cut(btf, obj)
    out = obj + ".min-btf"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    r = debian.run([os.environ.get("BPFTOOL", "bpftool"), "-d", "gen", "min_core_btf", btf, out, obj],
                   env=dict(os.environ, PATH=path, LC_ALL="C"))
    if os.path.exists(out):
        os.unlink(out)
    asked, found = {}, {}
    for line in r.stdout.splitlines():
        m = ASKS.match(line)
        if m:
            asked[m[1], m[2]] = (m[3], m[4])
            found.setdefault((m[3], m[4]), True)
        m = FAILS.match(line)
        if m:
            found[asked[m[1], m[2]]] = False
    if r.returncode or not found:
        raise AssertionError(f"bpftool gen min_core_btf {btf}: {r.stdout[-600:]}")
    return found
