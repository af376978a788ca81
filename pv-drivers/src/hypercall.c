/* SPDX-License-Identifier: MIT */
/* The instruction.  It destroys rcx and r11; the hypervisor keeps the rest. */
#include <pv/hypercall.h>

long pv_hypercall(unsigned int nr, unsigned long a, unsigned long b,
		  unsigned long c, unsigned long d)
{
	register unsigned long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a" (result)
			 : "0" ((unsigned long)nr), "D" (a), "S" (b), "d" (c),
			   "r" (r10)
			 : "rcx", "r11", "memory");
	return result;
}
