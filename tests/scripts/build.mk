# SPDX-License-Identifier: MIT
# Checks of the source itself.
SOURCE_CHECKS = tests/scripts/header-check.sh tests/scripts/layer-check.sh \
	tests/scripts/loc-check.sh tests/scripts/paths-check.sh \
	tests/scripts/tour-check.sh tests/scripts/manual-check.sh tests/scripts/api-check.sh \
	tests/scripts/tiny-check.sh tests/scripts/pv-check.sh \
	tests/scripts/quickstart-check.sh
TESTS += $(SOURCE_CHECKS)
EXTRA_DIST += $(SOURCE_CHECKS) tests/scripts/manual.py docs/pv-api.py
AM_TESTS_ENVIRONMENT = MAKE='$(MAKE)'; export MAKE; CC='$(CC)' NM='$(NM)' XML_CFLAGS='$(XML_CFLAGS)'; \
	export CC NM XML_CFLAGS;
