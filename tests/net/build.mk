# SPDX-License-Identifier: MIT
# Links, bridges, filters and networks, for real, in a network namespace.
NET_TEST_SRC = tests/net/net-test.c dom0-tools/supervisor/nic-link.c \
	dom0-tools/supervisor/netlink.c dom0-tools/supervisor/nft.c \
	dom0-tools/supervisor/nft-rules.c libctrl/hash.c

tests/net/net-test: $(NET_TEST_SRC) $(wildcard \
		$(srcdir)/dom0-tools/supervisor/n*.h)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CPPFLAGS) $(NFT_CFLAGS) \
		-I$(srcdir)/dom0-tools/supervisor $(HOST_CFLAGS) -o $@ \
		$(filter %.c,$^) $(NFT_LIBS)

TESTS += tests/net/net-test
check_DATA += tests/net/net-test
EXTRA_DIST += $(wildcard $(srcdir)/tests/net/*.c $(srcdir)/tests/net/*.sh)
CLEANFILES += tests/net/net-test
