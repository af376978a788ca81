/* SPDX-License-Identifier: MIT */
/*
 * Reading kernel images.  Nothing in the file is believed: each offset is
 * checked against the number of bytes at hand before it is followed, by
 * subtraction, so that no sum can wrap.
 */
#include <hyp/elf.h>

#include <xen/elfnote.h>

enum {
	EHDR_BYTES = 64,
	PHDR_BYTES = 56,
	MAX_PHDRS = 64,
	PT_LOAD = 1,
	PT_NOTE = 4,
	NOTE_HEAD_BYTES = 12,
};

/* No guest of ours has more than 1 TiB, so no kernel byte lies beyond it. */
#define PADDR_LIMIT	(UINT64_C(1) << 40)

/* The addresses that belong to the hypervisor in every address space. */
#define HOLE_START	UINT64_C(0xffff800000000000)
#define HOLE_END	UINT64_C(0xffff880000000000)

/* A little-endian number of 1 to 8 bytes. */
static uint64_t get(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

bool elf_is_elf(const void *bytes, uint64_t size)
{
	return size >= 4 && get(bytes, 4) == 0x464c457f;
}

static const char *check_ehdr(const uint8_t *p, uint64_t n)
{
	if (!elf_is_elf(p, n))
		return "is not an ELF file";
	if (n < EHDR_BYTES)
		return "is cut short inside its ELF header";
	if (p[4] != 2 || p[5] != 1)
		return "is not a 64-bit little-endian ELF file";
	if (get(p + 18, 2) != 62)
		return "is not for x86-64";
	if (get(p + 16, 2) != 2 && get(p + 16, 2) != 3)
		return "is an ELF file but not an executable one";
	if (get(p + 54, 2) != PHDR_BYTES)
		return "has program headers of an unknown size";
	if (get(p + 56, 2) == 0 || get(p + 56, 2) > MAX_PHDRS)
		return "has no program headers, or too many";
	return NULL;
}

static const char *add_segment(const uint8_t *ph, struct elf_image *e)
{
	struct elf_segment s = {
		.offset = get(ph + 8, 8),
		.filesz = get(ph + 32, 8),
		.paddr = get(ph + 24, 8),
		.memsz = get(ph + 40, 8),
	};

	if (!s.memsz)
		return NULL;
	if (s.filesz > s.memsz)
		return "has a segment with more bytes in the file than in memory";
	if (s.offset > e->file_size || s.filesz > e->file_size - s.offset)
		return "is cut short: a segment lies beyond its end";
	if (e->nr_segments == ELF_MAX_SEGMENTS)
		return "has too many loadable segments";
	e->segment[e->nr_segments++] = s;
	return NULL;
}

static const char *add_note_range(const uint8_t *ph, struct elf_image *e)
{
	struct elf_range r = {
		.offset = get(ph + 8, 8),
		.size = get(ph + 32, 8),
		.align = get(ph + 48, 8) == 8 ? 8 : 4,
	};

	if (!r.size)
		return NULL;
	if (r.offset > e->file_size || r.size > e->file_size - r.offset)
		return "is cut short: its notes lie beyond its end";
	if (r.size > ELF_MAX_NOTE_BYTES)
		return "has notes of an unreasonable size";
	if (e->nr_note_ranges == ELF_MAX_NOTE_RANGES)
		return "has too many note segments";
	e->note_range[e->nr_note_ranges++] = r;
	return NULL;
}

const char *elf_parse_headers(const void *bytes, uint64_t n,
			      uint64_t file_size, struct elf_image *e)
{
	const uint8_t *p = bytes;
	const char *bad = check_ehdr(p, n);
	uint64_t phoff, phnum, i;

	*e = (struct elf_image){ 0 };
	if (bad)
		return bad;
	e->file_size = file_size;
	e->e_entry = get(p + 24, 8);
	phoff = get(p + 32, 8);
	phnum = get(p + 56, 2);
	if (phoff > n || phnum * PHDR_BYTES > n - phoff)
		return "has its program headers too far from its start";

	for (i = 0; i < phnum && !bad; i++) {
		const uint8_t *ph = p + phoff + i * PHDR_BYTES;

		if (get(ph, 4) == PT_LOAD)
			bad = add_segment(ph, e);
		else if (get(ph, 4) == PT_NOTE)
			bad = add_note_range(ph, e);
	}
	if (bad)
		return bad;
	return e->nr_segments ? NULL : "has nothing to load";
}

/* A string note, cut to what there is room for; always ends in NUL. */
static void take_text(const uint8_t *desc, uint64_t n, char *to, size_t room)
{
	size_t i;

	for (i = 0; i < n && i + 1 < room && desc[i]; i++)
		to[i] = (char)desc[i];
	to[i] = '\0';
}

/* Numeric notes have 1, 2, 4 or 8 bytes. */
static const char *take_number(const uint8_t *desc, uint64_t n, uint64_t *to)
{
	if (n != 1 && n != 2 && n != 4 && n != 8)
		return "has a Xen note with a number of an odd size";
	*to = get(desc, (unsigned int)n);
	return NULL;
}

/* Where the notes that count go: a number, or a text with `room` bytes. */
static const struct {
	uint8_t type, room;
	uint16_t at;
} known[] = {
#define NUMBER(note, field)	{ note, 0, offsetof(struct elf_notes, field) }
#define TEXT(note, field) \
	{ note, sizeof(((struct elf_notes *)0)->field), \
	  offsetof(struct elf_notes, field) }
	NUMBER(XEN_ELFNOTE_ENTRY, entry),
	NUMBER(XEN_ELFNOTE_HYPERCALL_PAGE, hypercall_page),
	NUMBER(XEN_ELFNOTE_VIRT_BASE, virt_base),
	NUMBER(XEN_ELFNOTE_PADDR_OFFSET, paddr_offset),
	NUMBER(XEN_ELFNOTE_INIT_P2M, init_p2m),
	NUMBER(XEN_ELFNOTE_MOD_START_PFN, mod_start_pfn),
	NUMBER(XEN_ELFNOTE_SUPPORTED_FEATURES, supported_features),
	TEXT(XEN_ELFNOTE_XEN_VERSION, xen_version),
	TEXT(XEN_ELFNOTE_GUEST_OS, guest_os),
	TEXT(XEN_ELFNOTE_LOADER, loader),
};

static const char *take_note(uint32_t type, const uint8_t *desc, uint64_t n,
			     struct elf_notes *k)
{
	void *to;

	if (type < 32)
		k->seen |= UINT32_C(1) << type;
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].type != type)
			continue;
		to = (uint8_t *)k + known[i].at;
		if (!known[i].room)
			return take_number(desc, n, to);
		take_text(desc, n, to, known[i].room);
	}
	return NULL;
}

