/* SPDX-License-Identifier: MIT */
/* The heads of qcow2 and VHD images; see image-head.h. */
#include <string.h>

#include "image-head.h"

/* qcow2, as QEMU's docs/interop/qcow2.txt describes it: big-endian fields. */
#define QCOW2_MAGIC		"QFI\xfb"
#define QCOW2_HEAD		72	/* of version 2; version 3 has more */
#define QCOW2_V3_HEAD		104
#define QCOW2_INCOMPAT_DATA	(1u << 2)	/* guest data in another file */
#define QCOW2_NAME_MAX		1023

#define VHD_COOKIE		"conectix"
#define VHD_TYPE_AT		60
enum { VHD_FIXED = 2, VHD_DYNAMIC = 3, VHD_DIFFERENCING = 4 };

#define VHDX_MAGIC		"vhdxfile"
#define VDI_MAGIC		"\x7f\x10\xda\xbe"
#define VDI_MAGIC_AT		64

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

static void printable(char *to, size_t size, const uint8_t *from, size_t n)
{
	size_t i;

	for (i = 0; i < n && i + 1 < size; i++)
		to[i] = from[i] > 0x1f && from[i] < 0x7f ? (char)from[i] : '?';
	to[i] = '\0';
}

static const char *check_qcow2(const uint8_t *head, size_t len,
			       struct image_head *out)
{
	uint64_t at;
	uint32_t version, name;

	if (len < QCOW2_HEAD || memcmp(head, QCOW2_MAGIC, 4))
		return "it is not a qcow2 image";
	version = be32(head + 4);
	if (version != 2 && version != 3)
		return "its qcow2 version is not known";
	if (version == 3 && len < QCOW2_V3_HEAD)
		return "it is not a qcow2 image";
	if (be32(head + 32))
		return "encrypted images are not supported";
	if (version == 3 && be64(head + 72) & QCOW2_INCOMPAT_DATA)
		return "its data is in another file, which is not supported";
	at = be64(head + 8);
	name = be32(head + 16);
	if (!at)
		return NULL;
	if (!name || name > QCOW2_NAME_MAX)
		return "the name of its backing image is damaged";
	out->has_backing = true;
	/* The name stands in the first cluster, mostly in what we read. */
	if (at < len && name <= len - at)
		printable(out->backing, sizeof(out->backing), head + at, name);
	return NULL;
}

static const char *check_vhd(const uint8_t *head, size_t len,
			     const uint8_t *tail)
{
	const uint8_t *footer = NULL;

	if (len >= 512 && !memcmp(head, VHD_COOKIE, 8))
		footer = head;
	else if (tail && !memcmp(tail, VHD_COOKIE, 8))
		footer = tail;
	if (!footer)
		return "it is not a VHD image";
	switch (be32(footer + VHD_TYPE_AT)) {
	case VHD_FIXED:
	case VHD_DYNAMIC:
		return NULL;
	case VHD_DIFFERENCING:
		return "VHD images with a parent are not supported";
	default:
		return "its kind of VHD is not known";
	}
}

const char *image_head_check(enum guest_disk_format format,
			     const uint8_t *head, size_t len,
			     const uint8_t *tail, struct image_head *out)
{
	memset(out, 0, sizeof(*out));
	switch (format) {
	case GUEST_DISK_RAW:
		return NULL;
	case GUEST_DISK_QCOW2:
		return check_qcow2(head, len, out);
	case GUEST_DISK_VPC:
		return check_vhd(head, len, tail);
	case GUEST_DISK_VHDX:
		return len >= 8 && !memcmp(head, VHDX_MAGIC, 8) ? NULL :
			"it is not a VHDX image";
	case GUEST_DISK_VDI:
		return len >= VDI_MAGIC_AT + 4 &&
		       !memcmp(head + VDI_MAGIC_AT, VDI_MAGIC, 4) ? NULL :
			"it is not a VDI image";
	}
	return "its format is not known";
}

const char *image_format_name(enum guest_disk_format format)
{
	static const char *const names[] = {
		[GUEST_DISK_RAW] = "raw", [GUEST_DISK_QCOW2] = "qcow2",
		[GUEST_DISK_VPC] = "vpc", [GUEST_DISK_VHDX] = "vhdx",
		[GUEST_DISK_VDI] = "vdi",
	};

	return names[format];
}
