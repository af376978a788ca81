/* SPDX-License-Identifier: MIT */
/*
 * console_io: the control domain writes to and reads from the machine's
 * console.  What another guest writes goes to the log, line by line, as far
 * as guest_loglvl= and the rate limit let it.
 */
#include <hyp/hypercall.h>

#include <hyp/printk.h>
#include <hyp/domain.h>

#define CHUNK 128
#define GUEST_WRITE_MAX 1024	/* bytes of a guest's write that count */

static long write_console(u64 count, u64 from)
{
	char buf[CHUNK];
	u64 n;

	while (count) {
		n = MIN(count, (u64)sizeof(buf));
		if (copy_from_guest(buf, from, n))
			return -XEN_EFAULT;
		console_write(buf, n);
		from += n;
		count -= n;
		if (count && hypercall_should_rest(n))
			return hypercall_restart(__HYPERVISOR_console_io, 3,
						 (u64)CONSOLEIO_write, count,
						 from);
	}
	return 0;
}

static long read_console(u64 count, u64 to)
{
	char buf[CHUNK];
	u64 done = 0;
	size_t n;

	while (done < count) {
		n = console_read(buf, MIN(count - done, (u64)sizeof(buf)));
		if (!n)
			break;
		if (copy_to_guest(to + done, buf, n))
			return -XEN_EFAULT;
		done += n;
	}
	return done;
}

/* One line of a guest into the log, made printable. */
static void log_line(struct domain *d, char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			s[i] = '.';
	if (n)
		log_guest(LOG_DEBUG, d, "%.*s", (int)n, s);
}

static long log_guest_write(struct domain *d, u64 count, u64 from)
{
	char buf[CHUNK];
	u64 left = MIN(count, (u64)GUEST_WRITE_MAX), n, i, start;

	for (; left; left -= n, from += n) {
		n = MIN(left, (u64)sizeof(buf));
		if (copy_from_guest(buf, from, n))
			return -XEN_EFAULT;
		for (i = start = 0; i < n; i++) {
			if (buf[i] != '\n' && buf[i] != '\r')
				continue;
			log_line(d, buf + start, i - start);
			start = i + 1;
		}
		log_line(d, buf + start, n - start);
	}
	return 0;
}

long do_console_io(u64 cmd, u64 count, u64 buf)
{
	struct domain *d = current_domain();

	/* Counts are C ints in the ABI. */
	if (count > 0x7fffffff)
		return -XEN_EINVAL;
	if (cmd == CONSOLEIO_write)
		return priv_system(d) ? write_console(count, buf) :
					log_guest_write(d, count, buf);
	if (cmd != CONSOLEIO_read)
		return -XEN_ENOSYS;
	return priv_system(d) ? read_console(count, buf) : -XEN_EPERM;
}
