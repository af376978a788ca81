/* SPDX-License-Identifier: MIT */
/*
 * Starting and stopping a network; see network.h.
 *
 * The order of a start: its folder with the document in it, the bridge with
 * its addresses, the rules, dnsmasq, and a file "up" in the folder.  A folder
 * without that file is a start that did not end: everything it could have
 * made has a name that follows from the document, and is taken away.
 */
#include "network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "hash.h"
#include "journal.h"
#include "netlink.h"
#include "network-dnsmasq.h"
#include "nft.h"
#include "nic-link.h"
#include "sentence.h"

#ifndef LIBEXEC_DIR
#define LIBEXEC_DIR	"/usr/libexec/bulkhead"
#endif
#define NAME_SERVER	LIBEXEC_DIR "/name-server"
#define UID_FIRST	0x42490000u	/* and 16 bits of the name's hash */
#define BRIDGES_MAX	256
#define LEASES_MAX	(4u << 20)	/* bytes */
#define PATH_ROOM	256

static const char *const files[] = {
	"up", "document.xml", "bridge", "dnsmasq.conf", "hosts", "names",
	"dnsmasq.pid"
};

/* ---- Files ---- */

static void run_path(char out[PATH_ROOM], const struct network *n,
		     const char *file)
{
	snprintf(out, PATH_ROOM, "%s/%s/%s", NETWORK_RUN, n->name, file);
}

/* TEXT is freed; NULL means that there was no memory for it. */
static int write_text(const struct network *n, const char *file, char *text)
{
	char path[PATH_ROOM];
	int rc;

	run_path(path, n, file);
	rc = text ? file_write(AT_FDCWD, path, text, strlen(text), 0644,
			       FILE_PLAIN) : -ENOMEM;
	free(text);
	return rc;
}

static void remove_folder(const struct network *n)
{
	char path[PATH_ROOM];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		run_path(path, n, files[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/%s", NETWORK_RUN, n->name);
	rmdir(path);
}

static int write_folder(const struct network *n)
{
	char path[PATH_ROOM];
	int rc;

	snprintf(path, sizeof(path), "%s/%s", NETWORK_RUN, n->name);
	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	run_path(path, n, "document.xml");
	rc = file_write(AT_FDCWD, path, n->running->xml, n->running->xml_len,
			0644, FILE_PLAIN);
	return rc ? rc : write_text(n, "bridge", strdup(n->bridge));
}

/* ---- The bridge ---- */

static int choose_bridge(struct network *n, char **why)
{
	const char *given = n->running->bridge;

	if (given[0]) {
		memcpy(n->bridge, given, sizeof(n->bridge));
		return 0;
	}
	for (unsigned int i = 1; i < BRIDGES_MAX; i++) {
		snprintf(n->bridge, sizeof(n->bridge), "bhbr%u", i);
		if (!if_nametoindex(n->bridge))
			return 0;
	}
	return refuse(why, -ENOSPC, "there is no name left for its bridge");
}

/* The MAC of a bridge, the same at every start. */
static void bridge_mac(const struct network *n, uint8_t mac[6])
{
	char text[80];

	if (n->running->mac_given) {
		memcpy(mac, n->running->mac, 6);
		return;
	}
	snprintf(text, sizeof(text), "network/%s", n->name);
	nic_mac_make(text, 0, 0, mac);
}

static int check_range(struct netlink *nl, const struct network *n, char **why)
{
	const struct network_config *c = n->running;
	char other[16], text[INET_ADDRSTRLEN];
	int rc;

	if (!c->prefix)
		return 0;
	rc = netlink_overlap(nl, ntohl(c->ip.s_addr), c->prefix, n->bridge,
			     other);
	if (rc > 0)
		return refuse(why, -EADDRINUSE, "its addresses, %s/%u, are those of \"%s\" already: give it others with net-define",
			      inet_ntop(AF_INET, &c->ip, text, sizeof(text)),
			      c->prefix, other);
	return rc < 0 ? refuse(why, rc, "the routes cannot be read: %s",
			       strerror(-rc)) : 0;
}

/* Without an address of its own, a bridge shall not find one. */
static void no_ipv6(const struct network *n)
{
	char path[PATH_ROOM];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
		 n->bridge);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) < 0)
		journal_line("%s: %s", path, strerror(errno));
	close(fd);
}

