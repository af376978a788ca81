/* SPDX-License-Identifier: MIT */
/*
 * The serial console, shared by the hypervisor and the control domain, and
 * the log of what the hypervisor said there.
 *
 * Output of both goes through one lock.  Input bytes come from the serial
 * interrupt on one CPU, wait in a ring, and are read by the control domain;
 * when the ring is full the newest byte is lost.
 *
 * The log is a ring that keeps the newest LOG_SIZE bytes.  log_in counts all
 * bytes ever written; byte i of the log stands at log[i % LOG_SIZE] as long
 * as log_in - i <= LOG_SIZE.
 */
#include <hyp/core.h>

#define INPUT_SIZE 1024		/* a power of two */
#define LOG_SIZE	(32 * 1024)

static struct lock console_lock = LOCK_INIT(RANK_CONSOLE);
static bool no_lock;		/* panic: whoever holds it will not return */
static char last_char = '\n';	/* of all output: is a line open? */
static char log[LOG_SIZE];
static u32 log_in, log_cleared;

/* One producer (the interrupt), consumers under the lock; both count up. */
static char input[INPUT_SIZE];
static u32 input_in, input_out;

static void console_take(void)
{
	if (!no_lock)
		lock(&console_lock);
}

static void console_drop(void)
{
	if (!no_lock)
		unlock(&console_lock);
}

/* Terminals want a carriage return before each newline. */
static void put(const char *s, size_t n)
{
	size_t from = 0, i;

	for (i = 0; i < n; i++) {
		if (s[i] == '\n' && (i ? s[i - 1] : last_char) != '\r') {
			arch_console_write(s + from, i - from);
			arch_console_write("\r\n", 2);
			from = i + 1;
		}
	}
	arch_console_write(s + from, n - from);
	if (n)
		last_char = s[n - 1];
}

void console_write(const char *s, size_t n)
{
	console_take();
	put(s, n);
	console_drop();
}

void console_write_line(const char *s, size_t n)
{
	console_take();
	for (size_t i = 0; i < n; i++)
		log[log_in++ % LOG_SIZE] = s[i];
	if (last_char != '\n')
		put("\n", 1);
	put(s, n);
	console_drop();
}

size_t log_read(char *buf, size_t size, u32 *index, bool clear)
{
	size_t n = 0;
	u32 at = *index;
	HOLD(&console_lock);

	/* An index from before what the ring still holds moves up. */
	if ((s32)(at - log_cleared) < 0)
		at = log_cleared;
	if (log_in - at > LOG_SIZE)
		at = log_in - LOG_SIZE;
	while (at != log_in && n < size)
		buf[n++] = log[at++ % LOG_SIZE];
	if (clear)
		log_cleared = log_in;
	*index = at;
	return n;
}

void console_force(void)
{
	no_lock = true;
}

void console_input(char c)
{
	if (input_in - atomic_load(&input_out) < INPUT_SIZE) {
		input[input_in % INPUT_SIZE] = c;
		atomic_store(&input_in, input_in + 1);
	}
	cpu_post_work(this_cpu(), WORK_CONSOLE);
}

size_t console_read(char *buf, size_t n)
{
	size_t i = 0;
	HOLD(&console_lock);

	while (i < n && input_out != atomic_load(&input_in)) {
		buf[i++] = input[input_out % INPUT_SIZE];
		atomic_store(&input_out, input_out + 1);
	}
	return i;
}

void console_work(void)
{
	if (atomic_load(&input_out) != atomic_load(&input_in))
		evtchn_global_virq(VIRQ_CONSOLE);
}
