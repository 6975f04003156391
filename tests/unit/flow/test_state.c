/* SPDX-License-Identifier: BSD-3-Clause */

#include "unit.h"

#include <string.h>

#include "flow/state.h"

/*
 * A row is what passes, in order: c or e (the side), then the flags: S A F R, or - for none.
 * The state after the last packet is what counts.
 */
struct row {
	const char *what;
	const char *packets;
	enum fb_flow_state after;
};

static const struct row tcp_rows[] = {
	{"a SYN alone opens", "cS", FB_FLOW_OPENING},
	{"SYN again and again stays opening", "cS cS cS", FB_FLOW_OPENING},
	{"SYN+ACK alone is not established", "cS eSA", FB_FLOW_OPENING},
	{"nor with more from the endpoint", "cS eSA eA eA", FB_FLOW_OPENING},
	{"a flood's blind ACK is not established", "cS cA cA", FB_FLOW_OPENING},
	{"the three-way handshake", "cS eSA cA", FB_FLOW_ESTABLISHED},
	{"the client's ACK carries a FIN", "cS eSA cFA", FB_FLOW_ESTABLISHED},
	{"picked up midway, client first", "cA eA", FB_FLOW_ESTABLISHED},
	{"picked up midway, endpoint first", "eA cA", FB_FLOW_ESTABLISHED},
	{"picked up midway, one side only", "cA cA cA", FB_FLOW_OPENING},
	{"data and ACKs change nothing", "cS eSA cA cA eA cA eA", FB_FLOW_ESTABLISHED},
	{"a half-closed connection lives", "cS eSA cA cFA eA eA cA", FB_FLOW_ESTABLISHED},
	{"FIN twice from one side is half closed", "cS eSA cA cFA cFA eA", FB_FLOW_ESTABLISHED},
	{"closed from both sides, client first", "cS eSA cA cFA eFA", FB_FLOW_CLOSING},
	{"closed from both sides, endpoint first", "cS eSA cA eFA cFA", FB_FLOW_CLOSING},
	{"the last ACKs do not revive it", "cS eSA cA cFA eFA cA eA cA eA", FB_FLOW_CLOSING},
	{"a refused connection", "cS eRA", FB_FLOW_CLOSING},
	{"refused, and tried again", "cS eRA cS", FB_FLOW_OPENING},
	{"refused, tried again, accepted", "cS eRA cS eSA cA", FB_FLOW_ESTABLISHED},
	{"reset by the client", "cS eSA cA cR", FB_FLOW_CLOSING},
	{"reset by the endpoint", "cS eSA cA eRA", FB_FLOW_CLOSING},
	{"what was in flight after a reset does not revive it", "cS eSA cA cR eA eA eA",
	 FB_FLOW_CLOSING},
	{"nor the answers to it", "cS eSA cA cR eA cR eA cR", FB_FLOW_CLOSING},
	{"nor a FIN that was overtaken", "cS eSA cA cR eA cFA", FB_FLOW_CLOSING},
	{"a forged reset is outlived by traffic from both", "cS eSA cA cR cA eA",
	 FB_FLOW_ESTABLISHED},
	{"a forged reset the other way, too", "cS eSA cA eR eA cA", FB_FLOW_ESTABLISHED},
	{"a half-closed connection outlives it, too", "cS eSA cA cFA cR eA cA",
	 FB_FLOW_ESTABLISHED},
	{"and closes as before", "cS eSA cA cFA cR eA cA eFA", FB_FLOW_CLOSING},
	{"traffic before a reset does not count", "cS eSA cA eA cA cR cA", FB_FLOW_CLOSING},
	{"the port is used again after FINs", "cS eSA cA cFA eFA cA cS", FB_FLOW_OPENING},
	{"and the old FINs are forgotten", "cS eSA cA cFA eFA cA cS eSA cA eFA",
	 FB_FLOW_ESTABLISHED},
	{"and the old SYN+ACK is", "cS eSA cA cFA eFA cA cS cA", FB_FLOW_OPENING},
	{"used again although one FIN was lost", "cS eSA cA eFA cS", FB_FLOW_OPENING},
	{"a forged SYN changes nothing", "cS eSA cA cS", FB_FLOW_ESTABLISHED},
	{"a SYN+ACK again changes nothing", "cS eSA cA eSA", FB_FLOW_ESTABLISHED},
	{"a SYN+ACK does not revive it", "cS eSA cA cFA eFA eSA", FB_FLOW_CLOSING},
	{"a client that lost its memory", "cS eSA cA cS eA cR cS eSA cA", FB_FLOW_ESTABLISHED},
	{"SYN with RST is a reset", "cS eSA cA cSR", FB_FLOW_CLOSING},
};

