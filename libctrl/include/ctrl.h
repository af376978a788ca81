/* SPDX-License-Identifier: MIT */
/*
 * libctrl: everything that a control program asks of the hypervisor, of the
 * store, and of the kernel's /dev/xen devices.
 *
 * Conventions.  A function returns 0 or a positive answer when it worked,
 * else a negative errno.  A struct ctrl remembers a sentence about its last
 * failure, for people: ctrl_error().  A handle belongs to one thread at a
 * time; threads that work at once open one each.  Nothing here is global.
 *
 * A frame of a guest is named by its number as the guest's kind counts it; a
 * PV guest counts machine frames.  Sizes of memory are in KiB.
 */
#ifndef CTRL_H
#define CTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ctrl;
struct ctrl_store;
struct ctrl_batch;
struct guest_config;		/* ctrl-config.h */
struct vcpu_guest_context;	/* <xen/xen.h> */

#define CTRL_PAGE_SIZE		4096
#define CTRL_DOMID_SELF		0x7ff0
#define CTRL_DOMID_FIRST_RESERVED 0x7ff0
#define CTRL_DOMID_XEN		0x7ff2
#define CTRL_STORE_SOCKET	"/run/xenstored/socket"
#define CTRL_KERNEL_CACHE	"/var/cache/bulkhead/kernels"

/* ---- Handle ---------------------------------------------------------- */

/*
 * Open the control interface.  *out is set whenever there is memory for it,
 * also on failure, so that ctrl_error() can say what is wrong (no such
 * device: not a control domain); close it either way.
 */
int ctrl_open(struct ctrl **out);
void ctrl_close(struct ctrl *c);

/* The last failure as one sentence without a full stop; "" if none yet. */
const char *ctrl_error(const struct ctrl *c);

/* ---- The machine (system.c) ------------------------------------------ */

struct ctrl_version {
	unsigned int major, minor;
	char extra[16];			/* ".7" */
	char compiler[64], compiled_by[16], compile_domain[32];
	char compile_date[32];
	char capabilities[1024];	/* "xen-3.0-x86_64 " */
	char changeset[64];
	char command_line[1024];
};

struct ctrl_host {
	uint64_t total_kib;
	uint64_t free_kib;		/* not owned by any domain */
	uint64_t claimed_kib;		/* of it, promised to one */
	uint64_t scrub_kib;		/* of it, not yet clean */
	uint32_t cpus, max_cpu_id;
	uint32_t nodes, cores_per_socket, threads_per_core;
	uint32_t cpu_khz;
	bool grant_v1, grant_v2, pv, hvm;
};

int ctrl_version(struct ctrl *c, struct ctrl_version *v);
int ctrl_host(struct ctrl *c, struct ctrl_host *h);

/*
 * The hypervisor's log.  Reads what was written since *index (start with 0)
 * into buf, advances *index, and returns the number of bytes; 0: no more yet.
 * With clear the ring is emptied.
 */
long ctrl_log_read(struct ctrl *c, char *buf, size_t n, uint32_t *index,
		   bool clear);

/* Press debug keys, as on the hypervisor's own console. */
int ctrl_debug_keys(struct ctrl *c, const char *keys);

/* Idle nanoseconds since boot of processors 0..; returns how many. */
int ctrl_cpu_idle(struct ctrl *c, uint64_t *ns, uint32_t max);

/* ---- Domains (domain.c) ---------------------------------------------- */

enum ctrl_shutdown {		/* why a domain stopped by itself */
	CTRL_SHUTDOWN_NONE = -1,
	CTRL_SHUTDOWN_POWEROFF = 0,
	CTRL_SHUTDOWN_REBOOT = 1,
	CTRL_SHUTDOWN_SUSPEND = 2,
	CTRL_SHUTDOWN_CRASH = 3,
	CTRL_SHUTDOWN_WATCHDOG = 4,
	CTRL_SHUTDOWN_SOFT_RESET = 5,
};

struct ctrl_domain_info {
	uint16_t domid;
	bool dying, paused, blocked, running;
	int shutdown;			/* enum ctrl_shutdown */
	uint64_t memory_kib;		/* what it has now */
	uint64_t max_kib;		/* what it may have */
	uint64_t claimed_kib;		/* promised, not yet given */
	uint64_t cpu_ns;
	uint64_t shared_info_mfn;
	uint32_t vcpus, vcpus_online;
	uint8_t uuid[16];
};

struct ctrl_domain_spec {
	uint16_t domid;			/* 0: the hypervisor chooses */
	uint8_t uuid[16];
	uint32_t max_vcpus;
	uint32_t max_event_port;	/* highest port it may have */
	int32_t max_grant_frames;	/* -1: the hypervisor's default */
	int32_t max_maptrack_frames;	/* -1: likewise */
};

