/* SPDX-License-Identifier: MIT */
/*
 * The reader of guest descriptions.  Most of it is tested by documents:
 * tests/xml/guest-{pass,fail}-X.xml beside guest-...-X.ok, which holds every
 * sentence that a person would read.  XML_ACCEPT=1 in the environment writes
 * the .ok files anew; look at the difference before you commit it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "config-value.h"
#include "ctrl-config.h"

CU_ErrorCode test_config_register(void);

#define XML_DIR TEST_SRCDIR "/tests/xml/"

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *s = calloc(1, GUEST_XML_MAX);

	*len = 0;
	if (f && s) {
		*len = fread(s, 1, GUEST_XML_MAX - 1, f);
		s[*len] = '\0';
	}
	if (f)
		fclose(f);
	return s;
}

static struct guest_config *parse(const char *xml)
{
	struct guest_config_report report;
	struct guest_config *c;

	guest_config_parse(xml, strlen(xml), "t.xml", &c, &report);
	guest_config_report_free(&report);
	return c;
}

/* Everything the reader says about a document. */
static char *verdict(const char *name, int *rc)
{
	char path[512], *xml, *text = NULL;
	struct guest_config_report report;
	struct guest_config *config;
	size_t len, text_len;
	FILE *out = open_memstream(&text, &text_len);

	snprintf(path, sizeof(path), XML_DIR "%s.xml", name);
	xml = slurp(path, &len);
	*rc = guest_config_parse(xml, len, "guest.xml", &config, &report);
	for (size_t i = 0; i < report.count; i++)
		fprintf(out, "%s%s\n",
			report.notes[i].kind == GUEST_NOTE_WARNING ?
			"warning: " : "", report.notes[i].text);
	fclose(out);
	guest_config_report_free(&report);
	guest_config_free(config);
	free(xml);
	return text;
}

static void check_document(const char *name)
{
	char path[512], *said, *wanted;
	size_t len;
	int rc;

	said = verdict(name, &rc);
	snprintf(path, sizeof(path), XML_DIR "%s.ok", name);
	if (getenv("XML_ACCEPT")) {
		FILE *f = fopen(path, "w");

		if (f) {
			fputs(said, f);
			fclose(f);
		}
	}
	wanted = slurp(path, &len);
	if (strcmp(said, wanted))
		printf("\n%s: said:\n%swanted:\n%s", name, said, wanted);
	CU_ASSERT_STRING_EQUAL(said, wanted);
	CU_ASSERT_EQUAL(rc, strstr(name, "-pass-") ? 0 : -EINVAL);
	free(said);
	free(wanted);
}

static void documents_get_the_sentences_they_deserve(void)
{
	DIR *dir = opendir(XML_DIR);
	struct dirent *e;
	unsigned int n = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
	while ((e = readdir(dir))) {
		char name[256];
		size_t len = strlen(e->d_name);

		if (len < 5 || strncmp(e->d_name, "guest-", 6) ||
		    strcmp(e->d_name + len - 4, ".xml"))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(len - 4),
			 e->d_name);
		check_document(name);
		n++;
	}
	closedir(dir);
	CU_ASSERT(n > 10);
}

static void the_shipped_sample_is_without_a_fault(void)
{
	struct guest_config_report report;
	struct guest_config *c;
	size_t len;
	char *xml = slurp(TEST_SRCDIR "/xml-schemas/guest.xml", &len);

	CU_ASSERT_EQUAL(guest_config_parse(xml, len, "guest.xml", &c, &report),
			0);
	CU_ASSERT_EQUAL(report.count, 0);
	guest_config_report_free(&report);
	guest_config_free(c);
	free(xml);
}

