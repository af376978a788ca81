/* SPDX-License-Identifier: MIT */
/*
 * Into the guest kernel: bounce frames.  From the stack pointer up: rcx,
 * r11, then an error code or the four selectors of the failsafe callback,
 * then rip, cs with the saved event mask in bits 32-39, rflags, rsp, ss.
 * entry.S makes the most frequent ones by itself, with the same contents.
 */

#include <asm/pv.h>

static void to_kernel(struct vcpu *v)
{
	v->arch.kernel_mode = true;
	swapgs();
	write_cr3(v->mmu.kernel << PAGE_SHIFT);
}

void pv_to_user(struct vcpu *v)
{
	v->arch.kernel_mode = false;
	swapgs();
	write_cr3(v->mmu.user << PAGE_SHIFT);
}

void pv_bad_stack(void)
{
	struct vcpu *v = stack_top()->vcpu;

	domain_crash(v->domain, "vCPU %u: no frame can be written on its kernel stack (rip %lx, kernel stack %lx)",
		     v->id, guest_regs()->rip, v->arch.kernel_sp);
}

struct bounce {
	u64 entry;
	bool mask;		/* mask events */
	unsigned words;		/* between r11 and rip */
	u64 word[4];
};

static void bounce(struct vcpu *v, struct regs *r, const struct bounce *b)
{
	const bool user = !v->arch.kernel_mode;
	const u8 masked = READ_ONCE(v->info->evtchn_upcall_mask);
	u64 frame[11], *f = frame, sp;
	size_t size;

	*f++ = r->rcx;
	*f++ = r->r11;
	memcpy(f, b->word, b->words * sizeof(*f));
	f += b->words;
	*f++ = r->rip;
	*f++ = (user ? r->cs : r->cs & ~3u) | (u64)masked << 32;
	*f++ = (r->rflags & ~(u64)(RFLAGS_IF | RFLAGS_IOPL)) |
	       (masked ? 0 : RFLAGS_IF);
	*f++ = r->rsp;
	*f++ = r->ss;
	size = (size_t)(f - frame) * sizeof(*f);

	if (user)
		to_kernel(v);
	sp = ((user ? v->arch.kernel_sp : r->rsp) & ~15ULL) - size;
	if (copy_to_guest(sp, frame, size)) {
		pv_bad_stack();
		return;
	}
	if (b->mask)
		v->info->evtchn_upcall_mask = 1;
	r->rip = b->entry;
	r->cs = SEL_USER_CS64;
	r->rflags = (r->rflags & ~(u64)(RFLAGS_ENTRY_CLEAR | RFLAGS_NEVER)) |
		    RFLAGS_IF;
	r->rsp = sp;
	r->ss = SEL_USER_DS;
}

void pv_inject(struct vcpu *v, struct regs *r, unsigned vector, u32 error)
{
	const struct trap_info *t = &v->arch.traps[vector];
	struct bounce b = { .entry = t->address, .mask = TI_GET_IF(t) };

	if (!t->address) {
		domain_crash(v->domain, "vCPU %u: exception %u (code %x) at %lx, stack %lx, and no handler for it; address %lx",
			     v->id, vector, error, r->rip, r->rsp,
			     vector == TRAP_PF ? v->info->arch.cr2 : 0);
		return;
	}
	if (vector < 32 && TRAPS_WITH_CODE & BIT(vector)) {
		b.words = 1;
		b.word[0] = error;
	}
	bounce(v, r, &b);
}

void pv_inject_page_fault(struct vcpu *v, struct regs *r, u64 va, u32 error)
{
	/* Ring 3 is the guest kernel's ring too: say which of them it was. */
	if (v->arch.kernel_mode)
		error &= ~4u;
	else
		error |= 4;
	v->info->arch.cr2 = va;
	pv_inject(v, r, TRAP_PF, error);
}

/* Enters one of the callbacks (CALLBACKTYPE_*); the guest has it. */
static void pv_enter_callback(struct vcpu *v, struct regs *r, unsigned type)
{
	const struct bounce b = {
		.entry = v->arch.callback[type],
		.mask = type == CALLBACKTYPE_event ||
			(v->arch.callback_masks & BIT(type)),
	};

	bounce(v, r, &b);
}

void pv_failsafe(struct vcpu *v, struct regs *r, const u16 sel[4])
{
	const struct bounce b = {
		.entry = v->arch.callback[CALLBACKTYPE_failsafe],
		.mask = v->arch.callback_masks & BIT(CALLBACKTYPE_failsafe),
		.words = 4, .word = { sel[0], sel[1], sel[2], sel[3] },
	};

	if (b.entry)
		bounce(v, r, &b);
	else
		log_guest(LOG_INFO, v->domain, "vCPU %u: bad selectors became 0; no failsafe callback",
			  v->id);
}

/* ---- SYSCALL that entry.S did not finish ---- */

void pv_syscall(struct regs *r)
{
	struct vcpu *v = stack_top()->vcpu;

	if (v->arch.callback[CALLBACKTYPE_syscall] && !v->arch.kernel_mode) {
		pv_enter_callback(v, r, CALLBACKTYPE_syscall);
		return;
	}
	r->rip -= 2;
	pv_inject(v, r, TRAP_UD, 0);
}

/* ---- The last C before a guest ---- */

static void deliver_event(struct vcpu *v)
{
	const struct vcpu_info *info = v->info;

	if (READ_ONCE(info->evtchn_upcall_pending) &&
	    !READ_ONCE(info->evtchn_upcall_mask) &&
	    v->arch.callback[CALLBACKTYPE_event])
		pv_enter_callback(v, guest_regs(), CALLBACKTYPE_event);
}

/* Pending work of this CPU may change who runs; then its waiting event. */
void pv_return(void)
{
	struct cpu *c = this_cpu();

	do {
		if (READ_ONCE(c->work))
			cpu_work();
		deliver_event(c->current);
		/* A bad stack ends the guest, which is work again. */
	} while (READ_ONCE(c->work));
}
