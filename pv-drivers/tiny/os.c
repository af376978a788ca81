/* SPDX-License-Identifier: MIT */
/*
 * The rest of pv/os.h, the four functions that the compiler wants, and print.
 * There is one thread and no interrupt: locks have nothing to keep out, and
 * waiting is handling events until one came.
 */
#include <stdarg.h>

#include "tiny.h"

void pv_os_lock(struct pv_lock *lock)
{
	if (lock->held++)
		__builtin_trap();
}

void pv_os_unlock(struct pv_lock *lock)
{
	lock->held--;
}

void pv_os_wait(struct pv *pv, uint64_t deadline)
{
	pv_evtchn_wait(pv, deadline);
}

void pv_os_log(struct pv *pv, const char *who, const char *what)
{
	(void)pv;
	print("%s: %s\n", who, what);
}

void *memset(void *to, int byte, size_t n)
{
	void *at = to;
	size_t words = n / 8;

	n %= 8;
	__asm__ volatile("rep stosq" : "+D" (at), "+c" (words)
			 : "a" (0x0101010101010101 * (unsigned char)byte)
			 : "memory");
	__asm__ volatile("rep stosb" : "+D" (at), "+c" (n) : "a" (byte)
			 : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;
	size_t words = n / 8;

	n %= 8;
	__asm__ volatile("rep movsq" : "+D" (at), "+S" (from), "+c" (words)
			 : : "memory");
	__asm__ volatile("rep movsb" : "+D" (at), "+S" (from), "+c" (n)
			 : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	char *d = to;
	const char *s = from;

	if (d <= s || d >= s + n)
		return memcpy(to, from, n);
	while (n--)
		((volatile char *)d)[n] = s[n];
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* ---- print ---- */

struct line {
	char text[256];
	size_t n;
};

static void put(struct line *l, char c)
{
	if (l->n == sizeof(l->text)) {
		pv_console_write(&pv, l->text, l->n, UINT64_MAX);
		l->n = 0;
	}
	l->text[l->n++] = c;
}

static void put_number(struct line *l, unsigned long v, unsigned int base,
		       int width, char pad)
{
	char digits[24];
	int n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (width-- > n)
		put(l, pad);
	while (n)
		put(l, digits[--n]);
}

void print(const char *f, ...)
{
	struct line l = { .n = 0 };
	const char *s;
	va_list args;
	int width;
	bool wide;
	char pad;
	long v;

	va_start(args, f);
	for (; *f; f++) {
		if (*f != '%') {
			put(&l, *f);
			continue;
		}
		pad = *++f == '0' ? '0' : ' ';
		for (width = 0; *f >= '0' && *f <= '9'; f++)
			width = width * 10 + *f - '0';
		wide = *f == 'l';
		f += wide;
		switch (*f) {
		case 's':
			for (s = va_arg(args, const char *); *s; s++)
				put(&l, *s);
			break;
		case 'c':
			put(&l, (char)va_arg(args, int));
			break;
		case 'd':
			v = wide ? va_arg(args, long) : va_arg(args, int);
			if (v < 0)
				put(&l, '-');
			put_number(&l, v < 0 ? -(unsigned long)v
					     : (unsigned long)v, 10, width, pad);
			break;
		case 'u':
		case 'x':
			put_number(&l, wide ? va_arg(args, unsigned long)
					    : va_arg(args, unsigned int),
				   *f == 'x' ? 16 : 10, width, pad);
			break;
		default:
			put(&l, *f);
		}
	}
	va_end(args);
	pv_console_write(&pv, l.text, l.n, UINT64_MAX);
}

/* ---- The command line: words with spaces between them ---- */

const char *argument(const char *name)
{
	const char *s = (const char *)pv.start->cmd_line;
	size_t n = strlen(name);

	while (*s) {
		if (!memcmp(s, name, n) &&
		    (s[n] == '=' || s[n] == ' ' || !s[n]))
			return s[n] == '=' ? s + n + 1 : s + n;
		while (*s && *s != ' ')
			s++;
		while (*s == ' ')
			s++;
	}
	return NULL;
}

unsigned long argument_number(const char *name, unsigned long otherwise)
{
	const char *s = argument(name);
	unsigned long v = 0;

	if (!s || *s < '0' || *s > '9')
		return otherwise;
	for (; *s >= '0' && *s <= '9'; s++)
		v = v * 10 + *s - '0';
	return v;
}