static int set_addresses(struct netlink *nl, const struct network *n,
			 unsigned int index)
{
	const struct network_config *c = n->running;
	int rc = 0;

	if (c->prefix)
		rc = netlink_addr_add(nl, index, AF_INET, &c->ip, c->prefix);
	if (!rc && c->prefix6)
		rc = netlink_addr_add(nl, index, AF_INET6, &c->ip6,
				      c->prefix6);
	return rc;
}

static int make_bridge(struct netlink *nl, const struct network *n, char **why)
{
	static const struct netlink_change up = { .up = true };
	const struct network_config *c = n->running;
	struct netlink_link found = { 0 };
	uint8_t mac[6];
	const struct netlink_bridge b = {
		.name = n->bridge, .mac = mac, .mtu = c->mtu,
		.stp = c->stp, .delay_cs = c->delay_cs,
	};
	int rc;

	bridge_mac(n, mac);
	rc = netlink_bridge_add(nl, &b);
	if (rc == -EEXIST)
		return refuse(why, rc, "there is a network device \"%s\" already",
			      n->bridge);
	if (rc == -EOPNOTSUPP)
		return refuse(why, rc, "the control domain's kernel has no bridges (is its module bridge there?)");
	if (rc)
		return refuse(why, rc, "its bridge \"%s\" cannot be made: %s",
			      n->bridge, strerror(-rc));
	rc = netlink_link_find(nl, n->bridge, &found);
	if (!rc && !c->prefix6)
		no_ipv6(n);
	if (!rc)
		rc = set_addresses(nl, n, found.index);
	if (!rc)
		rc = netlink_link_set(nl, found.index, &up);
	if (!rc)
		return 0;
	netlink_link_del(nl, found.index);
	return refuse(why, rc, "its bridge \"%s\" cannot be set up: %s",
		      n->bridge, strerror(-rc));
}

static void remove_bridge(const struct network *n)
{
	struct netlink_link found = { 0 };
	struct netlink nl;

	if (netlink_open(&nl))
		return;
	if (!netlink_link_find(&nl, n->bridge, &found) && found.bridge)
		netlink_link_del(&nl, found.index);
	netlink_close(&nl);
}

/* ---- The rules ---- */

static void switch_on(const char *path, const char *what)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	char c = '1';

	if (fd < 0)
		return;
	if (read(fd, &c, 1) == 1 && c == '0') {
		if (pwrite(fd, "1", 1, 0) == 1)
			journal_line("the control domain forwards %s packets from now on",
				     what);
		else
			journal_line("%s: %s", path, strerror(errno));
	}
	close(fd);
}

static int set_rules(const struct network *n, char **why)
{
	static const enum nft_forward forward[] = {
		[NETWORK_ISOLATED] = NFT_FORWARD_NONE,
		[NETWORK_NAT] = NFT_FORWARD_NAT,
		[NETWORK_ROUTE] = NFT_FORWARD_ROUTE,
	};
	const struct network_config *c = n->running;
	struct nft_network rules = { .forward = forward[c->forward] };
	int rc;

	memcpy(rules.bridge, n->bridge, sizeof(rules.bridge));
	memcpy(rules.dev, c->dev, sizeof(rules.dev));
	if (c->prefix) {
		rules.mask = network_mask(c->prefix);
		rules.net = c->ip.s_addr & rules.mask;
	}
	rc = nft_network_set(n->bridge, &rules);
	if (rc)
		return refuse(why, rc, "its packet filter cannot be set: %s (are the modules nf_tables, nft_ct, nft_masq and nft_chain_nat there?)",
			      strerror(-rc));
	if (c->forward != NETWORK_ISOLATED && c->prefix)
		switch_on("/proc/sys/net/ipv4/ip_forward", "IPv4");
	if (c->forward != NETWORK_ISOLATED && c->prefix6)
		switch_on("/proc/sys/net/ipv6/conf/all/forwarding", "IPv6");
	return 0;
}

