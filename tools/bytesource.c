/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bytesource.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is read ahead where parts lie far from each other. */
#define FEW 4096

gboolean
tool_bytes_open(ToolBytes *self, const char *path, guint64 steps)
{
  struct stat st;
  /* A pipe would wait for who writes to it. */
  self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  self->at = self->n = 0;
  self->steps = steps;
  if (self->fd < 0)
    return FALSE;
  if (fstat(self->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
    self->size = (guint64) st.st_size;
    return TRUE;
  }
  tool_bytes_close(self);
  return FALSE;
}

void
tool_bytes_close(ToolBytes *self)
{
  close(self->fd);
  self->fd = -1;
}

const guint8 *
tool_bytes_peek(ToolBytes *self, guint64 at, gsize n, gsize *available)
{
  if (n > FEW || at >= self->size || self->size - at < n)
    return NULL;
  if (at < self->at || at - self->at > self->n || self->n - (at - self->at) < n) {
    const gboolean follows = at >= self->at && at - self->at <= self->n;
    const gsize want = (gsize) MIN(follows ? sizeof self->window : FEW, self->size - at);
    self->at = at;
    self->n = 0;
    while (self->n < want) {
      const gssize got = pread(self->fd, self->window + self->n, want - self->n, (off_t) (at + self->n));
      if (got < 0 && errno == EINTR)
        continue;
      if (got <= 0)
        break;
      self->n += (gsize) got;
    }
    if (self->n < n)
      return NULL;
  }
  *available = self->n - (gsize) (at - self->at);
  return self->window + (at - self->at);
}

gboolean
tool_bytes_read(ToolBytes *self, guint64 at, guint8 *bytes, gsize n)
{
  gsize available;
  if (self->steps == 0)
    return FALSE;
  self->steps--;
  const guint8 *from = tool_bytes_peek(self, at, n, &available);
  if (from != NULL)
    memcpy(bytes, from, n);
  return from != NULL;
}

guint64
tool_big_endian(const guint8 *bytes, guint n)
{
  guint64 value = 0;
  for (guint i = 0; i < n; i++)
    value = value << 8 | bytes[i];
  return value;
}

guint64
tool_little_endian(const guint8 *bytes, guint n)
{
  guint64 value = 0;
  for (guint i = n; i > 0; i--)
    value = value << 8 | bytes[i - 1];
  return value;
}

gboolean
tool_bytes_read_ebml(ToolBytes *self, guint64 *at, guint most, gboolean keep, guint64 *value, gboolean *unknown)
{
  guint8 number[8];
  guint n = 1;
  if (!tool_bytes_read(self, *at, number, 1) || number[0] == 0)
    return FALSE;
  while (!(number[0] & 0x100 >> n))
    n++;
  if (n > most || !tool_bytes_read(self, *at, number, n))
    return FALSE;
  if (!keep)
    number[0] &= (guint8) ((0x100 >> n) - 1);
  *value = tool_big_endian(number, n);
  *unknown = *value == ((guint64) 1 << 7 * n) - 1;
  *at += n;
  return TRUE;
}