/* Of connections that were accepted here: each packet is one to translate, and no SYN opens it anew. */
static const struct row proxied_rows[] = {
	{"data and ACKs change nothing", "cA eA cA", FB_FLOW_PROXIED},
	{"a half-closed connection lives", "cFA eA eA cA", FB_FLOW_PROXIED},
	{"closed from both sides", "cFA eFA", FB_FLOW_PROXY_CLOSING},
	{"the last ACKs do not revive it", "cFA eFA cA eA cA eA", FB_FLOW_PROXY_CLOSING},
	{"reset", "eRA", FB_FLOW_PROXY_CLOSING},
	{"what was in flight does not revive it", "eRA cA cA", FB_FLOW_PROXY_CLOSING},
	{"a forged reset is outlived by traffic from both", "eR cA eA", FB_FLOW_PROXIED},
	{"a SYN+ACK again changes nothing", "eSA", FB_FLOW_PROXIED},
	{"a SYN changes nothing", "cS", FB_FLOW_PROXIED},
	{"nor after the end", "cFA eFA cS", FB_FLOW_PROXY_CLOSING},
};

static const struct row udp_rows[] = {
	{"the client alone", "c- c- c-", FB_FLOW_UDP_NEW},
	{"answered", "c- e-", FB_FLOW_UDP},
	{"answered, and on", "c- e- c- c-", FB_FLOW_UDP},
	{"flags mean nothing", "cFR cS", FB_FLOW_UDP_NEW},
};

/*
 * SCTP in the same words: I INIT, i INIT ACK, E COOKIE ECHO, K COOKIE ACK, S SHUTDOWN or its ACK,
 * C SHUTDOWN COMPLETE, B ABORT, X ERROR, - for data, SACK and heartbeats.
 */
