/* SPDX-License-Identifier: MIT */
/* See fake-backend.h. */
#include "fake-backend.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/grant_table.h>

uint8_t *fake_page[FAKE_PAGES];
struct backend fake_backend;
unsigned int fake_copies, fake_notified;
char fake_reason[BACKEND_REASON_MAX];

void fake_backend_start(void)
{
	memset(&fake_backend, 0, sizeof(fake_backend));
	fake_backend.domid = 7;
	if (loop_init(&fake_backend.loop))
		abort();
	for (unsigned int i = 0; i < FAKE_PAGES; i++) {
		fake_page[i] = calloc(1, 4096);
		if (!fake_page[i])
			abort();
	}
	fake_copies = fake_notified = 0;
	fake_reason[0] = 0;
}

void fake_backend_end(void)
{
	for (unsigned int i = 0; i < FAKE_PAGES; i++)
		free(fake_page[i]);
	loop_close(&fake_backend.loop);
}

int backend_why(struct backend *b, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(b->why, sizeof(b->why), fmt, ap);
	va_end(ap);
	return rc;
}

void backend_log(struct backend *b, const char *fmt, ...)
{
	(void)b;
	(void)fmt;
}

void backend_stopped(struct backend *b, const char *fmt, ...)
{
	va_list ap;

	(void)b;
	va_start(ap, fmt);
	vsnprintf(fake_reason, sizeof(fake_reason), fmt, ap);
	va_end(ap);
}

void backend_node(json_t *nodes, const char *name, const char *fmt, ...)
{
	char value[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	json_object_set_new(nodes, name, json_string(value));
}

int backend_front_u32(struct backend *b, const json_t *front, const char *name,
		      uint32_t min, uint32_t max, uint32_t *out)
{
	const char *s = json_string_value(json_object_get(front, name));
	unsigned long n;

	if (!s)
		return -ENOENT;
	n = strtoul(s, NULL, 10);
	if (n < min || n > max)
		return backend_why(b, -EINVAL, "%s", name);
	*out = n;
	return 0;
}

int backend_front_bool(struct backend *b, const json_t *front,
		       const char *name, bool *out)
{
	uint32_t n = 0;
	int rc = backend_front_u32(b, front, name, 0, 1, &n);

	*out = n;
	return rc == -ENOENT ? 0 : rc;
}

int backend_map(struct backend *b, const uint32_t *grefs, uint32_t pages,
		struct backend_map *map)
{
	if (pages != 1 || grefs[0] >= FAKE_PAGES || !fake_page[grefs[0]])
		return backend_why(b, -EINVAL, "grant %u", grefs[0]);
	*map = (struct backend_map){ fake_page[grefs[0]], grefs[0], 1 };
	return 0;
}

void backend_unmap(struct backend *b, struct backend_map *map)
{
	(void)b;
	*map = (struct backend_map){ 0 };
}

int backend_bind(struct backend *b, uint32_t remote_port)
{
	(void)b;
	return remote_port + 100;
}

void backend_unbind(struct backend *b, uint32_t port)
{
	(void)b;
	(void)port;
}

void backend_notify(struct backend *b, uint32_t port)
{
	(void)b;
	(void)port;
	fake_notified++;
}

void backend_unmask(struct backend *b, const uint32_t *ports, unsigned int n)
{
	(void)b;
	(void)ports;
	(void)n;
}

static void copy(backend_seg *s)
{
	const bool from = s->flags & GNTCOPY_source_gref;
	const uint32_t ref = from ? s->source.foreign.ref : s->dest.foreign.ref;
	const uint32_t at = from ? s->source.foreign.offset :
				   s->dest.foreign.offset;

	if (ref >= FAKE_PAGES || !fake_page[ref]) {
		s->status = GNTST_bad_gntref;
	} else if (at + s->len > 4096) {
		s->status = GNTST_bad_copy_arg;
	} else {
		s->status = GNTST_okay;
		if (from)
			memcpy(s->dest.virt, fake_page[ref] + at, s->len);
		else
			memcpy(fake_page[ref] + at, s->source.virt, s->len);
	}
}

int backend_copy(struct backend *b, backend_seg *segs, unsigned int n)
{
	(void)b;
	fake_copies++;
	for (unsigned int i = 0; i < n; i++)
		copy(&segs[i]);
	return 0;
}

const char *backend_front_text(const json_t *front, const char *name)
{
	return json_string_value(json_object_get(front, name));
}

void backend_disconnected(struct backend *b)
{
	b->state = BACKEND_READY;
}

void backend_exit(struct backend *b, enum backend_exit code)
{
	b->exit_code = code;
	b->loop.stop = true;
}
