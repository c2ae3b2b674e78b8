/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int
hysac_open_file(const char *path, gsize *size, GError **error)
{
  /* O_NONBLOCK: a named pipe must not make us wait for its writer. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat info;

  if (fd < 0 || fstat(fd, &info) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot open: %s", path, g_strerror(errno));
    if (fd >= 0)
      close(fd);
    return -1;
  }
  if (!S_ISREG(info.st_mode)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: a regular file is expected, this is a %s",
                path, S_ISDIR(info.st_mode) ? "folder" : "pipe or device");
    close(fd);
    return -1;
  }
  *size = (gsize) info.st_size;
  return fd;
}

gboolean
hysac_read_at(int fd, void *dst, gsize size, guint64 offset)
{
  guchar *next = dst;
  errno = 0;
  while (size > 0) {
    const ssize_t got = pread(fd, next, size, (off_t) offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      errno = got < 0 ? errno : 0;
      return FALSE;
    }
    next += got;
    offset += (gsize) got;
    size -= (gsize) got;
  }
  return TRUE;
}

char *
hysac_read_file(const char *path, gsize max_size, gsize *size, GError **error)
{
  gsize expected;
  int fd = hysac_open_file(path, &expected, error);
  if (fd < 0)
    return NULL;
  if (expected > max_size) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_FORMAT,
                "%s: %" G_GSIZE_FORMAT " bytes; at most %" G_GSIZE_FORMAT " are expected", path,
                expected, max_size);
    close(fd);
    return NULL;
  }

  g_autofree char *text = g_malloc(expected + 1);
  if (!hysac_read_at(fd, text, expected, 0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot read: %s", path,
                errno ? g_strerror(errno) : "the file became shorter");
    close(fd);
    return NULL;
  }
  close(fd);
  text[expected] = '\0';
  *size = expected;
  return g_steal_pointer(&text);
}

gboolean
hysac_write_file(const char *path, const void *data, gsize size, GError **error)
{
  g_autofree char *target = realpath(path, NULL);
  g_autoptr(GError) local = NULL;
  struct stat info;
  const gboolean there = stat(path, &info) == 0;

  if (there && !S_ISREG(info.st_mode)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: not written: a regular file is expected, this is a %s", path,
                S_ISDIR(info.st_mode) ? "folder" : "pipe or device");
    return FALSE;
  }
  if (!there && lstat(path, &info) == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: not written: a link that leads to no file", path);
    return FALSE;
  }
  if (g_file_set_contents_full(target ? target : path, data, (gssize) size,
                               G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                               there ? (int) (info.st_mode & 0777) : 0644, &local))
    return TRUE;
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s", local->message);
  return FALSE;
}
