/* SPDX-License-Identifier: BSD-3-Clause */

#include "twin/link.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

/* Every request here has a handful of attributes; the longest is the alias (IFALIASZ, 256). */
#define REQUEST_SIZE 512

/* An acknowledgement quotes the request behind its own header. */
#define ANSWER_SIZE (REQUEST_SIZE + 256)

/* The kernel answers within the send call; a silent one is broken, not slow. */
#define ANSWER_TIMEOUT_S 2

struct mnl_socket *fb_twin_link_socket(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	int saved;

	if (nl == NULL)
		return NULL;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) == 0)
		return nl;
	saved = errno;
	mnl_socket_close(nl);
	errno = saved;
	return NULL;
}

static int request(struct mnl_socket *nl, struct nlmsghdr *nlh)
{
	char answer[ANSWER_SIZE];
	ssize_t len;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1; /* one request at a time, so any constant tells our acknowledgement */
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	len = mnl_socket_recvfrom(nl, answer, sizeof(answer));
	if (len < 0)
		return -errno;
	if (mnl_cb_run(answer, (size_t)len, 1, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		return -errno;
	return 0;
}

static struct ifinfomsg *link_request(char *buf, struct nlmsghdr **ret_nlh, int ifindex)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	ifi->ifi_index = ifindex;
	*ret_nlh = nlh;
	return ifi;
}

int fb_twin_link_set(struct mnl_socket *nl, int ifindex, const uint8_t mac[6], uint16_t mtu,
		     const char *alias)
{
	char buf[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh;

	(void)link_request(buf, &nlh, ifindex);
	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	mnl_attr_put_str(nlh, IFLA_IFALIAS, alias);
	return request(nl, nlh);
}

static int address_request(struct mnl_socket *nl, int ifindex, const struct fb_config_addr *a,
			   uint16_t type, uint16_t flags)
{
	char buf[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	enum fb_family family = fb_addr_family(&a->addr);
	size_t len = fb_family_addr_len(family);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = flags;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = family == FB_IPV4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = a->len_bits;
	ifa->ifa_index = (unsigned int)ifindex;
	ifa->ifa_scope = RT_SCOPE_UNIVERSE;
	if (family == FB_IPV6)
		ifa->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(nlh, IFA_LOCAL, len, fb_addr_wire(&a->addr));
	mnl_attr_put(nlh, IFA_ADDRESS, len, fb_addr_wire(&a->addr));
	return request(nl, nlh);
}

int fb_twin_link_add_address(struct mnl_socket *nl, int ifindex, const struct fb_config_addr *a)
{
	int rc = address_request(nl, ifindex, a, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);

	return rc == -EEXIST ? 0 : rc;
}

int fb_twin_link_remove_address(struct mnl_socket *nl, int ifindex, const struct fb_config_addr *a)
{
	int rc = address_request(nl, ifindex, a, RTM_DELADDR, 0);

	return rc == -EADDRNOTAVAIL ? 0 : rc;
}

int fb_twin_link_up(struct mnl_socket *nl, int ifindex)
{
	char buf[REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh;
	struct ifinfomsg *ifi = link_request(buf, &nlh, ifindex);

	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	return request(nl, nlh);
}

struct mnl_socket *fb_twin_link_route_news(void)
{
	struct mnl_socket *news = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int group = RTNLGRP_IPV6_ROUTE;
	int saved;

	if (news == NULL)
		return NULL;
	if (mnl_socket_bind(news, 0, MNL_SOCKET_AUTOPID) == 0 &&
	    mnl_socket_setsockopt(news, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) == 0)
		return news;
	saved = errno;
	mnl_socket_close(news);
	errno = saved;
	return NULL;
}

static bool is_local(struct mnl_socket *nl, int ifindex, const struct fb_addr *addr)
{
	char buf[ANSWER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	size_t addr_len = fb_family_addr_len(FB_IPV6);
	struct rtmsg *rtm;
	ssize_t len;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = AF_INET6;
	rtm->rtm_dst_len = (uint8_t)(addr_len * 8);
	mnl_attr_put(nlh, RTA_DST, addr_len, fb_addr_wire(addr));
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)ifindex);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return false;
	len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	/* No route at all is an error message. */
	return len > 0 && mnl_nlmsg_ok(nlh, (int)len) && nlh->nlmsg_type == RTM_NEWROUTE &&
	       mnl_nlmsg_get_payload_len(nlh) >= sizeof(*rtm) && rtm->rtm_type == RTN_LOCAL;
}

static int ms_until(uint64_t deadline_ms)
{
	struct timespec ts;
	uint64_t now_ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	return now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0;
}

bool fb_twin_link_await_local(struct mnl_socket *nl, struct mnl_socket *news, int ifindex,
			      const struct fb_addr *addr, uint64_t deadline_ms)
{
	struct pollfd changed = {.fd = mnl_socket_get_fd(news), .events = POLLIN};
	char ignored[ANSWER_SIZE];

	while (!is_local(nl, ifindex, addr)) {
		if (poll(&changed, 1, ms_until(deadline_ms)) <= 0)
			return false;
		while (recv(changed.fd, ignored, sizeof(ignored), MSG_DONTWAIT) > 0)
			;
	}
	return true;
}
