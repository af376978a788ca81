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
	bool left, zero;
	int width, precision;	/* -1: not given */
	int length;		/* h counts down, l and z count up */
};

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

/* A sign (or nothing) and n bytes, filled up to the width. */
static void put_field(struct out *o, const struct spec *f, char sign,
		      const char *s, size_t n)
{
	int fill = f->width - (int)n - !!sign;

	for (; !f->left && !f->zero && fill > 0; fill--)
		put(o, ' ');
	if (sign)
		put(o, sign);
	for (; !f->left && fill > 0; fill--)
		put(o, '0');
	while (n--)
		put(o, *s++);
	for (; fill > 0; fill--)
		put(o, ' ');
}

static void put_number(struct out *o, const struct spec *f, char conv, u64 v)
{
	const char *digits = conv == 'X' ? "0123456789ABCDEF"
					 : "0123456789abcdef";
	const unsigned base = conv == 'u' || conv == 'd' ? 10 : 16;
	const bool negative = conv == 'd' && (s64)v < 0;
	char tmp[24], *p = tmp + sizeof(tmp);

	if (negative)
		v = -v;
	do
		*--p = digits[v % base];
	while (v /= base);
	put_field(o, f, negative ? '-' : 0, p, tmp + sizeof(tmp) - p);
}

/* An argument of the size that h, hh, l, ll and z name. */
static u64 integer(const struct spec *f, bool is_signed, va_list *ap)
{
	const u64 v = f->length > 0 ? va_arg(*ap, u64) : va_arg(*ap, u32);
	const unsigned unused = f->length > 0 ? 0 : f->length == 0 ? 32 :
				f->length == -1 ? 48 : 56;

	return is_signed ? (u64)((s64)(v << unused) >> unused)
			 : v << unused >> unused;
}

/* A number in the format, or * for an argument. */
static int read_number(const char **p, va_list *ap)
{
	int n = 0;

	if (**p == '*') {
		++*p;
		n = va_arg(*ap, int);
		return MIN(n, 1000);
	}
	for (; **p >= '0' && **p <= '9'; ++*p)
		n = MIN(n * 10 + (**p - '0'), 1000);
	return n;
}

static const char *read_spec(const char *p, struct spec *f, va_list *ap)
{
	*f = (struct spec){ .precision = -1 };
	for (; *p == '-' || *p == '0' || *p == '#' || *p == '+' || *p == ' '; p++) {
		f->left |= *p == '-';
		f->zero |= *p == '0';
	}
	f->width = read_number(&p, ap);
	if (*p == '.') {
		p++;
		f->precision = read_number(&p, ap);
	}
	for (; *p == 'h' || *p == 'l' || *p == 'z'; p++)
		f->length += *p == 'h' ? -1 : 1;
	f->zero &= !f->left;
	return p;
}

static void convert(struct out *o, struct spec *f, char conv, va_list *ap)
{
	const char *s;
	char c;

	switch (conv) {
	case 'c':
		c = va_arg(*ap, int);
		f->zero = false;
		put_field(o, f, 0, &c, 1);
		break;
	case 's':
		s = va_arg(*ap, const char *);
		s = s ? s : "(null)";
		f->zero = false;
		put_field(o, f, 0, s, f->precision < 0 ? strlen(s) :
				      strnlen(s, f->precision));
		break;
	case 'p':
		put(o, '0');
		put(o, 'x');
		put_number(o, f, 'x', va_arg(*ap, u64));
		break;
	case 'd':
	case 'i':
		put_number(o, f, 'd', integer(f, true, ap));
		break;
	case 'u':
	case 'x':
	case 'X':
		put_number(o, f, conv, integer(f, false, ap));
		break;
	default:
		put(o, '%');
		put(o, conv);
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
