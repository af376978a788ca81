# SPDX-License-Identifier: MIT
include dom0-tools/ctl/build.mk
include dom0-tools/xenstored/build.mk
include dom0-tools/consoled/build.mk
include dom0-tools/supervisor/build.mk
include dom0-tools/blkback/build.mk
include dom0-tools/netback/build.mk
include dom0-tools/common/build.mk
