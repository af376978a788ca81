/* SPDX-License-Identifier: MIT */
/*
 * The disk engine against a guest, grants and a disk in memory: what is asked
 * is done, what is wrong is refused or ends the device with a sentence, and
 * wherever its process is killed, an heir answers every request exactly once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "blk-model.h"

CU_ErrorCode test_blk_engine_register(void);

static struct model m;

static void begin(void)
{
	model_init(&m, 32);
	CU_ASSERT_EQUAL_FATAL(model_attach(&m, false), 0);
}

static void send(uint8_t op, uint64_t id, uint64_t sector, uint32_t gref,
		 uint32_t pages)
{
	blkif_request_t r = model_transfer(op, id, sector, gref, pages);

	model_send(&m, &r);
}

/* The one answer there is. */
static int answer(uint64_t id, uint8_t op)
{
	blkif_response_t rsp = { .status = -99 };

	CU_ASSERT_TRUE_FATAL(model_answer(&m, &rsp));
	CU_ASSERT_EQUAL(rsp.id, id);
	CU_ASSERT_EQUAL(rsp.operation, op);
	return rsp.status;
}

static void expect_broken(const char *words)
{
	blkif_response_t rsp;

	CU_ASSERT_EQUAL(model_run(&m), -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(m.engine.reason, words));
	CU_ASSERT_FALSE(model_answer(&m, &rsp));
	/* Nobody is served any more, and nothing is lost of the pool. */
	m.hold = false;
	engine_run(&m.engine);
	CU_ASSERT_EQUAL(m.engine.in_flight, 0);
	CU_ASSERT_EQUAL(m.engine.pool.nr_free, BLK_POOL_PAGES);
	model_free(&m);
}

static void a_write_is_read_back(void)
{
	begin();
	memset(m.page[3], 0xa5, 2 * 4096);
	send(BLKIF_OP_WRITE, 77, 16, 3, 2);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(77, BLKIF_OP_WRITE), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.disk[16 * 512 - 1], 0);
	CU_ASSERT_EQUAL(m.disk[16 * 512], 0xa5);
	CU_ASSERT_EQUAL(m.disk[16 * 512 + 8191], 0xa5);
	CU_ASSERT_EQUAL(m.disk[16 * 512 + 8192], 0);
	send(BLKIF_OP_READ, 78, 24, 9, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(78, BLKIF_OP_READ), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.page[9][0], 0xa5);
	CU_ASSERT_EQUAL(m.page[9][4095], 0xa5);
	CU_ASSERT_EQUAL(m.page[10][0], 0);
	CU_ASSERT_EQUAL(m.engine.pool.nr_free, BLK_POOL_PAGES);
	model_free(&m);
}

static void parts_of_pages_go_where_they_belong(void)
{
	blkif_request_t r = model_transfer(BLKIF_OP_READ, 1, 8, 4, 2);

	begin();
	for (unsigned int i = 0; i < 4096; i++)
		m.disk[4096 + i] = i / 512 + 1;
	r.seg[0].first_sect = 2;
	r.seg[0].last_sect = 3;
	r.seg[1].first_sect = 7;
	model_send(&m, &r);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(1, BLKIF_OP_READ), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.page[4][1023], 0);
	CU_ASSERT_EQUAL(m.page[4][1024], 1);
	CU_ASSERT_EQUAL(m.page[4][2047], 2);
	CU_ASSERT_EQUAL(m.page[4][2048], 0);
	CU_ASSERT_EQUAL(m.page[5][7 * 512 - 1], 0);
	CU_ASSERT_EQUAL(m.page[5][7 * 512], 3);
	model_free(&m);
}

static blkif_request_t indirect(uint8_t op, uint64_t id, uint64_t sector,
				uint32_t table, uint32_t gref, uint32_t nr)
{
	struct blkif_request_segment *s = (void *)m.page[table];
	blkif_request_indirect_t in;
	blkif_request_t r;

	memset(&r, 0, sizeof(r));
	memset(&in, 0, sizeof(in));
	in.operation = BLKIF_OP_INDIRECT;
	in.indirect_op = op;
	in.nr_segments = nr;
	in.id = id;
	in.sector_number = sector;
	in.indirect_grefs[0] = table;
	for (uint32_t i = 0; i < nr && i < 512; i++)
		s[i] = (struct blkif_request_segment){ gref + i, 0, 7 };
	memcpy(&r, &in, sizeof(in));
	return r;
}

