/* SPDX-License-Identifier: MIT */
/* The table of networks, their files, and requests; see network.h. */
#include "network.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "file.h"
#include "journal.h"
#include "netlink.h"
#include "sentence.h"
#include "supervisor.h"

#define NETWORKS_MAX	256
#define PATH_ROOM	256
#define DEFAULT		"default"
#define DEFAULT_THIRD	122

/* lock protects the table and everything in it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct network *networks;
static unsigned int network_count;
static int wake_fd = -1;
static bool look_at_bridges;

/* ---- The table ---- */

static struct network *find(const char *name)
{
	for (struct network *n = networks; n; n = n->next) {
		if (!strcmp(n->name, name))
			return n;
	}
	return NULL;
}

/* One more, at its place by name. */
static struct network *add(const char *name)
{
	struct network *n, **at = &networks;

	if (network_count >= NETWORKS_MAX)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->name = strdup(name);
	n->dnsmasq = -1;
	if (!n->name) {
		free(n);
		return NULL;
	}
	while (*at && strcmp((*at)->name, name) < 0)
		at = &(*at)->next;
	n->next = *at;
	*at = n;
	network_count++;
	return n;
}

static void forget(struct network *n)
{
	struct network **at = &networks;

	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	network_count--;
	network_config_free(n->defined);
	free(n->name);
	free(n);
}

/* ---- Files ---- */

static void path_of(char out[PATH_ROOM], const char *name, const char *end)
{
	snprintf(out, PATH_ROOM, "%s/%s%s", NETWORK_DIR, name, end);
}

static int save(const char *name, const char *xml, size_t len)
{
	char path[PATH_ROOM];

	path_of(path, name, ".xml");
	return file_write(AT_FDCWD, path, xml, len, 0644, FILE_KEPT);
}

static struct network_config *parse_quietly(const char *xml, size_t len,
					    const char *file)
{
	struct guest_config_report report;
	struct network_config *c;

	network_config_parse(xml, len, file, &c, &report);
	for (size_t i = 0; i < report.count; i++)
		if (report.notes[i].kind == GUEST_NOTE_ERROR)
			journal_line("%s", report.notes[i].text);
	guest_config_report_free(&report);
	return c;
}

/* The folder's first content: the network that every guest may ask for. */
static void write_default(void)
{
	char *xml = network_default_xml(DEFAULT_THIRD);
	int rc = xml ? save(DEFAULT, xml, strlen(xml)) : -ENOMEM;

	if (rc)
		journal_line("%s/%s.xml: %s", NETWORK_DIR, DEFAULT,
			     strerror(-rc));
	free(xml);
}

static void load_file(const char *name)
{
	char path[PATH_ROOM];
	struct network *n;
	struct network_config *c;
	size_t len;
	char *xml;

	path_of(path, name, ".xml");
	xml = file_read(AT_FDCWD, path, GUEST_XML_MAX + 1, &len);
	c = xml ? parse_quietly(xml, len, path) : NULL;
	free(xml);
	if (c && strcmp(c->name, name)) {
		journal_line("%s: its network has another name, \"%s\", and is left out",
			     path, c->name);
		network_config_free(c);
		c = NULL;
	}
	n = c ? add(name) : NULL;
	if (!n) {
		network_config_free(c);
		return;
	}
	n->defined = c;
	path_of(path, name, ".autostart");
	n->autostart = !access(path, F_OK);
}

/* Calls FN for every name in FOLDER that is a network's with END behind it. */
static void each_name(const char *folder, const char *end,
		      void (*fn)(const char *name))
{
	const size_t end_len = strlen(end);
	DIR *d = opendir(folder);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);
		char name[NETWORK_NAME_MAX + 1];

		if (len <= end_len || len - end_len > NETWORK_NAME_MAX ||
		    strcmp(e->d_name + len - end_len, end))
			continue;
		memcpy(name, e->d_name, len - end_len);
		name[len - end_len] = '\0';
		if (network_name_valid(name))
			fn(name);
	}
	if (d)
		closedir(d);
}

