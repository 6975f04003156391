/* SPDX-License-Identifier: BSD-3-Clause */

#include "log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

static struct {
	bool foreground;
	bool journal;
	enum fb_config_log level;
} out;

static const int priority[] = {
	[FB_LOG_ERROR] = LOG_ERR, [FB_LOG_WARNING] = LOG_WARNING, [FB_LOG_NOTICE] = LOG_NOTICE,
	[FB_LOG_INFO] = LOG_INFO, [FB_LOG_DEBUG] = LOG_DEBUG,
};

static const char *const level_name[] = {
	[FB_LOG_ERROR] = "error", [FB_LOG_WARNING] = "warning", [FB_LOG_NOTICE] = "notice",
	[FB_LOG_INFO] = "info", [FB_LOG_DEBUG] = "debug",
};

void fb_log_open(bool foreground, enum fb_config_log level)
{
	out.foreground = foreground;
	out.journal = getenv("JOURNAL_STREAM") != NULL;
	out.level = level;
	if (!foreground)
		openlog("forebay", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void fb_log_line(enum fb_config_log level, const char *line)
{
	if (level > out.level)
		return;
	if (!out.foreground)
		syslog(priority[level], "%s", line);
	/* Whoever starts the daemon by hand wants to see why it does not. */
	if (!out.foreground && level != FB_LOG_ERROR)
		return;
	if (out.journal)
		(void)fprintf(stderr, "<%d>%s\n", priority[level], line);
	else
		(void)fprintf(stderr, "forebay: %s: %s\n", level_name[level], line);
}

void fb_log_errs(struct fb_errs *errs)
{
	for (size_t i = 0; i < errs->n; i++) {
		char line[1024];

		(void)fb_err_format(&errs->v[i], line, sizeof(line));
		fb_log_line(errs->v[i].severity == FB_SEV_ERROR ? FB_LOG_ERROR : FB_LOG_NOTICE, line);
	}
	fb_errs_fini(errs);
}

void fb_log_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len;
	int fd;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return;
	len = strlen(path);
	if (len >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@') /* the abstract name space */
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Best effort: if systemd does not hear of it, its own time-out says so. */
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	(void)close(fd);
}
