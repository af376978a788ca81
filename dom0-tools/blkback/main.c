/* SPDX-License-Identifier: MIT */
/* blkback: one disk of one guest; see vbd.c, and common/backend.h for its life. */
#include "vbd.h"

int main(int argc, char **argv)
{
	return backend_main(argc, argv, &vbd_ops, NULL);
}
