/* SPDX-License-Identifier: MIT */
/* The disk that this process serves: the frame on one side, the engine on the other. */
#ifndef BLKBACK_VBD_H
#define BLKBACK_VBD_H

#include "common/backend.h"

extern const struct backend_ops vbd_ops;

#endif
