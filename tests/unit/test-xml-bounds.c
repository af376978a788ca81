/* SPDX-License-Identifier: MIT */
/* libctrl/xml-bounds.c: what libxml2 would read for minutes is not read. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "ctrl-config.h"
#include "xml-bounds.h"

CU_ErrorCode test_xml_bounds_register(void);

static char text[GUEST_XML_MAX + 1];
static size_t len;

static void begin(void)
{
	len = 0;
	text[0] = '\0';
}

static void __attribute__((format(printf, 2, 3))) add(unsigned int times,
						      const char *fmt, ...)
{
	va_list ap;

	while (times--) {
		va_start(ap, fmt);
		len += (size_t)vsnprintf(text + len, sizeof(text) - len, fmt,
					 ap);
		va_end(ap);
		CU_ASSERT_FATAL(len < sizeof(text));
	}
}

static const char *bounds(unsigned int *line)
{
	return xml_bounds(text, len, line);
}

static void attributes_are_counted(void)
{
	unsigned int line;

	begin();
	add(1, "<a>\n<b ");
	for (unsigned int i = 0; i < XML_ATTRIBUTES_MAX; i++)
		add(1, " a%u='>\"'", i);
	add(1, "/></a>");
	CU_ASSERT_PTR_NULL(bounds(&line));
	begin();
	add(1, "<a>\n<b ");
	add(XML_ATTRIBUTES_MAX + 1, "a=\"'<>\" ");
	add(1, "/></a>");
	CU_ASSERT_STRING_EQUAL(bounds(&line), "it has an element with more than 64 attributes");
	CU_ASSERT_EQUAL(line, 2);
	/* Quotes elsewhere are no attributes. */
	begin();
	add(1, "<a>");
	add(1000, "''\"");
	add(1, "<!-- ");
	add(1000, "'><\"");
	add(1, "--><![CDATA[");
	add(1000, "'><\"");
	add(1, "]]><?p ");
	add(1000, "'><\"");
	add(1, "?></a>");
	CU_ASSERT_PTR_NULL(bounds(&line));
}

static void children_are_counted_for_each_parent(void)
{
	unsigned int line;

	begin();
	add(1, "<a>");
	for (int i = 0; i < 8; i++) {
		add(1, "<b>");
		add(XML_CHILDREN_MAX - 1, "<c/>");
		add(1, "<!----></b>");
	}
	add(1, "</a>");
	CU_ASSERT_PTR_NULL(bounds(&line));
	begin();
	add(1, "<a><b/>\n");
	add(XML_CHILDREN_MAX, "<c>t</c >");
	add(1, "</a>");
	CU_ASSERT_STRING_EQUAL(bounds(&line), "it has more than 1024 elements and comments directly below one element");
	begin();
	add(1, "<a>");
	add(XML_CHILDREN_MAX + 1, "<!--c-->");
	CU_ASSERT_PTR_NOT_NULL(bounds(&line));
}

static void nodes_are_counted_in_all(void)
{
	unsigned int line;

	begin();
	add(1, "<a>");
	for (unsigned int i = 0; i < XML_NODES_MAX / 512; i++) {
		add(1, "<b>");
		add(512, "<c/>");
		add(1, "</b>");
	}
	CU_ASSERT_STRING_EQUAL(bounds(&line), "it has more than 32768 elements and comments");
	/* However deep: that is libxml2's to refuse. */
	begin();
	add(XML_NODES_MAX, "<a>");
	CU_ASSERT_PTR_NULL(bounds(&line));
	add(1, "<a>");
	CU_ASSERT_PTR_NOT_NULL(bounds(&line));
}

static void what_is_cut_off_ends_there(void)
{
	static const char *const cut[] = {
		"<", "<a", "<a b='", "<a b='c", "<!--", "<!-", "<![CDATA[",
		"<?", "</", "</a", "<a/", "", "a", "<a b=\"'", ">",
	};
	unsigned int line;

	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
		/* Of its own size, so that a byte too far is seen. */
		char *own = malloc(strlen(cut[i]) + !*cut[i]);

		memcpy(own, cut[i], strlen(cut[i]));
		CU_ASSERT_PTR_NULL(xml_bounds(own, strlen(cut[i]), &line));
		free(own);
	}
}

