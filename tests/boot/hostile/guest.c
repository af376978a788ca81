/* SPDX-License-Identifier: MIT */
/*
 * A guest that does everything it should not: privileged instructions, bad
 * selectors, bad frames, bad flags, bad pointers.  Each attempt must end in
 * an exception of its own or in an error code, and the machine must go on.
 * It reports on its console and powers off.
 *
 * With "die=N" on its command line it does the N-th thing that costs a guest
 * its life; then the hypervisor must log why, and others must live on.
 */
#include <stdint.h>

#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/version.h>

typedef uint64_t u64;

#define NOTHING		-1
#define SYSCALLED	300		/* user space came back by syscall */
#define ANY		-2

/* start.S */
int attempt(void (*f)(void));
long hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d);
void iret_to(const struct iret_context *frame);
extern char trap_stubs[], syscall_back[], user_return[];
extern int last_trap;

static struct start_info *info;
static unsigned failures;

void guest_main(struct start_info *si);
void *memset(void *to, int c, unsigned long n);
void *memcpy(void *to, const void *from, unsigned long n);

void *memset(void *to, int c, unsigned long n)
{
	char *p = to;

	while (n--)
		*p++ = (char)c;
	return to;
}

void *memcpy(void *to, const void *from, unsigned long n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

/* ---- Console ---- */

static void say(const char *s)
{
	struct evtchn_send send = { .port = info->console.domU.evtchn };
	/* The builder puts it two pages behind start_info. */
	volatile struct xencons_interface *ring =
		(void *)((char *)info + 2 * 4096);

	for (; *s; s++) {
		while (ring->out_prod - ring->out_cons >= sizeof(ring->out))
			hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
		ring->out[ring->out_prod % sizeof(ring->out)] = *s;
		__sync_synchronize();
		ring->out_prod++;
	}
	hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (u64)&send, 0, 0);
}

/* The console's reader may begin after us; it gets some seconds. */
static void wait_for_reader(void)
{
	volatile struct xencons_interface *ring =
		(void *)((char *)info + 2 * 4096);
	unsigned tries = 2000000;

	while (ring->out_cons != ring->out_prod && tries--)
		hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0, 0);
}

static void say_number(long n)
{
	char text[24], *p = text + sizeof(text) - 1;
	u64 v = n < 0 ? -(u64)n : (u64)n;

	*p = 0;
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	if (n < 0)
		*--p = '-';
	say(p);
}

static void check(const char *name, long got, long wanted)
{
	if (got == wanted || wanted == ANY)
		return;
	failures++;
	say("hostile: ");
	say(name);
	say(": got ");
	say_number(got);
	say(", not ");
	say_number(wanted);
	say("\n");
}

/* ---- Instructions ---- */

