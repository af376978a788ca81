/* SPDX-License-Identifier: MIT */
/* See gnttab-model.h. */
#include "gnttab-model.h"

unsigned model_maps(const struct gnttab_model *m, unsigned ref, bool write)
{
	unsigned i, n = 0;

	for (i = 0; i < MODEL_MAPS; i++)
		if (m->map[i].live && m->map[i].ref == ref &&
		    (m->map[i].write || !write))
			n++;
	return n;
}

unsigned model_frame(const struct gnttab_model *m, unsigned ref)
{
	unsigned i;

	for (i = 0; i < MODEL_MAPS; i++)
		if (m->map[i].live && m->map[i].ref == ref)
			return m->map[i].frame;
	return m->entry[ref].frame;
}

bool model_frame_in_use(const struct gnttab_model *m, unsigned frame, bool write)
{
	unsigned i;

	for (i = 0; i < MODEL_MAPS; i++)
		if (m->map[i].live && m->map[i].frame == frame &&
		    (m->map[i].write || !write))
			return true;
	return false;
}

int model_map(struct gnttab_model *m, unsigned user, unsigned ref, bool write,
	      unsigned *slot)
{
	unsigned i;

	if (ref >= MODEL_REFS)
		return -3;
	if (!m->entry[ref].permit || m->entry[ref].user != user)
		return -3;
	if (write && m->entry[ref].readonly)
		return -8;
	for (i = 0; m->map[i].live; i++)
		if (i == MODEL_MAPS - 1)
			return -13;
	m->map[i].frame = model_frame(m, ref);
	m->map[i].live = true;
	m->map[i].write = write;
	m->map[i].ref = ref;
	*slot = i;
	return 0;
}

int model_unmap(struct gnttab_model *m, unsigned slot)
{
	if (slot >= MODEL_MAPS || !m->map[slot].live)
		return -4;
	m->map[slot].live = false;
	return 0;
}