static void an_indirect_request_is_answered_by_what_it_does(void)
{
	blkif_request_t r;

	begin();
	r = indirect(BLKIF_OP_WRITE, 5, 0, 1, 10, 32);
	for (unsigned int i = 0; i < 32; i++)
		memset(m.page[10 + i], i + 1, 4096);
	model_send(&m, &r);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(5, BLKIF_OP_WRITE), BLKIF_RSP_OKAY);
	for (unsigned int i = 0; i < 32; i++)
		CU_ASSERT_EQUAL(m.disk[i * 4096 + 17], i + 1);
	model_free(&m);
}

static void many_requests_cost_one_grant_operation(void)
{
	begin();
	for (unsigned int i = 0; i < 32; i++)
		send(BLKIF_OP_READ, i, i * 8, 10 + i, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(m.copies, 1);
	CU_ASSERT_EQUAL(m.kicks, 1);
	CU_ASSERT_EQUAL(m.events, 1);
	for (unsigned int i = 0; i < 32; i++) {
		blkif_response_t rsp;

		CU_ASSERT_TRUE(model_answer(&m, &rsp));
		CU_ASSERT_EQUAL(rsp.status, BLKIF_RSP_OKAY);
	}
	model_free(&m);
}

static void grants_stay(bool can_scatter)
{
	blkif_request_t r;

	model_init(&m, 32);
	m.persistent = true;
	m.image.can_scatter = can_scatter;
	CU_ASSERT_EQUAL_FATAL(model_attach(&m, false), 0);
	for (unsigned int turn = 0; turn < 3; turn++) {
		memset(m.page[3], 0x30 + turn, 2 * 4096);
		send(BLKIF_OP_WRITE, 1, 16, 3, 2);
		CU_ASSERT_EQUAL(model_run(&m), 0);
		CU_ASSERT_EQUAL(answer(1, BLKIF_OP_WRITE), BLKIF_RSP_OKAY);
		CU_ASSERT_EQUAL(m.disk[16 * 512], 0x30 + turn);
		CU_ASSERT_EQUAL(m.disk[16 * 512 + 8191], 0x30 + turn);
		r = model_transfer(BLKIF_OP_READ, 2, 17, 9, 1);
		r.seg[0].first_sect = 3;
		r.seg[0].last_sect = 4;
		model_send(&m, &r);
		CU_ASSERT_EQUAL(model_run(&m), 0);
		CU_ASSERT_EQUAL(answer(2, BLKIF_OP_READ), BLKIF_RSP_OKAY);
		CU_ASSERT_EQUAL(m.page[9][3 * 512 - 1], 0);
		CU_ASSERT_EQUAL(m.page[9][3 * 512], 0x30 + turn);
		CU_ASSERT_EQUAL(m.page[9][5 * 512 - 1], 0x30 + turn);
		CU_ASSERT_EQUAL(m.page[9][5 * 512], 0);
	}
	CU_ASSERT_EQUAL(m.copies, 0);
	CU_ASSERT_EQUAL(m.maps, 2);
	CU_ASSERT_EQUAL(m.engine.nr_kept, 3);
	/* What cannot be mapped is copied, from then on. */
	r = model_transfer(BLKIF_OP_WRITE, 3, 0, 20, 2);
	r.seg[1].gref = 40;
	model_send(&m, &r);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(3, BLKIF_OP_WRITE), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.copies, 1);
	CU_ASSERT_EQUAL(m.engine.pool.nr_free, BLK_POOL_PAGES);
	model_free(&m);
}

static void grants_that_stay_are_mapped_once_and_not_copied(void)
{
	grants_stay(true);
}

/* A device that past the cache reads and writes memory itself: only ours. */
static void a_device_never_has_a_page_of_the_guest(void)
{
	grants_stay(false);
}

