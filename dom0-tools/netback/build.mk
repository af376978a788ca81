# SPDX-License-Identifier: MIT
NETBACK_PURE = dom0-tools/netback/ring.c dom0-tools/netback/packet.c \
	dom0-tools/netback/journal.c

pkglibexec_PROGRAMS += netback
netback_SOURCES = $(NETBACK_PURE) \
	dom0-tools/netback/journal.h dom0-tools/netback/main.c \
	dom0-tools/netback/packet.h dom0-tools/netback/pages.c \
	dom0-tools/netback/pages.h dom0-tools/netback/queue.c \
	dom0-tools/netback/ring.h dom0-tools/netback/tap.c \
	dom0-tools/netback/tap.h dom0-tools/netback/vif.c \
	dom0-tools/netback/vif.h
netback_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(JANSSON_CFLAGS)
netback_LDADD = libbackend.a libcommon.a $(JANSSON_LIBS) $(SECCOMP_LIBS)
dist_man_MANS += dom0-tools/netback/netback.8
# Queues are tested against a made-up guest.
UNIT_TOOL_SRC += $(NETBACK_PURE) dom0-tools/netback/pages.c \
	dom0-tools/netback/queue.c dom0-tools/netback/vif.c tests/unit/fake-backend.c
