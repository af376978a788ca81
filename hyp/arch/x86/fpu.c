/* SPDX-License-Identifier: MIT */
/*
 * FPU and vector registers.  They are saved and loaded whole at each switch,
 * and a new vCPU starts with the processor's initial state, so nobody ever
 * sees another's.  The hypervisor itself does not use them.
 */

#include <asm/pv.h>

#define XCR0_X87	BIT(0)
#define XCR0_SSE	BIT(1)
#define XCR0_AVX	BIT(2)
#define XCR0_AVX512	(BIT(5) | BIT(6) | BIT(7))

/* What FXSAVE and XSAVE write; the area is a page. */
struct fpu_area {
	u16 control, status, tag, opcode;
	u64 instruction, data;
	u32 mxcsr, mxcsr_mask;
	u8 registers[480];
	u64 present;		/* XSTATE_BV */
} __aligned(64);
_Static_assert(offsetof(struct fpu_area, present) == 512, "the FXSAVE image");

u64 fpu_xcr0_mask;
static u32 mxcsr_mask;
static bool pointers_stay;

void fpu_cpu_init(void)
{
	if (fpu_xcr0_mask)
		xsetbv(fpu_xcr0_mask);
}

u32 fpu_size(u64 xcr0)
{
	u32 size = sizeof(struct fpu_area), a, b, c, d;

	for (unsigned i = 2; i < 63; i++) {
		if (!(xcr0 & BIT(i)))
			continue;
		cpuid(0xd, i, &a, &b, &c, &d);
		size = MAX(size, a + b);
	}
	return size;
}

void fpu_init(void)
{
	static struct fpu_area image;
	u32 a, b, c, d;

	__asm__ volatile("fxsave64 %0" : "=m"(image));
	mxcsr_mask = image.mxcsr_mask ? image.mxcsr_mask : 0xffbf;
	/* XSaveErPtr */
	cpuid(0x80000008, 0, &a, &b, &c, &d);
	pointers_stay = cpu_features.amd && !(b & BIT(2));
	if (!(cpu_cr4 & CR4_OSXSAVE))
		return;
	cpuid(0xd, 0, &a, &b, &c, &d);
	fpu_xcr0_mask = (a | (u64)d << 32) &
			(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512);
	if (!fpu_xcr0_ok(fpu_xcr0_mask))
		fpu_xcr0_mask &= XCR0_X87 | XCR0_SSE | XCR0_AVX;
	if (fpu_size(fpu_xcr0_mask) > PAGE_SIZE)
		panic("XSAVE area of %u bytes", fpu_size(fpu_xcr0_mask));
}

bool fpu_xcr0_ok(u64 value)
{
	const u64 wide = value & XCR0_AVX512;

	if (!fpu_xcr0_mask || (value & ~fpu_xcr0_mask) || !(value & XCR0_X87))
		return false;
	if ((value & XCR0_AVX) && !(value & XCR0_SSE))
		return false;
	return !wide || (wide == XCR0_AVX512 && (value & XCR0_AVX));
}

void fpu_init_area(void *area)
{
	struct fpu_area *f = memset(area, 0, PAGE_SIZE);

	f->control = 0x37f;
	f->mxcsr = 0x1f80;
}

/* A guest's FXSAVE image, made harmless for our FXRSTOR. */
void fpu_import(void *area, const void *fxsave)
{
	struct fpu_area *f = memset(area, 0, PAGE_SIZE);

	memcpy(f, fxsave, offsetof(struct fpu_area, present));
	f->mxcsr &= mxcsr_mask;
	f->present = XCR0_X87 | XCR0_SSE;
}

/* All components on: those that the guest turned off may hold its data too. */
static void open_all(void)
{
	if (read_cr0() & CR0_TS)
		clts();
	if (fpu_xcr0_mask)
		xsetbv(fpu_xcr0_mask);
}

/* As v has it. */
static void restore(const struct vcpu *v)
{
	if (fpu_xcr0_mask && v->arch.xcr0 != fpu_xcr0_mask)
		xsetbv(v->arch.xcr0);
	if (v->arch.ts)
		write_cr0(read_cr0() | CR0_TS);
}

void fpu_save(struct vcpu *v)
{
	void *area = v->arch.fpu;

	open_all();
	if (fpu_xcr0_mask)
		__asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(~0), "d"(~0)
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
	restore(v);
}

/*
 * AMD's older processors load where the last instruction and its operand were
 * only together with a pending exception, and otherwise leave what the vCPU
 * before had there.  So one of ours comes between (AMD manual 5, FXRSTOR).
 */
static void forget_pointers(void)
{
	static const u32 zero;

	__asm__ volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero));
}

void fpu_load(struct vcpu *v)
{
	void *area = v->arch.fpu;

	open_all();
	if (pointers_stay)
		forget_pointers();
	if (fpu_xcr0_mask)
		__asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(~0), "d"(~0)
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
	restore(v);
}

void fpu_set_ts(struct vcpu *v, bool set)
{
	v->arch.ts = set;
	if (set)
		write_cr0(read_cr0() | CR0_TS);
	else
		clts();
}
