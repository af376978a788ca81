# SPDX-License-Identifier: MIT
"""A QEMU machine with its serial line in our hands.

Waiting is always for a condition on what the machine printed, with a time
limit; when it does not come, the last lines printed are the message.
"""
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

OVMF = [("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd")]
CPU = os.environ.get("BULKHEAD_CPU", "Nehalem,+rdrand")         # QEMU 7.2 emulates SMAP wrongly for rings 1 and 3


ESCAPES = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")


class TimeOut(Exception):
    pass


def disk_options(disks, iops=0):
    """QEMU's options for the control domain's disks, /dev/vda and on.  What is
    written is forgotten at the end, so that a disk can be used again, and so
    nothing waits for this machine's own disk.  They make at most so many
    transfers a second (0: as many as they can)."""
    out = []
    slow = ",throttling.iops-total=%d" % iops if iops else ""
    for n, path in enumerate(disks):
        out += ["-drive", "id=disk%d,if=none,format=raw,snapshot=on,cache=unsafe%s,file=%s" % (n, slow, path),
                "-device", "virtio-blk-pci,drive=disk%d" % n]
    return out


def cdrom(iso, machine, ide):
    """The drive we start from.  The firmware reads a machine's own IDE drive
    word by word; from a SATA one, which pc does not have by itself, memory is
    filled."""
    bus, more = "ide.2", []
    if "q35" not in machine:
        bus, more = ("ide.1", []) if ide else ("sata.0", ["-device", "ich9-ahci,id=sata"])
    return more + ["-drive", "id=cd,if=none,media=cdrom,format=raw,readonly=on,file=" + iso,
                   "-device", "ide-cd,drive=cd,bus=%s,bootindex=0" % bus]


def accelerator(threads):
    """One thread for all CPUs: with a thread for each, QEMU 7.2 can translate an
    instruction while another CPU writes it, and keep what it was.  A kernel that
    patches its code then runs into its own breakpoint for ever."""
    return os.environ.get("BULKHEAD_ACCEL", "tcg,thread=" + ("multi" if threads else "single"))


def command(iso, smp=1, memory="2G", machine="pc", uefi=False, cpu=None, extra=(), workdir=None, disks=(), iops=0, uplink=False, ide=False, threads=False):
    accel = accelerator(threads)
    cmd = ["qemu-system-x86_64", "-machine", machine, "-accel", accel, "-cpu", cpu or CPU, "-smp", str(smp),
           "-m", str(memory), "-nodefaults", "-display", "none", "-no-reboot", "-boot", "d"]
    if uefi:
        code, variables = next(((c, v) for c, v in OVMF if os.path.exists(c)), (None, None))
        if not code:
            raise RuntimeError("the UEFI firmware is missing: install ovmf")
        shutil.copyfile(variables, workdir + "/vars.fd")
        cmd += ["-drive", "if=pflash,format=raw,readonly=on,file=" + code,
                "-drive", "if=pflash,format=raw,file=%s/vars.fd" % workdir]
    cmd += cdrom(iso, machine, ide)
    cmd += disk_options(disks, iops)
    if uplink:
        cmd += ["-netdev", "user,id=uplink", "-device", "virtio-net-pci,netdev=uplink,romfile="]
    return cmd + list(extra)


class Machine:
    def __init__(self, iso, limit=300, echo=None, log=None, prefix=(), **options):
        self.work = tempfile.mkdtemp(prefix="bulkhead-vm.")
        self.deadline = time.monotonic() + limit
        self.started = time.monotonic()
        self.text, self.rest = "", ""
        self.mark = 0           # everything before it has been waited for
        self.echo, self.log = echo, open(log, "w", errors="replace") if log else None
        self.fresh = True       # the log's next character begins a line
        cmd = list(prefix) + command(iso, workdir=self.work, **options) + ["-serial", "stdio"]
        self.command = cmd
        self.proc = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.proc.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.stop()

    def seconds(self):
        return time.monotonic() - self.started

    def _read(self, timeout):
        """Take what has come; False when the machine has ended."""
        ready, _, _ = select.select([self.proc.stdout], [], [], max(0, timeout))
        if not ready:
            return True
        try:
            data = os.read(self.proc.stdout.fileno(), 65536)
        except BlockingIOError:
            return True
        if not data:
            self.proc.wait()
            return False
        text = self.rest + data.decode("utf-8", "replace").replace("\r", "")
        # What a terminal would act on is no text; it may come in two parts.
        text = ESCAPES.sub("", text)
        cut = text.rfind("\x1b")
        self.rest, text = (text[cut:], text[:cut]) if 0 <= cut > len(text) - 8 else ("", text)
        self.text += text
        for f, what in (self.echo, text), (self.log, self._timed(text)):
            if f:
                f.write(what)
                f.flush()
        return True

    def processor_seconds(self):
        """What the machine has taken of this one's processors so far."""
        try:
            with open("/proc/%d/stat" % self.proc.pid) as f:
                spent = f.read().rpartition(")")[2].split()[11:13]
        except OSError:
            return 0.0
        return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")

    def _timed(self, text):
        """The same, and in front of each line when it came, in seconds of the
        clock and of processor time."""
        stamp = "%6.1f %6.1f  " % (self.seconds(), self.processor_seconds())
        lines = text.splitlines(True)
        out = "".join((stamp if n or self.fresh else "") + line for n, line in enumerate(lines))
        if lines:
            self.fresh = lines[-1].endswith("\n")
        return out

    def expect(self, pattern, timeout=None, what=None):
        """Wait until the output since the last match matches `pattern`."""
        regex = re.compile(pattern, re.M) if isinstance(pattern, str) else pattern
        end = min(self.deadline, time.monotonic() + timeout) if timeout else self.deadline
        alive = True
        while True:
            m = regex.search(self.text, self.mark)
            if m:
                self.mark = m.end()
                return m
            if not alive:
                raise TimeOut("the machine ended (status %s) before %s" % (self.proc.returncode, what or repr(regex.pattern)))
            if time.monotonic() >= end:
                raise TimeOut("after %.0f s still no %s" % (self.seconds(), what or repr(regex.pattern)))
            alive = self._read(min(1.0, end - time.monotonic()))

    def send(self, text):
        self.proc.stdin.write(text.encode())
        self.proc.stdin.flush()

    def wait_end(self, timeout=60):
        """Wait until the machine has switched itself off."""
        end = min(self.deadline, time.monotonic() + timeout)
        while self._read(min(1.0, max(0, end - time.monotonic()))):
            if time.monotonic() >= end:
                raise TimeOut("the machine did not switch itself off within %d s" % timeout)
        return self.proc.returncode

    def last_lines(self, n=40):
        return "\n".join(self.text.rstrip().split("\n")[-n:])

    def stop(self):
        if self.proc.poll() is None:
            self.proc.kill()
            self.proc.wait()
        if self.log:
            self.log.close()
        shutil.rmtree(self.work, ignore_errors=True)


def interactive(iso, **options):
    """Run the machine on this terminal; Ctrl-a x ends it."""
    work = tempfile.mkdtemp(prefix="bulkhead-vm.")
    try:
        return subprocess.call(command(iso, workdir=work, **options) + ["-serial", "mon:stdio"])
    finally:
        subprocess.call(["stty", "sane"], stderr=subprocess.DEVNULL) if sys.stdin.isatty() else None
        shutil.rmtree(work, ignore_errors=True)
