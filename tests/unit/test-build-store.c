/* SPDX-License-Identifier: MIT */
/*
 * What libctrl writes into the store of a guest: build-devices.c and guest.c
 * over a made-up store that has one node and remembers what is written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

/* Everything that the two call or offer gets a name of this test. */
#define build_store		made_store
#define build_store_forget	made_store_forget
#define ctrl_guest_request	made_guest_request
#define ctrl_guest_name		made_guest_name
#define ctrl_guest_rename	made_guest_rename
#define ctrl_guest_find		made_guest_find
#define ctrl_fail		told_fail
#define ctrl_store		told_store
#define ctrl_store_error	told_store_error
#define ctrl_store_read		told_store_read
#define ctrl_store_read_into	told_store_read_into
#define ctrl_store_write	told_store_write
#define ctrl_store_begin	told_store_begin
#define ctrl_store_end		told_store_end
#define ctrl_batch_new		told_batch_new
#define ctrl_batch_free		told_batch_free
#define ctrl_batch_run		told_batch_run
#define ctrl_batch_read		told_batch_read
#define ctrl_batch_write	told_batch_write
#define ctrl_batch_write_text	told_batch_write_text
#define ctrl_batch_mkdir	told_batch_mkdir
#define ctrl_batch_rm		told_batch_rm
#define ctrl_batch_set_perms	told_batch_set_perms
#define ctrl_batch_introduce	told_batch_introduce
#define ctrl_domain_info	told_domain_info
#define ctrl_domain_list	told_domain_list

#include "libctrl/build-devices.c"
#define begin			begin_again
#include "libctrl/guest.c"
#undef begin

CU_ErrorCode test_build_store_register(void);

struct ctrl_batch {
	int rc;
};

static struct {
	bool lives;		/* the guest's home is there */
	unsigned int conflicts;	/* transactions that end in EAGAIN */
	bool open, written, committed;
	size_t longest;
	unsigned long sum;	/* so that every byte is looked at */
} w;

int told_fail(struct ctrl *c, int rc, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->error, sizeof(c->error), format, ap);
	va_end(ap);
	return rc;
}

struct ctrl_store *told_store(struct ctrl *c)
{
	return (void *)c;
}

const char *told_store_error(const struct ctrl_store *s)
{
	(void)s;
	return "store: refused";
}

int told_store_begin(struct ctrl_store *s, uint32_t *tx)
{
	(void)s;
	w.open = true;
	w.written = false;
	*tx = 5;
	return 0;
}

int told_store_end(struct ctrl_store *s, uint32_t tx, bool commit)
{
	(void)s;
	CU_ASSERT_EQUAL(tx, 5);
	CU_ASSERT(w.open);
	w.open = false;
	if (commit && w.conflicts) {
		w.conflicts--;
		w.lives = false;
		return -EAGAIN;
	}
	w.committed = commit && w.written;
	return 0;
}

int told_store_read(struct ctrl_store *s, uint32_t tx, const char *path,
		    char **value, size_t *len)
{
	(void)s;
	(void)len;
	CU_ASSERT_EQUAL(tx, 5);
	CU_ASSERT_STRING_EQUAL(path, "/local/domain/7");
	*value = w.lives ? strdup("") : NULL;
	return w.lives ? 0 : -ENOENT;
}

int told_store_write(struct ctrl_store *s, uint32_t tx, const char *path,
		     const void *value, size_t len)
{
	(void)s;
	CU_ASSERT_EQUAL(tx, 5);
	CU_ASSERT_STRING_EQUAL(path, "/local/domain/7/control/shutdown");
	CU_ASSERT_EQUAL(len, 8);
	CU_ASSERT(!memcmp(value, "poweroff", 8));
	w.written = true;
	return 0;
}

int told_store_read_into(struct ctrl_store *s, uint32_t tx, const char *path,
			 char *buf, size_t n)
{
	(void)s, (void)tx, (void)path, (void)buf, (void)n;
	return -ENOENT;
}

struct ctrl_batch *told_batch_new(struct ctrl_store *s)
{
	(void)s;
	return calloc(1, sizeof(struct ctrl_batch));
}

void told_batch_free(struct ctrl_batch *b)
{
	free(b);
}

