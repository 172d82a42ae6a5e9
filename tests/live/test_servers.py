#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Real servers under real clients, each in a namespace and a directory of its own:
the right process on every record, nothing lost with the default buffer.
"""

import os
import pwd
import signal
import socket

from lib import Case, main, need_prog, quiesce, wait_until

REQUESTS = 200


class Servers(Case):
    def setUp(self):
        self.home = self.ns()
        self.dir = self.tmp()
        os.chmod(self.dir, 0o755)

    def observe(self):
        self.trace = self.lens("trace", "--netns", self.home.path)
        self.states = self.lens("states", "--netns", self.home.path)

    def answers(self, port):
        def there():
            with self.home, socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        wait_until(f"a server on port {port}", there)

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

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return {int(x) for x in f.read().split()}

    def test_nginx(self):
        """A master and three workers: each connection is a worker's from its first use on."""
        nginx = need_prog("nginx")
        curl = need_prog("curl")
        self.port = 8080
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(f"daemon off; user nobody nogroup; worker_processes 3; pid {self.dir}/pid;\n"
                    f"error_log {self.dir}/error.log; events {{ worker_connections 64; }}\n"
                    "http { access_log off; server { listen 127.0.0.1:8080 reuseport;\n"
                    "location / { return 200 hello; } } }\n")
        master = self.spawn([nginx, "-c", conf, "-p", self.dir], ns=self.home)
        self.answers(self.port)
        workers = wait_until("three workers", lambda: (
            lambda w: w if len(w) == 3 else None)(self.children(master.pid)))
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
        server, bench = need_prog("redis-server"), need_prog("redis-benchmark")
        self.port = 6379
        p = self.spawn([server, "--port", "6379", "--bind", "127.0.0.1", "--save", "", "--dir",
                        self.dir], ns=self.home)
        self.answers(self.port)
        self.observe()
        load = self.spawn([bench, "-q", "-n", "500", "-c", "10", "-t", "ping,set"], ns=self.home)
        load.check()
        srv, cli = self.end(p)
        self.assertEqual(self.owners(srv), {(p.pid, "redis-server")})
        self.assertEqual(self.owners(cli), {(load.pid, "redis-benchmark"[:15])})
        self.assertGreater(len(srv), 1000)

    def test_tls(self):
        openssl = need_prog("openssl")
        self.port = 4433
        key, cert = (os.path.join(self.dir, x) for x in ("key.pem", "cert.pem"))
        self.spawn([openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-keyout",
                    key, "-out", cert]).check()
        p = self.spawn([openssl, "s_server", "-accept", "4433", "-key", key, "-cert", cert, "-www",
                        "-quiet"], ns=self.home)
        self.answers(self.port)
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
        bins = sorted(d for d in (f"/usr/lib/postgresql/{v}/bin" for v in (
            os.listdir("/usr/lib/postgresql") if os.path.isdir("/usr/lib/postgresql") else ()))
            if os.path.exists(d + "/initdb"))
        if not bins:
            self.skipTest("PostgreSQL's server is not installed")
        user = pwd.getpwnam("postgres")
        os.chown(self.dir, user.pw_uid, user.pw_gid)
        who = dict(user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd=self.dir)
        data = os.path.join(self.dir, "data")
        self.spawn([bins[-1] + "/initdb", "-A", "trust", "-N", "-D", data], **who).check()
        self.port = 5432
        p = self.spawn([bins[-1] + "/postgres", "-D", data, "-k", self.dir, "-h", "127.0.0.1",
                        "-F"], ns=self.home, **who)
        self.answers(self.port)
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
