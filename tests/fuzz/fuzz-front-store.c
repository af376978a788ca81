/* SPDX-License-Identifier: MIT */
/*
 * A store and a console that have lost their minds: input is what they write
 * into their rings, while a guest asks, watches and prints.
 */
#include <stdlib.h>
#include <string.h>

#include "fake.h"

#include <xen/io/console.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pv_xs_req req[4];
static char *reply[4];
static struct pv_xs_watch watch;

static void changed(struct pv_xs_watch *w)
{
	(void)w;
}

static void ask(unsigned int b)
{
	struct pv_xs_req *r = &req[b & 3];

	if (r->waiting)
		return;
	r->reply = reply[b & 3];
	r->size = 8 << (b & 3);
	pv_xs_submit(&fake.pv, r, b & 4 ? XS_READ : XS_WRITE, 0, "a/path",
		     b & 8 ? "name" : NULL, "value", b & 4 ? 0 : 5);
}

static void console(struct xencons_interface *c, const uint8_t *data)
{
	char text[32];

	c->in_prod = data[1] * 0x01010101u;
	c->out_cons = data[2] * 0x01010101u;
	pv_console_put(&fake.pv, "a line of text", 14);
	pv_console_get(&fake.pv, text, sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xenstore_domain_interface *ring;
	unsigned int i, n;

	fake_start();
	ring = fake.pv.xenbus.ring;
	memset(req, 0, sizeof(req));
	for (i = 0; i < 4; i++)
		reply[i] = malloc(8 << i);
	watch.path = "a";
	watch.changed = changed;
	pv_xs_watch(&fake.pv, &watch);
	for (; size > 3; data += 3, size -= 3) {
		switch (data[0] >> 6) {
		case 0:
			ask(data[1]);
			break;
		case 1:
			console(fake.pv.console.ring, data);
			break;
		case 2:
			ring->rsp_prod = data[1] * 0x01010101u;
			ring->req_cons = data[2] & 1 ? ring->req_prod
						     : ring->req_cons;
			break;
		case 3:
			/* Bytes that may be a message. */
			n = data[0] & 63;
			for (i = 0; i < n && i + 1 < size; i++)
				ring->rsp[MASK_XENSTORE_IDX(ring->rsp_prod++)] =
					data[1 + i];
			break;
		}
		fake_kick(1);
		pv_evtchn_run(&fake.pv);
	}
	for (i = 0; i < 4; i++)
		free(reply[i]);
	fake_end();
	return 0;
}
