/* SPDX-License-Identifier: MIT */
/*
 * A store for tests of the supervisor, with front-ends in it.
 *
 * Nodes are rows in a table, kept in the file FAKE_STORE too if that is set, so
 * that they outlive a supervisor.  A front-end follows the state of its
 * back-end as Linux does; <serial> or the target's name can make it odd (see
 * odd_word()).
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ctrl.h"
#include "fake-store.h"

#define NODES	4096
#define WATCHES	256
#define PENDING	4096

struct event {
	char path[200], token[64];
};

struct ctrl_store {
	int fd;
	struct ctrl_store *next;
	char error[200];
	struct event events[PENDING];
	size_t first, count;
};

struct watch {
	struct ctrl_store *owner;
	char path[200], token[64];
};

struct ctrl_batch {
	struct ctrl_store *s;
	size_t count;
	struct op {
		char what, path[200];
		char *value, **out;
		size_t len;
	} ops[512];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node {
	char *path, *value;
} nodes[NODES];
static size_t node_count;
static struct watch watches[WATCHES];
static struct ctrl_store *stores;

/* ---- Nodes ---- */

static struct node *find(const char *path)
{
	for (size_t i = 0; i < node_count; i++) {
		if (!strcmp(nodes[i].path, path))
			return &nodes[i];
	}
	return NULL;
}

static void save(void)
{
	const char *path = getenv("FAKE_STORE");
	FILE *f = path ? fopen(path, "w") : NULL;

	for (size_t i = 0; f && i < node_count; i++)
		fprintf(f, "%s %s\n", nodes[i].path, nodes[i].value);
	if (f)
		fclose(f);
}

static void set(const char *path, const char *value)
{
	struct node *n = find(path);

	if (!n) {
		if (node_count == NODES)
			abort();
		n = &nodes[node_count++];
		n->path = strdup(path);
		n->value = NULL;
	}
	free(n->value);
	n->value = strdup(value);
}

__attribute__((constructor)) static void load(void)
{
	const char *path = getenv("FAKE_STORE");
	FILE *f = path ? fopen(path, "r") : NULL;
	char line[700], name[300];
	int used;

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%299s %n", name, &used) == 1)
			set(name, line + used);
	}
	if (f)
		fclose(f);
}

__attribute__((destructor)) static void unload(void)
{
	for (size_t i = 0; i < node_count; i++) {
		free(nodes[i].path);
		free(nodes[i].value);
	}
}

/* ---- Watches ---- */

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static void fire(struct ctrl_store *s, const char *path, const char *token)
{
	struct event *e = &s->events[(s->first + s->count) % PENDING];
	uint64_t one = 1;

	if (s->count == PENDING)
		return;
	s->count++;
	snprintf(e->path, sizeof(e->path), "%s", path);
	snprintf(e->token, sizeof(e->token), "%s", token);
	if (write(s->fd, &one, sizeof(one)) < 0)
		abort();
}

/*
 * A request has its answer.  Events that came before it were read with it, as
 * on a real connection: they are kept, and nothing is left to be polled for.
 */
