# SPDX-License-Identifier: MIT
#
# libpv.a: the front-end drivers, freestanding, for any kernel; and tiny, a
# guest made of them.  The library is position-independent and keeps off the
# red zone and the vector registers, so that it links into whatever a kernel is.

PV_SRC := $(patsubst $(srcdir)/%,%,$(sort $(wildcard $(srcdir)/pv-drivers/src/*.c)))
PV_TINY_SRC := $(patsubst $(srcdir)/%,%,$(sort $(wildcard $(srcdir)/pv-drivers/tiny/*.c $(srcdir)/pv-drivers/tiny/*.S)))
PV_H_FILES := $(patsubst $(srcdir)/%,%,$(sort $(wildcard $(srcdir)/pv-drivers/include/pv/*.h)))
PV_TINY_CODE = $(filter-out %.lds.S,$(PV_TINY_SRC))
PV_OBJ = $(PV_SRC:%=pv-obj/%.o)
PV_TINY_OBJ = $(PV_TINY_CODE:%=pv-obj/%.o)

PV_CPPFLAGS = -I$(srcdir)/pv-drivers/include -I$(srcdir)/pv-drivers/tiny
PV_CFLAGS = -std=gnu11 -O2 -g -ffreestanding -fno-common -fPIE -fvisibility=hidden \
	-mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
	-fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-fno-delete-null-pointer-checks -fno-tree-loop-distribute-patterns \
	-ffunction-sections -fdata-sections \
	-Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla

pv-obj/%.c.o: $(srcdir)/%.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(HYP_CC) $(PV_CPPFLAGS) $(PV_CFLAGS) -MMD -MP -c -o $@ $<

pv-obj/%.S.o: $(srcdir)/%.S
	@$(MKDIR_P) $(@D)
	$(AM_V_CC)$(HYP_CC) $(PV_CPPFLAGS) -MMD -MP -c -o $@ $<

pv-obj/tiny.lds: $(srcdir)/pv-drivers/tiny/tiny.lds.S $(srcdir)/pv-drivers/tiny/tiny.h
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(HYP_CC) $(PV_CPPFLAGS) -D__ASSEMBLER__ -E -P -x assembler-with-cpp -o $@ $<

pv-obj/libpv.a: $(PV_OBJ)
	$(AM_V_AR)rm -f $@ && $(AR) crs $@ $(PV_OBJ)

# Each example, and each test guest, is tiny with another main().
PV_MAIN := $(patsubst $(srcdir)/%.c,%,$(sort $(wildcard $(srcdir)/pv-drivers/examples/*.c $(srcdir)/tests/pv/guest-*.c)))
PV_GUESTS = $(patsubst %,pv-obj/%,tiny $(notdir $(PV_MAIN)))
PV_BASE_OBJ = $(filter-out %/main.c.o,$(PV_TINY_OBJ))
PV_LINK = $(HYP_CC) -nostdlib -static -no-pie -Wl,--gc-sections -Wl,--build-id=none \
	-Wl,-z,noexecstack,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments \
	-Wl,-T,pv-obj/tiny.lds

# X.elf has all symbols; the image is the same without them.
pv-obj/tiny.elf: $(PV_TINY_OBJ) pv-obj/libpv.a pv-obj/tiny.lds
	$(AM_V_CCLD)$(PV_LINK) -o $@ $(PV_TINY_OBJ) pv-obj/libpv.a

pv-obj/%.elf: pv-obj/pv-drivers/examples/%.c.o $(PV_BASE_OBJ) pv-obj/libpv.a pv-obj/tiny.lds
	$(AM_V_CCLD)$(PV_LINK) -o $@ $< $(PV_BASE_OBJ) pv-obj/libpv.a

pv-obj/%.elf: pv-obj/tests/pv/%.c.o $(PV_BASE_OBJ) pv-obj/libpv.a pv-obj/tiny.lds
	$(AM_V_CCLD)$(PV_LINK) -o $@ $< $(PV_BASE_OBJ) pv-obj/libpv.a

$(PV_GUESTS): pv-obj/%: pv-obj/%.elf
	$(AM_V_GEN)$(OBJCOPY) --strip-all $< $@

.SECONDARY: $(PV_MAIN:%=pv-obj/%.c.o)

-include $(PV_OBJ:.o=.d) $(PV_TINY_OBJ:.o=.d) $(PV_MAIN:%=pv-obj/%.c.d)

tiny: $(PV_GUESTS)
.PHONY: tiny

pv-obj/libpv.pc: $(srcdir)/pv-drivers/libpv.pc.in Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed -e 's|@VERSION[@]|$(VERSION)|' -e 's|@includedir[@]|$(includedir)|' \
		-e 's|@libdir[@]|$(libdir)|' -e 's|@pkgdatadir[@]|$(pkgdatadir)|' $< > $@

pv-obj/tiny.xml: $(srcdir)/pv-drivers/tiny/tiny.xml.in Makefile
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed 's|@pkgdatadir[@]|$(pkgdatadir)|' $< > $@

pvlibdir = $(libdir)
pvlib_DATA = pv-obj/libpv.a
pvincludedir = $(includedir)/pv
dist_pvinclude_DATA = $(PV_H_FILES)
pvpcdir = $(libdir)/pkgconfig
pvpc_DATA = pv-obj/libpv.pc
pkgdata_DATA += pv-obj/tiny
noinst_DATA += $(PV_GUESTS)
example_DATA = pv-obj/tiny.xml
EXTRA_DIST += pv-drivers/libpv.pc.in pv-drivers/tiny/tiny.xml.in $(PV_SRC) $(PV_TINY_SRC) $(PV_MAIN:%=%.c) \
	$(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/pv-drivers/*/*.h))

# The kit: what one copies to make a guest of one's own.
pvkitdir = $(pkgdatadir)/pv-drivers
pvkit_DATA = $(PV_TINY_SRC) pv-drivers/tiny/tiny.h pv-obj/Makefile
pvexampledir = $(pvkitdir)/examples
pvexample_DATA = $(filter pv-drivers/%,$(PV_MAIN:%=%.c))
EXTRA_DIST += pv-drivers/tiny/Makefile.kit
pv-obj/Makefile: $(srcdir)/pv-drivers/tiny/Makefile.kit
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)cp $< $@

# What a writer of front-ends needs, alone.
install-pv: install-pvlibDATA install-dist_pvincludeDATA install-pvpcDATA \
	install-pvkitDATA install-pvexampleDATA
.PHONY: install-pv

# What the manual builds, for its boot test.
PV_MANUAL = pv-obj/manual/entropy/entropy pv-obj/manual/entropy/entropy-back \
	pv-obj/manual/entropy.xml pv-obj/manual/control.sh
$(PV_MANUAL): pv-obj/manual/stamp ;
pv-obj/manual/stamp: $(srcdir)/docs/writing-a-frontend.md pv-obj/libpv.a libctrl.la \
		$(srcdir)/tests/scripts/manual-check.sh
	$(AM_V_GEN)srcdir=$(srcdir) MAKE='$(MAKE)' sh $(srcdir)/tests/scripts/manual-check.sh && touch $@

CLEAN_HOOKS += pv-clean
pv-clean:
	rm -rf pv-obj
.PHONY: pv-clean
