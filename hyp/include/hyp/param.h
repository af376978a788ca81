/* SPDX-License-Identifier: MIT */
/*
 * Command-line options.  One table in core/param.c names every option, its
 * kind and its help; docs/command-line.md lists them.  An unknown or
 * malformed option is named in the log and otherwise ignored.
 */
#pragma once

#include <hyp/types.h>

struct params {
	u64 dom0_mem;		/* bytes; 0: all but a reserve */
	u64 dom0_mem_max;	/* bytes; 0: unlimited */
	u32 dom0_max_vcpus;	/* 0: one per CPU */
	u32 maxcpus;		/* 0: all */
	u32 com1_baud;		/* 0: leave as firmware set it up */
	u16 com1_port;
	u8 com1_irq;
	bool console_com1;
	u8 loglvl, guest_loglvl;
	bool noreboot;		/* halt instead of reboot after a panic */
	bool smap, smep, umip, x2apic;	/* may be used */
	char cmdline[1024];
};

extern struct params params;

/* Parses a command line into params and logs what it does not understand. */
void param_parse(const char *cmdline);
