/* SPDX-License-Identifier: MIT */
/*
 * The end: says why, shows registers and the calls that led here, stops the
 * other CPUs and the machine.  Uses no lock and no memory but its stack.
 */
#include <hyp/core.h>

#include <hyp/param.h>

#include <asm/machine.h>

#define TRACE_MAX 24

/* hyp/ksyms.sh makes this. */
struct ksym {
	u32 addr, name;
};

extern const struct {
	u32 count, zero;
	struct ksym sym[];
} _ksyms;

/* Name of the function at addr, and how far behind its start; NULL: not ours. */
static const char *ksym_find(u64 addr, u64 *offset)
{
	const u64 base = (u64)_start & ~0xffffffffULL;
	u32 low = 0, high = _ksyms.count, mid;

	if (addr < (u64)_start || addr >= (u64)_text_end || !high)
		return NULL;
	/* The last symbol that is not above addr. */
	while (high - low > 1) {
		mid = (low + high) / 2;
		if (base + _ksyms.sym[mid].addr <= addr)
			low = mid;
		else
			high = mid;
	}
	*offset = addr - base - _ksyms.sym[low].addr;
	return (const char *)&_ksyms.sym[_ksyms.count] + _ksyms.sym[low].name;
}

static void say_address(u64 addr)
{
	u64 offset = 0;
	const char *name = ksym_find(addr, &offset);

	if (name)
		log_err("  %016lx %s+0x%lx", addr, name, offset);
	else
		log_err("  %016lx", addr);
}

void regs_show(const struct regs *r)
{
	log_err("rip %04x:%016lx rsp %04x:%016lx rflags %08lx vector %u code %04x",
		r->cs, r->rip, r->ss, r->rsp, r->rflags, r->vector,
		r->error_code);
	log_err("rax %016lx rbx %016lx rcx %016lx rdx %016lx",
		r->rax, r->rbx, r->rcx, r->rdx);
	log_err("rsi %016lx rdi %016lx rbp %016lx r8  %016lx",
		r->rsi, r->rdi, r->rbp, r->r8);
	log_err("r9  %016lx r10 %016lx r11 %016lx r12 %016lx",
		r->r9, r->r10, r->r11, r->r12);
	log_err("r13 %016lx r14 %016lx r15 %016lx cr2 %016lx cr3 %016lx",
		r->r13, r->r14, r->r15, read_cr2(), read_cr3());
}

/* Frames are linked through rbp; we follow them inside this stack only. */
void stack_show(u64 rip, u64 rbp)
{
	const u64 stack = rbp & ~(STACK_SIZE - 1UL);
	const u64 end = stack + STACK_SIZE - sizeof(struct stack_top);

	if (rip)
		say_address(rip);
	for (unsigned n = 0; n < TRACE_MAX; n++) {
		if (rbp < stack || rbp > end - 16 || rbp & 7)
			break;
		rip = ((const u64 *)rbp)[1];
		if (!rip)
			break;
		say_address(rip);
		if (((const u64 *)rbp)[0] <= rbp)
			break;
		rbp = ((const u64 *)rbp)[0];
	}
}

static void __noreturn stop(const struct regs *r, u64 rip, u64 rbp,
			    const char *fmt, va_list ap)
{
	static u32 panicking;
	char reason[160];

	irq_off();
	if (atomic_add(&panicking, 1) > 1)
		arch_halt();
	console_force();
	smp_stop_others();
	hyp_vsnprintf(reason, sizeof(reason), fmt, ap);
	log_err("PANIC on CPU %u: %s", this_cpu()->id, reason);
	if (r)
		regs_show(r);
	log_err("called from:");
	stack_show(rip, rbp);
	if (params.noreboot) {
		log_err("stopped (noreboot)");
		arch_halt();
	}
	log_err("rebooting");
	arch_reboot();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop(NULL, 0, (u64)__builtin_frame_address(0), fmt, ap);
}

void panic_at(const struct regs *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stop(r, r->rip, r->rbp, fmt, ap);
}
