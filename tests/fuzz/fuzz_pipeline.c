/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The whole packet path with its state, two workers. The input is a list of records:
 *
 *     byte 0  port (2 bits) | WORKER | BURST | REPLY | ERROR | MEND | GO_ON
 *     byte 1  milliseconds since the record before, times 16
 *     2 bytes length, little-endian, then so many bytes
 *
 * Bytes are a frame; with REPLY they replace what follows the ports in the turned round copy of the
 * frame that left last; with ERROR they are the beginning of an ICMP error that quotes it. MEND makes
 * checksums right, which mutation alone would hardly do, and GO_ON a TCP reply's numbers: it goes on where the frame's
 * acknowledgement says and acknowledges one byte of it, so that cookies come back. BURST: together with the next.
 *
 * Laws: rx = tx + drops + punts + answers; all buffers come back; whatever leaves has good checksums if
 * it came with good ones; and nothing leaves untranslated.
 */

#include "fuzz.h"

#include <netinet/in.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_mempool.h>

#include "box/offline.h"
#include "datapath/worker.h"
#include "net/tcp_option.h"
#include "net/wire.h"

#define N_PORTS     3
#define N_MBUFS     512
#define FRAME_MAX   2048
#define RECORDS_MAX 64

#define FLAG_WORKER 0x04
#define FLAG_BURST  0x08
#define FLAG_REPLY  0x10
#define FLAG_ERROR  0x20
#define FLAG_MEND   0x40
#define FLAG_GO_ON  0x80

static const char config_text[] =
	"ports:\n"
	"- {name: lan, device: d0, addresses: [192.0.2.1/24, '2001:db8:f::1/64']}\n"
	"- {name: pods, device: d1, addresses: [10.1.0.1/24, 'fd00:1::1/64']}\n"
	"- {name: tagged, device: d2, addresses: [10.4.0.1/24, 'fd00:4::1/64'], vlan: 100, mtu: 1280}\n"
	"workers: {count: 2}\n"
	"flows: {ipv4: 1024, ipv6: 1024}\n"
	"nat: {secret: fuzz}\n"
	"services: {max-services: 64, max-endpoints: 64}\n"
	"dns: {enabled: true, addresses: [192.0.2.53, '2001:db8:f::53', 10.4.0.1]}\n"
	"lab:\n"
	"  neighbours:\n"
	"  - {address: 10.1.0.11, mac: '02:00:00:00:01:11', port: pods}\n"
	"  - {address: 10.1.0.12, mac: '02:00:00:00:01:12', port: pods}\n"
	"  - {address: 'fd00:1::11', mac: '02:00:00:00:01:11', port: pods}\n"
	"  - {address: 10.4.0.11, mac: '02:00:00:00:04:11', port: tagged}\n"
	"  - {address: 'fd00:4::11', mac: '02:00:00:00:04:11', port: tagged}\n";

#define SERVICE(name, mode, n, more)                                                               \
	"---\n{apiVersion: v1, kind: Service, metadata: {name: " name ", annotations: "            \
	"{forebay.io/mode: " mode more "}}, spec: {type: LoadBalancer, clusterIP: 10.96.0." n           \
	", clusterIPs: [10.96.0." n ", 'fd00:96::" n "'], ipFamilies: [IPv4, IPv6], "              \
	"ipFamilyPolicy: RequireDualStack, externalIPs: [192.0.2.1" n "], ports: ["                \
	"{name: web, port: 80, targetPort: 8080}, "                                                \
	"{name: dns, protocol: UDP, port: 53, targetPort: 5353}, "                                 \
	"{name: sig, protocol: SCTP, port: 3868, targetPort: 3869}]}, "                            \
	"status: {loadBalancer: {ingress: [{ip: 192.0.2." n "}, {ip: '2001:db8:f::" n "'}]}}}\n"
#define SLICE(id, name, family, addresses)                                                         \
	"---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: slice-"      \
	id ", labels: {kubernetes.io/service-name: " name "}}, addressType: " family       \
	", ports: [{name: web, port: 8080}, {name: dns, protocol: UDP, port: 5353}, "              \
	"{name: sig, protocol: SCTP, port: 3869}], "                                               \
	"endpoints: [" addresses "]}\n"

