# SPDX-License-Identifier: MIT
"""A writer of initramfs archives ("newc" cpio) that needs no root.

Every entry belongs to root, and device nodes are entries like any other, so no
fakeroot and no mount is involved.  Two archives may be joined end to end.
"""
import os
import stat


class Cpio:
    def __init__(self):
        self.out = bytearray()
        self.seen = set()
        self.ino = 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.ino += 1
        raw = name.encode() + b"\0"
        fields = (self.ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        self.out += b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        self.out += bytes(-len(self.out) % 4)
        self.out += data
        self.out += bytes(-len(self.out) % 4)

    def _parents(self, name):
        parent = os.path.dirname(name)
        if parent and parent not in self.seen:
            self.dir(parent)

    def dir(self, name, mode=0o755):
        name = name.strip("/")
        if not name or name in self.seen:
            return
        self._parents(name)
        self.seen.add(name)
        self._entry(name, stat.S_IFDIR | mode)

    def file(self, name, data, mode=0o644):
        name = name.strip("/")
        if name in self.seen:
            return
        self._parents(name)
        self.seen.add(name)
        if isinstance(data, str):
            data = data.encode()
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        name = name.strip("/")
        if name in self.seen:
            return
        self._parents(name)
        self.seen.add(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def node(self, name, major, minor, mode=0o600):
        name = name.strip("/")
        self._parents(name)
        self.seen.add(name)
        self._entry(name, stat.S_IFCHR | mode, rdev=(major, minor))

    def add(self, path, name, mode=None):
        """Put the file at `path` into the archive as `name`."""
        with open(path, "rb") as f:
            data = f.read()
        self.file(name, data, mode or stat.S_IMODE(os.stat(path).st_mode))

    def tree(self, path, name=""):
        """Put the folder at `path` into the archive below `name`."""
        for top, dirs, files in os.walk(path):
            dirs.sort()
            at = os.path.join(name, os.path.relpath(top, path))
            at = os.path.normpath(at).lstrip("./")
            self.dir(at)
            for f in sorted(files) + [d for d in dirs if os.path.islink(os.path.join(top, d))]:
                src = os.path.join(top, f)
                dst = os.path.join(at, f)
                if os.path.islink(src):
                    self.link(dst, os.readlink(src))
                else:
                    self.add(src, dst)

    def bytes(self):
        """The finished archive, padded so that another may follow."""
        end = bytearray(self.out)
        raw = b"TRAILER!!!\0"
        fields = (0,) * 4 + (1,) + (0,) * 6 + (len(raw), 0)
        end += b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        return bytes(end + bytes(-len(end) % 512))
