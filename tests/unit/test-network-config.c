/* SPDX-License-Identifier: MIT */
/*
 * The reader of network descriptions, and what dnsmasq is told about one.
 * Documents as in test-config.c: tests/xml/network-{pass,fail}-X.xml beside
 * what a person would read of them, X.ok; XML_ACCEPT=1 writes these anew.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <libxml/relaxng.h>

#include "network-config.h"
#include "supervisor/network-dnsmasq.h"

CU_ErrorCode test_network_config_register(void);

#define XML_DIR TEST_SRCDIR "/tests/xml/"

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *s = calloc(1, 65536);

	if (f) {
		if (!fread(s, 1, 65535, f))
			s[0] = '\0';
		fclose(f);
	}
	return s;
}

static struct network_config *parse(const char *xml)
{
	struct guest_config_report report;
	struct network_config *n;

	network_config_parse(xml, strlen(xml), "n.xml", &n, &report);
	guest_config_report_free(&report);
	return n;
}

static char *verdict(const char *path, bool *ok)
{
	struct guest_config_report report;
	struct network_config *n;
	char *xml = slurp(path), *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	*ok = !network_config_parse(xml, strlen(xml), "n.xml", &n, &report);
	for (size_t i = 0; i < report.count; i++)
		fprintf(f, "%s%s\n", report.notes[i].kind ==
			GUEST_NOTE_WARNING ? "warning: " : "",
			report.notes[i].text);
	fclose(f);
	guest_config_report_free(&report);
	network_config_free(n);
	free(xml);
	return text;
}

static void one_document(const char *name)
{
	char path[512], ok_path[512], *got, *want;
	bool ok;
	FILE *f;

	snprintf(path, sizeof(path), XML_DIR "%s", name);
	snprintf(ok_path, sizeof(ok_path), "%.*s.ok",
		 (int)strlen(path) - 4, path);
	got = verdict(path, &ok);
	CU_ASSERT(ok == !!strstr(name, "-pass-"));
	if (getenv("XML_ACCEPT") && (f = fopen(ok_path, "w"))) {
		fputs(got, f);
		fclose(f);
	}
	want = slurp(ok_path);
	CU_ASSERT_STRING_EQUAL(got, want);
	if (strcmp(got, want))
		printf("\n%s says:\n%s", name, got);
	free(got);
	free(want);
}

static void documents_get_their_sentences(void)
{
	DIR *d = opendir(XML_DIR);
	struct dirent *e;
	unsigned int n = 0;

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, "network-", 8) ||
		    !strstr(e->d_name, ".xml"))
			continue;
		one_document(e->d_name);
		n++;
	}
	if (d)
		closedir(d);
	CU_ASSERT(n >= 8);
}

static bool fits_schema(const char *path)
{
	xmlRelaxNGParserCtxt *p =
		xmlRelaxNGNewParserCtxt(TEST_SRCDIR "/xml-schemas/network.rng");
	xmlRelaxNG *schema = xmlRelaxNGParse(p);
	xmlRelaxNGValidCtxt *v = xmlRelaxNGNewValidCtxt(schema);
	xmlDoc *doc = xmlReadFile(path, NULL, XML_PARSE_NONET);
	int rc = xmlRelaxNGValidateDoc(v, doc);

	xmlFreeDoc(doc);
	xmlRelaxNGFreeValidCtxt(v);
	xmlRelaxNGFree(schema);
	xmlRelaxNGFreeParserCtxt(p);
	return !rc;
}

static void good_documents_fit_the_schema(void)
{
	CU_ASSERT(fits_schema(XML_DIR "network-pass-all.xml"));
	CU_ASSERT(fits_schema(XML_DIR "network-pass-libvirt.xml"));
	CU_ASSERT(fits_schema(XML_DIR "network-pass-alone.xml"));
	CU_ASSERT(fits_schema(TEST_SRCDIR "/xml-schemas/network.xml"));
}

static void the_default_network_is_well_described(void)
{
	char *xml = network_default_xml(122);
	struct network_config *n = parse(xml);

	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT_STRING_EQUAL(n->name, "default");
	CU_ASSERT(n->forward == NETWORK_NAT && n->dhcp && n->dns);
	CU_ASSERT(n->prefix == 24);
	CU_ASSERT(n->first.s_addr == inet_addr("192.168.122.2"));
	CU_ASSERT(n->last.s_addr == inet_addr("192.168.122.254"));
	network_config_free(n);
	free(xml);
}

static void everything_is_read(void)
{
	char *xml = slurp(XML_DIR "network-pass-all.xml");
	struct network_config *n = parse(xml);

	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT_STRING_EQUAL(n->bridge, "lab0");
	CU_ASSERT_STRING_EQUAL(n->dev, "eth0");
	CU_ASSERT(n->host_count == 1 && n->hosts[0].has_mac);
	CU_ASSERT_STRING_EQUAL(n->hosts[0].name, "web");
	CU_ASSERT(n->lease_seconds == 3600 && n->mtu == 1500);
	CU_ASSERT(n->prefix6 == 64 && n->domain_local);
	CU_ASSERT(n->forwarder_count == 1 && n->name_count == 1);
	network_config_free(n);
	free(xml);
}

/* ---- dnsmasq ---- */

