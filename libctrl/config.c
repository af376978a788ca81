/* SPDX-License-Identifier: MIT */
/*
 * The guest's XML read into a struct guest_config.
 *
 * The language is a table (config-doc.h); this file has the tables of all but
 * <devices>, which are in config-devices.c.
 *
 * Two things are read, one after the other: the tree against the tables, and
 * then, when they found no fault, the tree against the RELAX NG schema, which
 * is a second and independent statement of the same language.
 *
 * Documents are foreign bytes.  A document type declaration is refused before
 * any of it is looked at, so no entity but XML's own five can exist; nothing
 * is loaded from anywhere; the parser's own bounds on depth and size stay on.
 */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/tree.h>

#include "config-doc.h"
#include "config-value.h"
#include "xml-bounds.h"

#ifndef GUEST_SCHEMA
#define GUEST_SCHEMA "guest.rng"
#endif

static xmlRelaxNG *schema;

/* ---- <domain>: names and texts ---- */

bool guest_name_valid(const char *name, const char **why)
{
	size_t len = strlen(name);

	if (!len)
		*why = "is empty";
	else if (len > GUEST_NAME_MAX)
		*why = "is longer than 64 bytes";
	else if (strspn(name, "0123456789") == len)
		*why = "is a number, which would be taken for an id";
	else if (name[0] == '.' || name[0] == '-')
		*why = "begins with a dot or a dash";
	else if (name[0] == ' ' || name[len - 1] == ' ')
		*why = "begins or ends with a blank";
	else if (strchr(name, '/'))
		*why = "contains a slash";
	else
		*why = NULL;
	for (size_t i = 0; !*why && i < len; i++) {
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			*why = "contains a control character";
	}
	return !*why;
}

static void take_name(struct parse *p, xmlNode *n, void *at)
{
	char *s = doc_text(p, n);
	const char *why;

	(void)at;
	if (!s)
		return;
	if (guest_name_valid(s, &why)) {
		p->config->name = s;
		return;
	}
	doc_error(p, n, NULL, "the guest's name %s", why);
	free(s);
}

static void take_uuid(struct parse *p, xmlNode *n, void *at)
{
	char *s = doc_text(p, n);

	(void)at;
	if (!s)
		return;
	p->config->uuid_given = value_uuid(s, p->config->uuid);
	if (!p->config->uuid_given)
		doc_error(p, n, NULL, "it is not a UUID such as 0f1c6f0e-5d0b-4f63-9a40-2b6d2f3c9a11");
	free(s);
}

static void take_title(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->config->title = doc_text(p, n);
}

static void take_description(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->config->description = doc_text_raw(p, n);
}

static void take_metadata(struct parse *p, xmlNode *n, void *at)
{
	xmlBuffer *b = xmlBufferCreate();

	(void)at;
	if (b && xmlNodeDump(b, n->doc, n, 0, 0) >= 0)
		doc_set(p, &p->config->metadata,
			(const char *)xmlBufferContent(b));
	else
		p->oom = true;
	xmlBufferFree(b);
}

/* ---- Memory and processors ---- */

static void take_size(struct parse *p, xmlNode *n, uint64_t *kib)
{
	char *s = doc_text(p, n);
	uint64_t v;
	const char *why;

	if (!s)
		return;
	if (!value_size_kib(s, doc_attr(n, "unit"), &v, &why))
		doc_error(p, n, doc_attr(n, "unit") ? "unit" : NULL,
			  "the size %s", why);
	else if (v < 1024)
		doc_error(p, n, doc_attr(n, "unit") ? "unit" : NULL,
			  "%llu KiB is less than any guest needs; is unit=\"MiB\" missing?",
			  (unsigned long long)v);
	else if (v > GUEST_MEMORY_MAX_KIB)
		doc_error(p, n, doc_attr(n, "unit") ? "unit" : NULL,
			  "more than 16 TiB cannot be given to one guest");
	else
		*kib = (v + 3) & ~3ull;
	free(s);
}

static void take_memory(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->config->memory_line = (unsigned int)xmlGetLineNo(n);
	take_size(p, n, &p->config->memory_kib);
}

static void take_current_memory(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	p->has_current = true;
	take_size(p, n, &p->config->current_kib);
}

static void take_vcpu(struct parse *p, xmlNode *n, void *at)
{
	const char *placement = doc_attr(n, "placement"), *cpuset, *why;
	uint64_t v;

	(void)at;
	p->config->vcpu_line = (unsigned int)xmlGetLineNo(n);
	if (!doc_text_number(p, n, 1, GUEST_VCPUS_MAX, &v))
		return;
	p->config->vcpus = (unsigned int)v;
	p->has_vcpu_current = doc_attr_u32(p, n, "current", 1, (uint32_t)v,
					   &p->config->vcpus_online);
	if (placement && doc_pick(placement, (const char *const[]){
			"static", "auto", NULL }) < 0)
		doc_error(p, n, "placement", "placement must be static or auto");
	else if (placement && !strcmp(placement, "auto"))
		doc_warning(p, n, "placement", "the guest may run on every processor; nothing places it by itself");
	cpuset = doc_attr(n, "cpuset");
	if (!cpuset)
		return;
	p->has_cpuset = value_cpuset(cpuset, &p->everywhere, &why);
	if (!p->has_cpuset)
		doc_error(p, n, "cpuset", "cpuset %s", why);
}

