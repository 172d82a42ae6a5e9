#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
A real server that is slow, on purpose: `latency` shows it as the server's think
time, on both sides, also through TLS.  The truth is tcpdump's: from the last
segment of a question to the first of its answer.
"""

import os

from lib import main, need_prog, quiesce
from lib.servers import ServerCase

SLOW_US = 200000


class Think(ServerCase):
    def observe(self):
        need_prog("tcpdump")
        self.tl = self.lens("latency", "--netns", self.home.path, "--by", "process")
        self.capture = self.dump(self.home, "lo", "127.0.0.1")

    def slowest(self):
        """The longest time between a question and its answer, in us."""
        asked, longest = {}, 0
        for s in self.capture.stop():
            if not s.len:
                continue
            if s.dport == self.port:
                asked[s.src, s.sport] = s.ns
            elif (s.dst, s.dport) in asked:
                longest = max(longest, s.ns - asked.pop((s.dst, s.dport)))
        return longest / 1000

    def near(self, got, least, most, what):
        self.assertGreaterEqual(got, least - max(0.05 * least, 1000), what)
        self.assertLessEqual(got, most + max(0.05 * most, 1000), what)

    def judge(self, client, servers, comm):
        """`servers`: pids of which one has answered.  The client's pid is known."""
        quiesce(self.home, allow={1, 8})
        truth = self.slowest()
        self.assertGreaterEqual(truth, SLOW_US * 0.9)
        records = self.tl.stop().latencies
        mine = {r["part"]: r for r in records if r.get("pid") == client}
        self.near(mine["peer-think"]["max_us"], truth, truth, f"client's: {mine['peer-think']}")
        theirs = [r for r in records if r.get("pid") in servers]
        self.assertEqual({r["comm"] for r in theirs}, {comm})
        think = max((r for r in theirs if r["part"] == "own-think"), key=lambda r: r["max_us"])
        # What it took to read the question is another part.
        queue = max(r["max_us"] for r in theirs if r["part"] == "receive-queue")
        self.near(think["max_us"], truth - queue, truth, f"server's: {think}")
        self.near(think["max_us"], SLOW_US * 0.9, truth, f"server's: {think}")
        for r in records:
            self.assertLess(r["max_us"], 60e6, r)
        return mine, theirs

    def test_postgresql(self):
        psql = need_prog("psql")
        self.postgres()
        self.observe()
        load = self.spawn([psql, "-h", "127.0.0.1", "-U", "postgres", "-At", "-c",
                           "select pg_backend_pid()", "-c", "select pg_sleep(0.2)"], ns=self.home)
        self.judge(load.pid, {int(load.check().split()[0])}, "postgres")

    def test_redis(self):
        """A command that waits for its time-out."""
        cli = need_prog("redis-cli")
        server = self.redis()
        self.observe()
        load = self.spawn([cli, "BLPOP", "nothing", "0.2"], ns=self.home)
        load.check()
        self.judge(load.pid, {server.pid}, "redis-server")

    def slow_nginx(self, listen, url):
        curl = need_prog("curl")
        with open(os.path.join(self.dir, "page"), "w") as f:
            f.write("hello")
        _, workers = self.nginx(f"{listen} root {self.dir}; limit_req zone=z burst=9;",
                                "limit_req_zone $binary_remote_addr zone=z:1m rate=5r/s;")
        self.observe()
        load = self.spawn([curl, "-sk", "-o", "/dev/null", url], ns=self.home)
        load.check()
        mine, theirs = self.judge(load.pid, workers, "nginx")
        # The first of three answers comes at once.
        self.assertLess(min(r["min_us"] for r in theirs if r["part"] == "own-think"), SLOW_US / 2)

    def test_nginx(self):
        """Three requests on one connection, of which a worker takes five a second."""
        self.slow_nginx("listen 127.0.0.1:8080;", "http://127.0.0.1:8080/page?[1-3]")

    def test_nginx_tls(self):
        key, cert = self.certificate()
        self.slow_nginx(f"listen 127.0.0.1:8080 ssl; ssl_certificate {cert}; ssl_certificate_key {key};",
                        "https://127.0.0.1:8080/page?[1-3]")


if __name__ == "__main__":
    main()