/* A folder of a network that ran when the supervisor before this one died. */
static void take_over(const char *name)
{
	struct network *n = find(name);

	if (!n)
		n = add(name);
	if (!n)
		return;
	if (network_run_find(n))
		journal_line("network \"%s\" runs already", name);
	else if (!n->defined)
		forget(n);
}

/* ---- Starting ---- */

/* Is this the default network as we wrote it?  Its third byte, or -1. */
static int default_third(const struct network_config *c)
{
	const uint32_t ip = ntohl(c->ip.s_addr);
	const unsigned int third = ip >> 8 & 0xff;
	char *xml = network_default_xml(third);
	bool same = xml && !strcmp(xml, c->xml);

	free(xml);
	return same ? (int)third : -1;
}

/* The default network's addresses are somebody else's here: it gets others.
 * False if there are none. */
static bool move_default(struct network *n, char **why)
{
	const int first = default_third(n->defined);

	if (strcmp(n->name, DEFAULT) || first < 0)
		return false;
	for (int i = 1; i < 256; i++) {
		const unsigned int third = (unsigned int)(first + i) & 0xff;
		char *xml = network_default_xml(third), *ignored = NULL;
		struct network_config *c = xml ?
			parse_quietly(xml, strlen(xml), DEFAULT) : NULL;

		free(xml);
		if (!c)
			return false;
		network_config_free(n->defined);
		n->defined = c;
		if (network_run_start(n, &ignored)) {
			free(ignored);
			continue;
		}
		save(n->name, c->xml, c->xml_len);
		journal_line("network \"%s\": 192.168.%d.0/24 is in use on this machine already, so it has 192.168.%u.0/24 from now on",
			     n->name, first, third);
		free(*why);
		*why = NULL;
		return true;
	}
	return false;
}

static void wake(void)
{
	uint64_t one = 1;

	if (write(wake_fd, &one, sizeof(one)) < 0)
		return;		/* it is awake already */
}

static uint32_t leased_to(const struct network_config *c, const uint8_t mac[6])
{
	for (size_t i = 0; i < c->host_count; i++) {
		if (c->hosts[i].has_mac && !memcmp(c->hosts[i].mac, mac, 6))
			return c->hosts[i].ip.s_addr;
	}
	return 0;
}

static void describe(const struct network *n, struct network_port *out)
{
	*out = (struct network_port){
		.mtu = n->running->mtu, .isolated = n->running->isolated,
		.vlan = n->running->vlan,
		.ours = n->running->forward != NETWORK_BRIDGE,
	};
	memcpy(out->bridge, n->bridge, sizeof(out->bridge));
}

static int start(struct network *n, char **why)
{
	struct network_port port;
	int rc;

	if (n->running)
		return 0;
	*why = NULL;
	rc = network_run_start(n, why);
	if (rc == -EADDRINUSE && move_default(n, why))
		rc = 0;
	if (rc)
		return rc;
	journal_line("network \"%s\" starts on bridge \"%s\"", n->name,
		     n->bridge);
	/* Cards that a stop has cut off. */
	describe(n, &port);
	devices_rejoin(n->name, &port, 0);
	wake();
	return 0;
}

static void stop(struct network *n)
{
	network_run_stop(n);
	journal_line("network \"%s\" ends", n->name);
	wake();
	if (!n->defined)
		forget(n);
}

/* ---- Bridges that come again ---- */

/*
 * L appeared or changed.  If it is a bridge that guests' cards were in before
 * somebody took it away, they are put into it.  Held.
 */
static bool link_is(void *ctx, const struct netlink_link *l)
{
	struct network_port port = { .ours = false };
	unsigned int count;

	(void)ctx;
	if (!l->bridge)
		return true;
	memcpy(port.bridge, l->name, sizeof(port.bridge));
	count = devices_rejoin(NULL, &port, l->index);
	for (struct network *n = networks; n; n = n->next) {
		if (!n->running || strcmp(n->bridge, l->name))
			continue;
		describe(n, &port);
		count += devices_rejoin(n->name, &port, l->index);
	}
	if (count)
		journal_line("bridge \"%s\" is there again: %u card%s of guests put back into it",
			     l->name, count, count == 1 ? "" : "s");
	return true;
}

