/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a video file is known to have been cut short, which its demuxer does not say: an AVI, MP4 or
 * Matroska whose last part is longer than the file, an MPEG transport stream that ends inside a packet, an IVF that ends inside a
 * frame or has fewer than it states, an Ogg that ends inside a page or before a stream's last. Anything else, and what cannot be read, is
 * not. Hostile bytes are fine; any thread. */
gboolean tool_video_is_cut(const char *path);

G_END_DECLS