struct ctrl_vcpu_info {
	bool online, blocked, running;
	uint64_t cpu_ns;
	uint32_t cpu;
};

struct ctrl_sched {
	uint16_t weight;		/* 0 in a put: as it was */
	uint16_t cap;			/* per cent of one processor; 0: none */
};

/* Make an empty paused domain; returns its id. */
int ctrl_domain_create(struct ctrl *c, const struct ctrl_domain_spec *spec);
/* Returns when nothing of the domain but foreign mappings is left. */
int ctrl_domain_destroy(struct ctrl *c, uint16_t domid);
int ctrl_domain_pause(struct ctrl *c, uint16_t domid);
int ctrl_domain_unpause(struct ctrl *c, uint16_t domid);
/* Stop a domain at once with a reason, as if it had done so itself. */
int ctrl_domain_shutdown(struct ctrl *c, uint16_t domid,
			 enum ctrl_shutdown reason);
/* -ESRCH if there is no such domain. */
int ctrl_domain_info(struct ctrl *c, uint16_t domid,
		     struct ctrl_domain_info *info);
/* Domains with an id of at least first, by id; returns how many. */
int ctrl_domain_list(struct ctrl *c, uint16_t first,
		     struct ctrl_domain_info *info, uint32_t max);
int ctrl_domain_set_max_vcpus(struct ctrl *c, uint16_t domid, uint32_t n);
int ctrl_domain_set_max_memory(struct ctrl *c, uint16_t domid, uint64_t kib);
int ctrl_domain_set_address_size(struct ctrl *c, uint16_t domid,
				 uint32_t bits);
/* mode: 0 default, 1 always emulate, 2 native */
int ctrl_domain_set_tsc(struct ctrl *c, uint16_t domid, uint32_t mode);
int ctrl_domain_set_time_offset(struct ctrl *c, uint16_t domid,
				int64_t seconds);
int ctrl_domain_fill_hypercall_page(struct ctrl *c, uint16_t domid,
				    uint64_t mfn);
int ctrl_domain_get_sched(struct ctrl *c, uint16_t domid,
			  struct ctrl_sched *s);
int ctrl_domain_set_sched(struct ctrl *c, uint16_t domid,
			  const struct ctrl_sched *s);
int ctrl_vcpu_info(struct ctrl *c, uint16_t domid, uint32_t vcpu,
		   struct ctrl_vcpu_info *info);
int ctrl_vcpu_set_context(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			  const struct vcpu_guest_context *ctx);
int ctrl_vcpu_get_context(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			  struct vcpu_guest_context *ctx);
/* cpus: nr_bits bits, in whole 64-bit words */
int ctrl_vcpu_set_affinity(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			   const uint64_t *cpus, uint32_t nr_bits);
int ctrl_vcpu_get_affinity(struct ctrl *c, uint16_t domid, uint32_t vcpu,
			   uint64_t *cpus, uint32_t nr_bits);

/* ---- Memory of domains (memory.c) ------------------------------------ */

/* Promise nr pages to a domain; 0 takes the promise back.  -ENOMEM. */
int ctrl_memory_claim(struct ctrl *c, uint16_t domid, uint64_t nr);
/* Give pages for pfns [first, first + nr); their frames go to mfn[]. */
int ctrl_memory_populate(struct ctrl *c, uint16_t domid, uint64_t first,
			 uint64_t nr, uint64_t *mfn);
/* The memory map that the domain will be told: RAM of so many KiB from 0. */
int ctrl_memory_set_map(struct ctrl *c, uint16_t domid, uint64_t kib);
/* Type-check and pin a top-level page table of the domain. */
int ctrl_memory_pin_l4(struct ctrl *c, uint16_t domid, uint64_t mfn);

/* ---- Frames of other domains (foreign.c) ----------------------------- */

/*
 * Map n frames of a domain side by side.  NULL on failure, and then nothing
 * is mapped; with errs (n of them) single frames may fail, their errs[i] is
 * a negative errno.  prot is PROT_READ and PROT_WRITE of mmap.
 */
void *ctrl_foreign_map(struct ctrl *c, uint16_t domid, int prot,
		       const uint64_t *frames, size_t n, int *errs);
void ctrl_foreign_unmap(void *addr, size_t n);
/* Map n frames of the domain's grant table, from frame first on. */
void *ctrl_grant_table_map(struct ctrl *c, uint16_t domid, uint32_t first,
			   size_t n);

/* ---- Event channels (evtchn.c) --------------------------------------- */

/* A port inside domain domid that only domain remote may bind; the port. */
int ctrl_evtchn_alloc_unbound(struct ctrl *c, uint16_t domid,
			      uint16_t remote);