#define INSN(name, text) static void name(void) { __asm__ volatile(text ::: "rax", "rcx", "rdx", "rbx", "memory"); }
INSN(do_hlt, "hlt")
INSN(do_lgdt, "lgdt (%%rsp)")
INSN(do_lidt, "lidt (%%rsp)")
INSN(do_lldt, "lldt %%ax")
INSN(do_ltr, "mov $0xe040, %%eax; ltr %%ax")
INSN(do_cr3, "xor %%eax, %%eax; mov %%rax, %%cr3")
INSN(do_cr0, "xor %%eax, %%eax; mov %%rax, %%cr0")
INSN(do_cr8, "mov %%rax, %%cr8")
INSN(do_read_cr, "mov %%cr0, %%rax; mov %%cr2, %%rax; mov %%cr3, %%rax; mov %%cr4, %%rax")
INSN(do_cr4, "mov $-1, %%rax; mov %%rax, %%cr4; mov $0x660, %%eax; mov %%rax, %%cr4")
INSN(do_clts, "clts")
INSN(do_wbinvd, "wbinvd")
INSN(do_invd, "invd")
INSN(do_invlpg, "invlpg (%%rsp)")
INSN(do_rdpmc, "xor %%ecx, %%ecx; rdpmc")
INSN(do_rdmsr, "mov $0x1234, %%ecx; rdmsr")
INSN(do_wrmsr, "mov $0xc0000082, %%ecx; wrmsr")
INSN(do_wrmsr_base, "mov $0xc0000100, %%ecx; xor %%eax, %%eax; mov $0x8000, %%edx; wrmsr")
INSN(do_efer, "mov $0xc0000080, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; wrmsr")
INSN(do_xsetbv, "xor %%ecx, %%ecx; mov $-1, %%eax; mov %%eax, %%edx; xsetbv")
INSN(do_swapgs, "swapgs")
INSN(do_sysret, "mov $0x1000, %%ecx; sysretq")
INSN(do_vmcall, "vmcall")
INSN(do_cli, "cli; sti")
INSN(do_in, "in $0x60, %%al")
INSN(do_outs, "mov $0x3f8, %%edx; mov $100, %%ecx; lea 1f(%%rip), %%rsi; rep outsb; 1:")
INSN(do_ud2, "ud2")
INSN(do_icebp, ".byte 0xf1")
INSN(do_int3, "int3")
INSN(do_int80, "int $0x80")
INSN(do_int4, "int $4")
INSN(do_int14, "int $14")
INSN(do_int_nmi, "int $2")
INSN(do_int_df, "int $8")
INSN(do_int_irq, "int $0xf2")
INSN(do_ds, "mov $0xe008, %%eax; mov %%eax, %%ds")
INSN(do_ss, "mov $0xe010, %%eax; mov %%eax, %%ss")
INSN(do_fs, "mov $0xe040, %%eax; mov %%eax, %%fs")
INSN(do_lret, "push $0xe008; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:")
INSN(do_lret_ldt, "push $0xe050; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:")
INSN(do_ljmp, "lea 1f(%%rip), %%rax; movl $0xe008, 8(%%rsp); rex.w ljmp *(%%rsp); 1:")
INSN(do_iretq, "mov %%rsp, %%rax; push $0xe010; push %%rax; pushf; push $0xe008; lea 1f(%%rip), %%rax; push %%rax; iretq; 1:")
INSN(do_read_image, "movabs $0xffff82d040000000, %%rax; mov (%%rax), %%rax")
INSN(do_read_direct, "movabs $0xffff830000000000, %%rax; mov (%%rax), %%rax")
INSN(do_read_stack, "movabs $0xffff818000047000, %%rax; mov (%%rax), %%rax")
INSN(do_read_m2p, "movabs $0xffff800000000000, %%rax; mov (%%rax), %%rax")
INSN(do_write_m2p, "movabs $0xffff800000000000, %%rax; mov %%rax, (%%rax)")
INSN(do_jump_image, "movabs $0xffff82d040001000, %%rax; jmp *%%rax")
INSN(do_jump_nowhere, "movabs $0x800000000000, %%rax; push %%rax; ret")
INSN(do_trap_on_gap, "movabs $0x8000000000f0, %%rsp; ud2")
/* Flags that must not follow us into the hypervisor. */
INSN(do_tf, "pushf; orl $0x100, (%%rsp); popf; nop; nop")
INSN(do_tf_syscall, "pushf; orl $0x100, (%%rsp); popf; mov $17, %%eax; xor %%edi, %%edi; xor %%esi, %%esi; syscall; nop; nop")
INSN(do_nt, "pushf; orl $0x4000, (%%rsp); popf; mov $17, %%eax; xor %%edi, %%edi; syscall; int3")
INSN(do_all_flags, "push $0x3f7ed7 & ~0x100; popf; mov $17, %%eax; xor %%edi, %%edi; syscall; int3")
INSN(do_mov_ss_syscall, "mov ss_word(%%rip), %%ss; syscall; nop")
INSN(do_mov_ss_int3, "mov ss_word(%%rip), %%ss; int3; nop")
INSN(do_mov_ss_ud2, "mov ss_word(%%rip), %%ss; ud2")
INSN(do_fpu, "fninit; fld1; fstp %%st(0)")