int told_batch_run(struct ctrl_batch *b, bool atomic)
{
	(void)atomic;
	return b->rc;
}

/* As libctrl's own: what fits no message is not looked at. */
void told_batch_write(struct ctrl_batch *b, const char *path,
		      const void *value, size_t len)
{
	const char *bytes = value;

	if (16 + strlen(path) + 1 + len > STORE_MESSAGE_MAX) {
		b->rc = -E2BIG;
		return;
	}
	w.longest = len > w.longest ? len : w.longest;
	while (len--)
		w.sum += (unsigned char)bytes[len];
}

void told_batch_write_text(struct ctrl_batch *b, const char *path,
			   const char *format, ...)
{
	(void)b, (void)path, (void)format;
}

void told_batch_read(struct ctrl_batch *b, const char *path, char **value)
{
	(void)b, (void)path;
	*value = NULL;
}

void told_batch_mkdir(struct ctrl_batch *b, const char *path)
{
	(void)b, (void)path;
}

void told_batch_rm(struct ctrl_batch *b, const char *path)
{
	(void)b, (void)path;
}

void told_batch_set_perms(struct ctrl_batch *b, const char *path,
			  const char *perms, size_t len)
{
	(void)b, (void)path, (void)perms, (void)len;
}

void told_batch_introduce(struct ctrl_batch *b, uint16_t domid, uint64_t mfn,
			  uint32_t port)
{
	(void)b, (void)domid, (void)mfn, (void)port;
}

int told_domain_info(struct ctrl *c, uint16_t domid,
		     struct ctrl_domain_info *info)
{
	(void)c, (void)domid, (void)info;
	return -ESRCH;
}

int told_domain_list(struct ctrl *c, uint16_t first,
		     struct ctrl_domain_info *info, uint32_t max)
{
	(void)c, (void)first, (void)info, (void)max;
	return 0;
}

/* ---- Tests ---- */

static int store_with_kernel(size_t len)
{
	char *path = malloc(len + 1);
	const struct ctrl_create_options o = { 0 };
	struct guest_config g = { .name = (char *)"web", .kernel = path,
				  .cmdline = (char *)"quiet" };
	struct block block = { .mfn = 100 };
	struct ctrl c;
	struct build b = { .c = &c, .g = &g, .o = &o, .domid = 7,
			   .frames = { 1, &block } };
	int rc;

	memset(&w, 0, sizeof(w));
	memset(path, 'k', len);
	path[0] = '/';
	path[len] = '\0';
	rc = build_store(&b);
	free(path);
	return rc;
}

static void a_long_path_is_written_as_it_is(void)
{
	CU_ASSERT_EQUAL(store_with_kernel(3000), 0);
	CU_ASSERT_EQUAL(w.longest, 3000);
	CU_ASSERT(w.sum > 2999ul * 'k');
}

static void what_fits_no_message_is_refused(void)
{
	CU_ASSERT_EQUAL(store_with_kernel(5000), -E2BIG);
}

static int asked(bool lives, unsigned int conflicts)
{
	struct ctrl c = { 0 };
	int rc;

	memset(&w, 0, sizeof(w));
	w.lives = lives;
	w.conflicts = conflicts;
	rc = ctrl_guest_request(&c, 7, "poweroff");
	CU_ASSERT(!w.open);
	if (rc == -ESRCH)
		CU_ASSERT_STRING_EQUAL(c.error, "it has ended");
	return rc;
}

static void a_guest_that_lives_is_asked(void)
{
	CU_ASSERT_EQUAL(asked(true, 0), 0);
	CU_ASSERT(w.committed);
}

static void one_that_has_gone_gets_no_nodes(void)
{
	CU_ASSERT_EQUAL(asked(false, 0), -ESRCH);
	CU_ASSERT(!w.written);
	/* It goes while it is asked. */
	CU_ASSERT_EQUAL(asked(true, 1), -ESRCH);
	CU_ASSERT(!w.committed);
}

CU_ErrorCode test_build_store_register(void)
{
#define T(f) { #f, f }
	static CU_TestInfo tests[] = {
		T(a_long_path_is_written_as_it_is),
		T(what_fits_no_message_is_refused),
		T(a_guest_that_lives_is_asked),
		T(one_that_has_gone_gets_no_nodes),
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "build-store", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
