/* SPDX-License-Identifier: MIT */
/*
 * Privilege.  Every question of the form "may a do this to b" is answered
 * here, so that a finer rule has one place to go.
 */
#include <hyp/priv.h>

#include <hyp/domain.h>

bool priv_control(const struct domain *a, const struct domain *b)
{
	return a->is_control || a == b;
}

bool priv_system(const struct domain *a)
{
	return a->is_control;
}

bool priv_hardware(const struct domain *a)
{
	return a->is_control;
}