static void instructions(void)
{
	static const struct {
		const char *name;
		void (*f)(void);
		int trap;
	} t[] = {
#define T(n, trap) { #n, do_##n, trap }
		T(hlt, 13), T(lgdt, 13), T(lidt, 13), T(lldt, 13), T(ltr, 13),
		T(cr3, 13), T(cr0, 13), T(cr8, 13), T(read_cr, NOTHING),
		T(cr4, NOTHING), T(clts, NOTHING), T(wbinvd, NOTHING),
		T(invd, 13), T(invlpg, 13), T(rdpmc, 13), T(rdmsr, 13),
		T(wrmsr, 13), T(wrmsr_base, 13), T(efer, 13), T(xsetbv, ANY),
		T(swapgs, 13), T(sysret, ANY), T(vmcall, 6), T(cli, 13),
		T(in, 13), T(outs, 13), T(ud2, 6), T(icebp, ANY), T(int3, 3),
		T(int80, 13), T(int4, 4), T(int14, 13), T(int_nmi, 13),
		T(int_df, 13), T(int_irq, 13), T(ds, 13), T(ss, 13), T(fs, 13),
		T(lret, 13), T(lret_ldt, 13), T(ljmp, ANY), T(iretq, 13),
		T(read_image, 14), T(read_direct, 14), T(read_stack, 14),
		T(read_m2p, NOTHING), T(write_m2p, 14), T(jump_image, 14),
		T(jump_nowhere, 13), T(tf, 1), T(tf_syscall, 1), T(nt, 3),
		T(all_flags, 3), T(fpu, NOTHING),
	};
	unsigned i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		check(t[i].name, attempt(t[i].f), t[i].trap);
	hypercall(__HYPERVISOR_fpu_taskswitch, 1, 0, 0, 0);
	check("fpu with TS", attempt(do_fpu), 7);
	check("fpu after TS", attempt(do_fpu), NOTHING);
}

/* A watched stack segment selector: #DB waits for the next instruction. */
unsigned short ss_word = 0xe02b;

static void mov_ss(void)
{
	check("watch", hypercall(__HYPERVISOR_set_debugreg, 0, (u64)&ss_word, 0, 0), 0);
	check("dr7", hypercall(__HYPERVISOR_set_debugreg, 7, 0x701 | 3 << 16 | 1 << 18, 0, 0), 0);
	check("mov ss, syscall", attempt(do_mov_ss_syscall), ANY);
	check("mov ss, int3", attempt(do_mov_ss_int3), ANY);
	check("mov ss, ud2", attempt(do_mov_ss_ud2), ANY);
	hypercall(__HYPERVISOR_set_debugreg, 7, 0, 0, 0);
}

/* ---- The iret hypercall ---- */

static struct iret_context frame;

static void do_iret(void)
{
	iret_to(&frame);
}

static char kernel_stack[8192] __attribute__((aligned(16)));
#define STACK_END ((u64)(kernel_stack + sizeof(kernel_stack)))

static void irets(void)
{
	static const unsigned short cs[] = {
		0x0, 0x3, 0x8, 0xb, 0x10, 0xe008, 0xe00b, 0xe010, 0xe02b, 0xe040,
		0xe043, 0xe050, 0xe058, 0xefff, 0xffff, 0x4, 0x7, 0xfffc,
	};
	static const u64 rip[] = {
		0x800000000000, 0x8000000000000000, 0xffff7fffffffffff,
		0xffff82d040001000, 0xffff800000000000, ~0ULL,
	};
	const struct iret_context good = {
		.rip = (u64)user_return, .cs = 0xe030, .ss = 0xe028,
		.rflags = 0x2, .rsp = STACK_END,
	};
	unsigned i;

	frame = good;
	check("good iret", attempt(do_iret), 3);
	for (i = 0; i < sizeof(cs) / sizeof(cs[0]); i++) {
		frame = good;
		frame.cs = cs[i] & ~3;
		check("iret with a bad cs", attempt(do_iret) > 0, 1);
		frame.cs = cs[i] | 3;
		check("iret to user space with a bad cs", attempt(do_iret) > 0, 1);
		frame = good;
		frame.ss = cs[i];
		check("iret with some ss", attempt(do_iret) > 0, 1);
	}
	for (i = 0; i < sizeof(rip) / sizeof(rip[0]); i++) {
		frame = good;
		frame.rip = rip[i];
		check("iret to a bad rip", attempt(do_iret) > 0, 1);
		frame = good;
		frame.cs = 0xe033;
		frame.rflags = 0x202;
		frame.rip = rip[i];
		check("iret to a bad user rip", attempt(do_iret) > 0, 1);
	}
	for (i = 0; i < 64; i++) {
		frame = good;
		frame.rflags = 2 | 1ULL << i;
		check("iret with odd flags", attempt(do_iret) > 0, 1);
		frame.rflags |= 1 << 14;
		frame.cs = 0xe033;
		check("iret to user space with odd flags", attempt(do_iret) > 0, 1);
	}
	frame = good;
	frame.rflags = ~0ULL;
	check("iret with all flags", attempt(do_iret) > 0, 1);
	frame.flags = ~0ULL;
	check("iret as sysret", attempt(do_iret) > 0, 1);
}

