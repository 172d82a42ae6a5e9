# SPDX-License-Identifier: BSD-2-Clause
"""
What the guests start from: one archive per architecture (programs, python, the
tests, tcplens), one per kernel (its modules), and the job.  The kernel takes
archives one after the other as one.
"""

import fnmatch
import glob
import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys

from . import Unavailable, cpio, debian, kernels

TOP = os.path.dirname(os.path.dirname(kernels.HERE))
BUILD = os.path.join(TOP, "build", "vm")
SUITES = ["bookworm", "bookworm-security"]  # of the programs, whatever the kernel
TRIPLET = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)

PACKAGES = ["python3", "busybox-static", "iproute2", "nftables", "tcpdump", "kmod", "procps",
            "util-linux", "libcap2-bin"]
PROGRAMS = ["busybox", "python3", "ip", "tc", "ss", "bridge", "nft", "tcpdump", "modprobe",
            "setpriv", "unshare", "nsenter", "capsh", "kill", "ps"]
# What tests/vm/insns measures beside, if it is asked to.
PEER_PACKAGES = ["libbpf-tools"]
PEER_PROGRAMS = ["tcpconnect", "tcptracer", "tcprtt", "tcpstates", "tcplife"]
WITH_PEERS = False
# What a test may well have to do without.
PYTHON_JUNK = ["*/test/*", "*/tests/*", "*/idlelib/*", "*/lib2to3/*", "*/distutils/*",
               "*/ensurepip/*", "*/pydoc_data/*", "*/tkinter/*", "*/turtledemo/*", "*/sqlite3/*",
               "*/config-3*/*", "*/venv/*", "*/xmlrpc/*", "*/wsgiref/*", "*/dbm/*", "*/curses/*"]
MODULES = ["drivers/char/virtio_console", "drivers/virtio/*", "drivers/net/veth",
           "drivers/net/dummy", "drivers/net/ifb", "drivers/net/macvlan", "drivers/net/ipvlan/*",
           "drivers/net/bonding/*", "drivers/net/tun", "drivers/net/vrf", "net/8021q/*",
           "net/bridge/bridge", "net/sched/*", "net/netfilter/nf_*", "net/netfilter/nft_*",
           "net/netfilter/nfnetlink*", "net/ipv4/netfilter/nf_*", "net/ipv6/netfilter/nf_*",
           "net/ipv4/tcp_*", "net/ipv4/*diag*", "net/mptcp/*", "net/xfrm/*", "net/ipv4/esp4",
           "net/ipv6/esp6", "net/tls/*"]


def make(arch, programs=True):
    """Builds tcplens and the tests' programs, static, for the guests (or the BPF object only)."""
    build = os.path.join(BUILD, arch)
    targets = ["static", "live-programs", "vm-programs"] if programs else [f"{build}/tcplens.bpf.o"]
    argv = ["make", "-C", TOP, f"-j{os.cpu_count()}", f"B={build}", "STATIC=1",
            f"ARCH={kernels.MACHINES[arch]}", *targets]
    env = dict(os.environ)
    if arch != HOST and programs:
        cross, root = TRIPLET[arch] + "-", sysroot(arch)
        if not shutil.which(cross + "gcc"):
            raise Unavailable(f"{cross}gcc is not installed (scripts/install-deps --vm)")
        env["PKG_CONFIG_SYSROOT_DIR"] = root
        env["PKG_CONFIG_LIBDIR"] = os.path.join(root, "usr/lib", TRIPLET[arch], "pkgconfig")
        argv += [f"CROSS_COMPILE={cross}", f"CC={cross}gcc --sysroot={root}"]
    r = debian.run(argv, env=env)
    if r.returncode:
        raise AssertionError(f"building for {arch} failed:\n{r.stdout[-3000:]}")
    return build


def cut():
    """The program that cuts a kernel's type information as tcplens does (src/cut.c); its path."""
    path = os.path.join(TOP, "build", "vm", "cut")
    r = debian.run(["make", "-C", TOP, f"-j{os.cpu_count()}", "B=build", "build/vm/cut"])
    if r.returncode:
        raise AssertionError(f"building {path} failed:\n{r.stdout[-3000:]}")
    return path


