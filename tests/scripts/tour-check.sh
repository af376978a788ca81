#!/bin/sh
# SPDX-License-Identifier: MIT
# README's walks name functions and files; each one must exist.  In a section
# whose title contains "walk", every `name()` must be defined somewhere, every
# `path/file.c` must be a file.
srcdir=${srcdir:-.}
cd "$srcdir" || exit 1
passed=0 failed=0
walks=$(awk '/^##? / { on = tolower($0) ~ /walk/ } on' README.md)
for f in $(echo "$walks" | grep -oE '`[a-z0-9/_-]+\.(c|S|h|py|xml)`' | tr -d '`' | sort -u); do
	if [ -e "$f" ] || [ -n "$(find hyp libctrl dom0-tools tests -path "*/$f" 2> /dev/null | head -1)" ]; then
		passed=$((passed + 1))
	else
		echo "README.md: the file $f does not exist"
		failed=$((failed + 1))
	fi
done
for n in $(echo "$walks" | grep -oE '`[a-z_][a-z0-9_]+(\(\))?`' | tr -d '`()' | grep _ | sort -u); do
	if grep -rqsE --include='*.[chS]' "(^|[^A-Za-z0-9_])$n( *\(|:|$)" hyp libctrl dom0-tools; then
		passed=$((passed + 1))
	else
		echo "README.md: the walks name $n, which is not in the source"
		failed=$((failed + 1))
	fi
done
echo "tour: $passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 20 ]
