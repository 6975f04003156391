/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/un.h>

/* The socket stays open over the requests of one run (explain, --watch). */
static int connection = -1;
static char *buffer;
static size_t buffer_len;
static size_t buffer_cap;

static int open_socket(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		ctl_error("%s: the path of a socket has at most %zu characters", path,
			  sizeof(addr.sun_path) - 1);
		return -1;
	}
	(void)strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ctl_error("%s: %s%s", path, strerror(errno),
		  errno == ENOENT || errno == ECONNREFUSED ? " (is forebay running?)"
		  : errno == EACCES			   ? " (root, or the config's control group)"
							   : "");
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static bool send_all(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(connection, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		/* It may have answered why, and closed: the answer is read all the same. */
		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* @return the length of the first line in buffer; 0: the connection ended */
static size_t read_line(void)
{
	size_t scanned = 0;

	for (;;) {
		char *newline = buffer_len > scanned
					? memchr(buffer + scanned, '\n', buffer_len - scanned)
					: NULL;
		ssize_t n;

		if (newline != NULL)
			return (size_t)(newline - buffer) + 1;
		scanned = buffer_len;
		if (buffer_cap - buffer_len < 65536) {
			char *grown = realloc(buffer, buffer_cap * 2 + 65536);

			if (grown == NULL)
				return 0;
			buffer = grown;
			buffer_cap = buffer_cap * 2 + 65536;
		}
		n = recv(connection, buffer + buffer_len, buffer_cap - buffer_len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		buffer_len += (size_t)n;
	}
}

/* The verb first and without spaces: long lines have to begin like that (protocol.md). */
static char *dump_request(json_t *request)
{
	json_t *ordered = json_object();
	char *text;

	(void)json_object_set(ordered, "verb", json_object_get(request, "verb"));
	(void)json_object_update(ordered, request);
	text = json_dumps(ordered, JSON_COMPACT);
	json_decref(ordered);
	json_decref(request);
	return text;
}

json_t *ctl_request(const struct ctl *ctl, json_t *request)
{
	char *text = request != NULL ? dump_request(request) : NULL;
	json_t *answer = NULL;
	json_error_t error;
	size_t len = 0;

	if (text == NULL) {
		ctl_error("out of memory");
		return NULL;
	}
	if (connection < 0)
		connection = open_socket(ctl->socket);
	if (connection < 0) {
		free(text);
		return NULL;
	}
	if (send_all(text, strlen(text)) && send_all("\n", 1))
		len = read_line();
	free(text);
	if (len == 0) {
		ctl_error("%s: the connection ended without an answer", ctl->socket);
		(void)close(connection);
		connection = -1;
		return NULL;
	}
	answer = json_loadb(buffer, len, 0, &error);
	buffer_len -= len;
	memmove(buffer, buffer + len, buffer_len);
	if (answer == NULL) {
		ctl_error("the answer is not JSON: %s", error.text);
		return NULL;
	}
	if (!json_is_true(json_object_get(answer, "ok"))) {
		ctl_error("%s", ctl_string(answer, "error"));
		json_decref(answer);
		return NULL;
	}
	return answer;
}
