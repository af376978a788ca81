#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""manual.py MANUAL DIRECTORY BLOCK...

Cuts the code out of a manual.  A block that begins with ```c NAME (or xml) is
appended to DIRECTORY/NAME; one that begins with ```sh WORD to DIRECTORY/WORD.sh.
Prints what the blocks of ```sh WORD for each BLOCK named contain, in order.
"""
import os
import re
import sys

manual, out = sys.argv[1:3]
wanted = sys.argv[3:]
files, scripts = {}, {w: "" for w in wanted}
for kind, name, body in re.findall(r"^```(\w+) (\S+)\n(.*?)^```$", open(manual).read(), re.M | re.S):
    if kind == "sh":
        scripts[name] = scripts.get(name, "") + body
    else:
        files[name] = files.get(name, "") + body
if not files or any(not s for s in scripts.values()):
    sys.exit("manual.py: %s: there is nothing to cut out" % manual)
os.makedirs(out, exist_ok=True)
for name, body in files.items():
    with open(os.path.join(out, name), "w") as f:
        f.write(body)
for w in wanted:
    print(scripts[w])
