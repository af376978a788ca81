/* SPDX-License-Identifier: MIT */
/* One request: answered here if that is quick, else made a job. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "supervisor.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

const char *request_string(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

bool request_flag(const json_t *request, const char *key)
{
	return json_is_true(json_object_get(request, key));
}

unsigned int request_number(const json_t *request, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(request, key));

	return v < 0 ? 0 : v > 1000000 ? 1000000 : (unsigned int)v;
}

const char *request_document(struct job *j, const char *name,
			     const char **file)
{
	const char *xml = request_string(j->request, "xml");

	*file = request_string(j->request, "file");
	if (!*file)
		*file = name;
	if (!xml)
		conn_fail(j->conn, CODE_USAGE, "the request has no document");
	return xml;
}

/* The errors of a report, a line each; malloc'ed. */
static char *errors_text(const struct guest_config_report *report)
{
	unsigned int shown = 0;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	for (size_t i = 0; i < report->count; i++) {
		if (report->notes[i].kind != GUEST_NOTE_ERROR)
			continue;
		fprintf(out, "%s%s", shown ? "\n" : "", report->notes[i].text);
		shown++;
	}
	if (shown < report->errors)
		fprintf(out, "\n... and %u more", report->errors - shown);
	fclose(out);
	return text;
}

void request_report(struct job *j, struct guest_config_report *report, bool ok)
{
	char *text;

	for (size_t i = 0; i < report->count; i++) {
		if (report->notes[i].kind == GUEST_NOTE_WARNING)
			conn_note(j->conn, json_pack("{s:s}", "warning",
						     report->notes[i].text));
	}
	if (!ok) {
		text = errors_text(report);
		conn_fail(j->conn, CODE_FAILURE, "%s", text && *text ? text :
			  "out of memory");
		free(text);
	}
	guest_config_report_free(report);
}

static void answer_version(struct conn *c, struct ctrl *ctrl)
{
	struct ctrl_version v;
	json_t *o;

	if (ctrl_version(ctrl, &v)) {
		conn_fail(c, CODE_FAILURE, "%s", ctrl_error(ctrl));
		return;
	}
	o = json_pack("{s:s, s:i, s:i, s:s, s:s}",
		      "supervisor", PACKAGE_VERSION, "major", (int)v.major,
		      "minor", (int)v.minor, "extra", v.extra, "capabilities",
		      v.capabilities);
	conn_ok(c, json_pack("{s:o}", "json", o));
}

static const struct {
	const char *word;
	bool needs_name;
	void (*job)(struct worker *w, struct job *j);	/* NULL: quick */
} requests[] = {
	{ "create", false, life_create },
	{ "validate", false, life_validate },
	{ "destroy", true, life_destroy },
	{ "shutdown", true, life_request },
	{ "reboot", true, life_request },
	{ "pause", true, life_pause },
	{ "unpause", true, life_pause },
	{ "rename", true, life_rename },
	{ "attach-disk", true, life_attach },
	{ "attach-interface", true, life_attach },
	{ "detach-disk", true, life_detach },
	{ "detach-interface", true, life_detach },
	{ "resize-disk", true, life_resize },
	{ "list-disks", true, life_devices },
	{ "list-interfaces", true, life_devices },
	{ "dmesg", false, life_dmesg },
	{ "net-list", false, network_request },
	{ "net-info", false, network_request },
	{ "net-define", false, network_request },
	{ "net-undefine", false, network_request },
	{ "net-start", false, network_request },
	{ "net-stop", false, network_request },
	{ "net-autostart", false, network_request },
	{ "net-dump-xml", false, network_request },
	{ "list", false, NULL },
	{ "host", false, NULL },
	{ "info", true, life_info },
	{ "dump-xml", true, NULL },
	{ "version", false, NULL },
};

static void answer_quick(struct conn *c, struct ctrl *ctrl, const json_t *o,
			 const char *word)
{
	const char *name = request_string(o, "name");
	bool json = request_flag(o, "json");

	if (!strcmp(word, "list"))
		view_list(c, ctrl, json);
	else if (!strcmp(word, "host"))
		view_host(c, ctrl, json);
	else if (!strcmp(word, "dump-xml"))
		view_xml(c, name);
	else
		answer_version(c, ctrl);
}

void request_run(struct conn *c, struct ctrl *ctrl, const char *line,
		 size_t len)
{
	json_error_t e;
	json_t *o = json_loadb(line, len, 0, &e);
	const char *word = o ? request_string(o, "do") : NULL;

	if (!word) {
		conn_fail(c, CODE_USAGE, "the request is not understood: %s",
			  o ? "it says nothing to do" : e.text);
		json_decref(o);
		return;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (strcmp(word, requests[i].word))
			continue;
		if (requests[i].needs_name && !request_string(o, "name")) {
			conn_fail(c, CODE_USAGE, "%s: no guest is named",
				  word);
		} else if (requests[i].job) {
			/* The job owns the request from here on. */
			job_submit(&(struct job){ .run = requests[i].job,
						  .conn = conn_get(c),
						  .request = o });
			return;
		} else {
			answer_quick(c, ctrl, o, word);
		}
		json_decref(o);
		return;
	}
	conn_fail(c, CODE_UNSUPPORTED, "\"%.40s\" is nothing this supervisor can do",
		  word);
	json_decref(o);
}