/* ---- User space ---- */

#define USER(name, text) static void name(void) { __asm__ volatile(text "; ud2" ::: "memory"); }
USER(user_syscall, "syscall")
USER(user_hlt, "hlt")
USER(user_int3, "int3")
USER(user_int80, "int $0x80")
USER(user_syscall_flags, "push $0x3f7ed7 & ~0x100; popf; syscall")
USER(user_cpuid, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2; int3")
USER(user_cli, "cli")
USER(user_gs, "mov $0xe008, %%eax; mov %%eax, %%gs")
USER(user_read, "movabs $0xffff82d040000000, %%rax; mov (%%rax), %%rax")

static char user_stack[4096] __attribute__((aligned(16)));

static void run_user(const char *name, void (*f)(void), int trap)
{
	frame = (struct iret_context) {
		.rip = (u64)f, .cs = 0xe033, .ss = 0xe02b, .rflags = 0x202,
		.rsp = (u64)(user_stack + sizeof(user_stack)),
	};
	check(name, attempt(do_iret), trap);
}

static u64 mfn_of(u64 va)
{
	return ((u64 *)info->mfn_list)[va >> 12];
}

static void user_space(void)
{
	struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR };
	struct callback_register cb = {
		.type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events,
		.address = (u64)syscall_back,
	};

	op.arg1.mfn = mfn_of(info->pt_base);
	check("user tables", hypercall(__HYPERVISOR_mmuext_op, (u64)&op, 1, 0, DOMID_SELF), 0);
	check("stack", hypercall(__HYPERVISOR_stack_switch, 0, STACK_END, 0, 0), 0);
	run_user("syscall without callback", user_syscall, 6);
	check("callback", hypercall(__HYPERVISOR_callback_op, CALLBACKOP_register, (u64)&cb, 0, 0), 0);
	run_user("syscall", user_syscall, SYSCALLED);
	run_user("syscall with all flags", user_syscall_flags, SYSCALLED);
	run_user("hlt in user space", user_hlt, 13);
	run_user("int3 in user space", user_int3, 3);
	run_user("int 80h in user space", user_int80, 13);
	run_user("cpuid in user space", user_cpuid, 3);
	run_user("cli in user space", user_cli, 13);
	run_user("gs in user space", user_gs, 13);
	run_user("hypervisor from user space", user_read, 14);
}

/* ---- Hypercalls ---- */

static const u64 nasty[] = {
	0xffff800000000000, 0xffff82d040000000, 0xffff830000100000,
	0xffff87fffffffff8, 0x00007ffffffffff8, 0x0000800000000000,
	0x8000000000000000, 0xfffffffffffffff8, 0, 1,
};

static void hypercalls(void)
{
	static const unsigned char with_command[] = {
		__HYPERVISOR_platform_op, __HYPERVISOR_memory_op,
		__HYPERVISOR_xen_version, __HYPERVISOR_console_io,
		__HYPERVISOR_grant_table_op, __HYPERVISOR_vm_assist,
		__HYPERVISOR_event_channel_op, __HYPERVISOR_physdev_op,
		__HYPERVISOR_sysctl, __HYPERVISOR_domctl, __HYPERVISOR_mmu_update,
		__HYPERVISOR_mmuext_op, __HYPERVISOR_set_gdt,
		__HYPERVISOR_update_descriptor, __HYPERVISOR_update_va_mapping,
		__HYPERVISOR_set_segment_base,
	};
	unsigned n, i, c;

	for (i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
		say("hostile: hypercalls, pointer ");
		say_number(i);
		say(" begins\n");
		for (n = 0; n < 80; n++) {
			/* These would end us, or our traps. */
			if (n == __HYPERVISOR_iret || n == __HYPERVISOR_sched_op ||
			    n == __HYPERVISOR_set_callbacks ||
			    n == __HYPERVISOR_callback_op ||
			    n == __HYPERVISOR_sched_op_compat)
				continue;
			/* What page 0 holds could be taken for their list. */
			if (nasty[i] < 4096 && (n == __HYPERVISOR_set_trap_table ||
						n == __HYPERVISOR_multicall))
				continue;
			hypercall(n, nasty[i], nasty[i], nasty[i], nasty[i]);
		}
		for (n = 0; n < sizeof(with_command); n++)
			for (c = 0; c < 64; c++) {
				if (with_command[n] == __HYPERVISOR_mmuext_op ||
				    with_command[n] == __HYPERVISOR_mmu_update)
					hypercall(with_command[n], nasty[i], c, nasty[i], nasty[i]);
				else if (with_command[n] == __HYPERVISOR_physdev_op &&
					 c == PHYSDEVOP_set_iopl)
					continue;
				else
					hypercall(with_command[n], c, nasty[i], nasty[i], nasty[i]);
			}
	}
	check("unknown hypercall", hypercall(63, 0, 0, 0, 0), -38);
	check("huge number", hypercall(~0ULL, 0, 0, 0, 0), -38);
	check("huge multicall", hypercall(__HYPERVISOR_multicall, 0x700000000000, ~0ULL, 0, 0) < 0, 1);
}

