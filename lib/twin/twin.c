/* SPDX-License-Identifier: BSD-3-Clause */

#include "twin/twin.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/if_tun.h>

#include "twin/link.h"

#define TUN_DEVICE "/dev/net/tun"

/* It takes less than a millisecond, and as long as others hold rtnetlink's lock. */
#define LOCAL_TIMEOUT_MS 2000

struct fb_twin {
	int fd;
	int ifindex;
	char name[IFNAMSIZ];
};

static void __attribute__((format(printf, 2, 3))) say(struct fb_errs *errs, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR, "%s", text);
}

static int name_twin(const struct fb_config_port *port, char name[static IFNAMSIZ],
		     struct fb_errs *errs)
{
	if (snprintf(name, IFNAMSIZ, "fb-%s", port->name) < IFNAMSIZ)
		return 0;
	say(errs, "port %s: the name is too long for an interface (at most %zu characters)", port->name,
	    IFNAMSIZ - sizeof("fb-"));
	return -ENAMETOOLONG;
}

static int say_exists(const char *name, struct fb_errs *errs)
{
	say(errs, "%s exists already: is another forebay running?", name);
	return -EBUSY;
}

int fb_twin_check(const struct fb_config_port *port, struct fb_errs *errs)
{
	char name[IFNAMSIZ];
	int rc = name_twin(port, name, errs);

	if (rc == 0 && if_nametoindex(name) != 0)
		rc = say_exists(name, errs);
	return rc;
}

static int open_tun(const char *name, struct fb_errs *errs)
{
	int fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int rc = -errno;

	if (fd >= 0)
		return fd;
	if (rc == -ENOENT || rc == -ENODEV || rc == -ENXIO)
		say(errs, "%s: " TUN_DEVICE " is missing, and the kernel twin of a port needs it: "
		    "load the module (modprobe tun), or pass the device into the container", name);
	else
		say(errs, "%s: cannot open " TUN_DEVICE ": %s", name, strerror(-rc));
	return rc;
}

/* No IFF_VNET_HDR and no offloads: the kernel completes every checksum and segments before we read. */
static int attach(int fd, const char *name, struct fb_errs *errs)
{
	struct ifreq ifr = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL)};
	int rc;

	memcpy(ifr.ifr_name, name, IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &ifr) == 0 && ioctl(fd, TUNSETOFFLOAD, 0UL) == 0)
		return 0;
	rc = -errno;
	if (rc == -EPERM || rc == -EACCES)
		say(errs, "%s: not permitted to create a kernel twin: CAP_NET_ADMIN is needed", name);
	else if (rc == -EBUSY || if_nametoindex(name) != 0)
		(void)say_exists(name, errs);
	else
		say(errs, "%s: cannot create the kernel twin: %s", name, strerror(-rc));
	return rc;
}

/*
 * The address that the kernel makes itself (RFC 4291, appendix A) when the link comes up. Added before
 * that and without duplicate address detection, it is usable at once: NDP through the twin needs it,
 * and the second that DAD takes is a second without IPv6 next hops.
 */
static struct fb_config_addr link_local(const uint8_t mac[6])
{
	struct fb_config_addr a = {
		.addr.bytes = {
			0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 0x02, mac[1], mac[2],
			0xff, 0xfe, mac[3], mac[4], mac[5],
		},
		.len_bits = 64,
	};

	return a;
}

/* @param ret_has_ipv6 whether the link-local address is there, and with it all of IPv6 */
static int add_addresses(struct mnl_socket *nl, const struct fb_twin *t,
			 const struct fb_config_port *port, const uint8_t mac[6],
			 bool *ret_has_ipv6, struct fb_errs *errs)
{
	struct fb_config_addr ll = link_local(mac);
	bool needs_ipv6 = false;
	char text[FB_ADDR_STRLEN];
	int rc;

	for (uint32_t i = 0; i < port->n_addresses; i++) {
		const struct fb_config_addr *a = &port->addresses[i];

		needs_ipv6 |= fb_addr_family(&a->addr) == FB_IPV6;
		rc = fb_twin_link_add_address(nl, t->ifindex, a);
		if (rc != 0) {
			say(errs, "%s: cannot add address %s/%u: %s%s", t->name,
			    fb_addr_format(&a->addr, text), a->len_bits, strerror(-rc),
			    fb_addr_family(&a->addr) == FB_IPV6 ?
				    " (is IPv6 disabled, or the MTU below 1280?)" : "");
			return rc;
		}
	}
	rc = fb_twin_link_add_address(nl, t->ifindex, &ll);
	*ret_has_ipv6 = rc == 0;
	if (rc != 0 && needs_ipv6) {
		say(errs, "%s: cannot add its link-local address: %s", t->name, strerror(-rc));
		return rc;
	}
	return 0; /* a box whose kernel has no IPv6 can do without, as long as nobody asks for it */
}

/*
 * A neighbour's answer that comes before the kernel takes packets to the asking address is dropped, and
 * the kernel asks again only a second later. When the time is up it is left at that.
 */
