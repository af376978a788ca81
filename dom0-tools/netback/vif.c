/* SPDX-License-Identifier: MIT */
/* A network card; see vif.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "vif.h"

#define MTU_MIN		68
#define MTU_MAX		65535
#define TOLD_MS		60000u	/* a line about dropped packets, so often */

uint64_t vif_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void vif_dropped(struct vif *v, struct net_counts *c, const char *whose,
		 const char *why)
{
	const uint64_t now = loop_now(&v->be->loop);

	c->dropped++;
	if (v->told_ms && now - v->told_ms < TOLD_MS)
		return;
	v->told_ms = now;
	backend_log(v->be, "a packet %s the guest was dropped: %s (%llu and %llu in all)",
		    whose, why, (unsigned long long)v->tx.dropped,
		    (unsigned long long)v->rx.dropped);
}

void vif_breach(struct vif *v, const char *fmt, ...)
{
	char how[BACKEND_REASON_MAX];
	va_list ap;

	if (!v->connected)
		return;
	va_start(ap, fmt);
	vsnprintf(how, sizeof(how), fmt, ap);
	va_end(ap);
	vif_release(v);
	backend_stopped(v->be, "%s", how);
}

/* ---- the device ---- */

/* "inbound" and "outbound", as libvirt has them: KiB/s and KiB. */
static int take_limit(struct vif *v, const json_t *limits, const char *name,
		      struct net_bucket *out)
{
	const json_t *l = json_object_get(limits, name), *x;
	json_int_t average = 0, burst = 0;

	x = json_object_get(l, "average");
	if (json_is_integer(x))
		average = json_integer_value(x);
	x = json_object_get(l, "burst");
	if (json_is_integer(x))
		burst = json_integer_value(x);
	if (average < 0 || average > UINT32_MAX || burst < 0 ||
	    burst > UINT32_MAX)
		return backend_why(v->be, -EINVAL, "limits: %s is out of range",
				   name);
	/* Without a burst: what the rate gives in a twentieth of a second. */
	net_bucket_init(out, (uint64_t)average * 1024,
			burst ? (uint64_t)burst * 1024 :
			(uint64_t)average * 1024 / 20,
			vif_now_us());
	return 0;
}

static int take_limits(struct vif *v, const json_t *msg)
{
	const json_t *limits = json_object_get(msg, "limits");
	int rc;

	if (!limits)
		return 0;
	rc = take_limit(v, limits, "inbound", &v->to_guest);
	return rc ? rc : take_limit(v, limits, "outbound", &v->from_guest);
}

static int take_mtu(struct vif *v, const json_t *msg)
{
	const json_t *mtu = json_object_get(msg, "mtu");

	if (!mtu)
		return 0;
	if (!json_is_integer(mtu) || json_integer_value(mtu) < MTU_MIN ||
	    json_integer_value(mtu) > MTU_MAX)
		return backend_why(v->be, -EINVAL, "mtu is not a number from %d to %d", MTU_MIN, MTU_MAX);
	v->mtu = json_integer_value(mtu);
	v->rx_need = net_rx_slots_max(&v->features, v->mtu);
	return 0;
}

static int take_mac(struct vif *v, const json_t *msg)
{
	const char *mac = json_string_value(json_object_get(msg, "mac"));

	if (!mac || !net_mac_parse(mac, v->filter.mac))
		return backend_why(v->be, -EINVAL, "mac is not a MAC address");
	v->filter.mac_any = json_is_true(json_object_get(msg, "mac_any"));
	return 0;
}