static void take_vcpus_vcpu(struct parse *p, xmlNode *n, void *at)
{
	uint64_t id;
	bool on;

	(void)at;
	if (!doc_attr(n, "id") || !doc_attr(n, "enabled"))
		doc_error(p, n, NULL, "it needs id and enabled");
	else if (doc_attr_number(p, n, "id", 0, GUEST_VCPUS_MAX - 1, &id) &&
		 doc_attr_bool(p, n, "enabled", &on)) {
		p->vcpus.line = (unsigned int)xmlGetLineNo(n);
		p->vcpus.known[id] = true;
		p->vcpus.enabled[id] = on;
	}
}

static void take_shares(struct parse *p, xmlNode *n, void *at)
{
	uint64_t v;

	(void)at;
	if (doc_text_number(p, n, 1, 65535, &v))
		p->config->weight = (unsigned int)v;
}

static void take_period(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	doc_text_number(p, n, 1000, 1000000, &p->period);
}

static void take_quota(struct parse *p, xmlNode *n, void *at)
{
	char *s = doc_text(p, n);
	int64_t v;

	(void)at;
	if (!s)
		return;
	if (!value_i64(s, &v) || v > 17592186044415ll || (v >= 0 && v < 1000))
		doc_error(p, n, NULL, "the quota must be a number of microseconds from 1000, or negative for none");
	else
		p->quota = v < 0 ? 0 : (uint64_t)v;
	free(s);
}

static void take_vcpupin(struct parse *p, xmlNode *n, void *at)
{
	const char *cpuset = doc_attr(n, "cpuset"), *why;
	uint64_t id;

	(void)at;
	if (!doc_attr(n, "vcpu") || !cpuset) {
		doc_error(p, n, NULL, "it needs vcpu and cpuset");
		return;
	}
	if (!doc_attr_number(p, n, "vcpu", 0, GUEST_VCPUS_MAX - 1, &id))
		return;
	if (!p->pins)
		p->pins = calloc(GUEST_VCPUS_MAX, sizeof(*p->pins));
	if (!p->pins) {
		p->oom = true;
		return;
	}
	if (p->pins[id].line)
		doc_error(p, n, "vcpu", "this vCPU was pinned in line %u already",
			  p->pins[id].line);
	else if (!value_cpuset(cpuset, &p->pins[id].set, &why))
		doc_error(p, n, "cpuset", "cpuset %s", why);
	else
		p->pins[id].line = (unsigned int)xmlGetLineNo(n);
}

static void take_cpu(struct parse *p, xmlNode *n, void *at)
{
	const char *mode = doc_attr(n, "mode");

	(void)at;
	if (mode && !strcmp(mode, "custom"))
		doc_error(p, n, "mode", "a guest gets the host's processor; another model cannot be chosen");
}

static const struct element vcpus_children[] = {
	{ "vcpu", TAKE, .many = true,
	  .attrs = "id enabled -hotpluggable -order",
	  .take = take_vcpus_vcpu, .children = doc_nothing },
	{ 0 }
};

#define NO_IOTHREADS "it is ignored: a guest has no I/O threads"

static const struct element cputune_children[] = {
	{ "shares", TAKE, .take = take_shares },
	{ "period", TAKE, .take = take_period },
	{ "quota", TAKE, .take = take_quota },
	{ "vcpupin", TAKE, .many = true, .attrs = "vcpu cpuset",
	  .take = take_vcpupin, .children = doc_nothing },
	{ "emulatorpin", WARN, .why = "it is ignored: a guest has no emulator" },
	{ "emulator_period", WARN, .why = "it is ignored: a guest has no emulator" },
	{ "emulator_quota", WARN, .why = "it is ignored: a guest has no emulator" },
	{ "iothreadpin", WARN, .why = NO_IOTHREADS },
	{ "iothread_period", WARN, .why = NO_IOTHREADS },
	{ "iothread_quota", WARN, .why = NO_IOTHREADS },
	{ "global_period", WARN, .why = "it is ignored; use <period> and <quota>" },
	{ "global_quota", WARN, .why = "it is ignored; use <period> and <quota>" },
	{ "vcpusched", WARN, .why = "it is ignored: every vCPU gets its share by weight" },
	{ "iothreadsched", WARN, .why = NO_IOTHREADS },
	{ "cachetune", WARN, .why = "it is ignored" },
	{ "memorytune", WARN, .why = "it is ignored" },
	{ 0 }
};

static const struct element cpu_children[] = {
	{ "topology", WARN, .why = "it is ignored: a PV guest sees its vCPUs without a topology" },
	{ "cache", WARN, .why = "it is ignored" },
	{ "maxphysaddr", WARN, .why = "it is ignored" },
	NOISE("vendor"),
	{ "model", REFUSE, .why = "a guest gets the host's processor; another model cannot be chosen" },
	{ "feature", REFUSE, .why = "single processor features cannot be chosen yet" },
	{ "numa", REFUSE, .why = "a guest cannot have NUMA nodes of its own" },
	{ 0 }
};

/* ---- <os>, <features>, <clock>, events ---- */

static void take_os_type(struct parse *p, xmlNode *n, void *at)
{
	const char *arch = doc_attr(n, "arch"), *machine = doc_attr(n, "machine");
	char *s = doc_text(p, n);

	(void)at;
	if (!s)
		return;
	if (strcmp(s, "linux") && strcmp(s, "xen")) {
		char value[DOC_SHOWN];

		doc_shown(value, s);
		doc_error(p, n, NULL, "\"%s\" guests are not supported; a paravirtual one is \"linux\" (or \"xen\")",
			  value);
	}
	if (arch && strcmp(arch, "x86_64"))
		doc_error(p, n, "arch", "only 64-bit guests (x86_64) are supported");
	if (machine && strcmp(machine, "xenpv"))
		doc_error(p, n, "machine", "only the machine xenpv is supported");
	free(s);
}

