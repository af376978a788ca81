# SPDX-License-Identifier: MIT
"""The two small user spaces: the control domain's and the example guest's."""
import gzip
import os
import re
import subprocess

import debian
from cpio import Cpio

HERE = os.path.dirname(os.path.abspath(__file__))
DOM0_MODULES = ["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs"]
# Loaded if the machine has such a device.
DEVICE_MODULES = ["virtio_pci", "virtio_blk", "virtio_net"]
# What guests' networks need: the kernel asks for them when it does, by modprobe.
NETWORK_MODULES = ["tun", "bridge", "veth", "nf_tables", "nft_ct", "nft_masq", "nft_chain_nat", "nft_meta_bridge", "sch_tbf", "af_packet", "crc32c_generic"]


def busybox():
    if os.access("/bin/busybox", os.X_OK) and b"not a dynamic" in subprocess.run(
            ["ldd", "/bin/busybox"], capture_output=True).stderr:
        return "/bin/busybox"
    root = debian.unpacked("busybox-static")
    return next(p for p in (root + "/bin/busybox", root + "/usr/bin/busybox") if os.path.exists(p))


def base(init, load=()):
    """An archive with busybox, /init, the device nodes and modules to load."""
    c = Cpio()
    for d in ("bin", "sbin", "dev", "proc", "sys", "run", "tmp", "root", "etc", "mnt", "var/log", "var/lib", "usr/bin", "usr/sbin"):
        c.dir(d)
    c.node("dev/console", 5, 1)
    c.node("dev/null", 1, 3, 0o666)
    c.add(busybox(), "bin/busybox", 0o755)
    for a in ("sh", "mount", "mkdir", "insmod", "cat", "echo"):
        c.link("bin/" + a, "busybox")
    c.add(init, "init", 0o755)
    c.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    c.file("etc/group", "root:x:0:\nnogroup:x:65534:\n")
    names = []
    for f in load:
        names.append(os.path.basename(f).split(".ko")[0] + ".ko")
        c.file("lib/modules/" + names[-1], debian.module_bytes(f))
    c.file("lib/modules/load", "".join("/lib/modules/%s\n" % n for n in names))
    return c


def guest():
    """The example guest's initramfs, gzipped."""
    c = base(os.path.join(HERE, "guest-init"))
    for a in ("poweroff", "reboot"):
        # The kernel calls these when the control domain asks for it.
        c.file("sbin/" + a, "#!/bin/sh\nexec /bin/busybox %s -f\n" % a, 0o755)
    return gzip.compress(c.bytes(), 6, mtime=0)


def shared_libraries(paths, libdirs):
    """What `ldd` says these programs need: {name in the image: host file}."""
    env = {**os.environ, "LC_ALL": "C", "LD_LIBRARY_PATH": ":".join(libdirs)}
    found = {}
    for p in paths:
        out = subprocess.run(["ldd", p], capture_output=True, text=True, env=env).stdout
        for m in re.finditer(r"(?:(\S+) => )?(/\S+) \(0x", out):
            name = m[2] if not m[1] or m[1].startswith("/") else "/lib/x86_64-linux-gnu/" + m[1]
            found[name] = m[2]
        m = re.search(r"(\S+) => not found", out)
        if m:
            raise debian.Refused("%s needs %s, which is not here" % (p, m[1]))
    return found


def small_icu(path, workdir):
    """A stand-in for ICU's 30 MB of data tables.

    libxml2 links ICU for exotic encodings; our XML is UTF-8, which libxml2
    knows by itself.  A library of the same name with no tables in it makes ICU
    answer "no such converter", and keeps the boot image small.
    """
    name = os.path.basename(path)
    version = re.search(r"\.so\.(\d+)", name)[1]
    out = os.path.join(workdir, name)
    src = "const char icudt%s_dat[64] __attribute__((aligned(16))) = { 0 };\n" % version
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-Wl,-soname," + name, "-o", out],
                   input=src.encode(), check=True)
    return out