static int map_journal(struct vif *v, int fd)
{
	void *at;

	if (ftruncate(fd, sizeof(struct net_journal)))
		return backend_why(v->be, -errno, "the journal cannot be made larger: %s", strerror(errno));
	at = mmap(NULL, sizeof(struct net_journal), PROT_READ | PROT_WRITE,
		  MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return backend_why(v->be, -errno, "the journal cannot be mapped: %s", strerror(errno));
	v->journal = at;
	if (net_journal_check(v->journal))
		return 0;
	return backend_why(v->be, -EINVAL, "the journal is not one of this version");
}

static int take_taps(struct vif *v, int *fds, int nr_fds)
{
	int rc;

	if (nr_fds < 1 || nr_fds > (int)NET_QUEUES_MAX)
		return backend_why(v->be, -EINVAL, "%d is not a number of TAP queues from 1 to %u", nr_fds, NET_QUEUES_MAX);
	v->taps = nr_fds;
	for (unsigned int i = 0; i < v->taps; i++) {
		rc = tap_headers(fds[i]);
		if (rc)
			return backend_why(v->be, rc, "queue %u is not a TAP with headers: %s", i, strerror(-rc));
		queue_init(&v->queue[i], v, i, fds[i]);
		fds[i] = -1;
	}
	return 0;
}

static void carrier(struct vif *v)
{
	/* An old kernel cannot; packets are dropped here, too. */
	tap_carrier(v->queue[0].tap, v->link && v->connected);
}

static void put_features(const struct vif *v, json_t *nodes)
{
	static const char *const have[] = {
		"feature-rx-copy", "feature-sg", "feature-gso-tcpv4",
		"feature-gso-tcpv6", "feature-ipv6-csum-offload",
		"feature-split-event-channels", "feature-multicast-control",
	};

	for (size_t i = 0; i < sizeof(have) / sizeof(have[0]); i++)
		backend_node(nodes, have[i], "1");
	backend_node(nodes, "feature-rx-flip", "0");
	backend_node(nodes, "feature-ctrl-ring", "0");
	backend_node(nodes, "multi-queue-max-queues", "%u", v->taps);
	backend_node(nodes, "carrier", "%d", v->link);
}

int vif_start(struct vif *v, const json_t *msg, int *fds, int nr_fds,
	      json_t *nodes)
{
	const json_t *link = json_object_get(msg, "link");
	int rc;

	if (nr_fds < 2)
		return backend_why(v->be, -EINVAL, "a journal and a TAP queue are needed");
	v->mtu = 1500;
	v->link = !json_is_false(link);
	rc = take_mac(v, msg);
	if (!rc)
		rc = take_mtu(v, msg);
	if (!rc)
		rc = take_limits(v, msg);
	if (!rc)
		rc = map_journal(v, fds[0]);
	if (!rc)
		rc = take_taps(v, fds + 1, nr_fds - 1);
	if (rc)
		return rc;
	put_features(v, nodes);
	return 0;
}

int vif_set(struct vif *v, const json_t *msg, json_t *nodes)
{
	const json_t *up = json_object_get(msg, "up");
	int rc = take_mtu(v, msg);

	if (!rc)
		rc = take_limits(v, msg);
	if (!rc && json_is_boolean(up)) {
		v->link = json_is_true(up);
		carrier(v);
		backend_node(nodes, "carrier", "%d", v->link);
	}
	return rc;
}

static void put_counts(json_t *out, const char *name,
		       const struct net_counts *c)
{
	json_object_set_new(out, name, json_pack("{s:I,s:I,s:I}",
		"packets", (json_int_t)c->packets,
		"bytes", (json_int_t)c->bytes,
		"dropped", (json_int_t)c->dropped));
}

void vif_stats(const struct vif *v, json_t *out)
{
	put_counts(out, "from_guest", &v->tx);
	put_counts(out, "to_guest", &v->rx);
	json_object_set_new(out, "queues", json_integer(v->queues));
}

/* ---- the guest's half ---- */

static int take_features(struct vif *v, const json_t *front)
{
	struct backend *b = v->be;
	struct net_features *f = &v->features;
	bool copy = false, no_csum = false;
	const struct { const char *name; bool *to; } node[] = {
		{ "request-rx-copy", &copy },
		{ "feature-rx-notify", &v->rx_notify },
		{ "feature-sg", &f->sg },
		{ "feature-gso-tcpv4", &f->gso4 },
		{ "feature-gso-tcpv6", &f->gso6 },
		{ "feature-no-csum-offload", &no_csum },
		{ "feature-ipv6-csum-offload", &f->csum6 },
		{ "request-multicast-control", &f->multicast },
	};
	int rc;

	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < sizeof(node) / sizeof(node[0]); i++) {
		rc = backend_front_bool(b, front, node[i].name, node[i].to);
		if (rc)
			return rc;
	}
	if (!copy)
		return backend_why(b, -EOPNOTSUPP, "it does not ask for copies (request-rx-copy), and page flipping is not offered");
	f->csum4 = !no_csum;
	/* Segments have a blank checksum and more than a page. */
	f->gso4 = f->gso4 && f->sg && f->csum4;
	f->gso6 = f->gso6 && f->sg && f->csum6 && f->csum4;
	v->rx_need = net_rx_slots_max(f, v->mtu);
	return 0;
}

