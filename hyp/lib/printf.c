/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's printf.  Every byte goes through put(), which counts all
 * of them and stores those that fit.
 */
#include <hyp/lib.h>

struct out {
	char *buf;
	size_t size;	/* room, the final NUL included */
	size_t len;	/* bytes that the whole text has so far */
};

struct spec {
	bool left, zero, upper, negative;
	unsigned width, base;
	int precision;	/* -1: not given */
	int length;	/* 'h' counts down, 'l' counts up */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, char c, unsigned n)
{
	while (n--)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *f, const char *s)
{
	size_t i, n;
	unsigned fill;

	if (!s)
		s = "(null)";
	n = f->precision < 0 ? strlen(s) : strnlen(s, f->precision);
	fill = n < f->width ? f->width - n : 0;
	if (!f->left)
		pad(o, ' ', fill);
	for (i = 0; i < n; i++)
		put(o, s[i]);
	if (f->left)
		pad(o, ' ', fill);
}

static void put_number(struct out *o, const struct spec *f, u64 v)
{
	const char *digits = f->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24];
	unsigned n = 0, fill;

	do {
		tmp[n++] = digits[v % f->base];
		v /= f->base;
	} while (v);
	fill = n + f->negative < f->width ? f->width - n - f->negative : 0;
	if (!f->left && !f->zero)
		pad(o, ' ', fill);
	if (f->negative)
		put(o, '-');
	if (!f->left && f->zero)
		pad(o, '0', fill);
	while (n)
		put(o, tmp[--n]);
	if (f->left)
		pad(o, ' ', fill);
}

/* Cuts an argument to the size that h and hh name. */
static u64 fit(u64 v, int length, bool is_signed)
{
	if (length >= 1)
		return v;
	if (is_signed)
		return length == 0 ? (u64)(s64)(s32)v :
		       length == -1 ? (u64)(s64)(s16)v : (u64)(s64)(s8)v;
	return length == 0 ? (u32)v : length == -1 ? (u16)v : (u8)v;
}

static unsigned read_number(const char **p)
{
	unsigned n = 0;

	for (; **p >= '0' && **p <= '9'; ++*p)
		n = MIN(n * 10 + (**p - '0'), 1000u);
	return n;
}

static const char *read_spec(const char *p, struct spec *f, va_list *ap)
{
	int width;

	*f = (struct spec){ .precision = -1, .base = 10 };
	for (;; p++) {
		if (*p == '-')
			f->left = true;
		else if (*p == '0')
			f->zero = true;
		else if (*p != '#' && *p != '+' && *p != ' ')
			break;
	}
	if (*p == '*') {
		width = va_arg(*ap, int);
		f->width = width < 0 ? 0 : MIN(width, 1000);
		p++;
	} else {
		f->width = read_number(&p);
	}
	if (*p == '.') {
		p++;
		if (*p == '*') {
			f->precision = va_arg(*ap, int);
			p++;
		} else {
			f->precision = read_number(&p);
		}
	}
	for (;; p++) {
		if (*p == 'h')
			f->length--;
		else if (*p == 'l' || *p == 'z')
			f->length++;
		else
			return p;
	}
}

static void convert(struct out *o, struct spec *f, char c, va_list *ap)
{
	char one[2] = { 0, 0 };
	u64 v;

	switch (c) {
	case 'c':
		one[0] = va_arg(*ap, int);
		if (one[0])
			put_text(o, f, one);
		else
			put(o, 0);
		break;
	case 's':
		put_text(o, f, va_arg(*ap, const char *));
		break;
	case 'd':
	case 'i':
		v = f->length > 0 ? va_arg(*ap, u64) : va_arg(*ap, u32);
		v = fit(v, f->length, true);
		f->negative = (s64)v < 0;
		put_number(o, f, f->negative ? -v : v);
		break;
	case 'p':
		put_text(o, &(struct spec){ .precision = -1 }, "0x");
		f->length = 1;
		/* fall through */
	case 'x':
	case 'X':
		f->base = 16;
		f->upper = c == 'X';
		/* fall through */
	case 'u':
		v = f->length > 0 ? va_arg(*ap, u64) : va_arg(*ap, u32);
		put_number(o, f, fit(v, f->length, false));
		break;
	default:
		put(o, '%');
		put(o, c);
		break;
	}
}

int hyp_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { .buf = buf, .size = size };
	struct spec f;
	va_list args;

	va_copy(args, ap);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = read_spec(fmt + 1, &f, &args);
		if (*fmt == '%')
			put(&o, '%');
		else if (*fmt)
			convert(&o, &f, *fmt, &args);
		else
			break;
	}
	va_end(args);
	if (size)
		buf[MIN(o.len, size - 1)] = 0;
	return o.len;
}

int hyp_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = hyp_vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