def add_on_demand(c, kernel, names, workdir):
    """Modules that the kernel loads when something asks for them."""
    top = os.path.join(workdir, "modules")
    folder = "lib/modules/" + kernel.version
    os.makedirs(os.path.join(top, folder), exist_ok=True)
    for f in kernel.modules(names):
        name = os.path.basename(f).split(".ko")[0] + ".ko"
        with open(os.path.join(top, folder, name), "wb") as out:
            out.write(debian.module_bytes(f))
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        open(os.path.join(top, folder, name), "w").close()
    depmod = next((p for p in ("/sbin/depmod", "/usr/sbin/depmod") if os.path.exists(p)), None)
    if not depmod:
        raise debian.Refused("depmod is missing: install kmod")
    subprocess.run([depmod, "-b", top, kernel.version], check=True, stderr=subprocess.DEVNULL)
    for f in sorted(os.listdir(os.path.join(top, folder))):
        if f.endswith(".ko") or f in ("modules.dep", "modules.alias", "modules.symbols"):
            c.add(os.path.join(top, folder, f), folder + "/" + f, 0o644)
    c.node("dev/net/tun", 10, 200, 0o666)


def dnsmasq():
    """The name server of guests' networks: Debian's."""
    if os.access("/usr/sbin/dnsmasq", os.X_OK):
        return "/usr/sbin/dnsmasq"
    return debian.unpacked("dnsmasq-base") + "/usr/sbin/dnsmasq"


def elf_files(tree):
    for top, _, files in os.walk(tree):
        for f in files:
            p = os.path.join(top, f)
            if os.path.islink(p) or not os.path.isfile(p):
                continue
            with open(p, "rb") as fd:
                if fd.read(4) == b"\x7fELF":
                    yield p


def dom0(kernel, stage, workdir, guest_kernels=(), shell_tools=()):
    """The control domain's initramfs, not packed (unpacking costs boot time).

    `stage` is where `make install DESTDIR=` put the project, or None.
    """
    c = base(os.path.join(HERE, "dom0-init"), kernel.modules(DOM0_MODULES))
    names = []
    for f in kernel.modules(DEVICE_MODULES):
        names.append("/lib/modules/%s.ko" % os.path.basename(f).split(".ko")[0])
        c.file(names[-1], debian.module_bytes(f))
    c.file("lib/modules/load-virtio", "".join(n + "\n" for n in names))
    for a in ("poweroff", "reboot", "halt"):
        c.file("sbin/" + a, "#!/bin/sh\nexec /bin/busybox %s -f\n" % a, 0o755)
    c.add(os.path.join(HERE, "motd"), "etc/motd")
    c.file("etc/hostname", "dom0\n")
    c.tree(os.path.join(HERE, "examples"), "etc/bulkhead/examples")
    progs, libdirs = [], []
    if stage:
        add_on_demand(c, kernel, NETWORK_MODULES, workdir)
        c.add(dnsmasq(), "usr/sbin/dnsmasq", 0o755)
        progs.append(dnsmasq())
        for top, _, files in os.walk(stage):
            if any(re.match(r"lib.*\.so", f) for f in files):
                libdirs.append(top)
        # What a running system needs: not the manual pages, headers and .a
        for top, dirs, files in os.walk(stage):
            dirs.sort()
            rel = os.path.relpath(top, stage)
            if re.search(r"/(man|include|pkgconfig|doc|boot)(/|$)", "/" + rel):
                continue
            for f in sorted(files):
                src = os.path.join(top, f)
                if f.endswith((".la", ".a")):
                    continue
                if os.path.islink(src):
                    c.link(os.path.join(rel, f), os.readlink(src))
                    continue
                with open(src, "rb") as fd:
                    is_elf = fd.read(4) == b"\x7fELF"
                if is_elf:
                    progs.append(src)
                    slim = os.path.join(workdir, "strip." + f)
                    subprocess.check_call(["strip", "-o", slim, src])
                    src = slim
                c.add(src, os.path.join(rel, f))
        c.file("etc/ld-path", ":".join("/" + os.path.relpath(d, stage) for d in libdirs) + "\n")
    progs += list(shell_tools)
    for name, path in sorted(shared_libraries(progs, libdirs).items()):
        if stage and path.startswith(os.path.abspath(stage) + "/"):
            continue
        if os.path.basename(path).startswith("libicudata.so"):
            path = small_icu(path, workdir)
        c.add(path, name, 0o755)
    for t in shell_tools:
        c.add(t, "usr/bin/" + os.path.basename(t), 0o755)
    for name, path in guest_kernels:
        c.add(path, "boot/" + name)
    c.file("usr/share/bulkhead/guest.cpio.gz", guest())
    return c.bytes()
