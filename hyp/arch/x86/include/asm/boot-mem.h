/* SPDX-License-Identifier: MIT */
/* RAM that is free during boot; see hyp-map.c. */
#ifndef ASM_BOOT_MEM_H
#define ASM_BOOT_MEM_H

#include <hyp/types.h>

/* RAM from start to end is free, but for what boot_mem_reserve() takes out. */
void boot_mem_add(paddr_t start, paddr_t end);
void boot_mem_reserve(paddr_t start, paddr_t end);
/* Gives what is left to the frame allocator; boot_alloc() ends. */
void boot_mem_hand_over(void);
/* Starts over, for what becomes free later. */
void boot_mem_forget(void);

#endif