static const char services_text[] =
	SERVICE("snat", "snat", "10", "")
	SLICE("1", "snat", "IPv4", "{addresses: [10.1.0.11]}, {addresses: [10.1.0.12]}")
	SLICE("2", "snat", "IPv6", "{addresses: ['fd00:1::11']}")
	SERVICE("dnat", "dnat", "20", "")
	SLICE("3", "dnat", "IPv4", "{addresses: [10.1.0.11]}, {addresses: [10.1.0.12]}")
	SLICE("4", "dnat", "IPv6", "{addresses: ['fd00:1::11']}")
	SERVICE("tagged", "snat", "60", "")
	SLICE("5", "tagged", "IPv4", "{addresses: [10.4.0.11]}")
	SLICE("6", "tagged", "IPv6", "{addresses: ['fd00:4::11']}")
	SERVICE("proxied", "snat", "70", ", forebay.io/syn-proxy: always")
	SLICE("7", "proxied", "IPv4", "{addresses: [10.1.0.11]}")
	SLICE("8", "proxied", "IPv6", "{addresses: ['fd00:1::11']}")
	SERVICE("kept", "dnat", "80", ", forebay.io/syn-proxy: always, forebay.io/tcp-mss: '1300'")
	SLICE("9", "kept", "IPv4", "{addresses: [10.4.0.11]}")
	SLICE("10", "kept", "IPv6", "{addresses: ['fd00:4::11']}")
	SERVICE("empty", "snat", "30", "");

static struct fb_config *config;
static struct fb_offline offline;
static struct fb_port ports[N_PORTS];
static struct rte_mempool *pool;
static struct fb_rcu *rcu;

/* The frame that left last, for REPLY and ERROR. */
static uint8_t last[FRAME_MAX + 4];
static uint32_t last_len;
static uint16_t last_port;

static void keep(void *arg, void *retired)
{
	(void)arg;
	(void)retired;
}

static void start(void)
{
	static char words[][20] = {"fuzz", "--no-huge", "--no-shconf", "--no-pci",
				   "--no-telemetry", "-m", "64", "-l", "0", "--log-level=error"};
	static char *args[RTE_DIM(words) + 1];
	struct fb_errs errs = FB_ERRS_INIT;
	int fd = memfd_create("services", 0);
	const char *path;
	char text[64];

	for (size_t i = 0; i < RTE_DIM(words); i++)
		args[i] = words[i];
	fuzz_require(rte_eal_init(RTE_DIM(words), args) >= 0);
	fuzz_require(fb_config_parse("config", config_text, sizeof(config_text) - 1, &config,
				     &errs) == 0);
	fuzz_require(write(fd, services_text, sizeof(services_text) - 1) ==
		     (ssize_t)sizeof(services_text) - 1);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	path = text;
	fuzz_require(fb_offline_open(config, &path, 1, &offline, &errs) == 0);
	for (size_t i = 0; i < errs.n; i++)
		fprintf(stderr, "%s\n", errs.v[i].text);
	fuzz_require(errs.n == 0 && offline.snapshot->n_services == 36);
	fb_errs_fini(&errs);
	close(fd);
	for (uint16_t i = 0; i < N_PORTS; i++) {
		const struct fb_config_port *c = &config->ports[i];

		ports[i] = (struct fb_port){.mac = {2, 0, 0, 0, 0, (uint8_t)(0xa0 + i)},
					    .mtu = c->mtu, .vlan = c->vlan, .n_queues = 2,
					    .announce = true};
		for (uint32_t a = 0; a < c->n_addresses; a++) {
			const struct fb_addr *addr = &c->addresses[a].addr;

			ports[i].addr[fb_addr_family(addr)] = *addr;
		}
	}
	pool = rte_pktmbuf_pool_create("fuzz", N_MBUFS, 0, 0, FRAME_MAX + RTE_PKTMBUF_HEADROOM, -1);
	rcu = fb_rcu_create(2, keep, NULL);
	fuzz_require(pool != NULL && rcu != NULL);
	fuzz_require(fb_rcu_publish(rcu, offline.snapshot) == 0);
	fb_rcu_online(rcu, 0);
	fb_rcu_online(rcu, 1);
}

/* By the byte, as RFC 1071 says it, to check lib/net's by. */
static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t l4_len(const uint8_t *data, const struct fb_packet *pkt)
{
	const uint8_t *l4 = data + pkt->l4_off;

	/* UDP's own length may be less than what IP carries. */
	if (pkt->proto == IPPROTO_UDP)
		return (uint32_t)l4[4] << 8 | l4[5];
	return (uint32_t)pkt->l3_off + pkt->l3_len_bytes - pkt->l4_off;
}