/*
 * Channels of this process, on a descriptor of /dev/xen/evtchn.  It turns
 * readable when an event came in.  Ports are those of this domain.
 */
int ctrl_evtchn_open(void);		/* non-blocking descriptor */
int ctrl_evtchn_bind_interdomain(int fd, uint16_t domid, uint32_t remote);
int ctrl_evtchn_bind_unbound(int fd, uint16_t domid);
int ctrl_evtchn_bind_virq(int fd, uint32_t virq);
int ctrl_evtchn_unbind(int fd, uint32_t port);
int ctrl_evtchn_notify(int fd, uint32_t port);
/* Up to max ports with an event, each masked now; how many, 0 if none. */
int ctrl_evtchn_pending(int fd, uint32_t *ports, size_t max);
/* The event was handled: let the port fire again. */
int ctrl_evtchn_unmask(int fd, uint32_t port);

/* ---- Grants (grant.c), on a descriptor of /dev/xen/gntdev ------------- */

/* Sides of a copy: a grant of another domain, or our own memory. */
struct ctrl_grant_copy {
	bool to_grant;			/* else from the grant to memory */
	void *memory;
	uint16_t domid;
	uint16_t offset;		/* within the granted page */
	uint16_t bytes;			/* may not leave that page */
	uint32_t ref;
	int16_t status;			/* out: a GNTST_ number, 0 is fine */
};

int ctrl_gntdev_open(void);
/*
 * Map n grants of one domain side by side.  *handle names the mapping for
 * ctrl_grant_unmap.  NULL and errno on failure.
 */
void *ctrl_grant_map(int fd, uint16_t domid, const uint32_t *refs, size_t n,
		     int prot, uint64_t *handle);
int ctrl_grant_unmap(int fd, void *addr, size_t n, uint64_t handle);
/* When the mapping goes away, also by our death: store 0 and kick a port. */
int ctrl_grant_notify_unmap(int fd, uint64_t handle, uint32_t offset,
			    int clear_byte, int port);
/* Copy; 0 when the kernel tried all of them: look at each status. */
int ctrl_grant_copy(int fd, struct ctrl_grant_copy *copies, size_t n);

/* ---- The store (store.c) --------------------------------------------- */

/*
 * A connection to xenstored.  Single calls send a request and wait for its
 * answer.  Watch events that come in meanwhile are kept for
 * ctrl_store_event().  tx is 0 outside of a transaction.
 */
int ctrl_store_open(const char *path, struct ctrl_store **out);
void ctrl_store_close(struct ctrl_store *s);
/*
 * For poll(); readable means: call ctrl_store_event() until it gives 0.  Not
 * readable does not mean that there is none: see ctrl_store_pending().
 */
int ctrl_store_fd(const struct ctrl_store *s);
/* The store connection of a handle, opened on first use; NULL on failure. */
struct ctrl_store *ctrl_store(struct ctrl *c);

/* Value of a node, NUL added behind it; the caller frees *value. */
int ctrl_store_read(struct ctrl_store *s, uint32_t tx, const char *path,
		    char **value, size_t *len);
/* Same, into a buffer that has room for n bytes with the NUL. -E2BIG */
int ctrl_store_read_into(struct ctrl_store *s, uint32_t tx, const char *path,
			 char *buf, size_t n);
/* Names of the children, each ended by NUL; frees like read; the count. */
int ctrl_store_list(struct ctrl_store *s, uint32_t tx, const char *path,
		    char **names, size_t *len);
int ctrl_store_write(struct ctrl_store *s, uint32_t tx, const char *path,
		     const void *value, size_t len);
int ctrl_store_mkdir(struct ctrl_store *s, uint32_t tx, const char *path);
int ctrl_store_rm(struct ctrl_store *s, uint32_t tx, const char *path);
/* Permissions as text, "n0" NUL "r5" NUL; the count. */
int ctrl_store_get_perms(struct ctrl_store *s, uint32_t tx, const char *path,
			 char **perms, size_t *len);
int ctrl_store_set_perms(struct ctrl_store *s, uint32_t tx, const char *path,
			 const char *perms, size_t len);
int ctrl_store_introduce(struct ctrl_store *s, uint16_t domid, uint64_t mfn,
			 uint32_t port);
int ctrl_store_release(struct ctrl_store *s, uint16_t domid);
int ctrl_store_is_introduced(struct ctrl_store *s, uint16_t domid);
/* Command of the daemon itself: words separated and ended by NUL. */
int ctrl_store_control(struct ctrl_store *s, const char *words, size_t len,
		       char **answer, size_t *answer_len);

