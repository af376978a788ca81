/* SPDX-License-Identifier: MIT */
/* Reads reasons out of the hypervisor's log; see hyplog.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "hyplog.h"

static bool word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* Does NAME stand in the line as a name, not as part of a longer one?  What
 * may follow it is in TAILS, besides everything that is no word character. */
static bool line_names(const char *line, size_t len, const char *name,
		       const char *tails)
{
	size_t n = strlen(name);

	for (size_t i = 0; i + n <= len; i++) {
		char next = i + n < len ? line[i + n] : ' ';

		if (strncasecmp(line + i, name, n))
			continue;
		if (i && word_char(line[i - 1]))
			continue;
		if (!word_char(next) || strchr(tails, next))
			return true;
	}
	return false;
}

static bool line_has(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++) {
		if (!strncasecmp(line + i, word, n))
			return true;
	}
	return false;
}

/* "(d7) ..." is what domain 7 itself wrote; it may write what it likes. */
static bool line_is_a_guests(const char *line, size_t len)
{
	return len > 2 && line[0] == '(' && line[1] == 'd' &&
	       isdigit((unsigned char)line[2]);
}

static bool line_fits(const char *line, size_t len, uint16_t domid)
{
	char shortly[16], plainly[24];

	if (line_is_a_guests(line, len))
		return false;
	if (!line_has(line, len, "crash") && !line_has(line, len, "kill"))
		return false;
	snprintf(shortly, sizeof(shortly), "d%u", domid);
	snprintf(plainly, sizeof(plainly), "domain %u", domid);
	return line_names(line, len, shortly, "v") ||
	       line_names(line, len, plainly, "");
}

/* Past "(XEN) ", "[   12.345678] " and the like. */
static size_t prefix_length(const char *line, size_t len)
{
	size_t i = 0;

	for (;;) {
		size_t j = i;
		char end;

		while (j < len && line[j] == ' ')
			j++;
		if (j >= len || (line[j] != '(' && line[j] != '['))
			return j < len ? j : i;
		end = line[j] == '(' ? ')' : ']';
		while (j < len && line[j] != end)
			j++;
		if (j >= len || j - i > 24)
			return i;
		i = j + 1;
	}
}

static void copy_line(char *out, size_t n, const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len && i + 1 < n; i++) {
		unsigned char c = (unsigned char)line[i];

		out[i] = c < 0x20 || c >= 0x7f ? ' ' : (char)c;
	}
	while (i && out[i - 1] == ' ')
		i--;
	out[i] = '\0';
}

bool hyplog_reason(const char *log, size_t len, uint16_t domid, char *out,
		   size_t n)
{
	size_t end = len;

	while (end) {
		size_t begin = end - 1, skip;

		while (begin && log[begin - 1] != '\n')
			begin--;
		if (line_fits(log + begin, end - begin, domid)) {
			skip = prefix_length(log + begin, end - begin);
			copy_line(out, n, log + begin + skip,
				  end - begin - skip);
			return true;
		}
		end = begin;
	}
	return false;
}