def _rooted(tag, arch, packages):
    """A directory with these packages and what they need, made once."""
    key = hashlib.sha256(" ".join(SUITES + sorted(packages)).encode()).hexdigest()[:8]
    root = os.path.join(debian.CACHE, f"{tag}-{arch}-{key}")
    with debian.locked(os.path.basename(root)):
        if not os.path.isdir(root):
            _make_root(root, arch, packages)
    return root


def _make_root(root, arch, packages):
    shutil.rmtree(root + ".new", ignore_errors=True)
    os.makedirs(root + ".new")
    with debian.Apt(arch, SUITES) as apt:
        apt.unpack_closure(packages, root + ".new")
    _compile(root + ".new")
    os.rename(root + ".new", root)


def sysroot(arch):
    """Libraries to link with for another architecture: what install-deps lists for this one."""
    with open(os.path.join(TOP, "scripts", "install-deps")) as f:
        listed = re.search(r'^BUILD="([^"]*)"', f.read(), re.M)[1].split()
    return _rooted("sysroot", arch, [p for p in listed if re.fullmatch(r"(lib.*|zlib1g)-dev", p)])


def _compile(root):
    """Python's bytecode: an emulated machine needs long for it.  Without, it is only slower."""
    for lib in glob.glob(os.path.join(root, "usr/lib/python3.*")):
        _compile_dir(lib, os.path.basename(lib))


