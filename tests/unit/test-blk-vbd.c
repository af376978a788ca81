/* SPDX-License-Identifier: MIT */
/*
 * A whole disk but for Xen and the frame: a file, parameters, the nodes of a
 * guest, a ring with requests in it, and what is said when something of that
 * is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "blkback/image.h"
#include "blkback/ring.h"
#include "blkback/vbd.h"
#include "fake-backend.h"

CU_ErrorCode test_blk_vbd_register(void);

static struct backend *const b = &fake_backend;
static json_t *nodes;

static int file(uint64_t bytes)
{
	char name[] = "/tmp/blk-vbd-XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	if (fd < 0 || ftruncate(fd, bytes))
		abort();
	return fd;
}

static const char *node(const char *name)
{
	const char *s = json_string_value(json_object_get(nodes, name));

	return s ? s : "";
}

/* vbd.c serves one disk per process: each test is its only one. */
static int start(uint64_t bytes, json_t *more)
{
	json_t *msg = json_pack("{sssbss}", "mode", "file", "discard", 1,
				"flush", "normal");
	int fds[2] = { file(0), file(bytes) }, rc;

	fake_backend_start();
	json_object_update(msg, more);
	json_decref(more);
	CU_ASSERT_EQUAL_FATAL(vbd_ops.prepare(b), 0);
	nodes = json_object();
	rc = vbd_ops.start(b, msg, fds, 2, nodes);
	json_decref(msg);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return rc;
}

static int connect_with(json_t *front)
{
	int rc = vbd_ops.connect(b, front, false, nodes);

	json_decref(front);
	return rc;
}

static void end(void)
{
	vbd_ops.disconnect(b);
	CU_ASSERT_EQUAL(b->state, BACKEND_READY);
	vbd_ops.close(b);
	json_decref(nodes);
	fake_backend_end();
}

static json_t *plain(void)
{
	return json_pack("{ssssss}", "ring-ref", "8", "event-channel", "9",
			 "protocol", "x86_64-abi");
}

static void what_it_offers_is_what_the_parameters_say(void)
{
	CU_ASSERT_EQUAL(start(1 << 20, json_pack("{sb}", "readonly", 1)), 0);
	CU_ASSERT_STRING_EQUAL(node("sectors"), "2048");
	CU_ASSERT_STRING_EQUAL(node("sector-size"), "512");
	CU_ASSERT_STRING_EQUAL(node("info"), "4");
	CU_ASSERT_STRING_EQUAL(node("feature-flush-cache"), "0");
	CU_ASSERT_STRING_EQUAL(node("feature-discard"), "0");
	end();
	CU_ASSERT_EQUAL(start(1 << 20, json_pack("{sb}", "cdrom", 1)), 0);
	CU_ASSERT_STRING_EQUAL(node("info"), "7");
	end();
	CU_ASSERT_EQUAL(start((1 << 20) + 700,
			      json_pack("{sisi}", "logical", 4096, "queues", 2)), 0);
	CU_ASSERT_STRING_EQUAL(node("sectors"), "2048");
	CU_ASSERT_STRING_EQUAL(node("sector-size"), "4096");
	CU_ASSERT_STRING_EQUAL(node("physical-sector-size"), "4096");
	CU_ASSERT_STRING_EQUAL(node("multi-queue-max-queues"), "2");
	CU_ASSERT_STRING_EQUAL(node("feature-discard"), "1");
	end();
}

static void a_guest_that_asks_wrongly_is_told(void)
{
	static const struct { const char *key, *value, *words; } wrong[] = {
		{ "protocol", "x86_32-abi", "32-bit ABI (x86_32-abi)" },
		{ "protocol", "vax", "unknown ABI \"vax\"" },
		{ "ring-page-order", "5", "ring-page-order" },
		{ "num-ring-pages", "3", "no power of two" },
		{ "multi-queue-num-queues", "9", "multi-queue-num-queues" },
		{ "multi-queue-num-queues", "2", "queue-0/ring-ref" },
		{ "ring-page-order", "1", "ring-ref0" },
		{ "ring-ref", "5000", "5000" },
		{ "feature-large-sector-size", "yes", "feature-large" },
	};

	CU_ASSERT_EQUAL(start(1 << 20, json_object()), 0);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *f = plain();

		json_object_set_new(f, wrong[i].key,
				    json_string(wrong[i].value));
		/* A front-end of the fake frame cannot write "yes". */
		if (!strcmp(wrong[i].value, "yes")) {
			json_decref(f);
			continue;
		}
		b->why[0] = 0;
		CU_ASSERT_NOT_EQUAL(connect_with(f), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(b->why, wrong[i].words));
	}
	CU_ASSERT_NOT_EQUAL(connect_with(json_object()), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(b->why, "ring-ref"));
	CU_ASSERT_EQUAL(connect_with(plain()), 0);
	end();
}

