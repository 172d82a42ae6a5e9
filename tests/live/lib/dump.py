# SPDX-License-Identifier: BSD-2-Clause
"""tcpdump as the referee, and a reader of what it captured."""

import itertools
import os
import re
import signal
import socket
import struct

from .proc import Proc

FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")
SENTINEL_PORT = 9  # discard
_marks = itertools.count(1)


class Seg:
    """One TCP segment as captured."""

    __slots__ = ("ns", "smac", "dmac", "ip", "src", "dst", "sport", "dport", "ttl", "tos",
                 "flags", "seq", "ack", "win", "len", "tsval", "tsecr", "wscale", "n", "scaled")

    def __str__(self):
        return (f"#{self.n} {self.src}:{self.sport} > {self.dst}:{self.dport} "
                f"{','.join(f for f in FLAGS if f in self.flags)} seq {self.seq} ack {self.ack} "
                f"len {self.len} win {self.win}")


def _options(seg, b):
    seg.tsval = seg.tsecr = seg.wscale = None
    i = 0
    while i < len(b) and b[i] != 0:
        if b[i] == 1:
            i += 1
            continue
        if i + 1 >= len(b) or b[i + 1] < 2:
            return
        kind, n = b[i], b[i + 1]
        if kind == 8 and n == 10:
            seg.tsval, seg.tsecr = struct.unpack_from("!II", b, i + 2)
        elif kind == 3 and n == 3:
            seg.wscale = min(b[i + 2], 14)
        i += n


def _tcp(seg, b, length):
    seg.sport, seg.dport, seg.seq, seg.ack, word, seg.win = struct.unpack_from("!HHIIHH", b)
    hlen = (word >> 12) * 4
    seg.flags = frozenset(f for i, f in enumerate(FLAGS) if word >> i & 1)
    seg.len = length - hlen
    _options(seg, b[20:hlen])
    return seg


def _frame(b):
    """An Ethernet frame: a Seg, the payload of a UDP datagram, or None."""
    proto, off = struct.unpack_from("!H", b, 12)[0], 14
    seg = Seg()
    seg.dmac, seg.smac = (":".join("%02x" % x for x in b[i:i + 6]) for i in (0, 6))
    if proto == 0x0800:
        hlen = (b[off] & 15) * 4
        seg.ip, seg.tos, seg.ttl, nxt = 4, b[off + 1], b[off + 8], b[off + 9]
        total = struct.unpack_from("!H", b, off + 2)[0] - hlen
        seg.src, seg.dst = (socket.inet_ntop(socket.AF_INET, b[i:i + 4])
                            for i in (off + 12, off + 16))
    elif proto == 0x86dd:
        hlen = 40
        seg.ip, seg.ttl, nxt = 6, b[off + 7], b[off + 6]
        seg.tos = struct.unpack_from("!H", b, off)[0] >> 4 & 0xff
        total = struct.unpack_from("!H", b, off + 4)[0]
        seg.src, seg.dst = (socket.inet_ntop(socket.AF_INET6, b[i:i + 16])
                            for i in (off + 8, off + 24))
    else:
        return None
    b = b[off + hlen:]
    if nxt == 6:
        return _tcp(seg, b, total)
    return b[8:total] if nxt == 17 else None


