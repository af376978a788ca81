# SPDX-License-Identifier: MIT
#
# libctrl: the library under every control program.  Pure files are compiled
# a second time for the unit tests.

LIBCTRL_PURE = libctrl/store-wire.c libctrl/bzimage.c libctrl/hash.c \
	libctrl/unpack.c hyp/lib/elf.c hyp/lib/pv-layout.c

lib_LTLIBRARIES += libctrl.la
libctrl_la_SOURCES = $(LIBCTRL_PURE) \
	libctrl/private.h libctrl/bytes.h libctrl/store-wire.h \
	libctrl/handle.c libctrl/error.c libctrl/privcmd.c libctrl/system.c \
	libctrl/domain.c libctrl/memory.c libctrl/foreign.c libctrl/evtchn.c \
	libctrl/grant.c libctrl/store.c libctrl/guest.c \
	libctrl/kernel.h libctrl/kernel.c libctrl/cache.c libctrl/bzimage.h \
	libctrl/hash.h libctrl/unpack.h libctrl/sandbox.c \
	libctrl/build.h libctrl/build.c libctrl/build-memory.c \
	libctrl/build-image.c libctrl/build-devices.c \
	hyp/include/hyp/elf.h hyp/include/hyp/pv-layout.h
libctrl_la_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE -I$(top_srcdir)/libctrl \
	-I$(top_srcdir)/hyp/include $(ZLIB_CFLAGS) $(LZMA_CFLAGS) \
	$(ZSTD_CFLAGS) $(LZ4_CFLAGS) $(SECCOMP_CFLAGS)
libctrl_la_LIBADD = $(ZLIB_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS) $(LZ4_LIBS) \
	$(SECCOMP_LIBS)
libctrl_la_LDFLAGS = -version-info 0:0:0 -no-undefined \
	-Wl,--version-script=$(srcdir)/libctrl/libctrl.map
EXTRA_libctrl_la_DEPENDENCIES = libctrl/libctrl.map
include_HEADERS = libctrl/include/ctrl.h libctrl/include/ctrl-config.h
UNIT_TOOL_SRC += $(LIBCTRL_PURE) libctrl/cache.c libctrl/sandbox.c

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = libctrl/libctrl.pc
libctrl/libctrl.pc: $(srcdir)/libctrl/libctrl.pc.in Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed -e 's|@prefix[@]|$(prefix)|' \
		-e 's|@exec_prefix[@]|$(exec_prefix)|' \
		-e 's|@libdir[@]|$(libdir)|' \
		-e 's|@includedir[@]|$(includedir)|' \
		-e 's|@version[@]|$(PACKAGE_VERSION)|' \
		$(srcdir)/libctrl/libctrl.pc.in > $@
EXTRA_DIST += libctrl/libctrl.map libctrl/libctrl.pc.in
CLEANFILES += libctrl/libctrl.pc
