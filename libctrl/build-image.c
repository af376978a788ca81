/* SPDX-License-Identifier: MIT */
/*
 * Filling a guest's memory.
 *
 * The bytes of kernel and initrd go through a window: read from the file,
 * looked at page by page, and copied into frames that are mapped many at a
 * time.  Fresh memory is zero, so pages of zeroes are not even mapped.  The
 * pages that we compute (p2m list, page tables, start_info, shared_info,
 * grant table) are mapped together with the last window.  After that no
 * mapping is left, as the page tables may be writable to nobody when they
 * are pinned.
 */
#include "build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/elfnote.h>
#include <xen/grant_table.h>

#include <ctrl-config.h>

#include "bytes.h"

#define WINDOW_PAGES	128
#define WINDOW_BYTES	(WINDOW_PAGES * CTRL_PAGE_SIZE)

/* Selectors of the hypervisor's flat segments. */
#define SEL_CODE	0xe033
#define SEL_DATA	0xe02b

/* The grant table begins with two entries that the ABI reserves. */
enum { GRANT_CONSOLE = 0, GRANT_STORE = 1 };

/* Some bytes for one page. */
struct piece {
	const uint8_t *from;
	uint64_t pfn;
	uint32_t offset, len;
};

struct loader {
	struct build *b;
	const char *what, *path;	/* the file that is read */
	uint8_t *window;		/* WINDOW_BYTES */
	size_t used;
	uint32_t nr;
	struct piece piece[WINDOW_PAGES + 1];
};

/* ---- Mapping ------------------------------------------------------------ */

/*
 * Map the pages of all pieces and, behind them, the given frames; copy the
 * pieces.  The address of the given frames, NULL on failure.
 */
static uint8_t *map_and_copy(struct loader *l, const uint64_t *extra,
			     size_t n, uint8_t **base)
{
	struct build *b = l->b;
	size_t total = l->nr + n, i;
	uint64_t *frame = malloc(total * sizeof(*frame));

	if (!frame) {
		ctrl_fail(b->c, -ENOMEM, "out of memory");
		return NULL;
	}
	for (i = 0; i < l->nr; i++)
		frame[i] = frames_mfn(&b->frames, l->piece[i].pfn);
	if (n)
		memcpy(frame + l->nr, extra, n * sizeof(*extra));
	*base = ctrl_foreign_map(b->c, (uint16_t)b->domid,
				 PROT_READ | PROT_WRITE, frame, total, NULL);
	free(frame);
	if (!*base)
		return NULL;
	for (i = 0; i < l->nr; i++)
		memcpy(*base + i * CTRL_PAGE_SIZE + l->piece[i].offset,
		       l->piece[i].from, l->piece[i].len);
	return *base + l->nr * CTRL_PAGE_SIZE;
}

static void unmap(struct loader *l, uint8_t *base, size_t n)
{
	ctrl_foreign_unmap(base, l->nr + n);
	l->nr = 0;
	l->used = 0;
}

static int flush(struct loader *l)
{
	uint8_t *base;

	if (!l->nr) {
		l->used = 0;
		return 0;
	}
	if (!map_and_copy(l, NULL, 0, &base))
		return -EIO;
	unmap(l, base, 0);
	return 0;
}

/* ---- Bytes from files ---------------------------------------------------- */

/* Cut what was read into pieces; forget those that are zero. */
static void add_pieces(struct loader *l, uint64_t paddr, size_t n)
{
	uint8_t *p = l->window + l->used;
	uint8_t *keep = p;

	while (n) {
		uint32_t offset = paddr & (CTRL_PAGE_SIZE - 1);
		size_t k = CTRL_PAGE_SIZE - offset;

		k = k < n ? k : n;
		if (!bytes_are_zero(p, k)) {
			l->piece[l->nr++] = (struct piece){
				.from = p, .pfn = paddr / CTRL_PAGE_SIZE,
				.offset = offset, .len = (uint32_t)k,
			};
			keep = p + k;
		}
		p += k;
		paddr += k;
		n -= k;
	}
	l->used = (size_t)(keep - l->window);
}

