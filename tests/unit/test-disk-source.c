/* SPDX-License-Identifier: MIT */
/* What a guest's disk is opened as, on real files. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "supervisor/disk-server.h"
#include "supervisor/disk-source.h"
#include "supervisor/image-head.h"

CU_ErrorCode test_disk_source_register(void);

static char folder[64], raw[96], other[96];

static bool write_file(const char *path, const void *bytes, size_t len,
		       off_t size)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	bool ok = fd >= 0 && write(fd, bytes, len) == (ssize_t)len &&
		!ftruncate(fd, size);

	close(fd);
	return ok;
}

static int set_up(void)
{
	strcpy(folder, "/tmp/test-disk.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(raw, sizeof(raw), "%s/a.img", folder);
	snprintf(other, sizeof(other), "%s/b.img", folder);
	return write_file(raw, "raw", 3, 8192) &&
	       write_file(other, "other", 5, 8192) ? 0 : -1;
}

static int tear_down(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static struct guest_disk disk(char *path)
{
	return (struct guest_disk){ .source = path, .target = (char *)"xvda" };
}

/* Opening must fail and say SENTENCE (without the path and ": "). */
static void refused(const struct guest_disk *d, const char *path,
		    const char *sentence)
{
	struct disk_source s;
	char *why = NULL, want[512];

	snprintf(want, sizeof(want), "%s: %s", path, sentence);
	CU_ASSERT(disk_source_open(d, "web", 7, false, &s, &why) < 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	CU_ASSERT_STRING_EQUAL(why, want);
	if (strcmp(why, want))
		fprintf(stderr, "\n  got:  %s\n  want: %s\n", why, want);
	CU_ASSERT_EQUAL(s.fd, -1);
	CU_ASSERT_PTR_NULL(s.holder);
	free(why);
}

static void opened(const struct guest_disk *d, const char *guest,
		   struct disk_source *s)
{
	char *why = NULL;
	int rc = disk_source_open(d, guest, 7, false, s, &why);

	if (rc)
		fprintf(stderr, "\n  %s\n", why);
	CU_ASSERT_EQUAL_FATAL(rc, 0);
	CU_ASSERT_PTR_NULL(why);
}

static void a_file_is_opened_as_the_xml_says(void)
{
	struct guest_disk d = disk(raw);
	struct disk_source s;
	char text[4] = "";

	opened(&d, "web", &s);
	CU_ASSERT_EQUAL(s.mode, DISK_SOURCE_FILE);
	CU_ASSERT_EQUAL(fcntl(s.fd, F_GETFL) & O_ACCMODE, O_RDWR);
	CU_ASSERT_EQUAL(fcntl(s.fd, F_GETFD), FD_CLOEXEC);
	CU_ASSERT_EQUAL(pread(s.fd, text, 3, 0), 3);
	CU_ASSERT_STRING_EQUAL(text, "raw");
	CU_ASSERT_FALSE(s.direct);
	CU_ASSERT_STRING_EQUAL(s.flush, "normal");
	disk_source_close(&s);
	d.readonly = true;
	d.cache = (char *)"writethrough";
	opened(&d, "web", &s);
	CU_ASSERT_EQUAL(fcntl(s.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	CU_ASSERT(s.readonly);
	CU_ASSERT_STRING_EQUAL(s.flush, "each");
	disk_source_close(&s);
	d.cache = (char *)"unsafe";
	opened(&d, "web", &s);
	CU_ASSERT_STRING_EQUAL(s.flush, "ignore");
	disk_source_close(&s);
	CU_ASSERT_STRING_EQUAL(disk_source_mode_name(s.mode), "file");
}

static void without_a_cache_means_o_direct_or_a_refusal(void)
{
	struct guest_disk d = disk(raw);
	struct disk_source s;
	char *why = NULL;

	d.cache = (char *)"none";
	if (disk_source_open(&d, "web", 7, false, &s, &why)) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(why);
		CU_ASSERT_PTR_NOT_NULL(strstr(why, "(O_DIRECT)"));
		free(why);
		return;
	}
	CU_ASSERT(fcntl(s.fd, F_GETFL) & O_DIRECT);
	CU_ASSERT(s.direct);
	disk_source_close(&s);
}

static void what_cannot_be_a_disk_is_refused_in_a_sentence(void)
{
	char path[96];
	struct guest_disk d = disk(path);
	struct guest_backing below = { .format = GUEST_DISK_RAW,
				       .source = other };

	snprintf(path, sizeof(path), "%s/none.img", folder);
	refused(&d, path, "No such file or directory");
	strcpy(path, folder);
	refused(&d, path, "it is neither a file nor a block device");
	snprintf(path, sizeof(path), "%s/fifo", folder);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	refused(&d, path, "it is neither a file nor a block device");
	d.type = GUEST_DISK_BLOCK;
	strcpy(path, raw);
	refused(&d, path, "it is a file, for which the disk's type is file");
	d.type = GUEST_DISK_FILE;
	snprintf(path, sizeof(path), "%s/short", folder);
	CU_ASSERT(write_file(path, "", 0, 511));
	refused(&d, path, "it is shorter than one sector");
	strcpy(path, raw);
	d.backing = &below;
	d.backing_count = 1;
	refused(&d, path, "a raw image is not based on another image, but <backingStore> names one");
}

static void a_disk_is_nobody_elses(void)
{
	char link_to[96];
	struct guest_disk d = disk(raw), e = disk(link_to), f = disk(other);
	struct disk_source s, t;

	/* By another name it is the same file. */
	snprintf(link_to, sizeof(link_to), "%s/link", folder);
	CU_ASSERT_EQUAL(symlink(raw, link_to), 0);
	e.target = (char *)"xvdb";
	opened(&d, "web", &s);
	refused(&e, link_to, "it is in use by guest \"web\" (xvda)");
	e.readonly = true;
	refused(&e, link_to, "it is in use by guest \"web\" (xvda)");
	opened(&f, "db", &t);
	disk_source_close(&t);
	disk_source_close(&s);
	opened(&e, "db", &s);
	refused(&d, raw, "it is in use by guest \"db\" (xvdb)");
	d.readonly = true;
	opened(&d, "web", &t);
	disk_source_close(&t);
	disk_source_close(&s);
}

static void those_who_share_both_say_so(void)
{
	struct guest_disk d = disk(raw), e = disk(raw);
	struct disk_source s, t;

	d.shareable = true;
	opened(&d, "web", &s);
	refused(&e, raw, "it is in use by guest \"web\" (xvda), and not both say <shareable/>");
	e.readonly = true;	/* it does not expect a writer */
	refused(&e, raw, "it is in use by guest \"web\" (xvda), and not both say <shareable/>");
	e.readonly = false;
	e.shareable = true;
	opened(&e, "db", &t);
	disk_source_close(&t);
	disk_source_close(&s);
}

static void other_programs_locks_count(void)
{
	struct guest_disk d = disk(raw);
	struct flock l = { .l_type = F_RDLCK, .l_start = 100, .l_len = 1 };
	int fd = open(raw, O_RDWR);
	struct disk_source s;

	CU_ASSERT_EQUAL_FATAL(fcntl(fd, F_OFD_SETLK, &l), 0);
	refused(&d, raw, "another program has locked it");
	d.readonly = true;
	opened(&d, "web", &s);
	disk_source_close(&s);
	close(fd);
	d.readonly = false;
	opened(&d, "web", &s);
	fd = open(raw, O_RDWR);
	CU_ASSERT_EQUAL(fcntl(fd, F_OFD_SETLK, &l), -1);
	close(fd);
	disk_source_close(&s);
}

static void *close_later(void *fd)
{
	usleep(50000);
	close(*(int *)fd);
	return NULL;
}

static void the_next_back_end_waits_for_the_last_ones_io(void)
{
	struct guest_disk d = disk(raw);
	struct disk_source s;
	char *why = NULL, moved[112];
	int theirs;
	pthread_t thread;
	struct stat before, after;

	opened(&d, "web", &s);
	CU_ASSERT_EQUAL(fstat(s.fd, &before), 0);
	/* A number that nothing else gets. */
	theirs = fcntl(s.fd, F_DUPFD, 200);
	disk_source_handed(&s);
	CU_ASSERT_EQUAL(s.fd, -1);
	refused(&d, raw, "it is in use by guest \"web\" (xvda)");
	/* What the name leads to now is another file. */
	snprintf(moved, sizeof(moved), "%s.old", raw);
	CU_ASSERT_EQUAL(rename(raw, moved), 0);
	CU_ASSERT(write_file(raw, "new", 3, 4096));
	pthread_create(&thread, NULL, close_later, &theirs);
	CU_ASSERT_EQUAL(disk_source_open(&d, "web", 7, true, &s, &why), 0);
	CU_ASSERT_EQUAL(fcntl(theirs, F_GETFD), -1);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(fstat(s.fd, &after), 0);
	CU_ASSERT_EQUAL(before.st_ino, after.st_ino);
	disk_source_close(&s);
	CU_ASSERT_EQUAL(rename(moved, raw), 0);
}

static void a_new_supervisor_knows_who_holds_what(void)
{
	struct guest_disk d = disk(raw);
	struct disk_source s;
	char *why = NULL;

	CU_ASSERT_EQUAL(disk_source_adopt(&d, "web", 7, &s), 0);
	CU_ASSERT_EQUAL(s.fd, -1);
	refused(&d, raw, "it is in use by guest \"web\" (xvda)");
	CU_ASSERT_EQUAL(disk_source_open(&d, "web", 7, true, &s, &why), 0);
	CU_ASSERT(s.fd >= 0);
	disk_source_close(&s);
	opened(&d, "db", &s);
	disk_source_close(&s);
}

static void an_empty_drive_needs_nothing(void)
{
	struct guest_disk d = disk(NULL);
	struct disk_source s;

	d.cdrom = d.readonly = true;
	opened(&d, "web", &s);
	CU_ASSERT_EQUAL(s.mode, DISK_SOURCE_EMPTY);
	CU_ASSERT_EQUAL(s.fd, -1);
	disk_source_close(&s);
}

/* ---- Network ---- */

static void a_network_disk_is_a_connection(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct guest_disk d = disk((char *)"export"), e;
	struct disk_source s;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), peer;
	char c = 0;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/nbd", folder);
	d.type = GUEST_DISK_NETWORK;
	d.socket = un.sun_path;
	refused(&d, un.sun_path, "No such file or directory");
	CU_ASSERT_EQUAL(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	CU_ASSERT_EQUAL(listen(listener, 1), 0);
	opened(&d, "web", &s);
	CU_ASSERT_EQUAL(s.mode, DISK_SOURCE_NBD);
	CU_ASSERT_STRING_EQUAL(s.export_name, "export");
	peer = accept(listener, NULL, NULL);
	CU_ASSERT_EQUAL(write(s.fd, "x", 1), 1);
	CU_ASSERT_EQUAL(read(peer, &c, 1), 1);
	CU_ASSERT_EQUAL(c, 'x');
	e = d;
	CU_ASSERT_EQUAL(d.readonly, false);
	{
		char name[256];

		snprintf(name, sizeof(name), "nbd+unix:///export?socket=%s",
			 un.sun_path);
		refused(&e, name, "it is in use by guest \"web\" (xvda)");
	}
	close(peer);
	disk_source_close(&s);
	close(listener);
}

struct server {
	int fd;
	_Atomic int bytes;
};

/* A server that ends a connection when it has done all. */
static void *serve_all(void *arg)
{
	struct server *s = arg;
	char c;

	while (read(s->fd, &c, 1) == 1)
		s->bytes++;
	close(s->fd);
	return NULL;
}

static void a_new_connection_waits_for_the_end_of_the_old_one(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct guest_disk d = disk((char *)"export");
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct server old = { 0 };
	struct disk_source s;
	pthread_t thread;
	char *why;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/nbd2", folder);
	d.type = GUEST_DISK_NETWORK;
	d.socket = un.sun_path;
	CU_ASSERT_EQUAL(bind(listener, (struct sockaddr *)&un, sizeof(un)), 0);
	CU_ASSERT_EQUAL(listen(listener, 2), 0);
	opened(&d, "web", &s);
	old.fd = accept(listener, NULL, NULL);
	/* The back-end asks, and dies. */
	CU_ASSERT_EQUAL(write(s.fd, "abcdef", 6), 6);
	disk_source_handed(&s);
	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, serve_all, &old), 0);
	CU_ASSERT_EQUAL(disk_source_open(&d, "web", 7, true, &s, &why), 0);
	CU_ASSERT_EQUAL(old.bytes, 6);
	CU_ASSERT(s.fd >= 0);
	pthread_join(thread, NULL);
	disk_source_close(&s);
	close(listener);
}