int ctrl_store_begin(struct ctrl_store *s, uint32_t *tx);
/* -EAGAIN: somebody else changed what was read; begin anew. */
int ctrl_store_end(struct ctrl_store *s, uint32_t tx, bool commit);

int ctrl_store_watch(struct ctrl_store *s, const char *path,
		     const char *token);
int ctrl_store_unwatch(struct ctrl_store *s, const char *path,
		       const char *token);
/*
 * The next watch event without waiting: 1 and strings that stay good until
 * the next call on s, 0 if there is none, -errno when the connection broke.
 */
int ctrl_store_event(struct ctrl_store *s, const char **path,
		     const char **token);
/*
 * Is an event kept?  Whoever sends requests on a connection whose events it
 * also waits for asks this before it waits: what came in with an answer is no
 * more to be polled for.
 */
bool ctrl_store_pending(struct ctrl_store *s);

/*
 * A batch: requests that are collected, sent together, and answered
 * together, in order, so that many of them cost one round trip.  run() sends
 * and empties it.  It returns 0, or the first error, and then the sentence
 * of the store names the request.  With `atomic` all of them take effect or
 * none (a transaction, begun anew until it goes through).
 */
struct ctrl_batch *ctrl_batch_new(struct ctrl_store *s);
void ctrl_batch_free(struct ctrl_batch *b);
void ctrl_batch_write(struct ctrl_batch *b, const char *path,
		      const void *value, size_t len);
void ctrl_batch_write_text(struct ctrl_batch *b, const char *path,
			   const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void ctrl_batch_mkdir(struct ctrl_batch *b, const char *path);
void ctrl_batch_rm(struct ctrl_batch *b, const char *path);
void ctrl_batch_set_perms(struct ctrl_batch *b, const char *path,
			  const char *perms, size_t len);
void ctrl_batch_introduce(struct ctrl_batch *b, uint16_t domid, uint64_t mfn,
			  uint32_t port);
void ctrl_batch_release(struct ctrl_batch *b, uint16_t domid);
/* Read a node; after run(), *value is set (to be freed) or NULL (absent). */
void ctrl_batch_read(struct ctrl_batch *b, const char *path, char **value);
int ctrl_batch_run(struct ctrl_batch *b, bool atomic);

/* The last failure of a connection as a sentence. */
const char *ctrl_store_error(const struct ctrl_store *s);

/* ---- Guests (build.c) ------------------------------------------------- */

/* How far a creation is. */
struct ctrl_progress {
	const char *step;	/* "domain", "memory", "image" ... */
	bool done;		/* called before and after each step */
	uint64_t ns;		/* when done: how long it took */
};

/*
 * The devices of a guest in the making are the caller's.  begin() is called
 * when there is a domain, nodes() when the guest's nodes are collected: it adds
 * those of the devices.  Both return 0 or a negative errno, which ends the
 * creation; what they began is the caller's to undo.
 */
struct ctrl_create_devices {
	int (*begin)(void *ctx, uint16_t domid);
	int (*nodes)(void *ctx, struct ctrl_batch *b);
	void *ctx;
};

struct ctrl_create_options {
	bool paused;		/* leave it paused */
	const struct ctrl_create_devices *devices;	/* NULL: none */
	uint8_t uuid[16];	/* used if the configuration gives none */
	void (*progress)(void *ctx, const struct ctrl_progress *p);
	void *ctx;
	const char *kernel_cache;	/* NULL: CTRL_KERNEL_CACHE; "": none */
};

/*
 * Build and start the guest that a configuration describes; returns its
 * domid.  On failure nothing of it is left, and ctrl_error() is a sentence
 * that begins with: guest "NAME":.  The uuid it got is read back with
 * ctrl_domain_info().
 */
int ctrl_guest_create(struct ctrl *c, const struct guest_config *g,
		      const struct ctrl_create_options *o);
/* Check what can be checked without making anything: files, memory. */
int ctrl_guest_check(struct ctrl *c, const struct guest_config *g);
/* End a guest at once and remove all that is known of it. */
int ctrl_guest_destroy(struct ctrl *c, uint16_t domid);
/* Ask a guest to do something: "poweroff", "reboot", "suspend".  -ESRCH: it has
 * gone, and nothing was written. */
int ctrl_guest_request(struct ctrl *c, uint16_t domid, const char *what);
/* Its name from the store; -ENOENT if it has none. */
int ctrl_guest_name(struct ctrl *c, uint16_t domid, char *buf, size_t n);
int ctrl_guest_rename(struct ctrl *c, uint16_t domid, const char *name);
/* The guest with this name, or with this number as its id; -ESRCH. */
int ctrl_guest_find(struct ctrl *c, const char *name_or_id);

#ifdef __cplusplus
}
#endif

#endif
