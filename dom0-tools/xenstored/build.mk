# SPDX-License-Identifier: MIT
#
# xenstored: the core is pure and is compiled a second time for the tests; the
# rest knows sockets, rings and time.

XENSTORED_PURE = \
	dom0-tools/xenstored/wire.c dom0-tools/xenstored/store.c \
	dom0-tools/xenstored/perm.c dom0-tools/xenstored/quota.c \
	dom0-tools/xenstored/dom.c dom0-tools/xenstored/watch.c \
	dom0-tools/xenstored/txn.c dom0-tools/xenstored/conn.c \
	dom0-tools/xenstored/request.c dom0-tools/xenstored/journal.c

sbin_PROGRAMS += xenstored
xenstored_SOURCES = $(XENSTORED_PURE) \
	dom0-tools/xenstored/wire.h dom0-tools/xenstored/store.h \
	dom0-tools/xenstored/perm.h dom0-tools/xenstored/quota.h \
	dom0-tools/xenstored/dom.h dom0-tools/xenstored/watch.h \
	dom0-tools/xenstored/txn.h dom0-tools/xenstored/conn.h \
	dom0-tools/xenstored/xs.h dom0-tools/xenstored/journal.h dom0-tools/xenstored/shell.h \
	dom0-tools/xenstored/conn-socket.c dom0-tools/xenstored/conn-ring.c \
	dom0-tools/xenstored/main.c
xenstored_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
xenstored_LDADD = libcommon.a
dist_man_MANS += dom0-tools/xenstored/xenstored.8
# The ring is tested against a made-up machine (tests/unit/test-xs-ring.c).
UNIT_TOOL_SRC += $(XENSTORED_PURE) dom0-tools/xenstored/conn-ring.c
