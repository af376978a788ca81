/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor writes down pairs of (time stamp counter, nanoseconds) and
 * the rate between them; we add what the counter did since.  A record whose
 * version is odd, or changed while we read, is read again.
 */
#include <pv/pv.h>

static uint64_t counter(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc" : "=a" (low), "=d" (high));
	return (uint64_t)high << 32 | low;
}

/* Counter ticks to nanoseconds: (ticks << shift) * mul / 2^32. */
static uint64_t scale(uint64_t ticks, uint32_t mul, int8_t shift)
{
	ticks = shift < 0 ? ticks >> -shift : ticks << shift;
	return (uint64_t)(((unsigned __int128)ticks * mul) >> 32);
}

uint64_t pv_clock_now(struct pv *pv)
{
	struct vcpu_time_info *t = &pv->shared->vcpu_info[0].time;
	uint64_t ns;
	uint32_t version;

	do {
		version = PV_READ(t->version);
		xen_rmb();
		ns = t->system_time + scale(counter() - t->tsc_timestamp,
					    t->tsc_to_system_mul,
					    t->tsc_shift);
		xen_rmb();
	} while ((version & 1) || version != PV_READ(t->version));
	return ns;
}

uint64_t pv_clock_wall(struct pv *pv)
{
	struct shared_info *s = pv->shared;
	uint64_t seconds, ns;
	uint32_t version;

	do {
		version = PV_READ(s->wc_version);
		xen_rmb();
		seconds = (uint64_t)s->wc_sec_hi << 32 | s->wc_sec;
		ns = s->wc_nsec;
		xen_rmb();
	} while ((version & 1) || version != PV_READ(s->wc_version));
	return seconds * 1000000000 + ns + pv_clock_now(pv);
}

void pv_sleep(struct pv *pv, uint64_t ns)
{
	uint64_t end = pv_clock_now(pv) + ns;

	while (pv_clock_now(pv) < end)
		pv_os_wait(pv, end);
}
