/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* By the ending of the name: videos that are usual, and what gdk-pixbuf reads. */
gboolean tool_is_video(const char *path);
gboolean tool_is_picture(const char *path);
gboolean tool_is_subtitles(const char *path); /* of any kind */
/* By its first bytes. */
gboolean tool_holds_picture(const char *path);
/* Likewise, but only of pictures whose first bytes can be nothing else, and without reading on: a video may begin as some do. */
gboolean tool_begins_as_picture(const char *path);

/* What a file that gdk-pixbuf knows nothing of is, and what to do with it: a video, or a picture without a loader. A static
 * text, or NULL. */
const char *tool_unknown_picture(const char *path);

/* At most @most of the first bytes of a regular file; 0 of another. */
gsize tool_read_head(const char *path, char *head, gsize most);
