# SPDX-License-Identifier: MIT
CONSOLED_PURE = dom0-tools/consoled/ring.c dom0-tools/consoled/attach.c

sbin_PROGRAMS += consoled
consoled_SOURCES = $(CONSOLED_PURE) \
	dom0-tools/consoled/attach.h dom0-tools/consoled/con.h \
	dom0-tools/consoled/consoled.h \
	dom0-tools/consoled/guest.c dom0-tools/consoled/main.c \
	dom0-tools/consoled/pty.c dom0-tools/consoled/ring.h \
	dom0-tools/consoled/storec.c dom0-tools/consoled/storec.h \
	dom0-tools/consoled/viewer.c
consoled_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
consoled_LDADD = libcommon.a
dist_man_MANS += dom0-tools/consoled/consoled.8
# Guests and viewers are tested against a made-up machine and store.
UNIT_TOOL_SRC += $(CONSOLED_PURE) \
	dom0-tools/consoled/guest.c dom0-tools/consoled/viewer.c \
	dom0-tools/consoled/pty.c tests/unit/fake-xendev.c
