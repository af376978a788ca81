/* SPDX-License-Identifier: MIT */
/* Nothing is ever resolved outside the image: no GOT, no PLT. */
#ifndef __ASSEMBLY__
#pragma GCC visibility push(hidden)
#endif
