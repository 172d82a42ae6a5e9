#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`loss` against the kernel's own counters."""

from lib import Case, main, quiesce


class Retransmits(Case):
    def test_as_the_kernel_counts(self):
        """On a link that loses 5 %: as many segments sent again as TcpRetransSegs says."""
        net = self.veth(relay=True)
        self.relay(net, loss=50)
        before = net.a.counters()["Tcp.RetransSegs"]
        tl = self.lens("loss", "--netns", net.a.path)
        traffic = self.live("traffic")
        server = self.spawn([traffic, "server", "-a", net.b.addr4, "-p", "0", "-s", "both",
                             "-b", "500000"], ns=net.b)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        self.spawn([traffic, "client", "-a", net.b.addr4, "-p", port, "-s", "both",
                    "-b", "500000"], ns=net.a).check()
        server.check()
        quiesce(*net.sides)
        r = [x for x in tl.stop().records if x["event"] == "retransmit"]
        self.assertGreater(len(r), 0)
        self.assertEqual(sum(x["segs"] for x in r), net.a.counters()["Tcp.RetransSegs"] - before)
        self.assertTrue(all(x["kind"] != "other" for x in r), r)


if __name__ == "__main__":
    main()