static int take_queues(struct vif *v, const json_t *front)
{
	uint32_t n = 1;
	int rc = backend_front_u32(v->be, front, "multi-queue-num-queues", 1,
				   v->taps, &n);

	v->queues = n;
	return rc == -ENOENT ? 0 : rc;
}

/* The TAP hands out packets to as many queues as the guest has. */
static int use_taps(struct vif *v)
{
	int rc;

	for (unsigned int i = 0; i < v->taps && v->taps > 1; i++) {
		rc = tap_use(v->queue[i].tap, i < v->queues);
		if (rc)
			return backend_why(v->be, rc, "queue %u of the TAP: %s", i, strerror(-rc));
	}
	rc = tap_offload(v->queue[0].tap, &v->features);
	return rc ? backend_why(v->be, rc, "the TAP does not take the guest's features: %s", strerror(-rc)) : 0;
}

static void start_journal(struct vif *v, bool resume)
{
	struct net_journal *j = v->journal;

	v->filter.nr_mcast = 0;
	if (!resume) {
		net_journal_reset(j);
	} else if (j->nr_mcast <= NET_MCAST_MAX) {
		v->filter.nr_mcast = j->nr_mcast;
		memcpy(v->filter.mcast, j->mcast, sizeof(j->mcast));
	}
}

int vif_connect(struct vif *v, const json_t *front, bool resume,
		json_t *nodes)
{
	int rc = take_features(v, front);

	if (!rc)
		rc = take_queues(v, front);
	if (!rc)
		rc = use_taps(v);
	if (rc)
		return rc;
	start_journal(v, resume);
	rc = queue_later_open(v);
	if (rc)
		return backend_why(v->be, rc, "a timer: %s", strerror(-rc));
	for (unsigned int i = 0; i < v->queues; i++) {
		rc = queue_connect(&v->queue[i], front, resume);
		if (rc) {
			vif_release(v);
			return rc;
		}
	}
	v->connected = true;
	carrier(v);
	backend_node(nodes, "carrier", "%d", v->link);
	return 0;
}

void vif_release(struct vif *v)
{
	for (unsigned int i = 0; i < v->taps; i++)
		queue_release(&v->queue[i]);
	queue_later_close(v);
	v->connected = false;
	if (v->taps)
		carrier(v);
}

void vif_events(struct vif *v, const uint32_t *ports, unsigned int n)
{
	for (unsigned int p = 0; p < n; p++) {
		for (unsigned int i = 0; i < v->queues; i++) {
			struct queue *q = &v->queue[i];

			if (!q->live)
				continue;
			if (ports[p] == (uint32_t)q->tx_port)
				q->tx_ready = q->tx_masked = q->event = true;
			if (ports[p] == (uint32_t)q->rx_port)
				q->rx_masked = q->event = true;
		}
	}
}

bool vif_round(struct vif *v)
{
	bool more = false;

	for (unsigned int i = 0; i < v->queues && v->connected; i++)
		if (v->queue[i].live)
			more |= queue_round(&v->queue[i]);
	return more;
}
