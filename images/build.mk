# SPDX-License-Identifier: MIT
# Boot images.  Everything here runs from the source tree.
exampledir = $(sysconfdir)/bulkhead/examples
dist_example_DATA = images/examples/guest.xml images/examples/debian.xml \
	images/examples/own-kernel.xml
EXTRA_DIST += quickstart images/prepare images/packages images/unpack-kernel \
	images/dom0-init images/guest-init images/guest-disk-init images/motd \
	images/cpio.py images/debian.py images/image.py images/initramfs.py \
	images/iso.py images/guestdisk.py images/machine.py images/quickstart.py .ci/run

# For installed systems: boot entries, and the tool that unpacks their kernels.
grubdir = $(sysconfdir)/grub.d
grub_SCRIPTS = images/20_bulkhead
sbin_SCRIPTS += images/bulkhead-unpack-kernel
EXTRA_DIST += images/20_bulkhead.in
CLEANFILES += images/20_bulkhead images/bulkhead-unpack-kernel

images/20_bulkhead: $(srcdir)/images/20_bulkhead.in
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)sed -e 's|@prefix@|$(prefix)|g' -e 's|@sbindir@|$(sbindir)|g' $< > $@ && chmod +x $@

images/bulkhead-unpack-kernel: $(srcdir)/images/unpack-kernel
	@$(MKDIR_P) $(@D)
	$(AM_V_GEN)cp $< $@ && chmod +x $@

# The script ./check is copied by hand: as a name in EXTRA_DIST it would be
# the target `check`, and making an archive would run all tests.
dist-hook:
	cp -p $(srcdir)/check $(distdir)/check
