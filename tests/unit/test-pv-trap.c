/* SPDX-License-Identifier: MIT */
/* Bounce frames, word by word, and the hypercalls that shape them. */
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/hypercall.h>

#include <xen/callback.h>
#include <xen/sched.h>

#include <asm/insn.h>
#include <asm/pv.h>

#include "machine.h"

CU_ErrorCode test_pv_trap_register(void);

#define ENTRY		0xffffffff81000000
#define BREAKPOINT	0x1000

static struct vcpu *v;
static struct regs *r;
static struct trap_info traps[256];
static u64 stack[64] __attribute__((aligned(16)));
#define STACK_TOP (stack + 64)

static void setup(bool kernel)
{
	machine_boot();
	v = machine_domain(false)->vcpu[0];
	machine_as(0, v);
	machine_top.vcpu = v;
	memset(traps, 0, sizeof(traps));
	memset(stack, 0xee, sizeof(stack));
	memset(&machine_insns, 0, sizeof(machine_insns));
	v->arch.traps = traps;
	v->arch.kernel_mode = kernel;
	v->arch.kernel_sp = (u64)STACK_TOP;
	v->mmu.kernel = 0x111;
	v->mmu.user = 0x222;
	v->info->evtchn_upcall_mask = 0;
	v->info->evtchn_upcall_pending = 0;
	r = guest_regs();
	*r = (struct regs) {
		.rax = 1, .rcx = 2, .rdx = 3, .r11 = 4, .rip = 0x401000,
		.cs = 0x33, .ss = 0x2b, .rflags = 0x40346 | RFLAGS_NT,
		.rsp = kernel ? (u64)(STACK_TOP - 8) - 4 : 0x7fff1234,
	};
	if (kernel) {
		r->cs = SEL_USER_CS64;
		r->ss = SEL_USER_DS;
	}
}

static void check_entered(u64 sp, u64 entry)
{
	CU_ASSERT_EQUAL(r->rip, entry);
	CU_ASSERT_EQUAL(r->cs, SEL_USER_CS64);
	CU_ASSERT_EQUAL(r->ss, SEL_USER_DS);
	CU_ASSERT_EQUAL(r->rsp, sp);
	CU_ASSERT_EQUAL(r->rflags, 0x246);	/* TF, NT, AC are gone */
	CU_ASSERT_TRUE(v->arch.kernel_mode);
	CU_ASSERT_FALSE(v->domain->shutting_down);
}

static void a_fault_of_user_space_has_its_error_code(void)
{
	u64 *f = STACK_TOP - 8;

	setup(false);
	traps[TRAP_GP] = (struct trap_info){ .vector = TRAP_GP, .address = ENTRY };
	pv_inject(v, r, TRAP_GP, 0x18);
	check_entered((u64)f, ENTRY);
	CU_ASSERT_EQUAL(f[0], 2);
	CU_ASSERT_EQUAL(f[1], 4);
	CU_ASSERT_EQUAL(f[2], 0x18);
	CU_ASSERT_EQUAL(f[3], 0x401000);
	CU_ASSERT_EQUAL(f[4], 0x33);
	CU_ASSERT_EQUAL(f[5], 0x40346 | RFLAGS_NT);
	CU_ASSERT_EQUAL(f[6], 0x7fff1234);
	CU_ASSERT_EQUAL(f[7], 0x2b);
	CU_ASSERT_EQUAL(machine_insns.cr3, 0x111000);
	CU_ASSERT_TRUE(machine_insns.gs_swapped);
	CU_ASSERT_EQUAL(v->info->evtchn_upcall_mask, 0);
}