static uint32_t sum_l4(const uint8_t *data, const struct fb_packet *pkt)
{
	const uint8_t *l3 = data + pkt->l3_off;
	uint32_t len = l4_len(data, pkt);
	uint32_t sum = 0;

	if (pkt->proto != IPPROTO_ICMP) {
		sum = len + pkt->proto;
		sum = pkt->family == FB_IPV4 ? sum_bytes(sum, l3 + 12, 8) :
					       sum_bytes(sum, l3 + 8, 32);
	}
	return sum_bytes(sum, data + pkt->l4_off, len);
}

/* The CRC32c of an SCTP packet by the bit, its own field taken as zero. */
static uint32_t sctp_crc(const uint8_t *l4, uint32_t len)
{
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= i >= 8 && i < 12 ? 0 : l4[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void store_crc(uint8_t *at, uint32_t crc)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(crc >> 8 * i);
}

static bool sctp_summed(const uint8_t *data, const struct fb_packet *pkt)
{
	uint8_t crc[4];

	store_crc(crc, sctp_crc(data + pkt->l4_off, l4_len(data, pkt)));
	return (pkt->flags & FB_PKT_SCTP_NOSUM) || memcmp(data + pkt->l4_off + 8, crc, 4) == 0;
}

static bool summed(const uint8_t *data, const struct fb_packet *pkt)
{
	if (pkt->kind == FB_PARSE_SERVICE && pkt->proto == IPPROTO_SCTP)
		return sctp_summed(data, pkt);
	return (pkt->flags & FB_PKT_UDP_NOSUM) || sum_l4(data, pkt) == 0xffff;
}

static void store_sum(uint8_t *at, uint32_t sum)
{
	at[0] = (uint8_t)(~sum >> 8);
	at[1] = (uint8_t)~sum;
}

/* Checksums made right, as far as the frame can be understood. */
static void mend(uint8_t *data, uint32_t len)
{
	static const uint8_t csum_off[256] = {
		[IPPROTO_TCP] = 16, [IPPROTO_UDP] = 6, [IPPROTO_ICMP] = 2, [IPPROTO_ICMPV6] = 2};
	uint32_t l3 = len >= 18 && data[12] == 0x81 ? 18 : 14;
	struct fb_packet pkt;
	uint8_t *at;

	if (len >= l3 + 20 && data[l3 - 2] == 0x08 && len >= l3 + (data[l3] & 15) * 4u) {
		memset(data + l3 + 10, 0, 2);
		store_sum(data + l3 + 10, sum_bytes(0, data + l3, (data[l3] & 15) * 4u));
	}
	(void)fb_packet_parse(data, len, len, &pkt);
	/* Also after FB_REASON_ICMP_MALFORMED: that may be for the checksum. */
	if (pkt.kind == FB_PARSE_SERVICE && pkt.proto == IPPROTO_SCTP) {
		store_crc(data + pkt.l4_off + 8,
			  sctp_crc(data + pkt.l4_off, l4_len(data, &pkt)));
		return;
	}
	if (pkt.l4_off == 0 || csum_off[pkt.proto] == 0 || pkt.kind == FB_PARSE_FRAGMENT ||
	    pkt.l4_off + 20u > len || (uint32_t)pkt.l3_off + pkt.l3_len_bytes > len ||
	    pkt.l4_off + l4_len(data, &pkt) > len)
		return;
	at = data + pkt.l4_off + csum_off[pkt.proto];
	memset(at, 0, 2);
	store_sum(at, sum_l4(data, &pkt));
}

static bool is_endpoint(const struct fb_addr *addr, rte_be16_t port_be)
{
	for (uint32_t s = 0; s < offline.snapshot->n_services; s++) {
		const struct fb_service *svc = offline.snapshot->services[s];

		for (uint32_t e = 0; svc != NULL && e < svc->n_endpoints; e++)
			if (fb_addr_equal(&svc->endpoints[e].addr, addr) &&
			    svc->endpoints[e].port_be == port_be)
				return true;
	}
	return false;
}

/* Between a client and a service, or between the box or a client and an endpoint. */
static bool translated(const struct fb_tuple *to_endpoint, const struct fb_tuple *to_client)
{
	struct fb_addr dst = fb_tuple_dst(to_endpoint);
	struct fb_tuple from_client = fb_tuple_reverse(to_client);

	return is_endpoint(&dst, fb_tuple_dport(to_endpoint)) ||
	       fb_table_lookup(offline.snapshot, &from_client) != NULL;
}

/* The same of a piece, which may have no ports. */
static bool piece_translated(const struct fb_tuple *tuple)
{
	struct fb_addr src = fb_tuple_src(tuple);
	struct fb_addr dst = fb_tuple_dst(tuple);

	for (uint32_t s = 0; s < offline.snapshot->n_services; s++) {
		const struct fb_service *svc = offline.snapshot->services[s];

		for (uint32_t e = 0; svc != NULL && e < svc->n_endpoints; e++)
			if (fb_addr_equal(&svc->endpoints[e].addr, &dst))
				return true;
	}
	return fb_table_address(offline.snapshot, &src) & FB_ADDR_SERVICE;
}

static void check_sent(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	bool forwarded = m->hash.usr == FB_TX_FORWARD || m->hash.usr == FB_TX_PIECE;
	struct fb_packet pkt;
	enum fb_parse kind = fb_packet_parse(data, m->data_len, m->pkt_len, &pkt);

	fuzz_require(m->data_len == m->pkt_len);
	fuzz_require(memcmp(data + 6, ports[port].mac, 6) == 0);
	fuzz_require((pkt.flags & FB_PKT_VLAN ? pkt.vlan_tci & 0xfff : 0) == ports[port].vlan);
	/* An error may quote what no error can be made of: extension headers, a first fragment. */
	fuzz_require(kind != FB_PARSE_DROP || (!forwarded && pkt.reason == FB_REASON_ICMP_MALFORMED));
	if (kind == FB_PARSE_ARP)
		return;
	if (pkt.family == FB_IPV4)
		fuzz_require(sum_bytes(0, data + pkt.l3_off, (data[pkt.l3_off] & 15) * 4u) == 0xffff);
	fuzz_require(pkt.l3_len_bytes <= ports[port].mtu || !forwarded);
	/* dynfield1: what push() noted about the frame as it came. */
	if (kind != FB_PARSE_FRAGMENT && (!forwarded || m->dynfield1[0] != 0))
		fuzz_require(summed(data, &pkt));
	if (!forwarded)
		return;
	fuzz_require(pkt.ttl != 0 && (pkt.flags & FB_PKT_MULTICAST) == 0);
	if (kind == FB_PARSE_FRAGMENT) {
		fuzz_require(piece_translated(&pkt.tuple));
		return;
	}
	if (kind == FB_PARSE_SERVICE) {
		fuzz_require(translated(&pkt.tuple, &pkt.tuple));
	} else {
		struct fb_tuple about = fb_tuple_reverse(&pkt.quote);

		fuzz_require(kind == FB_PARSE_ICMP_ERROR && translated(&about, &about));
	}
}

static uint16_t transmit(void *arg, struct fb_worker *w, uint16_t port, struct rte_mbuf **mbufs,
			 uint16_t n)
{
	(void)arg;
	(void)w;
	for (uint16_t i = 0; i < n; i++) {
		check_sent(port, mbufs[i]);
		last_len = mbufs[i]->data_len;
		fuzz_require(last_len <= sizeof(last));
		memcpy(last, rte_pktmbuf_mtod(mbufs[i], uint8_t *), last_len);
		last_port = port;
		rte_pktmbuf_free(mbufs[i]);
	}
	return n;
}

static void swap_bytes(uint8_t *a, uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t t = a[i];

		a[i] = b[i];
		b[i] = t;
	}
}

