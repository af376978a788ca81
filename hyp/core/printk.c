/* SPDX-License-Identifier: MIT */
/*
 * Lines of the log: their level, whom they are about, and how many a guest
 * may provoke.  console.c keeps them and shows them.
 */
#include <hyp/core.h>

#include <hyp/param.h>

#define LINE_MAX	512
#define GUEST_BURST	50	/* lines about a guest at once ... */
#define GUEST_PERIOD	100000000ULL	/* ... and one more each 0.1 s */

static void log_line(enum log_level level, const char *about, const char *fmt,
		     va_list ap)
{
	static const char *const names[] = {
		"(hyp) error: ", "(hyp) warning: ", "(hyp) ", "(hyp) debug: ",
	};
	char line[LINE_MAX];
	size_t n;

	hyp_snprintf(line, sizeof(line), "%s%s", names[level], about);
	n = strlen(line);
	hyp_vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	n = strlen(line);
	line[n++] = '\n';
	console_write_line(line, n);
}

void log_printf(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > params.loglvl)
		return;
	va_start(ap, fmt);
	log_line(level, "", fmt, ap);
	va_end(ap);
}

/* A guest may provoke lines: a burst, then a trickle. */
static bool guest_line_allowed(struct domain *d, u32 *missed)
{
	static struct lock guest_lock = LOCK_INIT(RANK_CONSOLE);
	const u64 now = arch_now();
	bool ok;
	HOLD(&guest_lock);

	ok = d->lines_paid_until < now + GUEST_BURST * GUEST_PERIOD;
	if (ok)
		d->lines_paid_until = MAX(d->lines_paid_until, now) + GUEST_PERIOD;
	*missed = ok ? d->lines_lost : 0;
	d->lines_lost = ok ? 0 : d->lines_lost + 1;
	return ok;
}

void log_guest(enum log_level level, struct domain *d, const char *fmt, ...)
{
	char about[16];
	u32 missed;
	va_list ap;

	if (level > params.guest_loglvl || !guest_line_allowed(d, &missed))
		return;
	if (missed)
		log_printf(LOG_WARN, "d%u: %u lines left out", d->id, missed);
	hyp_snprintf(about, sizeof(about), "d%u: ", d->id);
	va_start(ap, fmt);
	log_line(level, about, fmt, ap);
	va_end(ap);
}