static void a_trap_of_the_kernel_stays_on_its_stack(void)
{
	u64 *f = STACK_TOP - 9 - 1 - 7;

	setup(true);
	v->info->evtchn_upcall_mask = 1;
	traps[TRAP_BP] = (struct trap_info){ .vector = TRAP_BP, .flags = 7, .address = ENTRY };
	pv_inject(v, r, TRAP_BP, 0);
	f = (u64 *)((((u64)(STACK_TOP - 8) - 4) & ~15ULL) - 7 * 8);
	check_entered((u64)f, ENTRY);
	CU_ASSERT_EQUAL(f[2], 0x401000);
	/* RPL 0 says kernel; the mask was set, so IF looks clear. */
	CU_ASSERT_EQUAL(f[3], 0xe030 | 1ULL << 32);
	CU_ASSERT_EQUAL(f[4], (0x40346 | RFLAGS_NT) & ~RFLAGS_IF);
	CU_ASSERT_EQUAL(machine_insns.cr3, 0);
	CU_ASSERT_FALSE(machine_insns.gs_swapped);
}

static void a_gate_masks_events_when_it_says_so(void)
{
	setup(false);
	traps[TRAP_DE] = (struct trap_info){ .flags = 4, .address = ENTRY };
	pv_inject(v, r, TRAP_DE, 0);
	CU_ASSERT_EQUAL(v->info->evtchn_upcall_mask, 1);
}

static void a_page_fault_says_who_and_where(void)
{
	setup(true);
	traps[TRAP_PF] = (struct trap_info){ .flags = 4, .address = ENTRY };
	pv_inject_page_fault(v, r, 0xabc000, 6);
	CU_ASSERT_EQUAL(v->info->arch.cr2, 0xabc000);
	CU_ASSERT_EQUAL(((u64 *)r->rsp)[2], 2);
	setup(false);
	traps[TRAP_PF] = (struct trap_info){ .flags = 4, .address = ENTRY };
	pv_inject_page_fault(v, r, 0xdef000, 7);
	CU_ASSERT_EQUAL(v->info->arch.cr2, 0xdef000);
	CU_ASSERT_EQUAL(((u64 *)r->rsp)[2], 7);
}

static void no_handler_ends_the_guest(void)
{
	setup(true);
	pv_inject(v, r, TRAP_UD, 0);
	CU_ASSERT_TRUE(v->domain->shutting_down);
	CU_ASSERT_EQUAL(v->domain->shutdown_code, SHUTDOWN_crash);
}

static void a_stack_that_faults_ends_the_guest(void)
{
	setup(true);
	traps[TRAP_UD].address = ENTRY;
	machine_guest_fault_at(20);
	pv_inject(v, r, TRAP_UD, 0);
	machine_guest_fault_at(0);
	CU_ASSERT_TRUE(v->domain->shutting_down);
}

static void a_stack_in_the_hypervisor_ends_the_guest(void)
{
	static const u64 bad[] = {
		HYP_START + 0x1000, HYP_END - 8, HYP_END + 16,
		0x0000900000000000,
	};
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(true);
		traps[TRAP_UD].address = ENTRY;
		r->rsp = bad[i];
		pv_inject(v, r, TRAP_UD, 0);
		CU_ASSERT_TRUE(v->domain->shutting_down);
	}
}

static void failsafe_shows_the_four_selectors(void)
{
	static const u16 sel[4] = { 0x1b, 0x2b, 0x63, 0x6b };
	u64 *f;

	setup(true);
	v->arch.callback[CALLBACKTYPE_failsafe] = ENTRY;
	pv_failsafe(v, r, sel);
	f = (u64 *)r->rsp;
	CU_ASSERT_EQUAL(f[0], 2);
	CU_ASSERT_EQUAL(f[1], 4);
	CU_ASSERT_EQUAL(f[2], 0x1b);
	CU_ASSERT_EQUAL(f[5], 0x6b);
	CU_ASSERT_EQUAL(f[6], 0x401000);
	CU_ASSERT_EQUAL(f[7], 0xe030);
	CU_ASSERT_EQUAL(r->rip, ENTRY);
}

