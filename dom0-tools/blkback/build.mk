# SPDX-License-Identifier: MIT
# The disk back-end.  What is pure is compiled once more for the tests; disks of
# NBD servers are served by a second program, so that all others do not load
# what libnbd needs.
BLKBACK_PURE = dom0-tools/blkback/ring.c dom0-tools/blkback/request.c \
	dom0-tools/blkback/limits.c dom0-tools/blkback/pool.c \
	dom0-tools/blkback/engine.c

pkglibexec_PROGRAMS += blkback blkback-nbd
blkback_common = $(BLKBACK_PURE) dom0-tools/blkback/main.c \
	dom0-tools/blkback/vbd.c dom0-tools/blkback/image-file.c \
	dom0-tools/blkback/engine.h dom0-tools/blkback/image.h \
	dom0-tools/blkback/limits.h dom0-tools/blkback/pool.h \
	dom0-tools/blkback/request.h dom0-tools/blkback/ring.h \
	dom0-tools/blkback/vbd.h
blkback_SOURCES = $(blkback_common) dom0-tools/blkback/image-nbd-none.c
blkback_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/dom0-tools \
	$(JANSSON_CFLAGS) $(URING_CFLAGS) -D_GNU_SOURCE
blkback_LDADD = libbackend.a libcommon.a $(JANSSON_LIBS) $(SECCOMP_LIBS) \
	$(URING_LIBS)
blkback_nbd_SOURCES = $(blkback_common) dom0-tools/blkback/image-nbd.c
blkback_nbd_CPPFLAGS = $(blkback_CPPFLAGS) $(NBD_CFLAGS)
blkback_nbd_LDADD = $(blkback_LDADD) $(NBD_LIBS)

dist_man_MANS += dom0-tools/blkback/blkback.8

UNIT_TOOL_SRC += $(BLKBACK_PURE) tests/unit/blk-model.c \
	dom0-tools/blkback/vbd.c dom0-tools/blkback/image-file.c \
	dom0-tools/blkback/image-nbd-none.c
