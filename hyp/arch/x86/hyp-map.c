/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables, and the memory that the boot takes
 * before the frame allocator lives.
 *
 * W^X: text is executable and read-only, everything else cannot execute, and
 * the direct map shows text and read-only data read-only too.  Pages are
 * global: no guest can change them, so they survive a change of tables.
 */
#include <asm/hyp-map.h>

#include <hyp/arch.h>
#include <hyp/frame-alloc.h>
#include <hyp/lib.h>
#include <hyp/page.h>
#include <hyp/printk.h>

#include <asm/boot-mem.h>
#include <asm/cpu.h>
#include <asm/machine.h>
#include <asm/multiboot2.h>

#define LARGE		0x200000UL	/* what one L2 entry maps */
#define LARGE_FRAMES	512
#define HUGE		0x40000000UL
#define MAX_PADDR	(10ULL << 39)	/* the direct map has ten L4 slots */

mfn_t hyp_l4_mfn;
u64 *hyp_l4;

/* ---- Memory for the boot: free pieces of RAM, taken from their ends. ---- */

#define PIECES_MAX (BOOT_RANGES_MAX + BOOT_MODULES_MAX + 8)

static struct { mfn_t first, end; } piece[PIECES_MAX];
static unsigned piece_count;
static bool handed_over;
static mfn_t boot_limit;	/* frames the present tables reach */

void boot_mem_add(paddr_t start, paddr_t end)
{
	start = ALIGN_UP(start, PAGE_SIZE);
	end = ALIGN_DOWN(MIN(end, MAX_PADDR), PAGE_SIZE);
	if (start >= end || piece_count == PIECES_MAX)
		return;
	piece[piece_count].first = start >> PAGE_SHIFT;
	piece[piece_count++].end = end >> PAGE_SHIFT;
}

void boot_mem_reserve(paddr_t start, paddr_t end)
{
	const mfn_t first = start >> PAGE_SHIFT;
	const mfn_t last = ALIGN_UP(end, PAGE_SIZE) >> PAGE_SHIFT;
	unsigned i, n = piece_count;
	mfn_t tail;

	for (i = 0; i < n; i++) {
		if (piece[i].end <= first || piece[i].first >= last)
			continue;
		tail = piece[i].end;
		piece[i].end = MAX(piece[i].first, first);
		if (tail > last)
			boot_mem_add(last << PAGE_SHIFT, tail << PAGE_SHIFT);
	}
}

/* From the end of the highest piece that fits, low memory being dear. */
mfn_t boot_alloc(u64 frames, u64 align)
{
	unsigned i, best = PIECES_MAX;
	mfn_t m, at = 0;

	BUG_ON(handed_over);
	for (i = 0; i < piece_count; i++) {
		const mfn_t end = MIN(piece[i].end, boot_limit);

		if (end < frames)
			continue;
		m = ALIGN_DOWN(end - frames, align);
		if (m >= piece[i].first && m >= at) {
			best = i;
			at = m;
		}
	}
	if (best == PIECES_MAX)
		panic("not enough memory to start: no %llu KiB piece left",
		      (unsigned long long)frames * 4);
	/* What the alignment cuts off above stays usable. */
	if (piece[best].end > at + frames)
		boot_mem_add((at + frames) << PAGE_SHIFT,
			     piece[best].end << PAGE_SHIFT);
	piece[best].end = at;
	memset(frame_to_virt(at), 0, frames << PAGE_SHIFT);
	return at;
}

void boot_mem_forget(void)
{
	piece_count = 0;
}

void boot_mem_hand_over(void)
{
	unsigned i;

	handed_over = true;
	for (i = 0; i < piece_count; i++)
		if (piece[i].first < piece[i].end)
			frame_alloc_add(piece[i].first, piece[i].end);
}

/* ---- Tables. ---- */

static mfn_t table_alloc(void)
{
	mfn_t m;

	if (!handed_over)
		return boot_alloc(1, 1);
	m = frame_alloc(0, 0, FRAME_ZERO);
	if (m == MFN_NONE)
		panic("no memory for the hypervisor's page tables");
	return m;
}

/* Entry of va at level, making the tables above it.  Upper levels leave all
 * rights to the leaf; user only for the guests' M2P window. */
