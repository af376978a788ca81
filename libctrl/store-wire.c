/* SPDX-License-Identifier: MIT */
/* The store's messages as bytes. */
#include "store-wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void store_head(void *to, uint32_t type, uint32_t req_id, uint32_t tx,
		size_t len)
{
	const uint32_t head[4] = { type, req_id, tx, (uint32_t)len };

	memcpy(to, head, sizeof(head));
}

int store_parse(const void *bytes, size_t n, struct store_message *m)
{
	uint32_t head[4];

	if (n < sizeof(head))
		return 0;
	memcpy(head, bytes, sizeof(head));
	if (head[3] > STORE_PAYLOAD_MAX)
		return -EPROTO;
	if (n - sizeof(head) < head[3])
		return 0;
	*m = (struct store_message){
		.type = head[0], .req_id = head[1], .tx_id = head[2],
		.len = head[3],
		.payload = (const char *)bytes + sizeof(head),
	};
	return (int)(sizeof(head) + head[3]);
}

bool store_split_event(const struct store_message *m, const char **token)
{
	const char *end = m->payload + m->len;
	const char *nul = memchr(m->payload, '\0', m->len);

	if (!nul || ++nul == end || !memchr(nul, '\0', (size_t)(end - nul)))
		return false;
	*token = nul;
	return true;
}

int store_errno(const struct store_message *m)
{
	static const struct { const char *name; int nr; } known[] = {
		{ "EINVAL", EINVAL }, { "EACCES", EACCES },
		{ "EEXIST", EEXIST }, { "EISDIR", EISDIR },
		{ "ENOENT", ENOENT }, { "ENOMEM", ENOMEM },
		{ "ENOSPC", ENOSPC }, { "EIO", EIO },
		{ "ENOTEMPTY", ENOTEMPTY }, { "ENOSYS", ENOSYS },
		{ "EROFS", EROFS }, { "EBUSY", EBUSY },
		{ "EAGAIN", EAGAIN }, { "EISCONN", EISCONN },
		{ "E2BIG", E2BIG }, { "EPERM", EPERM },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (m->len == strlen(known[i].name) + 1 &&
		    !memcmp(m->payload, known[i].name, m->len))
			return -known[i].nr;
	return -EINVAL;
}

int store_list_part(struct store_list *l, const struct store_message *m)
{
	const size_t head = strnlen(m->payload, m->len) + 1;
	char *bigger;

	if (head >= m->len || head > sizeof(l->generation))
		return -EPROTO;
	if (l->len && strcmp(l->generation, m->payload)) {
		l->len = 0;
		return 1;
	}
	bigger = realloc(l->names, l->len + m->len - head);
	if (!bigger)
		return -ENOMEM;
	memcpy(l->generation, m->payload, head);
	memcpy(bigger + l->len, m->payload + head, m->len - head);
	l->names = bigger;
	l->len += m->len - head;
	/* The last part ends in an empty name; others end anywhere. */
	if (bigger[l->len - 1] || (l->len > 1 && bigger[l->len - 2]))
		return 1;
	l->len--;
	return 0;
}

bool store_number(const struct store_message *m, uint32_t *n)
{
	uint64_t v = 0;
	uint32_t i;

	for (i = 0; i < m->len && m->payload[i]; i++) {
		if (m->payload[i] < '0' || m->payload[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(m->payload[i] - '0');
		if (v > UINT32_MAX)
			return false;
	}
	*n = (uint32_t)v;
	return i > 0;
}
