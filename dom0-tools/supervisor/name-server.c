/* SPDX-License-Identifier: MIT */
/*
 * name-server UID CONF - dnsmasq as a user of its own.
 *
 * Starts dnsmasq with the configuration CONF as user and group UID, with the
 * three capabilities that a DHCP server on a bridge needs and no way to more.
 * dnsmasq goes to the background when it is ready; what it says until then is
 * on standard error, and its exit code is this program's.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned int kept[] = {
	CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE
};

static int die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	return 1;
}

static unsigned int kept_bits(void)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		bits |= 1u << kept[i];
	return bits;
}

/* Nothing that it may start can have more than these. */
static int bound_capabilities(void)
{
	for (unsigned int c = 0; c <= 63; c++) {
		if (c < 32 && kept_bits() & 1u << c)
			continue;
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) && errno != EINVAL)
			return -1;
	}
	return 0;
}

static int keep_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	const unsigned int bits = kept_bits();
	struct __user_cap_data_struct data[2] = { { bits, bits, bits } };

	if (syscall(SYS_capset, &head, data))
		return -1;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0))
			return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int main(int argc, char **argv)
{
	char conf[4096 + 16];
	char *end;
	char *args[] = { (char *)"dnsmasq", conf, NULL };
	char *env[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	unsigned long uid;

	if (argc != 3) {
		fputs("Usage: name-server UID CONF\n", stderr);
		return 2;
	}
	uid = strtoul(argv[1], &end, 10);
	if (*end || !uid || uid >= 0xffffffff) {
		fputs("name-server: UID must be a number\n", stderr);
		return 2;
	}
	snprintf(conf, sizeof(conf), "--conf-file=%.4096s", argv[2]);
	if (bound_capabilities() || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) ||
	    setgroups(0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid) || keep_capabilities())
		return die("its rights cannot be given up");
	execve("/usr/sbin/dnsmasq", args, env);
	execve("/usr/local/sbin/dnsmasq", args, env);
	fputs(errno == ENOENT ? "/usr/sbin/dnsmasq is not there: install dnsmasq-base\n" :
	      "dnsmasq cannot be started\n", stderr);
	return 1;
}
