# SPDX-License-Identifier: MIT
"""A GRUB image that boots on BIOS and on UEFI."""
import os
import shutil
import subprocess
import tempfile

import debian


def write(out, kernel, initrd, kargs, hyp=None, hyp_args=""):
    """Write the ISO `out`: hypervisor (or none), kernel, initramfs.

    `initrd` is bytes or the path of a file.
    """
    for d, package in (("i386-pc", "grub-pc-bin"), ("x86_64-efi", "grub-efi-amd64-bin")):
        if not os.path.isdir("/usr/lib/grub/" + d):
            raise debian.Refused("GRUB for %s is missing: install %s" % (d, package))
    work = tempfile.mkdtemp(prefix="bulkhead-iso.")
    try:
        boot = work + "/boot"
        os.makedirs(boot + "/grub")
        put(kernel, boot + "/kernel")
        put(initrd, boot + "/initrd")
        if hyp:
            put(hyp, boot + "/bulkhead")
            entry = "\tmultiboot2 /boot/bulkhead %s\n\tmodule2 /boot/kernel %s\n\tmodule2 /boot/initrd\n" % (hyp_args, kargs)
        else:
            entry = "\tlinux /boot/kernel %s\n\tinitrd /boot/initrd\n" % kargs
        with open(boot + "/grub/grub.cfg", "w") as f:
            f.write("set timeout=0\nserial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n"
                    "menuentry Bulkhead {\n%s}\n" % entry)
        r = subprocess.run(["grub-mkrescue", "-o", out, work], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if r.returncode:
            raise debian.Refused("grub-mkrescue: " + r.stdout.strip()[-400:])
    finally:
        shutil.rmtree(work)


def put(what, path):
    if isinstance(what, bytes):
        with open(path, "wb") as f:
            f.write(what)
    else:
        shutil.copyfile(what, path)
