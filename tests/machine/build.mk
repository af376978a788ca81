# SPDX-License-Identifier: MIT
# The core runs on the fake machine as it is.  Not there: what only makes
# sense with a real one (the boot, the panic screen, the device hypercalls).
HYP_CORE_SRC += $(filter-out hyp/core/main.c hyp/core/panic.c \
	hyp/core/physdev.c hyp/core/platform-op.c hyp/core/dom0.c, \
	$(filter hyp/core/%,$(HYP_C)))
HYP_PURE_SRC += hyp/lib/printf.c hyp/lib/text.c
# Rules and frames of the guest's ways in and out.
HYP_PURE_SRC += hyp/arch/x86/pv-decode.c hyp/arch/x86/pv-trap.c hyp/arch/x86/pv-call.c \
	hyp/arch/x86/pv-desc-check.c hyp/arch/x86/pv-cpuid.c
