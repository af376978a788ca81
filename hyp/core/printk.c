/* SPDX-License-Identifier: MIT */
/*
 * The log: a ring that keeps the newest LOG_SIZE bytes, and the console.
 *
 * log_in counts all bytes ever written; byte i of the log stands at
 * ring[i % LOG_SIZE] as long as log_in - i <= LOG_SIZE.
 */
#include <hyp/printk.h>

#include <hyp/domain.h>
#include <hyp/lib.h>
#include <hyp/param.h>

#define LOG_SIZE	(32 * 1024)
#define LINE_MAX	512
#define GUEST_BURST	50	/* lines about guests at once ... */
#define GUEST_PERIOD	100000000ULL	/* ... and one more each 0.1 s */

static struct lock log_lock = LOCK_INIT(RANK_CONSOLE);
static char ring[LOG_SIZE];
static u32 log_in, log_cleared;

static void log_append(const char *s, size_t n)
{
	const bool locked = !console_is_forced();
	size_t i;

	if (locked)
		lock(&log_lock);
	for (i = 0; i < n; i++)
		ring[log_in++ % LOG_SIZE] = s[i];
	if (locked)
		unlock(&log_lock);
}

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
	log_append(line, n);
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

/* Guests may provoke lines: a burst, then a trickle. */
static bool guest_line_allowed(u32 *missed)
{
	static u64 refilled;
	static u32 tokens = GUEST_BURST, lost;
	const u64 now = arch_now();
	bool ok;

	lock(&log_lock);
	if (now - refilled >= GUEST_PERIOD) {
		tokens = MIN(tokens + (now - refilled) / GUEST_PERIOD,
			     (u64)GUEST_BURST);
		refilled = now;
	}
	ok = tokens > 0;
	*missed = ok ? lost : 0;
	if (ok) {
		tokens--;
		lost = 0;
	} else {
		lost++;
	}
	unlock(&log_lock);
	return ok;
}

void log_guest(enum log_level level, const struct domain *d,
	       const char *fmt, ...)
{
	char about[16];
	u32 missed;
	va_list ap;

	if (level > params.guest_loglvl || !guest_line_allowed(&missed))
		return;
	if (missed)
		log_printf(LOG_WARN, "%u lines about guests left out", missed);
	hyp_snprintf(about, sizeof(about), "d%u: ", d->id);
	va_start(ap, fmt);
	log_line(level, about, fmt, ap);
	va_end(ap);
}

size_t log_read(char *buf, size_t size, u32 *index, bool clear)
{
	size_t n = 0;
	u32 at = *index;

	lock(&log_lock);
	/* An index from before what the ring still holds moves up. */
	if ((s32)(at - log_cleared) < 0)
		at = log_cleared;
	if (log_in - at > LOG_SIZE)
		at = log_in - LOG_SIZE;
	while (at != log_in && n < size)
		buf[n++] = ring[at++ % LOG_SIZE];
	if (clear)
		log_cleared = log_in;
	unlock(&log_lock);
	*index = at;
	return n;
}
