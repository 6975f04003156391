/* SPDX-License-Identifier: BSD-3-Clause */

#include "capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FRAME 65535

struct fb_capture_out {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
};

static int fail(struct fb_errs *errs, const char *path, const char *what)
{
	size_t len = strlen(path);

	/* libpcap names the file in some of its errors and not in others. */
	if (strncmp(what, path, len) == 0 && strncmp(what + len, ": ", 2) == 0)
		what += len + 2;
	fb_errs_add(errs, (struct fb_place){.file = path}, FB_SEV_ERROR, "%s", what);
	return -EINVAL;
}

static int add(struct fb_capture *c, const struct pcap_pkthdr *h, const u_char *data, uint16_t port)
{
	uint8_t *copy = malloc(h->caplen != 0 ? h->caplen : 1);

	if (c->n == c->cap) {
		uint32_t cap = c->cap != 0 ? c->cap * 2 : 256;
		struct fb_frame *v = reallocarray(c->frames, cap, sizeof(*v));

		if (v == NULL) {
			free(copy);
			return -ENOMEM;
		}
		c->frames = v;
		c->cap = cap;
	}
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, data, h->caplen);
	c->frames[c->n++] = (struct fb_frame){
		/* Opened with nanosecond precision: tv_usec holds nanoseconds. */
		.time_ns = (uint64_t)h->ts.tv_sec * 1000000000 + (uint64_t)h->ts.tv_usec,
		.port = port,
		.len = h->caplen,
		.data = copy,
	};
	return 0;
}

int fb_capture_read(struct fb_capture *c, const char *path, uint16_t port, struct fb_errs *errs)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, why);
	struct pcap_pkthdr *h;
	const u_char *data;
	int err = 0;
	int got;

	if (pcap == NULL)
		return fail(errs, path, why);
	if (pcap_datalink(pcap) != DLT_EN10MB) {
		pcap_close(pcap);
		return fail(errs, path, "not a capture of Ethernet frames (link type EN10MB)");
	}
	while (err == 0 && (got = pcap_next_ex(pcap, &h, &data)) == 1) {
		if (h->caplen > MAX_FRAME)
			err = fail(errs, path, "a frame is longer than 65535 bytes");
		else if (add(c, h, data, port) != 0)
			err = fail(errs, path, "out of memory");
	}
	if (err == 0 && got == PCAP_ERROR)
		err = fail(errs, path, pcap_geterr(pcap));
	pcap_close(pcap);
	return err;
}

/* The place in the order of arguments breaks ties: qsort() alone is not stable. */
static int by_time(const void *a, const void *b)
{
	const struct fb_frame *x = a;
	const struct fb_frame *y = b;

	if (x->time_ns != y->time_ns)
		return x->time_ns < y->time_ns ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

void fb_capture_sort(struct fb_capture *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		c->frames[i].place = i;
	qsort(c->frames, c->n, sizeof(*c->frames), by_time);
}

void fb_capture_free(struct fb_capture *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		free((void *)(uintptr_t)c->frames[i].data);
	free(c->frames);
	*c = (struct fb_capture){0};
}

struct fb_capture_out *fb_capture_out_open(const char *path, struct fb_errs *errs)
{
	struct fb_capture_out *out = calloc(1, sizeof(*out));

	if (out == NULL)
		return NULL;
	out->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, MAX_FRAME,
							 PCAP_TSTAMP_PRECISION_NANO);
	if (out->pcap != NULL)
		out->dumper = pcap_dump_open(out->pcap, path);
	if (out->dumper == NULL) {
		(void)fail(errs, path, out->pcap != NULL ? pcap_geterr(out->pcap) : "out of memory");
		if (out->pcap != NULL)
			pcap_close(out->pcap);
		free(out);
		return NULL;
	}
	return out;
}

void fb_capture_out_write(struct fb_capture_out *out, uint64_t time_ns, const uint8_t *data,
			  uint32_t len)
{
	struct pcap_pkthdr h = {
		.ts = {.tv_sec = (time_t)(time_ns / 1000000000),
		       .tv_usec = (suseconds_t)(time_ns % 1000000000)},
		.caplen = len,
		.len = len,
	};

	pcap_dump((u_char *)out->dumper, &h, data);
}

int fb_capture_out_close(struct fb_capture_out *out)
{
	int err = pcap_dump_flush(out->dumper) == 0 ? 0 : -EIO;

	pcap_dump_close(out->dumper);
	pcap_close(out->pcap);
	free(out);
	return err;
}
