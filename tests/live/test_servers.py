#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Real servers under real clients, each in a namespace and a directory of its own:
the right process on every record, nothing lost with the default buffer.
"""

import pwd
import signal

from lib import main, need_prog, quiesce
from lib.servers import ServerCase

REQUESTS = 200


class Servers(ServerCase):
    def observe(self):
        self.trace = self.lens("trace", "--netns", self.home.path)
        self.states = self.lens("states", "--netns", self.home.path)

    def end(self, *procs):
        """Ends the servers, then the observers: (the servers' records, the clients')."""
        for p in procs:
            p.signal(signal.SIGTERM)
            p.wait()
        quiesce(self.home)
        got = self.trace.stop(), self.states.stop()
        for res in got:
            self.assertEqual(res.lost, {})
        records = [r for res in got for r in res.records]
        return ([r for r in records if r.get("lport") == self.port and r.get("rport")],
                [r for r in records if r.get("rport") == self.port])

    def owners(self, records):
        for r in records:
            self.assertTrue(r.get("pid"), f"no owner: {r}")
        return {(r["pid"], r["comm"]) for r in records}

    def test_nginx(self):
        """A master and three workers: each connection is a worker's from its first use on."""
        curl = need_prog("curl")
        master, workers = self.nginx("listen 127.0.0.1:8080 reuseport; location / { return 200 hello; }")
        self.observe()
        loads = [self.spawn([curl, "-s", "--no-keepalive", "-H", "Connection: close", "-o",
                             "/dev/null", f"http://127.0.0.1:8080/[1-{REQUESTS // 4}]"],
                            ns=self.home) for _ in range(4)]
        for p in loads:
            p.check()
        srv, cli = self.end(master)
        self.assertEqual(self.owners(cli), {(p.pid, "curl") for p in loads})
        self.assertLessEqual({pid for pid, _ in self.owners(srv)}, workers | {master.pid})
        self.assertEqual({comm for _, comm in self.owners(srv)}, {"nginx"})
        replies = [r for r in srv if r.get("dir") == "out" and r["len"]]
        self.assertGreaterEqual(len(replies), REQUESTS)
        for r in replies:
            self.assertIn(r["pid"], workers, r)
        nobody = pwd.getpwnam("nobody").pw_uid
        self.assertEqual({r["uid"] for r in replies}, {nobody})

    def test_redis(self):
        bench = need_prog("redis-benchmark")
        p = self.redis()
        self.observe()
        load = self.spawn([bench, "-q", "-n", "500", "-c", "10", "-t", "ping,set"], ns=self.home)
        load.check()
        srv, cli = self.end(p)
        self.assertEqual(self.owners(srv), {(p.pid, "redis-server")})
        self.assertEqual(self.owners(cli), {(load.pid, "redis-benchmark"[:15])})
        self.assertGreater(len(srv), 1000)

    def test_tls(self):
        openssl = need_prog("openssl")
        key, cert = self.certificate()
        p = self.spawn([openssl, "s_server", "-accept", "4433", "-key", key, "-cert", cert, "-www",
                        "-quiet"], ns=self.home)
        self.answers(4433)
        self.observe()
        load = self.spawn([need_prog("curl"), "-sk", "-o", "/dev/null",
                           "https://127.0.0.1:4433/[1-5]"], ns=self.home)
        load.check()
        srv, cli = self.end(p)
        self.assertEqual(self.owners(srv), {(p.pid, "openssl")})
        self.assertEqual(self.owners(cli), {(load.pid, "curl")})

    def test_postgresql(self):
        """A backend process for each connection, forked by the postmaster that accepted it."""
        psql = need_prog("psql")
        p = self.postgres()
        self.observe()
        backends, loads = set(), []
        for _ in range(3):
            load = self.spawn([psql, "-h", "127.0.0.1", "-U", "postgres", "-At", "-c",
                               "select pg_backend_pid()"], ns=self.home)
            backends.add(int(load.check()))
            loads.append(load)
        srv, cli = self.end(p)
        # psql may be started by a wrapper that becomes it.
        self.assertEqual({pid for pid, _ in self.owners(cli)}, {x.pid for x in loads})
        self.assertLessEqual({pid for pid, _ in self.owners(srv)}, backends | {p.pid})
        self.assertEqual({comm for _, comm in self.owners(srv)}, {"postgres"})
        replies = [r for r in srv if r.get("dir") == "out" and r["len"]]
        self.assertEqual({r["pid"] for r in replies}, backends)


if __name__ == "__main__":
    main()
