#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py [--build DIR] [QUESTION...]    boot tests in QEMU

A folder of tests/boot is one question.  In it:

  run      the script that the control domain runs (/payload/run).  It prints
           "TEST plan NAME..." first, and for each name "TEST ok NAME" or
           "TEST FAIL NAME: what is wrong".
  shapes   one line per boot: smp=N machine=pc|q35 memory=MIB uefi=yes|no
           limit=SECONDS kernel=PACKAGE guests=PACKAGE,... (with ":elf" behind
           it, a kernel is not packed, which saves the emulated machine what
           takes a real one a second) hyp=ARGS kargs=ARGS
           disk=debian (the Debian guest's disk is /dev/vda, and the machine has
           a network) scratch=MIB (an empty disk for the control domain, /dev/vda)
           iops=N (its disks make at most N transfers a second, so that there is
           always something under way)
           tools=PROGRAM,... (of this host, for the control domain)
           cpu=MODEL (QEMU's, in place of the usual one, which has no XSAVE, SMEP ...)
           ide=yes (it starts from an IDE drive, as old as the chipset, which
           takes its time)
           threads=yes (its CPUs run at the same time, not in turn; see
           accelerator() in images/machine.py for the price)
           icount=yes (an instruction is a nanosecond, so that a share of the
           time does not depend on the machine that runs the test)
           insns=NAME:FIRST-LAST:FROM-TO:MOST (one more verdict: from marker
           FIRST, bench/marker.h, to the next LAST, at most MOST instructions
           are executed at the addresses FROM to TO)
           (words, all optional; the lines of one folder share one image as far
           as they can)
  not-yet  if it is there, the question is asked only by name; it says why
  files    what else the payload holds, one path from the source tree per line

Two questions are asked at once where there are two processors (--jobs), those
with the longest limits first; what a question prints comes when it has ended.

A boot passes when every planned name is ok, nothing else failed, the control
domain's kernel has not complained, and the machine switched itself off.  When
it does not, the last console lines are printed.  The last line is "boot: N
passed, N failed".
"""
import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "images"))
import debian   # noqa: E402
import guestdisk  # noqa: E402
import image    # noqa: E402
import machine  # noqa: E402


def shapes(question):
    """The boots of a question, each a dictionary."""
    path = os.path.join(HERE, question, "shapes")
    lines = [""]
    if os.path.exists(path):
        with open(path) as f:
            lines = [l.split("#")[0].strip() for l in f]
            lines = [l for l in lines if l]
    for line in lines:
        d = {"smp": "1", "machine": "pc", "memory": "2048", "uefi": "no", "limit": "300", "kernel": "linux-image-amd64",
             "guests": "linux-image-amd64", "hyp": "", "kargs": "", "disk": "", "scratch": "", "iops": "0", "tools": "", "ide": "no", "threads": "no", "icount": "no", "insns": "", "cpu": "", "name": ""}
        for word in shlex.split(line):
            key, _, value = word.partition("=")
            if key not in d:
                raise SystemExit("%s: %s: no such key" % (path, key))
            d[key] = value
        d["name"] = "%s, %s CPU%s, %s" % (d["machine"], d["smp"], "" if d["smp"] == "1" else "s", "UEFI" if d["uefi"] == "yes" else "BIOS")
        yield d


def payload(question, build, work):
    """The folder that becomes /payload."""
    out = os.path.join(work, "payload")
    os.makedirs(out)
    shutil.copy(os.path.join(HERE, question, "run"), out + "/run")
    os.chmod(out + "/run", 0o755)
    shutil.copy(os.path.join(HERE, "lib.sh"), out)
    tiny = os.path.join(build, "tests", "boot", "tiny")
    if os.path.exists(tiny):
        shutil.copy(tiny, out)
    files = os.path.join(HERE, question, "files")
    if os.path.exists(files):
        with open(files) as f:
            for name in f.read().split():
                src = os.path.join(TOP, name)
                if not os.path.exists(src):     # then it is made
                    subprocess.check_call(["make", "-s", "-C", build, name])
                    src = os.path.join(build, name)
                shutil.copy(src, out)
    return out


def counter(question, build, out):
    """QEMU's options for the plugin that counts instructions (bench/insncount.c)."""
    plugin = os.path.join(build, "tests", "boot", "insncount.so")
    os.makedirs(os.path.dirname(plugin), exist_ok=True)
    subprocess.check_call(["gcc", "-O2", "-fPIC", "-shared", "-o", plugin, os.path.join(TOP, "bench", "insncount.c")])
    return ["-plugin", "%s,out=%s,range=%s" % (plugin, out, question.split(":")[2])]


def count_insns(question, path, score):
    """The verdict of insns=: is it kept, name, what was counted."""
    name, markers, _, most = question.split(":")
    first, last = (int(m, 16) for m in markers.split("-"))
    began, counts = None, []
    with open(path) as f:
        for line in f:
            if not line.startswith("mark "):
                continue
            marker, now = int(line.split()[1], 16), int(line.split()[-1])
            if marker == first:
                began = now
            elif marker == last and began is not None:
                counts.append(now - began)
                began = None
    if not counts:
        return False, name, "nobody came from marker %x to %x" % (first, last)
    score.say("     %s: %d to %d instructions in %d runs" % (name, min(counts), max(counts), len(counts)))
    return max(counts) <= int(most), name, "%d instructions, more than %s" % (max(counts), most)


class Score:
    """What one question has printed and how its verdicts fell."""
    def __init__(self, live):
        self.passed, self.failed, self.lines, self.live = 0, 0, [], live

    def say(self, line):
        if self.live:
            print(line, flush=True)
        else:
            self.lines.append(line)

    def give(self, ok, name, why=""):
        self.say("%s %s%s" % ("ok  " if ok else "FAIL", name, ": " + why if why else ""))
        if ok:
            self.passed += 1
        else:
            self.failed += 1


PREPARING = threading.Lock()     # make, and the files in the build that questions share


def prepare(question, d, build, images):
    """The folder with this boot's image, and the machine's other parts."""
    key = (d["kernel"], d["guests"], d["hyp"], d["kargs"], d["disk"], d["tools"])
    more = {}
    if key not in images:
        work = tempfile.mkdtemp(prefix="bulkhead-boot.")
        images[key] = work
        files = {}
        if d["disk"]:
            files["usr/share/bulkhead/debian.initrd"] = guestdisk.initrd(debian.Kernel())
            files["usr/lib/grub-xen/grub-x86_64-xen.bin"] = "/usr/lib/grub-xen/grub-x86_64-xen.bin"
        image.build_image(os.path.join(work, "boot.iso"), build, hyp_extra=d["hyp"] and "dom0_mem=768M " + d["hyp"],
                          kargs_extra=("loglevel=4 " + d["kargs"]).strip(), payload=payload(question, build, work),
                          kernel=d["kernel"], guest_kernels=[g for g in d["guests"].split(",") if g],
                          files=files, shell_tools=[t for t in d["tools"].split(",") if t])
    if d["disk"]:
        more = {"disks": [guestdisk.build(os.path.join(build, "debian.img"))], "uplink": True}
    if d["scratch"]:
        scratch = os.path.join(images[key], "scratch.img")
        with open(scratch, "wb") as f:
            f.truncate(int(d["scratch"]) << 20)
        more["disks"] = [scratch]
    more["iops"] = int(d["iops"])
    return images[key], more


def one_boot(question, d, build, score, images, echo, logs):
    title = "%s [%s]" % (question, d["name"])
    with PREPARING:
        work, more = prepare(question, d, build, images)
    if d["icount"] == "yes":
        more["extra"] = ["-icount", "shift=0,sleep=off", "-rtc", "base=2024-01-01,clock=vm"]
    counted = os.path.join(work, "insns")
    if d["insns"]:
        more["extra"] = more.get("extra", []) + counter(d["insns"], build, counted)
    os.makedirs(logs, exist_ok=True)
    log = os.path.join(logs, re.sub(r"\W+", "-", title).strip("-") + ".log")
    planned, ok, bad = [], set(), {}
    why = None
    with machine.Machine(os.path.join(work, "boot.iso"), limit=float(d["limit"]), echo=echo, log=log, smp=d["smp"], memory=d["memory"] + "M",
                         machine=d["machine"], cpu=d["cpu"], uefi=d["uefi"] == "yes", ide=d["ide"] == "yes",
                         threads=d["threads"] == "yes", **more) as m:
        try:
            m.expect(r"^PAYLOAD-EXIT (\d+)$", what="end of the test in the control domain")
            m.wait_end(60)
        except machine.TimeOut as e:
            why = str(e)
        for t in re.finditer(r"TEST (plan|ok|FAIL) (.+)$", m.text, re.M):
            kind, rest = t[1], t[2].strip()
            if kind == "plan":
                planned += rest.split()
            elif kind == "ok":
                ok.add(rest.split()[0])
            else:
                name, _, reason = rest.partition(":")
                bad[name.strip()] = reason.strip() or "no reason given"
        seconds = m.seconds()
        last = m.last_lines()
        cpus = re.search(r"^CPUs online: (\d+)$", m.text, re.M)
        if cpus and cpus[1] != d["smp"]:
            bad["cpus"] = "%s of %s CPUs are online" % (cpus[1], d["smp"])
    failed_before = score.failed
    for name in planned:
        if name in bad:
            score.give(False, "%s: %s" % (title, name), bad.pop(name))
        else:
            score.give(name in ok, "%s: %s" % (title, name), "" if name in ok else "no verdict")
    for name in bad:
        score.give(False, "%s: %s" % (title, name), bad[name])
    if d["insns"]:
        kept, name, what = count_insns(d["insns"], counted, score)
        score.give(kept, "%s: %s" % (title, name), "" if kept else what)
    score.give(not why and bool(planned), "%s: boots, runs and powers off (%.0f s)" % (title, seconds),
               why or ("" if planned else "the test printed no plan"))
    if score.failed > failed_before:
        score.say("---- the last console lines (all: %s)\n%s\n----" % (log, last))


def ask(question, a, score):
    """All boots of a question."""
    images = {}
    try:
        for d in shapes(question):
            if a.only in d["name"]:
                try:
                    one_boot(question, d, a.build, score, images, sys.stdout if a.verbose else None,
                             os.path.join(a.build, "boot-logs"))
                except debian.Refused as e:
                    score.give(False, "%s [%s]" % (question, d["name"]), str(e))
    except Exception as e:      # the other questions are still to be asked
        score.give(False, "%s: it could not be asked" % question, "%s: %s" % (type(e).__name__, e))
    finally:
        for work in images.values():
            shutil.rmtree(work, ignore_errors=True)


def ask_all(questions, a):
    """The questions, --jobs at once; the scores of all."""
    queue = sorted(questions, key=lambda q: -sum(float(d["limit"]) for d in shapes(q)))
    scores, taking = [], threading.Lock()

    def worker():
        while True:
            with taking:
                if not queue:
                    return
                q = queue.pop(0)
                print("     %s ..." % q, flush=True)
            score = Score(a.jobs == 1)
            ask(q, a, score)
            with taking:
                scores.append(score)
                for line in score.lines:
                    print(line, flush=True)

    workers = [threading.Thread(target=worker, daemon=True) for _ in range(a.jobs)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    return scores


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default=os.environ.get("BULKHEAD_BUILD", os.path.join(TOP, "build")))
    p.add_argument("--jobs", type=int, default=max(1, min(2, os.cpu_count() or 1)), help="questions at once (default: %(default)s)")
    p.add_argument("--verbose", action="store_true", help="show the consoles as they come, one question after the other")
    p.add_argument("--list", action="store_true")
    p.add_argument("--only", default="", help="only shapes whose line contains this text")
    p.add_argument("question", nargs="*")
    a = p.parse_args()
    every = sorted(q for q in os.listdir(HERE) if os.path.exists(os.path.join(HERE, q, "run")))
    unknown = [q for q in a.question if q not in every]
    if unknown:
        p.error("no such question: %s (there are: %s)" % (" ".join(unknown), " ".join(every)))
    questions = a.question or [q for q in every if not os.path.exists(os.path.join(HERE, q, "not-yet"))]
    if a.list:
        for q in questions:
            for d in shapes(q):
                print(q, d["name"])
        return 0
    if a.verbose:
        a.jobs = 1
    subprocess.call(["make", "-s", "-C", a.build, "tests/boot/tiny"])
    scores = ask_all(questions, a)
    failed = sum(s.failed for s in scores)
    print("boot: %d passed, %d failed" % (sum(s.passed for s in scores), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
