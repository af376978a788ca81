/* SPDX-License-Identifier: MIT */
/*
 * The description of a guest: what stands in its XML file, checked.
 *
 * guest_config_parse() turns the bytes of a libvirt domain document into a
 * struct guest_config, or into sentences that say what is wrong with it.  It
 * is pure: it opens no file, asks no network, knows no hypervisor.  Whoever
 * builds the guest (build.c) may rely on every promise written at a field
 * below; what only the machine can tell (does the kernel file exist, is there
 * memory) is the builder's to find out.
 *
 * This is not part of libctrl.so: it needs libxml2, and lives in a library of
 * its own (libguestconfig) that only the supervisor and the tests link.
 * The header itself needs nothing.
 */
#ifndef CTRL_CONFIG_H
#define CTRL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_NAME_MAX		64	/* bytes, without the NUL */
#define GUEST_VCPUS_MAX		128
#define GUEST_PCPUS_MAX		1024
#define GUEST_CMDLINE_MAX	1023	/* start_info's cmd_line less its NUL */
#define GUEST_DISKS_MAX		256
#define GUEST_NICS_MAX		64
#define GUEST_BACKING_MAX	16	/* images below a disk's image */
#define GUEST_XML_MAX		(1u << 20)	/* bytes of a document; see xml-bounds.h */
#define GUEST_MEMORY_MAX_KIB	(1ull << 34)	/* 16 TiB */
#define GUEST_NOTES_MAX		64

/* Which processors: bit n of bits[n / 64]. */
struct guest_cpuset {
	uint64_t bits[GUEST_PCPUS_MAX / 64];
};

/* What happens when a guest ends by itself. */
enum guest_action {
	GUEST_ACTION_DESTROY,
	GUEST_ACTION_RESTART,
	GUEST_ACTION_PRESERVE,
	GUEST_ACTION_RENAME_RESTART,
};

enum guest_clock {
	GUEST_CLOCK_UTC,
	GUEST_CLOCK_LOCALTIME,	/* the control domain's zone when it starts */
	GUEST_CLOCK_VARIABLE,	/* UTC plus clock_adjustment seconds */
};

/* The numbers are those of XEN_DOMCTL_settscinfo. */
enum guest_tsc {
	GUEST_TSC_DEFAULT = 0,
	GUEST_TSC_EMULATE = 1,
	GUEST_TSC_NATIVE = 2,
};

enum guest_disk_type { GUEST_DISK_FILE, GUEST_DISK_BLOCK, GUEST_DISK_NETWORK };
enum guest_disk_format {
	GUEST_DISK_RAW, GUEST_DISK_QCOW2, GUEST_DISK_VPC, GUEST_DISK_VHDX,
	GUEST_DISK_VDI,
};

struct guest_iotune {		/* 0 = no limit */
	uint64_t total_bytes_sec, read_bytes_sec, write_bytes_sec;
	uint64_t total_iops_sec, read_iops_sec, write_iops_sec;
	uint64_t total_bytes_sec_max, read_bytes_sec_max, write_bytes_sec_max;
	uint64_t total_iops_sec_max, read_iops_sec_max, write_iops_sec_max;
	/* Seconds that a burst may last; 0 is one. */
	uint64_t total_bytes_sec_max_length, read_bytes_sec_max_length;
	uint64_t write_bytes_sec_max_length, total_iops_sec_max_length;
	uint64_t read_iops_sec_max_length, write_iops_sec_max_length;
	uint64_t size_iops_sec;	/* bytes that count as one request; 0 = all */
};

/* One more image below an image, as <backingStore> names it. */
struct guest_backing {
	enum guest_disk_format format;
	char *source;		/* absolute path */
	unsigned int line;
};

struct guest_disk {
	enum guest_disk_type type;
	enum guest_disk_format format;	/* never probed; absent means raw */
	char *source;		/* path; export name for the network; NULL for
				 * a CD drive without a disc */
	char *host, *port;	/* network (NBD) only; else NULL */
	char *socket;		/* NBD over a unix socket; else NULL */
	char *target;		/* "xvda"; unique in this guest */
	uint32_t vdev;		/* the virtual-device number of target */
	bool cdrom;		/* implies readonly */
	bool readonly, shareable, removable;
	bool discard;
	char *driver;		/* "phy", "qemu", "file" ... or NULL */
	char *cache;		/* as written, from a known list, or NULL */
	char *serial;
	uint32_t queues;	/* 0 = the back-end decides */
	uint32_t logical_block_size, physical_block_size;	/* 0 = source's */
	struct guest_iotune iotune;
	/* The images below this one, nearest first.  Given or not: an image
	 * that names another one may follow it only as far as this goes. */
	struct guest_backing *backing;
	size_t backing_count;
	char *xml;		/* the element as text */
	unsigned int line;
};

#define GUEST_FILTER_PARAMS_MAX	32

struct guest_filter_param {
	char *name, *value;
};

enum guest_nic_type { GUEST_NIC_BRIDGE, GUEST_NIC_NETWORK, GUEST_NIC_ETHERNET };

struct guest_bandwidth {	/* KiB/s, KiB/s, KiB; 0 = no limit */
	uint32_t average, peak, burst;
};

