/* SPDX-License-Identifier: MIT */
/*
 * Three clients of the store send what the input says: domain 0 and two
 * guests. Input: records of one byte (who, and what else happens), one byte
 * type, one byte tx_id, one byte length, then the payload. After each input
 * the tree must agree with itself and nothing may be left allocated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "xenstored/conn.h"
#include "xenstored/xs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xs xs;
static struct conn conns[3];	/* domain 0, 1, 2 */

static bool fake_exists(void *arg, uint32_t domid)
{
	(void)arg;
	return domid < 3;
}

static void fake_service(struct conn *c)
{
	(void)c;
}

static const struct conn_ops ops = { fake_service };

static int fake_introduce(void *arg, struct domain *d, uint32_t port)
{
	struct conn *c = &conns[d->domid];

	(void)arg;
	(void)port;
	if (d->conn) {
		conn_reset(c);
		return 0;
	}
	conn_init(c, &xs, d, false, &ops);
	snprintf(c->base, sizeof(c->base), "/local/domain/%u", d->domid);
	d->conn = c;
	return 0;
}

static void fake_release(void *arg, struct domain *d)
{
	(void)arg;
	conn_fini(d->conn);
	d->conn = NULL;
}

static const struct xs_shell shell = {
	fake_exists, fake_introduce, fake_release, NULL,
};

static void say(struct conn *c, int type, const char *text, size_t len)
{
	const struct xsd_sockmsg head = { .type = type, .len = len };

	conn_request(c, &head, text);
}

static void start(void)
{
	log_init(NULL);
	if (xs_init(&xs, 42, &shell))
		abort();
	conn_init(&conns[0], &xs, xs.dom0, true, &ops);
	for (char d = '1'; d < '3'; d++) {
		char path[] = "/local/domain/1\0n1", intro[] = "1\0" "1\0" "9";

		path[14] = path[17] = intro[0] = d;
		say(&conns[0], XS_MKDIR, path, 16);
		say(&conns[0], XS_SET_PERMS, path, sizeof(path));
		say(&conns[0], XS_INTRODUCE, intro, sizeof(intro));
	}
}

/* Behind what is half sent, every message is whole and allowed. */
static void check_output(struct conn *c)
{
	struct xsd_sockmsg head;
	size_t at = c->out_mark - c->out_done;

	while (at < buf_len(&c->out)) {
		memcpy(&head, buf_head(&c->out) + at, sizeof(head));
		if (!wire_head_ok(&head))
			abort();
		at += sizeof(head) + head.len;
	}
	if (at != buf_len(&c->out))
		abort();
}

static void scan(uint8_t which)
{
	dom_scan_begin(&xs);
	for (uint32_t i = 1; i < 3; i++)
		if (!(which & i))
			dom_scan_seen(&xs, i, false, which & 4);
	dom_scan_end(&xs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct domain *d;
	uint32_t who;

	start();
	while (size >= 4) {
		struct xsd_sockmsg head = { data[1] & 31, 1, data[2] & 3,
					    data[3] };
		const uint8_t how = data[0] >> 2;
		struct conn *c;

		data += 4;
		size -= 4;
		if (head.len > size)
			head.len = size;
		who = (how & 7) == 7 ? 0 : (data[-4] & 3) % 3;
		d = dom_find(&xs, who);
		c = who == 0 ? &conns[0] : d ? d->conn : NULL;
		if (c && conn_may_read(c, how))
			conn_request(c, &head, (const char *)data);
		if (c && how & 16) {
			check_output(c);
			conn_sent(c, (how & 32) ? buf_len(&c->out)
						: buf_len(&c->out) / 2);
		}
		if (c && how & 8) {
			conn_stalled(c, 1);
			conn_stalled(c, 30000);
		}
		if ((how & 0x27) == 0x27)
			scan(data[-4]);
		data += head.len;
		size -= head.len;
	}
	if (store_check(&xs))
		abort();
	for (uint32_t i = 1; i < 3; i++) {
		d = dom_find(&xs, i);
		if (d)
			dom_forget(&xs, d);
	}
	if (store_check(&xs) || xs.nr_domains != 1)
		abort();
	conn_fini(&conns[0]);
	if (xs.watches.nr_points || !link_empty(&xs.conns))
		abort();
	xs_free(&xs);
	return 0;
}
