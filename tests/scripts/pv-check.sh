#!/bin/sh
# SPDX-License-Identifier: MIT
# libpv.a is nobody's but its user's: it has no variables, and of the system
# around it needs what pv/os.h names, and the four functions that a compiler
# wants.  The examples stay as short as examples are.
srcdir=${srcdir:-.}
lib=pv-obj/libpv.a
[ -e $lib ] || { echo "libpv: it is not built here; skipped"; exit 77; }
${NM:-nm} -A $lib > pv-check.nm && objdump -h $lib > pv-check.sections || exit 1
trap 'rm -f pv-check.nm pv-check.sections' EXIT
[ "$(grep -c ' T pv_' pv-check.nm)" -gt 40 ] || { echo "libpv: where are its functions?"; exit 1; }

# Tables of functions are constant; what is written at run time is not there.
written=$(awk '$2 ~ /^\.(data|bss|tdata|tbss)/ && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ { print $2 }' pv-check.sections)
[ -z "$written" ] || { echo "libpv: it has variables: $written"; exit 1; }

os=$(sed -n 's/^[a-z].*[ *]\(pv_os_[a-z_]*\)(.*/\1/p' "$srcdir/pv-drivers/include/pv/os.h")
awk -v os="$os memcpy memmove memset memcmp" '
	BEGIN { n = split(os, names); for (i = 1; i <= n; i++) has[names[i]] = 1 }
	/ [TtRrDdWV] / { has[$NF] = 1 }
	/ U / { wants[$NF] = 1 }
	END {
		for (w in wants)
			if (!(w in has)) { print "libpv: it needs " w; bad = 1 }
		exit bad
	}' pv-check.nm || exit 1
echo "libpv: no variables; needs $(echo $os | wc -w) functions of pv/os.h"

for f in "$srcdir"/pv-drivers/examples/*.c; do
	lines=$(awk '/^\/\*/ { c = 1 } !c && NF { n++ } /\*\/$/ { c = 0 } END { print n }' "$f")
	echo "${f##*/}: $lines lines of code"
	[ "$lines" -le 99 ] || exit 1
done
