/* SPDX-License-Identifier: MIT */
/*
 * How a viewer talks to consoled.
 *
 * A viewer connects to the stream socket CONSOLED_SOCKET (mode 0600) and sends
 * one line:
 *
 *	attach DOMID\n		fail at once if that domain has no console
 *	attach DOMID wait\n	wait until that domain has a console
 *
 * consoled answers one line:
 *
 *	ok NAME\n		attached; NAME is the guest's name in the store
 *	error SENTENCE\n	not attached; consoled closes the socket
 *
 * After "ok" the stream is raw in both directions. First comes the replay: the
 * last CONSOLED_REPLAY bytes (or fewer) that the guest had written, then what
 * it writes from now on. Bytes that the viewer sends are the guest's input;
 * any number of viewers may be attached and each of them may type. A viewer
 * that does not read loses the oldest output, never the guest's time: consoled
 * keeps CONSOLED_BACKLOG bytes for it and then drops, and says so in the
 * stream. consoled closes the socket, after the last output, when the domain
 * is gone. A viewer leaves by closing (Ctrl-] is the viewer's own business).
 */
#ifndef CONSOLED_H
#define CONSOLED_H

#ifndef CONSOLED_SOCKET
#define CONSOLED_SOCKET	"/run/bulkhead/consoled.sock"
#endif
#define CONSOLED_LOG_DIR	"/var/log/bulkhead/console"
#define CONSOLED_HYP_LOG	"/var/log/bulkhead/hypervisor.log"
#define CONSOLED_REPLAY	16384u
#define CONSOLED_BACKLOG	262144u

#endif
