/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own page tables, and the memory that the boot takes
 * before the frame allocator lives.
 *
 * W^X: text is executable and read-only, everything else cannot execute, and
 * the direct map does not show text and read-only data.  Pages are
 * global: no guest can change them, so they survive a change of tables.
 */
#include <hyp/frame-alloc.h>
#include <hyp/page.h>

#include <asm/machine.h>

#define LARGE		0x200000UL	/* what one L2 entry maps */
#define LARGE_FRAMES	512UL
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
static mfn_t frames_end;	/* behind the last frame of RAM */

void boot_mem_add(paddr_t start, paddr_t end)
{
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

/* Zeroed frames for good, before the allocator has them: from the end of the
 * highest piece that fits, low memory being dear. */
static mfn_t boot_alloc(u64 frames, u64 align)
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
		panic("not enough memory to start: no %lu KiB piece left", frames * 4);
	/* What the alignment cuts off above stays usable. */
	if (piece[best].end > at + frames)
		boot_mem_add((at + frames) << PAGE_SHIFT,
			     piece[best].end << PAGE_SHIFT);
	piece[best].end = at;
	memset(frame_to_virt(at), 0, frames << PAGE_SHIFT);
	return at;
}

void boot_mem_hand_over(void)
{
	handed_over = true;
	for (unsigned i = 0; i < piece_count; i++)
		if (piece[i].first < piece[i].end)
			frame_alloc_add(piece[i].first, piece[i].end);
	piece_count = 0;
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
	/* But for the L4's, see hyp_map_init(). */
	const u64 user = va < FRAMES_START ? PTE_US : 0;
	u64 *table = hyp_l4, *e;

	for (unsigned l = 4; ; l--) {
		e = &table[pt_index(va, l)];
		if (l == level)
			return e;
		if (!(*e & PTE_P))
			*e = pte_make(table_alloc(),
				      PTE_P | PTE_RW | PTE_A | PTE_D |
				      (l < 4 ? user : 0));
		BUG_ON(l < 4 && *e & PTE_PS);
		table = frame_to_virt(pte_mfn(*e));
	}
}

u64 *hyp_map_entry(u64 va)
{
	ASSERT(va >= HYP_START && va < HYP_END);
	return entry_at(va, 1);
}

/* Maps in pages of 2 MiB where they fit. */
static void map_range(u64 va, paddr_t at, u64 size, u64 flags)
{
	u64 step, *e;
	bool large;

	for (; size; va += step, at += step, size -= step) {
		large = !((va | at) & (LARGE - 1)) && size >= LARGE;
		step = large ? LARGE : PAGE_SIZE;
		e = entry_at(va, large ? 2 : 1);
		BUG_ON(*e & PTE_P);
		*e = at | flags | PTE_G | (large ? PTE_PS : 0);
	}
}

static void map_image(void)
{
	const u64 text = _text_end - _start, rodata = _rodata_end - _start;
	const u64 all = _end - _start;
	const paddr_t at = image_paddr;

	map_range(IMAGE_START, at, text, HYP_TEXT);
	map_range(IMAGE_START + text, at + text, rodata - text, HYP_RODATA);
	map_range(IMAGE_START + rodata, at + rodata, all - rodata, HYP_DATA);
}

/* RAM in the direct map, but for the image's text and constants. */
static void map_ram(paddr_t start, paddr_t end)
{
	const paddr_t ro = image_paddr, ro_end = ro + (_rodata_end - _start);

	if (start < ro)
		map_range(DIRECT_START + start, start, MIN(end, ro) - start,
			  HYP_DATA);
	start = MAX(start, ro_end);
	if (start < end)
		map_range(DIRECT_START + start, start, end - start, HYP_DATA);
}

/*
 * Backs a table with 2 MiB pages where it has entries of this size for the
 * frames from first to end: pages of their own, full of that byte, or all the
 * same one.
 */
static void back_table(u64 table, size_t size, mfn_t first, mfn_t end, int fill,
		       bool same)
{
	u64 va = ALIGN_DOWN(table + first * size, LARGE);
	mfn_t page = 0;

	for (; va < table + end * size; va += LARGE) {
		if (*entry_at(va, 2) & PTE_P)
			continue;
		if (!page || !same) {
			page = boot_alloc(LARGE_FRAMES, LARGE_FRAMES);
			memset(frame_to_virt(page), fill, LARGE);
		}
		map_range(va, page << PAGE_SHIFT, LARGE,
			  HYP_DATA | (table == M2P_START ? PTE_US : 0));
	}
}

static void back_frame_tables(paddr_t start, paddr_t end)
{
	const mfn_t first = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;

	/* All ones: nobody's frame. */
	back_table(M2P_START, sizeof(u64), first, last, 0xff, false);
	back_table(FRAMES_START, sizeof(struct page), first, last, 0, false);
	frames_end = last;
}

/* CPU 0 comes first, so its area makes the tables of slot 259; the slots for
 * devices and per-CPU areas must exist before the first guest L4 copies them. */
void hyp_map_init(void)
{
	boot_limit = HUGE * 4 >> PAGE_SHIFT;
	hyp_l4_mfn = boot_alloc(1, 1);
	hyp_l4 = frame_to_virt(hyp_l4_mfn);
	map_image();
	boot_ram_each(map_ram);
	for (u64 va = M2P_START; va < HYP_END; va += 1ULL << 39)
		entry_at(va, 3);
	/* The guests' window on the M2P: the same tables, but without the right
	 * to write; and only there all entries on the way are theirs. */
	hyp_l4[pt_index(M2P_RO_START, 4)] =
		(hyp_l4[pt_index(M2P_START, 4)] | PTE_US) & ~(u64)PTE_RW;
	hyp_map_cpu(0);
	/* From here on all RAM is in reach. */
	write_cr3(hyp_l4_mfn << PAGE_SHIFT);
	boot_limit = MAX_PADDR >> PAGE_SHIFT;
	boot_ram_each(back_frame_tables);
	/* All stretches of the frame table without RAM share one page of it. */
	back_table(FRAMES_START, sizeof(struct page), 0, frames_end, 0, true);
}

void hyp_map_cpu(unsigned id)
{
	const u64 stack = percpu_area(id) + PERCPU_STACK;

	/* Exception stacks, a guard page below the main one, the main one. */
	for (u64 at = 0; at < STACK_SIZE; at += PAGE_SIZE)
		if (at != STACK_IST_MCE)
			map_range(stack + at, table_alloc() << PAGE_SHIFT,
				  PAGE_SIZE, HYP_DATA);
	/* Tables for the GDT and LDT windows and what stands between. */
	hyp_map_entry(percpu_area(id));
}

/* ---- Device memory. ---- */

static u64 iomap_next = IOMAP_START;

void *iomap(paddr_t at, size_t size)
{
	const u64 offset = at & (PAGE_SIZE - 1);
	const u64 pages = DIV_UP(offset + size, PAGE_SIZE);
	const u64 va = iomap_next;

	if (!size || at + size < at || (at + size) >> cpu_features.phys_bits ||
	    pages > 65536 || va + (pages << PAGE_SHIFT) > IMAGE_START - HUGE)
		return NULL;
	map_range(va, at - offset, pages << PAGE_SHIFT, HYP_DEVICE);
	/* An unmapped page behind each. */
	iomap_next += (pages + 1) << PAGE_SHIFT;
	return (void *)(va + offset);
}