/* As much as the window takes, ending at the end of a page if not at all. */
static size_t next_step(const struct loader *l, uint64_t paddr, uint64_t n)
{
	size_t room = WINDOW_BYTES - l->used;
	size_t pages = WINDOW_PAGES - l->nr;
	uint64_t end;

	if (room > pages * CTRL_PAGE_SIZE)
		room = pages * CTRL_PAGE_SIZE;
	if (n <= room)
		return (size_t)n;
	end = (paddr + room) & ~(uint64_t)(CTRL_PAGE_SIZE - 1);
	return end > paddr ? (size_t)(end - paddr) : 0;
}

/* The next k bytes of the file into the window. */
static int read_step(struct loader *l, int fd, size_t k, uint64_t at)
{
	int rc = bytes_read(fd, l->window + l->used, k, at);

	return rc ? ctrl_fail(l->b->c, rc, "%s %s: %s", l->what, l->path,
			      ctrl_cause(rc)) : 0;
}

/* How much of the file from `at` on is a hole, at most n? */
static uint64_t hole_at(int fd, uint64_t at, uint64_t n)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? n : 0;
	return (uint64_t)data - at < n ? (uint64_t)data - at : n;
}

static uint64_t data_at(int fd, uint64_t at, uint64_t n)
{
	off_t hole = lseek(fd, (off_t)at, SEEK_HOLE);

	return hole > (off_t)at && (uint64_t)hole - at < n ?
	       (uint64_t)hole - at : n;
}

/* n bytes of the file that are not a hole. */
static int load_data(struct loader *l, int fd, uint64_t at, uint64_t paddr,
		     uint64_t n)
{
	while (n) {
		size_t k = next_step(l, paddr, n);
		int rc = k ? read_step(l, fd, k, at) : flush(l);

		if (rc)
			return rc;
		if (k)
			add_pieces(l, paddr, k);
		at += k;
		paddr += k;
		n -= k;
	}
	return 0;
}

static int load(struct loader *l, int fd, uint64_t at, uint64_t paddr,
		uint64_t n)
{
	while (n) {
		uint64_t k = hole_at(fd, at, n);
		int rc = 0;

		if (!k) {
			k = data_at(fd, at, n);
			rc = load_data(l, fd, at, paddr, k);
		}
		if (rc)
			return rc;
		at += k;
		paddr += k;
		n -= k;
	}
	return 0;
}

static int load_files(struct loader *l)
{
	struct build *b = l->b;
	const struct elf_image *e = &b->kernel.elf;
	uint32_t i;
	int rc = 0;

	l->what = "kernel";
	l->path = b->g->kernel;
	for (i = 0; !rc && i < e->nr_segments; i++) {
		const struct elf_segment *s = &e->segment[i];

		rc = load(l, b->kernel.fd, s->offset, s->paddr, s->filesz);
	}
	if (rc || b->initrd < 0)
		return rc;
	l->what = "initrd";
	l->path = b->g->initrd;
	return load(l, b->initrd, 0, b->layout.initrd.pfn * CTRL_PAGE_SIZE,
		    b->initrd_bytes);
}

/* ---- Pages that we compute ---------------------------------------------- */

/* They are mapped side by side in this order. */
struct made {
	struct start_info *start_info;
	uint64_t *tables, *p2m, *p2m_tables;
	struct shared_info *shared_info;
	grant_entry_v1_t *grants;
};

static void add_range(const struct build *b, struct pv_range r,
		      uint64_t *frame, size_t *n)
{
	uint64_t i;

	for (i = 0; i < r.nr; i++)
		frame[(*n)++] = frames_mfn(&b->frames, r.pfn + i);
}

/* The frames of all made pages; how many. */
static size_t list_made(const struct build *b, uint64_t grant_mfn,
			uint64_t *frame)
{
	size_t n = 0;

	add_range(b, b->layout.start_info, frame, &n);
	add_range(b, b->layout.tables, frame, &n);
	add_range(b, b->layout.p2m, frame, &n);
	add_range(b, b->layout.p2m_tables, frame, &n);
	frame[n++] = b->shared_info_mfn;
	frame[n++] = grant_mfn;
	return n;
}

