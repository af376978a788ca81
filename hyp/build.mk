# SPDX-License-Identifier: MIT
#
# The hypervisor: freestanding C, flags of its own.  Every .c and .S file in
# these folders is part of it; what is not meant to be is not there.

HYP_DIRS = hyp/lib hyp/core hyp/arch/x86
HYP_ALL_C := $(patsubst $(srcdir)/%,%,$(sort $(foreach d,$(HYP_DIRS),$(wildcard $(srcdir)/$(d)/*.c))))
HYP_S := $(patsubst $(srcdir)/%,%,$(sort $(foreach d,$(HYP_DIRS),$(wildcard $(srcdir)/$(d)/*.S))))
HYP_C := $(filter-out hyp/arch/x86/asm-offsets.c,$(HYP_ALL_C))
HYP_OBJ = $(patsubst %,hyp-obj/%.o,$(HYP_C) $(HYP_S))

HYP_CPPFLAGS = -D__XEN_TOOLS__ -I$(srcdir)/hyp/include \
	-I$(srcdir)/hyp/arch/x86/include -Ihyp-obj/include -DPACKAGE_VERSION='"$(PACKAGE_VERSION)"'
HYP_CFLAGS = -std=gnu11 -O2 -g -ffreestanding -fno-common -fPIE \
	-fvisibility=hidden -include $(srcdir)/hyp/include/hyp/visibility.h \
	-mno-red-zone -mgeneral-regs-only -mcmodel=small \
	-fno-stack-protector -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -fno-delete-null-pointer-checks -fcf-protection=none \
	-fno-omit-frame-pointer -fno-tree-loop-distribute-patterns \
	-Wall -Wextra -Wmissing-prototypes -Wstrict-prototypes -Wvla -Wno-unused-parameter
if HYP_DEBUG
HYP_CPPFLAGS += -DHYP_DEBUG
endif

hyp-obj/%.c.o: $(srcdir)/%.c hyp-obj/include/asm-offsets.h
	@mkdir -p $(@D)
	$(AM_V_CC)$(HYP_CC) $(HYP_CPPFLAGS) $(HYP_CFLAGS) -MMD -MP -c -o $@ $<

hyp-obj/%.S.o: $(srcdir)/%.S hyp-obj/include/asm-offsets.h
	@mkdir -p $(@D)
	$(AM_V_CC)$(HYP_CC) $(HYP_CPPFLAGS) $(HYP_CFLAGS) -D__ASSEMBLY__ -MMD -MP -c -o $@ $<

# Offsets of struct fields for the .S files: compiled to text, then to #define.
hyp-obj/include/asm-offsets.h: $(srcdir)/hyp/arch/x86/asm-offsets.c
	@mkdir -p $(@D)
	$(AM_V_GEN)$(HYP_CC) $(HYP_CPPFLAGS) $(HYP_CFLAGS) -MMD -MP -MT $@ -MF hyp-obj/asm-offsets.d -S -o $@.s $< && \
	sed -n 's/^.*->\([A-Z0-9_]*\) [$$]*\(-*[0-9]*\).*/#define \1 \2/p' $@.s > $@

hyp-obj/hyp.lds: $(srcdir)/hyp/hyp.lds.S
	@mkdir -p $(@D)
	$(AM_V_GEN)$(HYP_CC) $(HYP_CPPFLAGS) -D__ASSEMBLY__ -E -P -x assembler-with-cpp -o $@ $<

# bulkhead.elf has all symbols; the image GRUB loads is the same without them.
hyp-obj/bulkhead.elf: $(HYP_OBJ) hyp-obj/hyp.lds $(srcdir)/hyp/ksyms.sh
	$(AM_V_CCLD)NM='$(NM)' LD='$(LD)' HYP_CC='$(HYP_CC)' sh $(srcdir)/hyp/ksyms.sh $@ hyp-obj/hyp.lds $(HYP_OBJ)

hyp-obj/bulkhead: hyp-obj/bulkhead.elf
	$(AM_V_GEN)$(OBJCOPY) --strip-all $< $@

-include $(HYP_OBJ:.o=.d) hyp-obj/asm-offsets.d

hypdir = $(prefix)/lib/bulkhead
hyp_DATA = hyp-obj/bulkhead
EXTRA_DIST += $(patsubst $(srcdir)/%,%,$(wildcard $(foreach d,hyp $(HYP_DIRS) \
	hyp/include/hyp hyp/arch/x86/include/asm,\
	$(addprefix $(srcdir)/$(d)/,*.c *.h *.S *.sh))))
CLEANFILES += hyp-obj/bulkhead hyp-obj/bulkhead.elf hyp-obj/hyp.lds

clean-local: hyp-clean
.PHONY: hyp-clean hyp
hyp: hyp-obj/bulkhead
hyp-clean:
	rm -rf hyp-obj

# Parsers of what the firmware and the boot loader left: the tests have them too.
HYP_PURE_SRC += hyp/arch/x86/multiboot2.c hyp/arch/x86/acpi.c
