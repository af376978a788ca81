/* SPDX-License-Identifier: MIT */
/* The command line: what is meant is taken, what is not is named. */
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/param.h>
#include <hyp/printk.h>

#include "machine.h"

CU_ErrorCode test_param_register(void);

static struct params before;

static int keep(void)
{
	machine_boot();
	before = params;
	return 0;
}

static int restore(void)
{
	params = before;
	return 0;
}

static void parse(const char *line)
{
	params = before;
	memset(&machine_log, 0, sizeof(machine_log));
	param_parse(line);
}

static bool is_logged(const char *text)
{
	return strstr(machine_log.console, text) != NULL;
}

static void options_are_taken(void)
{
	parse("dom0_mem=512M,max:1G dom0_max_vcpus=2 maxcpus=3  noreboot "
	      "com1=9600,8n1,0x2f8,3 loglvl=all/warning smep=no x2apic=off");
	CU_ASSERT_EQUAL(params.dom0_mem, 512ULL << 20);
	CU_ASSERT_EQUAL(params.dom0_mem_max, 1ULL << 30);
	CU_ASSERT_EQUAL(params.dom0_max_vcpus, 2);
	CU_ASSERT_EQUAL(params.maxcpus, 3);
	CU_ASSERT_TRUE(params.noreboot);
	CU_ASSERT_EQUAL(params.com1_baud, 9600);
	CU_ASSERT_EQUAL(params.com1_port, 0x2f8);
	CU_ASSERT_EQUAL(params.com1_irq, 3);
	CU_ASSERT_EQUAL(params.loglvl, LOG_DEBUG);
	CU_ASSERT_FALSE(params.smep);
	CU_ASSERT_TRUE(params.smap);
	CU_ASSERT_FALSE(params.x2apic);
	CU_ASSERT_FALSE(is_logged("command line"));
}

static void a_size_without_unit_is_in_kib(void)
{
	parse("dom0_mem=524288");
	CU_ASSERT_EQUAL(params.dom0_mem, 512ULL << 20);
}

static void the_console_is_com1_or_none(void)
{
	parse("console=com1");
	CU_ASSERT_TRUE(params.console_com1);
	parse("console=none");
	CU_ASSERT_FALSE(params.console_com1);
}

static void the_unknown_is_named(void)
{
	parse("frobnicate=1 loglvl=info");
	CU_ASSERT_TRUE(is_logged("unknown option \"frobnicate=1\""));
	CU_ASSERT_EQUAL(params.loglvl, LOG_INFO);
}

static void the_malformed_is_named_and_changes_nothing(void)
{
	static const char *const bad[] = {
		"dom0_mem=lots", "dom0_mem=1G,", "dom0_mem=1G,max:",
		"com1=115200,7e1", "com1=115200,8n1,0x2f8,99",
		"maxcpus=-1", "maxcpus=99999999999", "loglvl=noisy",
		"console=com1,tty", "noreboot=maybe",
	};
	struct params now;
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(bad[i]);
		CU_ASSERT_TRUE(is_logged(bad[i]));
		CU_ASSERT_TRUE(is_logged("not understood"));
		now = params;
		memcpy(now.cmdline, before.cmdline, sizeof(now.cmdline));
		CU_ASSERT_EQUAL(memcmp(&now, &before, sizeof(now)), 0);
	}
	parse("dom0_mem");
	CU_ASSERT_TRUE(is_logged("\"dom0_mem\" needs a value"));
}

static void a_line_too_long_is_said_to_be(void)
{
	char line[3000];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	parse(line);
	CU_ASSERT_TRUE(is_logged("longer than 1023 bytes"));
	CU_ASSERT_TRUE(is_logged("unknown option \"xxxx"));
}

CU_ErrorCode test_param_register(void)
{
	CU_pSuite s = CU_add_suite("param", keep, restore);

	CU_ADD_TEST(s, options_are_taken);
	CU_ADD_TEST(s, a_size_without_unit_is_in_kib);
	CU_ADD_TEST(s, the_console_is_com1_or_none);
	CU_ADD_TEST(s, the_unknown_is_named);
	CU_ADD_TEST(s, the_malformed_is_named_and_changes_nothing);
	CU_ADD_TEST(s, a_line_too_long_is_said_to_be);
	return CU_get_error();
}
