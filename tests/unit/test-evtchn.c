/* SPDX-License-Identifier: MIT */
/* Event channels: pairs, virtual interrupts, masks, 2-level and FIFO. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include <hyp/evtchn-port.h>
#include <hyp/frame-alloc.h>
#include <hyp/hypercall.h>
#include <hyp/memory.h>

#include "machine.h"

CU_ErrorCode test_evtchn_register(void);

static struct domain *a, *b;

#define CALL(cmd, ...) ({ \
	__typeof__(__VA_ARGS__) op_ = __VA_ARGS__; \
	do_event_channel_op(cmd, (u64)&op_); })

static void setup(void)
{
	machine_boot();
	a = machine_domain(true);
	b = machine_domain(false);
}

static u32 offer(struct domain *d, domid_t remote)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF,
					   .remote_dom = remote };

	machine_as(0, d->vcpu[0]);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, (u64)&op),
			0);
	return op.port;
}

static long try_bind(struct domain *d, domid_t remote, u32 port, u32 *mine)
{
	struct evtchn_bind_interdomain op = { .remote_dom = remote,
					      .remote_port = port };
	long rc;

	machine_as(0, d->vcpu[0]);
	rc = do_event_channel_op(EVTCHNOP_bind_interdomain, (u64)&op);
	*mine = op.local_port;
	return rc;
}

static long send(struct domain *d, u32 port)
{
	machine_as(0, d->vcpu[0]);
	return CALL(EVTCHNOP_send, (struct evtchn_send){ port });
}

static bool pending2(struct domain *d, u32 port)
{
	return bit_test((u64 *)d->shared->evtchn_pending, port);
}

/* As a guest does: takes the upcall, the selector and the port. */
static void consume2(struct domain *d, u32 port)
{
	struct vcpu_info *i = d->vcpu[0]->info;

	i->evtchn_upcall_pending = 0;
	i->evtchn_pending_sel = 0;
	bit_test_and_clear((u64 *)d->shared->evtchn_pending, port);
}

static void pair(u32 *pa, u32 *pb)
{
	*pa = offer(a, b->id);
	CU_ASSERT_EQUAL(try_bind(b, a->id, *pa, pb), 0);
	consume2(b, *pb);
}

static u32 status(struct domain *d, u32 port, struct evtchn_status *st)
{
	*st = (struct evtchn_status){ .dom = DOMID_SELF, .port = port };
	machine_as(0, d->vcpu[0]);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_status, (u64)st), 0);
	return st->status;
}

static void *close_in_b(void *port)
{
	machine_as(1, b->vcpu[0]);
	return (void *)CALL(EVTCHNOP_close,
			    (struct evtchn_close){ (u32)(uintptr_t)port });
}

/* Both ends close at once: the second one finds its port unbound. */
static void a_close_that_comes_second_closes_too(void)
{
	struct evtchn *ec;
	pthread_t t;
	u32 pa, pb;
	void *rc;

	setup();
	pair(&pa, &pb);
	machine_as(0, a->vcpu[0]);
	lock(&a->evtchn.lock);
	pthread_create(&t, NULL, close_in_b, (void *)(uintptr_t)pb);
	/* It waits for the lock of its other end, which is taken first. */
	CU_ASSERT(a->id < b->id);
	while (atomic_load(&a->evtchn.lock.ticket) >> 16 ==
	       ((atomic_load(&a->evtchn.lock.ticket) + 1) & 0xffff))
		sched_yield();
	lock(&b->evtchn.lock);
	ec = evtchn_at(a, pa);
	ec->kind = PORT_FREE;
	ec->remote = NULL;
	ec = evtchn_at(b, pb);
	ec->kind = PORT_UNBOUND;
	ec->remote = NULL;
	ec->remote_id = a->id;
	unlock(&b->evtchn.lock);
	unlock(&a->evtchn.lock);
	pthread_join(t, &rc);
	CU_ASSERT_EQUAL((long)rc, 0);
	CU_ASSERT_EQUAL(ec->kind, PORT_FREE);
}

