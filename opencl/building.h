/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How the message (g_info()) begins that tells, once a process, that programs are not in the cache and have to be built: what
 * shows it to somebody who waits knows it by this. Not installed. */
#define HYSAC_LOG_BUILDING "building programs for "
