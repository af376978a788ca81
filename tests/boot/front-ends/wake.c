/* SPDX-License-Identifier: MIT */
/*
 * wake DOMID: a guest that was suspended goes on as if nothing had been.  Its
 * hypercall returns 1, the hypervisor lets it run, and the store knows that it
 * lives, as who saves a guest does when he keeps it.  Fails while the guest is
 * not suspended yet.
 */
#include <ctrl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/io/xs_wire.h>
#include <xen/sys/privcmd.h>

static int resume(uint16_t domid)
{
	int fd = open("/dev/xen/privcmd", O_RDWR);
	struct xen_domctl *op = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED |
				     MAP_POPULATE, -1, 0);
	privcmd_hypercall_t call = {
		.op = __HYPERVISOR_domctl, .arg = { (uintptr_t)op },
	};

	if (fd < 0 || op == MAP_FAILED)
		return -1;
	op->cmd = XEN_DOMCTL_resumedomain;
	op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	op->domain = domid;
	return ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call);
}

static int tell_store(const char *domid)
{
	struct sockaddr_un at = { AF_UNIX, "/run/xenstored/socket" };
	struct xsd_sockmsg m = { .type = XS_RESUME,
				 .len = strlen(domid) + 1 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    write(fd, &m, sizeof(m)) != sizeof(m) ||
	    write(fd, domid, m.len) != (ssize_t)m.len ||
	    recv(fd, &m, sizeof(m), MSG_WAITALL) != sizeof(m))
		return -1;
	return m.type == XS_RESUME ? 0 : -1;
}

int main(int argc, char **argv)
{
	static struct vcpu_guest_context ctx;
	struct ctrl_domain_info info;
	struct ctrl *c;
	uint16_t domid;

	if (argc != 2 || ctrl_open(&c))
		return 2;
	domid = (uint16_t)atoi(argv[1]);
	if (ctrl_domain_info(c, domid, &info) ||
	    info.shutdown != CTRL_SHUTDOWN_SUSPEND)
		return 1;
	if (ctrl_vcpu_get_context(c, domid, 0, &ctx)) {
		fprintf(stderr, "wake: %s\n", ctrl_error(c));
		return 1;
	}
	ctx.user_regs.rax = 1;
	if (ctrl_vcpu_set_context(c, domid, 0, &ctx)) {
		fprintf(stderr, "wake: %s\n", ctrl_error(c));
		return 1;
	}
	if (tell_store(argv[1])) {
		perror("wake: the store");
		return 1;
	}
	if (resume(domid)) {
		perror("wake: resumedomain");
		return 1;
	}
	return 0;
}
