/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_NET_VERDICT_H
#define FB_NET_VERDICT_H

/*
 * What can become of a received packet, and why.
 *
 * The law, checked by the tests after every case, per worker set as a whole:
 *
 *     rx = tx + drops (by reason) + punts + answers
 *
 * Each received packet ends in exactly one of these, counted by the worker that finished it.
 * A fragment that waits is counted when it ends.
 * A packet handed over to its owner is counted as rx where it came in and as the rest where it ended.
 */

#include <stdint.h>

enum fb_verdict {
	FB_VERDICT_FORWARD, /* translated and transmitted */
	FB_VERDICT_REJECT,  /* answered with a TCP reset or ICMP unreachable; counted as an answer */
	FB_VERDICT_DROP,    /* freed, counted under a reason */
	FB_VERDICT_PUNT,    /* given to the kernel twin of its port */
	FB_VERDICT_ANSWER,  /* consumed by an answer of our own: echo, ARP, NDP, time exceeded, too big */
	FB_VERDICT_HOLD,    /* no end: a fragment that waits for its first, and then goes on */
	FB_VERDICT_COUNT,
};

/*
 * FB_REASONS(X): one row per reason, X(SUFFIX, name, help). The name is what operators see (a metric
 * label and `forebayctl get drops`); the help is one sentence: what happened and what to do about it.
 * Reasons of drops come first; those from NO_SERVICE on explain other verdicts too.
 */
