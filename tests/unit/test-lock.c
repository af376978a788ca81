/* SPDX-License-Identifier: MIT */
/* Locks: one holder at a time, in rising rank. */
#include <pthread.h>

#include <CUnit/CUnit.h>

#include <hyp/lock.h>

#include "machine.h"

CU_ErrorCode test_lock_register(void);

#define ROUNDS 20000

static struct lock shared;
static unsigned long sum;

static int boot(void)
{
	machine_boot();
	return 0;
}

static void *add(void *arg)
{
	unsigned i;

	machine_as((unsigned)(uintptr_t)arg, NULL);
	for (i = 0; i < ROUNDS; i++) {
		lock(&shared);
		sum++;
		unlock(&shared);
	}
	return NULL;
}

static void one_cpu_holds_it(void)
{
	pthread_t t[MACHINE_CPUS];
	unsigned i;

	lock_init(&shared, RANK_DOMAIN, 0);
	sum = 0;
	for (i = 0; i < MACHINE_CPUS; i++)
		pthread_create(&t[i], NULL, add, (void *)(uintptr_t)i);
	for (i = 0; i < MACHINE_CPUS; i++)
		pthread_join(t[i], NULL);
	CU_ASSERT_EQUAL(sum, MACHINE_CPUS * (unsigned long)ROUNDS);
}

static bool is_held(const struct lock *l)
{
	return (u16)l->ticket != l->ticket >> 16;
}

/* The tickets are 16 bits wide and go round. */
static void tickets_wrap(void)
{
	struct lock l;
	unsigned i;

	lock_init(&l, RANK_DOMAIN, 0);
	for (i = 0; i < 70000; i++) {
		lock(&l);
		unlock(&l);
	}
	CU_ASSERT_FALSE(is_held(&l));
}

static void a_pair_is_taken_in_order_of_ids(void)
{
	struct lock a, b;

	lock_init(&a, RANK_EVTCHN, 7);
	lock_init(&b, RANK_EVTCHN, 3);
	lock_pair(&a, &b);
	CU_ASSERT_TRUE(is_held(&a) && is_held(&b));
	unlock_pair(&a, &b);
	lock_pair(&b, &a);
	unlock_pair(&b, &a);
	lock_pair(&a, &a);
	CU_ASSERT_TRUE(is_held(&a));
	unlock_pair(&a, &a);
	CU_ASSERT_FALSE(is_held(&a) || is_held(&b));
}

CU_ErrorCode test_lock_register(void)
{
	CU_pSuite s = CU_add_suite("lock", boot, NULL);

	CU_ADD_TEST(s, one_cpu_holds_it);
	CU_ADD_TEST(s, tickets_wrap);
	CU_ADD_TEST(s, a_pair_is_taken_in_order_of_ids);
	return CU_get_error();
}
