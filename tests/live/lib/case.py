# SPDX-License-Identifier: BSD-2-Clause
"""The base class of live tests: what it starts ends with the test, whatever happens."""

import glob
import os
import shutil
import signal
import sys
import tempfile
import unittest

from . import lens as _lens
from . import tshark
from .dump import Tcpdump
from .net import Ns, Veth
from .proc import Proc, run, wait_until


class Terminated(BaseException):
    """SIGTERM came: unittest takes it as the test's failure and still runs the clean-ups."""


def _on_sigterm(_sig, _frame):
    raise Terminated("ended by SIGTERM")


def need_root():
    if os.geteuid():
        raise unittest.SkipTest("needs root")


def need_prog(name):
    path = shutil.which(name)
    if not path:
        raise unittest.SkipTest(f"{name} is not installed")
    return path


def need_ipv6():
    if not os.path.exists("/proc/sys/net/ipv6"):
        raise unittest.SkipTest("this kernel has no IPv6")


def need_nft(ns, rules):
    """Loads an nftables rule set into the namespace, or skips saying why it cannot."""
    need_prog("nft")
    try:
        with ns:
            run(["nft", "-f", "-"], input=rules.encode())
    except AssertionError as e:
        first = str(e).splitlines()[0]
        raise unittest.SkipTest(f"this kernel's nftables cannot do it: {first}") from None


def proc_state(pid):
    """The letter in /proc/PID/stat."""
    with open(f"/proc/{pid}/stat", "rb") as f:
        return f.read().rpartition(b")")[2].split()[0].decode()


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        need_root()
        if not os.access(_lens.TCPLENS, os.X_OK):
            raise AssertionError(f"{_lens.TCPLENS} is not there: build it first, or set TCPLENS")
        signal.signal(signal.SIGTERM, _on_sigterm)

    def live(self, name):
        """Path of a program built from tests/live/src."""
        path = os.path.join(_lens.LIVE_BIN, name)
        self.assertTrue(os.access(path, os.X_OK), f"{path} is not built")
        return path

    def tmp(self):
        """A directory for the test's files."""
        d = tempfile.mkdtemp(prefix="tcplens-live-")
        self.addCleanup(shutil.rmtree, d, ignore_errors=True)
        self.addCleanup(self._judge_packets, d)
        return d

    def _judge_packets(self, d):
        """Whatever a test is about: tshark finds nothing wrong with the packets that it made tcplens write."""
        for path in sorted(glob.glob(os.path.join(d, "*.pcapng*"))):
            self.assertEqual(tshark.complaints(path), [], path)

    def ns(self, tag=""):
        ns = Ns(tag)
        self.addCleanup(ns.remove)
        return ns

    def veth(self, **kw):
        net = Veth(**kw)
        self.addCleanup(net.remove)
        return net

    def _keep(self, proc):
        self.addCleanup(proc.close)
        return proc

    def spawn(self, argv, **kw):
        """A program of the test, in namespace ns=…; killed at the end if it still runs."""
        return self._keep(Proc(argv, **kw))

    def lens(self, command, *opts, **kw):
        """tcplens, attached and ready (see Tcplens)."""
        return self._keep(_lens.Tcplens(command, *opts, **kw))

    def relay(self, net, **chances):
        """The program between the two devices of Veth(relay=True): loss=…, reorder=… in per mille, delay=… ms."""
        letters = dict(loss="l", reorder="r", twice="d", ce="c", seed="s", delay="D")
        argv = [self.live("relay"), "ra", "rb"]
        for k, v in chances.items():
            argv += ["-" + letters[k], str(v)]
        p = self.spawn(argv, ns=net.r)
        p.expect("^ready$")
        return p

    def netem(self, ns, dev, *what):
        """What leaves through the device is late, or lost; skips where the kernel has no netem."""
        need_prog("tc")
        try:
            with ns:
                run(["tc", "qdisc", "add", "dev", dev, "root", "netem", *what, "limit", "10000"])
        except AssertionError as e:
            raise unittest.SkipTest(f"this kernel has no netem: {str(e).splitlines()[-1]}") from None

    @staticmethod
    def no_netem(ns, dev):
        """The end of netem(): what it holds back is lost, as if it had chosen so."""
        with ns:
            run(["tc", "qdisc", "del", "dev", dev, "root"])

    def hold_back(self, relay):
        """Frames stay in the relay until `relay.signal(SIGCONT)`."""
        relay.signal(signal.SIGSTOP)
        wait_until("the relay to stop", lambda: proc_state(relay.pid) == "T")

    def dump(self, ns, dev, to):
        """tcpdump on a device, capturing when this returns."""
        need_prog("tcpdump")
        return self._keep(Tcpdump(ns, dev, to))


def main():
    """`python3 tests/live/test_x.py` runs that file alone."""
    unittest.main(module=sys.modules["__main__"], verbosity=2)