static void take_kernel(struct parse *p, xmlNode *n, void *at)
{
	char *s = doc_text(p, n);

	(void)at;
	p->config->kernel_line = (unsigned int)xmlGetLineNo(n);
	if (s)
		doc_set_path(p, n, NULL, &p->config->kernel, s);
	free(s);
}

static void take_initrd(struct parse *p, xmlNode *n, void *at)
{
	char *s = doc_text(p, n);

	(void)at;
	p->config->initrd_line = (unsigned int)xmlGetLineNo(n);
	if (s)
		doc_set_path(p, n, NULL, &p->config->initrd, s);
	free(s);
}

static void take_cmdline(struct parse *p, xmlNode *n, void *at)
{
	char *s = doc_text(p, n);

	(void)at;
	if (!s)
		return;
	if (strlen(s) > GUEST_CMDLINE_MAX) {
		doc_error(p, n, NULL, "the command line has %zu bytes; a guest takes at most %u",
			  strlen(s), GUEST_CMDLINE_MAX);
		free(s);
		return;
	}
	free(p->config->cmdline);
	p->config->cmdline = s;
}

static void take_features_xen(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	for (xmlNode *c = n->children; c; c = c->next) {
		const char *state;

		if (c->type != XML_ELEMENT_NODE)
			continue;
		state = doc_attr(c, "state");
		if (!state || strcmp(state, "off"))
			doc_error(p, c, "state", "it is not supported: devices of the machine cannot be given to a guest");
	}
}

static void take_clock(struct parse *p, xmlNode *n, void *at)
{
	static const char *const offsets[] = {
		"utc", "localtime", "variable", NULL
	};
	const char *offset = doc_attr(n, "offset"), *basis = doc_attr(n, "basis");
	const char *adjustment = doc_attr(n, "adjustment");
	int which = offset ? doc_pick(offset, offsets) : 0;

	(void)at;
	if (which < 0) {
		doc_error(p, n, "offset", "the clock may be utc, localtime or variable");
		return;
	}
	if (adjustment && !strcmp(adjustment, "reset"))
		adjustment = NULL;
	if (adjustment && !value_i64(adjustment, &p->config->clock_adjustment))
		doc_error(p, n, "adjustment", "it must be a number of seconds");
	else if (adjustment && which == GUEST_CLOCK_LOCALTIME)
		doc_error(p, n, "adjustment", "a clock with an adjustment can only be based on utc");
	else if (adjustment)
		which = GUEST_CLOCK_VARIABLE;
	if (which == GUEST_CLOCK_VARIABLE && basis && strcmp(basis, "utc"))
		doc_error(p, n, "basis", "a variable clock can only be based on utc");
	p->config->clock = (enum guest_clock)which;
}

static void take_timer(struct parse *p, xmlNode *n, void *at)
{
	static const char *const modes[] = {
		"auto", "emulate", "native", NULL
	};
	static const char *const others[] = {
		"tickpolicy", "track", "frequency"
	};
	const char *name = doc_attr(n, "name"), *mode = doc_attr(n, "mode");
	bool present = true;
	int which;

	(void)at;
	if (!name) {
		doc_error(p, n, NULL, "it needs a name");
		return;
	}
	if (strcmp(name, "tsc")) {
		doc_warning(p, n, "name", "it is ignored: a PV guest has no such timer");
		return;
	}
	if (doc_attr_bool(p, n, "present", &present) && !present)
		doc_error(p, n, "present", "a guest's processors always have it");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (doc_attr(n, others[i]))
			doc_warning(p, n, others[i], "it is ignored");
	}
	which = mode ? doc_pick(mode, modes) : 0;
	if (which < 0)
		doc_error(p, n, "mode", "the mode may be auto, native or emulate");
	else
		p->config->tsc = (enum guest_tsc)which;
}

static const char *const action_words[] = {
	"destroy", "restart", "preserve", "rename-restart",
	"coredump-destroy", "coredump-restart", NULL
};

const char *guest_action_name(enum guest_action action)
{
	return action_words[action];
}

static void take_action(struct parse *p, xmlNode *n, enum guest_action *out,
			bool crash)
{
	char *s = doc_text(p, n);
	int which;

	if (!s)
		return;
	which = doc_pick(s, action_words);
	if (which < 0 || (which > GUEST_ACTION_RENAME_RESTART && !crash)) {
		char value[DOC_SHOWN];

		doc_shown(value, s);
		doc_error(p, n, NULL, "\"%s\" is no action; there are destroy, restart, preserve and rename-restart",
			  value);
	} else if (which > GUEST_ACTION_RENAME_RESTART) {
		*out = which == 4 ? GUEST_ACTION_DESTROY : GUEST_ACTION_RESTART;
		doc_warning(p, n, NULL, "the guest's memory is not dumped; the action is %s",
			    action_words[*out]);
	} else {
		*out = (enum guest_action)which;
	}
	free(s);
}

static void take_on_poweroff(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	take_action(p, n, &p->config->on_poweroff, false);
}

static void take_on_reboot(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	take_action(p, n, &p->config->on_reboot, false);
}