/* From the other side: the addresses of the frame exchanged. */
static void turn_round(uint8_t *frame, const struct fb_packet *pkt)
{
	uint8_t *l3 = frame + pkt->l3_off;

	swap_bytes(frame, frame + 6, 6);
	if (pkt->family == FB_IPV4)
		swap_bytes(l3 + 12, l3 + 16, 4);
	else
		swap_bytes(l3 + 8, l3 + 24, 16);
}

/* Of a turned round copy: what was acknowledged comes next, and so does the timestamp that was echoed. */
static void go_on(uint8_t *l4, uint32_t have)
{
	const uint32_t end = RTE_MIN((l4[12] >> 4) * 4u, have);
	uint32_t off;

	swap_bytes(l4 + 4, l4 + 8, 4);
	for (int i = 11; i >= 8 && ++l4[i] == 0; i--)
		continue;
	off = fb_tcp_option_at(l4, FB_TCP_LEN, end);
	while (off < end && l4[off] != FB_TCP_OPTION_TIMESTAMPS)
		off = fb_tcp_option_at(l4, off + l4[off + 1], end);
	if (off < end && l4[off + 1] == 10)
		swap_bytes(l4 + off + 2, l4 + off + 6, 4);
}

/* @return the length of the answer to the last frame, 0 if there can be none */
static uint32_t make_reply(uint8_t *frame, const uint8_t *bytes, uint32_t len, bool goes_on)
{
	struct fb_packet pkt;
	uint32_t kept = 4; /* bytes of L4: ports */
	uint32_t room;

	if (fb_packet_parse(last, last_len, last_len, &pkt) != FB_PARSE_SERVICE)
		return 0;
	memcpy(frame, last, last_len);
	turn_round(frame, &pkt);
	swap_bytes(frame + pkt.l4_off, frame + pkt.l4_off + 2, 2);
	if (goes_on && pkt.proto == IPPROTO_TCP) {
		go_on(frame + pkt.l4_off, last_len - pkt.l4_off);
		kept = 12; /* and numbers */
	}
	room = last_len - pkt.l4_off - kept;
	memcpy(frame + pkt.l4_off + kept, bytes, len < room ? len : room);
	frame[pkt.l3_off + (pkt.family == FB_IPV4 ? 8 : 7)] = 64;
	return last_len;
}