/* ---- dnsmasq ---- */

static unsigned int uid_of(const char *name)
{
	uint8_t digest[HASH_BYTES];
	struct hash h;

	hash_init(&h);
	hash_add(&h, name, strlen(name));
	hash_end(&h, digest);
	return UID_FIRST + (digest[0] << 8) + digest[1];
}

static void state_path(const struct network *n, char out[PATH_ROOM])
{
	snprintf(out, PATH_ROOM, "%s/%s", NETWORK_STATE, n->name);
}

static int write_dnsmasq(const struct network *n, unsigned int uid)
{
	const struct network_config *c = n->running;
	char run[PATH_ROOM], state[PATH_ROOM];
	int rc;

	snprintf(run, sizeof(run), "%s/%s", NETWORK_RUN, n->name);
	state_path(n, state);
	if ((mkdir(NETWORK_STATE, 0755) && errno != EEXIST) ||
	    (mkdir(state, 0755) && errno != EEXIST) ||
	    chown(state, uid, uid) || chown(run, uid, uid))
		return -errno;
	rc = write_text(n, "dnsmasq.conf",
			network_dnsmasq_conf(c, n->bridge, run, state));
	if (!rc)
		rc = write_text(n, "hosts", network_dnsmasq_hosts(c));
	if (!rc)
		rc = write_text(n, "names", network_dnsmasq_names(c));
	return rc;
}

/* Runs the helper until dnsmasq is in the background; its complaint goes to
 * SAID.  The exit code, or a negative errno. */