static void what_is_out_of_the_disk_fails(void)
{
	static const uint64_t at[] = {
		MODEL_DISK / 512 - 7, MODEL_DISK / 512, ~0ull, ~0ull - 6,
		1ull << 55, (1ull << 55) + 1,
	};

	begin();
	for (unsigned int i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		send(BLKIF_OP_WRITE, i, at[i], 1, 1);
		CU_ASSERT_EQUAL(model_run(&m), 0);
		CU_ASSERT_EQUAL(answer(i, BLKIF_OP_WRITE), BLKIF_RSP_ERROR);
	}
	send(BLKIF_OP_WRITE, 9, MODEL_DISK / 512 - 8, 1, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(9, BLKIF_OP_WRITE), BLKIF_RSP_OKAY);
	model_free(&m);
}

static void a_read_only_disk_is_not_written(void)
{
	blkif_request_t d;

	begin();
	m.engine.rules.readonly = true;
	memset(m.page[1], 1, 4096);
	send(BLKIF_OP_WRITE, 1, 0, 1, 1);
	send(BLKIF_OP_WRITE_BARRIER, 2, 0, 1, 1);
	memset(&d, 0, sizeof(d));
	d.operation = BLKIF_OP_DISCARD;
	d.id = 3;
	model_send(&m, &d);
	send(BLKIF_OP_READ, 4, 0, 2, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(1, BLKIF_OP_WRITE), BLKIF_RSP_ERROR);
	CU_ASSERT_EQUAL(answer(2, BLKIF_OP_WRITE_BARRIER), BLKIF_RSP_ERROR);
	CU_ASSERT_EQUAL(answer(3, BLKIF_OP_DISCARD), BLKIF_RSP_ERROR);
	CU_ASSERT_EQUAL(answer(4, BLKIF_OP_READ), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.disk[0], 0);
	model_free(&m);
}

static void a_flush_reaches_the_disk(void)
{
	begin();
	send(BLKIF_OP_FLUSH_DISKCACHE, 1, 0, 0, 0);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(1, BLKIF_OP_FLUSH_DISKCACHE), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.flushes, 1);
	m.engine.flush_ignored = true;
	send(BLKIF_OP_FLUSH_DISKCACHE, 2, 0, 0, 0);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(2, BLKIF_OP_FLUSH_DISKCACHE), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.flushes, 1);
	m.fail = -EIO;
	m.engine.flush_ignored = false;
	send(BLKIF_OP_FLUSH_DISKCACHE, 3, 0, 0, 0);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(3, BLKIF_OP_FLUSH_DISKCACHE), BLKIF_RSP_ERROR);
	model_free(&m);
}

