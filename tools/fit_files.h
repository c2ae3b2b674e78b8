/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tool.h"

/* By the ending of the name. */
gboolean tool_is_video(const char *path);
gboolean tool_is_picture(const char *path);

/* The pictures that @args name, files as they are and folders with all below them (by the endings
 * that gdk-pixbuf reads, sorted, links to folders not followed). NULL-terminated (transfer full);
 * *others counts what was passed over. NULL and @error where one is missing or is a video. */
char **fit_collect_pictures(char **args, guint *others, GError **error);

/* @argv with "--safe A B C" turned into "--safe A --safe B --safe C", and the same of --unsafe, so
 * that GOption reads it. NULL-terminated (transfer full). */
char **fit_expand_lists(int argc, char **argv);

/* Copies the model directory @from to the new folder @to, its weights as a link. */
gboolean fit_copy_model(const char *from, const char *to, GError **error);