static void take_on_crash(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	take_action(p, n, &p->config->on_crash, true);
}

#define FULL_VIRT "it belongs to fully virtualised guests, which are not supported"

static void take_os(struct parse *p, xmlNode *n, void *at)
{
	(void)at;
	if (doc_attr(n, "firmware"))
		doc_error(p, n, "firmware", FULL_VIRT);
}

static const struct element os_children[] = {
	{ "type", TAKE, .attrs = "arch machine", .take = take_os_type },
	{ "kernel", TAKE, .take = take_kernel },
	{ "initrd", TAKE, .take = take_initrd },
	{ "cmdline", TAKE, .take = take_cmdline },
	{ "boot", WARN, .why = "it is ignored: the guest starts from its <kernel>" },
	{ "bootmenu", WARN, .why = "it is ignored: a PV guest has no boot menu" },
	{ "bios", WARN, .why = "it is ignored: a PV guest has no BIOS" },
	{ "smbios", WARN, .why = "it is ignored: a PV guest has no SMBIOS" },
	{ "loader", REFUSE, .why = FULL_VIRT },
	{ "nvram", REFUSE, .why = FULL_VIRT },
	{ "firmware", REFUSE, .why = FULL_VIRT },
	{ "acpi", REFUSE, .why = FULL_VIRT },
	{ "dtb", REFUSE, .why = FULL_VIRT },
	{ "init", REFUSE, .why = "it belongs to containers, which are not supported" },
	{ 0 }
};

static const struct element features_children[] = {
	NOISE("pae"),
	{ "acpi", WARN, .why = "it is ignored: a PV guest has no ACPI" },
	{ "apic", WARN, .why = "it is ignored: a PV guest has no APIC" },
	{ "hap", WARN, .why = "it is ignored: a PV guest has page tables of its own" },
	{ "viridian", WARN, .why = "it is ignored: a PV guest has no Hyper-V interface" },
	{ "privnet", WARN, .why = "it is ignored: it belongs to containers" },
	{ "msrs", WARN, .why = "it is ignored" },
	{ "hyperv", WARN, .why = "it is ignored: a PV guest has no Hyper-V interface" },
	{ "kvm", WARN, .why = "it is ignored: a PV guest has no KVM interface" },
	{ "pvspinlock", WARN, .why = "it is ignored; the guest decides" },
	{ "pmu", WARN, .why = "it is ignored: guests have no performance counters" },
	{ "vmport", WARN, .why = "it is ignored" },
	{ "vmcoreinfo", WARN, .why = "it is ignored" },
	{ "smm", WARN, .why = "it is ignored" },
	{ "xen", TAKE, .take = take_features_xen },
	{ 0 }
};

static const struct element clock_children[] = {
	{ "timer", TAKE, .many = true,
	  .attrs = "name mode -present -tickpolicy -track -frequency",
	  .take = take_timer, .children = doc_nothing },
	{ 0 }
};

/* ---- <domain> ---- */

static const struct element domain_children[] = {
	{ "name", TAKE, .take = take_name },
	{ "uuid", TAKE, .take = take_uuid },
	{ "title", TAKE, .take = take_title },
	{ "description", TAKE, .take = take_description },
	{ "metadata", TAKE, .take = take_metadata },
	{ "memory", TAKE, .attrs = "unit -dumpCore", .take = take_memory },
	{ "currentMemory", TAKE, .attrs = "unit",
	  .take = take_current_memory },
	{ "vcpu", TAKE, .attrs = "placement cpuset current",
	  .take = take_vcpu },
	{ "vcpus", TAKE, .children = vcpus_children },
	{ "cputune", TAKE, .children = cputune_children },
	{ "cpu", TAKE, .attrs = "mode -match -check -migratable",
	  .take = take_cpu, .children = cpu_children },
	{ "os", TAKE, .attrs = "firmware", .take = take_os,
	  .children = os_children },
	{ "features", TAKE, .children = features_children },
	{ "clock", TAKE, .attrs = "offset adjustment basis ~timezone",
	  .take = take_clock, .children = clock_children },
	{ "on_poweroff", TAKE, .take = take_on_poweroff },
	{ "on_reboot", TAKE, .take = take_on_reboot },
	{ "on_crash", TAKE, .take = take_on_crash },
	{ "devices", TAKE, .children = config_devices },
	{ "bootloader", REFUSE, .why = "the control domain does not read a guest's disk; name PV GRUB as <kernel> in <os>, which starts the kernel that the disk has" },
	{ "bootloader_args", WARN, .why = "it is ignored: the control domain runs no boot loader" },
	{ "genid", WARN, .why = "it is ignored: PV guests cannot see it" },
	{ "maxMemory", WARN, .why = "it is ignored: <memory> is the most a guest can have" },
	{ "memoryBacking", WARN, .why = "it is ignored: a guest's memory is always its own and resident" },
	{ "memtune", WARN, .why = "it is ignored: a guest's memory is always its own and resident" },
	{ "blkiotune", WARN, .why = "it is ignored; use <iotune> in a <disk>" },
	{ "numatune", WARN, .why = "it is ignored: memory comes from every node" },
	{ "on_lockfailure", WARN, .why = "it is ignored: there is no lock manager" },
	{ "sysinfo", WARN, .why = "it is ignored: a PV guest has no SMBIOS" },
	{ "iothreads", WARN, .why = NO_IOTHREADS },
	{ "iothreadids", WARN, .why = NO_IOTHREADS },
	{ "defaultiothread", WARN, .why = NO_IOTHREADS },
	{ "pm", WARN, .why = "it is ignored: a guest has no sleep states" },
	{ "perf", WARN, .why = "it is ignored: guests have no performance counters" },
	{ "resource", WARN, .why = "it is ignored: guests are in no control groups" },
	{ "seclabel", WARN, .why = "it is ignored: there are no security labels" },
	{ "idmap", WARN, .why = "it is ignored: it belongs to containers" },
	{ "keywrap", WARN, .why = "it is ignored: it belongs to another architecture" },
	{ "launchSecurity", REFUSE, .why = "protected guests are not supported" },
	{ 0 }
};