static void answered(struct ctrl_store *s)
{
	uint64_t n;

	if (s && read(s->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		abort();
}

static void fire_all(const char *path)
{
	for (size_t i = 0; i < WATCHES; i++) {
		if (watches[i].owner && below(path, watches[i].path))
			fire(watches[i].owner, path, watches[i].token);
	}
}

/* ---- Front-ends ---- */

static const char *value_at(const char *dir, const char *name)
{
	char path[300];
	struct node *n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	n = find(path);
	return n ? n->value : "";
}

static void put(const char *dir, const char *name, const char *value)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	set(path, value);
	fire_all(path);
}

/*
 * What is odd about a front-end stands in its disk's name: xvdd is deaf, xvds
 * storms, xvdh holds on, xvdt connects twice.
 */
static char odd_word(const char *back)
{
	const char *dev = value_at(back, "dev");

	return strlen(dev) == 4 ? dev[3] : 0;
}

static void front_reacts(const char *back, const char *state)
{
	char front[200], odd = odd_word(back);

	snprintf(front, sizeof(front), "%s", value_at(back, "frontend"));
	if (!*front || odd == 'd')
		return;
	switch (atoi(state)) {
	case 2:
		put(front, "ring-ref", "8");
		put(front, "event-channel", "9");
		put(front, "state", "3");
		break;
	case 4:
		put(front, "state", "4");
		for (int i = 0; odd == 's' && i < 1000; i++)
			put(front, "state", "4");
		if (odd == 't' && !*value_at(front, "twice")) {
			put(front, "twice", "1");
			put(front, "state", "5");
		}
		break;
	case 5:
		if (odd != 'h')
			put(front, "state", "6");
		break;
	case 6:
		if (odd == 't' && strcmp(value_at(back, "online"), "0"))
			put(front, "state", "1");
		else if (odd != 'h')
			put(front, "state", "6");
		break;
	}
}

/* ---- Operations, locked ---- */

static void do_write(const char *path, const char *value)
{
	char dir[200];
	char *slash;

	set(path, value);
	fire_all(path);
	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	*slash = '\0';
	if (!strncmp(path, "/local/domain/0/backend/", 24) &&
	    !strcmp(slash + 1, "state"))
		front_reacts(dir, value);
}

/* At creation the front-end's node comes last, and it looks at once. */
static void front_born(const char *path)
{
	size_t n = strlen(path);
	char back[200];

	if (n < 8 || strcmp(path + n - 8, "/trusted"))
		return;
	snprintf(back, sizeof(back), "%.*s", (int)(n - 8), path);
	snprintf(back, sizeof(back), "%s", value_at(back, "backend"));
	if (*back)
		front_reacts(back, value_at(back, "state"));
}

static void do_rm(const char *path)
{
	for (size_t i = 0; i < node_count;) {
		if (!below(nodes[i].path, path)) {
			i++;
			continue;
		}
		fire_all(nodes[i].path);
		free(nodes[i].path);
		free(nodes[i].value);
		nodes[i] = nodes[--node_count];
	}
}

void fake_store_forget(uint16_t domid)
{
	char home[40];

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	pthread_mutex_lock(&lock);
	do_rm(home);
	save();
	pthread_mutex_unlock(&lock);
}

void fake_store_release(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WATCHES; i++) {
		if (watches[i].owner && watches[i].path[0] == '@')
			fire(watches[i].owner, watches[i].path,
			     watches[i].token);
	}
	pthread_mutex_unlock(&lock);
}

/* ---- What libctrl offers ---- */

/* While a file store.down is there, the daemon is not. */
static bool down(void)
{
	return !access("store.down", F_OK);
}

int ctrl_store_open(const char *path, struct ctrl_store **out)
{
	struct ctrl_store *s = down() ? NULL : calloc(1, sizeof(*s));

	(void)path;
	*out = s;
	if (!s)
		return -ECONNREFUSED;
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_lock(&lock);
	s->next = stores;
	stores = s;
	pthread_mutex_unlock(&lock);
	return 0;
}

void ctrl_store_close(struct ctrl_store *s)
{
	struct ctrl_store **p = &stores;

	if (!s)
		return;
	pthread_mutex_lock(&lock);
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	for (size_t i = 0; i < WATCHES; i++) {
		if (watches[i].owner == s)
			watches[i].owner = NULL;
	}
	pthread_mutex_unlock(&lock);
	close(s->fd);
	free(s);
}

int ctrl_store_fd(const struct ctrl_store *s)
{
	return s->fd;
}

const char *ctrl_store_error(const struct ctrl_store *s)
{
	return s->error;
}

int ctrl_store_watch(struct ctrl_store *s, const char *path,
		     const char *token)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WATCHES; i++) {
		struct watch *w = &watches[i];

		if (w->owner)
			continue;
		w->owner = s;
		snprintf(w->path, sizeof(w->path), "%s", path);
		snprintf(w->token, sizeof(w->token), "%s", token);
		if (path[0] != '@')
			fire(s, path, token);
		break;
	}
	answered(s);
	pthread_mutex_unlock(&lock);
	return 0;
}

int ctrl_store_unwatch(struct ctrl_store *s, const char *path,
		       const char *token)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WATCHES; i++) {
		struct watch *w = &watches[i];

		if (w->owner == s && !strcmp(w->path, path) &&
		    !strcmp(w->token, token))
			w->owner = NULL;
	}
	answered(s);
	pthread_mutex_unlock(&lock);
	return 0;
}

