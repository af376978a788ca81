/* SPDX-License-Identifier: MIT */
/*
 * A front-end that does what it likes with its ring, its pages and its grants,
 * between our steps, and a disk that holds transfers back, fails, or outlives
 * the process that asked.  Input: a script, one byte of what, then its bytes.
 * Whatever it does, we touch only our memory, come to an end, and have all
 * pages back when nothing is under way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/blk-model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct model m;
static const uint8_t *in;
static size_t left;

static uint32_t eat(uint32_t n)
{
	uint32_t v = 0;

	while (n-- && left) {
		v = v << 8 | *in++;
		left--;
	}
	return v;
}

/* A request that is nearly right: mutations of it reach further than noise. */
static void send_some(void)
{
	blkif_request_t r = model_transfer(eat(1) % 8, eat(1), eat(1), eat(1),
					   eat(1) % 13);
	uint32_t spoil = eat(1) % 4;

	while (spoil--)
		((uint8_t *)&r)[eat(1) % sizeof(r)] = eat(1);
	model_send(&m, &r);
}

static void spoil_ring(void)
{
	uint32_t at = eat(2) % sizeof(m.ring_mem);

	m.ring_mem[at] = eat(1);
}

static void check(void)
{
	uint32_t rounds = 0;
	int rc;

	while ((rc = engine_run(&m.engine)) > 0)
		if (++rounds > 10000)
			abort();
	if (rc < 0 && rc != -EPROTO)
		abort();
	if (rc < 0 && (!m.engine.broken || !m.engine.reason[0]))
		abort();
	if (!m.engine.in_flight && !m.engine.waiting &&
	    m.engine.pool.nr_free != BLK_POOL_PAGES)
		abort();
}

static void heir(void)
{
	model_drain(&m, eat(1) % 2);
	model_reborn(&m);
	if (model_attach(&m, eat(1) % 4 != 0))
		engine_detach(&m.engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	blkif_response_t rsp;
	uint32_t n;

	in = data;
	left = size;
	model_init(&m, 32u << (eat(1) % 2));
	n = eat(1);
	m.persistent = n % 2;
	m.image.can_scatter = n / 2 % 2 == 0;
	m.engine.rules.readonly = eat(1) % 4 == 0;
	if (model_attach(&m, false))
		abort();
	while (left) {
		switch (eat(1) % 12) {
		case 0: case 1: case 2:
			send_some();
			break;
		case 3:
			spoil_ring();
			break;
		case 4:
			m.page[eat(1)][eat(2) % 4096] = eat(1);
			break;
		case 5:
			m.revoked[eat(1)] ^= true;
			break;
		case 6:
			m.hold = eat(1) % 2;
			break;
		case 7:
			m.fail = eat(1) % 3 ? 0 : -EIO;
			break;
		case 8:
			for (n = eat(1) % 8; n && model_answer(&m, &rsp); n--)
				;
			break;
		case 9:
			heir();
			break;
		case 10:
			model_ring(&m)->req_prod = eat(1) % 3 ?
				m.req_prod + eat(1) % 40 : eat(4);
			break;
		default:
			check();
			break;
		}
	}
	m.hold = false;
	check();
	engine_detach(&m.engine);
	check();
	if (m.engine.pool.nr_free != BLK_POOL_PAGES)
		abort();
	model_free(&m);
	return 0;
}
