/* SPDX-License-Identifier: MIT */
/* Start of day, and the end of it. */
#include <pv/pv.h>

static int map_shared(struct pv *pv)
{
	uint64_t mfn = pv->start->shared_info >> PV_PAGE_SHIFT;

	pv->shared = pv_os_map(pv, pv->shared, &mfn, 1);
	return pv->shared ? 0 : -XEN_ENOMEM;
}

int pv_start(struct pv *pv, struct start_info *start)
{
	int rc;

	pv->start = start;
	pv->shared = NULL;
	rc = map_shared(pv);
	if (rc)
		return rc;
	pv_evtchn_init(pv);
	pv_console_init(pv);
	pv_xenbus_init(pv);
	return pv_gnttab_init(pv);
}

int pv_resume(struct pv *pv)
{
	int rc = map_shared(pv);

	if (rc)
		return rc;
	pv_evtchn_init(pv);
	pv_console_init(pv);
	rc = pv_gnttab_init(pv);
	return rc ? rc : pv_xenbus_resume(pv);
}

int pv_stay(struct pv *pv, unsigned int grant_frames)
{
	int rc = map_shared(pv);

	return rc ? rc : pv_gnttab_show(pv, grant_frames);
}

void pv_shutdown(struct pv *pv, unsigned int reason)
{
	struct sched_shutdown op = { .reason = reason };

	(void)pv;
	for (;;)
		pv_sched_op(SCHEDOP_shutdown, &op);
}