static void a_host_that_is_not_there_is_named(void)
{
	struct guest_disk d = disk((char *)"");

	d.type = GUEST_DISK_NETWORK;
	d.host = (char *)"127.0.0.1";
	d.port = (char *)"1";
	refused(&d, "nbd://127.0.0.1:1", "Connection refused");
}

/* ---- Images ---- */

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static void make_qcow2(uint8_t head[IMAGE_HEAD_SIZE], const char *backing)
{
	memset(head, 0, IMAGE_HEAD_SIZE);
	memcpy(head, "QFI\xfb", 4);
	put32(head + 4, 3);
	if (backing) {
		put32(head + 12, 512);
		put32(head + 16, (uint32_t)strlen(backing));
		memcpy(head + 512, backing, strlen(backing));
	}
}

static const char *check(enum guest_disk_format format, const uint8_t *head,
			 struct image_head *h)
{
	return image_head_check(format, head, IMAGE_HEAD_SIZE, NULL, h);
}

static void heads_of_images_are_read_with_suspicion(void)
{
	uint8_t head[IMAGE_HEAD_SIZE];
	struct image_head h;

	make_qcow2(head, NULL);
	CU_ASSERT_PTR_NULL(check(GUEST_DISK_QCOW2, head, &h));
	CU_ASSERT_FALSE(h.has_backing);
	CU_ASSERT_STRING_EQUAL(check(GUEST_DISK_VPC, head, &h),
			       "it is not a VHD image");
	make_qcow2(head, "ba\nse");
	CU_ASSERT_PTR_NULL(check(GUEST_DISK_QCOW2, head, &h));
	CU_ASSERT(h.has_backing);
	CU_ASSERT_STRING_EQUAL(h.backing, "ba?se");
	/* A name that lies elsewhere is still a backing image. */
	put32(head + 12, 1u << 20);
	CU_ASSERT_PTR_NULL(check(GUEST_DISK_QCOW2, head, &h));
	CU_ASSERT(h.has_backing);
	CU_ASSERT_STRING_EQUAL(h.backing, "");
	put32(head + 16, 5000);
	CU_ASSERT_STRING_EQUAL(check(GUEST_DISK_QCOW2, head, &h),
			       "the name of its backing image is damaged");
	make_qcow2(head, NULL);
	put32(head + 76, 1 << 2);
	CU_ASSERT_STRING_EQUAL(check(GUEST_DISK_QCOW2, head, &h),
			       "its data is in another file, which is not supported");
	make_qcow2(head, NULL);
	put32(head + 32, 1);
	CU_ASSERT_STRING_EQUAL(check(GUEST_DISK_QCOW2, head, &h),
			       "encrypted images are not supported");
	make_qcow2(head, NULL);
	put32(head + 4, 4);
	CU_ASSERT_STRING_EQUAL(check(GUEST_DISK_QCOW2, head, &h),
			       "its qcow2 version is not known");
	memcpy(head, "conectix", 8);
	put32(head + 60, 4);
	CU_ASSERT_STRING_EQUAL(check(GUEST_DISK_VPC, head, &h),
			       "VHD images with a parent are not supported");
	put32(head + 60, 3);
	CU_ASSERT_PTR_NULL(check(GUEST_DISK_VPC, head, &h));
}

