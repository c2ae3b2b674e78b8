/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* From here on the first Ctrl-C or SIGTERM is only noted; the second ends the process. */
void tool_stop_catch(void);
/* Whether one came. Any thread. */
gboolean tool_stopped(void);
/* The same to wait on: 1 then, atomic. */
gint *tool_stop_flag(void);

G_END_DECLS