static void multicalls(void)
{
	static struct multicall_entry m[3];

	m[0].op = __HYPERVISOR_multicall;
	m[0].args[0] = (u64)m;
	m[0].args[1] = 3;
	m[1].op = __HYPERVISOR_iret;
	m[2].op = __HYPERVISOR_xen_version;
	check("multicall", hypercall(__HYPERVISOR_multicall, (u64)m, 3, 0, 0), 0);
	check("multicall in multicall", (long)m[0].result < 0, 1);
	check("iret in multicall", (long)m[1].result < 0, 1);
	check("after them", (long)m[2].result > 0, 1);
}

/* ---- What costs the life ---- */

static void die(char how)
{
	static struct trap_info none[1];

	switch (how) {
	case '1':	/* an exception without a handler */
		hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0);
		do_ud2();
		break;
	case '2':	/* an iret frame in the hypervisor */
		__asm__ volatile("movabs $0xffff82d040001000, %%rsp; mov $23, %%eax; syscall" ::: "memory");
		break;
	case '3':	/* a trap while the stack is in the hypervisor */
		__asm__ volatile("movabs $0xffff82d040001000, %%rsp; ud2" ::: "memory");
		break;
	case '4':	/* user space without tables */
		frame = (struct iret_context){ .cs = 0xe033, .rflags = 0x202 };
		do_iret();
		break;
	case '5':	/* a kernel stack that is not mapped */
		user_space();
		hypercall(__HYPERVISOR_stack_switch, 0, 0xfffff00000000000, 0, 0);
		run_user("last", user_syscall, ANY);
		break;
	case '6':	/* a stack in the gap of the address space */
		do_trap_on_gap();
		break;
	}
	(void)none;
}

void guest_main(struct start_info *si)
{
	static struct trap_info traps[33];
	static const unsigned char vectors[] = {
		0, 1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 16, 17, 19,
	};
	struct sched_shutdown off = { .reason = SHUTDOWN_poweroff };
	const char *c = (const char *)si->cmd_line;
	unsigned i;

	info = si;
	for (i = 0; i < sizeof(vectors); i++)
		traps[i] = (struct trap_info) {
			.vector = vectors[i], .cs = 0xe033,
			.flags = vectors[i] == 3 || vectors[i] == 4 ? 3 : 0,
			.address = (u64)trap_stubs + 16 * vectors[i],
		};
	check("traps", hypercall(__HYPERVISOR_set_trap_table, (u64)traps, 0, 0, 0), 0);
	say("hostile: begins\n");
	for (; *c; c++)
		if (c[0] == 'd' && c[1] == 'i' && c[2] == 'e' && c[3] == '=')
			die(c[4]);
	instructions();
	say("hostile: instructions done\n");
	mov_ss();
	say("hostile: mov ss done\n");
	user_space();
	say("hostile: user space done\n");
	irets();
	say("hostile: iret done\n");
	multicalls();
	hypercalls();
	say(failures ? "hostile: it differed\n" : "hostile: all as it should be\n");
	wait_for_reader();
	for (;;)
		check("power off", hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (u64)&off, 0, 0), 0);
}
