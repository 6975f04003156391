/* SPDX-License-Identifier: BSD-3-Clause */

#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "frame.h"
#include "machine.h"
#include "traffic.h"

static int write_packets(const char *path, const struct bench_options *o,
			 const struct bench_traffic *traffic, struct fb_errs *errs)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, BENCH_FRAME_MAX);
	pcap_dumper_t *dumper = pcap != NULL ? pcap_dump_open(pcap, path) : NULL;
	int err = dumper != NULL ? 0 : -EIO;

	for (uint32_t i = 0; i < traffic->n && dumper != NULL; i++) {
		uint8_t data[BENCH_FRAME_MAX];
		struct fb_tuple tuple = bench_traffic_at(traffic, i);
		uint16_t len =
			bench_frame_write(data, &tuple, RTE_TCP_ACK_FLAG, o->shape.frame_bytes);
		struct pcap_pkthdr h = {.caplen = len, .len = len};

		pcap_dump((u_char *)dumper, &h, data);
	}
	if (dumper != NULL) {
		err = pcap_dump_flush(dumper) == 0 ? 0 : -EIO;
		pcap_dump_close(dumper);
	}
	if (err != 0)
		fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR,
			    "the capture could not be written");
	if (pcap != NULL)
		pcap_close(pcap);
	return err;
}

int bench_capture_write(const char *program, const char *path, const struct bench_options *o,
			struct fb_errs *errs)
{
	const struct bench_setup setup = {
		.n_services = o->n_services,
		.n_endpoints = o->n_endpoints,
		.mode = FB_MODE_DNAT,
		.proto = o->shape.proto,
	};
	struct rte_mempool *pool;
	struct bench_traffic traffic = {0};
	struct bench_world world;
	int err = bench_machine_start(program, -1, NULL, 64, errs);

	if (err != 0)
		return err;
	pool = rte_pktmbuf_pool_create("bench", 2047, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, -1);
	err = pool != NULL ? bench_world_open(&setup, pool, &world, errs) : -ENOMEM;
	if (err != 0)
		return err;
	err = bench_world_start(&world, FB_IPV4, RTE_MAX(o->sizes[0] * 2, 1024u), errs);
	if (err == 0)
		err = bench_traffic_open(&world, FB_IPV4, o->sizes[0], &o->shape, &traffic);
	if (err == 0)
		err = write_packets(path, o, &traffic, errs);
	bench_traffic_close(&traffic);
	bench_world_close(&world);
	return err;
}