static void what_is_missing_gets_a_default(void)
{
	struct guest_config *c = parse(
		"<domain type='xen'><name>t</name><memory>8192</memory>"
		"<os><kernel>/k</kernel></os></domain>");

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL(c->memory_kib, 8192);
	CU_ASSERT_EQUAL(c->current_kib, 8192);
	CU_ASSERT_EQUAL(c->vcpus, 1);
	CU_ASSERT_EQUAL(c->vcpus_online, 1);
	CU_ASSERT_PTR_NULL(c->affinity);
	CU_ASSERT_PTR_NULL(c->initrd);
	CU_ASSERT_STRING_EQUAL(c->cmdline, "");
	CU_ASSERT_EQUAL(c->on_poweroff, GUEST_ACTION_DESTROY);
	CU_ASSERT_EQUAL(c->on_reboot, GUEST_ACTION_RESTART);
	CU_ASSERT_EQUAL(c->on_crash, GUEST_ACTION_DESTROY);
	CU_ASSERT_EQUAL(c->console_count, 1);
	CU_ASSERT_FALSE(c->uuid_given);
	guest_config_free(c);
}

static void everything_written_arrives(void)
{
	size_t len;
	char *xml = slurp(XML_DIR "guest-pass-libvirt.xml", &len);
	struct guest_config *c = parse(xml);

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(c->name, "deb1");
	CU_ASSERT_TRUE(c->uuid_given);
	CU_ASSERT_EQUAL(c->uuid[0], 0x0f);
	CU_ASSERT_EQUAL(c->uuid[15], 0x11);
	CU_ASSERT_EQUAL(c->memory_kib, 1048576);
	CU_ASSERT_EQUAL(c->current_kib, 786432);
	CU_ASSERT_EQUAL(c->vcpus, 4);
	CU_ASSERT_EQUAL(c->vcpus_online, 2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->affinity);
	CU_ASSERT_EQUAL(c->affinity[0].bits[0], 2);
	CU_ASSERT_EQUAL(c->affinity[3].bits[0], 0xb);
	CU_ASSERT_EQUAL(c->weight, 512);
	CU_ASSERT_STRING_EQUAL(c->cmdline, "root=/dev/xvda1 ro console=hvc0");
	CU_ASSERT_EQUAL(c->tsc, GUEST_TSC_NATIVE);
	CU_ASSERT_EQUAL(c->max_event_channels, 2047);
	CU_ASSERT_EQUAL_FATAL(c->disk_count, 3);
	CU_ASSERT_STRING_EQUAL(c->disks[0].source, "/srv/images/deb1&2.qcow2");
	CU_ASSERT_EQUAL(c->disks[0].format, GUEST_DISK_QCOW2);
	CU_ASSERT_TRUE(c->disks[0].discard);
	CU_ASSERT_EQUAL(c->disks[0].vdev, 51712);
	CU_ASSERT_EQUAL(c->disks[0].iotune.total_iops_sec, 2000);
	CU_ASSERT_EQUAL(c->disks[1].vdev, 51728);
	CU_ASSERT_TRUE(c->disks[2].cdrom && c->disks[2].readonly);
	CU_ASSERT_EQUAL(c->disks[2].vdev, 268439552);
	CU_ASSERT_EQUAL_FATAL(c->nic_count, 1);
	CU_ASSERT_STRING_EQUAL(c->nics[0].source, "xenbr0");
	CU_ASSERT_PTR_NULL(c->nics[0].target);
	CU_ASSERT_EQUAL(c->nics[0].ip_count, 2);
	CU_ASSERT_EQUAL(c->nics[0].vlan, 42);
	CU_ASSERT_EQUAL(c->nics[0].mtu, 9000);
	CU_ASSERT_EQUAL(c->nics[0].outbound.average, 10240);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c->metadata);
	CU_ASSERT_PTR_NOT_NULL(strstr(c->metadata, "kept &amp; whole"));
	CU_ASSERT_STRING_EQUAL(c->xml, xml);
	guest_config_free(c);
	free(xml);
}

