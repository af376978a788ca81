# SPDX-License-Identifier: MIT
"""The second half of ./quickstart: the image is made and started."""
import argparse
import os
import random
import sys

import debian
import image
import machine


def ask_the_guest(m):
    """Have the guest's own shell compute something; raise if it does not."""
    m.expect(r"guest: user space started", what="guest's first line")
    m.expect(r"guest# ", what="guest's shell prompt")
    a, b = random.randrange(10**4, 10**5), random.randrange(10**4, 10**5)
    # The uuid is the hypervisor's word on who computes: the control domain's
    # is all zeros.  The product is nowhere in what is typed.
    m.send("echo $(cat /sys/hypervisor/uuid) $((%d * %d))\n" % (a, b))
    got = m.expect(r"^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) %d$" % (a * b), 120,
                   "answer from the guest's shell to %d * %d" % (a, b))
    if not got[1].strip("0-"):
        raise machine.TimeOut("the control domain's shell answered, not the guest's")
    m.expect(r"guest# ", 60, "guest's shell prompt after its answer")
    m.send("\x1d")
    m.expect(r"dom0# ", 60, "control domain's prompt after Ctrl-]")
    m.send("ctl list\n")
    m.expect(r"^.*\bexample\b.*$", 60, "line about the guest in ctl list")
    m.expect(r"dom0# ", 60, "control domain's prompt")
    m.send("poweroff\n")
    m.wait_end(90)


def main():
    p = argparse.ArgumentParser(prog="quickstart")
    p.add_argument("--build", required=True, help=argparse.SUPPRESS)
    p.add_argument("--once", action="store_true", help="unattended; exit 0 only if the guest answers")
    p.add_argument("--uefi", action="store_true", help="boot with UEFI firmware instead of BIOS")
    p.add_argument("--smp", type=int, default=1, metavar="N", help="number of CPUs (default 1)")
    p.add_argument("--memory", type=int, default=2048, metavar="MIB", help="memory in MiB (default 2048)")
    p.add_argument("--machine", default="pc", choices=["pc", "q35"])
    p.add_argument("--limit", type=int, default=420, metavar="S", help="time limit of --once in seconds (default 420)")
    a = p.parse_args()
    if a.memory < 768:
        p.error("--memory %d: the control domain and a guest need 768 MiB or more" % a.memory)
    out = os.path.join(a.build, "quickstart.iso")
    dom0 = min(768, a.memory // 2)
    image.build_image(out, a.build, hyp_extra="dom0_mem=%dM" % dom0)
    options = {"smp": a.smp, "memory": "%dM" % a.memory, "machine": a.machine, "uefi": a.uefi}
    if not a.once:
        return machine.interactive(out, **options)
    with machine.Machine(out, limit=a.limit, echo=sys.stdout, log=os.path.join(a.build, "quickstart.log"), **options) as m:
        try:
            ask_the_guest(m)
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