static int spawn(char *const argv[], char *said, size_t room)
{
	static char *const env[] = { NULL };
	posix_spawn_file_actions_t a;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int p[2], status, rc;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC))
		return -errno;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDWR, 0);
	posix_spawn_file_actions_adddup2(&a, 0, 1);
	posix_spawn_file_actions_adddup2(&a, p[1], 2);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	rc = -posix_spawn(&pid, argv[0], &a, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&a);
	close(p[1]);
	/* dnsmasq closes its standard error when it goes to the background. */
	while (!rc && len < room - 1 &&
	       ((n = read(p[0], said + len, room - 1 - len)) > 0 ||
		(n < 0 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	close(p[0]);
	said[len] = '\0';
	said[strcspn(said, "\n")] = '\0';
	while (!rc && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return rc ? rc : WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

int network_run_pid(const struct network *n)
{
	char path[PATH_ROOM], *text;
	size_t len;
	long pid;

	if (n->dnsmasq < 0)
		return -1;
	run_path(path, n, "dnsmasq.pid");
	text = file_read(AT_FDCWD, path, 16, &len);
	pid = text ? strtol(text, NULL, 10) : 0;
	free(text);
	return pid > 1 && pid < 1 << 22 ? (int)pid : -1;
}

/* A pidfd for the dnsmasq of this network, if it is the one that the file
 * names: numbers of processes come again. */
static int find_dnsmasq(const struct network *n)
{
	char path[PATH_ROOM], conf[PATH_ROOM], *text;
	struct network probe = *n;
	size_t len;
	int pid, fd;
	bool same;

	probe.dnsmasq = 0;
	pid = network_run_pid(&probe);
	fd = pid < 0 ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	text = file_read(AT_FDCWD, path, 1024, &len);
	run_path(conf, n, "dnsmasq.conf");
	same = text && memmem(text, len, conf, strlen(conf) + 1);
	free(text);
	if (same)
		return fd;
	close(fd);
	return -1;
}

static int start_dnsmasq(struct network *n, char **why)
{
	char conf[PATH_ROOM], number[16], said[512] = "";
	char *argv[] = { (char *)NAME_SERVER, number, conf, NULL };
	const unsigned int uid = uid_of(n->name);
	int rc;

	if (!network_dnsmasq_needed(n->running))
		return 0;
	rc = write_dnsmasq(n, uid);
	if (rc)
		return refuse(why, rc, "the files of its dnsmasq cannot be written: %s",
			      strerror(-rc));
	snprintf(number, sizeof(number), "%u", uid);
	run_path(conf, n, "dnsmasq.conf");
	rc = spawn(argv, said, sizeof(said));
	if (!rc) {
		n->dnsmasq = find_dnsmasq(n);
		if (n->dnsmasq >= 0)
			return 0;
		return refuse(why, -EIO, "its dnsmasq ended at once");
	}
	while (said[0] == '\n' || said[0] == ' ')
		memmove(said, said + 1, strlen(said));
	return refuse(why, -EIO, "its dnsmasq does not start: %s",
		      rc < 0 ? strerror(-rc) : said[0] ? said : "it does not say why");
}

static void stop_dnsmasq(struct network *n)
{
	struct pollfd p;

	if (n->dnsmasq < 0)
		n->dnsmasq = find_dnsmasq(n);
	if (n->dnsmasq < 0)
		return;
	p = (struct pollfd){ .fd = n->dnsmasq, .events = POLLIN };
	syscall(SYS_pidfd_send_signal, n->dnsmasq, SIGTERM, NULL, 0);
	if (!poll(&p, 1, 5000)) {
		syscall(SYS_pidfd_send_signal, n->dnsmasq, SIGKILL, NULL, 0);
		poll(&p, 1, 5000);
	}
	close(n->dnsmasq);
	n->dnsmasq = -1;
}

void network_run_revive(struct network *n)
{
	const uint64_t now = journal_boot_ns();
	char *why = NULL;

	close(n->dnsmasq);
	n->dnsmasq = -1;
	if (now - n->died_ns > 10000000000ull)
		n->deaths = 0;
	n->died_ns = now;
	if (++n->deaths > 5) {
		journal_line("network \"%s\": its dnsmasq ends again and again; it stays ended until net-stop and net-start",
			     n->name);
		return;
	}
	if (start_dnsmasq(n, &why))
		journal_line("network \"%s\": %s", n->name, why ? why : "?");
	else
		journal_line("network \"%s\": its dnsmasq ended and was started again",
			     n->name);
	free(why);
}

/* ---- All of it ---- */

static int start_ours(struct network *n, char **why)
{
	struct netlink nl;
	int rc = netlink_open(&nl);

	if (rc)
		return refuse(why, rc, "the kernel's network cannot be asked: %s",
			      strerror(-rc));
	rc = check_range(&nl, n, why);
	if (!rc)
		rc = make_bridge(&nl, n, why);
	netlink_close(&nl);
	if (rc)
		return rc;
	rc = set_rules(n, why);
	if (!rc)
		rc = start_dnsmasq(n, why);
	if (!rc)
		return 0;
	stop_dnsmasq(n);
	nft_network_remove(n->bridge);
	remove_bridge(n);
	return rc;
}

static int start_theirs(const struct network *n, char **why)
{
	struct netlink_link found = { 0 };
	struct netlink nl;
	int rc = netlink_open(&nl);

	if (rc)
		return refuse(why, rc, "the kernel's network cannot be asked: %s",
			      strerror(-rc));
	rc = netlink_link_find(&nl, n->bridge, &found);
	netlink_close(&nl);
	if (rc)
		return refuse(why, rc, "there is no bridge \"%s\"", n->bridge);
	return found.bridge ? 0 : refuse(why, -EINVAL, "\"%s\" is no bridge",
					 n->bridge);
}

/* A copy of a configuration is the document read again. */
static struct network_config *read_config(const char *xml, size_t len)
{
	struct guest_config_report report;
	struct network_config *c;

	network_config_parse(xml, len, "", &c, &report);
	guest_config_report_free(&report);
	return c;
}

int network_run_start(struct network *n, char **why)
{
	char up[PATH_ROOM];
	int rc;

	n->dnsmasq = -1;
	n->running = read_config(n->defined->xml, n->defined->xml_len);
	if (!n->running)
		return refuse(why, -ENOMEM, "out of memory");
	rc = choose_bridge(n, why);
	if (!rc && (rc = write_folder(n)))
		refuse(why, rc, "%s/%s: %s", NETWORK_RUN, n->name,
		       strerror(-rc));
	if (!rc)
		rc = n->running->forward == NETWORK_BRIDGE ?
		     start_theirs(n, why) : start_ours(n, why);
	run_path(up, n, "up");
	if (!rc && (rc = file_write(AT_FDCWD, up, "", 0, 0644, FILE_PLAIN))) {
		refuse(why, rc, "%s: %s", up, strerror(-rc));
		network_run_stop(n);
		return rc;
	}
	if (!rc)
		return 0;
	remove_folder(n);
	network_config_free(n->running);
	n->running = NULL;
	n->bridge[0] = '\0';
	return rc;
}

void network_run_stop(struct network *n)
{
	char up[PATH_ROOM];

	run_path(up, n, "up");
	unlink(up);
	stop_dnsmasq(n);
	if (n->running->forward != NETWORK_BRIDGE) {
		nft_network_remove(n->bridge);
		remove_bridge(n);
	}
	remove_folder(n);
	network_config_free(n->running);
	n->running = NULL;
	n->bridge[0] = '\0';
}

bool network_run_find(struct network *n)
{
	char path[PATH_ROOM], *xml, *bridge, *why = NULL;
	size_t len = 0, bridge_len = 0;

	n->dnsmasq = -1;
	run_path(path, n, "document.xml");
	xml = file_read(AT_FDCWD, path, GUEST_XML_MAX, &len);
	run_path(path, n, "bridge");
	bridge = file_read(AT_FDCWD, path, sizeof(n->bridge) - 1, &bridge_len);
	if (xml)
		n->running = read_config(xml, len);
	if (bridge)
		memcpy(n->bridge, bridge, bridge_len + 1);
	free(xml);
	free(bridge);
	if (!n->running || !n->bridge[0]) {
		network_config_free(n->running);
		n->running = NULL;
		remove_folder(n);
		return false;
	}
	run_path(path, n, "up");
	if (access(path, F_OK) || !if_nametoindex(n->bridge)) {
		network_run_stop(n);
		return false;
	}
	if (n->running->forward == NETWORK_BRIDGE)
		return true;
	n->dnsmasq = find_dnsmasq(n);
	/* The rules are written as a whole: again does no harm. */
	if (set_rules(n, &why) ||
	    (n->dnsmasq < 0 && start_dnsmasq(n, &why)))
		journal_line("network \"%s\": %s", n->name, why ? why : "?");
	free(why);
	return true;
}

/* ---- What there is to see ---- */

json_t *network_run_leases(const struct network *n)
{
	char path[PATH_ROOM], *text;
	struct network_lease l;
	json_t *all = json_array();
	size_t len = 0, at = 0;

	state_path(n, path);
	strcat(path, "/leases");
	text = file_read(AT_FDCWD, path, LEASES_MAX, &len);
	while (text && network_lease_next(text, len, &at, &l)) {
		if (l.expires && l.expires < journal_now())
			continue;
		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:I}",
			"mac", l.mac, "ip", l.ip, "name", l.name, "expires",
			(json_int_t)l.expires));
	}
	free(text);
	return all;
}

static bool add_port(void *ctx, const struct netlink_link *l)
{
	if (l->tun)
		json_array_append_new(ctx, json_string(l->name));
	return true;
}

json_t *network_run_ports(const struct network *n)
{
	unsigned int index = if_nametoindex(n->bridge);
	json_t *all = json_array();
	struct netlink nl;

	if (!index || netlink_open(&nl))
		return all;
	netlink_link_each(&nl, index, add_port, all);
	netlink_close(&nl);
	return all;
}
