# SPDX-License-Identifier: MIT
# Unit tests.  Every tests/unit/test-<module>.c is picked up by its name; it
# exports `CU_ErrorCode test_<module>_register(void)` ('-' becomes '_').
#
# The code under test is compiled a second time, for the host and under ASan
# and UBSan, into two archives:
#   libhyp.a    HYP_PURE_SRC and HYP_CORE_SRC (see Makefile.am), with the
#               fake machine (tests/machine) and the slow models (tests/model)
#   libtools.a  UNIT_TOOL_SRC: each room adds its pure files in its build.mk
# A file that cannot live on the host is named in HYP_HOST_SKIP.

HYP_HOST_SKIP = hyp/lib/string.c
HOST_SAN = -fsanitize=address,undefined -fno-sanitize-recover=undefined
HOST_CFLAGS = -std=gnu11 -g -O1 -Wall -Wextra -Wno-unused-parameter -fno-omit-frame-pointer \
	-pthread $(HOST_SAN)
HOST_INCLUDES = -I$(builddir) -I$(srcdir)/tests/machine/include \
	-I$(srcdir)/tests/machine -I$(srcdir)/tests/model \
	-I$(srcdir)/hyp/arch/x86/include -I$(srcdir)/hyp/include \
	-I$(srcdir)/libctrl/include -I$(srcdir)/libctrl -I$(srcdir)/dom0-tools \
	-I$(srcdir)
HOST_CPPFLAGS = -DHOST_TEST=1 -D_GNU_SOURCE -D__XEN_TOOLS__ \
	-DTEST_SRCDIR='"$(abs_srcdir)"' $(HOST_INCLUDES) \
	$(XML_CFLAGS) $(JANSSON_CFLAGS) $(CUNIT_CFLAGS) $(HOST_EXTRA_CPPFLAGS)
HOST_LIBS = $(CUNIT_LIBS) $(XML_LIBS) $(ZLIB_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS) \
	$(LZ4_LIBS) $(JANSSON_LIBS) $(SECCOMP_LIBS) $(URING_LIBS)

HOST_HYP_SRC = $(filter-out $(HYP_HOST_SKIP),$(sort $(HYP_PURE_SRC) \
	$(HYP_CORE_SRC) $(HOST_FOUND_SRC)))
HOST_FOUND_SRC := $(patsubst $(srcdir)/%,%,$(wildcard \
	$(srcdir)/tests/machine/*.c $(srcdir)/tests/model/*.c))
UNIT_TEST_SRC := $(sort $(patsubst $(srcdir)/%,%,$(wildcard \
	$(srcdir)/tests/unit/test-*.c)))

HOST_HYP_OBJ = $(HOST_HYP_SRC:%.c=tests/host/%.o)
HOST_TOOL_OBJ = $(patsubst %.c,tests/host/%.o,$(filter-out $(HOST_HYP_SRC),\
	$(sort $(UNIT_TOOL_SRC))))
UNIT_OBJ = tests/host/tests/unit/unit.o $(UNIT_TEST_SRC:%.c=tests/host/%.o)
HOST_ARCHIVES = tests/host/libtools.a tests/host/libhyp.a

tests/host/%.o: $(srcdir)/%.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(CC) $(HOST_CPPFLAGS) $(HOST_CFLAGS) -MMD -MP -c -o $@ $<

tests/host/libhyp.a: $(HOST_HYP_OBJ)
	@$(MKDIR_P) $(@D)
	$(AM_V_AR)rm -f $@ && $(AR) crs $@ $(HOST_HYP_OBJ)

tests/host/libtools.a: $(HOST_TOOL_OBJ)
	@$(MKDIR_P) $(@D)
	$(AM_V_AR)rm -f $@ && $(AR) crs $@ $(HOST_TOOL_OBJ)

# The list of suites, written anew when a test file comes or goes.
tests/unit/list.h: $(UNIT_TEST_SRC) $(srcdir)/tests/unit
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)for t in $(UNIT_TEST_SRC); do \
		n=$${t##*/test-}; n=$${n%.c}; \
		echo "SUITE($$(echo $$n | tr - _))"; \
	done > $@

tests/host/tests/unit/unit.o: tests/unit/list.h

tests/unit/unit: $(UNIT_OBJ) $(HOST_ARCHIVES)
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(HOST_CFLAGS) -o $@ $(UNIT_OBJ) \
		-Wl,--start-group $(HOST_ARCHIVES) -Wl,--end-group $(HOST_LIBS)

-include $(wildcard $(patsubst %.o,%.d,$(HOST_HYP_OBJ) $(HOST_TOOL_OBJ) $(UNIT_OBJ)))

TESTS += tests/unit/unit
EXTRA_DIST += $(wildcard $(srcdir)/tests/unit/*.[ch] \
	$(srcdir)/tests/machine/*.[ch] $(srcdir)/tests/machine/include/*/*.h \
	$(srcdir)/tests/model/*.[ch])

CLEAN_HOOKS += clean-host
clean-host:
	rm -rf tests/host
	rm -f tests/unit/unit tests/unit/list.h
.PHONY: clean-host
