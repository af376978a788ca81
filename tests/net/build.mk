# SPDX-License-Identifier: MIT
# Links, bridges, filters and networks, for real, in a network namespace.
NET_TEST_SRC = tests/net/net-test.c dom0-tools/supervisor/nic-link.c \
	dom0-tools/supervisor/netlink.c dom0-tools/supervisor/nft.c \
	dom0-tools/supervisor/nft-rules.c dom0-tools/supervisor/sentence.c \
	libctrl/hash.c

tests/net/net-test: $(NET_TEST_SRC) $(wildcard \
		$(srcdir)/dom0-tools/supervisor/n*.h)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CPPFLAGS) $(NFT_CFLAGS) \
		-I$(srcdir)/dom0-tools/supervisor $(HOST_CFLAGS) -o $@ \
		$(filter %.c,$^) $(NFT_LIBS)

# A supervisor that really makes networks, in namespaces of its own.
tests/net/supervisor: $(TOOLSTACK_SUPERVISOR)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CFLAGS) $(TOOLSTACK_CPPFLAGS) \
		-ULIBEXEC_DIR -DLIBEXEC_DIR='"/run/work"' -o $@ \
		$(filter %.c,$^) $(XML_LIBS) $(JANSSON_LIBS) $(NFT_LIBS)

tests/net/dhcp-ask: tests/net/dhcp-ask.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -O1 -Wall -Wextra -D_GNU_SOURCE -o $@ $<

TESTS += tests/net/net-test tests/net/networks.sh
check_DATA += tests/net/net-test tests/net/supervisor tests/net/dhcp-ask
EXTRA_DIST += $(wildcard $(srcdir)/tests/net/*.c $(srcdir)/tests/net/*.sh)
CLEANFILES += tests/net/net-test tests/net/supervisor \
	tests/net/dhcp-ask
