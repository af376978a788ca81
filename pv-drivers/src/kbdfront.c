/* SPDX-License-Identifier: MIT */
/* A page with a ring of events, which the other side fills. */
#include <pv/kbdfront.h>
#include <pv/pv.h>

static struct pv_kbd *of(struct pv_device *d)
{
	return (struct pv_kbd *)d;
}

static void event(void *ctx)
{
	struct pv_kbd *k = ctx;

	if (k->running && k->ready)
		k->ready(k);
}

bool pv_kbd_get(struct pv_kbd *k, union xenkbd_in_event *e)
{
	volatile union xenkbd_in_event *from;
	uint32_t cons, there;
	unsigned int i;

	if (!k->running)
		return false;
	cons = k->page->in_cons;
	there = PV_READ(k->page->in_prod) - cons;
	if (!there)
		return false;
	xen_rmb();
	if (there > XENKBD_IN_RING_LEN) {
		pv_device_break(&k->dev, "the back-end sent more events than fit");
		return false;
	}
	from = &XENKBD_IN_RING_REF(k->page, cons);
	for (i = 0; i < sizeof(*e); i++)
		((char *)e)[i] = from->pad[i];
	xen_mb();
	PV_WRITE(k->page->in_cons, cons + 1);
	return true;
}

static unsigned int ask(struct pv_device *d, struct pv_key *key)
{
	(void)d;
	key[0] = (struct pv_key){ .name = "feature-abs-pointer",
				  .what = PV_READ_NUMBER };
	return 1;
}

static int prepare(struct pv_device *d, struct pv_key *key, unsigned int *nr)
{
	struct pv_kbd *k = of(d);
	uint64_t absolute = key[0].number == 1;
	int rc;

	k->page = pv_os_pages(d->pv, 1);
	if (!k->page)
		return -XEN_ENOMEM;
	rc = pv_grant(d->pv, d->peer_id, k->page, false);
	if (rc < 0)
		return rc;
	k->ref = rc;
	rc = pv_evtchn_listen(d->pv, d->peer_id, event, k);
	if (rc < 0)
		return rc;
	k->port = rc;
	key[0] = (struct pv_key){ .name = "page-gref", .number = k->ref,
				  .what = PV_WRITE_NUMBER };
	key[1] = (struct pv_key){ .name = "page-ref", .what = PV_WRITE_NUMBER,
				  .number = pv_os_mfn(d->pv, k->page) };
	key[2] = (struct pv_key){ .name = "event-channel", .number = k->port,
				  .what = PV_WRITE_NUMBER };
	key[3] = (struct pv_key){ .name = "request-abs-pointer",
				  .number = absolute, .what = PV_WRITE_NUMBER };
	*nr = 4;
	return 0;
}

static void up(struct pv_device *d, const struct pv_key *key)
{
	(void)key;
	of(d)->running = true;
	event(d);
}

static void stop(struct pv_device *d)
{
	struct pv_kbd *k = of(d);

	k->running = false;
	pv_evtchn_close(d->pv, k->port);
	k->port = 0;
}

static void release(struct pv_device *d, bool again, bool resumed)
{
	struct pv_kbd *k = of(d);

	(void)again;
	k->running = false;
	if (resumed)
		k->port = 0;
	if (k->page && (resumed || !k->ref || !pv_grant_end(d->pv, k->ref)))
		pv_os_free_pages(d->pv, k->page, 1);
	k->page = NULL;
	k->ref = 0;
}

static const struct pv_class kbd_class = {
	.type = "vkbd",
	.offered = XenbusStateInitialised,
	.ask = ask,
	.prepare = prepare,
	.up = up,
	.stop = stop,
	.release = release,
};

void pv_kbd_open(struct pv *pv, struct pv_kbd *k)
{
	pv_device_open(pv, &k->dev, &kbd_class, 0);
}
