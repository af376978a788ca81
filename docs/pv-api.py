#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""pv-api.py HEADER... > docs/pv-api.md    the reference of libpv, from its headers"""
import os
import re
import sys

FIRST = ["pv", "os", "hypercall", "page", "evtchn", "gnttab", "clock", "console", "xenbus", "device"]


def order(path):
    name = os.path.basename(path)[:-2]
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)


def text(comment):
    """The words of a comment, without its stars; indented lines as code."""
    lines = [re.sub(r"^ \* ?", "", l) for l in comment.strip("/*\n").split("\n")]
    lines = [l[3:] if l.startswith(" * ") else l for l in lines]
    return "\n".join("    " + l.strip("\t") if l.startswith("\t") else l for l in lines).strip()


print("# libpv: every function\n\nMade from the headers by `docs/pv-api.py`. How they are used together:\n[writing-a-frontend.md](writing-a-frontend.md).")
for path in sorted(sys.argv[1:], key=order):
    s = open(path).read()
    s = s.replace("/* SPDX-License-Identifier: MIT */\n", "")
    theory, s = re.match(r"(/\*.*?\*/)\n(.*)", s, re.S).groups()
    s = re.sub(r"#ifndef PV_\w+_H\n#define PV_\w+_H\n|^#include .*\n|\n#endif\n\Z", "", s, flags=re.M)
    s = re.sub(r"\n{3,}", "\n\n", s).strip("\n")
    print("\n## pv/%s\n\n%s\n" % (os.path.basename(path), text(theory)))
    if s:
        print("```c\n%s\n```" % s)