/* All that there are. */
static void each_bridge(void)
{
	struct netlink nl;
	int rc = netlink_open(&nl);

	if (!rc) {
		rc = netlink_link_each(&nl, 0, link_is, NULL);
		netlink_close(&nl);
	}
	if (rc)
		journal_line("bridges cannot be looked at: %s", strerror(-rc));
}

/* ---- Watching dnsmasq, and links ---- */

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/* The table may have changed while nobody held the lock, so what poll() said
 * is only a reason to look. */
static void *watch(void *arg)
{
	struct pollfd p[NETWORKS_MAX + 2];
	struct netlink news;
	uint64_t count;
	nfds_t n;
	int rc;

	(void)arg;
	rc = netlink_listen(&news);
	if (rc)
		journal_line("nobody watches over bridges: %s", strerror(-rc));
	p[1] = (struct pollfd){ .fd = rc ? -1 : netlink_fd(&news),
				.events = POLLIN };
	for (;;) {
		p[0] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
		n = 2;
		pthread_mutex_lock(&lock);
		if (p[1].fd >= 0 && netlink_news(&news, link_is, NULL))
			look_at_bridges = true;
		if (look_at_bridges)
			each_bridge();
		look_at_bridges = false;
		for (struct network *w = networks; w; w = w->next) {
			if (w->dnsmasq >= 0 && has_ended(w->dnsmasq))
				network_run_revive(w);
			if (w->dnsmasq >= 0)
				p[n++] = (struct pollfd){ .fd = w->dnsmasq,
							  .events = POLLIN };
		}
		pthread_mutex_unlock(&lock);
		if (poll(p, n, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[0].revents & POLLIN &&
		    read(wake_fd, &count, sizeof(count)) < 0)
			continue;
	}
}

static void start_watching(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, watch, NULL))
		journal_line("nobody watches over dnsmasq: there is no thread for it");
	pthread_attr_destroy(&attr);
}

/* ---- Public ---- */

static int make_folders(void)
{
	static const char *const folders[] = {
		NETWORK_RUN, NETWORK_STATE, NETWORK_DIR
	};
	char path[PATH_ROOM];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		/* Its parents too; what fails here fails below. */
		snprintf(path, sizeof(path), "%s", folders[i]);
		for (char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
			*s = '\0';
			mkdir(path, 0755);
			*s = '/';
		}
		if (!mkdir(folders[i], 0755)) {
			if (!strcmp(folders[i], NETWORK_DIR))
				write_default();
		} else if (errno != EEXIST) {
			journal_line("%s: %s", folders[i], strerror(errno));
			return -1;
		}
	}
	return 0;
}

void networks_load(void)
{
	char *why;

	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (make_folders())
		return;
	pthread_mutex_lock(&lock);
	each_name(NETWORK_DIR, ".xml", load_file);
	each_name(NETWORK_RUN, "", take_over);
	for (struct network *n = networks; n; n = n->next) {
		if (!n->autostart || n->running)
			continue;
		if (start(n, &why)) {
			journal_line("network \"%s\": %s", n->name,
				     why ? why : "out of memory");
			free(why);
		}
	}
	pthread_mutex_unlock(&lock);
	start_watching();
}

void networks_look_at_bridges(void)
{
	pthread_mutex_lock(&lock);
	look_at_bridges = true;
	pthread_mutex_unlock(&lock);
	wake();
}

static int no_network(const char *name, char **why)
{
	say(why, "there is no network \"%.60s\"; ctl net-list shows those there are",
	    name);
	return -ENOENT;
}

int network_check(const char *name, char **why)
{
	bool there;

	*why = NULL;
	pthread_mutex_lock(&lock);
	there = find(name);
	pthread_mutex_unlock(&lock);
	return there ? 0 : no_network(name, why);
}

void network_look(const char *name, struct network_port *out)
{
	const struct network *n;

	*out = (struct network_port){ .ours = false };
	pthread_mutex_lock(&lock);
	n = find(name);
	if (n && n->running) {
		describe(n, out);
	} else if (n && n->defined->forward == NETWORK_BRIDGE) {
		out->vlan = n->defined->vlan;
		memcpy(out->bridge, n->defined->bridge, sizeof(out->bridge));
	}
	pthread_mutex_unlock(&lock);
}

