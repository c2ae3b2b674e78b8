/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/: folders below $XDG_CACHE_HOME/gst-hysac, which are ours alone (0700), and files in
 * them: written aside and renamed, so that a reader sees a whole one or none. All of it may fail, and
 * then there is no cache. Thread-safe.
 *
 * HYSAC_CACHE: "0" for no cache at all, "programs" for that of programs only.
 */

#include <glib.h>

G_BEGIN_DECLS

/* FALSE where HYSAC_CACHE has switched it off. */
gboolean hysac_cache_wanted(const char *folder);
/* The folder, made where it is missing (transfer full); NULL where it is switched off or, with a warning,
 * cannot be used. */
char *hysac_cache_dir(const char *folder);

/* That something is not cached, and @why, as a warning: once in a process, whatever it is. */
void hysac_cache_warn(const char *why);

gboolean hysac_cache_read(int fd, void *data, gsize n);
gboolean hysac_cache_write(int fd, const void *data, gsize n);

/* Opens a file of ours for reading; -1 where it is missing, or anything but a regular file of ours. */
int hysac_cache_open(const char *path, gsize *size);

/* A new file aside (its name: transfer full), then its place. FALSE with errno, and it is gone. */
int hysac_cache_create(const char *dir, char **tmp);
gboolean hysac_cache_place(int fd, const char *tmp, const char *path);
void hysac_cache_abandon(int fd, const char *tmp);
/* All three for a file of two pieces; @body may be NULL. FALSE with errno. */
gboolean hysac_cache_store(const char *dir, const char *path, const void *head, gsize n_head,
                           const void *body, gsize n_body);

/* Removes what dead writers left, and of the files that end in @suffix the least recently used: where
 * there are more than @most_files, or @most_bytes, down to three quarters of either. */
void hysac_cache_prune(const char *dir, const char *suffix, guint most_files, guint64 most_bytes);

G_END_DECLS
