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
	bool zero;
	bool wide;			/* l, ll or z: 64 bits */
	int width, precision;		/* -1: not given */
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

	for (; !f->zero && fill > 0; fill--)
		put(o, ' ');
	if (sign)
		put(o, sign);
	for (; fill > 0; fill--)
		put(o, '0');
	while (n--)
		put(o, *s++);
}

static void put_number(struct out *o, const struct spec *f, char conv,
		       va_list *ap)
{
	u64 v = f->wide ? va_arg(*ap, u64) : va_arg(*ap, u32);
	const unsigned base = conv == 'x' ? 16 : 10;
	char tmp[24], *p = tmp + sizeof(tmp), sign = 0;

	if (conv == 'd' && (f->wide ? (s64)v : (s32)v) < 0) {
		sign = '-';
		v = f->wide ? -v : (u32)-v;
	}
	do
		*--p = "0123456789abcdef"[v % base];
	while (v /= base);
	put_field(o, f, sign, p, tmp + sizeof(tmp) - p);
}

/* A number in the format, or * for an argument. */
static int read_number(const char **p, va_list *ap)
{
	int n = 0;

	if (**p == '*') {
		++*p;
		n = va_arg(*ap, int);
	}
	for (; **p >= '0' && **p <= '9'; ++*p)
		n = MIN(n * 10 + (**p - '0'), 1000);
	return MIN(n, 1000);
}

static const char *read_spec(const char *p, struct spec *f, va_list *ap)
{
	*f = (struct spec){ .precision = -1, .zero = *p == '0' };
	f->width = read_number(&p, ap);
	if (*p == '.') {
		p++;
		f->precision = read_number(&p, ap);
	}
	for (; *p == 'l' || *p == 'z'; p++)
		f->wide = true;
	return p;
}

static void convert(struct out *o, struct spec *f, char conv, va_list *ap)
{
	const char *s;

	switch (conv) {
	case 's':
		s = va_arg(*ap, const char *);
		s = s ? s : "(null)";
		put_field(o, f, 0, s, f->precision < 0 ? strlen(s) :
				      strnlen(s, f->precision));
		break;
	case 'd':
	case 'u':
	case 'x':
		put_number(o, f, conv, ap);
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
