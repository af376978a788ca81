# SPDX-License-Identifier: MIT
include tests/unit/build.mk
include tests/pv/build.mk
include tests/fuzz/build.mk
include tests/machine/build.mk
include tests/toolstack/build.mk
include tests/boot/build.mk
include tests/scripts/build.mk
include tests/net/build.mk
