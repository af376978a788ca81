/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: fair shares by weight.
 *
 * A vCPU's vruntime is the time it has run, divided by its weight.  Whoever
 * has the least goes first.  vruntimes of all vCPUs compare with each other;
 * vclock is the least of those that want to run now.  Who comes back from
 * sleep starts at most BONUS behind vclock (a little ahead of the others, so
 * that it answers fast), and nobody ends up more than LAG_MAX past it.
 *
 * There is one queue for each CPU.  A vCPU that wakes goes to an idle CPU if
 * there is one.  An idle CPU takes from the queues of others.  A busy CPU
 * takes, at the end of a slice, whoever has waited so long that it is BALANCE
 * behind its own best.  While nobody waits there are no slices: a CPU with
 * one runnable vCPU needs no timer, nor does an idle CPU.
 *
 * running says that a vCPU's registers are on some CPU.  It goes false under
 * the queue's lock, after they were saved; so who holds that lock and sees
 * false may let the vCPU run elsewhere.
 */
#include <hyp/sched.h>

#include <hyp/core.h>

#define MS 1000000ULL
#define SLICE	(6 * MS)	/* longest run while others wait   */
#define PREEMPT	(1 * MS)	/* lead that interrupts the current */
#define BONUS	(3 * MS)
#define BALANCE	(2 * MS)
#define LAG_MAX	(60 * MS)
#define NOBODY	(~0ULL)

static struct cpumask idle_cpus;	/* a: may be claimed by a waker */
static u32 waiting;			/* a: vCPUs in all queues */
static u64 vclock;			/* a: only grows */
static struct timer slice_timer[MAX_CPUS];

/* ---- Virtual time ---- */

static u64 virtual_ns(u64 ns, u32 weight)
{
	return likely(weight == SCHED_WEIGHT_DEFAULT) ?
	       ns : ns * SCHED_WEIGHT_DEFAULT / weight;
}

/* vruntime of c's current vCPU now.  Also for other CPUs: then a guess. */
static u64 current_vruntime(const struct cpu *c, u64 now)
{
	u64 since = now - READ_ONCE(c->rq.curr_started);
	u64 base = READ_ONCE(c->rq.curr_vruntime);

	if (base == NOBODY || (s64)since < 0)
		return base;
	return base + virtual_ns(since, READ_ONCE(c->rq.curr_weight));
}

static void advance_vclock(u64 now)
{
	u64 least = NOBODY, r;

	for_each_cpu(c) {
		r = MIN(current_vruntime(c, now),
			READ_ONCE(c->rq.head_vruntime));
		least = MIN(least, r);
	}
	if (least != NOBODY && least > READ_ONCE(vclock))
		WRITE_ONCE(vclock, least);
}

/* Who slept does not save up time; who ran alone does not owe it for ever. */
static u64 clamp_vruntime(u64 vruntime, u64 lead)
{
	u64 clock = READ_ONCE(vclock);

	if (vruntime + lead < clock)
		return clock - lead;
	return MIN(vruntime, clock + LAG_MAX);
}

/* Charges c's current vCPU for the time until now.  Lock: s. */
static void charge(struct cpu *c, struct vcpu *v, u64 now)
{
	struct vcpu_sched *s = &v->sched;

	if ((s64)(now - s->started) > 0) {
		s->vruntime += virtual_ns(now - s->started, s->weight);
		s->started = now;
	}
	WRITE_ONCE(c->rq.curr_started, now);
	WRITE_ONCE(c->rq.curr_vruntime, s->vruntime);
}

/* ---- Queues ---- */

static struct vcpu *queue_head(struct runqueue *rq)
{
	return list_empty(&rq->queue) ? NULL :
	       list_first(&rq->queue, struct vcpu, sched.link);
}

static void note_head(struct runqueue *rq)
{
	struct vcpu *v = queue_head(rq);

	WRITE_ONCE(rq->head_vruntime, v ? v->sched.vruntime : NOBODY);
}

/* Behind its equals, so that a yield lets everybody else go first. */
static void enqueue(struct cpu *c, struct vcpu *v)
{
	struct runqueue *rq = &c->rq;
	struct list *p = rq->queue.prev;

	while (p != &rq->queue &&
	       list_entry(p, struct vcpu, sched.link)->sched.vruntime >
	       v->sched.vruntime)
		p = p->prev;
	list_add(p, &v->sched.link);
	rq->count++;
	atomic_add(&waiting, 1);
	note_head(rq);
}

static void dequeue(struct cpu *c, struct vcpu *v)
{
	list_del(&v->sched.link);
	c->rq.count--;
	atomic_sub(&waiting, 1);
	note_head(&c->rq);
}

