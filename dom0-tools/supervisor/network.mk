# SPDX-License-Identifier: MIT
# Guests' links and networks.
supervisor_SOURCES += \
	dom0-tools/supervisor/nic-link.c dom0-tools/supervisor/nic-link.h \
	dom0-tools/supervisor/netlink.c dom0-tools/supervisor/netlink.h \
	dom0-tools/supervisor/nft.c dom0-tools/supervisor/nft.h \
	dom0-tools/supervisor/nft-rules.c dom0-tools/supervisor/nft-rules.h \
	dom0-tools/supervisor/network.c dom0-tools/supervisor/network.h \
	libctrl/hash.c libctrl/network-config.h

UNIT_TOOL_SRC += dom0-tools/supervisor/nft-rules.c
