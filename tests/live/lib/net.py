# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces, veth pairs without offloads, and what their TCP is doing."""

import atexit
import ctypes
import fcntl
import itertools
import os
import socket
import struct

from .proc import run, wait_until

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_serial = itertools.count(1)
_alive = {}

# /proc/net/tcp's numbers
ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE, CLOSE_WAIT, \
    LAST_ACK, LISTEN, CLOSING, NEW_SYN_RECV = range(1, 13)
QUIET = {FIN_WAIT2, TIME_WAIT, LISTEN}


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        e = ctypes.get_errno()
        raise OSError(e, "setns: " + os.strerror(e))


class Ns:
    """
    A named network namespace, loopback up.  `with ns:` puts the calling thread
    into it: sockets opened and processes started there belong to it.
    """

    def __init__(self, tag=""):
        self.name = f"tl{os.getpid()}-{next(_serial)}{tag}"
        self.path = "/run/netns/" + self.name
        self._back = []
        run(["ip", "netns", "add", self.name])
        _alive[self.name] = self
        self.inode = os.stat(self.path).st_ino
        # One skb, one segment: TCP builds larger ones even where the device has no offload.
        self.ip("link set lo up gso_max_segs 1")
        offloads_off(self, "lo")

    def ip(self, *lines):
        """Lines for ip(8), all in one process."""
        run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines).encode())

    def __enter__(self):
        self._back.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(fd)
        finally:
            os.close(fd)
        return self

    def __exit__(self, *exc):
        fd = self._back.pop()
        try:
            _setns(fd)
        finally:
            os.close(fd)

    def sysctl(self, key, value=None):
        """Reads or sets net.KEY (dots) of this namespace."""
        path = "/proc/sys/net/" + key.replace(".", "/")
        with self, open(path, "r" if value is None else "w") as f:
            return f.read().strip() if value is None else f.write(str(value))

    def proc_net(self, name):
        with self, open("/proc/thread-self/net/" + name) as f:
            return f.read()

    def tcp_states(self):
        """[(state, local port, remote port)] of every socket, mini-sockets included."""
        found = []
        for name in ("tcp", "tcp6"):
            try:
                lines = self.proc_net(name).splitlines()[1:]
            except FileNotFoundError:
                continue
            for line in lines:
                f = line.split()
                found.append((int(f[3], 16), int(f[1].split(":")[1], 16),
                              int(f[2].split(":")[1], 16)))
        return found

    def counters(self):
        """The kernel's own: {"Tcp.InSegs": …, "TcpExt.TCPBacklogCoalesce": …}."""
        found = {}
        for name in ("snmp", "netstat"):
            lines = self.proc_net(name).splitlines()
            for keys, values in zip(lines[::2], lines[1::2]):
                table = keys.split(":")[0]
                for k, v in zip(keys.split()[1:], values.split()[1:]):
                    found[f"{table}.{k}"] = int(v)
        return found

    def remove(self):
        if _alive.pop(self.name, None):
            run(["ip", "netns", "del", self.name])


@atexit.register
def _remove_all():
    for ns in list(_alive.values()):
        try:
            ns.remove()
        except Exception:
            pass


def quiesce(*namespaces, allow=()):
    """
    Waits until no socket of the namespaces can send by itself: then what tcplens
    and tcpdump have seen is all there is.  `allow`: further states to take as quiet.
    """
    quiet = QUIET | set(allow)
    last = []

    def idle():
        last[:] = [(ns.name, s) for ns in namespaces for s in ns.tcp_states() if s[0] not in quiet]
        return not last
    try:
        wait_until("connections to end", idle)
    except AssertionError as e:
        raise AssertionError(f"{e}: {last}") from None


SIOCETHTOOL = 0x8946
# RX checksum, TX checksum, scatter-gather, TSO, UFO, GSO, GRO
_ETHTOOL_SET = (0x15, 0x17, 0x19, 0x1f, 0x22, 0x24, 0x2c)


def offloads_off(ns, dev):
    """What `ethtool -K DEV rx off tx off sg off tso off gso off gro off` does; ethtool may be missing."""
    with ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for cmd in _ETHTOOL_SET:
            value = ctypes.create_string_buffer(struct.pack("II", cmd, 0))
            ifreq = struct.pack("16sP16x", dev.encode(), ctypes.addressof(value))
            try:
                fcntl.ioctl(s, SIOCETHTOOL, ifreq)
            except OSError:
                pass  # fixed, or unknown to this kernel (UFO): it then does not matter


class Veth:
    """
    Namespaces a and b joined by a veth pair on which one skb is one segment.

    With `relay`, each has a pair to a third namespace instead, where a program
    forwards frames between devices "ra" and "rb" (see Case.relay).
    """

    DEV = "v0"
    MAC = {"a": "02:00:00:00:00:0a", "b": "02:00:00:00:00:0b"}

    def __init__(self, mtu=1500, relay=False):
        self.a, self.b = Ns("a"), Ns("b")
        self.r = Ns("r") if relay else None
        self.a.addr4, self.b.addr4 = "10.99.0.1", "10.99.0.2"
        self.a.addr6, self.b.addr6 = "fd99::1", "fd99::2"
        self.a.dev = self.b.dev = self.DEV
        self.a.mac, self.b.mac = self.MAC["a"], self.MAC["b"]
        self.ipv6 = os.path.exists("/proc/sys/net/ipv6")
        if relay:
            self._pair(self.a, self.DEV, self.r, "ra")
            self._pair(self.b, self.DEV, self.r, "rb")
        else:
            self._pair(self.a, self.DEV, self.b, self.DEV)
        for side, peer in ((self.a, self.b), (self.b, self.a)):
            lines = [f"link set {self.DEV} address {side.mac} mtu {mtu}",
                     f"addr add {side.addr4}/24 dev {self.DEV}"]
            if self.ipv6:
                lines.append(f"addr add {side.addr6}/64 dev {self.DEV} nodad")
            lines.append(f"link set {self.DEV} up gso_max_segs 1")
            # Neighbours are known: nothing waits for their discovery.
            lines.append(f"neigh replace {peer.addr4} lladdr {peer.mac} dev {self.DEV}")
            if self.ipv6:
                lines.append(f"neigh replace {peer.addr6} lladdr {peer.mac} dev {self.DEV}")
            side.ip(*lines)
        if relay:
            self.r.ip(*[f"link set {d} up mtu {mtu} promisc on" for d in ("ra", "rb")])

    def _pair(self, one, dev1, two, dev2):
        run(["ip", "link", "add", dev1, "netns", one.name, "type", "veth",
             "peer", "name", dev2, "netns", two.name])
        offloads_off(one, dev1)
        offloads_off(two, dev2)

    @property
    def sides(self):
        return self.a, self.b

    def remove(self):
        for ns in (self.a, self.b, self.r):
            if ns:
                ns.remove()