static void a_barrier_lets_nothing_pass(void)
{
	blkif_response_t rsp;

	begin();
	memset(m.page[1], 1, 4096);
	memset(m.page[2], 2, 4096);
	memset(m.page[3], 3, 4096);
	m.hold = true;
	send(BLKIF_OP_WRITE, 1, 0, 1, 1);
	send(BLKIF_OP_WRITE_BARRIER, 2, 0, 2, 1);
	send(BLKIF_OP_WRITE, 3, 0, 3, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	/* Only the first has gone. */
	CU_ASSERT_EQUAL(m.nr_under_way, 1);
	CU_ASSERT_FALSE(model_answer(&m, &rsp));
	m.hold = false;
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(1, BLKIF_OP_WRITE), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(answer(2, BLKIF_OP_WRITE_BARRIER), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(answer(3, BLKIF_OP_WRITE), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.flushes, 1);
	CU_ASSERT_EQUAL(m.dsyncs, 1);
	CU_ASSERT_EQUAL(m.disk[0], 3);
	model_free(&m);
}

/*
 * Each block holds the number of the write that it had last.  What had been
 * answered when a flush was sent is safe when that flush is answered, whatever
 * else is under way, in whatever order it ends, and whoever was killed.
 */
enum { BLOCKS = 24, FLUSH_ID = 100 };

struct promise {
	uint32_t sent[BLOCKS], answered[BLOCKS], promised[BLOCKS];
	uint32_t at_flush[BLOCKS], at_barrier[BLOCKS];
	bool busy[BLOCKS], flushing, barrier[BLOCKS];
	uint32_t checks;
};

static void promise_write(struct promise *p, uint32_t b, bool barrier)
{
	if (p->busy[b])
		return;
	p->busy[b] = true;
	p->barrier[b] = barrier;
	p->sent[b]++;
	memcpy(p->at_barrier, p->answered, sizeof(p->at_barrier));
	for (uint32_t i = 0; i < 4096; i += 4)
		memcpy(&m.page[1 + b][i], &p->sent[b], 4);
	send(barrier ? BLKIF_OP_WRITE_BARRIER : BLKIF_OP_WRITE, b, b * 8,
	     1 + b, 1);
}

static void promise_keep(uint32_t *promised, const uint32_t *then)
{
	for (uint32_t b = 0; b < BLOCKS; b++)
		if (then[b] > promised[b])
			promised[b] = then[b];
}

static void promise_answers(struct promise *p)
{
	blkif_response_t rsp;
	uint32_t is;

	while (model_answer(&m, &rsp)) {
		CU_ASSERT_EQUAL(rsp.status, BLKIF_RSP_OKAY);
		if (rsp.id == FLUSH_ID) {
			p->flushing = false;
			promise_keep(p->promised, p->at_flush);
			continue;
		}
		p->busy[rsp.id] = false;
		p->answered[rsp.id] = p->sent[rsp.id];
		if (p->barrier[rsp.id])
			promise_keep(p->promised, p->at_barrier);
		if (p->barrier[rsp.id] || m.engine.flush_each)
			p->promised[rsp.id] = p->sent[rsp.id];
	}
	for (uint32_t b = 0; b < BLOCKS; b++) {
		memcpy(&is, m.safe + b * 4096, 4);
		CU_ASSERT(is >= p->promised[b]);
		p->checks += p->promised[b] > 0;
	}
}

static bool promise_barrier_waits(const struct promise *p)
{
	for (uint32_t b = 0; b < BLOCKS; b++)
		if (p->busy[b] && p->barrier[b])
			return true;
	return false;
}

static void promise_reborn(bool each)
{
	model_drain(&m, model_random(&m) & 1);
	model_reborn(&m);
	m.engine.flush_each = each;
	CU_ASSERT_EQUAL_FATAL(model_attach(&m, true), 0);
}

static void what_a_flush_promised_survives_the_machine(void)
{
	static struct promise p;
	uint32_t checks = 0;

	for (uint32_t seed = 1; seed <= 60; seed++) {
		const bool each = seed % 5 == 0;

		begin();
		memset(&p, 0, sizeof(p));
		m.seed = seed;
		m.engine.flush_each = each;
		for (int i = 0; i < 400; i++) {
			switch (model_random(&m) % 16) {
			case 0:
				if (p.flushing)
					break;
				p.flushing = true;
				memcpy(p.at_flush, p.answered, sizeof(p.at_flush));
				send(BLKIF_OP_FLUSH_DISKCACHE, FLUSH_ID, 0, 0, 0);
				break;
			case 1:
				if (!promise_barrier_waits(&p))
					promise_write(&p, model_random(&m) % BLOCKS, true);
				break;
			case 2:
				m.hold = !m.hold;
				break;
			case 3:
				if (model_random(&m) % 4 == 0)
					promise_reborn(each);
				break;
			case 4: case 5: case 6: case 7:
				CU_ASSERT_EQUAL(model_run(&m), 0);
				promise_answers(&p);
				break;
			default:
				/* at_barrier is of one barrier only. */
				if (!promise_barrier_waits(&p))
					promise_write(&p, model_random(&m) % BLOCKS, false);
			}
		}
		checks += p.checks;
		model_drain(&m, true);
		m.engine.in_flight = 0;
		model_free(&m);
	}
	CU_ASSERT(checks > 10000);
}

static void a_discard_is_passed_on_or_not_supported(void)
{
	blkif_request_discard_t d;
	blkif_request_t r;

	begin();
	memset(m.disk, 7, MODEL_DISK);
	memset(&r, 0, sizeof(r));
	memset(&d, 0, sizeof(d));
	d.operation = BLKIF_OP_DISCARD;
	d.id = 4;
	d.sector_number = 8;
	d.nr_sectors = 16;
	memcpy(&r, &d, sizeof(d));
	model_send(&m, &r);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(4, BLKIF_OP_DISCARD), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.disk[4095], 7);
	CU_ASSERT_EQUAL(m.disk[4096], 0);
	CU_ASSERT_EQUAL(m.disk[12287], 0);
	CU_ASSERT_EQUAL(m.disk[12288], 7);
	m.engine.rules.discard = false;
	model_send(&m, &r);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(4, BLKIF_OP_DISCARD), BLKIF_RSP_EOPNOTSUPP);
	m.engine.rules.discard = true;
	d.nr_sectors = ~0ull;
	memcpy(&r, &d, sizeof(d));
	model_send(&m, &r);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(4, BLKIF_OP_DISCARD), BLKIF_RSP_ERROR);
	model_free(&m);
}