static void a_send_reaches_the_other_end(void)
{
	u32 pa, pb;

	setup();
	pair(&pa, &pb);
	CU_ASSERT_EQUAL(send(a, pa), 0);
	CU_ASSERT_TRUE(pending2(b, pb));
	CU_ASSERT_FALSE(pending2(a, pa));
	CU_ASSERT_EQUAL(b->vcpu[0]->info->evtchn_upcall_pending, 1);
	CU_ASSERT_EQUAL(b->vcpu[0]->info->evtchn_pending_sel,
			1UL << (pb / 64));
}

static void a_fresh_binding_is_pending(void)
{
	u32 pa, pb;

	setup();
	pa = offer(a, b->id);
	CU_ASSERT_EQUAL(try_bind(b, a->id, pa, &pb), 0);
	CU_ASSERT_TRUE(pending2(b, pb));
}

static void a_masked_port_is_quiet_until_unmasked(void)
{
	u32 pa, pb;

	setup();
	pair(&pa, &pb);
	bit_test_and_set((u64 *)b->shared->evtchn_mask, pb);
	send(a, pa);
	CU_ASSERT_TRUE(pending2(b, pb));
	CU_ASSERT_EQUAL(b->vcpu[0]->info->evtchn_upcall_pending, 0);
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_unmask, (struct evtchn_unmask){ pb }), 0);
	CU_ASSERT_EQUAL(b->vcpu[0]->info->evtchn_upcall_pending, 1);
}

static void a_port_offered_to_another_cannot_be_bound(void)
{
	struct domain *c;
	u32 pa, pc;

	setup();
	c = machine_domain(false);
	pa = offer(a, b->id);
	CU_ASSERT_EQUAL(try_bind(c, a->id, pa, &pc), -XEN_EINVAL);
	CU_ASSERT_EQUAL(try_bind(c, a->id, 0, &pc), -XEN_EINVAL);
	CU_ASSERT_EQUAL(try_bind(c, a->id, 9999, &pc), -XEN_EINVAL);
	CU_ASSERT_EQUAL(try_bind(c, 0x7000, pa, &pc), -XEN_ESRCH);
}

/* A restarted daemon binds the same port of the guest again. */
static void closing_one_end_leaves_the_other_unbound_for_it(void)
{
	struct evtchn_status st;
	u32 pa, pb;

	setup();
	pair(&pa, &pb);
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_close, (struct evtchn_close){ pb }), 0);
	CU_ASSERT_EQUAL(status(a, pa, &st), EVTCHNSTAT_unbound);
	CU_ASSERT_EQUAL(st.u.unbound.dom, b->id);
	CU_ASSERT_EQUAL(send(a, pa), 0);
	CU_ASSERT_EQUAL(try_bind(b, a->id, pa, &pb), 0);
	CU_ASSERT_EQUAL(status(a, pa, &st), EVTCHNSTAT_interdomain);
	CU_ASSERT_EQUAL(st.u.interdomain.port, pb);
}

static void a_pair_within_one_domain_works(void)
{
	struct evtchn_status st;
	u32 p, q;

	setup();
	p = offer(a, a->id);
	CU_ASSERT_EQUAL(try_bind(a, a->id, p, &q), 0);
	consume2(a, q);
	send(a, p);
	CU_ASSERT_TRUE(pending2(a, q));
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_close, (struct evtchn_close){ p }), 0);
	CU_ASSERT_EQUAL(status(a, q, &st), EVTCHNSTAT_unbound);
}

static long bind_virq(struct domain *d, u32 virq, u32 vcpu, u32 *port)
{
	struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };
	long rc;

	machine_as(0, d->vcpu[0]);
	rc = do_event_channel_op(EVTCHNOP_bind_virq, (u64)&op);
	*port = op.port;
	return rc;
}

