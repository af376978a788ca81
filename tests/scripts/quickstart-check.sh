#!/bin/sh
# SPDX-License-Identifier: MIT
# What ./quickstart and ./check say about options, without building anything.
command -v python3 > /dev/null || exit 77
srcdir=${srcdir:-.}
export PYTHONDONTWRITEBYTECODE=1
passed=0 failed=0
# says STATUS TEXT COMMAND...: it ends with STATUS, and TEXT is in its output.
says() {
	status=$1 text=$2
	shift 2
	out=$("$@" 2>&1 < /dev/null)
	got=$?
	case $got:$out in
	$status:*"$text"*) passed=$((passed + 1)) ;;
	*) failed=$((failed + 1)); echo "$*: status $got, not $status with \"$text\": $out" ;;
	esac
}
q=$srcdir/quickstart
says 0 "--limit SECONDS" "$q" --help
says 2 "--smp: abc is not a whole number" "$q" --smp abc
says 2 "--smp: 0: it may have 1 to 128 CPUs" "$q" --smp 0
says 2 "--smp: 500: it may" "$q" --smp 500
says 2 "--smp: -1 is not a whole number" "$q" --smp=-1
says 2 "--memory: 10: the control domain and a guest need 768 MiB" "$q" --memory 10
says 2 "--memory: 99999999999: the" "$q" --memory 99999999999
says 2 "--limit: 0: it must be" "$q" --once --limit 0
says 2 "--machine: invalid choice: 'foo'" "$q" --machine foo
says 2 "unrecognized arguments: --bogus" "$q" --bogus
says 0 "" python3 "$srcdir/images/quickstart.py" --build "" --check --once --small --uefi --smp 4 --memory 1024 --machine q35
says 0 "check [--no-boot]" "$srcdir/check" --help
says 2 "the only option is --no-boot" "$srcdir/check" --bogus
echo "quickstart: $passed passed, $failed failed"
[ "$failed" = 0 ]
