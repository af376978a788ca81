# SPDX-License-Identifier: MIT
# The supervisor and ctl on a libctrl without a hypervisor.
TOOLSTACK_CPPFLAGS = -D_GNU_SOURCE -DHAVE_CONFIG_H -I. \
	-I$(srcdir)/libctrl/include -I$(srcdir)/libctrl -I$(srcdir)/dom0-tools \
	-I$(srcdir)/dom0-tools/supervisor $(XML_CFLAGS) $(JANSSON_CFLAGS) $(NFT_CFLAGS) \
	-DPACKAGE_VERSION='"$(PACKAGE_VERSION)"' -DSBINDIR='"."' \
	-DRUN_DIR='"run"' -DLOG_DIR='"log.d"' \
	-DSUPERVISOR_SOCKET='"run/supervisor.sock"' \
	-DLIBEXEC_DIR='"."' \
	-DCONSOLED_SOCKET='"run/consoled.sock"' \
	-DSTORE_SOCKET='"run/store.sock"'
# Here no network is started; tests/net has a supervisor for that.
TOOLSTACK_NETWORKS = -DNETWORK_DIR='"networks.d"' \
	-DNETWORK_RUN='"run/networks"' -DNETWORK_STATE='"networks.state"'
TOOLSTACK_SUPERVISOR = $(filter %.c,$(supervisor_SOURCES)) \
	$(filter %.c,$(libguestconfig_la_SOURCES)) dom0-tools/common/brake.c dom0-tools/common/daemon.c \
	dom0-tools/common/log.c dom0-tools/common/outlog.c tests/toolstack/fake-ctrl.c \
	tests/toolstack/fake-store.c
TOOLSTACK_CTL = $(filter %.c,$(ctl_SOURCES))

tests/toolstack/supervisor: $(TOOLSTACK_SUPERVISOR)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CFLAGS) $(TOOLSTACK_CPPFLAGS) \
		$(TOOLSTACK_NETWORKS) -o $@ \
		$(filter %.c,$^) $(XML_LIBS) $(JANSSON_LIBS) $(NFT_LIBS)
tests/toolstack/ctl: $(TOOLSTACK_CTL)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CFLAGS) $(TOOLSTACK_CPPFLAGS) -o $@ \
		$(filter %.c,$^)

tests/toolstack/blkback: tests/toolstack/fake-back.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CFLAGS) $(TOOLSTACK_CPPFLAGS) -o $@ \
		$(filter %.c,$^) $(JANSSON_LIBS)

TESTS += tests/toolstack/toolstack.sh
check_DATA = tests/toolstack/supervisor tests/toolstack/ctl \
	tests/toolstack/blkback
EXTRA_DIST += tests/toolstack/toolstack.sh tests/toolstack/fake-ctrl.c \
	tests/toolstack/fake-store.c tests/toolstack/fake-store.h \
	tests/toolstack/fake-back.c
CLEANFILES += $(check_DATA)