static u64 *entry_at(u64 va, unsigned level)
{
	const u64 user = va < M2P_RO_END ? PTE_US : 0;
	u64 *table = hyp_l4, *e;
	unsigned l;

	for (l = 4; ; l--) {
		e = &table[pt_index(va, l)];
		if (l == level)
			return e;
		if (!(*e & PTE_P))
			*e = pte_make(table_alloc(),
				      PTE_P | PTE_RW | PTE_A | PTE_D | user);
		BUG_ON(l < 4 && *e & PTE_PS);
		table = frame_to_virt(pte_mfn(*e));
	}
}

u64 *hyp_map_entry(u64 va)
{
	ASSERT(va >= HYP_START && va < HYP_END);
	return entry_at(va, 1);
}

void hyp_map(u64 va, mfn_t m, u64 pages, u64 flags)
{
	u64 *e;

	for (; pages--; va += PAGE_SIZE, m++) {
		e = hyp_map_entry(va);
		BUG_ON(*e & PTE_P);
		*e = pte_make(m, flags | PTE_G);
	}
}

static void map_large(u64 va, mfn_t m, u64 flags)
{
	*entry_at(va, 2) = pte_make(m, flags | PTE_PS | PTE_G);
}

/* RAM in the direct map, in the largest pages that fit. */
static void map_direct(paddr_t start, paddr_t end)
{
	while (start < end) {
		const u64 va = DIRECT_START + start;
		u64 step = PAGE_SIZE;

		if (cpu_features.page1g && !(start % HUGE) &&
		    end - start >= HUGE) {
			step = HUGE;
			*entry_at(va, 3) = start | HYP_DATA | PTE_PS | PTE_G;
		} else if (!(start % LARGE) && end - start >= LARGE) {
			step = LARGE;
			map_large(va, start >> PAGE_SHIFT, HYP_DATA);
		} else {
			hyp_map(va, start >> PAGE_SHIFT, 1, HYP_DATA);
		}
		start += step;
	}
}

/* The image in the direct map: its text and constants stay read-only. */
static void map_direct_image(paddr_t image, u64 readonly, u64 size)
{
	hyp_map(DIRECT_START + image, image >> PAGE_SHIFT,
		readonly >> PAGE_SHIFT, HYP_RODATA);
	hyp_map(DIRECT_START + image + readonly,
		(image + readonly) >> PAGE_SHIFT,
		(size - readonly) >> PAGE_SHIFT, HYP_DATA);
}

static void map_image(paddr_t image)
{
	const mfn_t m = image >> PAGE_SHIFT;
	const u64 text = (_text_end - _start) >> PAGE_SHIFT;
	const u64 rodata = (_rodata_end - _start) >> PAGE_SHIFT;
	const u64 all = (_end - _start) >> PAGE_SHIFT;

	hyp_map(IMAGE_START, m, text, HYP_TEXT);
	hyp_map(IMAGE_START + (text << PAGE_SHIFT), m + text, rodata - text,
		HYP_RODATA);
	hyp_map(IMAGE_START + (rodata << PAGE_SHIFT), m + rodata,
		all - rodata, HYP_DATA);
}

static void map_all_ram(paddr_t image)
{
	const u64 size = _end - _start;
	const struct boot_range *r;
	paddr_t start, end;
	u32 i;

	for (i = 0; i < boot_info.range_count; i++) {
		r = &boot_info.range[i];
		if (r->type != BOOT_RAM)
			continue;
		start = ALIGN_UP(r->start, PAGE_SIZE);
		end = ALIGN_DOWN(MIN(r->start + r->size, MAX_PADDR), PAGE_SIZE);
		if (start < image + size && end > image) {
			map_direct(start, image);
			start = image + size;
		}
		map_direct(start, end);
	}
	map_direct_image(image, _rodata_end - _start, size);
}

/* M2P and frame table: 2 MiB pages for the stretches that have RAM. */
static void map_frame_tables(mfn_t first, mfn_t end)
{
	const u64 per_m2p = LARGE / sizeof(u64);
	const u64 per_frames = LARGE / sizeof(struct page);
	mfn_t m, page;

	for (m = ALIGN_DOWN(first, per_m2p); m < end; m += per_m2p) {
		const u64 at = m * sizeof(u64);

		if (*entry_at(M2P_START + at, 2) & PTE_P)
			continue;
		page = boot_alloc(LARGE_FRAMES, LARGE_FRAMES);
		/* All ones: nobody's frame. */
		memset(frame_to_virt(page), 0xff, LARGE);
		map_large(M2P_START + at, page, HYP_DATA);
		map_large(M2P_RO_START + at, page, HYP_RODATA | PTE_US);
	}
	for (m = ALIGN_DOWN(first, per_frames); m < end; m += per_frames) {
		const u64 va = FRAMES_START + m * sizeof(struct page);

		if (*entry_at(va, 2) & PTE_P)
			continue;
		page = boot_alloc(LARGE_FRAMES, LARGE_FRAMES);
		map_large(va, page, HYP_DATA);
	}
}

