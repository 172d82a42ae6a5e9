# SPDX-License-Identifier: BSD-2-Clause
"""
What the live tests share.  A test file needs only

    from lib import Case, main          # and what else it uses

    class Shape(Case):
        def test_it(self):
            net = self.veth()                               # two namespaces, net.a and net.b
            lens = self.lens("trace", "--netns", net.a.path)  # started and ready
            self.spawn([self.live("traffic"), ...], ns=net.a).wait()
            records = lens.stop().segments

Everything that is started or made is ended and removed by the test's
clean-ups, also after a failure, a time-out or SIGTERM.
"""

from .case import Case, main, need_ipv6, need_nft, need_prog, need_root  # noqa: F401
from .dump import Tcpdump, parse_pcap  # noqa: F401
from .lens import BACKEND, TCPLENS, Tcplens, parse_summary  # noqa: F401
from .net import Ns, Veth, quiesce  # noqa: F401
from .proc import WAIT, Proc, kernel, wait_until  # noqa: F401