static uint64_t round_up(uint64_t n, uint32_t align)
{
	return (n + align - 1) & ~(uint64_t)(align - 1);
}

const char *elf_parse_notes(const void *bytes, uint64_t n, uint32_t align,
			    struct elf_image *e)
{
	const uint8_t *p = bytes;
	const char *bad;

	if (n > ELF_MAX_NOTE_BYTES)
		return "has notes of an unreasonable size";
	while (n >= NOTE_HEAD_BYTES) {
		uint64_t namesz = get(p, 4), descsz = get(p + 4, 4);
		uint64_t desc = round_up(NOTE_HEAD_BYTES + namesz, align);
		uint64_t next = round_up(desc + descsz, align);

		/* Sizes are 32-bit, so these sums cannot wrap. */
		if (desc + descsz > n)
			return "has a note that runs past its segment";
		if (namesz == 4 && get(p + NOTE_HEAD_BYTES, 4) == 0x006e6558) {
			bad = take_note((uint32_t)get(p + 8, 4), p + desc,
					descsz, &e->notes);
			if (bad)
				return bad;
		}
		if (next >= n)
			break;
		p += next;
		n -= next;
	}
	return NULL;
}

/* Does `text` begin with `head`? */
static bool begins(const char *text, const char *head)
{
	while (*head)
		if (*text++ != *head++)
			return false;
	return true;
}