static void a_syscall_without_callback_is_undefined(void)
{
	setup(false);
	traps[TRAP_UD].address = ENTRY;
	pv_syscall(r);
	CU_ASSERT_EQUAL(((u64 *)r->rsp)[2], 0x401000 - 2);
	setup(false);
	v->arch.callback[CALLBACKTYPE_syscall] = ENTRY + 1;
	pv_syscall(r);
	check_entered((u64)(STACK_TOP - 7), ENTRY + 1);
	CU_ASSERT_EQUAL(((u64 *)r->rsp)[2], 0x401000);
}

/* ---- Hypercalls ---- */

static void iret_goes_where_the_frame_says(void)
{
	struct iret_context f = {
		.rax = 10, .r11 = 11, .rcx = 12, .rip = 0x402000, .cs = 0x33,
		.rflags = 0xfff3202, .rsp = 0x7ffe0000, .ss = 0x28,
	};

	setup(true);
	v->info->evtchn_upcall_mask = 1;
	r->rsp = (u64)&f;
	CU_ASSERT_EQUAL(do_iret(), 10);
	CU_ASSERT_FALSE(v->arch.kernel_mode);
	CU_ASSERT_EQUAL(machine_insns.cr3, 0x222000);
	CU_ASSERT_EQUAL(r->rip, 0x402000);
	CU_ASSERT_EQUAL(r->cs, 0x33);
	CU_ASSERT_EQUAL(r->ss, 0x2b);
	CU_ASSERT_EQUAL(r->rcx, 12);
	CU_ASSERT_EQUAL(r->r11, 11);
	CU_ASSERT_EQUAL(r->rsp, 0x7ffe0000);
	CU_ASSERT_FALSE(r->rflags & RFLAGS_NEVER);
	CU_ASSERT_EQUAL(v->info->evtchn_upcall_mask, 0);

	setup(true);
	f.cs = 0xe030;
	f.rflags = 2;
	r->rsp = (u64)&f;
	do_iret();
	CU_ASSERT_TRUE(v->arch.kernel_mode);
	CU_ASSERT_EQUAL(r->cs, SEL_USER_CS64);
	CU_ASSERT_TRUE(r->rflags & RFLAGS_IF);
	CU_ASSERT_EQUAL(v->info->evtchn_upcall_mask, 1);
}

static void iret_without_user_tables_ends_the_guest(void)
{
	struct iret_context f = { .cs = 0x33, .rflags = 0x202 };

	setup(true);
	v->mmu.user = MFN_NONE;
	r->rsp = (u64)&f;
	do_iret();
	CU_ASSERT_TRUE(v->domain->shutting_down);
	CU_ASSERT_TRUE(v->arch.kernel_mode);
}

static void handlers_must_be_canonical(void)
{
	struct trap_info t[3] = {
		{ .vector = 14, .flags = 4, .address = ENTRY },
		{ .vector = 13, .address = 0x800000000000 },
	};
	struct callback_register c = {
		.type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events,
		.address = 0x8000000000000000,
	};

	setup(true);
	CU_ASSERT_EQUAL(do_set_trap_table((u64)t), -XEN_EINVAL);
	t[1].address = 0;
	CU_ASSERT_EQUAL(do_set_trap_table((u64)t), 0);
	CU_ASSERT_EQUAL(v->arch.hot_pf, ENTRY);
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&c), -XEN_EINVAL);
	c.address = ENTRY;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&c), 0);
	CU_ASSERT_TRUE(v->arch.hot_syscall);
	c.flags = 0;
	CU_ASSERT_EQUAL(do_callback_op(CALLBACKOP_register, (u64)&c), 0);
	CU_ASSERT_FALSE(v->arch.hot_syscall);
	CU_ASSERT_EQUAL(do_set_trap_table(0), 0);
	CU_ASSERT_EQUAL(v->arch.hot_pf, 0);
}

