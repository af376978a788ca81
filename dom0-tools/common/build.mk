# SPDX-License-Identifier: MIT
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	dom0-tools/common/buf.c dom0-tools/common/buf.h \
	dom0-tools/common/list.h \
	dom0-tools/common/loop.c dom0-tools/common/loop.h \
	dom0-tools/common/log.c dom0-tools/common/log.h \
	dom0-tools/common/daemon.c dom0-tools/common/daemon.h \
	dom0-tools/common/xendev.c dom0-tools/common/xendev.h
libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
UNIT_TOOL_SRC += dom0-tools/common/buf.c dom0-tools/common/log.c \
	dom0-tools/common/loop.c
