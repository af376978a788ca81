/* SPDX-License-Identifier: MIT */
/*
 * Between ctl and the supervisor.
 *
 * A stream socket, mode 0600, that carries lines of JSON, one object each.
 * The client sends a request, {"do": WORD, ...}, and gets any number of notes
 * and then one answer; it may then send the next one.
 *
 *   note    {"warning": TEXT}
 *           {"step": WORD, "done": BOOL, "ns": N}   if "progress" was true
 *   answer  {"ok": true, ...}   with "text" for people, or "json" for programs
 *                               when the request has "json": true
 *           {"ok": false, "code": CODE, "error": TEXT}
 *
 * TEXT may be several lines of sentences.  Requests and their members:
 *
 *   create    xml, file (its name, for messages), paused, dry_run, progress
 *             -> id, uuid, name
 *   validate  xml, file
 *   list      json                     info      name, json
 *   host      json                     dump-xml  name
 *   pause, unpause, destroy  name      rename    name, to
 *   shutdown, reboot   name, wait, timeout (seconds, 0 = none)
 *   attach-disk, attach-interface  name, xml (a lone <disk> or <interface>),
 *             file, timeout -> device
 *   detach-disk, detach-interface  name, device, timeout, force
 *   resize-disk  name, device, size (bytes; 0: look again)
 *   list-disks, list-interfaces    name, json
 *   dmesg     clear                    version
 *
 *   net-list   json                    net-define  xml, file
 *   net-info   name, json              net-stop    name, force
 *   net-autostart  name, off
 *   net-start, net-undefine, net-dump-xml  name
 *
 * A name is a guest's name or its domain id in decimal.
 */
#ifndef SUPERVISOR_PROTOCOL_H
#define SUPERVISOR_PROTOCOL_H

#ifndef SUPERVISOR_SOCKET
#define SUPERVISOR_SOCKET	"/run/bulkhead/supervisor.sock"
#endif
#define SUPERVISOR_LINE_MAX	(8u << 20)

/* Exit codes of ctl, which are the codes of answers too. */
enum {
	CODE_OK = 0,
	CODE_FAILURE = 1,
	CODE_USAGE = 2,
	CODE_NOT_FOUND = 3,
	CODE_TIMEOUT = 4,
	CODE_PERMISSION = 5,
	CODE_BUSY = 6,		/* exists already, or is busy */
	CODE_UNSUPPORTED = 7,
};

#endif
