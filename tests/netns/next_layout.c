/* SPDX-License-Identifier: BSD-3-Clause */

/* For connections_outlive_the_daemon: linked into a forebay in the place of fb_datapath_layout(). */

#include <stdint.h>

uint64_t __real_fb_datapath_layout(void);
uint64_t __wrap_fb_datapath_layout(void);

uint64_t __wrap_fb_datapath_layout(void)
{
	return __real_fb_datapath_layout() + 1;
}