/* As libvirt has it: a UTC clock with an adjustment is a variable one. */
static void a_clock_is_set_as_it_says(void)
{
	static const struct {
		const char *words;
		enum guest_clock clock;
		int64_t adjustment;
	} clocks[] = {
		{ "offset='utc'", GUEST_CLOCK_UTC, 0 },
		{ "offset='utc' adjustment='reset'", GUEST_CLOCK_UTC, 0 },
		{ "offset='utc' adjustment='-7'", GUEST_CLOCK_VARIABLE, -7 },
		{ "offset='variable'", GUEST_CLOCK_VARIABLE, 0 },
		{ "offset='variable' adjustment='9'", GUEST_CLOCK_VARIABLE, 9 },
		{ "offset='localtime' adjustment='reset'",
		  GUEST_CLOCK_LOCALTIME, 0 },
	};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct guest_config *c;
		char xml[256];

		snprintf(xml, sizeof(xml), "<domain type='xen'><name>t</name>"
			 "<memory>8192</memory><os><kernel>/k</kernel></os>"
			 "<clock %s/></domain>", clocks[i].words);
		c = parse(xml);
		CU_ASSERT_PTR_NOT_NULL_FATAL(c);
		CU_ASSERT_EQUAL(c->clock, clocks[i].clock);
		CU_ASSERT_EQUAL(c->clock_adjustment, clocks[i].adjustment);
		guest_config_free(c);
	}
}

/* Each of <iotune>'s fields goes where it belongs. */
static void every_limit_of_a_disk_arrives(void)
{
	static const char *const rates[] = {
		"total_bytes_sec", "read_bytes_sec", "write_bytes_sec",
		"total_iops_sec", "read_iops_sec", "write_iops_sec",
	}, *const kinds[] = { "", "_max", "_max_length" };
	char xml[4096] = "<disk><source file='/a'/><target dev='xvda'/><iotune>";
	struct guest_config_report report;
	struct guest_config *c;
	const uint64_t *field;
	uint64_t n = 0;

	for (size_t k = 0; k < 3; k++)
		for (size_t r = 0; r < 6; r++)
			sprintf(strchr(xml, 0), "<%s%s>%llu</%s%s>", rates[r],
				kinds[k], (unsigned long long)++n, rates[r],
				kinds[k]);
	sprintf(strchr(xml, 0), "<size_iops_sec>%llu</size_iops_sec></iotune></disk>",
		(unsigned long long)++n);
	CU_ASSERT_EQUAL_FATAL(guest_device_parse(xml, strlen(xml), "t", &c,
						 &report), 0);
	CU_ASSERT_EQUAL(report.count, 0);
	/* They stand in the struct in this order. */
	CU_ASSERT_EQUAL(sizeof(c->disks[0].iotune), n * sizeof(*field));
	field = (const void *)&c->disks[0].iotune;
	for (uint64_t i = 0; i < n; i++)
		CU_ASSERT_EQUAL(field[i], i + 1);
	guest_config_report_free(&report);
	guest_config_free(c);
}

static void an_amended_document_makes_the_same_guest(void)
{
	static const char xml[] =
		"<domain type='xen'>\n  <!-- mine -->\n  <name>t</name>\n"
		"  <memory unit='MiB'>8</memory>\n"
		"  <os><kernel>/k</kernel></os>\n</domain>\n";
	static const char uuid[] = "0f1c6f0e-5d0b-4f63-9a40-2b6d2f3c9a11";
	char *again = guest_config_amend(xml, strlen(xml), "a&b", uuid);
	struct guest_config *c;

	CU_ASSERT_PTR_NOT_NULL_FATAL(again);
	CU_ASSERT_PTR_NOT_NULL(strstr(again, "<!-- mine -->\n  <name>a&amp;b</name>\n  <uuid>0f1c"));
	c = parse(again);
	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_STRING_EQUAL(c->name, "a&b");
	CU_ASSERT_TRUE(c->uuid_given);
	CU_ASSERT_EQUAL(c->memory_kib, 8192);
	guest_config_free(c);
	free(again);
	CU_ASSERT_PTR_NULL(guest_config_amend("<x", 2, "a", uuid));
}