/* An ICMP error about the last frame, from whom it was sent to. */
static uint32_t make_error(uint8_t *frame, const uint8_t *bytes, uint32_t len)
{
	uint8_t icmp[8] = {0};
	struct fb_packet pkt;
	uint32_t l3_len;
	uint32_t quote;
	uint8_t *l3;

	if (fb_packet_parse(last, last_len, last_len, &pkt) != FB_PARSE_SERVICE)
		return 0;
	quote = pkt.l3_len_bytes < 500 ? pkt.l3_len_bytes : 500;
	memcpy(icmp, bytes, len < sizeof(icmp) ? len : sizeof(icmp));
	memcpy(frame, last, pkt.l3_off + (pkt.family == FB_IPV4 ? 20u : 40u));
	turn_round(frame, &pkt);
	l3 = frame + pkt.l3_off;
	if (pkt.family == FB_IPV4) {
		l3_len = 20 + 8 + quote;
		l3[0] = 0x45;
		l3[2] = (uint8_t)(l3_len >> 8);
		l3[3] = (uint8_t)l3_len;
		l3[6] = l3[7] = 0;
		l3[8] = 64;
		l3[9] = IPPROTO_ICMP;
	} else {
		l3_len = 40 + 8 + quote;
		l3[4] = (uint8_t)((8 + quote) >> 8);
		l3[5] = (uint8_t)(8 + quote);
		l3[6] = IPPROTO_ICMPV6;
		l3[7] = 64;
	}
	memcpy(l3 + l3_len - quote - 8, icmp, 8);
	memcpy(l3 + l3_len - quote, last + pkt.l3_off, quote);
	return pkt.l3_off + l3_len;
}

static struct rte_mbuf *push(const uint8_t *frame, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct fb_packet pkt;
	enum fb_parse kind;
	char *data;

	fuzz_require(m != NULL);
	data = rte_pktmbuf_append(m, (uint16_t)len);
	fuzz_require(data != NULL);
	memcpy(data, frame, len);
	kind = fb_packet_parse(frame, len, len, &pkt);
	m->dynfield1[0] = kind != FB_PARSE_DROP && kind != FB_PARSE_ARP &&
			  (kind == FB_PARSE_SERVICE || kind == FB_PARSE_ICMP_ERROR) &&
			  summed(frame, &pkt);
	return m;
}

/* A DNS query becomes its answer, which may be longer; fuzz_dns sees to reads past its end. */
static bool may_grow(const struct rte_mbuf *m)
{
	struct fb_packet pkt;

	return fb_packet_parse(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, m->pkt_len, &pkt) ==
		       FB_PARSE_SERVICE &&
	       pkt.proto == IPPROTO_UDP && fb_tuple_dport(&pkt.tuple) == RTE_BE16(53);
}

/* Behind a frame's last byte nobody reads or writes; pools have no red zones of their own. */
static void guard(struct rte_mbuf *const *mbufs, uint16_t n, bool on)
{
	for (uint16_t i = 0; i < n; i++) {
		char *end = (char *)mbufs[i]->buf_addr + mbufs[i]->buf_len;

		if (on && !may_grow(mbufs[i]))
			ASAN_POISON_MEMORY_REGION(end - rte_pktmbuf_tailroom(mbufs[i]),
						  rte_pktmbuf_tailroom(mbufs[i]));
		else
			ASAN_UNPOISON_MEMORY_REGION(mbufs[i]->buf_addr, mbufs[i]->buf_len);
	}
}