/* How many of <vcpus> are enabled; they must be the first ones. */
static void finish_vcpus(struct parse *p)
{
	struct guest_config *c = p->config;
	unsigned int online = 0;

	if (!p->vcpus.line)
		return;
	while (online < c->vcpus && (!p->vcpus.known[online] ||
				     p->vcpus.enabled[online]))
		online++;
	for (unsigned int i = online; i < GUEST_VCPUS_MAX; i++) {
		if (p->vcpus.known[i] && i >= c->vcpus) {
			doc_error_at(p, p->vcpus.line, "<vcpu id=\"%u\">: the guest has only %u vCPUs",
				     i, c->vcpus);
			return;
		}
		if (p->vcpus.known[i] && p->vcpus.enabled[i]) {
			doc_error_at(p, p->vcpus.line, "<vcpu id=\"%u\">: vCPUs come up in order; a lower one is disabled",
				     i);
			return;
		}
	}
	if (!online)
		doc_error_at(p, p->vcpus.line, "<vcpus>: vCPU 0 cannot be disabled");
	else if (p->has_vcpu_current && online != c->vcpus_online)
		doc_error_at(p, p->vcpus.line, "<vcpus>: %u are enabled here, but <vcpu> says current=\"%u\"",
			     online, c->vcpus_online);
	else
		c->vcpus_online = online;
}

static void finish_affinity(struct parse *p)
{
	struct guest_config *c = p->config;

	for (unsigned int i = c->vcpus; p->pins && i < GUEST_VCPUS_MAX; i++) {
		if (p->pins[i].line)
			doc_error_at(p, p->pins[i].line, "<vcpupin vcpu=\"%u\">: the guest has only %u vCPUs",
				     i, c->vcpus);
	}
	if (!p->pins && !p->has_cpuset)
		return;
	c->affinity = calloc(c->vcpus, sizeof(*c->affinity));
	if (!c->affinity) {
		p->oom = true;
		return;
	}
	for (unsigned int i = 0; i < c->vcpus; i++) {
		if (p->pins && p->pins[i].line)
			c->affinity[i] = p->pins[i].set;
		else if (p->has_cpuset)
			c->affinity[i] = p->everywhere;
		else
			memset(&c->affinity[i], 0xff, sizeof(c->affinity[i]));
	}
}

static void finish_cap(struct parse *p)
{
	uint64_t period = p->period ? p->period : 100000;

	/* The quota is one vCPU's, the cap is the whole guest's. */
	if (p->quota)
		p->config->cap = (unsigned int)(p->quota > period ? 0 :
			(100 * p->quota * p->config->vcpus + period - 1) /
			period);
}

static void finish_console(struct parse *p)
{
	struct guest_config *c = p->config;

	if (c->console_count)
		return;
	c->consoles = calloc(1, sizeof(*c->consoles));
	if (!c->consoles) {
		p->oom = true;
		return;
	}
	c->console_count = 1;
	c->consoles[0].line = p->serial_line;
	c->consoles[0].type = doc_copy(p, "pty");
}

/* What only the whole document can tell. */
static void finish(struct parse *p, const xmlNode *root)
{
	struct guest_config *c = p->config;

	if (!doc_has_child(root, "name"))
		doc_error(p, root, NULL, "the guest has no <name>");
	if (!c->memory_line)
		doc_error(p, root, NULL, "the guest has no <memory>");
	if (!c->kernel && !c->kernel_line)
		doc_error(p, root, NULL, "the guest has no <kernel> in <os>, the path of what it starts");
	if (p->has_current && c->memory_kib && c->current_kib > c->memory_kib)
		doc_error_at(p, c->memory_line, "<memory>: it is %llu KiB, less than the %llu KiB of <currentMemory>",
			     (unsigned long long)c->memory_kib,
			     (unsigned long long)c->current_kib);
	if (!p->has_current)
		c->current_kib = c->memory_kib;
	if (!p->has_vcpu_current)
		c->vcpus_online = c->vcpus;
	finish_vcpus(p);
	finish_affinity(p);
	finish_cap(p);
	finish_console(p);
	if (!c->cmdline)
		c->cmdline = doc_copy(p, "");
}

static void read_domain(struct parse *p, xmlNode *root)
{
	const char *type;

	if (root->ns || strcmp((const char *)root->name, "domain")) {
		doc_error(p, root, NULL, "a guest's document begins with <domain type=\"xen\">");
		return;
	}
	type = doc_attr(root, "type");
	if (!type || strcmp(type, "xen"))
		doc_error(p, root, "type", "its type must be xen");
	doc_check_attrs(p, root, "type -id");
	doc_walk(p, root, domain_children, NULL);
	finish(p, root);
}

/* ---- The schema ---- */

