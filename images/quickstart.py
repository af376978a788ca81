# SPDX-License-Identifier: MIT
"""The second half of ./quickstart: the image is made and started."""
import argparse
import os
import random
import re
import sys

import debian
import guestdisk
import image
import machine

SMALL = {"name": "example", "prompt": r"guest# "}
DEBIAN = {"name": "debian", "prompt": r"root@debian:~# "}


def log_in(m):
    """From the first line of Debian's kernel to root's prompt."""
    m.expect(r"^debian login: ", what="login prompt of the Debian guest")
    m.send("root\n")
    m.expect(DEBIAN["prompt"], what="root's prompt in the Debian guest")


def ask_the_network(m):
    """The guest must have an address by DHCP, reach its gateway, and resolve."""
    def ask(line, answer, what):
        m.send(line + "\n")
        got = m.expect(answer, 60, what)
        m.expect(DEBIAN["prompt"], 60, "guest's prompt after " + what)
        return got
    m.send("until ip -4 -o addr show scope global | grep -q inet; do sleep 0.2; done; ip -4 -o addr show scope global\n")
    m.expect(r"inet \d+\.\d+\.\d+\.\d+/\d+ ", 60, "address by DHCP")
    m.expect(DEBIAN["prompt"], 60, "guest's prompt after its address")
    ask("gw=$(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p'); ping -c 2 -W 5 $gw", r" 0% packet loss", "answer of the gateway")
# The name server knows guests by the names they gave when they asked for an address.
    ask("busybox nslookup debian", r"^Name:\s+debian\S*\s+Address[^:]*: \d+\.\d+\.\d+\.\d+", "answer of the name server")


def ask_the_guest(m, guest):
    """Have the guest's own shell compute something; raise if it does not."""
    if guest is DEBIAN:
        log_in(m)
    else:
        m.expect(r"guest: user space started", what="guest's first line")
        m.expect(guest["prompt"], what="guest's shell prompt")
    a, b = random.randrange(10**4, 10**5), random.randrange(10**4, 10**5)
    # The uuid is the hypervisor's word on who computes: the control domain's
    # is all zeros.  The product is nowhere in what is typed.
    m.send("echo $(cat /sys/hypervisor/uuid) $((%d * %d))\n" % (a, b))
    got = m.expect(r"^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) %d$" % (a * b), 120,
                   "answer from the guest's shell to %d * %d" % (a, b))
    if not got[1].strip("0-"):
        raise machine.TimeOut("the control domain's shell answered, not the guest's")
    m.expect(guest["prompt"], 60, "guest's shell prompt after its answer")
    if guest is DEBIAN:
        ask_the_network(m)
    m.send("\x1d")
    m.expect(r"dom0# ", 60, "control domain's prompt after Ctrl-]")
    m.send("ctl list\n")
    m.expect(r"^.*\b%s\b.*$" % guest["name"], 60, "line about the guest in ctl list")
    m.expect(r"dom0# ", 60, "control domain's prompt")
    m.send("poweroff\n")
    m.wait_end(90)


def number(low, high, what):
    """A reader of whole numbers from `low` to `high` for argparse."""
    def read(text):
        if not re.fullmatch("[0-9]+", text):
            raise argparse.ArgumentTypeError("%s is not a whole number" % text)
        if not low <= int(text) <= high:
            raise argparse.ArgumentTypeError("%s: %s" % (text, what))
        return int(text)
    return read


def arguments():
    have = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    p = argparse.ArgumentParser(prog="quickstart")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--check", action="store_true", help=argparse.SUPPRESS)      # look at the options, do nothing
    p.add_argument("--once", action="store_true", help="unattended; exit 0 only if the guest answers")
    p.add_argument("--small", action="store_true", help="a guest of one small file instead of Debian on a disk")
    p.add_argument("--uefi", action="store_true", help="boot with UEFI firmware instead of BIOS")
    p.add_argument("--smp", type=number(1, 128, "it may have 1 to 128 CPUs"), default=1, metavar="N",
                   help="number of CPUs (default 1)")
    p.add_argument("--memory", type=number(768, have, "the control domain and a guest need 768 MiB or more, and this machine has %d" % have),
                   default=2048, metavar="MIB", help="memory in MiB (default 2048)")
    p.add_argument("--machine", default="pc", choices=["pc", "q35"])
    p.add_argument("--limit", type=number(1, 10**6, "it must be 1 or more"), default=600, metavar="S",
                   help="time limit of --once in seconds (default 600)")
    return p.parse_args()


def main():
    a = arguments()
    if a.check:
        return 0
    out = os.path.join(a.build, "quickstart.iso")
    dom0 = min(768, a.memory // 2)
    guest = SMALL if a.small else DEBIAN
    options = {"smp": a.smp, "memory": "%dM" % a.memory, "machine": a.machine, "uefi": a.uefi}
    files = {}
    if guest is DEBIAN:
        options["disks"] = [guestdisk.build(os.path.join(a.build, "debian.img"))]
        options["uplink"] = True
        files["usr/share/bulkhead/debian.initrd"] = guestdisk.initrd(debian.Kernel())
    image.build_image(out, a.build, hyp_extra="dom0_mem=%dM" % dom0, files=files,
                      kargs_extra="quiet bulkhead.example=" + ("guest" if a.small else "debian"))
    if not a.once:
        return machine.interactive(out, **options)
    with machine.Machine(out, limit=a.limit, echo=sys.stdout, log=os.path.join(a.build, "quickstart.log"), **options) as m:
        try:
            ask_the_guest(m, guest)
        except machine.TimeOut as e:
            print("\n---- the last console lines ----\n%s\n----" % m.last_lines())
            print("quickstart: failed: %s" % e)
            return 1
        print("\nquickstart: the guest's shell answered; done in %.0f s" % m.seconds())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (debian.Refused, RuntimeError) as e:
        sys.exit("quickstart: %s" % e)
