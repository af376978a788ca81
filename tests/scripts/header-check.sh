#!/bin/sh
# SPDX-License-Identifier: MIT
# Each header compiles alone, and twice: the reader of a file needs no other
# include in front of it.
srcdir=${srcdir:-.}
cc=${CC:-gcc}
passed=0 failed=0
try() { # HEADER FLAGS...
	h=$1
	shift
	if printf '#include "%s"\n#include "%s"\n' "$h" "$h" |
		$cc "$@" -fsyntax-only -Wall -Wextra -Wno-unused-parameter -x c - 2> header-check.out; then
		passed=$((passed + 1))
	else
		echo "$h does not compile alone:"
		head -5 header-check.out
		failed=$((failed + 1))
	fi
}
abs=$(cd "$srcdir" && pwd)
for h in "$abs"/hyp/include/hyp/*.h "$abs"/hyp/arch/x86/include/asm/*.h; do
	[ -e "$h" ] || continue
	try "$h" -std=gnu11 -ffreestanding -D__XEN_TOOLS__ -I"$abs/hyp/include" -I"$abs/hyp/arch/x86/include" -Ihyp-obj/include
done
# The drivers' headers are for strangers: no flags of ours.
for h in "$abs"/pv-drivers/include/pv/*.h; do
	[ -e "$h" ] || continue
	try "$h" -std=gnu11 -ffreestanding -I"$abs/pv-drivers/include"
done
rooms=
for d in "$abs"/dom0-tools/*/; do rooms="$rooms -I$d"; done
for h in "$abs"/libctrl/include/*.h "$abs"/dom0-tools/*/*.h; do
	[ -e "$h" ] || continue
	try "$h" -std=gnu11 -D_GNU_SOURCE -D__XEN_TOOLS__ -I. -I"$abs" -I"$abs/libctrl/include" -I"$abs/hyp/include" -I"$abs/libctrl" -I"$abs/dom0-tools" -I"$(dirname "$h")" $rooms $XML_CFLAGS
done
rm -f header-check.out
echo "headers: $passed passed, $failed failed"
[ "$failed" = 0 ]