static void stacks_and_bases_must_be_the_guests(void)
{
	setup(true);
	CU_ASSERT_EQUAL(do_stack_switch(0x2b, HYP_START + 8), -XEN_EINVAL);
	CU_ASSERT_EQUAL(do_stack_switch(0x2b, HYP_END), -XEN_EINVAL);
	CU_ASSERT_EQUAL(do_stack_switch(0x2b, 1ULL << 63), -XEN_EINVAL);
	CU_ASSERT_EQUAL(do_stack_switch(0x28, 0xffffc90000001238), 0);
	CU_ASSERT_EQUAL(v->arch.kernel_sp, 0xffffc90000001230);
	CU_ASSERT_EQUAL(do_set_segment_base(SEGBASE_FS, 1ULL << 47), -XEN_EINVAL);
	CU_ASSERT_EQUAL(do_set_segment_base(SEGBASE_GS_KERNEL, 0x1000), 0);
	CU_ASSERT_EQUAL(machine_insns.msr, MSR_GS_BASE);
	CU_ASSERT_EQUAL(do_set_segment_base(SEGBASE_GS_USER_SEL, 0x63), 0);
	CU_ASSERT_EQUAL(machine_insns.gs, 0x63);
	CU_ASSERT_FALSE(machine_insns.gs_swapped);
	CU_ASSERT_EQUAL(do_set_segment_base(9, 0), -XEN_EINVAL);
}

static void breakpoints_stay_off_the_hypervisor(void)
{
	setup(true);
	CU_ASSERT_EQUAL(do_set_debugreg(0, HYP_START), -XEN_EPERM);
	CU_ASSERT_EQUAL(do_set_debugreg(1, HYP_START - 4), -XEN_EPERM);
	CU_ASSERT_EQUAL(do_set_debugreg(2, 1ULL << 50), -XEN_EPERM);
	CU_ASSERT_EQUAL(do_set_debugreg(7, 1 << 13), -XEN_EPERM);
	CU_ASSERT_EQUAL(do_set_debugreg(7, 1ULL << 32), -XEN_EINVAL);
	CU_ASSERT_EQUAL(do_set_debugreg(7, 1 | 2 << 16), -XEN_EPERM);
	CU_ASSERT_EQUAL(do_set_debugreg(0, BREAKPOINT), 0);
	CU_ASSERT_EQUAL(do_set_debugreg(7, 1), 0);
	CU_ASSERT_EQUAL(machine_insns.dr[0], BREAKPOINT);
	CU_ASSERT_EQUAL(machine_insns.dr[7], 0x401);
	CU_ASSERT_EQUAL(do_get_debugreg(7), 0x401);
	CU_ASSERT_EQUAL(do_get_debugreg(8), -XEN_ENODEV);
	/* Numbers are 32 bits wide; an index is not. */
	CU_ASSERT_EQUAL(do_get_debugreg(0xffff800000000000), BREAKPOINT);
	CU_ASSERT_EQUAL(do_set_debugreg(0xffff800000000001, 0x2000), 0);
	CU_ASSERT_EQUAL(do_get_debugreg(1), 0x2000);
	CU_ASSERT_EQUAL(do_set_debugreg(7, 0), 0);
	CU_ASSERT_EQUAL(machine_insns.dr[7], 0x400);
}

CU_ErrorCode test_pv_trap_register(void)
{
	CU_pSuite s = CU_add_suite("pv-trap", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(a_fault_of_user_space_has_its_error_code);
	ADD(a_trap_of_the_kernel_stays_on_its_stack);
	ADD(a_gate_masks_events_when_it_says_so);
	ADD(a_page_fault_says_who_and_where);
	ADD(no_handler_ends_the_guest);
	ADD(a_stack_that_faults_ends_the_guest);
	ADD(a_stack_in_the_hypervisor_ends_the_guest);
	ADD(failsafe_shows_the_four_selectors);
	ADD(a_syscall_without_callback_is_undefined);
	ADD(iret_goes_where_the_frame_says);
	ADD(iret_without_user_tables_ends_the_guest);
	ADD(handlers_must_be_canonical);
	ADD(stacks_and_bases_must_be_the_guests);
	ADD(breakpoints_stay_off_the_hypervisor);
	return s ? CU_get_error() : CUE_NOSUITE;
}
