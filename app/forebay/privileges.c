/* SPDX-License-Identifier: BSD-3-Clause */

#include "privileges.h"

#include <errno.h>
#include <linux/capability.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_launch.h>

/* Since Linux 5.8; older headers do not have it. */
#ifndef CAP_BPF
#define CAP_BPF 39
#endif

#define BIT(capability) (UINT64_C(1) << (capability))

/* EAL's interrupt thread wakes up at once. */
#define ALARM_WAIT_S 5

static uint64_t kept;
static _Atomic int failure; /* errno of a thread that could not */
static sem_t interrupt_thread;

void fb_privileges_fix(void)
{
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static uint64_t needed(const struct fb_config *config)
{
	uint64_t caps = BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW) | BIT(CAP_NET_BIND_SERVICE) |
			BIT(CAP_IPC_LOCK) | BIT(CAP_DAC_READ_SEARCH);

	for (uint32_t i = 0; i < config->n_ports; i++) {
		if (strncmp(config->ports[i].device, "net_af_xdp", strlen("net_af_xdp")) == 0)
			caps |= BIT(CAP_BPF);
	}
	return caps;
}

/* Capabilities are each thread's own, so each drops its. */
static int drop(void *arg)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	(void)arg;
	if (syscall(SYS_capget, &head, data) == 0) {
		for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
			data[i].permitted &= (uint32_t)(kept >> 32 * i);
			data[i].effective = data[i].permitted;
			data[i].inheritable = 0;
		}
		if (syscall(SYS_capset, &head, data) == 0)
			return 0;
	}
	atomic_store(&failure, errno);
	return -errno;
}

static void drop_by_alarm(void *arg)
{
	(void)drop(arg);
	(void)sem_post(&interrupt_thread);
}

/* Threads of EAL's that run none of our code otherwise. */
static int drop_in_interrupt_thread(void)
{
	struct timespec until;
	int err = 0;

	(void)sem_init(&interrupt_thread, 0, 0);
	if (rte_eal_alarm_set(1, drop_by_alarm, NULL) != 0)
		return -ENOTSUP;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ALARM_WAIT_S;
	while (err == 0 && sem_clockwait(&interrupt_thread, CLOCK_MONOTONIC, &until) != 0)
		err = errno == EINTR ? 0 : -errno;
	return err;
}

bool fb_privileges_drop(const struct fb_config *config, struct fb_errs *errs)
{
	int err;

	kept = needed(config);
	err = rte_eal_mp_remote_launch(drop, NULL, SKIP_MAIN);
	rte_eal_mp_wait_lcore();
	if (err == 0)
		err = drop_in_interrupt_thread();
	if (err == 0)
		err = drop(NULL);
	if (err == 0)
		err = -atomic_load(&failure);
	if (err != 0)
		fb_errs_add(errs, (struct fb_place){0}, FB_SEV_ERROR,
			    "privileges cannot be dropped: %s", strerror(-err));
	return err == 0;
}