static const struct row sctp_rows[] = {
	{"an INIT alone", "cI", FB_FLOW_COOKIE_WAIT},
	{"again and again", "cI cI cI", FB_FLOW_COOKIE_WAIT},
	{"its answer", "cI ei", FB_FLOW_COOKIE_WAIT},
	{"the cookie", "cI ei cE", FB_FLOW_COOKIE_ECHOED},
	{"the four-way handshake", "cI ei cE eK", FB_FLOW_ASSOCIATED},
	{"data goes on", "cI ei cE eK c- e- c-", FB_FLOW_ASSOCIATED},
	{"a flood's blind cookie acknowledgement", "cI cE cK", FB_FLOW_COOKIE_ECHOED},
	{"a flood's blind data", "cI cE c- c-", FB_FLOW_COOKIE_ECHOED},
	{"picked up midway", "c- e-", FB_FLOW_ASSOCIATED},
	{"picked up midway, one side only", "c- c- c-", FB_FLOW_COOKIE_WAIT},
	{"the endpoint's cookie acknowledgement was before us", "cE c- e-", FB_FLOW_ASSOCIATED},
	{"a stale cookie", "cI ei cE eX", FB_FLOW_COOKIE_ECHOED},
	{"a refused association", "cI eB", FB_FLOW_CLOSED},
	{"refused, and tried again", "cI eB cI", FB_FLOW_COOKIE_WAIT},
	{"refused, tried again, accepted", "cI eB cI ei cE eK", FB_FLOW_ASSOCIATED},
	{"one side has no more to say", "cI ei cE eK cS", FB_FLOW_SHUTDOWN},
	{"the other has", "cI ei cE eK cS e- cS e-", FB_FLOW_SHUTDOWN},
	{"it has not", "cI ei cE eK cS eS", FB_FLOW_SHUTDOWN},
	{"all is said", "cI ei cE eK cS eS cC", FB_FLOW_CLOSED},
	{"begun by the endpoint", "cI ei cE eK eS cS eC", FB_FLOW_CLOSED},
	{"a late SHUTDOWN ACK does not revive it", "cI ei cE eK cS eS cC eS", FB_FLOW_CLOSED},
	{"the port is used again", "cI ei cE eK cS eS cC cI", FB_FLOW_COOKIE_WAIT},
	{"used again before the end was seen", "cI ei cE eK cS cI", FB_FLOW_COOKIE_WAIT},
	{"what was heard before does not count", "cI ei cE eK c- e- cS eS cC cI c-",
	 FB_FLOW_COOKIE_WAIT},
	{"aborted by the client", "cI ei cE eK cB", FB_FLOW_CLOSED},
	{"aborted by the endpoint", "cI ei cE eK eB", FB_FLOW_CLOSED},
	{"what was in flight does not revive it", "cI ei cE eK c- e- eB c- c-", FB_FLOW_CLOSED},
	{"a forged ABORT is outlived by traffic from both", "cI ei cE eK cB c- e-",
	 FB_FLOW_ASSOCIATED},
	{"a forged INIT changes nothing", "cI ei cE eK cI", FB_FLOW_ASSOCIATED},
	{"a client that lost its memory", "cI ei cE eK cI ei cE eK", FB_FLOW_ASSOCIATED},
	{"an INIT of the endpoint's changes nothing", "cI ei cE eK cS eS cC eI", FB_FLOW_CLOSED},
};

static uint8_t chunks_of(const char *packet, size_t len)
{
	static const uint8_t bits[128] = {
		['I'] = FB_SCTP_INIT, ['i'] = FB_SCTP_INIT_ACK, ['E'] = FB_SCTP_COOKIE_ECHO,
		['K'] = FB_SCTP_COOKIE_ACK, ['S'] = FB_SCTP_SHUTDOWN,
		['C'] = FB_SCTP_SHUTDOWN_COMPLETE, ['B'] = FB_SCTP_ABORT, ['X'] = FB_SCTP_ERROR,
	};
	uint8_t chunks = 0;

	for (size_t i = 1; i < len; i++)
		chunks |= bits[packet[i] & 127];
	return chunks;
}

static uint8_t flags_of(const char *packet, size_t len)
{
	uint8_t flags = 0;

	for (size_t i = 1; i < len; i++)
		flags |= packet[i] == 'S'   ? RTE_TCP_SYN_FLAG
			 : packet[i] == 'A' ? RTE_TCP_ACK_FLAG
			 : packet[i] == 'F' ? RTE_TCP_FIN_FLAG
			 : packet[i] == 'R' ? RTE_TCP_RST_FLAG
					    : 0;
	return flags;
}

static void check(const struct row *row, enum fb_flow_state begin)
{
	struct fb_flow flow = {.state = (uint8_t)begin, .flags = FB_FLOW_SNAT};
	uint32_t now = 100;

	for (const char *p = row->packets; *p != 0;) {
		size_t len = strcspn(p, " ");

		fb_flow_touch(&flow, *p == 'c' ? FB_DIR_CLIENT : FB_DIR_ENDPOINT,
			      begin == FB_FLOW_COOKIE_WAIT ? chunks_of(p, len) : flags_of(p, len),
			      ++now);
		assert_int_equal(flow.last_use_ms, now);
		p += len + (p[len] == ' ');
	}
	if (flow.state != row->after)
		fail_msg("%s (%s): %s, not %s", row->what, row->packets,
			 fb_flow_state_names[flow.state], fb_flow_state_names[row->after]);
	assert_int_equal(flow.flags & FB_FLOW_SNAT, FB_FLOW_SNAT);
}