static void locate_made(const struct pv_layout *y, uint8_t *p, struct made *m)
{
	m->start_info = (void *)p;
	p += y->start_info.nr * CTRL_PAGE_SIZE;
	m->tables = (void *)p;
	p += y->tables.nr * CTRL_PAGE_SIZE;
	m->p2m = (void *)p;
	p += y->p2m.nr * CTRL_PAGE_SIZE;
	m->p2m_tables = (void *)p;
	p += y->p2m_tables.nr * CTRL_PAGE_SIZE;
	m->shared_info = (void *)p;
	m->grants = (void *)(p + CTRL_PAGE_SIZE);
}

static void write_p2m(const struct build *b, uint64_t *p2m)
{
	uint64_t end = b->layout.p2m.nr * (CTRL_PAGE_SIZE / sizeof(*p2m));
	uint64_t i;

	for (i = 0; i < b->frames.nr; i++)
		p2m[i] = frames_mfn(&b->frames, i);
	for (; i < end; i++)
		p2m[i] = ~UINT64_C(0);
}

struct table_pages {
	const struct pv_layout *y;
	const struct made *m;
};

static uint64_t *table_page(void *ctx, uint64_t pfn)
{
	const struct table_pages *t = ctx;
	const struct pv_layout *y = t->y;
	const size_t words = CTRL_PAGE_SIZE / sizeof(uint64_t);

	if (pv_range_has(y->tables, pfn))
		return t->m->tables + (pfn - y->tables.pfn) * words;
	return t->m->p2m_tables + (pfn - y->p2m_tables.pfn) * words;
}

static void write_tables(const struct build *b, const struct made *m)
{
	struct table_pages t = { .y = &b->layout, .m = m };

	memset(m->tables, 0, b->layout.tables.nr * CTRL_PAGE_SIZE);
	memset(m->p2m_tables, 0, b->layout.p2m_tables.nr * CTRL_PAGE_SIZE);
	pv_layout_write_tables(&b->layout, m->p2m, table_page, &t);
}

static void write_start_info(const struct build *b, struct start_info *s)
{
	const struct pv_layout *y = &b->layout;

	memset(s, 0, sizeof(*s));
	strcpy(s->magic, "xen-3.0-x86_64");
	s->nr_pages = b->frames.nr;
	s->shared_info = b->shared_info_mfn << PV_PAGE_SHIFT;
	s->flags = SIF_VIRT_P2M_4TOOLS;
	s->store_mfn = frames_mfn(&b->frames, y->store.pfn);
	s->store_evtchn = (uint32_t)b->store_port;
	s->console.domU.mfn = frames_mfn(&b->frames, y->console.pfn);
	s->console.domU.evtchn = (uint32_t)b->console_port;
	s->pt_base = pv_va(y, y->tables.pfn);
	s->nr_pt_frames = y->tables.nr;
	s->mfn_list = y->p2m_va;
	if (b->initrd >= 0) {
		s->mod_len = b->initrd_bytes;
		s->mod_start = y->initrd_unmapped ? y->initrd.pfn :
						    pv_va(y, y->initrd.pfn);
		s->flags |= y->initrd_unmapped ? SIF_MOD_START_PFN : 0;
	}
	strncpy((char *)s->cmd_line, b->g->cmdline, MAX_GUEST_CMDLINE - 1);
	if (y->p2m_outside) {
		s->first_p2m_pfn = y->p2m.pfn;
		s->nr_p2m_frames = y->p2m.nr + y->p2m_tables.nr;
	}
}

/* No processor of the guest gets events before it asks for them. */
static void write_shared_info(struct shared_info *s)
{
	size_t i;

	for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		s->vcpu_info[i].evtchn_upcall_mask = 1;
}

