# SPDX-License-Identifier: MIT
# Boot images.  Everything here runs from the source tree.
exampledir = $(sysconfdir)/bulkhead/examples
dist_example_DATA = images/examples/guest.xml
EXTRA_DIST += quickstart images/prepare images/packages images/unpack-kernel \
	images/dom0-init images/guest-init images/motd \
	images/cpio.py images/debian.py images/image.py images/initramfs.py \
	images/iso.py images/machine.py images/quickstart.py check .ci/run