/* What the supervisor does with interfaces that name no address. */
static void an_address_that_was_given_is_there_again(void)
{
	static const char xml[] =
		"<domain type='xen'><name>t</name>"
		"<memory unit='MiB'>8</memory><os><kernel>/k</kernel></os>\n"
		"<devices>\n<interface type='network'>\n"
		"<source network='default'/></interface>\n"
		"<interface type='bridge'><source bridge='b'/></interface>\n"
		"<interface type='ethernet'/></devices></domain>\n";
	static const uint8_t mac[3][6] = {
		{ 0, 0x16, 0x3e, 1, 2, 3 }, { 0, 0x16, 0x3e, 4, 5, 0xf6 },
		{ 0, 0x16, 0x3e, 7, 8, 9 } };
	struct guest_config *c = parse(xml), *d;
	char *document = strdup(xml), *next, *nic[3];

	CU_ASSERT_PTR_NOT_NULL_FATAL(c);
	CU_ASSERT_EQUAL_FATAL(c->nic_count, 3);
	for (int i = 2; i >= 0; i--) {
		nic[i] = guest_nic_with_mac(c->nics[i].xml, mac[i]);
		CU_ASSERT_PTR_NOT_NULL_FATAL(nic[i]);
		next = guest_config_edit(document, strlen(document), nic[i],
					 c->nics[i].xml);
		CU_ASSERT_PTR_NOT_NULL_FATAL(next);
		free(document);
		document = next;
	}
	d = parse(document);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT_EQUAL_FATAL(d->nic_count, 3);
	for (int i = 0; i < 3; i++) {
		CU_ASSERT_TRUE(d->nics[i].mac_given);
		CU_ASSERT(!memcmp(d->nics[i].mac, mac[i], 6));
		CU_ASSERT_EQUAL(d->nics[i].type, c->nics[i].type);
		CU_ASSERT_EQUAL(d->nics[i].line, c->nics[i].line);
		/* What a detach will look for. */
		CU_ASSERT_STRING_EQUAL(d->nics[i].xml, nic[i]);
		free(nic[i]);
	}
	guest_config_free(c);
	guest_config_free(d);
	next = guest_config_edit(document, strlen(document), "<interface type='ethernet'/>",
				 "<disk/>");
	CU_ASSERT_PTR_NULL(next);
	CU_ASSERT_PTR_NULL(guest_nic_with_mac("<interface", mac[0]));
	free(document);
}

static void sizes_have_units(void)
{
	const char *why;
	uint64_t kib;

	CU_ASSERT(value_size_kib("1", NULL, &kib, &why) && kib == 1);
	CU_ASSERT(value_size_kib(" 1025 ", "b", &kib, &why) && kib == 2);
	CU_ASSERT(value_size_kib("1", "KB", &kib, &why) && kib == 1);
	CU_ASSERT(value_size_kib("1", "MB", &kib, &why) && kib == 977);
	CU_ASSERT(value_size_kib("1", "MiB", &kib, &why) && kib == 1024);
	CU_ASSERT(value_size_kib("2", "g", &kib, &why) && kib == 2 << 20);
	CU_ASSERT_FALSE(value_size_kib("1", "XiB", &kib, &why));
	CU_ASSERT_FALSE(value_size_kib("-1", "MiB", &kib, &why));
	CU_ASSERT_FALSE(value_size_kib("99999999999", "TiB", &kib, &why));
	CU_ASSERT_FALSE(value_size_kib("18446744073709551616", "b", &kib,
				       &why));
}

static void cpusets_are_read_left_to_right(void)
{
	struct guest_cpuset set;
	const char *why;

	CU_ASSERT(value_cpuset("0-3,^2,6", &set, &why));
	CU_ASSERT_EQUAL(set.bits[0], 0x4b);
	CU_ASSERT(value_cpuset(" 1023 ", &set, &why));
	CU_ASSERT_EQUAL(set.bits[15], 1ull << 63);
	CU_ASSERT_FALSE(value_cpuset("1024", &set, &why));
	CU_ASSERT_FALSE(value_cpuset("", &set, &why));
	CU_ASSERT_FALSE(value_cpuset("1,", &set, &why));
	CU_ASSERT_FALSE(value_cpuset("1,^1", &set, &why));
	CU_ASSERT_FALSE(value_cpuset("3-1", &set, &why));
	CU_ASSERT_FALSE(value_cpuset("a", &set, &why));
}