static void schema_silence(void *ctx, const char *fmt, ...)
{
	(void)ctx, (void)fmt;
}

struct schema_fault {
	unsigned int line;
	char element[64];
	char text[256];
};

/* libxml2 reports from the inside out; the first one is the nearest. */
static void schema_error(void *ctx, xmlErrorPtr e)
{
	struct schema_fault *f = ctx;
	const xmlNode *n = e->node;

	if (f->line)
		return;
	f->line = n ? (unsigned int)xmlGetLineNo(n) : (unsigned int)e->line;
	if (!f->line)
		f->line = 1;
	snprintf(f->element, sizeof(f->element), "%.60s",
		 n && n->type == XML_ELEMENT_NODE ? (const char *)n->name :
		 "domain");
	snprintf(f->text, sizeof(f->text), "%s", e->message ? e->message : "");
	f->text[strcspn(f->text, "\n")] = '\0';
}

static void schema_check(struct parse *p, xmlDoc *doc)
{
	struct schema_fault fault = { 0 };
	xmlRelaxNGValidCtxt *v;

	if (!schema)
		return;
	v = xmlRelaxNGNewValidCtxt(schema);
	if (!v) {
		p->oom = true;
		return;
	}
	xmlRelaxNGSetValidStructuredErrors(v, schema_error, &fault);
	if (xmlRelaxNGValidateDoc(v, doc) != 0)
		doc_error_at(p, fault.line ? fault.line : 1, "<%s>: it does not fit the schema of guests: %s",
			     fault.element[0] ? fault.element : "domain",
			     fault.text[0] ? fault.text : "no reason given");
	xmlRelaxNGFreeValidCtxt(v);
}

int guest_config_init(const char *file, char **why)
{
	xmlRelaxNGParserCtxt *c;

	*why = NULL;
	xmlInitParser();
	if (!file)
		file = GUEST_SCHEMA;
	c = xmlRelaxNGNewParserCtxt(file);
	if (!c)
		return -ENOMEM;
	xmlRelaxNGSetParserErrors(c, schema_silence, schema_silence, NULL);
	xmlSetGenericErrorFunc(NULL, schema_silence);
	schema = xmlRelaxNGParse(c);
	xmlRelaxNGFreeParserCtxt(c);
	xmlSetGenericErrorFunc(NULL, NULL);
	if (schema)
		return 0;
	*why = doc_format("the schema of guests %s cannot be read or is not a RELAX NG schema",
		      file);
	return -EINVAL;
}

void guest_config_exit(void)
{
	xmlRelaxNGFree(schema);
	schema = NULL;
	xmlRelaxNGCleanupTypes();
	xmlCleanupParser();
}

/* ---- The document ---- */

/* A libxml2 parser that stops at the first fault and remembers it. */
struct reader {
	const char *what;
	bool stopped;
	unsigned int line;
	char *text;
};

static void reader_stop(xmlParserCtxt *c, unsigned int line, char *text)
{
	struct reader *r = c->_private;

	if (r->stopped) {
		free(text);
		return;
	}
	r->stopped = true;
	r->line = line;
	r->text = text;
}

static void reader_error(void *ctx, xmlErrorPtr e)
{
	xmlParserCtxt *c = ctx;
	const char *m = e->message ? e->message : "unreadable";

	if (e->level < XML_ERR_ERROR)
		return;
	reader_stop(c, e->line > 0 ? (unsigned int)e->line : 1,
		    doc_format("it is not well-formed XML: %.*s",
			       (int)strcspn(m, "\n"), m));
}

static void reader_doctype(void *ctx, const xmlChar *name,
			   const xmlChar *public_id, const xmlChar *system_id)
{
	xmlParserCtxt *c = ctx;
	const struct reader *r = c->_private;

	(void)name, (void)public_id, (void)system_id;
	reader_stop(c, (unsigned int)xmlSAX2GetLineNumber(c),
		    doc_format("<!DOCTYPE> is not accepted: %s declares no types and no entities",
			       r->what));
	xmlStopParser(c);
}

xmlDoc *doc_read(struct parse *p, const char *xml, size_t len)
{
	struct reader r = { .what = p->what ? p->what : "a guest's document" };
	unsigned int line;
	const char *much = xml_bounds(xml, len, &line);
	xmlParserCtxt *c;
	xmlDoc *doc;

	if (much) {
		doc_error_at(p, line, "%s", much);
		return NULL;
	}
	c = xmlNewParserCtxt();
	if (!c) {
		p->oom = true;
		return NULL;
	}
	c->_private = &r;
	c->sax->serror = reader_error;
	c->sax->internalSubset = reader_doctype;
	/* It is UTF-8, whatever it says: that is what was counted. */
	doc = xmlCtxtReadMemory(c, xml, (int)len, NULL, "UTF-8",
				XML_PARSE_NONET | XML_PARSE_NODICT |
				XML_PARSE_NOCDATA | XML_PARSE_BIG_LINES |
				XML_PARSE_COMPACT);
	if (r.stopped) {
		doc_error_at(p, r.line, "%s", r.text ? r.text : "unreadable");
		xmlFreeDoc(doc);
		doc = NULL;
	} else if (!doc) {
		doc_error_at(p, 1, "it is not well-formed XML");
	}
	free(r.text);
	xmlFreeParserCtxt(c);
	return doc;
}

/* Is there something for XML to read?  Binary files and empty ones get their
 * own sentence. */
