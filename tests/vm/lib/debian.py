# SPDX-License-Identifier: BSD-2-Clause
"""
Packages from Debian's mirrors, downloaded and unpacked, never installed: apt
with a state of its own, for any suite and architecture.
"""

import contextlib
import fcntl
import glob
import os
import shutil
import subprocess
import time

from . import Unavailable

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or "/var/cache", "tcplens-vm")
MIRROR = os.environ.get("TCPLENS_VM_MIRROR", "http://deb.debian.org").rstrip("/")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LISTS_AGE = 24 * 3600
_unreachable = []  # why the mirror was not, for the rest of this run


def run(argv, **kw):
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **kw)


@contextlib.contextmanager
def locked(name):
    """Against other runs, from other checkouts, which share the cache."""
    where = os.path.join(CACHE, "locks")
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, name), "w") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"note: waiting for another run, which fetches {name}", flush=True)
            fcntl.flock(f, fcntl.LOCK_EX)
        yield


def fresh(path):
    """Is this stamp's age such that nothing is to be looked for?"""
    return os.path.exists(path) and time.time() - os.path.getmtime(path) < LISTS_AGE


class Apt:
    """`with Apt(arch, suites) as apt:`; entering it brings the package lists up to date."""

    def __init__(self, arch, suites):
        self.arch, self.suites = arch, list(suites)
        self.dir = os.path.join(CACHE, "apt", "-".join([arch] + self.suites))

    def __enter__(self):
        if not shutil.which("apt-get"):
            raise Unavailable("there is no apt-get to fetch kernels with")
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked(os.path.basename(self.dir)))
            self._enter()
            self._lock = stack.pop_all()
        return self

    def _enter(self):
        for d in ("lists/partial", "archives/partial", "parts"):
            os.makedirs(os.path.join(self.dir, d), exist_ok=True)
        open(self._path("status"), "a").close()
        with open(self._path("sources.list"), "w") as f:
            for suite in self.suites:
                archive = "debian-security" if suite.endswith("-security") else "debian"
                f.write(f"deb [signed-by={KEYRING}] {MIRROR}/{archive} {suite} main\n")
        self._update()

    def __exit__(self, *_exc):
        self._clean()
        self._lock.close()

    def _clean(self):
        for f in glob.glob(self._path("archives/*.deb")):
            os.unlink(f)

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _call(self, tool, *args, **kw):
        opts = {"Dir::Etc::SourceList": self._path("sources.list"),
                "Dir::Etc::SourceParts": self._path("parts"),
                "Dir::State": self.dir, "Dir::State::Status": self._path("status"),
                "Dir::State::Lists": self._path("lists"),
                "Dir::Cache": self.dir, "Dir::Cache::Archives": self._path("archives"),
                "Dir::Log": self.dir,
                "APT::Architecture": self.arch, "APT::Architectures": self.arch,
                "APT::Sandbox::User": "root", "APT::Install-Recommends": "false",
                "Acquire::Languages": "none", "Acquire::Retries": "3",
                "Acquire::http::Timeout": "30", "Debug::NoLocking": "true"}
        argv = [tool, "-q"]
        for k, v in opts.items():
            argv += ["-o", f"{k}={v}"]
        return run(argv + list(args), env=dict(os.environ, LC_ALL="C"), **kw)

    def _update(self):
        stamp = self._path("updated")
        if fresh(stamp):
            return
        if _unreachable:
            raise Unavailable(_unreachable[0])
        r = self._call("apt-get", "-o", "APT::Update::Error-Mode=any", "update")
        if r.returncode:
            why = [x for x in r.stdout.splitlines() if x.startswith(("E:", "W:", "Err"))]
            _unreachable.append(f"Debian's package lists cannot be fetched: {(why or ['?'])[-1]}")
            raise Unavailable(_unreachable[0])
        open(stamp, "w").close()

    def names(self, prefix):
        return self._call("apt-cache", "pkgnames", prefix).stdout.split()

    def depends(self, name):
        """Names that a package depends on."""
        for line in self._call("apt-cache", "show", "--no-all-versions", name).stdout.splitlines():
            if line.startswith("Depends: "):
                return [d.split()[0] for d in line[9:].split(",")]
        return []

    def unpack(self, names, to):
        """These packages, as they are.  False: not to be had."""
        r = self._call("apt-get", "download", *names, cwd=self._path("archives"))
        if r.returncode:
            self._clean()
            return False
        self._unpack_all(to)
        return True

    def unpack_closure(self, names, to):
        """These and all that they depend on."""
        r = self._call("apt-get", "-y", "--download-only", "install", *names)
        if r.returncode:
            raise Unavailable(f"packages for the {self.arch} guests cannot be fetched: "
                              f"{r.stdout.strip().splitlines()[-1]}")
        self._unpack_all(to)

    def _unpack_all(self, to):
        for deb in sorted(glob.glob(self._path("archives/*.deb"))):
            r = run(["dpkg-deb", "-x", deb, to])
            if r.returncode:
                raise AssertionError(f"{deb}: {r.stdout}")
            os.unlink(deb)