static void disk_names_become_numbers(void)
{
	uint32_t v;

	CU_ASSERT(value_vdev("xvda", &v) && v == 51712);
	CU_ASSERT(value_vdev("xvda1", &v) && v == 51713);
	CU_ASSERT(value_vdev("xvdp15", &v) && v == 51967);
	CU_ASSERT(value_vdev("xvdq", &v) && v == 268439552);
	CU_ASSERT(value_vdev("sdb2", &v) && v == 2066);
	CU_ASSERT(value_vdev("hda", &v) && v == 768);
	CU_ASSERT(value_vdev("hdd1", &v) && v == 5697);
	CU_ASSERT_FALSE(value_vdev("vda", &v));
	CU_ASSERT_FALSE(value_vdev("xvd", &v));
	CU_ASSERT_FALSE(value_vdev("xvda0", &v));
	CU_ASSERT_FALSE(value_vdev("xvdazzzzzzzz", &v));
	CU_ASSERT_FALSE(value_vdev("hde", &v));
}

static void names_are_words_not_numbers_or_paths(void)
{
	const char *why;
	char longest[GUEST_NAME_MAX + 2];

	memset(longest, 'a', sizeof(longest));
	longest[GUEST_NAME_MAX] = '\0';
	CU_ASSERT(guest_name_valid("web-1", &why));
	CU_ASSERT(guest_name_valid(longest, &why));
	longest[GUEST_NAME_MAX] = 'a';
	longest[GUEST_NAME_MAX + 1] = '\0';
	CU_ASSERT_FALSE(guest_name_valid(longest, &why));
	CU_ASSERT_FALSE(guest_name_valid("", &why));
	CU_ASSERT_FALSE(guest_name_valid("17", &why));
	CU_ASSERT_FALSE(guest_name_valid("a/b", &why));
	CU_ASSERT_FALSE(guest_name_valid("..", &why));
	CU_ASSERT_FALSE(guest_name_valid("-v", &why));
	CU_ASSERT_FALSE(guest_name_valid("a\nb", &why));
}

static void addresses_and_uuids_are_exact(void)
{
	uint8_t b[16];
	const char *why;

	CU_ASSERT(value_uuid("0f1c6f0e5d0b4f639a402b6d2f3c9a11", b));
	CU_ASSERT_FALSE(value_uuid("0f1c6f0e5d0b4f639a402b6d2f3c9a1", b));
	CU_ASSERT_FALSE(value_uuid("0f1c6f0e5d0b4f639a402b6d2f3c9a111", b));
	CU_ASSERT(value_mac("00:16:3e:aB:Cd:ef", b, &why));
	CU_ASSERT_EQUAL(b[3], 0xab);
	CU_ASSERT_FALSE(value_mac("00:16:3e:ab:cd", b, &why));
	CU_ASSERT_FALSE(value_mac("01:16:3e:ab:cd:ef", b, &why));
	CU_ASSERT_FALSE(value_mac("00:00:00:00:00:00", b, &why));
}

static int suite_init(void)
{
	char *why;
	int rc = guest_config_init(TEST_SRCDIR "/xml-schemas/guest.rng", &why);

	free(why);
	return rc;
}

static int suite_exit(void)
{
	guest_config_exit();
	return 0;
}

CU_ErrorCode test_config_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(documents_get_the_sentences_they_deserve),
		T(the_shipped_sample_is_without_a_fault),
		T(what_is_missing_gets_a_default),
		T(everything_written_arrives),
		T(a_clock_is_set_as_it_says),
		T(every_limit_of_a_disk_arrives),
		T(an_amended_document_makes_the_same_guest),
		T(an_address_that_was_given_is_there_again),
		T(sizes_have_units),
		T(cpusets_are_read_left_to_right),
		T(disk_names_become_numbers),
		T(names_are_words_not_numbers_or_paths),
		T(addresses_and_uuids_are_exact),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "config", suite_init, suite_exit, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
