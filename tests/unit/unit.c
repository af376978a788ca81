/* SPDX-License-Identifier: MIT */
/*
 * unit - runs every suite that tests/unit/test-*.c register.
 *
 *   unit            all suites; the last line is "unit: N passed, N failed"
 *   unit NAME...    only the suites of these modules (NAME as in the file name
 *                   test-NAME.c, with '_' for '-')
 *
 * tests/unit/list.h is written by the makefile from the names of the files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>

#define SUITE(name) CU_ErrorCode test_##name##_register(void);
#include "tests/unit/list.h"
#undef SUITE

static const struct {
	const char *name;
	CU_ErrorCode (*add)(void);
} suites[] = {
#define SUITE(name) { #name, test_##name##_register },
#include "tests/unit/list.h"
#undef SUITE
	{ NULL, NULL },
};

static int is_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned int run, failed;
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	for (i = 0; suites[i].name; i++) {
		if (!is_wanted(suites[i].name, argc, argv))
			continue;
		if (suites[i].add() != CUE_SUCCESS) {
			fprintf(stderr, "unit: suite \"%s\": %s\n",
				suites[i].name, CU_get_error_msg());
			return 2;
		}
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	run = CU_get_number_of_tests_run();
	failed = CU_get_number_of_tests_failed() +
		 CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	printf("unit: %u passed, %u failed\n",
	       run > failed ? run - failed : 0, failed);
	if (!run)
		fprintf(stderr, "unit: there is no suite of this name (tests/unit/test-NAME.c, '_' for '-')\n");
	return failed || !run;
}
