/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's life in the machine, and its whole context in the ABI's form, in
 * and out.  Context goes in only while the vCPU does not run.
 */
#include <hyp/desc.h>

#include <asm/pv.h>

int arch_vcpu_init(struct vcpu *v)
{
	struct arch_vcpu *a = &v->arch;
	const mfn_t m = frame_alloc(1, 0, FRAME_ZERO);

	_Static_assert(256 * sizeof(*a->traps) == PAGE_SIZE, "the second frame");
	if (m == MFN_NONE)
		return -XEN_ENOMEM;
	a->fpu = frame_to_virt(m);
	a->traps = frame_to_virt(m + 1);
	fpu_init_area(a->fpu);
	a->kernel_mode = true;
	a->xcr0 = 1;
	a->dr[6] = 0xffff0ff0;
	a->dr[7] = 0x400;
	a->regs.cs = SEL_USER_CS64;
	a->regs.ss = SEL_USER_DS;
	a->regs.rflags = RFLAGS_IF | RFLAGS_FIXED;
	a->loaded_on = ~0u;
	return 0;
}

void arch_vcpu_exit(struct vcpu *v)
{
	struct arch_vcpu *a = &v->arch;

	pv_desc_drop(v);
	if (a->fpu)
		frame_free(virt_to_frame(a->fpu), 1);
	a->fpu = NULL;
}

/* ---- In ---- */

static bool is_sound(const struct vcpu *v, const struct vcpu_guest_context *c)
{
	const u64 address[] = {
		c->user_regs.rip, c->user_regs.rsp, c->event_callback_eip,
		c->failsafe_callback_eip, c->syscall_callback_eip, c->fs_base,
		c->gs_base_kernel, c->gs_base_user,
	};
	bool ok = pv_stack_ok(c->kernel_sp) && c->gdt_ents <= GDT_PAGES * 512;

	for (unsigned i = 0; i < 256; i++)
		ok &= is_canonical(c->trap_ctxt[i].address);
	for (unsigned i = 0; i < ARRAY_SIZE(address); i++)
		ok &= is_canonical(address[i]);
	/* User mode needs tables of its own.  An LDT is for the vCPU itself
	 * to set, when its tables are loaded. */
	return ok && (c->flags & VGCF_in_kernel || c->ctrlreg[1]) &&
	       (!c->ldt_ents || v->initialised);
}

static mfn_t user_table(const struct vcpu_guest_context *c)
{
	return c->ctrlreg[1] ? c->ctrlreg[1] >> PAGE_SHIFT : MFN_NONE;
}

/* A vCPU that ran keeps its tables. */
static int check_unchanged(const struct vcpu *v,
			   const struct vcpu_guest_context *c)
{
	const struct arch_vcpu *a = &v->arch;
	bool same = c->ctrlreg[3] >> PAGE_SHIFT == v->mmu.kernel &&
		    user_table(c) == v->mmu.user &&
		    c->gdt_ents == a->gdt_entries &&
		    c->ldt_ents == a->ldt_entries && c->ldt_base == a->ldt_base;

	for (unsigned i = 0; i < DIV_UP(a->gdt_entries, 512); i++)
		same &= c->gdt_frames[i] == page_mfn(a->gdt_page[i]);
	return same ? 0 : -XEN_EOPNOTSUPP;
}

static int set_tables(struct vcpu *v, const struct vcpu_guest_context *c)
{
	int rc = pv_gdt_set(v, c->gdt_frames, (u32)c->gdt_ents);

	if (rc)
		return rc;
	rc = mmu_vcpu_set_bases(v, c->ctrlreg[3] >> PAGE_SHIFT, user_table(c));
	if (rc)
		pv_desc_drop(v);
	return rc;
}

/* The frame that entry.S makes is the beginning of the ABI's. */
_Static_assert(offsetof(struct cpu_user_regs, rax) == offsetof(struct regs, rax) &&
	       offsetof(struct cpu_user_regs, rip) == offsetof(struct regs, rip) &&
	       offsetof(struct cpu_user_regs, ss) == offsetof(struct regs, ss),
	       "struct regs is not as the ABI has it");

static void set_registers(struct vcpu *v, const struct cpu_user_regs *u)
{
	struct arch_vcpu *a = &v->arch;
	struct regs *r = &a->regs;

	memcpy(r, u, sizeof(*r));
	memset(r->pad0, 0, sizeof(r->pad0));
	memset(r->pad1, 0, sizeof(r->pad1));
	r->cs |= 3;
	r->ss |= 3;
	r->rflags = pv_rflags(u->rflags);
	/* The real one stays 0; this is PHYSDEVOP_set_iopl's. */
	a->iopl = u->rflags >> 12 & 3;
	a->ds = u->ds;
	a->es = u->es;
	a->fs = u->fs;
	a->gs = u->gs;
}

