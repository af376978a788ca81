# SPDX-License-Identifier: MIT
# Guests' devices.
supervisor_SOURCES += \
	dom0-tools/supervisor/xenbus.c dom0-tools/supervisor/xenbus.h \
	dom0-tools/supervisor/backend-proc.c \
	dom0-tools/supervisor/backend-proc.h \
	dom0-tools/supervisor/device.c dom0-tools/supervisor/device.h \
	dom0-tools/supervisor/device-life.c \
	dom0-tools/supervisor/device-store.c \
	dom0-tools/supervisor/device-record.c \
	dom0-tools/supervisor/device-view.c

UNIT_TOOL_SRC += dom0-tools/supervisor/xenbus.c