static const char *check_notes(struct elf_image *e)
{
	const struct elf_notes *k = &e->notes;

	if (!k->seen)
		return "has no Xen notes, so it cannot start as a PV guest";
	if (elf_has_note(e, XEN_ELFNOTE_XEN_VERSION) &&
	    !begins(k->xen_version, "xen-3.0"))
		return "was built for another Xen interface than xen-3.0";
	if (!(elf_has_note(e, XEN_ELFNOTE_LOADER) && begins(k->loader, "generic")) &&
	    !begins(k->guest_os, "linux"))
		return "does not ask for the generic Xen loader";
	if (!elf_has_note(e, XEN_ELFNOTE_ENTRY))
		e->notes.entry = e->e_entry;
	return NULL;
}

/* Turn p_paddr into pseudo-physical addresses, and find the extent. */
static const char *place_segments(struct elf_image *e)
{
	uint64_t offset = e->notes.paddr_offset;

	e->start = UINT64_MAX;
	for (uint32_t i = 0; i < e->nr_segments; i++) {
		struct elf_segment *s = &e->segment[i];

		if (s->paddr < offset || s->paddr - offset >= PADDR_LIMIT ||
		    s->memsz > PADDR_LIMIT)
			return "has a segment at an address no guest has";
		s->paddr -= offset;
		if (s->paddr < e->start)
			e->start = s->paddr;
		if (s->paddr + s->memsz > e->end)
			e->end = s->paddr + s->memsz;
	}
	return NULL;
}

/* If none do, the order in which they are loaded does not matter. */
static bool segments_overlap(const struct elf_image *e)
{
	uint32_t i, k;

	for (i = 0; i < e->nr_segments; i++)
		for (k = 0; k < i; k++)
			if (e->segment[i].paddr < e->segment[k].paddr +
						  e->segment[k].memsz &&
			    e->segment[k].paddr < e->segment[i].paddr +
						  e->segment[i].memsz)
				return true;
	return false;
}

static bool inside(const struct elf_image *e, uint64_t va)
{
	uint64_t pa = va - e->notes.virt_base;

	return pa >= e->start && pa < e->end;
}

const char *elf_finish(struct elf_image *e)
{
	const char *bad = check_notes(e);
	uint64_t base = e->notes.virt_base;

	if (!bad)
		bad = place_segments(e);
	if (bad)
		return bad;
	if (segments_overlap(e))
		return "has segments that lie on each other";
	if (base & 0xfff)
		return "has a VIRT_BASE that is not a page address";
	if (base + e->end < base ||
	    (base >= UINT64_C(1) << 47 && base < HOLE_END) ||
	    (base < HOLE_START && base + e->end > UINT64_C(1) << 47))
		return "wants to run at addresses that no guest has";
	if (!inside(e, e->notes.entry))
		return "has an entry point outside of its segments";
	if (elf_has_note(e, XEN_ELFNOTE_HYPERCALL_PAGE) &&
	    (!inside(e, e->notes.hypercall_page) ||
	     (e->notes.hypercall_page & 0xfff)))
		return "has a hypercall page outside of its segments";
	return NULL;
}

const char *elf_parse(const void *bytes, uint64_t size, struct elf_image *e)
{
	const char *bad = elf_parse_headers(bytes, size, size, e);

	for (uint32_t i = 0; !bad && i < e->nr_note_ranges; i++)
		bad = elf_parse_notes((const uint8_t *)bytes +
				      e->note_range[i].offset,
				      e->note_range[i].size,
				      e->note_range[i].align, e);
	return bad ? bad : elf_finish(e);
}
