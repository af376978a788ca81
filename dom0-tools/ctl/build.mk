# SPDX-License-Identifier: MIT
# ctl is linked statically: mapping libraries would cost a control domain more
# than everything that ctl does.
sbin_PROGRAMS += ctl
ctl_SOURCES = dom0-tools/ctl/main.c dom0-tools/ctl/args.c \
	dom0-tools/ctl/client.c \
	dom0-tools/ctl/jline.c dom0-tools/ctl/cmd-create.c \
	dom0-tools/ctl/cmd-guest.c dom0-tools/ctl/cmd-console.c \
	dom0-tools/ctl/cmd-store.c dom0-tools/ctl/cmd-net.c \
	dom0-tools/ctl/cmd-device.c libctrl/store-wire.c \
	dom0-tools/ctl/ctl.h dom0-tools/ctl/jline.h
ctl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/dom0-tools \
	-I$(top_srcdir)/dom0-tools/supervisor -I$(top_srcdir)/libctrl \
	-D_GNU_SOURCE -DPACKAGE_VERSION='"$(PACKAGE_VERSION)"' \
	-DSBINDIR='"$(sbindir)"'
ctl_LDFLAGS = -all-static
ctl_LDADD =
dist_man_MANS += dom0-tools/ctl/ctl.8

bashcompdir = $(datadir)/bash-completion/completions
dist_bashcomp_DATA = dom0-tools/ctl/completion/ctl

UNIT_TOOL_SRC += dom0-tools/ctl/jline.c