static void a_backing_image_is_followed_only_if_named(void)
{
	uint8_t head[IMAGE_HEAD_SIZE];
	char top[96];
	struct guest_disk d = disk(top);
	struct guest_disk e = disk(other);
	struct disk_source s;
	struct guest_backing below = { .format = GUEST_DISK_RAW,
				       .source = other };

	snprintf(top, sizeof(top), "%s/top.qcow2", folder);
	d.format = GUEST_DISK_QCOW2;
	make_qcow2(head, "/etc/shadow");
	CU_ASSERT(write_file(top, head, sizeof(head), sizeof(head)));
	refused(&d, top, "it is based on \"/etc/shadow\", which is followed only if <backingStore> names it");
	make_qcow2(head, NULL);
	CU_ASSERT(write_file(top, head, sizeof(head), sizeof(head)));
	d.backing = &below;
	d.backing_count = 1;
	refused(&d, top, "it is not based on another image, but <backingStore> names one");
	/* Who has it is said of the file that somebody has. */
	opened(&e, "web", &s);
	refused(&d, other, "it is in use by guest \"web\" (xvda)");
	disk_source_close(&s);
	CU_ASSERT(write_file(top, "raw bytes", 9, 4096));
	refused(&d, top, "it is not a qcow2 image");
}

static void the_server_is_told_every_file_and_format(void)
{
	struct disk_server_image two[2] = {
		{ .format = GUEST_DISK_QCOW2 }, { .format = GUEST_DISK_RAW } };
	char *json = disk_server_json(two, 2);

	CU_ASSERT_STRING_EQUAL(json,
		"json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/0\",\"locking\":\"off\"},"
		"\"backing\":{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"/1\",\"locking\":\"off\"}}}");
	free(json);
	json = disk_server_json(two, 1);
	CU_ASSERT_STRING_EQUAL(json,
		"json:{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/0\",\"locking\":\"off\"},\"backing\":null}");
	free(json);
}