def _compile_dir(path, python):
    for exe in (sys.executable, "/usr/bin/python3", python):
        tag = "import sys; print('python%d.%d' % sys.version_info[:2])"
        try:
            if debian.run([exe, "-c", tag]).stdout.strip() != python:
                continue
        except OSError:
            continue
        debian.run([exe, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", path])
        return


class _Root:
    """Copies from an unpacked root into an archive: programs with the libraries they need."""

    def __init__(self, archive, root, triplet):
        self.archive, self.root = archive, root
        self.libdirs = [f"lib/{triplet}", f"usr/lib/{triplet}", "lib", "usr/lib", "lib64"]

    def find(self, name, dirs):
        for d in dirs:
            if os.path.lexists(os.path.join(self.root, d, name)):
                return os.path.join(d, name)
        raise AssertionError(f"{name} is not in the packages")

    def program(self, name):
        self.add(self.find(name, ("usr/bin", "bin", "usr/sbin", "sbin")))

    def add(self, path):
        """A file by its path in the root; links with what they lead to, ELF with its libraries."""
        path = os.path.normpath(path).lstrip("/")
        if self.archive.has(path):
            return
        full = os.path.join(self.root, path)
        if os.path.islink(full):
            to = os.readlink(full)
            self.archive.link(path, to)
            self.add(to if to.startswith("/") else os.path.join(os.path.dirname(path), to))
            return
        self.archive.file(path, full)
        with open(full, "rb") as f:
            if f.read(4) != b"\x7fELF":
                return
        said = debian.run(["readelf", "-W", "-d", "-l", full]).stdout
        for lib in re.findall(r"\(NEEDED\).*\[(.*)\]", said):
            self.add(self.find(lib, self.libdirs))
        for interp in re.findall(r"program interpreter: (.*)\]", said):
            self.add(interp)

    def tree(self, path, junk):
        for where, _dirs, files in os.walk(os.path.join(self.root, path)):
            for name in files:
                rel = os.path.relpath(os.path.join(where, name), self.root)
                if not any(fnmatch.fnmatch("/" + rel, j) for j in junk):
                    self.add(rel)


def base(arch, build):
    """The archive of everything but the kernel; its path."""
    archive = cpio.Archive()
    root = _Root(archive, _rooted("guest", arch, PACKAGES), TRIPLET[arch])
    for p in PROGRAMS:
        root.program(p)
    if WITH_PEERS:
        peers = _Root(archive, _rooted("peers", arch, PEER_PACKAGES), TRIPLET[arch])
        for p in PEER_PROGRAMS:
            peers.program(p)
    python = os.path.basename(glob.glob(os.path.join(root.root, "usr/lib/python3.*"))[0])
    root.tree(f"usr/lib/{python}", PYTHON_JUNK)
    for d in ("dev", "proc", "sys", "tmp", "run", "root", "var/run"):
        archive.dir(d)
    archive.link("bin/sh", "busybox")
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    archive.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")
    archive.file("etc/services", b"http 80/tcp\nhttps 443/tcp\nssh 22/tcp\n")
    archive.file("init", os.path.join(kernels.HERE, "init"), 0o755)
    archive.file("usr/bin/vmexit", os.path.join(build, "vm", "vmexit"))
    archive.file("tcplens/build/tcplens", os.path.join(build, "tcplens-static"))
    for p in glob.glob(os.path.join(build, "live", "*")):
        if os.access(p, os.X_OK):
            archive.file("tcplens/build/live/" + os.path.basename(p), p)
    _tests(archive, python)
    path = os.path.join(BUILD, f"base-{arch}.cpio")
    archive.write(path)
    return path


def _tests(archive, python):
    copy = os.path.join(BUILD, "py")
    shutil.rmtree(copy, ignore_errors=True)
    no_cache = shutil.ignore_patterns("__pycache__")
    for part in ("live", "fixtures"):
        shutil.copytree(os.path.join(TOP, "tests", part), os.path.join(copy, "tests", part), ignore=no_cache)
    os.makedirs(os.path.join(copy, "tests/vm"))
    shutil.copy(os.path.join(kernels.HERE, "guest.py"), os.path.join(copy, "tests/vm"))
    os.makedirs(os.path.join(copy, "tests/unit"))
    shutil.copy(os.path.join(TOP, "tests/unit/expr_table.h"), os.path.join(copy, "tests/unit"))
    _compile_dir(copy, python)
    for where, _dirs, files in os.walk(copy):
        for name in files:
            full = os.path.join(where, name)
            archive.file(os.path.join("tcplens", os.path.relpath(full, copy)), full)


def modules(kernel):
    """The archive of a kernel's modules, as modprobe wants them; its path."""
    with debian.locked(os.path.basename(kernel.home)):
        return _modules(kernel)


def _modules(kernel):
    path = os.path.join(kernel.dir, "modules.cpio")
    key = hashlib.sha256(json.dumps(MODULES).encode()).hexdigest()
    if os.path.exists(path) and _read(path + ".key") == key:
        return path
    tree = os.path.join(kernel.dir, "guest")
    shutil.rmtree(tree, ignore_errors=True)
    lib = os.path.join(tree, "lib/modules", kernel.release)
    source = os.path.join(kernel.modules, "lib/modules", kernel.release)
    _depmod(kernel.modules, kernel.release)
    for rel in _wanted(source):
        to = os.path.join(lib, re.sub(r"\.(xz|zst|gz)$", "", rel))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        with open(to, "wb") as f:
            f.write(_unpacked(os.path.join(source, rel)))
    for pattern in ("modules.builtin*", "modules.order"):
        for name in glob.glob(os.path.join(source, pattern)):
            shutil.copy(name, lib)
    _depmod(tree, kernel.release)
    archive = cpio.Archive()
    for where, _dirs, files in os.walk(tree):
        for name in files:
            full = os.path.join(where, name)
            archive.file(os.path.relpath(full, tree), full)
    archive.write(path)
    shutil.rmtree(tree)
    with open(path + ".key", "w") as f:
        f.write(key)
    return path


def _depmod(tree, release):
    r = debian.run(["depmod", "-b", tree, release])
    if r.returncode:
        raise AssertionError(f"depmod: {r.stdout}")


def _wanted(source):
    """Files of the modules that match MODULES, and of those they need."""
    needs = {}
    with open(os.path.join(source, "modules.dep")) as f:
        for line in f:
            name, _, deps = line.partition(":")
            needs[name] = deps.split()
    found = set()
    for name in needs:
        plain = re.sub(r"^kernel/|\.ko(\..*)?$", "", name)
        if any(fnmatch.fnmatch(plain, m) for m in MODULES):
            found |= {name, *needs[name]}
    return sorted(found)


def _unpacked(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    tool = {".zst": "zstd", ".gz": "gzip"}.get(os.path.splitext(path)[1])
    if tool:
        return subprocess.run([tool, "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return None


def initramfs(path, parts, content):
    """All archives and what the job is in one file."""
    job = cpio.Archive()
    job.file("job.json", json.dumps(content).encode())
    job.write(path + ".job")
    with open(path, "wb") as f:
        for part in [*parts, path + ".job"]:
            with open(part, "rb") as src:
                shutil.copyfileobj(src, f)
            f.write(b"\0" * (-f.tell() % 512))
    os.unlink(path + ".job")