/* All stretches of the frame table without RAM share one page of it. */
static void map_frame_holes(mfn_t end)
{
	const u64 per_frames = LARGE / sizeof(struct page);
	mfn_t m, page = 0;
	u64 va;

	for (m = 0; m < end; m += per_frames) {
		va = FRAMES_START + m * sizeof(struct page);
		if (*entry_at(va, 2) & PTE_P)
			continue;
		if (!page)
			page = boot_alloc(LARGE_FRAMES, LARGE_FRAMES);
		map_large(va, page, HYP_DATA);
	}
}

/* CPU 0 comes first, so its area makes the tables of slot 259; the slots for
 * devices and per-CPU areas must exist before the first guest L4 copies them. */
void hyp_map_init(void)
{
	mfn_t end = 0;
	u64 va;
	u32 i;

	boot_limit = HUGE * 4 >> PAGE_SHIFT;
	hyp_l4_mfn = boot_alloc(1, 1);
	hyp_l4 = frame_to_virt(hyp_l4_mfn);
	map_image(image_paddr);
	map_all_ram(image_paddr);
	for (va = HYP_START; va < HYP_END; va += 1ULL << 39)
		entry_at(va, 3);
	hyp_map_cpu(0);
	/* From here on all RAM is in reach. */
	write_cr3(hyp_l4_mfn << PAGE_SHIFT);
	boot_limit = MAX_PADDR >> PAGE_SHIFT;
	for (i = 0; i < boot_info.range_count; i++) {
		const struct boot_range *r = &boot_info.range[i];

		if (r->type != BOOT_RAM)
			continue;
		end = MIN(r->start + r->size, MAX_PADDR) >> PAGE_SHIFT;
		map_frame_tables(r->start >> PAGE_SHIFT, end);
	}
	map_frame_holes(end);
}

void hyp_map_cpu(unsigned id)
{
	const u64 stack = percpu_area(id) + PERCPU_STACK;
	u64 at;

	/* Exception stacks, a guard page below the main one, the main one. */
	for (at = 0; at < STACK_SIZE; at += PAGE_SIZE)
		if (at != STACK_IST_MCE)
			hyp_map(stack + at, table_alloc(), 1, HYP_DATA);
	/* Tables for the GDT and LDT windows and what stands between. */
	hyp_map_entry(percpu_area(id));
}

/* ---- Device memory. ---- */

static u64 iomap_next = IOMAP_START;

void *iomap(paddr_t at, size_t size, u64 flags)
{
	const u64 offset = at & (PAGE_SIZE - 1);
	const u64 pages = DIV_UP(offset + size, PAGE_SIZE);
	const u64 va = iomap_next;

	if (!size || at + size < at || (at + size) >> cpu_features.phys_bits ||
	    pages > 65536 || va + (pages << PAGE_SHIFT) > IMAGE_START - HUGE)
		return NULL;
	hyp_map(va, at >> PAGE_SHIFT, pages, flags);
	/* An unmapped page behind each. */
	iomap_next += (pages + 1) << PAGE_SHIFT;
	return (void *)(va + offset);
}

bool phys_read(void *to, paddr_t at, size_t n)
{
	static u64 window;
	u8 *out = to;
	u64 *e;
	size_t part;

	if (at + n < at || (at + n) >> cpu_features.phys_bits)
		return false;
	if (!window) {
		window = iomap_next;
		iomap_next += 2 * PAGE_SIZE;
	}
	e = hyp_map_entry(window);
	for (; n; n -= part, at += part, out += part) {
		const u64 offset = at & (PAGE_SIZE - 1);

		part = MIN(n, PAGE_SIZE - offset);
		*e = pte_make(at >> PAGE_SHIFT, HYP_RODATA);
		invlpg(window);
		memcpy(out, (void *)(window + offset), part);
	}
	*e = 0;
	invlpg(window);
	return true;
}