static void a_virq_is_bound_once(void)
{
	u32 p, q;

	setup();
	CU_ASSERT_EQUAL(bind_virq(b, VIRQ_TIMER, 0, &p), 0);
	CU_ASSERT_EQUAL(bind_virq(b, VIRQ_TIMER, 0, &q), -XEN_EEXIST);
	CU_ASSERT_EQUAL(bind_virq(b, VIRQ_TIMER, 7, &q), -XEN_ENOENT);
	CU_ASSERT_EQUAL(bind_virq(b, NR_VIRQS, 0, &q), -XEN_EINVAL);
	CU_ASSERT_EQUAL(bind_virq(b, VIRQ_DOM_EXC, 1, &q), -XEN_EINVAL);
	evtchn_vcpu_virq(b->vcpu[0], VIRQ_TIMER);
	CU_ASSERT_TRUE(pending2(b, p));
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_close, (struct evtchn_close){ p }), 0);
	CU_ASSERT_FALSE(pending2(b, p));
	CU_ASSERT_EQUAL(bind_virq(b, VIRQ_TIMER, 0, &p), 0);
}

static void a_global_virq_goes_to_its_handler(void)
{
	u32 pa, pb;

	setup();
	CU_ASSERT_EQUAL(bind_virq(a, VIRQ_DOM_EXC, 0, &pa), 0);
	CU_ASSERT_EQUAL(bind_virq(b, VIRQ_DOM_EXC, 0, &pb), 0);
	evtchn_global_virq(VIRQ_DOM_EXC);
	CU_ASSERT_TRUE(pending2(a, pa));
	CU_ASSERT_FALSE(pending2(b, pb));
	consume2(a, pa);
	CU_ASSERT_EQUAL(evtchn_set_virq_handler(b, VIRQ_DOM_EXC), 0);
	evtchn_global_virq(VIRQ_DOM_EXC);
	CU_ASSERT_FALSE(pending2(a, pa));
	CU_ASSERT_TRUE(pending2(b, pb));
	CU_ASSERT_EQUAL(evtchn_set_virq_handler(b, VIRQ_TIMER), -XEN_EINVAL);
}

static void only_the_control_domain_has_interrupt_lines(void)
{
	struct evtchn_bind_pirq op = { .pirq = 4 };

	setup();
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, (u64)&op),
			-XEN_EPERM);
	machine_as(0, a->vcpu[0]);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, (u64)&op), 0);
	guest_irq(4);
	CU_ASSERT_TRUE(pending2(a, op.port));
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, (u64)&op),
			-XEN_EEXIST);
	op.pirq = PIRQ_MAX;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, (u64)&op),
			-XEN_EINVAL);
	/* The machine refuses line 13: nothing may stay behind. */
	op.pirq = 13;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_bind_pirq, (u64)&op),
			-XEN_EBUSY);
	CU_ASSERT_EQUAL(a->evtchn.pirq_port[13], 0);
}

static void ports_run_out_and_come_back(void)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF,
					   .remote_dom = 0 };
	u32 n = 0;

	setup();
	machine_as(0, b->vcpu[0]);
	while (!do_event_channel_op(EVTCHNOP_alloc_unbound, (u64)&op))
		n++;
	CU_ASSERT_TRUE(n > 100);
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_close, (struct evtchn_close){ 77 }), 0);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, (u64)&op),
			0);
	CU_ASSERT_EQUAL(op.port, 77);
}

/* ---- FIFO ---- */

static struct evtchn_fifo_control_block *control;
static u32 *words;

static void go_fifo(struct domain *d)
{
	struct evtchn_init_control ic = { .vcpu = 0, .offset = 0 };
	struct evtchn_expand_array ea;
	mfn_t c = memory_alloc(d, 0, 0), w = memory_alloc(d, 0, 0);

	machine_as(0, d->vcpu[0]);
	ic.control_gfn = c;
	control = frame_to_virt(c);
	words = frame_to_virt(w);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, (u64)&ic),
			0);
	CU_ASSERT_EQUAL(ic.link_bits, EVTCHN_FIFO_LINK_BITS);
	ea.array_gfn = w;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_expand_array, (u64)&ea),
			0);
}

