# SPDX-License-Identifier: BSD-2-Clause
"""TCP segments that no TCP would send, put on the wire by hand."""

import socket
import struct

from .dump import FLAGS


def _sum(b):
    if len(b) % 2:
        b += b"\0"
    s = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def frame(smac, dmac, src, dst, sport, dport, flags, seq=0, ack=0, data=b"", win=1000, times=None, flip=0, opts=b""):
    """
    An Ethernet frame with one TCP segment; `times`: its timestamps, before the other `opts`, of
    which there are whole words; the checksum is right but for `flip`.
    """
    v6 = ":" in dst
    family = socket.AF_INET6 if v6 else socket.AF_INET
    s, d = socket.inet_pton(family, src), socket.inet_pton(family, dst)
    opts = struct.pack("!BBBBII", 1, 1, 8, 10, *(x & 0xffffffff for x in times)) + opts if times else opts
    word = 5 + len(opts) // 4 << 12 | sum(1 << FLAGS.index(f) for f in flags)

    def header(check):
        return struct.pack("!HHIIHHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, word, win,
                           check, 0) + opts
    n = 20 + len(opts) + len(data)
    pseudo = s + d + (struct.pack("!II", n, 6) if v6 else struct.pack("!HH", 6, n))
    tcp = header(_sum(pseudo + header(0) + data) ^ flip) + data
    if v6:
        ip = struct.pack("!IHBB", 6 << 28, n, 6, 64) + s + d
    else:
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + n, 1, 0x4000, 64, 6, 0, s, d)
        ip = ip[:10] + struct.pack("!H", _sum(ip)) + ip[12:]
    eth = bytes.fromhex((dmac + smac).replace(":", "")) + (b"\x86\xdd" if v6 else b"\x08\x00")
    return eth + ip + tcp


def inject(ns, dev, *frames):
    """Sends frames from `dev` in the namespace."""
    with ns, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((dev, 0))
        for f in frames:
            s.send(f)