/* Locks the queue that v belongs to. */
static struct cpu *lock_queue_of(struct vcpu *v)
{
	struct cpu *c;

	for (;;) {
		c = READ_ONCE(v->sched.cpu);
		lock(&c->rq.lock);
		if (likely(c == v->sched.cpu))
			return c;
		unlock(&c->rq.lock);
	}
}

static bool may_run_on(const struct vcpu *v, const struct cpu *c)
{
	return likely(!v->sched.pinned) ||
	       cpumask_test(&v->sched.affinity, c->id);
}

/* ---- Waking ---- */

static bool claim_idle(u32 cpu)
{
	return cpumask_test(&idle_cpus, cpu) &&
	       bit_test_and_clear(idle_cpus.bits, cpu);
}

/* An idle CPU, best the one where it ran last; else that one, busy. */
static struct cpu *choose_cpu(struct vcpu *v, struct cpu *last)
{
	struct cpu *fallback = NULL;
	bool here = may_run_on(v, last);

	if (here && claim_idle(last->id))
		return last;
	for_each_cpu(c) {
		if (!may_run_on(v, c))
			continue;
		if (claim_idle(c->id))
			return c;
		if (!fallback ||
		    READ_ONCE(c->rq.count) < READ_ONCE(fallback->rq.count))
			fallback = c;
	}
	return here || !fallback ? last : fallback;
}

/* v stands in c's queue.  Must c look at it now?  Lock: s. */
static bool should_kick(const struct cpu *c, const struct vcpu *v, u64 now)
{
	/* The first one that waits on a busy CPU starts its slices. */
	return c->rq.idle || c->rq.count == 1 ||
	       v->sched.vruntime + PREEMPT < current_vruntime(c, now);
}

void sched_wake(struct vcpu *v)
{
	struct vcpu_sched *s = &v->sched;
	struct cpu *c = lock_queue_of(v), *to;
	bool kick;
	u64 now;

	if (s->running || !list_empty(&s->link) || !vcpu_is_runnable(v)) {
		unlock(&c->rq.lock);
		return;
	}
	now = arch_now();
	vtime_runstate(v, RUNSTATE_runnable, now);
	to = choose_cpu(v, c);
	if (to != c) {
		s->cpu = to;
		unlock(&c->rq.lock);
		lock(&to->rq.lock);
		/* In between it was nobody's: somebody may have queued it. */
		if (s->cpu != to || s->running || !list_empty(&s->link) ||
		    !vcpu_is_runnable(v)) {
			unlock(&to->rq.lock);
			cpu_post_work(to, WORK_RESCHED);
			return;
		}
	}
	if (!to->rq.idle)
		advance_vclock(now);
	s->vruntime = clamp_vruntime(s->vruntime, BONUS);
	enqueue(to, v);
	kick = should_kick(to, v, now);
	unlock(&to->rq.lock);
	if (kick)
		cpu_post_work(to, WORK_RESCHED);
}

static int stopped_state(const struct vcpu *v)
{
	return v->blocked ? RUNSTATE_blocked : RUNSTATE_offline;
}

void sched_sleep(struct vcpu *v)
{
	struct cpu *c = lock_queue_of(v);
	bool running = v->sched.running;

	if (!running && !list_empty(&v->sched.link) && !vcpu_is_runnable(v)) {
		dequeue(c, v);
		vtime_runstate(v, stopped_state(v), arch_now());
	}
	unlock(&c->rq.lock);
	if (running)
		cpu_post_work(c, WORK_RESCHED);
}

int sched_set_affinity(struct vcpu *v, const struct cpumask *m)
{
	struct vcpu_sched *s = &v->sched;
	bool some = false, all = true, running;
	struct cpu *c;

	for_each_cpu(one) {
		some |= cpumask_test(m, one->id);
		all &= cpumask_test(m, one->id);
	}
	if (!some)
		return -XEN_EINVAL;

	c = lock_queue_of(v);
	s->affinity = *m;
	s->pinned = !all;
	running = s->running;
	if (!list_empty(&s->link) && !may_run_on(v, c))
		dequeue(c, v);
	unlock(&c->rq.lock);
	if (running)
		cpu_post_work(c, WORK_RESCHED);
	else
		sched_wake(v);
	return 0;
}

void sched_set_weight(struct vcpu *v, u32 weight)
{
	struct cpu *c = lock_queue_of(v);

	if (v->sched.running) {
		charge(c, v, arch_now());
		c->rq.curr_weight = weight;
	}
	v->sched.weight = weight;
	unlock(&c->rq.lock);
}

/* ---- Balancing ---- */

