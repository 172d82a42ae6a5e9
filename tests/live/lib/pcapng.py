# SPDX-License-Identifier: BSD-2-Clause
"""A reader of pcapng, written from the specification, for what tcplens writes."""

import struct

SHB, IDB, ISB, EPB, DARWIN_PROCESS = 0x0A0D0D0A, 1, 5, 6, 0x80000001


class Packet:
    """One enhanced packet block: ns, interface, frame, orig_len, comments, dir, pid, tid, process."""


def _options(b):
    """[(code, value)] of a block's options."""
    found = []
    while len(b) >= 4:
        code, n = struct.unpack_from("<HH", b)
        if code == 0:
            assert n == 0, "opt_endofopt with a value"
            return found
        assert 4 + n <= len(b), "an option reaches beyond its block"
        found.append((code, b[4:4 + n]))
        b = b[4 + (n + 3 & ~3):]
    assert not b, "options without an end"
    return found


def whole(data):
    """The beginning of a file that was cut: its whole blocks."""
    at = 0
    while at + 8 <= len(data) and at + struct.unpack_from("<I", data, at + 4)[0] <= len(data):
        at += struct.unpack_from("<I", data, at + 4)[0]
    return data[:at]


class File:
    """interfaces: options of each; processes: (pid, name); packets; statistics: {interface: options}."""

    def __init__(self, data):
        self.interfaces, self.processes, self.packets, self.statistics = [], [], [], {}
        self.section = None
        at = 0
        while at < len(data):
            kind, n = struct.unpack_from("<II", data, at)
            assert n % 4 == 0 and 12 <= n <= len(data) - at, f"block of {n} bytes at {at}"
            assert struct.unpack_from("<I", data, at + n - 4)[0] == n, f"lengths differ at {at}"
            self._block(kind, data[at + 8:at + n - 4])
            at += n

    def _block(self, kind, b):
        if kind == SHB:
            assert self.section is None, "a second section"
            assert struct.unpack_from("<I", b)[0] == 0x1A2B3C4D
            self.section = _options(b[16:])
        elif kind == IDB:
            link, _, snaplen = struct.unpack_from("<HHI", b)
            opts = dict(_options(b[8:]))
            assert link == 1 and snaplen == 262144 and opts[9] == b"\x09", (link, snaplen, opts)
            self.interfaces.append(opts)
        elif kind == DARWIN_PROCESS:
            self.processes.append((struct.unpack_from("<I", b)[0], dict(_options(b[4:]))[2].decode()))
        elif kind == EPB:
            self._packet(b)
        elif kind == ISB:
            self.statistics[struct.unpack_from("<I", b)[0]] = dict(_options(b[12:]))
        else:
            raise AssertionError(f"block type {kind:#x}")

    def _packet(self, b):
        p = Packet()
        p.interface, high, low, n, p.orig_len = struct.unpack_from("<IIIII", b)
        assert p.interface < len(self.interfaces), "a packet of no interface"
        p.ns, p.frame = high << 32 | low, b[20:20 + n]
        opts = _options(b[20 + (n + 3 & ~3):])
        p.comments = [v.decode() for c, v in opts if c == 1]
        rest = dict((c, v) for c, v in opts if c != 1)
        p.dir = {1: "in", 2: "out"}[struct.unpack("<I", rest[2])[0] & 3]
        p.pid, p.tid = struct.unpack("<II", rest[8]) if 8 in rest else (None, None)
        p.process = None
        if 0x8001 in rest:
            p.process = self.processes[struct.unpack("<I", rest[0x8001])[0]]
        self.packets.append(p)

    def drops(self):
        return sum(struct.unpack("<Q", s[5])[0] for s in self.statistics.values())
