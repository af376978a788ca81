/* SPDX-License-Identifier: MIT */
/* Reads reasons out of the hypervisor's log; see hyplog.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "hyplog.h"

static bool line_has(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++) {
		if (!strncasecmp(line + i, word, n))
			return true;
	}
	return false;
}

/* The length of NAME at the beginning of the line, or 0. */
static size_t begins(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	return len > n && !strncasecmp(line, name, n) ? n : 0;
}

/*
 * Does a line, without its prefix, begin with the domain's name and say that
 * it was killed or crashed?  Only the beginning counts: what a guest writes
 * stands behind "dID: " or "(dID) ", and it may write what it likes.
 */
static bool line_fits(const char *line, size_t len, uint16_t domid)
{
	char name[24];
	size_t n;

	snprintf(name, sizeof(name), "d%u", domid);
	n = begins(line, len, name);
	if (n && line[n] == 'v') {
		n++;
		while (n < len && isdigit((unsigned char)line[n]))
			n++;
	}
	if (!n) {
		snprintf(name, sizeof(name), "domain %u", domid);
		n = begins(line, len, name);
	}
	if (!n || n >= len || line[n] != ' ')
		return false;
	return line_has(line + n, len - n, "crash") ||
	       line_has(line + n, len - n, "killed");
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
		if (j >= len || (line[j] != '(' && line[j] != '[') ||
		    (line[j] == '(' && j + 1 < len && line[j + 1] == 'd'))
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
		skip = prefix_length(log + begin, end - begin);
		if (line_fits(log + begin + skip, end - begin - skip,
			      domid)) {
			copy_line(out, n, log + begin + skip,
				  end - begin - skip);
			return true;
		}
		end = begin;
	}
	return false;
}
