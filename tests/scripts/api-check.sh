#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/pv-api.md is what the headers of libpv say today.
srcdir=${srcdir:-.}
python3 "$srcdir/docs/pv-api.py" "$srcdir"/pv-drivers/include/pv/*.h > api-check.out
if diff -u "$srcdir/docs/pv-api.md" api-check.out > api-check.diff; then
	rm -f api-check.*
	echo "pv-api.md: as the headers are"
	exit 0
fi
head -20 api-check.diff
rm -f api-check.*
echo "make it anew: docs/pv-api.py pv-drivers/include/pv/*.h > docs/pv-api.md"
exit 1