bool doc_check_bytes(struct parse *p, const char *xml, size_t len)
{
	if (!len)
		doc_error_at(p, 1, "it is empty");
	else if (len > GUEST_XML_MAX)
		doc_error_at(p, 1, "it has %zu bytes; %s has at most %u",
			     len, p->what ? p->what : "a guest's document",
			     GUEST_XML_MAX);
	else if (memchr(xml, '\0', len))
		doc_error_at(p, 1, "it is not text: it contains a zero byte");
	else
		return true;
	return false;
}

static xmlNode *child(xmlNode *parent, const char *name)
{
	for (xmlNode *n = parent->children; n; n = n->next) {
		if (n->type == XML_ELEMENT_NODE && !n->ns &&
		    !strcmp((const char *)n->name, name))
			return n;
	}
	return NULL;
}

/* Puts <uuid> behind <name>, on a line like its own. */
static void insert_uuid(xmlNode *name, const char *uuid)
{
	const xmlNode *before = name->prev;
	xmlNode *n = xmlNewNode(NULL, (const xmlChar *)"uuid");

	xmlNodeSetContent(n, (const xmlChar *)uuid);
	xmlAddNextSibling(name, n);
	if (before && before->type == XML_TEXT_NODE &&
	    doc_blank((const char *)before->content))
		xmlAddNextSibling(name, xmlNewText(before->content));
}

/* The document that XML was as text again, if it is still wanted; it and what
 * was noted of it are freed.  Lines keep their numbers: there is no declaration
 * where there was none. */
static char *write_again(struct parse *p, xmlDoc *doc, bool wanted,
			 const char *xml)
{
	xmlChar *text = NULL;
	char *out = NULL;
	int size;

	if (wanted)
		xmlDocDumpMemoryEnc(doc, &text, &size, "UTF-8");
	if (text)
		out = strdup((const char *)text + (strncmp(xml, "<?xml", 5) ?
			     strcspn((char *)text, "\n") + 1 : 0));
	xmlFree(text);
	xmlFreeDoc(doc);
	guest_config_report_free(p->report);
	return out;
}

char *guest_config_amend(const char *xml, size_t len, const char *name,
			 const char *uuid)
{
	struct guest_config_report report = { 0 };
	struct parse p = { .report = &report, .file = "" };
	xmlDoc *doc = doc_read(&p, xml, len);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *name_node = root ? child(root, "name") : NULL;
	xmlChar *escaped;

	if (name_node) {
		escaped = xmlEncodeSpecialChars(doc, (const xmlChar *)name);
		xmlNodeSetContent(name_node, escaped);
		xmlFree(escaped);
		if (!child(root, "uuid"))
			insert_uuid(name_node, uuid);
	}
	return write_again(&p, doc, name_node, xml);
}

static xmlNode *find_device(struct parse *p, xmlNode *devices,
			    const char *text)
{
	for (xmlNode *n = devices->children; n; n = n->next) {
		char *s = n->type == XML_ELEMENT_NODE ? doc_element(p, n) :
			  NULL;
		bool same = s && !strcmp(s, text);

		free(s);
		if (same)
			return n;
	}
	return NULL;
}

/* At the end, or in the place of OLD, which goes. */
static bool add_device(struct parse *p, xmlNode *devices, xmlNode *old,
		       const char *text)
{
	xmlDoc *doc = doc_read(p, text, strlen(text));
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *copy = root ? xmlDocCopyNode(root, devices->doc, 1) : NULL;

	xmlFreeDoc(doc);
	if (!copy)
		return false;
	if (old) {
		xmlReplaceNode(old, copy);
		xmlFreeNode(old);
		return true;
	}
	xmlAddChild(devices, copy);
	return xmlAddChild(devices, xmlNewText((const xmlChar *)"\n"));
}

static void drop_device(xmlNode *old)
{
	xmlUnlinkNode(old);
	xmlFreeNode(old);
}

char *guest_config_edit(const char *xml, size_t len, const char *add,
			const char *drop)
{
	struct guest_config_report report = { 0 };
	struct parse p = { .report = &report, .file = "" };
	xmlDoc *doc = doc_read(&p, xml, len);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *devices = root ? child(root, "devices") : NULL, *old = NULL;

	if (root && !devices && !drop)
		devices = xmlNewChild(root, NULL, (const xmlChar *)"devices",
				      NULL);
	if (devices && drop)
		old = find_device(&p, devices, drop);
	if (old && !add)
		drop_device(old);
	return write_again(&p, doc, devices && (!drop || old) &&
			   (!add || add_device(&p, devices, old, add)), xml);
}

char *guest_nic_with_mac(const char *xml, const uint8_t mac[6])
{
	struct guest_config_report report = { 0 };
	struct parse p = { .report = &report, .file = "" };
	xmlDoc *doc = doc_read(&p, xml, strlen(xml));
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *n = root ? xmlNewDocNode(doc, NULL, (const xmlChar *)"mac",
					  NULL) : NULL;
	char text[18], *out = NULL;

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	if (n && xmlNewProp(n, (const xmlChar *)"address",
			    (const xmlChar *)text)) {
		if (root->children)
			xmlAddPrevSibling(root->children, n);
		else
			xmlAddChild(root, n);
		out = doc_element(&p, root);
		n = NULL;
	}
	xmlFreeNode(n);
	xmlFreeDoc(doc);
	guest_config_report_free(&report);
	return out;
}

/*
 * A lone <disk> or <interface> is read as if it stood in a guest's <devices>:
 * around its element, in the tree, the smallest document that can have it.
 */
