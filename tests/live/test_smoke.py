#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Every command with every backend of this kernel: loads, sees a connection where
it must, ends well, and shows nobody the verifier's words.
"""

import os
import re
import subprocess

from lib import TCPLENS, Case, main, quiesce
from lib.doctor import under_test
from lib.lens import NOISE

# What a connection that is made and ended must give.  Others (loss, …) may see nothing.
SEES = {"trace": "segment", "states": "state", "connect": "connect", "life": "life"}


def run(*args):
    return subprocess.run([TCPLENS, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=300)


def views():
    """{name: can it print JSON?} of the commands that trace."""
    found = {}
    for line in run("--help").stdout.decode().splitlines():
        m = re.match(r"  ([a-z]+) ", line)
        said = run(m[1], "--help").stdout if m else b""
        if b"--ready-fd" in said:
            found[m[1]] = b"--json" in said and m[1] != "record"
    return found


class Smoke(Case):
    def clean(self, who, err):
        self.assertFalse(NOISE.search(err), f"{who} shows its inside: {err!r}")

    def one(self, command, as_json, backend, net):
        tmp = self.tmp()
        opts = ("-w", os.path.join(tmp, "rec")) if command == "record" else ()
        tl = self.lens(command, "--netns", net.a.path, *opts, backend=backend, json=as_json)
        server = self.spawn([self.live("traffic"), "server", "-p", "0", "-s", "short"], ns=net.b)
        port = server.expect(rb"^ready (\d+)")[1].decode()
        self.spawn([self.live("traffic"), "client", "-a", net.b.addr4, "-p", port, "-s", "short"],
                   ns=net.a).check()
        server.check()
        quiesce(net.a, net.b)
        res = tl.stop()
        if command in SEES and as_json:
            self.assertIn(SEES[command], {r["event"] for r in res.records},
                          f"{command} --backend {backend} saw nothing of a connection")

    def test_every_command(self):
        self.assertTrue(under_test(), "no backend works")
        commands, net = views(), self.veth()
        self.assertLessEqual({"trace", "states"}, set(commands))
        for backend in under_test():
            for command, as_json in commands.items():
                with self.subTest(command=command, backend=backend):
                    self.one(command, as_json, backend, net)

    def test_forced_backend_that_is_not_there(self):
        """One sentence, a failure, and no more."""
        missing = {"fentry", "kprobe", "tracepoint"} - set(under_test())
        for backend in missing:
            r = run("trace", "--backend", backend, "-d", "1")
            if r.returncode == 0:
                continue  # it works, and only was not asked for
            self.clean(backend, r.stderr)
            self.assertEqual(len(r.stderr.splitlines()), 1, r.stderr)
            self.assertIn(backend.encode(), r.stderr)


if __name__ == "__main__":
    main()
