/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a line of the supervisor, and as the hypervisor's log.  What is
 * found lies within the bytes; a string that was read is one that could be
 * written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/jline.h"
#include "supervisor/hyplog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_string(const char *s)
{
	struct jline_out o;
	char *again;

	jline_begin(&o);
	jline_add_string(&o, "k", s);
	if (!jline_end(&o))
		abort();
	again = jline_member_string(o.text, o.len, "k");
	if (!again || strcmp(again, s))
		abort();
	free(again);
	free(o.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { "ok", "text", "error", "", "n" };
	const char *text = (const char *)data, *raw;
	char out[100], *s;
	size_t n;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		raw = jline_member(text, size, keys[i], &n);
		if (raw && (raw < text || n > size ||
			    raw + n > text + size))
			abort();
		s = jline_member_string(text, size, keys[i]);
		if (s)
			check_string(s);
		free(s);
		jline_member_number(text, size, keys[i]);
	}
	jline_text_valid(text, size);
	if (hyplog_reason(text, size, 3, out, sizeof(out)) &&
	    strlen(out) >= sizeof(out))
		abort();
	return 0;
}