int network_join(const char *name, const uint8_t mac[6],
		 struct network_port *out, char **why)
{
	struct network *n;
	char *reason = NULL;
	int rc = 0;

	*why = NULL;
	pthread_mutex_lock(&lock);
	n = find(name);
	if (!n)
		rc = -ENOENT;
	else if (!n->running)
		rc = start(n, &reason);
	if (rc) {
		if (n)
			say(why, "network \"%s\": %s", name, reason ? reason :
			    "out of memory");
		else
			rc = no_network(name, why);
		free(reason);
		goto out;
	}
	describe(n, out);
	out->leased = leased_to(n->running, mac);
out:
	pthread_mutex_unlock(&lock);
	return rc;
}

/* ---- Requests ---- */

/* The document of a request; NULL when it has been answered. */
static struct network_config *read_request(struct job *j)
{
	const char *file, *xml = request_document(j, "network", &file);
	struct guest_config_report report;
	struct network_config *c;

	if (!xml)
		return NULL;
	network_config_parse(xml, strlen(xml), file, &c, &report);
	request_report(j, &report, c);
	return c;
}

/* Two networks cannot have one bridge, unless it is neither's. */
static const struct network *rival(const struct network_config *c)
{
	for (const struct network *n = networks; n && c->bridge[0];
	     n = n->next) {
		if (n->defined && strcmp(n->name, c->name) &&
		    !strcmp(n->defined->bridge, c->bridge) &&
		    (n->defined->forward != NETWORK_BRIDGE ||
		     c->forward != NETWORK_BRIDGE))
			return n;
	}
	return NULL;
}

static void net_define(struct job *j)
{
	struct network_config *c = read_request(j);
	const struct network *other;
	struct network *n;
	int rc;

	if (!c)
		return;
	other = rival(c);
	if (other) {
		conn_fail(j->conn, CODE_BUSY, "network \"%s\": \"%s\" is the bridge of network \"%s\" already",
			  c->name, c->bridge, other->name);
		network_config_free(c);
		return;
	}
	n = find(c->name);
	rc = save(c->name, c->xml, c->xml_len);
	if (!rc && !n) {
		n = add(c->name);
		if (!n)
			rc = -ENOMEM;
	}
	if (rc) {
		conn_fail(j->conn, CODE_FAILURE, "network \"%s\" cannot be kept in %s: %s",
			  c->name, NETWORK_DIR, strerror(-rc));
		network_config_free(c);
		return;
	}
	network_config_free(n->defined);
	n->defined = c;
	if (n->running)
		conn_note(j->conn, json_pack("{s:s}", "warning",
			"the network runs; it changes when it starts again"));
	conn_ok(j->conn, json_pack("{s:s}", "name", n->name));
}

static void net_undefine(struct job *j, struct network *n)
{
	char path[PATH_ROOM];

	path_of(path, n->name, ".autostart");
	unlink(path);
	path_of(path, n->name, ".xml");
	if (unlink(path) && errno != ENOENT) {
		conn_fail(j->conn, CODE_FAILURE, "%s: %s", path,
			  strerror(errno));
		return;
	}
	network_config_free(n->defined);
	n->defined = NULL;
	n->autostart = false;
	if (n->running)
		conn_note(j->conn, json_pack("{s:s}", "warning",
			"the network runs until it is stopped"));
	else
		forget(n);
	conn_ok(j->conn, json_object());
}

static void net_start(struct job *j, struct network *n)
{
	char *why = NULL;

	if (n->running)
		conn_fail(j->conn, CODE_BUSY, "network \"%s\" runs already",
			  n->name);
	else if (start(n, &why))
		conn_fail(j->conn, CODE_FAILURE, "network \"%s\": %s",
			  n->name, why ? why : "out of memory");
	else
		conn_ok(j->conn, json_object());
	free(why);
}

