/* SPDX-License-Identifier: MIT */
/*
 * console_io: the control domain writes to and reads from the machine's
 * console.  The beginning of what another guest writes goes to the log, as
 * far as guest_loglvl= and the rate limit let it.
 */
#include <hyp/core.h>

#define CHUNK 128

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

/* A line of a guest into the log, made printable. */
static long log_guest_write(struct domain *d, u64 count, u64 from)
{
	char buf[CHUNK];
	u64 n = MIN(count, (u64)sizeof(buf)), i;

	if (copy_from_guest(buf, from, n))
		return -XEN_EFAULT;
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
		n--;
	for (i = 0; i < n; i++)
		if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '.';
	if (n)
		log_guest(LOG_DEBUG, d, "%.*s", (int)n, buf);
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
