/* SPDX-License-Identifier: MIT */
/*
 * The end: says why, shows registers and the calls that led here, stops the
 * other CPUs and the machine.  Uses no lock and no memory but its stack.
 */
#include <hyp/panic.h>

#include <hyp/arch.h>
#include <hyp/console.h>
#include <hyp/cpu.h>
#include <hyp/lib.h>
#include <hyp/param.h>

#include <asm/cpu.h>
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

const char *ksym_find(u64 addr, u64 *offset)
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

static void say(const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	hyp_vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	str_copy(line + strlen(line), "\n", 2);
	console_write_line(line, strlen(line));
}

static void say_address(u64 addr)
{
	u64 offset = 0;
	const char *name = ksym_find(addr, &offset);

	if (name)
		say("(hyp)   %016llx %s+0x%llx", (unsigned long long)addr,
		    name, (unsigned long long)offset);
	else
		say("(hyp)   %016llx", (unsigned long long)addr);
}

#define REG(r) ((unsigned long long)(r))

void regs_show(const struct regs *r)
{
	say("(hyp) rip %04x:%016llx rflags %08llx vector %u error %04x",
	    r->cs, REG(r->rip), REG(r->rflags), r->vector, r->error_code);
	say("(hyp) rsp %04x:%016llx rbp %016llx rax %016llx",
	    r->ss, REG(r->rsp), REG(r->rbp), REG(r->rax));
	say("(hyp) rbx %016llx rcx %016llx rdx %016llx",
	    REG(r->rbx), REG(r->rcx), REG(r->rdx));
	say("(hyp) rsi %016llx rdi %016llx r8  %016llx",
	    REG(r->rsi), REG(r->rdi), REG(r->r8));
	say("(hyp) r9  %016llx r10 %016llx r11 %016llx",
	    REG(r->r9), REG(r->r10), REG(r->r11));
	say("(hyp) r12 %016llx r13 %016llx r14 %016llx r15 %016llx",
	    REG(r->r12), REG(r->r13), REG(r->r14), REG(r->r15));
	say("(hyp) cr2 %016llx cr3 %016llx", REG(read_cr2()),
	    REG(read_cr3()));
}

/* Frames are linked through rbp; we follow them inside this stack only. */
void stack_show(u64 rip, u64 rbp)
{
	const u64 stack = rbp & ~(STACK_SIZE - 1UL);
	const u64 end = stack + STACK_SIZE - sizeof(struct stack_top);
	unsigned n;

	if (rip)
		say_address(rip);
	for (n = 0; n < TRACE_MAX; n++) {
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

static void __noreturn stop(void)
{
	if (params.noreboot) {
		say("(hyp) stopped (noreboot)");
		arch_halt();
	}
	say("(hyp) rebooting");
	arch_reboot();
}

static void begin(const char *fmt, va_list ap)
{
	static u32 panicking;
	char line[200];

	irq_off();
	if (atomic_add(&panicking, 1) > 1)
		arch_halt();
	console_force();
	smp_stop_others();
	hyp_snprintf(line, sizeof(line), "(hyp) PANIC on CPU %u: ",
		     this_cpu() ? this_cpu()->id : 0);
	hyp_vsnprintf(line + strlen(line), sizeof(line) - strlen(line) - 1,
		      fmt, ap);
	str_copy(line + strlen(line), "\n", 2);
	console_write_line(line, strlen(line));
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(fmt, ap);
	va_end(ap);
	say("(hyp) called from:");
	stack_show(0, (u64)__builtin_frame_address(0));
	stop();
}

void panic_at(const struct regs *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(fmt, ap);
	va_end(ap);
	regs_show(r);
	say("(hyp) called from:");
	stack_show(r->rip, r->rbp);
	stop();
}