def _records(data):
    """(time in ns, frame) of each whole record."""
    if len(data) < 24:
        return
    magic = data[:4]
    end = {b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">",
           b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[magic]
    unit = 1 if magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1000
    assert struct.unpack_from(end + "I", data, 20)[0] & 0xffff == 1, "not an Ethernet capture"
    pos = 24
    while pos + 16 <= len(data):
        sec, frac, caplen, _ = struct.unpack_from(end + "IIII", data, pos)
        if pos + 16 + caplen > len(data):
            return
        yield sec * 10**9 + frac * unit, data[pos + 16:pos + 16 + caplen]
        pos += 16 + caplen


def parse_pcap(data):
    """All TCP segments of a capture in memory, `scaled` being the window in bytes where it is known."""
    segs, scale, offered = [], {}, {}
    for t, frame in _records(data):
        s = _frame(frame)
        if not isinstance(s, Seg):
            continue
        s.ns, s.n = t, len(segs) + 1
        segs.append(s)
        me, peer = (s.src, s.sport, s.dst, s.dport), (s.dst, s.dport, s.src, s.sport)
        if "SYN" in s.flags:
            # A SYN alone changes nothing (it may be a stray one): its answer makes it count.
            if "ACK" not in s.flags:
                offered[me] = s.wscale
            elif peer in offered:
                scale[peer], scale[me] = offered[peer], s.wscale
            s.scaled = s.win
        elif me in scale and peer in scale:
            # The option counts only if both ends sent it (RFC 7323 2.2).
            both = scale[me] is not None and scale[peer] is not None
            s.scaled = s.win << (scale[me] if both else 0)
        else:
            s.scaled = None
    return segs


def _udp_frame(payload):
    """A datagram to nowhere: 192.0.2.1 is nobody's (RFC 5737), the MAC address neither."""
    udp = struct.pack("!HHHH", SENTINEL_PORT, SENTINEL_PORT, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 1, 17, 0,
                     bytes((192, 0, 2, 2)), bytes((192, 0, 2, 1)))
    return bytes.fromhex("0200000000fe0200000000ff0800") + ip + udp


class Tcpdump(Proc):
    """Captures the TCP segments of one device of a namespace, from the constructor to stop()."""

    def __init__(self, ns, dev, to, timeout=None):
        """`to`: an IPv4 address to which the end mark leaves through `dev`."""
        self.ns, self.dev, self.to = ns, dev, to
        super().__init__(["tcpdump", "-i", dev, "-w", "-", "-U", "--immediate-mode", "-s", "160",
                          "-B", "16384", "--time-stamp-precision=nano", "-Z", "root",
                          f"tcp or udp port {SENTINEL_PORT}"], ns=ns)
        self.expect("listening on", "err", timeout)

    def wait_segments(self, what, cond, timeout=None):
        """Waits until cond(segments so far) is true."""
        def found(data):
            return cond(parse_pcap(data))
        v = self._out.wait(found, timeout)
        if not v:
            raise AssertionError(f"tcpdump did not see {what}")
        return v

    def flush(self, ns, dev):
        """
        Waits until what was sent to the captured device before now has arrived
        there: a frame sent by each CPU through `dev`, the other end of the wire,
        comes behind it in that CPU's receive queue.
        """
        cpus = os.sched_getaffinity(0)
        try:
            for cpu in cpus:
                os.sched_setaffinity(0, {cpu})
                mark = b"flush %d of %d" % (next(_marks), os.getpid())
                with ns, socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
                    s.bind((dev, 0))
                    s.send(_udp_frame(mark))
                if not self._out.wait(lambda d, m=mark: m in d):
                    raise AssertionError(f"tcpdump did not see {mark}; stderr: {self.err!r}")
        finally:
            os.sched_setaffinity(0, cpus)

    def stop(self):
        """
        Every segment captured.  A datagram marks the end: the capture is in
        order, so when the mark is there everything before it is too.
        """
        mark = b"end of " + self.ns.name.encode()
        with self.ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(mark, (self.to, SENTINEL_PORT))
        if not self._out.wait(lambda d: mark in d):
            raise AssertionError(f"tcpdump did not see the end mark; stderr: {self.err!r}")
        self.signal(signal.SIGINT)
        rc = self.wait()
        assert rc == 0, f"tcpdump ended with {rc}: {self.err!r}"
        m = re.search(rb"(\d+) packets? dropped by kernel", self.err)
        assert m, f"tcpdump gave no account: {self.err!r}"
        assert int(m[1]) == 0, "tcpdump itself missed packets: cannot judge"
        return parse_pcap(self.out)
