/* SPDX-License-Identifier: BSD-3-Clause */

#include "neigh/message.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

/* States in which the kernel itself sends to the address that it has. */
#define NUD_USABLE                                                                                 \
	(NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP)

static bool family_of(uint8_t af, enum fb_family *ret)
{
	if (af != AF_INET && af != AF_INET6)
		return false;
	*ret = af == AF_INET ? FB_IPV4 : FB_IPV6;
	return true;
}

static bool read_addr(const struct nlattr *attr, enum fb_family family, struct fb_addr *ret)
{
	struct fb_addr a;

	if (mnl_attr_get_payload_len(attr) != fb_family_addr_len(family))
		return false;
	a = fb_addr_from_bytes(family, mnl_attr_get_payload(attr));
	if (fb_addr_family(&a) != family)
		return false; /* IPv4-mapped IPv6: nothing that a frame is sent to */
	*ret = a;
	return true;
}

static bool read_u32(const struct nlattr *attr, uint32_t *ret)
{
	if (mnl_attr_get_payload_len(attr) != sizeof(*ret))
		return false;
	memcpy(ret, mnl_attr_get_payload(attr), sizeof(*ret));
	return true;
}

static void read_neighbour(const struct nlmsghdr *nlh, struct fb_neigh_event *e)
{
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct nlattr *attr;
	enum fb_family family;
	bool has_addr = false;
	bool has_mac = false;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ndm) ||
	    !family_of(ndm->ndm_family, &family) || (ndm->ndm_flags & NTF_PROXY) != 0)
		return;
	mnl_attr_for_each(attr, nlh, sizeof(*ndm)) {
		if (mnl_attr_get_type(attr) == NDA_DST) {
			has_addr = read_addr(attr, family, &e->addr);
		} else if (mnl_attr_get_type(attr) == NDA_LLADDR &&
			   mnl_attr_get_payload_len(attr) == sizeof(e->mac)) {
			memcpy(e->mac, mnl_attr_get_payload(attr), sizeof(e->mac));
			has_mac = true;
		}
	}
	if (!has_addr)
		return;
	e->kind = FB_NEIGH_EVENT_NEIGHBOUR;
	e->ifindex = ndm->ndm_ifindex;
	e->resolved = nlh->nlmsg_type == RTM_NEWNEIGH && has_mac &&
		      (ndm->ndm_state & NUD_USABLE) != 0;
}

/* RTA_VIA: a gateway of another family, its address behind two bytes of family. */
static bool read_via(const struct nlattr *attr, struct fb_addr *ret)
{
	const uint8_t *p = mnl_attr_get_payload(attr);
	uint16_t af;
	enum fb_family family;

	if (mnl_attr_get_payload_len(attr) < sizeof(af))
		return false;
	memcpy(&af, p, sizeof(af));
	if (af > UINT8_MAX || !family_of((uint8_t)af, &family) ||
	    mnl_attr_get_payload_len(attr) != sizeof(af) + fb_family_addr_len(family))
		return false;
	*ret = fb_addr_from_bytes(family, p + sizeof(af));
	return true;
}

static uint32_t read_route_mtu(const struct nlattr *metrics)
{
	struct nlattr *attr;
	uint32_t mtu = 0;

	mnl_attr_for_each_nested(attr, metrics) {
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			(void)read_u32(attr, &mtu);
	}
	return mtu;
}

/* A path MTU that the box learnt for itself runs out without a notification, so it is not ours to use. */
static bool is_learnt(const struct rtmsg *rtm, const struct nlattr *cacheinfo)
{
	struct rta_cacheinfo info;

	if ((rtm->rtm_flags & RTM_F_CLONED) == 0 ||
	    mnl_attr_get_payload_len(cacheinfo) < sizeof(info))
		return false;
	memcpy(&info, mnl_attr_get_payload(cacheinfo), sizeof(info));
	return info.rta_expires != 0;
}

static void read_route(const struct nlmsghdr *nlh, struct fb_neigh_event *e)
{
	const struct rtmsg *rtm = mnl_nlmsg_get_payload(nlh);
	struct fb_addr dst = {.bytes = {0}};
	struct nlattr *attr;
	enum fb_family family;
	uint32_t oif = 0;
	bool learnt = false;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*rtm) ||
	    !family_of(rtm->rtm_family, &family) ||
	    rtm->rtm_dst_len > fb_family_addr_len(family) * 8)
		return;
	if (family == FB_IPV4)
		dst = fb_addr_from_bytes(FB_IPV4, dst.bytes);
	mnl_attr_for_each(attr, nlh, sizeof(*rtm)) {
		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			if (!read_addr(attr, family, &dst))
				return;
			break;
		case RTA_OIF:
			(void)read_u32(attr, &oif);
			break;
		case RTA_GATEWAY:
			e->route.has_gateway = read_addr(attr, family, &e->route.gateway);
			break;
		case RTA_VIA:
			e->route.has_gateway = read_via(attr, &e->route.gateway);
			break;
		case RTA_METRICS:
			e->route.mtu = read_route_mtu(attr);
			break;
		case RTA_CACHEINFO:
			learnt = is_learnt(rtm, attr);
			break;
		default:
			break;
		}
	}
	if (learnt)
		e->route.mtu = 0;
	e->kind = FB_NEIGH_EVENT_ROUTE;
	e->prefix = (struct fb_prefix){.addr = dst, .len_bits = rtm->rtm_dst_len};
	/* Local, unreachable, blackhole, multicast and so on lead nowhere that a worker could send to. */
	e->route.ifindex = rtm->rtm_type == RTN_UNICAST ? (int)oif : 0;
}