static void put(blkif_sring_t *s, uint8_t op, uint64_t id, uint64_t sector,
		uint32_t gref)
{
	blkif_request_t *r = &s->ring[s->req_prod % 32].req;

	memset(r, 0, sizeof(*r));
	r->operation = op;
	r->nr_segments = op != BLKIF_OP_FLUSH_DISKCACHE;
	r->id = id;
	r->sector_number = sector;
	r->seg[0].gref = gref;
	r->seg[0].last_sect = 7;
	s->req_prod++;
}

/* Until @n answers are there: the loop sleeps for the image. */
static void serve(blkif_sring_t *s, uint32_t n)
{
	const uint32_t port = 109;

	vbd_ops.events(b, &port, 1);
	for (int i = 0; i < 1000 && s->rsp_prod != n; i++) {
		while (vbd_ops.after(b))
			;
		if (s->rsp_prod == n)
			break;
		/* Completions wake it as the loop would. */
		usleep(1000);
		vbd_ops.events(b, &port, 1);
	}
	CU_ASSERT_EQUAL_FATAL(s->rsp_prod, n);
}

static void requests_reach_the_file_and_come_back(void)
{
	blkif_sring_t *s;

	CU_ASSERT_EQUAL(start(1 << 20, json_object()), 0);
	s = (void *)fake_page[8];
	s->req_event = s->rsp_event = 1;
	CU_ASSERT_EQUAL(connect_with(plain()), 0);
	memset(fake_page[20], 0x5c, 4096);
	put(s, BLKIF_OP_WRITE, 1, 64, 20);
	put(s, BLKIF_OP_FLUSH_DISKCACHE, 2, 0, 0);
	serve(s, 2);
	CU_ASSERT(fake_notified > 0);
	put(s, BLKIF_OP_READ, 3, 64, 21);
	serve(s, 3);
	CU_ASSERT_EQUAL(s->ring[2].rsp.status, BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(memcmp(fake_page[21], fake_page[20], 4096), 0);
	CU_ASSERT_STRING_EQUAL(fake_reason, "");
	end();
}

static void who_breaks_the_protocol_is_stopped_with_a_sentence(void)
{
	const uint32_t port = 109;
	blkif_sring_t *s;

	CU_ASSERT_EQUAL(start(1 << 20, json_object()), 0);
	s = (void *)fake_page[8];
	CU_ASSERT_EQUAL(connect_with(plain()), 0);
	s->req_prod = 1000;
	vbd_ops.events(b, &port, 1);
	CU_ASSERT_FALSE(vbd_ops.after(b));
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_reason, "index"));
	CU_ASSERT_EQUAL(s->rsp_prod, 0);
	end();
}

static void events_without_requests_are_the_end(void)
{
	const uint32_t port = 109;
	unsigned int n = 0;

	CU_ASSERT_EQUAL(start(1 << 20, json_object()), 0);
	CU_ASSERT_EQUAL(connect_with(plain()), 0);
	while (!fake_reason[0] && n++ < 5000) {
		vbd_ops.events(b, &port, 1);
		while (vbd_ops.after(b))
			;
	}
	CU_ASSERT(n > 200 && n < 400);
	CU_ASSERT_PTR_NOT_NULL(strstr(fake_reason, "without a request"));
	end();
}

static void a_source_that_grew_is_told(void)
{
	json_t *msg = json_object();
	int fds[1] = { -1 };

	CU_ASSERT_EQUAL(start(1 << 20, json_object()), 0);
	CU_ASSERT_EQUAL(connect_with(plain()), 0);
	CU_ASSERT_EQUAL(vbd_ops.resize(b, msg, fds, 0, nodes), 0);
	CU_ASSERT_STRING_EQUAL(node("sectors"), "2048");
	json_decref(msg);
	end();
}

CU_ErrorCode test_blk_vbd_register(void)
{
	CU_TestInfo tests[] = {
		{ "what it offers is what the parameters say",
		  what_it_offers_is_what_the_parameters_say },
		{ "a guest that asks wrongly is told",
		  a_guest_that_asks_wrongly_is_told },
		{ "requests reach the file and come back",
		  requests_reach_the_file_and_come_back },
		{ "who breaks the protocol is stopped with a sentence",
		  who_breaks_the_protocol_is_stopped_with_a_sentence },
		{ "events without requests are the end",
		  events_without_requests_are_the_end },
		{ "a source that grew is told", a_source_that_grew_is_told },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "blk-vbd", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
