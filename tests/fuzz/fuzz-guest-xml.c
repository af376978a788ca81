/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a guest's document.  What must hold: either a configuration
 * that keeps the promises of ctrl-config.h, or at least one error.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctrl-config.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *why;

	(void)argc, (void)argv;
	if (guest_config_init(TEST_SRCDIR "/xml-schemas/guest.rng", &why))
		abort();
	return 0;
}

#define PROMISE(x) do { if (!(x)) abort(); } while (0)

static void check_promises(const struct guest_config *c)
{
	const char *why;

	PROMISE(guest_name_valid(c->name, &why));
	PROMISE(c->memory_kib && !(c->memory_kib & 3));
	PROMISE(c->current_kib && c->current_kib <= c->memory_kib);
	PROMISE(!(c->current_kib & 3));
	PROMISE(c->vcpus >= 1 && c->vcpus <= GUEST_VCPUS_MAX);
	PROMISE(c->vcpus_online >= 1 && c->vcpus_online <= c->vcpus);
	PROMISE(c->kernel && c->kernel[0] == '/');
	PROMISE(!c->initrd || c->initrd[0] == '/');
	PROMISE(strlen(c->cmdline) <= GUEST_CMDLINE_MAX);
	PROMISE(c->console_count >= 1);
	for (size_t i = 0; i < c->disk_count; i++)
		PROMISE(c->disks[i].target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct guest_config_report report;
	struct guest_config *c;
	int rc = guest_config_parse((const char *)data, size, "f", &c,
				    &report);

	if (!rc)
		check_promises(c);
	else
		PROMISE(!c && (report.errors || rc != -22));
	guest_config_report_free(&report);
	guest_config_free(c);
	return 0;
}