bool ctrl_store_pending(struct ctrl_store *s)
{
	bool pending;

	pthread_mutex_lock(&lock);
	pending = s->count;
	pthread_mutex_unlock(&lock);
	return pending;
}

int ctrl_store_event(struct ctrl_store *s, const char **path,
		     const char **token)
{
	static __thread struct event shown;
	int found = 0;

	pthread_mutex_lock(&lock);
	if (s->count) {
		shown = s->events[s->first];
		s->first = (s->first + 1) % PENDING;
		s->count--;
		*path = shown.path;
		*token = shown.token;
		found = 1;
	}
	answered(s);
	pthread_mutex_unlock(&lock);
	return found;
}

int ctrl_store_read_into(struct ctrl_store *s, uint32_t tx, const char *path,
			 char *buf, size_t size)
{
	struct node *n;
	int rc = -ENOENT;

	(void)tx;
	if (down())
		return -ECONNRESET;
	pthread_mutex_lock(&lock);
	n = find(path);
	if (n)
		rc = snprintf(buf, size, "%s", n->value);
	else if (strstr(path, "/control/"))
		rc = snprintf(buf, size, "1");
	answered(s);
	pthread_mutex_unlock(&lock);
	return rc;
}

int ctrl_store_list(struct ctrl_store *s, uint32_t tx, const char *path,
		    char **names, size_t *len)
{
	size_t n = strlen(path), at = 0;
	int count = 0;

	(void)tx;
	if (down())
		return -ECONNRESET;
	*names = calloc(1, 65536);
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < node_count; i++) {
		const char *p = nodes[i].path;

		if (!below(p, path) || !p[n] || strchr(p + n + 1, '/'))
			continue;
		at += (size_t)sprintf(*names + at, "%s", p + n + 1) + 1;
		count++;
	}
	answered(s);
	pthread_mutex_unlock(&lock);
	*len = at;
	return count;
}

/* ---- Batches ---- */

struct ctrl_batch *ctrl_batch_new(struct ctrl_store *s)
{
	struct ctrl_batch *b = calloc(1, sizeof(*b));

	if (b)
		b->s = s;
	return b;
}

static struct op *op(struct ctrl_batch *b, char what, const char *path)
{
	struct op *o = &b->ops[b->count++];

	if (b->count == 512)
		abort();
	o->what = what;
	snprintf(o->path, sizeof(o->path), "%s", path);
	return o;
}

void ctrl_batch_write(struct ctrl_batch *b, const char *path,
		      const void *value, size_t len)
{
	op(b, 'w', path)->value = strndup(value, len);
}

void ctrl_batch_write_text(struct ctrl_batch *b, const char *path,
			   const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&op(b, 'w', path)->value, format, ap) < 0)
		abort();
	va_end(ap);
}

void ctrl_batch_mkdir(struct ctrl_batch *b, const char *path)
{
	op(b, 'm', path);
}

void ctrl_batch_rm(struct ctrl_batch *b, const char *path)
{
	op(b, 'r', path);
}

void ctrl_batch_set_perms(struct ctrl_batch *b, const char *path,
			  const char *perms, size_t len)
{
	(void)perms, (void)len;
	op(b, 'p', path);
}

void ctrl_batch_read(struct ctrl_batch *b, const char *path, char **value)
{
	*value = NULL;
	op(b, 'g', path)->out = value;
}

int ctrl_batch_run(struct ctrl_batch *b, bool atomic)
{
	(void)atomic;
	if (down())
		return -ECONNRESET;
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < b->count; i++) {
		struct op *o = &b->ops[i];
		struct node *n;

		if (o->what == 'w')
			do_write(o->path, o->value);
		else if (o->what == 'r')
			do_rm(o->path);
		else if (o->what == 'm' && !find(o->path))
			set(o->path, "");
		else if (o->what == 'g' && (n = find(o->path)))
			*o->out = strdup(n->value);
	}
	for (size_t i = 0; i < b->count; i++) {
		if (b->ops[i].what == 'w')
			front_born(b->ops[i].path);
	}
	for (size_t i = 0; i < b->count; i++)
		free(b->ops[i].value);
	b->count = 0;
	save();
	answered(b->s);
	pthread_mutex_unlock(&lock);
	return 0;
}

void ctrl_batch_free(struct ctrl_batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->count; i++)
		free(b->ops[i].value);
	free(b);
}