/* The CPU, other than c, whose first waiter is furthest behind. */
static struct cpu *find_victim(const struct cpu *c, u64 limit)
{
	struct cpu *victim = NULL;
	u64 r;

	for_each_cpu(o) {
		r = READ_ONCE(o->rq.head_vruntime);
		if (o != c && r != NOBODY && r < limit) {
			limit = r;
			victim = o;
		}
	}
	return victim;
}

/* Moves one that waits elsewhere, and is behind limit, to c's queue. */
static bool pull(struct cpu *c, u64 limit)
{
	struct cpu *victim = find_victim(c, limit);
	struct vcpu *v, *found = NULL;
	struct list *p;

	if (!victim)
		return false;
	lock_pair(&c->rq.lock, &victim->rq.lock);
	list_for_each(p, &victim->rq.queue) {
		v = list_entry(p, struct vcpu, sched.link);
		if (v->sched.vruntime >= limit)
			break;
		if (may_run_on(v, c)) {
			found = v;
			break;
		}
	}
	if (found) {
		dequeue(victim, found);
		found->sched.cpu = c;
		enqueue(c, found);
	}
	unlock_pair(&c->rq.lock, &victim->rq.lock);
	return found;
}

/* What a waiter elsewhere must be behind of to come to c. */
static u64 pull_limit(const struct cpu *c, u64 now)
{
	const struct vcpu *v = c->current;
	u64 own = READ_ONCE(c->rq.head_vruntime);

	if (v && vcpu_is_runnable(v))
		own = MIN(own, current_vruntime(c, now));
	if (own == NOBODY)
		return NOBODY;
	return own > BALANCE ? own - BALANCE : 0;
}

/* First in c's queue waits: is there a CPU that should rather run it? */
static void offer(struct cpu *c, u64 now)
{
	struct vcpu *v = queue_head(&c->rq);

	for_each_cpu(o) {
		if (o == c || !may_run_on(v, o))
			continue;
		if (claim_idle(o->id) ||
		    (READ_ONCE(o->rq.curr_vruntime) != NOBODY &&
		     !READ_ONCE(o->rq.count) &&
		     v->sched.vruntime + SLICE < current_vruntime(o, now))) {
			cpu_post_work(o, WORK_RESCHED);
			return;
		}
	}
}

/* ---- Switching ---- */

static void slice_over(void *arg)
{
	cpu_post_work(arg, WORK_RESCHED);
}

/* next becomes c's current, or with NULL c becomes idle.  Lock: s. */
static void switch_to(struct cpu *c, struct vcpu *prev, struct vcpu *next,
		      u64 now)
{
	if (prev)
		vtime_publish_runstate(prev);
	if (next) {
		if (c->rq.idle)
			cpumask_clear(&idle_cpus, c->id);
		c->rq.idle = false;
		next->sched.running = true;
		next->sched.started = now;
		next->sched.slice_end = now + SLICE;
		next->sched.moment_end = now + MS / 4;
		vtime_runstate(next, RUNSTATE_running, now);
		WRITE_ONCE(c->rq.curr_weight, next->sched.weight);
		WRITE_ONCE(c->rq.curr_started, now);
		WRITE_ONCE(c->rq.curr_vruntime, next->sched.vruntime);
	} else {
		WRITE_ONCE(c->rq.curr_vruntime, NOBODY);
	}
	c->current = next;
	/* Who flags an event sees running and sends an IPI, or we see the
	 * event on the way to the guest: vcpu_kick(). */
	memory_barrier();
	arch_switch_vcpu(prev, next);
	if (prev)
		atomic_store(&prev->sched.running, false);
}

/* Serves this CPU's work until its queue has somebody. */
static void idle_until_work(struct cpu *c)
{
	u64 since = arch_now();
	u32 work;

	while (!READ_ONCE(c->rq.count)) {
		/* A waker may have claimed us and then not needed us. */
		if (!cpumask_test(&idle_cpus, c->id))
			cpumask_set(&idle_cpus, c->id);
		work = cpu_work_once(c);
		if (READ_ONCE(c->rq.count))
			break;
		if (READ_ONCE(waiting) && pull(c, NOBODY))
			break;
		/* Whoever posts work where there is some sends no IPI. */
		if (work || READ_ONCE(c->work))
			continue;
		if (frame_scrub_some())
			arch_take_interrupts();
		else
			arch_idle();
	}
	c->idle_ns += arch_now() - since;
}

/* No vCPU is current: idles until one can be.  Lock: s, let go and taken
 * again. */
static struct vcpu *idle(struct cpu *c)
{
	struct vcpu *v;

	while ((v = queue_head(&c->rq)) == NULL) {
		c->rq.idle = true;
		unlock(&c->rq.lock);
		idle_until_work(c);
		lock(&c->rq.lock);
	}
	dequeue(c, v);
	return v;
}

