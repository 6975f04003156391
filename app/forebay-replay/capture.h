/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_REPLAY_CAPTURE_H
#define FB_REPLAY_CAPTURE_H

/*
 * pcap files in and out (libpcap: pcap, and pcapng for reading; microseconds or nanoseconds).
 */

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct fb_frame {
	uint64_t time_ns;
	uint16_t port; /* index in the config */
	uint32_t len;
	uint32_t place; /* in the order of reading */
	const uint8_t *data; /* owned by the capture */
};

struct fb_capture {
	struct fb_frame *frames; /* all files, by time; equal times in the order of the arguments */
	uint32_t n;
	uint32_t cap;
};

/** Add all frames of an Ethernet capture as received by port. @return 0 or -EINVAL with errs filled */
int fb_capture_read(struct fb_capture *c, const char *path, uint16_t port, struct fb_errs *errs);
/** Put the frames into the order of their times. */
void fb_capture_sort(struct fb_capture *c);
void fb_capture_free(struct fb_capture *c);

struct fb_capture_out;

struct fb_capture_out *fb_capture_out_open(const char *path, struct fb_errs *errs);
void fb_capture_out_write(struct fb_capture_out *out, uint64_t time_ns, const uint8_t *data,
			  uint32_t len);
/** @return 0, or -EIO when the file could not be written to its end */
int fb_capture_out_close(struct fb_capture_out *out);

#endif
