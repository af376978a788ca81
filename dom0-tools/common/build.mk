# SPDX-License-Identifier: MIT
noinst_LIBRARIES += libcommon.a
libcommon_a_SOURCES = \
	dom0-tools/common/brake.c dom0-tools/common/brake.h \
	dom0-tools/common/buf.c dom0-tools/common/buf.h \
	dom0-tools/common/list.h \
	dom0-tools/common/loop.c dom0-tools/common/loop.h \
	dom0-tools/common/log.c dom0-tools/common/log.h \
	dom0-tools/common/outlog.c dom0-tools/common/outlog.h \
	dom0-tools/common/lograte.h \
	dom0-tools/common/daemon.c dom0-tools/common/daemon.h \
	dom0-tools/common/xendev.c dom0-tools/common/xendev.h
# The frame of the device back-ends; needs $(JANSSON_LIBS) $(SECCOMP_LIBS).
noinst_LIBRARIES += libbackend.a
libbackend_a_SOURCES = \
	dom0-tools/common/backend.c dom0-tools/common/backend.h \
	dom0-tools/common/backend-cage.c dom0-tools/common/backend-cage.h
libbackend_a_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS) $(SECCOMP_CFLAGS) \
	-D_GNU_SOURCE
libcommon_a_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
UNIT_TOOL_SRC += dom0-tools/common/brake.c dom0-tools/common/daemon.c dom0-tools/common/buf.c dom0-tools/common/log.c \
	dom0-tools/common/outlog.c dom0-tools/common/loop.c
