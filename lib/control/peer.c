/* SPDX-License-Identifier: BSD-3-Clause */

#include "control/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "config/listen.h"
#include "control/peer_parts.h"

/* Some milliseconds of messages: control may be busy elsewhere for as long. */
#define RECEIVE_BUFFER (1 << 20)

static int complain(struct fb_errs *errs, const char *what, const char *value, int err)
{
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "sync: %s %s: %s", what, value,
		    strerror(-err));
	return err;
}

/* A newline at the end is an editor's. */
static int read_key(const char *path, struct fb_sync_key *ret, struct fb_errs *errs)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t bytes[FB_SYNC_KEY_MAX + 1];
	ssize_t n = fd >= 0 ? read(fd, bytes, sizeof(bytes)) : -1;
	int err = n < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	if (err != 0)
		return complain(errs, "key-file", path, err);
	if (n > 0 && bytes[n - 1] == '\n')
		n--;
	if (n < FB_SYNC_KEY_MIN || n > FB_SYNC_KEY_MAX) {
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "sync: a key has %d to %d bytes", FB_SYNC_KEY_MIN, FB_SYNC_KEY_MAX);
		return -EINVAL;
	}
	memcpy(ret->bytes, bytes, (size_t)n);
	ret->len = (uint32_t)n;
	return 0;
}

static int open_socket(struct fb_peer *peer, const struct fb_config *config, struct fb_errs *errs)
{
	const char *interface = config->sync_interface;
	const int buffer = RECEIVE_BUFFER;
	struct sockaddr_storage own;
	struct sockaddr_storage other;
	socklen_t own_len;
	socklen_t other_len;
	int fd;

	if (fb_config_sockaddr(config->sync_listen, &own, &own_len) != 0)
		return complain(errs, "listen", config->sync_listen, -EINVAL);
	if (fb_config_sockaddr(config->sync_peer, &other, &other_len) != 0 ||
	    other.ss_family != own.ss_family)
		return complain(errs, "peer", config->sync_peer, -EINVAL);
	fd = socket(own.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain(errs, "listen", config->sync_listen, -errno);
	peer->watch.fd = fd;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (interface[0] != '\0' && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface,
					       (socklen_t)strlen(interface)) != 0)
		return complain(errs, "interface", interface, -errno);
	if (bind(fd, (const struct sockaddr *)&own, own_len) != 0)
		return complain(errs, "listen", config->sync_listen, -errno);
	/* The kernel leaves out what comes from elsewhere. */
	if (connect(fd, (const struct sockaddr *)&other, other_len) != 0)
		return complain(errs, "peer", config->sync_peer, -errno);
	return 0;
}

/* Where flows are remembered by their places, and what carries them to workers. */
static int allocate(struct fb_peer *peer, const struct fb_config *config)
{
	const uint32_t capacity[FB_FAMILY_COUNT] = {config->flows_ipv4, config->flows_ipv6};

	for (uint32_t w = 0; w < config->n_workers; w++) {
		for (int family = 0; family < FB_FAMILY_COUNT; family++) {
			peer->seen[w][family] =
				calloc(capacity[family], sizeof(*peer->seen[w][family]));
			if (peer->seen[w][family] == NULL)
				return -ENOMEM;
		}
	}
	peer->requests = calloc(FB_PEER_REQUESTS, sizeof(*peer->requests));
	return peer->requests != NULL ? 0 : -ENOMEM;
}

int fb_peer_open(struct fb_control *c, struct fb_peer **ret, struct fb_errs *errs)
{
	const struct fb_config *config = c->p.config;
	struct fb_peer *peer;
	int err;

	*ret = NULL;
	if (config->sync_listen[0] == '\0')
		return 0;
	peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return complain(errs, "peer", config->sync_peer, -ENOMEM);
	peer->c = c;
	peer->watch = (struct fb_watch){.fd = -1, .ready = fb_peer_receive, .arg = peer};
	peer->credit_ms = c->now_ms;
	err = read_key(config->sync_key_file, &peer->key, errs);
	if (err == 0)
		err = open_socket(peer, config, errs);
	if (err == 0) {
		err = allocate(peer, config);
		while (err == 0 && peer->run == 0)
			err = getrandom(&peer->run, sizeof(peer->run), 0) == sizeof(peer->run)
				      ? 0
				      : -errno;
		if (err == 0)
			err = fb_control_watch(c, &peer->watch, EPOLLIN);
		if (err != 0)
			(void)complain(errs, "peer", config->sync_peer, err);
	}
	if (err != 0) {
		fb_peer_close(peer);
		return err;
	}
	*ret = peer;
	return 0;
}

void fb_peer_close(struct fb_peer *peer)
{
	if (peer == NULL)
		return;
	fb_peer_send_fini(peer);
	if (peer->watch.fd >= 0) {
		fb_control_unwatch(peer->c, &peer->watch);
		(void)close(peer->watch.fd);
	}
	for (uint32_t w = 0; w < FB_CONFIG_MAX_WORKERS; w++)
		for (int family = 0; family < FB_FAMILY_COUNT; family++)
			free(peer->seen[w][family]);
	free(peer->requests);
	free(peer);
}

static void log_change(struct fb_peer *peer)
{
	bool up = fb_peer_is_up(peer);

	if (up == peer->up)
		return;
	peer->up = up;
	if (up)
		fb_control_log(peer->c, FB_LOG_NOTICE, "sync: the peer %s is there",
			       peer->c->p.config->sync_peer);
	else
		fb_control_log(peer->c, FB_LOG_WARNING,
			       "sync: the peer %s is silent; its flows stay until they time out",
			       peer->c->p.config->sync_peer);
}

void fb_peer_poll(struct fb_peer *peer)
{
	if (peer == NULL)
		return;
	fb_peer_collect(peer);
	if (peer->c->now_ms >= peer->hello_ms)
		fb_peer_greet(peer);
	fb_peer_send(peer);
	log_change(peer);
	peer->counts.up = peer->up;
}

const struct fb_metrics_sync *fb_peer_metrics(const struct fb_peer *peer)
{
	return peer != NULL ? &peer->counts : NULL;
}

json_t *fb_peer_json(const struct fb_peer *peer)
{
	const struct fb_metrics_sync *n;

	if (peer == NULL)
		return json_null();
	n = &peer->counts;
	return json_pack("{s:s,s:b,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "peer",
			 peer->c->p.config->sync_peer, "up", fb_peer_is_up(peer), "ports_overlap",
			 peer->overlaps, "rounds", (json_int_t)n->rounds, "round_ms",
			 (json_int_t)n->round_ms, "sent_bytes", (json_int_t)n->sent_bytes,
			 "sent_flows", (json_int_t)n->sent_flows, "received_bytes",
			 (json_int_t)n->received_bytes, "received_flows",
			 (json_int_t)n->received_flows, "mirrored",
			 (json_int_t)n->flows[FB_METRICS_SYNC_NEW], "known",
			 (json_int_t)n->flows[FB_METRICS_SYNC_KNOWN], "refused",
			 (json_int_t)fb_metrics_sync_refused(n), "not_believed",
			 (json_int_t)(n->unsigned_ + n->replayed));
}