static void await_addresses(struct mnl_socket *nl, struct mnl_socket *news, const struct fb_twin *t,
			    const struct fb_config_port *port, const uint8_t mac[6])
{
	struct fb_config_addr ll = link_local(mac);
	struct timespec now;
	uint64_t deadline_ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	deadline_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + LOCAL_TIMEOUT_MS;
	if (!fb_twin_link_await_local(nl, news, t->ifindex, &ll.addr, deadline_ms))
		return;
	for (uint32_t i = 0; i < port->n_addresses; i++) {
		const struct fb_addr *addr = &port->addresses[i].addr;

		if (fb_addr_family(addr) == FB_IPV6)
			(void)fb_twin_link_await_local(nl, news, t->ifindex, addr, deadline_ms);
	}
}

static int configure(const struct fb_twin *t, const struct fb_config_port *port,
		     const uint8_t mac[6], struct fb_errs *errs)
{
	struct mnl_socket *nl = fb_twin_link_socket();
	struct mnl_socket *news = nl != NULL ? fb_twin_link_route_news() : NULL;
	bool has_ipv6 = false;
	char alias[64];
	int rc;

	if (news == NULL) {
		rc = -errno;
		say(errs, "%s: cannot open an rtnetlink socket: %s", t->name, strerror(-rc));
		goto out;
	}
	(void)snprintf(alias, sizeof(alias), "forebay port %s", port->name);
	rc = fb_twin_link_set(nl, t->ifindex, mac, port->mtu, alias);
	if (rc != 0) {
		say(errs, "%s: cannot set MAC %02x:%02x:%02x:%02x:%02x:%02x and MTU %u: %s", t->name,
		    mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], port->mtu, strerror(-rc));
		goto out;
	}
	rc = add_addresses(nl, t, port, mac, &has_ipv6, errs);
	if (rc != 0)
		goto out;
	rc = fb_twin_link_up(nl, t->ifindex);
	if (rc != 0)
		say(errs, "%s: cannot bring it up: %s", t->name, strerror(-rc));
	else if (has_ipv6)
		await_addresses(nl, news, t, port, mac);
out:
	if (news != NULL)
		mnl_socket_close(news);
	if (nl != NULL)
		mnl_socket_close(nl);
	return rc;
}

struct fb_twin *fb_twin_open(const struct fb_config_port *port, const uint8_t mac[6],
			     struct fb_errs *errs)
{
	struct fb_twin *t = calloc(1, sizeof(*t));
	int rc;

	if (t == NULL) {
		say(errs, "port %s: out of memory", port->name);
		errno = ENOMEM;
		return NULL;
	}
	t->fd = -1;
	rc = name_twin(port, t->name, errs);
	if (rc != 0)
		goto fail;
	rc = open_tun(t->name, errs);
	if (rc < 0)
		goto fail;
	t->fd = rc;
	rc = attach(t->fd, t->name, errs);
	if (rc != 0)
		goto fail;
	t->ifindex = (int)if_nametoindex(t->name);
	rc = configure(t, port, mac, errs);
	if (rc == 0)
		return t;
fail:
	fb_twin_close(t);
	errno = -rc;
	return NULL;
}

void fb_twin_close(struct fb_twin *t)
{
	if (t == NULL)
		return;
	if (t->fd >= 0)
		close(t->fd);
	free(t);
}

int fb_twin_fd(const struct fb_twin *t)
{
	return t->fd;
}

int fb_twin_ifindex(const struct fb_twin *t)
{
	return t->ifindex;
}

const char *fb_twin_name(const struct fb_twin *t)
{
	return t->name;
}

ssize_t fb_twin_read(struct fb_twin *t, void *buf, size_t buf_size)
{
	ssize_t len = read(t->fd, buf, buf_size);

	if (len >= 0)
		return len;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int fb_twin_write(struct fb_twin *t, const void *frame, size_t len)
{
	return write(t->fd, frame, len) < 0 ? -errno : 0;
}

int fb_twin_set_carrier(struct fb_twin *t, bool up)
{
	int carrier = up;

	return ioctl(t->fd, TUNSETCARRIER, &carrier) == 0 ? 0 : -errno;
}

static int change_address(struct fb_twin *t, const struct fb_addr *addr,
			  int (*change)(struct mnl_socket *nl, int ifindex,
					const struct fb_config_addr *a))
{
	struct mnl_socket *nl = fb_twin_link_socket();
	struct fb_config_addr whole = {
		.addr = *addr,
		.len_bits = fb_addr_family(addr) == FB_IPV4 ? 32 : 128,
	};
	int rc;

	if (nl == NULL)
		return -errno;
	rc = change(nl, t->ifindex, &whole);
	(void)mnl_socket_close(nl);
	return rc;
}

int fb_twin_add_address(struct fb_twin *t, const struct fb_addr *addr)
{
	return change_address(t, addr, fb_twin_link_add_address);
}

int fb_twin_remove_address(struct fb_twin *t, const struct fb_addr *addr)
{
	return change_address(t, addr, fb_twin_link_remove_address);
}
