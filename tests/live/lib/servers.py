# SPDX-License-Identifier: BSD-2-Clause
"""Real servers, each in a namespace and a directory of its own."""

import os
import pwd
import socket

from .case import Case, need_prog
from .proc import wait_until


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return {int(x) for x in f.read().split()}


class ServerCase(Case):
    """`home`: the namespace; `port`: where the server that was started last answers."""

    def setUp(self):
        self.home = self.ns()
        self.dir = self.tmp()
        os.chmod(self.dir, 0o755)

    def answers(self, port):
        def there():
            with self.home, socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        self.port = port
        wait_until(f"a server on port {port}", there)

    def certificate(self):
        """(key, certificate) of localhost, as files."""
        key, cert = (os.path.join(self.dir, x) for x in ("key.pem", "cert.pem"))
        self.spawn([need_prog("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-keyout",
                    key, "-out", cert]).check()
        return key, cert

    def nginx(self, server, http="", port=8080):
        """A master and three workers, as nobody; `server`, `http`: configuration.  (master, workers)."""
        nginx = need_prog("nginx")
        conf = os.path.join(self.dir, "nginx.conf")
        with open(conf, "w") as f:
            f.write(f"daemon off; user nobody nogroup; worker_processes 3; pid {self.dir}/pid;\n"
                    f"error_log {self.dir}/error.log; events {{ worker_connections 64; }}\n"
                    f"http {{ access_log off; {http} server {{ {server} }} }}\n")
        master = self.spawn([nginx, "-c", conf, "-p", self.dir], ns=self.home)
        self.answers(port)
        return master, wait_until("three workers", lambda: (
            lambda w: w if len(w) == 3 else None)(children(master.pid)))

    def redis(self):
        p = self.spawn([need_prog("redis-server"), "--port", "6379", "--bind", "127.0.0.1", "--save",
                        "", "--dir", self.dir], ns=self.home)
        self.answers(6379)
        return p

    def postgres(self):
        """Its postmaster, which forks a backend for each connection; for psql -U postgres."""
        need_prog("psql")
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
        p = self.spawn([bins[-1] + "/postgres", "-D", data, "-k", self.dir, "-h", "127.0.0.1",
                        "-F"], ns=self.home, **who)
        self.answers(5432)
        return p