/* May prev go on although head waits?  Lock: s. */
static bool goes_on(struct vcpu *prev, const struct vcpu *head, u64 now)
{
	struct vcpu_sched *s = &prev->sched;

	if (!head)
		return true;
	if (s->yielded) {
		s->vruntime = MAX(s->vruntime, head->sched.vruntime);
		return false;
	}
	/* A front-end that fills its ring wakes the other half with its first
	 * request: for a moment it may put the others beside that one. */
	if (head->sched.vruntime + PREEMPT < s->vruntime)
		s->slice_end = MIN(s->slice_end, s->moment_end);
	if ((s64)(now - s->slice_end) < 0)
		return true;
	s->slice_end = now + SLICE;
	return s->vruntime <= head->sched.vruntime;
}

/* prev leaves c.  True: it is not done with us, see sched_run().  Lock: s. */
static bool put_away(struct cpu *c, struct vcpu *prev, u64 now)
{
	if (!vcpu_is_runnable(prev)) {
		vtime_runstate(prev, stopped_state(prev), now);
		return READ_ONCE(prev->domain->shutting_down);
	}
	vtime_runstate(prev, RUNSTATE_runnable, now);
	if (!may_run_on(prev, c))
		return true;
	advance_vclock(now);
	prev->sched.vruntime = clamp_vruntime(prev->sched.vruntime, BONUS);
	enqueue(c, prev);
	return false;
}

/* prev has left: its domain may be down now, or it may have to move. */
static void after_leaving(struct vcpu *prev, struct domain *d)
{
	if (READ_ONCE(d->shutting_down))
		domain_check_stopped(d);
	else
		sched_wake(prev);
	domain_put(d);
}

/* Picks c's next vCPU and switches.  Lock: s.  True: see put_away(). */
static bool reschedule(struct cpu *c, struct vcpu *prev, u64 now)
{
	struct vcpu *next;
	bool leaves;

	if (prev) {
		charge(c, prev, now);
		if (vcpu_is_runnable(prev) && may_run_on(prev, c) &&
		    goes_on(prev, queue_head(&c->rq), now)) {
			prev->sched.yielded = false;
			return false;
		}
		prev->sched.yielded = false;
	}
	next = queue_head(&c->rq);
	if (next)
		dequeue(c, next);
	leaves = prev && put_away(c, prev, now) && domain_get(prev->domain);
	switch_to(c, prev, next, now);
	return leaves;
}

void sched_run(void)
{
	struct cpu *c = this_cpu();
	struct timer *slice = &slice_timer[c->id];
	struct vcpu *prev = c->current;
	struct domain *d = prev ? prev->domain : NULL;
	u64 now = arch_now(), end = 0;
	bool leaves;

	if (unlikely(READ_ONCE(waiting) > READ_ONCE(c->rq.count)))
		pull(c, pull_limit(c, now));

	lock(&c->rq.lock);
	leaves = reschedule(c, prev, now);
	if (unlikely(leaves)) {
		unlock(&c->rq.lock);
		after_leaving(prev, d);
		lock(&c->rq.lock);
	}
	if (!c->current)
		switch_to(c, NULL, idle(c), arch_now());
	if (c->rq.count) {
		end = c->current->sched.slice_end;
		offer(c, now);
	}
	unlock(&c->rq.lock);
	/* While others wait, the current one runs for a slice. */
	if (end && (!slice->set || slice->deadline > end))
		timer_set(slice, end);
	if (c->current != prev || c->current->sched.started != now)
		vtime_switched_in(c->current);
}

/* ---- Life ---- */

void sched_cpu_init(struct cpu *c)
{
	struct runqueue *rq = &c->rq;

	if (!c->id) {
		waiting = 0;
		vclock = 0;
		idle_cpus = (struct cpumask){ { 0 } };
	}
	*rq = (struct runqueue){
		.head_vruntime = NOBODY, .curr_vruntime = NOBODY,
		.curr_weight = SCHED_WEIGHT_DEFAULT,
	};
	lock_init(&rq->lock, RANK_RUNQ, c->id);
	list_init(&rq->queue);
	timer_init(&slice_timer[c->id], slice_over, c);
	slice_timer[c->id].cpu = c;
}

void sched_vcpu_init(struct vcpu *v)
{
	struct vcpu_sched *s = &v->sched;

	s->affinity = s->soft = CPUMASK_ALL;
	list_init(&s->link);
	s->cpu = cpu_get(v->id % cpu_count);
	s->weight = v->domain->weight;
	s->vruntime = READ_ONCE(vclock);
}
