/* SPDX-License-Identifier: BSD-3-Clause */

#include "ctl.h"

#include <stdio.h>

#include "base/duration.h"

int ctl_drain(const struct ctl *ctl)
{
	uint32_t deadline_s = 300;
	json_t *answer;

	if (ctl->n_args > 0) {
		ctl_error("drain [--deadline TIME] [--no-wait | --cancel]");
		return 2;
	}
	if (ctl->deadline != NULL &&
	    (fb_duration_parse(ctl->deadline, &deadline_s) != 0 || deadline_s == 0)) {
		ctl_error("--deadline %s: a time such as 30s, 5m or 1h30m", ctl->deadline);
		return 2;
	}
	if (ctl->cancel && (ctl->deadline != NULL || ctl->no_wait)) {
		ctl_error("--cancel goes alone");
		return 2;
	}
	answer = ctl_request(ctl, ctl->cancel ? json_pack("{s:s,s:b}", "verb", "drain", "cancel", 1)
					      : json_pack("{s:s,s:I,s:b}", "verb", "drain",
							  "deadline_s", (json_int_t)deadline_s,
							  "wait", (int)!ctl->no_wait));
	if (answer == NULL)
		return 1;
	if (ctl->output == OUTPUT_JSON || ctl->output == OUTPUT_YAML)
		(void)ctl_print_value(ctl, answer);
	else
		(void)printf("%lld flows are open\n", ctl_integer(answer, "flows"));
	json_decref(answer);
	return 0;
}