static void read_device(struct parse *p, xmlDoc *doc, xmlNode *device)
{
	xmlNode *domain, *os, *devices;

	if (strcmp((const char *)device->name, "disk") &&
	    strcmp((const char *)device->name, "interface")) {
		doc_error(p, device, NULL, "it is neither a <disk> nor an <interface>");
		return;
	}
	xmlUnlinkNode(device);
	domain = xmlNewDocNode(doc, NULL, (const xmlChar *)"domain", NULL);
	xmlDocSetRootElement(doc, domain);
	xmlNewProp(domain, (const xmlChar *)"type", (const xmlChar *)"xen");
	xmlNewTextChild(domain, NULL, (const xmlChar *)"name",
			(const xmlChar *)"x");
	xmlNewTextChild(domain, NULL, (const xmlChar *)"memory",
			(const xmlChar *)"4096");
	os = xmlNewChild(domain, NULL, (const xmlChar *)"os", NULL);
	xmlNewTextChild(os, NULL, (const xmlChar *)"kernel",
			(const xmlChar *)"/");
	devices = xmlNewChild(domain, NULL, (const xmlChar *)"devices", NULL);
	if (!devices) {
		p->oom = true;
		xmlFreeNode(device);
		return;
	}
	xmlAddChild(devices, device);
	doc_walk(p, devices, config_devices, NULL);
}

static int parse_into(struct parse *p, const char *xml, size_t len)
{
	xmlDoc *doc;
	xmlNode *root;

	p->config->xml = malloc(len + 1);
	p->config->file = doc_copy(p, p->file);
	if (!p->config->xml || !p->config->file)
		return -ENOMEM;
	memcpy(p->config->xml, xml, len);
	p->config->xml[len] = '\0';
	p->config->xml_len = len;
	doc = doc_read(p, xml, len);
	if (!doc)
		return p->oom ? -ENOMEM : -EINVAL;
	root = xmlDocGetRootElement(doc);
	if (!root)
		doc_error_at(p, 1, "it has no element");
	else if (p->device_only)
		read_device(p, doc, root);
	else
		read_domain(p, root);
	if (!p->report->errors)
		schema_check(p, doc);
	xmlFreeDoc(doc);
	if (p->oom)
		return -ENOMEM;
	return p->report->errors ? -EINVAL : 0;
}

static int parse(const char *xml, size_t len, const char *file,
		 bool device_only, struct guest_config **out,
		 struct guest_config_report *report)
{
	struct parse p = { .report = report, .file = file,
			   .device_only = device_only };
	int rc;

	*out = NULL;
	memset(report, 0, sizeof(*report));
	if (!doc_check_bytes(&p, xml, len))
		return -EINVAL;
	p.config = calloc(1, sizeof(*p.config));
	if (!p.config)
		return -ENOMEM;
	p.config->vcpus = 1;
	p.config->on_poweroff = GUEST_ACTION_DESTROY;
	p.config->on_reboot = GUEST_ACTION_RESTART;
	p.config->on_crash = GUEST_ACTION_DESTROY;
	p.config->max_grant_frames = -1;
	p.config->max_event_channels = -1;
	rc = parse_into(&p, xml, len);
	free(p.pins);
	if (rc)
		guest_config_free(p.config);
	else
		*out = p.config;
	return rc;
}

int guest_config_parse(const char *xml, size_t len, const char *file,
		       struct guest_config **out,
		       struct guest_config_report *report)
{
	return parse(xml, len, file, false, out, report);
}

int guest_device_parse(const char *xml, size_t len, const char *file,
		       struct guest_config **out,
		       struct guest_config_report *report)
{
	return parse(xml, len, file, true, out, report);
}

void guest_disk_free(struct guest_disk *d)
{
	free(d->xml);
	free(d->source);
	free(d->host);
	free(d->port);
	free(d->socket);
	free(d->target);
	free(d->driver);
	free(d->cache);
	free(d->serial);
	for (size_t i = 0; i < d->backing_count; i++)
		free(d->backing[i].source);
	free(d->backing);
	memset(d, 0, sizeof(*d));
}

void guest_nic_free(struct guest_nic *nic)
{
	free(nic->xml);
	free(nic->source);
	free(nic->target);
	for (size_t i = 0; i < nic->ip_count; i++)
		free(nic->ips[i]);
	free(nic->ips);
	for (size_t i = 0; i < nic->filter_param_count; i++) {
		free(nic->filter_params[i].name);
		free(nic->filter_params[i].value);
	}
	free(nic->filter_params);
	free(nic->filter);
	memset(nic, 0, sizeof(*nic));
}

void guest_config_free(struct guest_config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->disk_count; i++)
		guest_disk_free(&c->disks[i]);
	for (size_t i = 0; i < c->nic_count; i++)
		guest_nic_free(&c->nics[i]);
	for (size_t i = 0; i < c->console_count; i++)
		free(c->consoles[i].type);
	free(c->disks);
	free(c->nics);
	free(c->consoles);
	free(c->affinity);
	free(c->name);
	free(c->title);
	free(c->description);
	free(c->metadata);
	free(c->kernel);
	free(c->initrd);
	free(c->cmdline);
	free(c->xml);
	free(c->file);
	free(c);
}

void guest_config_report_free(struct guest_config_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		free(report->notes[i].text);
	free(report->notes);
	memset(report, 0, sizeof(*report));
}