static void net_stop(struct job *j, struct network *n)
{
	json_t *ports;
	size_t cards;

	if (!n->running) {
		conn_fail(j->conn, CODE_FAILURE, "network \"%s\" does not run",
			  n->name);
		return;
	}
	ports = network_run_ports(n);
	cards = n->running->forward == NETWORK_BRIDGE ? 0 :
		json_array_size(ports);
	if (cards && !request_flag(j->request, "force")) {
		conn_fail(j->conn, CODE_BUSY, "network \"%s\" is in use by %zu of the guests' cards (%s%s); --force cuts them off",
			  n->name, cards,
			  json_string_value(json_array_get(ports, 0)),
			  cards > 1 ? ", ..." : "");
	} else {
		stop(n);
		conn_ok(j->conn, json_object());
	}
	json_decref(ports);
}

static void net_autostart(struct job *j, struct network *n)
{
	const bool on = !request_flag(j->request, "off");
	char path[PATH_ROOM];
	int fd;

	if (!n->defined) {
		conn_fail(j->conn, CODE_UNSUPPORTED, "network \"%s\" is not defined any more and ends with its stop",
			  n->name);
		return;
	}
	path_of(path, n->name, ".autostart");
	fd = on ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;
	if (on ? fd < 0 : unlink(path) && errno != ENOENT) {
		conn_fail(j->conn, CODE_FAILURE, "%s: %s", path,
			  strerror(errno));
		return;
	}
	if (fd >= 0)
		close(fd);
	n->autostart = on;
	conn_ok(j->conn, json_object());
}

static void net_dump_xml(struct job *j, struct network *n)
{
	const struct network_config *c = n->defined ? n->defined : n->running;

	conn_ok(j->conn, json_pack("{s:s}", "text", c->xml));
}

/* ---- net-list and net-info ---- */

