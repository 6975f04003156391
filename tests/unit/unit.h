/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FB_UNIT_H
#define FB_UNIT_H

/* What every unit test includes first: cmocka wants these four headers before its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
