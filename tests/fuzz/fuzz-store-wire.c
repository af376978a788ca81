/* SPDX-License-Identifier: MIT */
/* Any bytes as what the store daemon sent. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store-wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(x) do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_list list = { 0 };
	struct store_message m;
	const char *token;
	uint32_t n;
	int rc;

	while ((rc = store_parse(data, size, &m)) > 0) {
		PROMISE((size_t)rc <= size && m.len <= STORE_PAYLOAD_MAX);
		PROMISE(store_errno(&m) < 0);
		store_number(&m, &n);
		if (store_split_event(&m, &token))
			PROMISE(token + strlen(token) < m.payload + m.len);
		if (!store_list_part(&list, &m))
			PROMISE(!list.names[list.len]);
		data += rc;
		size -= (size_t)rc;
	}
	free(list.names);
	return 0;
}