/* Takes one port off a queue as a guest does; 0: it is empty. */
static u32 consume_fifo(u32 queue, u32 *head)
{
	u32 port = *head ? *head : control->head[queue], old;

	if (!port)
		return 0;
	old = words[port];
	words[port] &= ~((1U << EVTCHN_FIFO_LINKED) | EVTCHN_FIFO_LINK_MASK);
	*head = old & EVTCHN_FIFO_LINK_MASK;
	if (!*head) {
		control->head[queue] = 0;
		control->ready &= ~(1U << queue);
	}
	words[port] &= ~(1U << EVTCHN_FIFO_PENDING);
	return port;
}

static void events_leave_a_fifo_in_order(void)
{
	u32 p[3], q[3], head = 0, i;

	setup();
	go_fifo(b);
	for (i = 0; i < 3; i++) {
		p[i] = offer(a, b->id);
		CU_ASSERT_EQUAL(try_bind(b, a->id, p[i], &q[i]), 0);
		words[q[i]] = 0;
	}
	control->ready = 0;
	memset(control->head, 0, sizeof(control->head));
	machine_as(0, a->vcpu[0]);
	CU_ASSERT_EQUAL(send(a, p[2]), 0);
	CU_ASSERT_EQUAL(send(a, p[0]), 0);
	CU_ASSERT_EQUAL(send(a, p[1]), 0);
	CU_ASSERT_EQUAL(send(a, p[0]), 0);
	CU_ASSERT_EQUAL(control->ready, 1U << EVTCHN_FIFO_PRIORITY_DEFAULT);
	CU_ASSERT_EQUAL(consume_fifo(7, &head), q[2]);
	CU_ASSERT_EQUAL(consume_fifo(7, &head), q[0]);
	CU_ASSERT_EQUAL(consume_fifo(7, &head), q[1]);
	CU_ASSERT_EQUAL(head, 0);
	/* An emptied queue begins anew at its head. */
	CU_ASSERT_EQUAL(send(a, p[1]), 0);
	CU_ASSERT_EQUAL(control->head[7], q[1]);
}

static void a_port_moves_to_another_priority(void)
{
	u32 p, q, head = 0;

	setup();
	go_fifo(b);
	p = offer(a, b->id);
	CU_ASSERT_EQUAL(try_bind(b, a->id, p, &q), 0);
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(consume_fifo(7, &head), q);
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_set_priority,
			     (struct evtchn_set_priority){ q, 0 }), 0);
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_set_priority,
			     (struct evtchn_set_priority){ q, 16 }),
			-XEN_EINVAL);
	send(a, p);
	CU_ASSERT_EQUAL(control->ready & 1, 1);
	CU_ASSERT_EQUAL(control->head[0], q);
}

static void two_level_events_survive_the_change_to_fifo(void)
{
	struct evtchn_init_control ic = { .vcpu = 0 };
	struct evtchn_expand_array ea;
	u32 pa, pb;

	setup();
	pair(&pa, &pb);
	send(a, pa);
	machine_as(0, b->vcpu[0]);
	ic.control_gfn = memory_alloc(b, 0, 0);
	control = frame_to_virt(ic.control_gfn);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, (u64)&ic),
			0);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, (u64)&ic),
			-XEN_EINVAL);
	ea.array_gfn = memory_alloc(b, 0, 0);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_expand_array, (u64)&ea),
			0);
	CU_ASSERT_EQUAL(control->head[7], pb);
}