#define FB_REASONS(X)                                                                               \
	X(NONE, "none", "nothing to explain")                                                       \
	X(TOO_SHORT, "too-short", "the frame ends before the headers that it announces")            \
	X(BAD_VERSION, "bad-ip-version", "IP version does not match the EtherType")                 \
	X(BAD_HEADER_LEN, "bad-header-length", "an IP, TCP or UDP header length is impossible")     \
	X(BAD_TOTAL_LEN, "bad-total-length", "the IP or UDP length does not fit into the frame")    \
	X(BAD_IP_CHECKSUM, "bad-ip-checksum", "the IPv4 header checksum is wrong")                  \
	X(BAD_ADDRESS, "bad-address",                                                               \
	  "source or destination cannot be forwarded (RFC 1122, 4291)")                             \
	X(BAD_TCP_FLAGS, "bad-tcp-flags", "a combination of TCP flags that no stack sends")         \
	X(BAD_SCTP, "bad-sctp-chunk",                                                               \
	  "an SCTP chunk that no stack sends: its length, or its company")                          \
	X(BAD_EXTENSION, "bad-extension-header", "IPv6 extension headers malformed or too many")    \
	X(HEADER_SPLIT, "header-split", "headers are not contiguous in the first buffer segment")   \
	X(BAD_FRAGMENT, "bad-fragment",                                                             \
	  "a fragment that no stack makes: empty, of an odd length, or past what IP can carry")     \
	X(FRAGMENT_TINY, "fragment-tiny",                                                           \
	  "a first fragment without all of the L4 header, or a later one that would be in it")      \
	X(FRAGMENT_OVERLAP, "fragment-overlap",                                                     \
	  "a fragment of bytes that came before, or of a datagram in which others overlap")         \
	X(FRAGMENT_TIMEOUT, "fragment-timeout",                                                     \
	  "waited for the first fragment of its datagram, which did not come (fragments.timeout)")  \
	X(FRAGMENT_FULL, "fragment-table-full",                                                     \
	  "more fragments at once than there is room for (fragments.datagrams, fragments.held)")    \
	X(FRAGMENT_SOURCE, "fragment-source-limit",                                                 \
	  "its source has its share of the room for fragments already (fragments.per-source)")      \
	X(FRAGMENT_NO_FLOW, "fragment-no-flow",                                                     \
	  "a later fragment whose first one belonged to no flow, or was dropped")                   \
	X(VLAN, "vlan", "the frame's VLAN tag is not the port's, or tags are stacked")              \
	X(NOT_FOR_US, "not-for-us", "a unicast frame to another station's MAC address")             \
	X(TTL_EXCEEDED, "ttl-exceeded",                                                             \
	  "TTL or hop limit ran out, and the ICMP rate was used up or it was an ICMP error itself") \
	X(TOO_BIG, "too-big", "larger than the next hop's MTU, and no ICMP error could be sent")    \
	X(NO_LOCAL_ENDPOINT, "no-local-endpoint",                                                   \
	  "the traffic policy is Local, and the Service's endpoints are on other nodes")            \
	X(UNUSED_ADDRESS, "unused-address",                                                         \
	  "the address is in a service CIDR, and no Service has it")                                \
	X(BOX_DRAINING, "box-draining",                                                             \
	  "would begin a flow, and this box is about to leave (forebayctl drain)")                  \
	X(SOURCE_RANGE, "source-range",                                                             \
	  "the client is outside of the Service's loadBalancerSourceRanges")                        \
	X(BAD_UDP_CHECKSUM, "bad-udp-checksum", "a DNS query whose UDP checksum is wrong")          \
	X(BAD_TCP_CHECKSUM, "bad-tcp-checksum",                                                     \
	  "a segment that a SYN proxy would have to answer or replace, and whose checksum is wrong")   \
	X(SYN_PROXY, "syn-proxy",                                                                   \
	  "came before the endpoint had accepted a connection that was begun by a cookie")            \
	X(DNS_NO_QUERY, "dns-no-query",                                                             \
	  "came to where DNS is answered, and is an answer itself or too short to be a query")      \
	X(NOT_ANNOUNCED, "not-announced",                                                           \
	  "ARP or NDP for an address where DNS is answered that is not announced on this port")     \
	X(NO_SERVICE, "no-service", "no Service has this address and port")                         \
	X(NO_ENDPOINTS, "no-endpoints", "the Service has no ready endpoint in this family")         \
	X(REJECT_RATE, "reject-rate-limited", "would be rejected, but the reject rate is used up")  \
	X(ICMP_RATE, "icmp-rate-limited",                                                           \
	  "would be answered or passed on, but the rate for ICMP is used up (limits)")              \
	X(NO_FLOW, "no-flow", "a reply or a TCP packet without SYN that belongs to no known flow")  \
	X(DRAINED, "drained",                                                                       \
	  "the endpoint went away, and the Service's time for its flows is over")                   \
	X(ICMP_NO_FLOW, "icmp-no-flow", "an ICMP error that quotes no known flow")                  \
	X(ICMP_FRAGMENT, "icmp-about-fragment",                                                     \
	  "an ICMP error that quotes a later fragment, which has no ports to know the flow by")     \
	X(ICMP_MALFORMED, "icmp-malformed", "an ICMP message too short, untrue, or badly summed")   \
	X(FLOW_TABLE_FULL, "flow-table-full", "the worker's flow capacity is used up")              \
	X(SNAT_PORTS, "snat-ports-exhausted", "no free SNAT port towards this endpoint")            \
	X(NO_SNAT_ADDRESS, "no-snat-address", "no SNAT address of this family is configured")       \
	X(SOURCE_RATE, "source-rate",                                                               \
	  "the source has opened more new flows than limits.source-rate allows")                    \
	X(SERVICE_RATE, "service-rate",                                                             \
	  "the Service got more new flows than limits.service-rate or its annotation allows")       \
	X(NO_ROUTE, "no-route", "the kernel has no route to the endpoint")                          \
	X(NEXT_HOP, "next-hop-unresolved", "the next hop's MAC address is not known yet")           \
	X(HANDOVER_FULL, "handover-ring-full", "the owning worker's hand-over ring is full")        \
	X(PUNT_FULL, "punt-ring-full", "the ring to the kernel twin is full")                       \
	X(TX_FULL, "tx-full", "the device's transmit queue did not take the packet")                \
	X(NO_MBUF, "no-mbuf", "no buffer was left to build an answer in")                           \
	X(UNSUPPORTED, "unsupported-protocol", "a protocol that services do not carry")

enum fb_reason {
#define X(suffix, name, help) FB_REASON_##suffix,
	FB_REASONS(X)
#undef X
	FB_REASON_COUNT,
};

extern const char *const fb_verdict_names[FB_VERDICT_COUNT];
extern const char *const fb_reason_names[FB_REASON_COUNT];
extern const char *const fb_reason_help[FB_REASON_COUNT];

#endif
