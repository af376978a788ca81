#!/bin/sh
# SPDX-License-Identifier: MIT
# The layers of the hypervisor are a fact: what an object file of a layer needs
# and does not define comes only from layers it may call.
#
#   hyp/lib   calls nothing outside hyp/lib
#   hyp/core  calls lib, core, and what <hyp/arch.h> and the asm/ headers name
#   hyp/arch  calls lib, and those functions of core that a header declares
#   libctrl   includes no header of the hypervisor but <hyp/elf.h>,
#             <hyp/pv-layout.h> and what those include
#   libpv.a   needs nothing but what pv/os.h names, and the four functions that
#             a compiler may call; it has no variables of its own
srcdir=${srcdir:-.}
nm=${NM:-nm}
passed=0 failed=0
say() { echo "$*"; failed=$((failed + 1)); }
[ -d hyp-obj/hyp/lib ] || { echo "layers: the hypervisor is not built here; skipped"; exit 77; }

undefined() { $nm -u "$@" 2> /dev/null | sed -n 's/^ *U //p' | sort -u; }
defined() { $nm -g --defined-only "$@" 2> /dev/null | sed -n 's/^[0-9a-f]* [A-TV-Z] //p' | sort -u; }

lib=$(find hyp-obj/hyp/lib -name '*.o')
core=$(find hyp-obj/hyp/core -name '*.o' 2> /dev/null)
arch=$(find hyp-obj/hyp/arch -name '*.o' 2> /dev/null)
defined $lib > layer.lib
for o in $lib; do
	undefined $o | comm -23 - layer.lib > layer.bad
	if [ -s layer.bad ]; then say "${o#hyp-obj/} (layer lib) needs $(tr '\n' ' ' < layer.bad)"; else passed=$((passed + 1)); fi
done
if [ -n "$core" ]; then
	# What the machine offers to core is written in a header that core may read.
	cat "$srcdir"/hyp/include/hyp/*.h "$srcdir"/hyp/arch/x86/include/asm/*.h > layer.headers
	defined $arch > layer.arch
	for o in $core; do
		undefined $o | comm -12 - layer.arch | while read -r s; do
			case $s in __*|*_start|*_end) continue ;; esac
			grep -qw "$s" "$srcdir"/hyp/include/hyp/*.h || grep -qw "$s" layer.headers || echo "$s"
		done > layer.bad
		if [ -s layer.bad ]; then say "${o#hyp-obj/} (layer core) needs undeclared $(tr '\n' ' ' < layer.bad)"; else passed=$((passed + 1)); fi
	done
fi
for f in "$srcdir"/libctrl/*.c; do
	[ -e "$f" ] || continue
	if grep -nE '#include <(asm/arch|hyp/)' "$f" | grep -vE '<hyp/(elf|pv-layout|types|compiler)\.h>' > layer.bad; then
		say "${f#"$srcdir"/} includes a header of the hypervisor: $(head -1 layer.bad)"
	else
		passed=$((passed + 1))
	fi
done
if [ -e pv-obj/libpv.a ]; then
	pv=$(find pv-obj/pv-drivers/src -name '*.o')
	defined $pv > layer.pv
	undefined $pv | comm -23 - layer.pv | grep -vxE 'memcpy|memmove|memset|memcmp' | while read -r s; do
		grep -qw "$s" "$srcdir"/pv-drivers/include/pv/os.h || echo "$s"
	done > layer.bad
	objdump -h $pv | awk '$2 ~ /^\.(data|bss)/ && $2 !~ /^\.data\.rel\.ro/ && $3 !~ /^0+$/ { print $2 }' >> layer.bad
	if [ -s layer.bad ]; then say "libpv.a needs or owns $(tr '\n' ' ' < layer.bad)"; else passed=$((passed + 1)); fi
fi
rm -f layer.*
echo "layers: $passed passed, $failed failed"
[ "$failed" = 0 ]
