#!/bin/sh
# SPDX-License-Identifier: MIT
# tiny stays tiny: 64 KiB of image, about a thousand lines.
srcdir=${srcdir:-.}
[ -e pv-obj/tiny ] || { echo "tiny: it is not built here; skipped"; exit 77; }
bytes=$(($(wc -c < pv-obj/tiny)))
lines=$(cat "$srcdir"/pv-drivers/tiny/*.[chS] | wc -l)
echo "tiny: $bytes bytes, $lines lines"
[ "$bytes" -le 65536 ] && [ "$lines" -le 1000 ]