static void dnsmasq_is_told_all(void)
{
	char *xml = slurp(XML_DIR "network-pass-all.xml");
	struct network_config *n = parse(xml);
	char *conf, *hosts, *names;

	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	conf = network_dnsmasq_conf(n, "lab0", "/r", "/s");
	hosts = network_dnsmasq_hosts(n);
	names = network_dnsmasq_names(n);
	CU_ASSERT(strstr(conf, "\ninterface=lab0\n") != NULL);
	CU_ASSERT(strstr(conf, "\nbind-dynamic\n") != NULL);
	CU_ASSERT(strstr(conf, "\ndhcp-range=192.168.77.100,192.168.77.200,255.255.255.0,3600s\n") != NULL);
	CU_ASSERT(strstr(conf, "\nserver=192.0.2.53\n") != NULL);
	CU_ASSERT(strstr(conf, "\nlocal=/lab.example/\n") != NULL);
	CU_ASSERT(strstr(conf, "\ndhcp-leasefile=/s/leases\n") != NULL);
	CU_ASSERT_STRING_EQUAL(hosts, "00:16:3e:00:00:01,192.168.77.10,web\n");
	CU_ASSERT_STRING_EQUAL(names, "192.168.77.1\tdom0\n");
	free(conf);
	free(hosts);
	free(names);
	network_config_free(n);
	free(xml);
}

static void an_isolated_network_names_no_router(void)
{
	struct network_config *n = parse("<network><name>x</name><ip address='10.0.0.1' prefix='24'><dhcp><range start='10.0.0.2' end='10.0.0.9'/></dhcp></ip></network>");
	char *conf;

	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT(network_dnsmasq_needed(n));
	conf = network_dnsmasq_conf(n, "b", "/r", "/s");
	CU_ASSERT(strstr(conf, "\ndhcp-option=3\n") != NULL);
	CU_ASSERT(strstr(conf, "\nno-resolv\n") != NULL);
	free(conf);
	network_config_free(n);
	n = parse("<network><name>x</name></network>");
	CU_ASSERT_PTR_NOT_NULL_FATAL(n);
	CU_ASSERT(!network_dnsmasq_needed(n));
	network_config_free(n);
}

static void leases_are_read(void)
{
	static const char text[] =
		"1700000000 00:16:3e:00:00:01 10.0.0.5 web 01:00\n"
		"nonsense\n"
		"duid 00:01:00:01\n"
		"0 00:16:3e:00:00:02 fd00::5 * *\n"
		"5 00:16:3e:00:00:03 10.0.0.999 x *\n"
		"6 00:16:3e:00:00:04 10.0.0.6 la\033[st *\n"
		"7 00:16:3e:00:00:05 10.0.0.7 last";
	struct network_lease l;
	size_t at = 0;

	CU_ASSERT(network_lease_next(text, sizeof(text) - 1, &at, &l));
	CU_ASSERT(l.expires == 1700000000);
	CU_ASSERT_STRING_EQUAL(l.name, "web");
	CU_ASSERT(network_lease_next(text, sizeof(text) - 1, &at, &l));
	CU_ASSERT_STRING_EQUAL(l.ip, "fd00::5");
	CU_ASSERT_STRING_EQUAL(l.name, "");
	CU_ASSERT(network_lease_next(text, sizeof(text) - 1, &at, &l));
	CU_ASSERT_STRING_EQUAL(l.name, "last");
	CU_ASSERT(!network_lease_next(text, sizeof(text) - 1, &at, &l));
}

CU_ErrorCode test_network_config_register(void)
{
	CU_TestInfo tests[] = {
		{ "documents get their sentences",
		  documents_get_their_sentences },
		{ "good documents fit the schema",
		  good_documents_fit_the_schema },
		{ "the default network is well described",
		  the_default_network_is_well_described },
		{ "everything is read", everything_is_read },
		{ "dnsmasq is told all", dnsmasq_is_told_all },
		{ "an isolated network names no router",
		  an_isolated_network_names_no_router },
		{ "leases are read", leases_are_read },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "network-config", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