static void write_grant(grant_entry_v1_t *e, uint64_t mfn)
{
	e->domid = 0;
	e->frame = (uint32_t)mfn;
	__atomic_store_n(&e->flags, GTF_permit_access, __ATOMIC_RELEASE);
}

static void write_made(const struct build *b, const struct made *m)
{
	const struct pv_layout *y = &b->layout;

	write_p2m(b, m->p2m);
	write_tables(b, m);
	write_start_info(b, m->start_info);
	write_shared_info(m->shared_info);
	write_grant(&m->grants[GRANT_CONSOLE],
		    frames_mfn(&b->frames, y->console.pfn));
	write_grant(&m->grants[GRANT_STORE],
		    frames_mfn(&b->frames, y->store.pfn));
}

/* Map and write them, along with what is left in the window. */
static int make_pages(struct loader *l)
{
	struct build *b = l->b;
	const struct pv_layout *y = &b->layout;
	size_t n = y->start_info.nr + y->tables.nr + y->p2m.nr +
		   y->p2m_tables.nr + 2;
	uint64_t *frame = malloc(n * sizeof(*frame));
	uint8_t *base, *extra = NULL;
	uint64_t grant_mfn;
	struct made m;
	int rc = frame ? grant_table_frame(b->c, (uint16_t)b->domid,
					   &grant_mfn) :
			 ctrl_fail(b->c, -ENOMEM, "out of memory");

	if (!rc)
		extra = map_and_copy(l, frame, list_made(b, grant_mfn, frame),
				     &base);
	free(frame);
	if (!extra)
		return rc ? rc : -EIO;
	locate_made(y, extra, &m);
	write_made(b, &m);
	unmap(l, base, n);
	return 0;
}

/* ---- The first processor ------------------------------------------------ */

static int set_context(struct build *b, uint64_t l4_mfn)
{
	const struct pv_layout *y = &b->layout;
	struct vcpu_guest_context *v = calloc(1, sizeof(*v));
	int rc;

	if (!v)
		return ctrl_fail(b->c, -ENOMEM, "out of memory");
	v->flags = VGCF_in_kernel | VGCF_online;
	v->user_regs.rip = b->kernel.elf.notes.entry;
	v->user_regs.rsp = pv_stack_end(y);
	v->user_regs.rsi = pv_va(y, y->start_info.pfn);
	v->user_regs.rflags = 0x200;
	v->user_regs.cs = SEL_CODE;
	v->user_regs.ss = SEL_DATA;
	v->kernel_ss = SEL_DATA;
	v->kernel_sp = v->user_regs.rsp;
	v->ctrlreg[3] = l4_mfn << PV_PAGE_SHIFT;
	v->debugreg[6] = 0xffff0ff0;
	v->debugreg[7] = 0x400;
	rc = ctrl_vcpu_set_context(b->c, (uint16_t)b->domid, 0, v);
	free(v);
	return rc;
}

static int fill_hypercall_page(struct build *b)
{
	const struct elf_image *e = &b->kernel.elf;
	uint64_t pfn = (e->notes.hypercall_page - e->notes.virt_base) >>
		       PV_PAGE_SHIFT;

	if (!elf_has_note(e, XEN_ELFNOTE_HYPERCALL_PAGE))
		return 0;
	return ctrl_domain_fill_hypercall_page(b->c, (uint16_t)b->domid,
					       frames_mfn(&b->frames, pfn));
}

int build_image(struct build *b)
{
	struct loader l = { .b = b };
	uint64_t l4 = frames_mfn(&b->frames, b->layout.tables.pfn);
	int rc;

	if (!b->c->window)
		b->c->window = malloc(WINDOW_BYTES);
	l.window = b->c->window;
	if (!l.window)
		return ctrl_fail(b->c, -ENOMEM, "out of memory");
	rc = load_files(&l);
	if (!rc)
		rc = make_pages(&l);
	if (!rc)
		rc = fill_hypercall_page(b);
	if (!rc)
		rc = ctrl_memory_pin_l4(b->c, (uint16_t)b->domid, l4);
	return rc ? rc : set_context(b, l4);
}
