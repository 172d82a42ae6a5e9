# SPDX-License-Identifier: BSD-2-Clause
"""The list of kernels, and the kernels of it that are in the cache."""

import fnmatch
import glob
import hashlib
import os
import re
import shutil

from . import Unavailable, debian

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = os.path.join(HERE, "kernels.list")
BACKENDS = ("fentry", "kprobe", "tracepoint")
MACHINES = {"amd64": "x86_64", "arm64": "arm64"}  # Debian's name -> the Makefile's


class Kernel:
    """A line of the list; dir, release, image once it is in the cache."""

    def __init__(self, name, arch, suite, version, lacks):
        self.name, self.arch, self.suite, self.version = name, arch, suite, version
        self.lacks = [] if lacks == "-" else lacks.split(",")
        self.backends = [b for b in BACKENDS if b not in self.lacks]
        # A changed line has a place of its own; in it each release has one, as another run may use an older.
        key = hashlib.sha256(f"{arch} {suite} {version}".encode()).hexdigest()[:8]
        self.home = os.path.join(debian.CACHE, "kernels", f"{name}-{key}")
        self._dir = None

    @property
    def dir(self):
        """Of the newest in the cache; of the same all the time, once it was asked for."""
        if not self._dir:
            found = self._cached()
            if not found:
                return os.path.join(self.home, "none")
            self._dir = found[-1]
        return self._dir

    def _cached(self):
        """Directories of whole kernels, the newest last."""
        found = [os.path.dirname(p) for p in glob.glob(os.path.join(self.home, "*", "release"))]
        return sorted((d for d in found if not d.endswith(".new")), key=lambda d: _version(os.path.basename(d)))

    @property
    def release(self):
        with open(os.path.join(self.dir, "release")) as f:
            return f.read().strip()

    @property
    def image(self):
        for pattern in ("boot/vmlinuz-", "usr/lib/modules/*/vmlinuz"):
            found = glob.glob(os.path.join(self.dir, pattern + ("*" if pattern.endswith("-") else "")))
            if found:
                return found[0]
        raise AssertionError(f"{self.dir} has no kernel image")

    @property
    def modules(self):
        """The directory with lib/modules/RELEASE in it."""
        for d in (self.dir, os.path.join(self.dir, "usr")):
            if os.path.isdir(os.path.join(d, "lib/modules", self.release)):
                return d
        raise AssertionError(f"{self.dir} has no modules")

    def fetch(self, refresh=False):
        """
        Sees to it that the cache has it; whether there is a newer one is asked once a day, and
        does not matter when it cannot be.
        """
        stamp = os.path.join(self.home, "checked")
        os.makedirs(self.home, exist_ok=True)
        with debian.locked(os.path.basename(self.home)):
            if self._cached() and debian.fresh(stamp) and not refresh:
                return
            try:
                self._fetch()
                open(stamp, "w").close()
            except Unavailable as e:
                if not self._cached():
                    raise
                print(f"note: {self.name}: the kernel in the cache is taken: {e}", flush=True)
            self._dir = None
            for old in self._cached()[:-2]:
                shutil.rmtree(old)

    def _fetch(self):
        pattern = re.compile(fnmatch.translate(f"linux-image-{self.version}-cloud-{self.arch}"))
        with debian.Apt(self.arch, [self.suite]) as apt:
            names = [n for n in apt.names("linux-image-") if pattern.match(n)]
            # Superseded versions stay listed for a while after their files are gone.
            for name in sorted(names, key=_version, reverse=True):
                if self._unpack(apt, name):
                    return
        raise Unavailable(f"no {self.version} kernel for {self.arch} can be fetched from {self.suite}")

    def _unpack(self, apt, name):
        release = name[len("linux-image-"):]
        to = os.path.join(self.home, release)
        if to in self._cached():
            return True
        # Since 6.19 the image package is empty and depends on linux-binary-… and linux-modules-….
        parts = [d for d in apt.depends(name) if d.startswith(("linux-binary-", "linux-modules-"))]
        new = to + ".new"
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(new)
        if not apt.unpack(parts or [name], new):
            shutil.rmtree(new)
            return False
        with open(os.path.join(new, "release"), "w") as f:
            f.write(release + "\n")
        os.rename(new, to)
        return True


def _version(name):
    return [int(x) for x in re.findall(r"\d+", name)]


def load():
    found = []
    with open(LIST) as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                found.append(Kernel(*words))
    return found
