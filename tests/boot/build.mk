# SPDX-License-Identifier: MIT
# Boot tests: `make check-boot`, or run.py by hand; see run.py for the layout.
tests/boot/tiny: $(srcdir)/tests/boot/tiny.S
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(HYP_CC) -nostdlib -static -no-pie -Wl,-Ttext=0x100000 \
		-Wl,--build-id=none,-z,noseparate-code,-z,max-page-size=4096,-N \
		-Wl,--no-warn-rwx-segments,--section-start=.note.Xen=0x101000 \
		-o $@ $<

HOSTILE = $(srcdir)/tests/boot/hostile/start.S $(srcdir)/tests/boot/hostile/guest.c
tests/boot/hostile-guest: $(HOSTILE)
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)$(HYP_CC) -D__XEN_TOOLS__ -O1 -Wall -Wextra \
		-ffreestanding -fcf-protection=none \
		-fno-stack-protector -fno-asynchronous-unwind-tables -mno-red-zone \
		-mgeneral-regs-only -nostdlib -static -no-pie -Wl,-Ttext=0x100000 \
		-Wl,--build-id=none,-z,noseparate-code,-z,max-page-size=4096,-N \
		-Wl,--no-warn-rwx-segments,--section-start=.note.Xen=0x110000 \
		-o $@ $(HOSTILE)

tests/boot/probe: $(srcdir)/tests/boot/user/probe.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -O1 -Wall -Wextra -static -pthread -o $@ $<

tests/boot/diskverify: $(srcdir)/tests/boot/disk-death/diskverify.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -O2 -Wall -Wextra -static -o $@ $<

tests/boot/disk-guest.cpio.gz: tests/boot/diskverify \
		$(srcdir)/tests/boot/disk-death/guest-init
	$(AM_V_GEN)$(srcdir)/tests/boot/disk-death/mkguest $@ $<

tests/boot/disk-guest-cloud.cpio.gz: tests/boot/diskverify \
		$(srcdir)/tests/boot/disk-death/guest-init
	$(AM_V_GEN)$(srcdir)/tests/boot/disk-death/mkguest $@ $< linux-image-cloud-amd64

tests/boot/stream: $(srcdir)/tests/boot/net/stream.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -O1 -Wall -Wextra -static -o $@ $<

tests/boot/killer: $(srcdir)/tests/boot/net/killer.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -O1 -Wall -Wextra -static -o $@ $<

tests/boot/stopwatch: $(srcdir)/tests/boot/density/stopwatch.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -O2 -Wall -Wextra -static -o $@ $<

tests/boot/wake: $(srcdir)/tests/boot/front-ends/wake.c libctrl.la
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) -O2 -Wall -Wextra -D_GNU_SOURCE \
		-I$(srcdir)/libctrl/include -o $@ $< -L.libs -lctrl

MKGUEST = $(srcdir)/tests/boot/net/mkguest
tests/boot/net-guest.gz: tests/boot/stream $(MKGUEST) \
		$(srcdir)/tests/boot/net/guest-init
	$(AM_V_GEN)$(MKGUEST) $@ $< $(srcdir)/tests/boot/net/guest-init \
		linux-image-amd64
tests/boot/net-guest-cloud.gz: tests/boot/stream $(MKGUEST) \
		$(srcdir)/tests/boot/net/guest-init
	$(AM_V_GEN)$(MKGUEST) $@ $< $(srcdir)/tests/boot/net/guest-init \
		linux-image-cloud-amd64

# An image on top of another one, for disks that are not raw.
tests/boot/chain-base.img:
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)head -c 4194304 /dev/urandom > $@
tests/boot/chain.qcow2: tests/boot/chain-base.img
	$(AM_V_GEN)qemu-img create -q -f qcow2 -b chain-base.img -F raw $@

check-boot: all tests/boot/tiny tests/boot/hostile-guest tests/boot/probe \
	tests/boot/stream tests/boot/killer tests/boot/net-guest.gz \
	tests/boot/net-guest-cloud.gz
	$(srcdir)/tests/boot/run.py --build $(builddir) $(QUESTIONS)
.PHONY: check-boot

EXTRA_DIST += $(patsubst $(srcdir)/%,%,$(wildcard $(srcdir)/tests/boot/*.[chS] \
	$(srcdir)/tests/boot/*.py $(srcdir)/tests/boot/*.sh \
	$(addprefix $(srcdir)/tests/boot/*/,run shapes files not-yet init guest-init mkguest *.[chS])))
CLEANFILES += tests/boot/chain.qcow2 tests/boot/chain-base.img \
	tests/boot/diskverify tests/boot/disk-guest.cpio.gz \
	tests/boot/disk-guest-cloud.cpio.gz \
	tests/boot/tiny tests/boot/hostile-guest tests/boot/probe \
	tests/boot/stream tests/boot/net-guest.gz tests/boot/net-guest-cloud.gz \
	tests/boot/killer tests/boot/stopwatch \
	tests/boot/wake