static int parse(char *said, size_t size)
{
	struct guest_config_report report;
	struct guest_config *config;
	int rc = guest_config_parse(text, len, "g.xml", &config, &report);

	snprintf(said, size, "%s", report.count ? report.notes[0].text : "");
	guest_config_report_free(&report);
	guest_config_free(config);
	return rc;
}

static void add_guest(void)
{
	begin();
	add(1, "<domain type='xen'><name>g</name><memory unit='MiB'>64</memory><os><kernel>/k</kernel></os>\n");
}

static void too_much_gets_a_sentence(void)
{
	char said[200];

	add_guest();
	add(1, "<metadata>");
	add(200000, "<a/>");
	add(1, "</metadata></domain>");
	CU_ASSERT(parse(said, sizeof(said)) < 0);
	CU_ASSERT_STRING_EQUAL(said, "g.xml:2: it has more than 1024 elements and comments directly below one element");
	add_guest();
	add(1, "<vcpu");
	for (unsigned int i = 0; i < 90000; i++)
		add(1, " a%u=''", i);
	add(1, "/></domain>");
	CU_ASSERT(parse(said, sizeof(said)) < 0);
	CU_ASSERT_STRING_EQUAL(said, "g.xml:2: it has an element with more than 64 attributes");
	/* What was counted is what is read. */
	begin();
	add(1, "<?xml version='1.0' encoding='UTF-7'?>");
	add(1, "<domain><metadata>");
	add(5000, "+ADw-a/+AD4-");
	add(1, "</metadata></domain>");
	CU_ASSERT(parse(said, sizeof(said)) < 0);
	CU_ASSERT_STRING_NOT_EQUAL(said, "");
	CU_ASSERT_PTR_NULL(strstr(said, "<a>"));
}

static void a_large_guest_is_well_described(void)
{
	char said[200], name[4];

	add_guest();
	add(1, "<metadata>");
	for (int i = 0; i < 100; i++) {
		add(1, "<m xmlns='urn:of-somebody'>");
		add(250, "<n key='%s'/>", "a value of some length");
		add(1, "</m>");
	}
	add(1, "</metadata><devices>");
	for (unsigned int i = 0; i < GUEST_DISKS_MAX; i++) {
		snprintf(name, sizeof(name), i < 26 ? "%c" : "%c%c",
			 i < 26 ? 'a' + i : 'a' + i / 26 - 1, 'a' + i % 26);
		add(1, "<disk type='file' device='disk'><!-- %u --><driver type='raw' cache='none' discard='unmap'/><source file='/var/lib/images/%u.img'/><target dev='xvd%s' bus='xen'/><serial>%u</serial><iotune><total_bytes_sec>1000000</total_bytes_sec><total_iops_sec>100</total_iops_sec></iotune></disk>\n",
		    i, i, name, i);
	}
	for (unsigned int i = 0; i < GUEST_NICS_MAX; i++)
		add(1, "<interface type='network'><source network='n%u'/><model type='netfront'/><ip address='10.0.0.%u'/></interface>\n",
		    i, i);
	add(1, "</devices></domain>");
	CU_ASSERT(len > 500000);
	CU_ASSERT_EQUAL(parse(said, sizeof(said)), 0);
	CU_ASSERT_STRING_EQUAL(said, "");
}

static int suite_init(void)
{
	char *why;

	return guest_config_init(TEST_SRCDIR "/xml-schemas/guest.rng", &why);
}

static int suite_exit(void)
{
	guest_config_exit();
	return 0;
}

CU_ErrorCode test_xml_bounds_register(void)
{
	CU_TestInfo tests[] = {
#define T(name) { #name, name }
		T(attributes_are_counted),
		T(children_are_counted_for_each_parent),
		T(nodes_are_counted_in_all),
		T(what_is_cut_off_ends_there),
		T(too_much_gets_a_sentence),
		T(a_large_guest_is_well_described),
#undef T
		CU_TEST_INFO_NULL
	};
	CU_SuiteInfo suites[] = {
		{ "xml-bounds", suite_init, suite_exit, NULL, NULL, tests },
		CU_SUITE_INFO_NULL
	};

	return CU_register_suites(suites);
}