static void read_address(const struct nlmsghdr *nlh, struct fb_neigh_event *e)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);
	struct nlattr *attr;
	enum fb_family family;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa) || !family_of(ifa->ifa_family, &family))
		return;
	if (nlh->nlmsg_type == RTM_DELADDR) {
		/* IPv4 routes that preferred it as source go with it, unannounced. */
		e->kind = FB_NEIGH_EVENT_POLICY;
		return;
	}
	/* Routes that a new address brings are announced by themselves; that it is local is not. */
	mnl_attr_for_each(attr, nlh, sizeof(*ifa)) {
		if (mnl_attr_get_type(attr) != IFA_LOCAL &&
		    (mnl_attr_get_type(attr) != IFA_ADDRESS ||
		     e->kind == FB_NEIGH_EVENT_ROUTE)) /* on a point-to-point link: the peer's */
			continue;
		if (!read_addr(attr, family, &e->prefix.addr))
			continue;
		e->prefix.len_bits = (uint8_t)(fb_family_addr_len(family) * 8);
		e->kind = FB_NEIGH_EVENT_ROUTE;
	}
}

static void read_link(const struct nlmsghdr *nlh, struct fb_neigh_event *e)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct nlattr *attr;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi) || ifi->ifi_family != AF_UNSPEC)
		return;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi)) {
		if (mnl_attr_get_type(attr) == IFLA_MTU)
			(void)read_u32(attr, &e->link_mtu);
	}
	e->kind = FB_NEIGH_EVENT_LINK;
	e->ifindex = ifi->ifi_index;
	e->link_flags = ifi->ifi_flags;
	e->gone = nlh->nlmsg_type == RTM_DELLINK;
}

static void read_error(const struct nlmsghdr *nlh, struct fb_neigh_event *e)
{
	int32_t error = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	else if (nlh->nlmsg_type == NLMSG_ERROR)
		return;
	e->kind = nlh->nlmsg_type == NLMSG_ERROR ? FB_NEIGH_EVENT_ERROR : FB_NEIGH_EVENT_DONE;
	e->error = error;
}

void fb_neigh_message_read(const struct nlmsghdr *nlh, struct fb_neigh_event *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->seq = nlh->nlmsg_seq;
	ret->interrupted = (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
	case NLMSG_DONE:
		read_error(nlh, ret);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		read_neighbour(nlh, ret);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		read_route(nlh, ret);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		read_address(nlh, ret);
		break;
	case RTM_NEWLINK:
	case RTM_DELLINK:
		read_link(nlh, ret);
		break;
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		ret->kind = FB_NEIGH_EVENT_POLICY;
		break;
	default:
		break;
	}
}

void fb_neigh_message_each(const void *buf, size_t len,
			   void (*on_event)(void *arg, const struct fb_neigh_event *event),
			   void *arg)
{
	struct fb_neigh_event event;
	const char *p = buf;

	/* Not mnl_nlmsg_ok(): it takes lengths from 2^31 on for negative, that is, short. */
	while (len >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *nlh = (const void *)p;
		size_t taken;

		/* Padding included, since libmnl looks for attributes up to there; the kernel sends it. */
		if (nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > len)
			return;
		taken = NLMSG_ALIGN(nlh->nlmsg_len);
		if (taken > len)
			return;
		fb_neigh_message_read(nlh, &event);
		if (event.kind != FB_NEIGH_EVENT_NONE)
			on_event(arg, &event);
		p += taken;
		len -= taken;
	}
}

size_t fb_neigh_message_route(void *buf, const struct fb_addr *dst, uint32_t seq)
{
	enum fb_family family = fb_addr_family(dst);
	size_t len = fb_family_addr_len(family);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct rtmsg *rtm;

	nlh->nlmsg_type = RTM_GETROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = seq;
	rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));
	rtm->rtm_family = family == FB_IPV4 ? AF_INET : AF_INET6;
	rtm->rtm_dst_len = (uint8_t)(len * 8);
	mnl_attr_put(nlh, RTA_DST, len, fb_addr_wire(dst));
	return nlh->nlmsg_len;
}

static struct nlmsghdr *put_neighbour(void *buf, int ifindex, const struct fb_addr *addr,
				      uint32_t seq, struct ndmsg **ret_ndm)
{
	enum fb_family family = fb_addr_family(addr);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm;

	nlh->nlmsg_type = RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE;
	nlh->nlmsg_seq = seq;
	ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));
	ndm->ndm_family = family == FB_IPV4 ? AF_INET : AF_INET6;
	ndm->ndm_ifindex = ifindex;
	mnl_attr_put(nlh, NDA_DST, fb_family_addr_len(family), fb_addr_wire(addr));
	*ret_ndm = ndm;
	return nlh;
}

size_t fb_neigh_message_poke(void *buf, int ifindex, const struct fb_addr *addr, uint32_t seq)
{
	struct ndmsg *ndm;
	struct nlmsghdr *nlh = put_neighbour(buf, ifindex, addr, seq, &ndm);

	ndm->ndm_flags = NTF_USE;
	return nlh->nlmsg_len;
}

size_t fb_neigh_message_doubt(void *buf, int ifindex, const struct fb_addr *addr,
			      const uint8_t mac[6], uint32_t seq)
{
	struct ndmsg *ndm;
	struct nlmsghdr *nlh = put_neighbour(buf, ifindex, addr, seq, &ndm);

	ndm->ndm_state = NUD_PROBE;
	mnl_attr_put(nlh, NDA_LLADDR, 6, mac);
	return nlh->nlmsg_len;
}

size_t fb_neigh_message_dump(void *buf, uint16_t type, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	/* Each type's own header begins with the family (zero: all) and is no longer than this. */
	(void)mnl_nlmsg_put_extra_header(nlh, type == RTM_GETLINK ? sizeof(struct ifinfomsg) :
								    sizeof(struct ndmsg));
	return nlh->nlmsg_len;
}
