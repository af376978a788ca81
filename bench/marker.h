/* SPDX-License-Identifier: MIT */
/* A no-op that the insncount plugin sees: MARK(id), id a constant below 1<<24.
 */
#pragma once
#define MARK(id)                                                            \
	__asm__ volatile("nopl %c0(%%rax,%%rax,1)" ::"i"(0x5e000000 | (id)) \
			 : "memory")
