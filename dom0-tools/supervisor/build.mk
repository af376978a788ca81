# SPDX-License-Identifier: MIT
sbin_PROGRAMS += supervisor
supervisor_SOURCES = dom0-tools/supervisor/main.c \
	dom0-tools/supervisor/server.c dom0-tools/supervisor/job.c \
	dom0-tools/supervisor/request.c dom0-tools/supervisor/life.c \
	dom0-tools/supervisor/view.c dom0-tools/supervisor/guest.c \
	dom0-tools/supervisor/policy.c dom0-tools/supervisor/hyplog.c \
	dom0-tools/supervisor/journal.c dom0-tools/supervisor/supervisor.h \
	dom0-tools/supervisor/disk-source.c dom0-tools/supervisor/disk-source.h \
	dom0-tools/supervisor/disk-server.c dom0-tools/supervisor/disk-server.h \
	dom0-tools/supervisor/image-head.c dom0-tools/supervisor/image-head.h \
	dom0-tools/supervisor/protocol.h dom0-tools/supervisor/guest.h \
	dom0-tools/supervisor/policy.h dom0-tools/supervisor/hyplog.h \
	dom0-tools/supervisor/journal.h \
	dom0-tools/supervisor/sentence.c dom0-tools/supervisor/sentence.h \
	dom0-tools/supervisor/file.c dom0-tools/supervisor/file.h
supervisor_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/dom0-tools \
	-I$(top_srcdir)/libctrl $(JANSSON_CFLAGS) $(NFT_CFLAGS) -D_GNU_SOURCE \
	-DPACKAGE_VERSION='"$(PACKAGE_VERSION)"' \
	-DLIBEXEC_DIR='"$(pkglibexecdir)"'
supervisor_CFLAGS = $(AM_CFLAGS) -pthread
supervisor_LDADD = libctrl.la libguestconfig.la libcommon.a $(JANSSON_LIBS) $(NFT_LIBS) -lpthread
pkglibexec_PROGRAMS += image-server
image_server_SOURCES = dom0-tools/supervisor/image-server.c
image_server_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE
dist_man_MANS += dom0-tools/supervisor/supervisor.8
dist_sbin_SCRIPTS += dom0-tools/supervisor/bulkhead-start \
	dom0-tools/supervisor/bulkhead-stop

# A daemon each, so that `systemctl restart` takes one; and all of them.
unitdir = $(prefix)/lib/systemd/system
UNITS = dom0-tools/supervisor/bulkhead.service \
	dom0-tools/supervisor/bulkhead-xenstored.service \
	dom0-tools/supervisor/bulkhead-consoled.service \
	dom0-tools/supervisor/bulkhead-supervisor.service
unit_DATA = $(UNITS)
EXTRA_DIST += $(UNITS:=.in)
CLEANFILES += $(UNITS)
dom0-tools/supervisor/%.service: $(srcdir)/dom0-tools/supervisor/%.service.in Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed -e 's|@sbindir[@]|$(sbindir)|g' $< > $@

UNIT_TOOL_SRC += dom0-tools/supervisor/policy.c \
	dom0-tools/supervisor/hyplog.c dom0-tools/supervisor/guest.c \
	dom0-tools/supervisor/journal.c dom0-tools/supervisor/disk-source.c \
	dom0-tools/supervisor/disk-server.c dom0-tools/supervisor/image-head.c \
	dom0-tools/supervisor/sentence.c dom0-tools/supervisor/file.c

include dom0-tools/supervisor/network.mk
include dom0-tools/supervisor/device.mk