static void an_unknown_operation_is_not_supported(void)
{
	begin();
	send(BLKIF_OP_RESERVED_1, 1, 0, 1, 1);
	send(200, 2, 0, 1, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(1, BLKIF_OP_RESERVED_1), BLKIF_RSP_EOPNOTSUPP);
	CU_ASSERT_EQUAL(answer(2, 200), BLKIF_RSP_EOPNOTSUPP);
	model_free(&m);
}

static void a_failing_disk_fails_requests_only(void)
{
	begin();
	m.fail = -EIO;
	send(BLKIF_OP_READ, 1, 0, 1, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(1, BLKIF_OP_READ), BLKIF_RSP_ERROR);
	m.fail = 0;
	send(BLKIF_OP_READ, 2, 0, 1, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(2, BLKIF_OP_READ), BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(m.engine.stats.errors, 1);
	model_free(&m);
}

/* ---- guests that break the protocol ---- */

static void an_index_out_of_range_ends_it(void)
{
	begin();
	model_ring(&m)->req_prod = 33;
	expect_broken("index of requests 33 past the last answer, on a ring of 32");
	begin();
	send(BLKIF_OP_READ, 1, 0, 1, 1);
	m.hold = true;
	model_run(&m);
	model_ring(&m)->req_prod = 0;	/* taken back */
	expect_broken("index of requests back by 1");
}

static void a_segment_outside_its_page_ends_it(void)
{
	blkif_request_t r = model_transfer(BLKIF_OP_READ, 1, 0, 1, 1);

	begin();
	r.seg[0].last_sect = 8;
	model_send(&m, &r);
	expect_broken("segment");
	begin();
	r.seg[0].first_sect = 5;
	r.seg[0].last_sect = 4;
	model_send(&m, &r);
	expect_broken("segment");
}

static void too_many_segments_end_it(void)
{
	blkif_request_t r = model_transfer(BLKIF_OP_READ, 1, 0, 1, 1);

	begin();
	r.nr_segments = 12;
	model_send(&m, &r);
	expect_broken("11");
	begin();
	r.nr_segments = 0;
	model_send(&m, &r);
	expect_broken("without segments");
	begin();
	r = indirect(BLKIF_OP_READ, 1, 0, 1, 2, 257);
	model_send(&m, &r);
	expect_broken("not offered");
	begin();
	r = indirect(BLKIF_OP_FLUSH_DISKCACHE, 1, 0, 1, 2, 1);
	model_send(&m, &r);
	expect_broken("neither");
}

static void a_grant_that_is_not_there_ends_it(void)
{
	begin();
	send(BLKIF_OP_WRITE, 1, 0, 1, 1);
	send(BLKIF_OP_WRITE, 2, 0, MODEL_PAGES + 5, 1);
	expect_broken("grant 261");
	begin();
	send(BLKIF_OP_READ, 1, 0, 1, 1);
	m.hold = true;
	CU_ASSERT_EQUAL(model_run(&m), 0);
	m.revoked[1] = true;
	m.hold = false;
	expect_broken("grant 1 ");
	CU_ASSERT_EQUAL(m.disk[0], 0);
}

static void many_broken_ones_do_not_leak_pages(void)
{
	begin();
	m.hold = true;
	for (unsigned int i = 0; i < 20; i++)
		send(BLKIF_OP_READ, i, i, 1 + i, 1);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	send(BLKIF_OP_WRITE, 30, 0, 9999, 1);
	expect_broken("grant 9999");
}

/* ---- limits ---- */

static void a_limit_holds_what_is_too_much(void)
{
	struct blk_limits l = { .bucket[BLK_TOTAL_IOPS].avg = 10 };
	blkif_response_t rsp;
	unsigned int n = 0;

	begin();
	blk_limits_set(&m.engine.limits, &l);
	m.now_ns = 1000000000;
	for (unsigned int i = 0; i < 30; i++)
		send(BLKIF_OP_READ, i, i, 1, 1);
	for (unsigned int tenths = 0; tenths < 10; tenths++) {
		CU_ASSERT_EQUAL(model_run(&m), 0);
		CU_ASSERT_NOT_EQUAL(m.engine.wait_ns, 0);
		m.now_ns += 100000000;
	}
	while (model_answer(&m, &rsp))
		n++;
	CU_ASSERT(n >= 9 && n <= 12);
	for (unsigned int s = 0; s < 40; s++) {
		model_run(&m);
		m.now_ns += 100000000;
	}
	while (model_answer(&m, &rsp))
		n++;
	CU_ASSERT_EQUAL(n, 30);
	model_free(&m);
}

static void a_burst_is_paid_back(void)
{
	struct blk_limits l = { 0 }, set = {
		.bucket[BLK_WRITE_BYTES] = { 1000000, 4000000, 2, 0, 0 },
	};
	uint64_t now = 1, sent = 0;

	blk_limits_set(&l, &set);
	/* Ten seconds of as much as it lets through. */
	while (now < 10000000000ull) {
		const uint64_t wait = blk_limits_ask(&l, now, true, 4096);

		if (wait)
			now += wait;
		else
			sent += 4096;
		if (now < 1000000000)
			CU_ASSERT(sent < 4500000);
	}
	CU_ASSERT(sent > 17000000 && sent < 19000000);
	CU_ASSERT_EQUAL(blk_limits_ask(&l, now, false, 1 << 20), 0);
}

/* ---- the pool ---- */

static void runs_of_pages_never_overlap(void)
{
	static uint8_t owner[BLK_POOL_PAGES];
	struct { int32_t at; uint32_t n; } run[64];
	struct blk_pool p;
	uint32_t nr = 0;

	memset(owner, 0, sizeof(owner));
	CU_ASSERT_EQUAL_FATAL(blk_pool_init(&p), 0);
	model_init(&m, 32);
	for (unsigned int i = 0; i < 20000; i++) {
		if (nr < 64 && model_random(&m) % 2) {
			const uint32_t n = 1 + model_random(&m) % 200;
			const int32_t at = blk_pool_take(&p, n);

			if (at < 0)
				continue;
			for (uint32_t k = at; k < at + n; k++)
				CU_ASSERT_EQUAL_FATAL(owner[k]++, 0);
			run[nr].at = at;
			run[nr++].n = n;
		} else if (nr) {
			const uint32_t r = model_random(&m) % nr;

			memset(owner + run[r].at, 0, run[r].n);
			blk_pool_put(&p, run[r].at, run[r].n);
			run[r] = run[--nr];
		}
	}
	while (nr--)
		blk_pool_put(&p, run[nr].at, run[nr].n);
	CU_ASSERT_EQUAL(p.nr_free, BLK_POOL_PAGES);
	CU_ASSERT_EQUAL(blk_pool_take(&p, BLK_POOL_PAGES), 0);
	CU_ASSERT_EQUAL(blk_pool_take(&p, 1), -1);
	blk_pool_free(&p);
	model_free(&m);
}

/* ---- death ---- */

#define STORY	48u	/* requests of one story: the ring turns over */

static jmp_buf killed;
static uint32_t countdown;
static uint8_t answered[STORY];

static void maybe_killed(struct model *model)
{
	(void)model;
	if (countdown && !--countdown)
		longjmp(killed, 1);
}

/* Each request has its own place on the disk and its own page. */
static void story_send(unsigned int i)
{
	blkif_request_t r;

	switch (i % 4) {
	case 0: case 1:
		memset(m.page[i + 2], 0x40 + i, 4096);
		send(BLKIF_OP_WRITE, i, i * 8, i + 2, 1);
		break;
	case 2:
		/* Reads what no one writes: put there beforehand. */
		send(BLKIF_OP_READ, i, i * 8, i + 2, 1);
		break;
	default:
		memset(m.page[i + 2], 0x40 + i, 4096);
		r = indirect(BLKIF_OP_WRITE, i, i * 8, 100 + i, i + 2, 1);
		model_send(&m, &r);
		break;
	}
}

/* What the guest may rely on, the moment it has the answer. */
static void story_check(const blkif_response_t *rsp)
{
	const unsigned int i = rsp->id;

	CU_ASSERT_FATAL(i < STORY);
	CU_ASSERT_EQUAL(rsp->status, BLKIF_RSP_OKAY);
	CU_ASSERT_EQUAL(answered[i], 0);
	answered[i]++;
	if (i % 4 == 2) {
		CU_ASSERT_EQUAL(m.page[i + 2][0], 0x40 + i);
		CU_ASSERT_EQUAL(m.page[i + 2][4095], 0x40 + i);
	} else {
		CU_ASSERT_EQUAL(m.disk[i * 4096], 0x40 + i);
		CU_ASSERT_EQUAL(m.disk[i * 4096 + 4095], 0x40 + i);
	}
	/* The page is the guest's again, for something else. */
	memset(m.page[i + 2], 0xee, 4096);
}

/* The guest: some new requests, the answers, until all are answered. */
static bool story_turn(unsigned int *sent, unsigned int *done)
{
	blkif_response_t rsp;

	while (model_answer(&m, &rsp)) {
		story_check(&rsp);
		++*done;
	}
	while (*sent < STORY && *sent - *done < 16 && model_random(&m) % 8)
		story_send((*sent)++);
	return *done < STORY;
}

/* The process is killed at step @first, and its heir after @second more. */
static bool story(uint32_t first, uint32_t second, uint32_t seed)
{
	static volatile unsigned int deaths;
	static unsigned int sent, done;
	volatile bool resume = false;

	memset(answered, 0, sizeof(answered));
	sent = done = deaths = 0;
	model_init(&m, 32);
	m.seed = seed;
	m.persistent = seed % 2;
	m.image.can_scatter = seed % 3;
	for (unsigned int i = 2; i < STORY; i += 4)
		memset(m.disk + i * 4096, 0x40 + i, 4096);
	countdown = first;
	m.step = maybe_killed;
	if (setjmp(killed)) {
		deaths++;
		/* Its transfers end before anybody else is let in. */
		model_drain(&m, model_random(&m) % 2);
		/* The guest does not wait for the heir. */
		countdown = 0;
		if (model_random(&m) % 2)
			story_turn(&sent, &done);
		countdown = deaths == 1 ? second : 0;
		model_reborn(&m);
		resume = true;
	}
	CU_ASSERT_EQUAL_FATAL(model_attach(&m, resume), 0);
	while (story_turn(&sent, &done)) {
		m.hold = model_random(&m) % 3 == 0;
		CU_ASSERT_EQUAL_FATAL(model_run(&m), 0);
	}
	CU_ASSERT_EQUAL(model_ring(&m)->rsp_prod, STORY);
	CU_ASSERT_EQUAL(m.engine.pool.nr_free, BLK_POOL_PAGES);
	model_free(&m);
	m.step = NULL;
	return deaths > 0;
}

static void killed_anywhere_nothing_is_lost_or_told_twice(void)
{
	uint32_t at = 1;

	for (uint32_t seed = 1; seed < 4; seed++)
		for (at = 1; story(at, 0, seed); at++)
			;
	/* The story has that many places to die in. */
	CU_ASSERT(at > 400);
}

static void killed_again_while_going_on(void)
{
	for (uint32_t first = 1; first < 900; first += 3)
		for (uint32_t second = 1; second < 90; second += 7)
			story(first, second, first);
}

static void a_journal_of_another_ring_is_refused(void)
{
	begin();
	send(BLKIF_OP_READ, 1, 0, 1, 1);
	m.hold = true;
	CU_ASSERT_EQUAL(model_run(&m), 0);
	/* The guest claims an answer that nobody gave. */
	model_ring(&m)->rsp_prod = 1;
	model_reborn(&m);
	CU_ASSERT_EQUAL(model_attach(&m, true), -EPROTO);
	model_ring(&m)->rsp_prod = 0;
	m.journal.head.req_cons = 2;
	CU_ASSERT_EQUAL(model_attach(&m, true), -ESTALE);
	m.journal.head.req_cons = 1;
	m.journal.head.slots = 64;
	CU_ASSERT_EQUAL(model_attach(&m, true), -ESTALE);
	m.journal.head.slots = 32;
	m.nr_under_way = 0;
	m.hold = false;
	CU_ASSERT_EQUAL(model_attach(&m, true), 0);
	CU_ASSERT_EQUAL(model_run(&m), 0);
	CU_ASSERT_EQUAL(answer(1, BLKIF_OP_READ), BLKIF_RSP_OKAY);
	model_free(&m);
}

CU_ErrorCode test_blk_engine_register(void)
{
	CU_TestInfo tests[] = {
		{ "a write is read back", a_write_is_read_back },
		{ "parts of pages go where they belong",
		  parts_of_pages_go_where_they_belong },
		{ "an indirect request is answered by what it does",
		  an_indirect_request_is_answered_by_what_it_does },
		{ "many requests cost one grant operation",
		  many_requests_cost_one_grant_operation },
		{ "grants that stay are mapped once and not copied",
		  grants_that_stay_are_mapped_once_and_not_copied },
		{ "a device never has a page of the guest",
		  a_device_never_has_a_page_of_the_guest },
		{ "what is out of the disk fails", what_is_out_of_the_disk_fails },
		{ "a read-only disk is not written",
		  a_read_only_disk_is_not_written },
		{ "a flush reaches the disk", a_flush_reaches_the_disk },
		{ "what a flush promised survives the machine",
		  what_a_flush_promised_survives_the_machine },
		{ "a barrier lets nothing pass", a_barrier_lets_nothing_pass },
		{ "a discard is passed on or not supported",
		  a_discard_is_passed_on_or_not_supported },
		{ "an unknown operation is not supported",
		  an_unknown_operation_is_not_supported },
		{ "a failing disk fails requests only",
		  a_failing_disk_fails_requests_only },
		{ "an index out of range ends it", an_index_out_of_range_ends_it },
		{ "a segment outside its page ends it",
		  a_segment_outside_its_page_ends_it },
		{ "too many segments end it", too_many_segments_end_it },
		{ "a grant that is not there ends it",
		  a_grant_that_is_not_there_ends_it },
		{ "many broken ones do not leak pages",
		  many_broken_ones_do_not_leak_pages },
		{ "a limit holds what is too much",
		  a_limit_holds_what_is_too_much },
		{ "a burst is paid back", a_burst_is_paid_back },
		{ "runs of pages never overlap", runs_of_pages_never_overlap },
		{ "killed anywhere, nothing is lost or told twice",
		  killed_anywhere_nothing_is_lost_or_told_twice },
		{ "killed again while going on", killed_again_while_going_on },
		{ "a journal of another ring is refused",
		  a_journal_of_another_ring_is_refused },
		CU_TEST_INFO_NULL,
	};
	CU_SuiteInfo suites[] = {
		{ "blk-engine", NULL, NULL, NULL, NULL, tests },
		CU_SUITE_INFO_NULL,
	};

	return CU_register_suites(suites);
}
