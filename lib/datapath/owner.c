/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Who owns a flow.
 *
 * dnat: a hash of the client's address and port, which both directions carry unchanged.
 * snat: where the device spreads packets by RSS, the worker whose queue the client's packets come to;
 *       elsewhere, and for SCTP (nat/rss.h), the same hash. Replies name their owner by the SNAT port (nat/port.h).
 */

#include "datapath/stages.h"

uint16_t fb_owner_by_client(const struct fb_worker *w, const struct fb_tuple *client)
{
	struct fb_addr src = fb_tuple_src(client);

	return fb_nat_client_owner(&w->dp->nat, &src, fb_tuple_sport(client));
}

uint16_t fb_datapath_owner(const struct fb_datapath *dp, const struct fb_service *svc, uint16_t port,
			   const struct fb_tuple *client, const char **ret_rule)
{
	struct fb_addr src = fb_tuple_src(client);

	if (fb_is_owned_by_queue(dp, svc, port)) {
		*ret_rule = "RSS queue";
		return fb_nat_rss_worker(dp->steer[port], client);
	}
	*ret_rule = "client hash";
	return fb_nat_client_owner(&dp->nat, &src, fb_tuple_sport(client));
}

void fb_count_astray(struct fb_worker *w, uint16_t ingress, const struct fb_tuple *reply)
{
	const struct fb_nat_steer *steer = w->dp->steer[ingress];

	/* Others may well come in here: flows of an earlier run, or of the peer box. */
	if (steer != NULL && fb_nat_rss_knows(reply->proto) &&
	    fb_nat_rss_worker(steer, reply) != w->idx)
		w->counters.rss_astray++;
}

uint16_t fb_owner_of_key(const struct fb_worker *w, uint16_t ingress, const struct fb_tuple *key)
{
	const struct fb_service *svc = fb_table_lookup(w->snap, key);
	struct fb_addr dst = fb_tuple_dst(key);
	const char *rule;

	if (svc != NULL)
		return fb_datapath_owner(w->dp, svc, ingress, key, &rule);
	if (fb_table_address(w->snap, &dst) & FB_ADDR_SNAT) {
		uint8_t owner = fb_nat_port_owner(&w->dp->nat, fb_tuple_dport(key));

		if (owner != FB_NAT_NO_OWNER)
			return owner;
	}
	return fb_nat_client_owner(&w->dp->nat, &dst, fb_tuple_dport(key));
}
