# SPDX-License-Identifier: MIT
"""A disk with a small Debian on it, built from packages without root.

  guestdisk.py OUT.img [--kernel PACKAGE]... [--size MIB]

mmdebstrap installs the packages into an archive (kept in the cache); under
fakeroot the archive becomes a folder, our few files are added, and mke2fs
turns the folder into a file system.  Nothing is mounted, so a user can do it.
The disk has a partition table and one partition, with GRUB's menu in it: the
guest brings its own kernel.
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import debian
import initramfs

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = "bookworm"
PACKAGES = ["systemd-sysv", "udev", "ifupdown", "udhcpc", "iproute2", "iputils-ping",
            "netbase", "kmod", "e2fsprogs", "procps", "busybox-static"]
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*",
            "/usr/share/info/*", "/usr/share/bug/*", "/usr/share/lintian/*",
            "/lib/udev/hwdb.d/*", "/usr/lib/udev/hwdb.d/*", "/usr/share/zoneinfo/*"]
# What the root disk needs (in the initrd); virtio is for trying the disk in QEMU by itself.
BOOT_MODULES = ["xen-blkfront", "crc32c_generic", "crc32c-intel", "ext4", "virtio_pci", "virtio_blk"]
# What udev may ask for later.
MODULES = ["xen-netfront", "autofs4", "configfs", "virtio_net", "fuse", "loop", "dm-mod", "evdev", "isofs",
           "xfs", "efivarfs", "ip_tables", "nf_tables"]
PARTITION_AT = 1 << 20

FILES = {
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/fstab": "LABEL=root / ext4 defaults,errors=remount-ro 0 0\n",
    "etc/network/interfaces": "auto lo\niface lo inet loopback\n" + "".join(
        "\nallow-hotplug %s\niface %s inet dhcp\n\thostname debian\n" % (n, n) for n in
        ["enX0", "enX1", "enX2", "enX3", "eth0", "eth1"]),
    "etc/motd": "\nThis is Debian in a Bulkhead guest. Ctrl-] goes back to the control domain.\n\n",
    "etc/issue": "Debian GNU/Linux 12, a Bulkhead guest: log in as root, there is no password\n\\n \\l\n\n",
    # A console needs no size and no colours before it is looked at.
    "etc/systemd/system/serial-getty@hvc0.service.d/fast.conf":
        "[Service]\nExecStart=\nExecStart=-/sbin/agetty -o '-p -- \\\\u' 115200,38400,9600 %I $TERM\n",
    # A card is brought up when it appears, and the login does not wait for it.
    "etc/systemd/system/ifup@.service.d/alone.conf":
        "[Unit]\nConditionPathIsDirectory=\n[Service]\nRuntimeDirectory=network\nRuntimeDirectoryPreserve=yes\n",
    "etc/systemd/system.conf.d/quick.conf": "[Manager]\nDefaultTimeoutStartSec=300s\n",
    "etc/systemd/journald.conf.d/small.conf": "[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n",
    "etc/sysctl.d/quiet.conf": "kernel.printk = 4 4 1 7\n",
}
# Units that cost time at boot and mean nothing here.
MASKED = ["networking.service", "ifupdown-pre.service", "getty-static.service", "systemd-journal-flush.service",
          "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "dpkg-db-backup.timer",
          "apt-daily.timer", "apt-daily-upgrade.timer", "motd-news.timer", "systemd-pstore.service",
          "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service", "systemd-machine-id-commit.service",
          "systemd-hwdb-update.service", "ldconfig.service", "systemd-journal-catalog-update.service",
          "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
          "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "systemd-binfmt.service",
          "proc-sys-fs-binfmt_misc.automount", "systemd-ask-password-console.path", "systemd-ask-password-wall.path",
          "getty@tty1.service", "modprobe@configfs.service", "modprobe@dm_mod.service", "modprobe@drm.service",
          "modprobe@efi_pstore.service", "modprobe@fuse.service", "modprobe@loop.service", "kmod-static-nodes.service"]
MENU = """set timeout=0
menuentry "Debian" {
	linux /boot/%s root=LABEL=root rw console=hvc0 %s
	initrd /boot/%s
}
"""
CMDLINE = "quiet"


def sources():
    """Debian's entries of this machine's sources.list, as lines."""
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                          "Created-By: Packages", "Origin: Debian"], capture_output=True, text=True).stdout
    lines = sorted({"deb " + l for l in out.split("\n") if re.match(r"\S+ %s\S* main$" % SUITE, l)})
    return lines or ["deb http://deb.debian.org/debian %s main" % SUITE]


def archive():
    """The installed system as a tar file in the cache."""
    options = ["--variant=essential", "--architectures=amd64", "--include=" + ",".join(PACKAGES)]
    options += ["--dpkgopt=path-exclude=" + p for p in LEFT_OUT]
    options += ["--aptopt=Acquire::Languages \"none\""]
    name = hashlib.sha256(json.dumps([SUITE, options]).encode()).hexdigest()[:12]
    path = os.path.join(debian.cache(), "debian-%s-%s.tar" % (SUITE, name))
    if os.path.exists(path):
        return path
    debian.say("installing Debian %s into an archive" % SUITE)
    tmp = "%s.new.%d" % (path, os.getpid())
    r = subprocess.run(["mmdebstrap", "--format=tar", *options, SUITE, tmp, *sources()],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        if os.path.exists(tmp):
            os.unlink(tmp)
        raise debian.Refused("mmdebstrap: " + r.stdout.strip()[-800:])
    os.rename(tmp, path)
    return path


def initrd(kernel):
    return initramfs.base(os.path.join(HERE, "guest-disk-init"), kernel.modules(BOOT_MODULES)).bytes()


def put(root, name, data, mode=0o644):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb" if isinstance(data, bytes) else "w") as f:
        f.write(data)
    os.chmod(path, mode)


def grub_can_unpack(vmlinuz):
    """GRUB knows xz and gzip; the cloud kernel is packed with lz4."""
    with open(vmlinuz, "rb") as f:
        data = f.read()
    offset, = struct.unpack_from("<I", data, 0x248)
    at = ((data[0x1f1] or 4) + 1) * 512 + offset
    return data[at:at + 2] in (b"\xfd7", b"\x1f\x8b")


def add_kernel(root, kernel, suffix):
    """One kernel with its modules below /lib/modules and its files in /boot;
    the name of the one that GRUB starts."""
    name = "vmlinuz" + suffix
    shutil.copyfile(kernel.vmlinuz, os.path.join(root, "boot", name))
    if not grub_can_unpack(kernel.vmlinuz):
        name = "vmlinux" + suffix
        shutil.copyfile(kernel.vmlinux, os.path.join(root, "boot", name))
    put(root, "boot/initrd.img" + suffix, initrd(kernel))
    base = "lib/modules/" + kernel.version
    for f in kernel.modules(BOOT_MODULES + MODULES):
        at = f[f.index("/kernel/"):]
        put(root, base + re.sub(r"\.xz$", "", at), debian.module_bytes(f))
    for n in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        src = os.path.join(os.path.dirname(f[:f.index("/kernel/") + 1]), n)
        if os.path.exists(src):
            shutil.copyfile(src, os.path.join(root, base, n))
    subprocess.check_call(["/sbin/depmod", "-b", root, kernel.version])
    return name


def fill(root, kernels):
    """Our files in the unpacked system; runs under fakeroot."""
    for name, text in FILES.items():
        put(root, name, text)
    for old in ("passwd-", "group-", "shadow-", "gshadow-"):
        if os.path.exists(root + "/etc/" + old):    # one of them is nobody's to read
            os.unlink(root + "/etc/" + old)
    for unit in MASKED:
        link = os.path.join(root, "etc/systemd/system", unit)
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink("/dev/null", link)
    shadow = open(root + "/etc/shadow").read()
    open(root + "/etc/shadow", "w").write(re.sub(r"^root:[^:]*:", "root::", shadow, flags=re.M))
    put(root, "etc/machine-id", hashlib.md5(b"bulkhead guest").hexdigest() + "\n")
    menu = ""
    for n, k in enumerate(kernels):
        suffix = "" if n == 0 else "-%d" % n
        menu += MENU % (add_kernel(root, debian.Kernel(k), suffix), CMDLINE, "initrd.img" + suffix)
    put(root, "boot/grub/grub.cfg", menu)


def inside(tar, out, size, kernels):
    """The part that runs under fakeroot: OUT becomes a file system."""
    work = tempfile.mkdtemp(prefix="bulkhead-disk.")
    try:
        root = work + "/root"
        os.makedirs(root)
        subprocess.check_call(["tar", "-C", root, "--exclude=./dev/*", "-xf", tar])
        fill(root, kernels)
        with open(out, "wb") as f:
            f.truncate(size)
        subprocess.check_call(["/sbin/mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, "-O", "has_journal",
                               "-E", "lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0",
                               "-m", "0", "-F", out])
    finally:
        shutil.rmtree(work)


def partition_table(sectors):
    """An MBR with one Linux partition from PARTITION_AT on."""
    mbr = bytearray(512)
    mbr[446:462] = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION_AT // 512, sectors)
    struct.pack_into("<I", mbr, 440, 0x62756c6b)
    mbr[510:] = b"\x55\xaa"
    return bytes(mbr)


# GRUB's first entry is the kernel that the control domain does not have.
KERNELS = ("linux-image-cloud-amd64", "linux-image-amd64")


def build(out, kernels=KERNELS, size_mib=400):
    """Write the disk OUT unless it is there and made of the same things."""
    tar = archive()
    h = hashlib.sha256(repr((tar, kernels, size_mib, [debian.Kernel(k).root for k in kernels])).encode())
    for f in (__file__, "guest-disk-init", "initramfs.py"):
        with open(os.path.join(HERE, f), "rb") as fd:
            h.update(fd.read())
    stamp = out + ".made-of"
    if os.path.exists(out) and os.path.exists(stamp) and open(stamp).read() == h.hexdigest():
        return out
    size = size_mib << 20
    part = out + ".part"
    debian.say("building the Debian disk (%d MiB)" % size_mib)
    r = subprocess.run(["fakeroot", sys.executable, os.path.abspath(__file__), "--inside", tar, part,
                        "--size", str(size), *("--kernel=" + k for k in kernels)],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if r.returncode:
        raise debian.Refused("building the disk: " + r.stdout.strip()[-800:])
    with open(out + ".new", "wb") as f:
        f.write(partition_table(size // 512))
        f.truncate(PARTITION_AT + size)
    subprocess.check_call(["dd", "if=" + part, "of=" + out + ".new", "bs=1M", "seek=1", "conv=notrunc,sparse", "status=none"])
    os.unlink(part)
    os.rename(out + ".new", out)
    with open(stamp, "w") as f:
        f.write(h.hexdigest())
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("part", nargs="?", help=argparse.SUPPRESS)
    p.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--kernel", action="append")
    p.add_argument("--size", type=int, default=400)
    a = p.parse_args()
    kernels = tuple(a.kernel or KERNELS)
    if a.inside:
        inside(a.out, a.part, a.size, kernels)
    else:
        build(a.out, kernels, a.size)


if __name__ == "__main__":
    try:
        main()
    except debian.Refused as e:
        sys.exit("guestdisk: %s" % e)
