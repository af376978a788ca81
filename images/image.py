# SPDX-License-Identifier: MIT
"""Builds what a boot needs, from a build folder of the project.

  image.py OUT.iso --build DIR [--kargs ...] [--hyp FILE] ...
"""
import argparse
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile

import debian
import initramfs
import iso
from cpio import Cpio

HYP_ARGS = "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all"
KARGS = "console=hvc0 net.ifnames=0 rdinit=/init"


@functools.cache
def stage(build):
    """`make install` into BUILD/stage, once; the folder."""
    out = os.path.join(os.path.abspath(build), "stage")
    # Programs of an earlier --prefix would be found before the new ones.
    with open(os.path.join(build, "Makefile")) as f:
        prefix = re.search(r"^prefix = (.*)$", f.read(), re.M)[1]
    mark = out + ".prefix"
    if os.path.isdir(out) and not (os.path.exists(mark) and open(mark).read() == prefix):
        shutil.rmtree(out)
    os.makedirs(out, exist_ok=True)
    with open(mark, "w") as f:
        f.write(prefix)
    r = subprocess.run(["make", "-s", "-C", build, "install", "DESTDIR=" + out],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        raise debian.Refused("make install: " + r.stdout[-800:])
    return out


def hypervisor(build):
    """The hypervisor's ELF file; BULKHEAD_HYP names another one to try."""
    named = os.environ.get("BULKHEAD_HYP")
    found = [named] if named else [os.path.join(build, "hyp-obj", "bulkhead")]
    if not found or not os.path.exists(found[0]):
        raise debian.Refused("no hypervisor in %s (was make run there?)" % (named or build))
    return found[0]


def build_image(out, build, hyp_extra="", kargs_extra="", payload=None, kernel="linux-image-amd64",
                guest_kernels=("linux-image-amd64",), hyp=None, shell_tools=(), files=None):
    """Write the boot image `out`.  `payload` is a folder that becomes /payload;
    guest kernel number n is /boot/vmlinuz (n = 0) or /boot/vmlinuz-n, as its
    package has it, or with ":elf" behind the package's name unpacked; `files`
    are more files by name, bytes or path."""
    k = debian.Kernel(kernel)
    guests = []
    for n, g in enumerate(guest_kernels):
        package, _, form = g.partition(":")
        g = debian.Kernel(package)
        guests.append(("vmlinuz" if n == 0 else "vmlinuz-%d" % n, g.vmlinux if form == "elf" else g.vmlinuz))
    with tempfile.TemporaryDirectory(prefix="bulkhead-img.") as work:
        ird = initramfs.dom0(k, stage(build), work, guests, shell_tools)
        if payload:
            c = Cpio()
            c.tree(payload, "payload")
            ird += c.bytes()
        if files:
            c = Cpio()
            for name, what in sorted(files.items()):
                if isinstance(what, bytes):
                    c.file(name, what)
                else:
                    c.add(what, name)
            ird += c.bytes()
        iso.write(out, k.vmlinux, ird, (KARGS + " " + kargs_extra).strip(),
                  hyp or hypervisor(build),
                  (HYP_ARGS + " " + (hyp_extra or "dom0_mem=768M")).strip())
    debian.say("wrote %s (%d MiB; initramfs %d MiB)" % (out, os.path.getsize(out) >> 20, len(ird) >> 20))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("--build", required=True)
    p.add_argument("--hyp")
    p.add_argument("--hyp-extra", default="")
    p.add_argument("--kargs-extra", default="")
    p.add_argument("--payload")
    a = p.parse_args()
    build_image(a.out, a.build, a.hyp_extra, a.kargs_extra, a.payload, hyp=a.hyp)


if __name__ == "__main__":
    try:
        main()
    except debian.Refused as e:
        sys.exit("image: %s" % e)
