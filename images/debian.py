# SPDX-License-Identifier: MIT
"""Debian packages, fetched and unpacked without root.

Packages come from `apt-get download` and are unpacked by `dpkg-deb -x` into a
cache (BULKHEAD_CACHE, else ~/.cache/bulkhead), one folder per package and
version.  Nothing is installed.
"""
import functools
import glob
import os
import re
import shutil
import subprocess
import sys


class Refused(Exception):
    pass


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.environ.get("BULKHEAD_CACHE") or os.path.join(home, "bulkhead")
    os.makedirs(path, exist_ok=True)
    return path


def say(*words):
    print("images:", *words, file=sys.stderr, flush=True)


@functools.cache
def candidate(package):
    """The version that apt would install, or None."""
    out = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True,
                         env={**os.environ, "LC_ALL": "C"}).stdout
    m = re.search(r"^  Candidate: (\S+)$", out, re.M)
    return m[1] if m and m[1] != "(none)" else None


@functools.cache
def real_kernel(meta):
    """The package with the kernel in it that a meta-package depends on."""
    out = subprocess.run(["apt-cache", "depends", "--important", meta], capture_output=True, text=True,
                         env={**os.environ, "LC_ALL": "C"}).stdout
    for m in re.finditer(r"Depends: (linux-image-\d\S*)", out):
        return m[1]
    raise Refused("apt knows no kernel behind %s (is /etc/apt/sources.list filled, and was `apt-get update` run?)" % meta)


@functools.cache
def unpacked(package):
    """The folder with the files of a package; fetched when it is missing."""
    version = candidate(package)
    if not version:
        old = sorted(glob.glob(os.path.join(cache(), "pkg", package + "_*")))
        if old:
            return old[-1]
        raise Refused("apt knows no package %s" % package)
    name = "%s_%s" % (package, version.replace(":", "%3a"))
    path = os.path.join(cache(), "pkg", name)
    if os.path.isdir(path):
        return path
    tmp = path + ".new.%d" % os.getpid()
    shutil.rmtree(tmp, ignore_errors=True)
    os.makedirs(tmp + "/deb")
    say("fetching", package, version)
    # The download method drops root for a user who cannot see our folder.
    r = subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "%s=%s" % (package, version)],
                       cwd=tmp + "/deb", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    debs = glob.glob(tmp + "/deb/*.deb")
    if not debs:
        shutil.rmtree(tmp)
        raise Refused("apt-get download %s: %s" % (package, r.stdout.strip() or "nothing came"))
    subprocess.check_call(["dpkg-deb", "-x", debs[0], tmp + "/root"])
    shutil.rmtree(tmp + "/deb")
    try:
        os.rename(tmp + "/root", path)
    except OSError:
        if not os.path.isdir(path):
            raise
    shutil.rmtree(tmp, ignore_errors=True)
    return path


class Kernel:
    """A stock Debian kernel: its vmlinuz, the ELF inside it, its modules."""

    def __init__(self, meta="linux-image-amd64"):
        self.package = meta if re.match(r"linux-image-\d+\.\d+\.", meta) else real_kernel(meta)
        self.root = unpacked(self.package)
        found = glob.glob(self.root + "/boot/vmlinuz-*")
        if not found:
            raise Refused("package %s holds no /boot/vmlinuz-*" % self.package)
        self.vmlinuz = found[0]
        self.version = os.path.basename(self.vmlinuz)[len("vmlinuz-"):]

    @property
    def vmlinux(self):
        out = os.path.join(cache(), "vmlinux-" + self.version + "-" + os.path.basename(self.root).split("_")[1])
        if not os.path.exists(out):
            here = os.path.dirname(os.path.abspath(__file__))
            subprocess.check_call([sys.executable, os.path.join(here, "unpack-kernel"), self.vmlinuz, out])
        return out

    def modules(self, names):
        """Files of these modules and what they need, in the order to load."""
        by_name, done = {}, []
        for base in ("/lib", "/usr/lib"):
            for f in glob.glob(self.root + base + "/modules/*/kernel/**/*.ko*", recursive=True):
                by_name[os.path.basename(f).split(".ko")[0].replace("-", "_")] = f

        def visit(name):
            f = by_name.get(name.replace("-", "_"))
            if not f or f in done:
                return
            for need in module_depends(f):
                visit(need)
            done.append(f)

        for n in names:
            visit(n)
        return done


def module_bytes(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".xz"):
        import lzma
        return lzma.decompress(data)
    return data


def module_depends(path):
    m = re.search(rb"\0depends=([^\0]*)\0", module_bytes(path))
    return [n for n in m[1].decode().split(",") if n] if m else []