static json_t *row(const struct network *n)
{
	const struct network_config *c = n->running ? n->running : n->defined;
	char ip[INET_ADDRSTRLEN + 4] = "";
	json_t *ports, *o;

	if (c->prefix) {
		inet_ntop(AF_INET, &c->ip, ip, sizeof(ip));
		snprintf(ip + strlen(ip), 4, "/%u", c->prefix);
	}
	o = json_pack("{s:s, s:b, s:b, s:b, s:s, s:s, s:s}",
		      "name", n->name, "active", n->running != NULL,
		      "persistent", n->defined != NULL,
		      "autostart", n->autostart,
		      "mode", network_forward_name(c->forward),
		      "bridge", n->bridge[0] ? n->bridge : c->bridge,
		      "address", ip);
	if (n->running) {
		ports = network_run_ports(n);
		json_object_set_new(o, "cards",
				    json_integer(json_array_size(ports)));
		json_decref(ports);
	} else {
		json_object_set_new(o, "cards", json_integer(0));
	}
	return o;
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool is(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static void net_list(struct job *j)
{
	json_t *all = json_array(), *o;
	char *text = NULL;
	size_t len, i;
	FILE *f;

	for (const struct network *n = networks; n; n = n->next)
		json_array_append_new(all, row(n));
	if (request_flag(j->request, "json")) {
		conn_ok(j->conn, json_pack("{s:{s:i, s:o}}", "json", "version",
					   1, "networks", all));
		return;
	}
	f = open_memstream(&text, &len);
	if (f) {
		fprintf(f, "%-20s %-8s %-9s %-8s %-12s %-18s %s\n", "Name",
			"State", "Autostart", "Mode", "Bridge", "Address",
			"Cards");
		json_array_foreach(all, i, o)
			fprintf(f, "%-20s %-8s %-9s %-8s %-12s %-18s %d\n",
				text_of(o, "name"), is(o, "active") ?
				"active" : "inactive", is(o, "autostart") ?
				"yes" : "no", text_of(o, "mode"),
				text_of(o, "bridge")[0] ?
				text_of(o, "bridge") : "-",
				text_of(o, "address")[0] ?
				text_of(o, "address") : "-",
				(int)json_integer_value(
					json_object_get(o, "cards")));
		fclose(f);
	}
	json_decref(all);
	conn_ok(j->conn, json_pack("{s:s}", "text", text ? text : ""));
	free(text);
}

static json_t *info(const struct network *n)
{
	const struct network_config *c = n->running ? n->running : n->defined;
	char first[INET_ADDRSTRLEN], last[INET_ADDRSTRLEN];
	json_t *o = row(n);

	json_object_del(o, "cards");
	if (c->uuid)
		json_object_set_new(o, "uuid", json_string(c->uuid));
	if (c->domain)
		json_object_set_new(o, "domain", json_string(c->domain));
	if (c->mtu)
		json_object_set_new(o, "mtu", json_integer(c->mtu));
	if (c->dhcp)
		json_object_set_new(o, "dhcp", json_pack("{s:s, s:s}",
			"first", inet_ntop(AF_INET, &c->first, first,
					   sizeof(first)),
			"last", inet_ntop(AF_INET, &c->last, last,
					  sizeof(last))));
	if (!n->running)
		return o;
	if (n->dnsmasq >= 0)
		json_object_set_new(o, "dnsmasq",
				    json_integer(network_run_pid(n)));
	json_object_set_new(o, "cards", network_run_ports(n));
	json_object_set_new(o, "leases", network_run_leases(n));
	return o;
}

static void print_leases(FILE *f, const json_t *leases)
{
	json_t *l;
	size_t i;

	json_array_foreach(leases, i, l) {
		time_t at = json_integer_value(json_object_get(l, "expires"));
		char expires[32] = "never";
		struct tm tm;

		if (at && gmtime_r(&at, &tm))
			strftime(expires, sizeof(expires), "%Y-%m-%d %H:%M:%S UTC",
				 &tm);
		fprintf(f, "%-16s %s %s %s until %s\n", i ? "" : "leases",
			text_of(l, "mac"), text_of(l, "ip"),
			text_of(l, "name")[0] ? text_of(l, "name") : "-",
			expires);
	}
}

static void print_info(FILE *f, const json_t *o)
{
	const char *key;
	json_t *v, *item;
	size_t i;

	json_object_foreach((json_t *)o, key, v) {
		if (json_is_string(v) && *json_string_value(v))
			fprintf(f, "%-16s %s\n", key, json_string_value(v));
		else if (json_is_integer(v))
			fprintf(f, "%-16s %d\n", key,
				(int)json_integer_value(v));
		else if (json_is_boolean(v))
			fprintf(f, "%-16s %s\n", key, json_is_true(v) ?
				"yes" : "no");
		else if (json_is_object(v))
			fprintf(f, "%-16s %s - %s\n", key, text_of(v, "first"),
				text_of(v, "last"));
		else if (!strcmp(key, "leases"))
			print_leases(f, v);
		else
			json_array_foreach(v, i, item)
				fprintf(f, "%-16s %s\n", i ? "" : key,
					json_string_value(item));
	}
}

static void net_info(struct job *j, struct network *n)
{
	json_t *o = info(n);
	char *text = NULL;
	size_t len;
	FILE *f;

	if (request_flag(j->request, "json")) {
		conn_ok(j->conn, json_pack("{s:{s:i, s:o}}", "json", "version",
					   1, "network", o));
		return;
	}
	f = open_memstream(&text, &len);
	if (f) {
		print_info(f, o);
		fclose(f);
	}
	json_decref(o);
	conn_ok(j->conn, json_pack("{s:s}", "text", text ? text : ""));
	free(text);
}

void network_request(struct worker *w, struct job *j)
{
	static const struct {
		const char *word;
		void (*run)(struct job *j, struct network *n);
	} named[] = {
		{ "net-undefine", net_undefine }, { "net-start", net_start },
		{ "net-stop", net_stop }, { "net-autostart", net_autostart },
		{ "net-info", net_info },
		{ "net-dump-xml", net_dump_xml },
	};
	const char *word = request_string(j->request, "do");
	const char *name = request_string(j->request, "name");
	struct network *n;

	(void)w;
	pthread_mutex_lock(&lock);
	n = name ? find(name) : NULL;
	if (!strcmp(word, "net-define"))
		net_define(j);
	else if (!strcmp(word, "net-list"))
		net_list(j);
	else if (!n)
		conn_fail(j->conn, CODE_NOT_FOUND, "there is no network \"%.60s\"",
			  name ? name : "");
	else
		for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
			if (!strcmp(word, named[i].word))
				named[i].run(j, n);
	pthread_mutex_unlock(&lock);
}