/* The guest may point links and heads anywhere. */
static void a_guest_that_scribbles_on_its_words_harms_only_itself(void)
{
	u32 p[2], q[2], i;

	setup();
	go_fifo(b);
	for (i = 0; i < 2; i++) {
		p[i] = offer(a, b->id);
		CU_ASSERT_EQUAL(try_bind(b, a->id, p[i], &q[i]), 0);
	}
	for (i = 0; i < 1024; i++)
		words[i] = 0xffffffff >> (i % 5);
	for (i = 0; i < 64; i++) {
		words[q[i & 1]] = i * 0x9e3779b9;
		CU_ASSERT_EQUAL(send(a, p[i & 1]), 0);
	}
}

static void fifo_control_blocks_stay_in_their_page(void)
{
	struct evtchn_init_control ic = { .vcpu = 0 };

	setup();
	machine_as(0, b->vcpu[0]);
	ic.control_gfn = memory_alloc(b, 0, 0);
	ic.offset = PAGE_SIZE - 8;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, (u64)&ic),
			-XEN_EINVAL);
	ic.offset = 4;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, (u64)&ic),
			-XEN_EINVAL);
	ic.offset = 0;
	ic.control_gfn = memory_alloc(a, 0, 0);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, (u64)&ic),
			-XEN_EINVAL);
	ic.vcpu = 3;
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_init_control, (u64)&ic),
			-XEN_ENOENT);
}

static void a_dying_domain_closes_everything(void)
{
	struct evtchn_status st;
	u32 pa, pb;

	setup();
	go_fifo(b);
	pa = offer(a, b->id);
	CU_ASSERT_EQUAL(try_bind(b, a->id, pa, &pb), 0);
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(CALL(EVTCHNOP_reset,
			     (struct evtchn_reset){ DOMID_SELF }),
			-XEN_ENOSYS);
	CU_ASSERT_EQUAL(evtchn_domain_close(b), 0);
	CU_ASSERT_PTR_NULL(b->evtchn.fifo);
	CU_ASSERT_EQUAL(status(a, pa, &st), EVTCHNSTAT_unbound);
}

static void a_bad_pointer_changes_nothing(void)
{
	struct evtchn_alloc_unbound op = { .dom = DOMID_SELF };

	setup();
	machine_as(0, b->vcpu[0]);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound,
					    0xffff800000001000), -XEN_EFAULT);
	machine_guest_fault_at(1);
	CU_ASSERT_EQUAL(do_event_channel_op(EVTCHNOP_alloc_unbound, (u64)&op),
			-XEN_EFAULT);
	CU_ASSERT_EQUAL(b->evtchn.free_hint, 1);
	CU_ASSERT_EQUAL(do_event_channel_op(99, (u64)&op), -XEN_ENOSYS);
}

CU_ErrorCode test_evtchn_register(void)
{
	CU_pSuite s = CU_add_suite("evtchn", NULL, NULL);

#define ADD(t) CU_add_test(s, #t, t)
	ADD(a_send_reaches_the_other_end);
	ADD(a_fresh_binding_is_pending);
	ADD(a_masked_port_is_quiet_until_unmasked);
	ADD(a_port_offered_to_another_cannot_be_bound);
	ADD(closing_one_end_leaves_the_other_unbound_for_it);
	ADD(a_pair_within_one_domain_works);
	ADD(a_virq_is_bound_once);
	ADD(a_global_virq_goes_to_its_handler);
	ADD(only_the_control_domain_has_interrupt_lines);
	ADD(ports_run_out_and_come_back);
	ADD(events_leave_a_fifo_in_order);
	ADD(a_port_moves_to_another_priority);
	ADD(two_level_events_survive_the_change_to_fifo);
	ADD(a_guest_that_scribbles_on_its_words_harms_only_itself);
	ADD(fifo_control_blocks_stay_in_their_page);
	ADD(a_close_that_comes_second_closes_too);
	ADD(a_dying_domain_closes_everything);
	ADD(a_bad_pointer_changes_nothing);
	return s ? CU_get_error() : CUE_NOSUITE;
}
