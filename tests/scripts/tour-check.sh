#!/bin/sh
# SPDX-License-Identifier: MIT
# What README names exists: every `path/file.c` and every folder and link; and
# in a section whose title contains "walk" every `name()`, which must be defined
# in the source and be used there too: a walk does not lead past dead code.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 1
passed=0 failed=0
check() { # TRUE-OR-FALSE SENTENCE
	if "$1"; then
		passed=$((passed + 1))
	else
		echo "README.md: $2"
		failed=$((failed + 1))
	fi
}
there() {
	if [ -e "$1" ] || [ -n "$(find hyp libctrl dom0-tools tests -path "*/$1" 2> /dev/null | head -1)" ]; then
		echo true
	else
		echo false
	fi
}
walks=$(awk '/^##? / { on = tolower($0) ~ /walk/ } on' README.md)
for f in $(grep -oE '`[a-z0-9/_-]+(\.(c|S|h|py|xml)|/)`' README.md | tr -d '`' | sort -u); do
	check "$(there "$f")" "$f does not exist"
done
for f in $(grep -oE '\]\([a-zA-Z0-9/._-]+\)' README.md | tr -d '])(' | sort -u); do
	check "$(there "$f")" "the link to $f leads nowhere"
done
# Where a name stands outside of prototypes.
places() {
	grep -rhsE --include='*.[cS]' "(^|[^A-Za-z0-9_])$1([^A-Za-z0-9_]|$)" hyp libctrl dom0-tools |
		grep -vE '^[ 	]*(/?\*|//)'
}
for n in $(echo "$walks" | grep -oE '`[a-z_][a-z0-9_]+(\(\))?`' | tr -d '`()' | grep _ | sort -u); do
	found=$(places "$n")
	check "$(echo "$found" | grep -qE "^([A-Za-z].*[ *])?$n(\(|:|\[| *=)|^\.macro $n|ENTRY\($n" && echo true || echo false)" \
		"the walks name $n, which is defined nowhere"
	# A hypercall's handler is named by its row in the table.
	case $n in do_*) found="$found
$(places "${n#do_}")" ;; esac
	check "$([ "$(echo "$found" | wc -l)" -gt 1 ] && echo true || echo false)" \
		"the walks name $n, which nothing uses"
done
echo "tour: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 50 ]