/* ---- A real server; needs root and qemu-utils ---- */

static bool can_serve(void)
{
	return !geteuid() && !access("/usr/bin/qemu-img", X_OK) &&
	       !access("image-server", X_OK);
}

static void shell(const char *fmt, ...)
{
	char command[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	CU_ASSERT_EQUAL(system(command), 0);
}

static void a_qcow2_image_is_served_by_a_process_of_its_own(void)
{
	char top[96], greeting[9] = "", *why = NULL;
	struct guest_disk d = disk(top);
	struct guest_backing below = { .format = GUEST_DISK_RAW,
				       .source = other };
	struct disk_source s;

	if (!can_serve())
		return;
	disk_server_program = "./image-server";
	snprintf(top, sizeof(top), "%s/served.qcow2", folder);
	shell("cd %s && qemu-img create -q -f qcow2 -b b.img -F raw served.qcow2",
	      folder);
	d.format = GUEST_DISK_QCOW2;
	d.backing = &below;
	d.backing_count = 1;
	opened(&d, "web", &s);
	CU_ASSERT_EQUAL(s.mode, DISK_SOURCE_NBD);
	CU_ASSERT_STRING_EQUAL(s.export_name, "");
	/* The greeting is still there for who speaks NBD. */
	CU_ASSERT_EQUAL(recv(s.fd, greeting, 8, 0), 8);
	CU_ASSERT_STRING_EQUAL(greeting, "NBDMAGIC");
	/* The server has the lock, and gives it up when it ends. */
	disk_source_handed(&s);
	CU_ASSERT_EQUAL(disk_source_open(&d, "web", 7, true, &s, &why), 0);
	CU_ASSERT(s.fd >= 0);
	free(why);
	disk_source_close(&s);
	/* A damaged image: the server's own words. */
	shell("printf xxxx | dd of=%s bs=1 seek=20 conv=notrunc status=none",
	      top);
	CU_ASSERT(disk_source_open(&d, "web", 7, false, &s, &why) < 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(why);
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "served.qcow2: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(why, "luster"));
	free(why);
}

CU_ErrorCode test_disk_source_register(void)
{
	CU_pSuite s = CU_add_suite("disk-source", set_up, tear_down);

	if (!s)
		return CU_get_error();
	CU_ADD_TEST(s, a_file_is_opened_as_the_xml_says);
	CU_ADD_TEST(s, without_a_cache_means_o_direct_or_a_refusal);
	CU_ADD_TEST(s, what_cannot_be_a_disk_is_refused_in_a_sentence);
	CU_ADD_TEST(s, a_disk_is_nobody_elses);
	CU_ADD_TEST(s, those_who_share_both_say_so);
	CU_ADD_TEST(s, other_programs_locks_count);
	CU_ADD_TEST(s, the_next_back_end_waits_for_the_last_ones_io);
	CU_ADD_TEST(s, a_new_supervisor_knows_who_holds_what);
	CU_ADD_TEST(s, an_empty_drive_needs_nothing);
	CU_ADD_TEST(s, a_network_disk_is_a_connection);
	CU_ADD_TEST(s, a_new_connection_waits_for_the_end_of_the_old_one);
	CU_ADD_TEST(s, a_host_that_is_not_there_is_named);
	CU_ADD_TEST(s, heads_of_images_are_read_with_suspicion);
	CU_ADD_TEST(s, a_backing_image_is_followed_only_if_named);
	CU_ADD_TEST(s, the_server_is_told_every_file_and_format);
	CU_ADD_TEST(s, a_qcow2_image_is_served_by_a_process_of_its_own);
	return CU_get_error();
}
