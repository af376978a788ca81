# SPDX-License-Identifier: MIT
# The guest description: its schema, a sample, and its reader.  The reader is
# a library of its own, so that nothing but the supervisor loads libxml2.
dist_pkgdata_DATA += xml-schemas/guest.rng xml-schemas/guest.xml \
	xml-schemas/network.rng xml-schemas/network.xml

noinst_LTLIBRARIES += libguestconfig.la
libguestconfig_la_SOURCES = libctrl/config.c libctrl/config-devices.c \
	libctrl/config-doc.c libctrl/config-doc.h libctrl/config-value.c \
	libctrl/xml-bounds.c libctrl/xml-bounds.h \
	libctrl/config-value.h libctrl/include/ctrl-config.h \
	libctrl/network-config.c libctrl/network-config.h
libguestconfig_la_CPPFLAGS = $(AM_CPPFLAGS) -D_GNU_SOURCE $(XML_CFLAGS) \
	-DGUEST_SCHEMA='"$(pkgdatadir)/guest.rng"'
libguestconfig_la_LIBADD = $(XML_LIBS)

UNIT_TOOL_SRC += libctrl/config.c libctrl/config-devices.c \
	libctrl/config-doc.c libctrl/config-value.c libctrl/network-config.c \
	libctrl/xml-bounds.c
EXTRA_DIST += $(wildcard $(srcdir)/tests/xml/*)