static void tcp_follows_its_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tcp_rows) / sizeof(tcp_rows[0]); i++)
		check(&tcp_rows[i], FB_FLOW_OPENING);
}

static void proxied_tcp_follows_its_rows(void **state)
{
	struct fb_flow flow = {.state = FB_FLOW_PROXIED};

	(void)state;
	for (size_t i = 0; i < sizeof(proxied_rows) / sizeof(proxied_rows[0]); i++)
		check(&proxied_rows[i], FB_FLOW_PROXIED);
	assert_true(fb_flow_touch(&flow, FB_DIR_CLIENT, RTE_TCP_ACK_FLAG, 1));
	flow.state = FB_FLOW_PROXY_OPENING;
	assert_true(fb_flow_touch(&flow, FB_DIR_CLIENT, RTE_TCP_ACK_FLAG, 1));
	assert_int_equal(flow.state, FB_FLOW_PROXY_OPENING);
}

static void udp_follows_its_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(udp_rows) / sizeof(udp_rows[0]); i++)
		check(&udp_rows[i], FB_FLOW_UDP_NEW);
}

static void sctp_follows_its_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sctp_rows) / sizeof(sctp_rows[0]); i++)
		check(&sctp_rows[i], FB_FLOW_COOKIE_WAIT);
}

/* Whatever comes, a TCP flow stays a TCP flow in use. */
static void no_sequence_leaves_the_states_of_the_protocol(void **state)
{
	static const uint8_t flags[] = {
		0, RTE_TCP_SYN_FLAG, RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG, RTE_TCP_ACK_FLAG,
		RTE_TCP_FIN_FLAG | RTE_TCP_ACK_FLAG, RTE_TCP_RST_FLAG, 0xff,
	};
	const uint32_t n = 2 * sizeof(flags);

	(void)state;
	for (uint32_t seq = 0; seq < n * n * n * n * n; seq++) {
		struct fb_flow flow = {.state = FB_FLOW_OPENING};

		for (uint32_t rest = seq, i = 0; i < 5; i++, rest /= n) {
			fb_flow_touch(&flow, rest % 2, flags[rest % n / 2], i);
			assert_true(flow.state == FB_FLOW_OPENING ||
				    flow.state == FB_FLOW_ESTABLISHED ||
				    flow.state == FB_FLOW_CLOSING);
		}
	}
}

static void no_chunks_leave_the_states_of_the_protocol(void **state)
{
	static const uint8_t chunks[] = {
		0, FB_SCTP_INIT, FB_SCTP_INIT_ACK, FB_SCTP_COOKIE_ECHO, FB_SCTP_COOKIE_ACK,
		FB_SCTP_SHUTDOWN, FB_SCTP_SHUTDOWN_COMPLETE, FB_SCTP_ABORT, 0xff,
	};
	const uint32_t n = 2 * sizeof(chunks);

	(void)state;
	for (uint32_t seq = 0; seq < n * n * n * n; seq++) {
		struct fb_flow flow = {.state = FB_FLOW_COOKIE_WAIT};

		for (uint32_t rest = seq, i = 0; i < 4; i++, rest /= n) {
			fb_flow_touch(&flow, rest % 2, chunks[rest % n / 2], i);
			assert_in_range(flow.state, FB_FLOW_COOKIE_WAIT, FB_FLOW_CLOSED);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_follows_its_rows),
		cmocka_unit_test(proxied_tcp_follows_its_rows),
		cmocka_unit_test(udp_follows_its_rows),
		cmocka_unit_test(sctp_follows_its_rows),
		cmocka_unit_test(no_chunks_leave_the_states_of_the_protocol),
		cmocka_unit_test(no_sequence_leaves_the_states_of_the_protocol),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
