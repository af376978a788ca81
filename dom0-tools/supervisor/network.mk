# SPDX-License-Identifier: MIT
# Guests' links and networks.
supervisor_SOURCES += \
	dom0-tools/supervisor/nic-link.c dom0-tools/supervisor/nic-link.h \
	dom0-tools/supervisor/netlink.c dom0-tools/supervisor/netlink.h \
	dom0-tools/supervisor/nft.c dom0-tools/supervisor/nft.h \
	dom0-tools/supervisor/nft-rules.c dom0-tools/supervisor/nft-rules.h \
	dom0-tools/supervisor/network.c dom0-tools/supervisor/network.h \
	dom0-tools/supervisor/network-run.c \
	dom0-tools/supervisor/network-dnsmasq.c \
	dom0-tools/supervisor/network-dnsmasq.h \
	libctrl/hash.c libctrl/network-config.h

# dnsmasq with no more rights than it needs.
pkglibexec_PROGRAMS += name-server
name_server_SOURCES = dom0-tools/supervisor/name-server.c
name_server_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE

UNIT_TOOL_SRC += dom0-tools/supervisor/nft-rules.c \
	dom0-tools/supervisor/network-dnsmasq.c
