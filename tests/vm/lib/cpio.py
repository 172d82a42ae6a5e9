# SPDX-License-Identifier: BSD-2-Clause
"""An initramfs archive (cpio, "newc"), written from a list of files, without a staging copy."""

import os
import stat


class Archive:
    def __init__(self):
        self.entries = {"": (stat.S_IFDIR | 0o755, None)}

    def dir(self, path):
        path = path.strip("/")
        if path in self.entries:
            return
        self.dir(os.path.dirname(path))
        self.entries[path] = (stat.S_IFDIR | 0o755, None)

    def _add(self, path, mode, what):
        path = path.strip("/")
        self.dir(os.path.dirname(path))
        self.entries[path] = (mode, what)

    def file(self, path, source, mode=None):
        """`source`: a path, or bytes."""
        if mode is None:
            mode = 0o644 if isinstance(source, bytes) else os.stat(source).st_mode & 0o777
        self._add(path, stat.S_IFREG | mode, source)

    def link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def has(self, path):
        return path.strip("/") in self.entries

    def write(self, path):
        with open(path + ".new", "wb") as f:
            for n, (name, (mode, what)) in enumerate(self.entries.items(), 1):
                data = b"" if what is None else what
                if isinstance(what, str):
                    with open(what, "rb") as src:
                        data = src.read()
                _entry(f, n, name or ".", mode, data)
            _entry(f, 0, "TRAILER!!!", 0, b"")
        os.rename(path + ".new", path)


def _entry(f, inode, name, mode, data):
    name = name.encode() + b"\0"
    head = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
    f.write(b"070701" + b"".join(b"%08x" % x for x in head) + name)
    _pad(f)
    f.write(data)
    _pad(f)


def _pad(f):
    f.write(b"\0" * (-f.tell() % 4))
