/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/listen.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A socket file that nobody listens on is left from a crash. @return 0, or -EADDRINUSE */
static int remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	int ret = 0;
	int fd;

	if (lstat(addr->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		ret = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		ret = -errno;
	else if (unlink(addr->sun_path) != 0)
		ret = -errno;
	(void)close(fd);
	return ret;
}

int fb_listen_unix(const char *path, const char *group)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char dir[sizeof(addr.sun_path)];
	struct group *gr;
	mode_t mask;
	int ret;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	(void)strcpy(addr.sun_path, path);
	(void)strcpy(dir, path);
	gr = group[0] != '\0' ? getgrnam(group) : NULL;
	if (group[0] != '\0' && gr == NULL)
		return -ESRCH;
	/* The socket's own directory, such as /run/forebay, and no more: the rest may be a slip. */
	ret = mkdir(dirname(dir), 0755) == 0 || errno == EEXIST ? 0 : -errno;
	if (ret == 0)
		ret = remove_stale(&addr);
	if (ret != 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Nobody else may connect in the moment before the mode is set. */
	mask = umask(0117);
	ret = bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
	(void)umask(mask);
	if (ret != 0) {
		(void)close(fd);
		return ret;
	}
	if ((gr != NULL && chown(path, (uid_t)-1, gr->gr_gid) != 0) || listen(fd, SOMAXCONN) != 0) {
		ret = -errno;
		(void)unlink(path);
		(void)close(fd);
		return ret;
	}
	return fd;
}
