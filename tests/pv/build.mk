# SPDX-License-Identifier: MIT
# The drivers on the host: the same sources behind a machine that is a fake.
PV_HOST_SRC = $(filter-out %/hypercall.c %/page.c,$(PV_SRC)) tests/pv/fake.c tests/pv/fake-blk.c
PV_HOST_OBJ = $(PV_HOST_SRC:%.c=tests/host/%.o)
HOST_INCLUDES += -I$(srcdir)/pv-drivers/include -I$(srcdir)/tests/pv
HOST_ARCHIVES += tests/host/libpv.a

tests/host/libpv.a: $(PV_HOST_OBJ)
	@$(MKDIR_P) $(@D)
	$(AM_V_AR)rm -f $@ && $(AR) crs $@ $(PV_HOST_OBJ)

-include $(wildcard $(PV_HOST_OBJ:.o=.d))
EXTRA_DIST += $(wildcard $(srcdir)/tests/pv/*.[ch]) \
	tests/oracle/README.md tests/oracle/front-ends.sh tests/oracle/vnc.py
