/* SPDX-License-Identifier: MIT */
/*
 * The shared page holds the size, the frames of pages that hold the frames of
 * the pixels, and two rings.  We only write into one: rectangles that changed.
 * When it is full they grow together into one, which goes out when there is
 * room.
 */
#include <pv/fbfront.h>
#include <pv/pv.h>

#define PER_PAGE	(PV_PAGE_SIZE / sizeof(uint64_t))
/* The list in the shared page ends where its rings begin. */
#define LISTS_MAX	((XENFB_IN_RING_OFFS - offsetof(struct xenfb_page, pd)) / \
			 sizeof(unsigned long))

static struct pv_fb *of(struct pv_device *d)
{
	return (struct pv_fb *)d;
}

/* ---- Updates ---- */

static void grow(struct pv_fb *f, unsigned int x, unsigned int y,
		 unsigned int right, unsigned int bottom)
{
	if (f->right == f->x) {
		f->x = x;
		f->y = y;
		f->right = right;
		f->bottom = bottom;
		return;
	}
	f->x = x < f->x ? x : f->x;
	f->y = y < f->y ? y : f->y;
	f->right = right > f->right ? right : f->right;
	f->bottom = bottom > f->bottom ? bottom : f->bottom;
}

/* Say what changed, if there is room; true: tell the back-end. */
static bool push(struct pv_fb *f)
{
	uint32_t prod, used;

	if (!f->running || !f->wants_updates || f->right == f->x)
		return false;
	prod = f->page->out_prod;
	used = prod - PV_READ(f->page->out_cons);
	xen_mb();
	if (used >= XENFB_OUT_RING_LEN)
		return false;
	XENFB_OUT_RING_REF(f->page, prod).update = (struct xenfb_update){
		.type = XENFB_TYPE_UPDATE,
		.x = f->x,
		.y = f->y,
		.width = f->right - f->x,
		.height = f->bottom - f->y,
	};
	xen_wmb();
	PV_WRITE(f->page->out_prod, prod + 1);
	f->right = f->x;
	return true;
}

static void push_and_tell(struct pv_fb *f)
{
	bool notify;

	pv_os_lock(&f->lock);
	notify = push(f);
	pv_os_unlock(&f->lock);
	if (notify)
		pv_evtchn_send(f->dev.pv, f->port);
}

void pv_fb_update(struct pv_fb *f, unsigned int x, unsigned int y,
		  unsigned int width, unsigned int height)
{
	if (x >= f->width || y >= f->height || !width || !height)
		return;
	if (width > f->width - x)
		width = f->width - x;
	if (height > f->height - y)
		height = f->height - y;
	pv_os_lock(&f->lock);
	grow(f, x, y, x + width, y + height);
	pv_os_unlock(&f->lock);
	push_and_tell(f);
}

/* What they write (how often they look) is of no use to us. */
static void event(void *ctx)
{
	struct pv_fb *f = ctx;

	if (!f->running)
		return;
	PV_WRITE(f->page->in_cons, PV_READ(f->page->in_prod));
	push_and_tell(f);
}

/* ---- Coming and going ---- */

static int prepare(struct pv_device *d, struct pv_key *key, unsigned int *nr)
{
	struct pv_fb *f = of(d);
	struct xenfb_page *p = pv_os_pages(d->pv, 1);
	unsigned int i;
	int rc;

	if (!p)
		return -XEN_ENOMEM;
	f->page = p;
	p->width = f->width;
	p->height = f->height;
	p->line_length = f->width * 4;
	p->mem_length = f->width * f->height * 4;
	p->depth = 32;
	for (i = 0; i < f->nr_pages; i++)
		f->list[i] = pv_os_mfn(d->pv, (char *)f->pixels +
					      i * PV_PAGE_SIZE);
	for (i = 0; i < f->nr_lists; i++)
		p->pd[i] = pv_os_mfn(d->pv, f->list + i * PER_PAGE);
	rc = pv_evtchn_listen(d->pv, d->peer_id, event, f);
	if (rc < 0)
		return rc;
	f->port = rc;
	key[0] = (struct pv_key){ .name = "page-ref", .what = PV_WRITE_NUMBER,
				  .number = pv_os_mfn(d->pv, p) };
	key[1] = (struct pv_key){ .name = "event-channel", .number = f->port,
				  .what = PV_WRITE_NUMBER };
	key[2] = (struct pv_key){ .name = "protocol", .text = "x86_64-abi",
				  .what = PV_WRITE_TEXT };
	key[3] = (struct pv_key){ .name = "feature-update", .number = 1,
				  .what = PV_WRITE_NUMBER };
	*nr = 4;
	return 0;
}

static unsigned int info(struct pv_device *d, struct pv_key *key)
{
	(void)d;
	key[0] = (struct pv_key){ .name = "request-update",
				  .what = PV_READ_NUMBER };
	return 1;
}

static void up(struct pv_device *d, const struct pv_key *key)
{
	struct pv_fb *f = of(d);

	f->wants_updates = key[0].number == 1;
	f->running = true;
	pv_fb_update(f, 0, 0, f->width, f->height);
}

static void stop(struct pv_device *d)
{
	struct pv_fb *f = of(d);

	f->running = false;
	pv_evtchn_close(d->pv, f->port);
	f->port = 0;
}

static void release(struct pv_device *d, bool again, bool resumed)
{
	struct pv_fb *f = of(d);

	(void)again;
	f->running = false;
	if (resumed)
		f->port = 0;
	if (f->page)
		pv_os_free_pages(d->pv, f->page, 1);
	f->page = NULL;
}

static const struct pv_class fb_class = {
	.type = "vfb",
	.offered = XenbusStateInitialised,
	.prepare = prepare,
	.info = info,
	.up = up,
	.stop = stop,
	.release = release,
};

int pv_fb_open(struct pv *pv, struct pv_fb *f)
{
	uint64_t bytes;

	if (!f->width || !f->height) {
		f->width = 800;
		f->height = 600;
	}
	bytes = (uint64_t)f->width * f->height * 4;
	if (f->width > 16384 || f->height > 16384 ||
	    bytes > LISTS_MAX * PER_PAGE * PV_PAGE_SIZE)
		return -XEN_EINVAL;
	f->nr_pages = (bytes + PV_PAGE_SIZE - 1) / PV_PAGE_SIZE;
	f->nr_lists = (f->nr_pages + PER_PAGE - 1) / PER_PAGE;
	f->dev.pv = pv;
	f->pixels = pv_os_pages(pv, f->nr_pages);
	f->list = f->pixels ? pv_os_pages(pv, f->nr_lists) : NULL;
	if (!f->list) {
		pv_fb_free(f);
		return -XEN_ENOMEM;
	}
	pv_device_open(pv, &f->dev, &fb_class, 0);
	return 0;
}

void pv_fb_free(struct pv_fb *f)
{
	if (f->list)
		pv_os_free_pages(f->dev.pv, f->list, f->nr_lists);
	if (f->pixels)
		pv_os_free_pages(f->dev.pv, f->pixels, f->nr_pages);
	f->list = NULL;
	f->pixels = NULL;
}
