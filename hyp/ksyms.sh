#!/bin/sh
# SPDX-License-Identifier: MIT
#
# ksyms.sh OUT SCRIPT OBJECTS... - links the hypervisor with a table of its own
# function names, for stack traces.
#
# The table (.ksyms in read-only data) changes the addresses behind it but not
# the text in front of it, so two passes suffice: link with an empty table,
# list the functions, link again.  Format: u32 count, u32 zero, then count
# pairs of u32 (offset from _start, offset of the name), then the names.
set -eu

out=$1 script=$2
shift 2
dir=$(dirname "$out")
: "${LD:=ld}" "${NM:=nm}" "${HYP_CC:=cc}"
flags="-nostdlib -static -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments --build-id=none"

as_table() {
	awk '
	BEGIN { print ".section .ksyms, \"a\"\n.balign 8\n.global _ksyms\n_ksyms:" }
	{ addr[n] = $1; name[n] = $3; n++ }
	END {
		printf ".long %d, 0\n", n
		at = 0
		for (i = 0; i < n; i++) {
			printf ".long 0x%s, %d\n", substr(addr[i], 9), at
			at += length(name[i]) + 1
		}
		for (i = 0; i < n; i++)
			printf ".asciz \"%s\"\n", name[i]
	}'
}

# The low half of the address suffices: _start is 0x40000000 in it, and the
# reader adds the high half.
printf '' | as_table > "$dir/ksyms.s"
$HYP_CC -c -o "$dir/ksyms.o" "$dir/ksyms.s"
$LD $flags ${HYP_LDFLAGS:-} -T "$script" -o "$dir/pass1" "$@" "$dir/ksyms.o"
$NM -n "$dir/pass1" | awk '$2 == "t" || $2 == "T"' |
	awk '!seen[$1]++' | as_table > "$dir/ksyms.s"
$HYP_CC -c -o "$dir/ksyms.o" "$dir/ksyms.s"
$LD $flags ${HYP_LDFLAGS:-} -T "$script" -o "$out" "$@" "$dir/ksyms.o"
rm -f "$dir/pass1"