struct guest_nic {
	enum guest_nic_type type;
	uint8_t mac[6];
	bool mac_given;		/* else the builder makes one */
	char *source;		/* bridge or network name; NULL = the default */
	char *target;		/* name of the control domain's end, or NULL */
	char **ips;		/* "ADDRESS" or "ADDRESS/PREFIX" */
	size_t ip_count;
	uint32_t mtu;		/* 0 = the bridge's */
	uint32_t queues;	/* 0 = the back-end decides */
	bool link_down;
	bool isolated;
	bool mac_any;		/* trustGuestRxFilters="yes" */
	char *filter;		/* <filterref filter="...">, or NULL */
	struct guest_filter_param *filter_params;
	size_t filter_param_count;
	unsigned int filter_line;
	uint16_t vlan;		/* 0 = none */
	struct guest_bandwidth inbound, outbound;
	char *xml;		/* the element as text */
	unsigned int line;
};

struct guest_console {
	char *type;		/* "pty", the only one yet */
	unsigned int port;
	unsigned int line;
};

struct guest_config {
	char *name;		/* 1..GUEST_NAME_MAX bytes, no '/', control
				 * characters or blanks at the ends; not a
				 * number */
	uint8_t uuid[16];	/* zero unless uuid_given: the builder makes one */
	bool uuid_given;
	char *title, *description;	/* or NULL */
	char *metadata;		/* the element's XML, or NULL */

	uint64_t memory_kib;	/* the most it will ever have; > 0, whole pages */
	uint64_t current_kib;	/* at start; 0 < it <= memory_kib, whole pages */

	unsigned int vcpus;	/* 1..GUEST_VCPUS_MAX */
	unsigned int vcpus_online;	/* at start; 1..vcpus */
	/* Hard affinity, vcpus entries; NULL when all may run anywhere. */
	struct guest_cpuset *affinity;
	unsigned int weight;	/* 1..65535; 0 = the scheduler's default */
	unsigned int cap;	/* per cent of one processor; 0 = none */

	char *kernel;		/* absolute path; never NULL */
	char *initrd;		/* absolute path, or NULL */
	char *cmdline;		/* <= GUEST_CMDLINE_MAX bytes; "" if absent */
	unsigned int kernel_line, initrd_line, memory_line, vcpu_line;

	enum guest_action on_poweroff, on_reboot, on_crash;

	enum guest_clock clock;
	int64_t clock_adjustment;
	enum guest_tsc tsc;

	int max_grant_frames;		/* -1 = the hypervisor's default */
	int max_event_channels;		/* -1 = 1023 */

	struct guest_console *consoles;	/* at least one; [0] is primary */
	size_t console_count;
	struct guest_disk *disks;
	size_t disk_count;
	struct guest_nic *nics;
	size_t nic_count;

	char *xml;		/* the document as it came, xml_len bytes + NUL */
	size_t xml_len;
	char *file;		/* its name, as in messages */
};

enum guest_note_kind { GUEST_NOTE_ERROR, GUEST_NOTE_WARNING };

struct guest_note {
	enum guest_note_kind kind;
	unsigned int line;	/* 0 = the document as a whole */
	char *text;		/* "FILE:LINE: <element attr="...">: sentence" */
};

/* What was found, in the order of the document; at most GUEST_NOTES_MAX. */
struct guest_config_report {
	struct guest_note *notes;
	size_t count;
	unsigned int errors, warnings;	/* all of them, kept or not */
};

/*
 * Loads the schema (FILE, or the installed one when NULL).  Called once per
 * process, before the first parse and before threads; returns 0 or a negative
 * errno, and then *why is a sentence that the caller frees.  Parsing without
 * a schema works: the checks of config.c stand by themselves and the schema
 * is the net below them.
 */
int guest_config_init(const char *schema, char **why);
void guest_config_exit(void);

/*
 * Parses LEN bytes of XML called FILE in messages.  Returns 0 and *out, which
 * the caller frees with guest_config_free(); or -EINVAL and at least one error
 * in REPORT; or -ENOMEM.  Warnings may stand in REPORT either way.  REPORT is
 * initialised here, and freed by the caller whatever the result.  May be
 * called from several threads at once.
 */
int guest_config_parse(const char *xml, size_t len, const char *file,
		       struct guest_config **out,
		       struct guest_config_report *report);
/*
 * The same for a lone <disk> or <interface>: *out has that one device, and all
 * else in it means nothing.
 */
int guest_device_parse(const char *xml, size_t len, const char *file,
		       struct guest_config **out,
		       struct guest_config_report *report);
void guest_config_free(struct guest_config *config);
/* What a device has, not the struct; it is zero afterwards. */
void guest_disk_free(struct guest_disk *disk);
void guest_nic_free(struct guest_nic *nic);
void guest_config_report_free(struct guest_config_report *report);

/* Is NAME fit to be a guest's name?  If not, *why says in a few words. */
bool guest_name_valid(const char *name, const char **why);

/*
 * The same document with this name and, where it gives none, this UUID: what
 * would make the guest again.  malloc'ed; NULL when there is no memory or XML
 * is no document that guest_config_parse() takes.
 */
char *guest_config_amend(const char *xml, size_t len, const char *name,
			 const char *uuid);

/*
 * The same document with one device more (ADD, an element as in guest_disk.xml)
 * or without one (DROP, likewise); NULL is none.  With both, ADD stands where
 * DROP stood.  malloc'ed, or NULL as above, and when DROP is not there.
 */
char *guest_config_edit(const char *xml, size_t len, const char *add,
			const char *drop);

/*
 * An <interface> (as in guest_nic.xml) with this address, which it does not
 * give; malloc'ed, or NULL as above.
 */
char *guest_nic_with_mac(const char *xml, const uint8_t mac[6]);

const char *guest_action_name(enum guest_action action);

#endif