static void run_burst(struct fb_datapath *dp, uint16_t worker, uint16_t port,
		      struct rte_mbuf **mbufs, uint16_t n)
{
	struct rte_mbuf *guarded[FB_BURST_MAX];
	struct rte_mbuf *m;

	memcpy(guarded, mbufs, n * sizeof(*mbufs));
	guard(guarded, n, true);
	fb_worker_run(dp->workers[worker], port, mbufs, n);
	guard(guarded, n, false);
	for (uint16_t more = 1; more != 0;) {
		more = 0;
		for (uint16_t i = 0; i < dp->n_workers; i++)
			more += fb_worker_run_handover(dp->workers[i]) +
				fb_worker_run_egress(dp->workers[i]);
	}
	while (fb_datapath_punted(dp, &m, 1) == 1) {
		fuzz_require(m->data_len >= 14 && m->data_len == m->pkt_len);
		rte_pktmbuf_free(m);
	}
}

static void check_law(const struct fb_datapath *dp, uint64_t n_frames)
{
	uint64_t rx = 0;
	uint64_t ends = 0;

	for (uint16_t i = 0; i < dp->n_workers; i++) {
		struct fb_worker_counters c;

		fb_datapath_worker_counters(dp, i, &c);
		rx += c.rx_packets;
		ends += c.tx_packets + c.punts + c.answers;
		for (int k = 0; k < FB_REASON_COUNT; k++)
			ends += c.drops[k];
	}
	fuzz_require(rx == n_frames && ends == n_frames);
}

static uint32_t make_frame(uint8_t flags, const uint8_t *bytes, uint32_t len, uint8_t *frame)
{
	uint32_t frame_len = len;

	if (flags & FLAG_REPLY)
		frame_len = make_reply(frame, bytes, len, flags & FLAG_GO_ON);
	else if (flags & FLAG_ERROR)
		frame_len = make_error(frame, bytes, len);
	else
		memcpy(frame, bytes, len);
	if (flags & FLAG_MEND)
		mend(frame, frame_len);
	return frame_len;
}

static void pass_time(struct fb_datapath *dp, uint32_t ms)
{
	for (uint16_t i = 0; i < dp->n_workers; i++) {
		dp->workers[i]->now_ms += ms;
		fb_worker_expire(dp->workers[i]);
		fb_worker_expire_fragments(dp->workers[i]);
		(void)fb_worker_run_egress(dp->workers[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct rte_mbuf *mbufs[FB_BURST_MAX];
	struct fb_errs errs = FB_ERRS_INIT;
	struct fb_hash_secret secret;
	uint8_t frame[FRAME_MAX];
	struct fb_datapath *dp;
	uint64_t n_frames = 0;
	uint16_t n = 0;

	if (config == NULL)
		start();
	last_len = 0;
	fb_hash_secret_init(&secret, config->secret);
	dp = fb_datapath_create(config, &secret, ports, N_PORTS, pool, rcu, &errs);
	fuzz_require(dp != NULL);
	dp->transmit = transmit;
	for (uint32_t k = 0; k < RECORDS_MAX && size >= 4; k++) {
		uint8_t flags = input[0];
		uint32_t len = input[2] | (uint32_t)input[3] << 8;
		uint32_t frame_len;

		pass_time(dp, input[1] * 16u);
		input += 4;
		size -= 4;
		len = len < size ? len : (uint32_t)size;
		len = len < FRAME_MAX ? len : FRAME_MAX;
		frame_len = make_frame(flags, input, len, frame);
		input += len;
		size -= len;
		if (frame_len != 0 && frame_len <= FRAME_MAX) {
			mbufs[n++] = push(frame, frame_len);
			n_frames++;
		}
		if (n != 0 && (!(flags & FLAG_BURST) || k + 1 == RECORDS_MAX || size < 4)) {
			uint16_t port = flags & (FLAG_REPLY | FLAG_ERROR) ? last_port : flags & 3;

			run_burst(dp, flags & FLAG_WORKER ? 1 : 0, port % N_PORTS, mbufs, n);
			n = 0;
		}
	}
	for (uint16_t i = 0; i < dp->n_workers; i++)
		fb_worker_drop_fragments(dp->workers[i]);
	check_law(dp, n_frames);
	fb_datapath_free(dp);
	fuzz_require(rte_mempool_avail_count(pool) == N_MBUFS);
	return 0;
}