static void set_callbacks(struct arch_vcpu *a,
			  const struct vcpu_guest_context *c)
{
	a->callback[CALLBACKTYPE_event] = c->event_callback_eip;
	a->callback[CALLBACKTYPE_failsafe] = c->failsafe_callback_eip;
	a->callback[CALLBACKTYPE_syscall] = c->syscall_callback_eip;
	a->callback_masks = BIT(CALLBACKTYPE_event);
	if (c->flags & VGCF_failsafe_disables_events)
		a->callback_masks |= BIT(CALLBACKTYPE_failsafe);
	if (c->flags & VGCF_syscall_disables_events)
		a->callback_masks |= BIT(CALLBACKTYPE_syscall);
}

static void set_debug(struct arch_vcpu *a, const struct vcpu_guest_context *c)
{
	u64 dr7;

	for (unsigned i = 0; i < 4; i++)
		a->dr[i] = pv_check_breakpoint(c->debugreg[i]) ? 0 :
			   c->debugreg[i];
	a->dr[6] = (c->debugreg[6] & 0xffffefff) | 0xffff0ff0;
	a->dr[7] = pv_check_dr7(c->debugreg[7], &dr7) ? 0x400 : dr7;
}

int arch_vcpu_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct arch_vcpu *a = &v->arch;
	int rc = -XEN_EINVAL;

	if (is_sound(v, c))
		rc = v->initialised ? check_unchanged(v, c) : set_tables(v, c);
	if (rc)
		return rc;

	set_registers(v, &c->user_regs);
	memcpy(a->traps, c->trap_ctxt, 256 * sizeof(*a->traps));
	for (unsigned i = 0; i < 256; i++)
		a->traps[i].vector = (u8)i;
	set_callbacks(a, c);
	set_debug(a, c);
	a->kernel_mode = c->flags & VGCF_in_kernel;
	a->kernel_ss = (u16)c->kernel_ss | 3;
	a->kernel_sp = c->kernel_sp & ~15ULL;
	a->fs_base = c->fs_base;
	a->gs_base_kernel = c->gs_base_kernel;
	a->gs_base_user = c->gs_base_user;
	a->ts = c->ctrlreg[0] & CR0_TS;
	a->cr4 = c->ctrlreg[4] & pv_cr4_allowed(v);
	if (c->flags & VGCF_i387_valid)
		fpu_import(a->fpu, &c->fpu_ctxt);
	else
		fpu_init_area(a->fpu);
	pv_hot_update(v);
	/* What is not in the frame must be loaded again. */
	a->loaded_on = ~0u;
	return 0;
}

/* ---- Out ---- */

void arch_vcpu_get_context(const struct vcpu *v, struct vcpu_guest_context *c)
{
	const struct arch_vcpu *a = &v->arch;
	struct cpu_user_regs *u = &c->user_regs;

	memset(c, 0, sizeof(*c));
	memcpy(&c->fpu_ctxt, a->fpu, sizeof(c->fpu_ctxt));
	c->flags = VGCF_i387_valid;
	if (a->kernel_mode)
		c->flags |= VGCF_in_kernel;
	if (!v->down)
		c->flags |= VGCF_online;
	if (a->callback_masks & BIT(CALLBACKTYPE_failsafe))
		c->flags |= VGCF_failsafe_disables_events;
	if (a->callback_masks & BIT(CALLBACKTYPE_syscall))
		c->flags |= VGCF_syscall_disables_events;

	/* As the processor has them, but for the virtual IOPL. */
	memcpy(u, &a->regs, sizeof(a->regs));
	u->rflags |= (u64)a->iopl << 12;
	u->ds = a->ds;
	u->es = a->es;
	u->fs = a->fs;
	u->gs = a->gs;

	memcpy(c->trap_ctxt, a->traps, sizeof(c->trap_ctxt));
	c->ldt_base = a->ldt_base;
	c->ldt_ents = a->ldt_entries;
	for (unsigned i = 0; i < ARRAY_SIZE(a->gdt_page); i++)
		c->gdt_frames[i] = a->gdt_page[i] ? page_mfn(a->gdt_page[i]) : 0;
	c->gdt_ents = a->gdt_entries;
	c->kernel_ss = a->kernel_ss;
	c->kernel_sp = a->kernel_sp;
	c->ctrlreg[0] = (read_cr0() & ~(u64)CR0_TS) | (a->ts ? CR0_TS : 0);
	c->ctrlreg[1] = v->mmu.user == MFN_NONE ? 0 : v->mmu.user << PAGE_SHIFT;
	c->ctrlreg[2] = v->info->arch.cr2;
	c->ctrlreg[3] = v->mmu.kernel << PAGE_SHIFT;
	c->ctrlreg[4] = a->cr4;
	memcpy(c->debugreg, a->dr, sizeof(c->debugreg));
	c->event_callback_eip = a->callback[CALLBACKTYPE_event];
	c->failsafe_callback_eip = a->callback[CALLBACKTYPE_failsafe];
	c->syscall_callback_eip = a->callback[CALLBACKTYPE_syscall];
	c->vm_assist = v->domain->assist;
	c->fs_base = a->fs_base;
	c->gs_base_kernel = a->gs_base_kernel;
	c->gs_base_user = a->gs_base_user;
}
