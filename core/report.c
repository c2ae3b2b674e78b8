/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/report_private.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* What may wait in memory: an hour of verdicts at 30 a second is some 25 MB on disk. */
#define MAX_LINES 16384
#define MAX_BYTES (8 * 1024 * 1024)
/* How long closing waits for a pipe or terminal that takes nothing. */
#define CLOSE_TIMEOUT_US (2 * G_USEC_PER_SEC)
#define POLL_MS 100

struct _HysacReport {
  char *path;
  int fd; /* the writer's, once it runs */
  HysacReportFlags flags;
  GThread *thread;

  GMutex lock;
  GCond cond;
  GQueue lines; /* of char *, owned */
  gsize bytes;
  guint64 lost; /* lines dropped and not yet written about */
  gboolean closing;
  gint64 close_by; /* monotonic; holds once closing */
  GError *write_error;
  gboolean error_known; /* write_error was set since writing last worked */

  HysacReportSealer sealer;
  /* The writer's. */
  gboolean torn;     /* the file ends in part of a line */
  gboolean fresh;    /* it is empty */
  gboolean unsynced; /* and flagged SYNC */
};

/* -1 with errno. A named pipe without a reader is an error: without O_NONBLOCK it would be waited
 * for. What is in a log is nobody else's business: it is made for its owner alone; who wants it
 * otherwise makes the file first. */
static int
open_file(const char *path)
{
  return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
}

/* FALSE where somebody else writes to the file, and either wants it alone. Files that cannot be locked
 * are not. */
static gboolean
lock_file(int fd, HysacReportFlags flags)
{
  return flock(fd, (flags & HYSAC_REPORT_LOCK ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 ||
         errno != EWOULDBLOCK;
}

/* What a crash leaves: the last line has no end. */
static gboolean
ends_torn(const char *path, off_t size)
{
  char last = '\n';
  int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;

  if (fd >= 0 && pread(fd, &last, 1, size - 1) != 1)
    last = '\n';
  if (fd >= 0)
    close(fd);
  return last != '\n';
}

/* Whether it is empty, or of the kind that would be written: a mistyped path is no reason to add lines
 * to a film. As much of it as there is counts: a crash may have left less. */
static gboolean
is_ours(const char *path, off_t size, const char *begins)
{
  char first[16];
  const gsize length = MIN((gsize) MIN(size, (off_t) sizeof first), strlen(begins));
  int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
  gboolean ours = TRUE;

  if (fd >= 0) { /* one that may not be read is taken as it is */
    ours = pread(fd, first, length, 0) != (gssize) length || memcmp(first, begins, length) == 0;
    close(fd);
  }
  return ours;
}

/* A file that was removed takes all that is written to it with it: another one is begun, and that
 * is told like an error. FALSE and @error where it cannot be. */
static gboolean
begin_anew_if_removed(HysacReport *self, int *error)
{
  struct stat info;

  if (fstat(self->fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink > 0)
    return TRUE;
  int fd = open_file(self->path);
  if (fd < 0 || !lock_file(fd, self->flags)) {
    *error = errno;
    if (fd >= 0)
      close(fd);
    return FALSE;
  }
  close(self->fd);
  self->fd = fd;
  self->fresh = fstat(fd, &info) != 0 || info.st_size == 0;
  self->torn = !self->fresh && ends_torn(self->path, info.st_size);
  g_mutex_lock(&self->lock);
  g_clear_error(&self->write_error);
  self->write_error = g_error_new(HYSAC_ERROR, HYSAC_ERROR_IO,
                                  "%s: was removed; another one was begun", self->path);
  g_mutex_unlock(&self->lock);
  return TRUE;
}

/* Writes all of @data, or says why not. Pipes and terminals are open without blocking, so that
 * closing has an end. */
static gboolean
write_all(HysacReport *self, const char *data, gsize size, int *error)
{
  gsize done = 0;

  while (done < size) {
    ssize_t got = write(self->fd, data + done, size - done);
    if (got > 0) {
      done += (gsize) got;
      continue;
    }
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      struct pollfd wait = {.fd = self->fd, .events = POLLOUT};
      g_mutex_lock(&self->lock);
      gboolean expired = self->closing && g_get_monotonic_time() > self->close_by;
      g_mutex_unlock(&self->lock);
      if (!expired) {
        poll(&wait, 1, POLL_MS);
        continue;
      }
      errno = ETIMEDOUT;
    }
    *error = got == 0 ? ENOSPC : errno;
    self->torn = self->torn || done > 0;
    return FALSE;
  }
  return TRUE;
}

/* @line, or that @lost of them are missing. */
static gboolean
write_one(HysacReport *self, const char *line, guint64 lost, int *error)
{
  const gboolean sealed = self->sealer.seal != NULL;
  g_autofree char *made =
    sealed ? self->sealer.seal(line, lost, self->sealer.user_data)
    : line ? NULL
           : g_strdup_printf("{\"event\":\"log-overflow\",\"lost\":%" G_GUINT64_FORMAT "}", lost);
  struct stat before;

  if (!begin_anew_if_removed(self, error))
    return FALSE;
  g_autofree char *head =
    self->fresh && self->sealer.head ? self->sealer.head(self->sealer.user_data) : NULL;
  g_autoptr(GString) text = g_string_new(self->torn ? "\n" : head);
  g_string_append(text, made ? made : line);
  g_string_append_c(text, '\n');
  gboolean known = sealed && fstat(self->fd, &before) == 0 && S_ISREG(before.st_mode);
  gboolean torn = self->torn;
  if (!write_all(self, text->str, text->len, error)) {
    /* A record is there or not. The file is locked: nobody else has written behind it. */
    if (known && ftruncate(self->fd, before.st_size) == 0)
      self->torn = torn;
    return FALSE;
  }
  self->torn = self->fresh = FALSE;
  self->unsynced = (self->flags & HYSAC_REPORT_SYNC) != 0;
  if (sealed && self->sealer.commit)
    self->sealer.commit(self->sealer.user_data);
  return TRUE;
}

/* On the disk, where there is nothing else to do. What is no file on a disk cannot be. */
static gboolean
sync_file(HysacReport *self, int *error)
{
  if (!self->unsynced || fdatasync(self->fd) == 0 || errno == EINVAL || errno == EROFS)
    errno = 0;
  self->unsynced = FALSE;
  *error = errno;
  return errno == 0;
}

static void
note_result(HysacReport *self, gboolean ok, int error, guint64 lost)
{
  g_mutex_lock(&self->lock);
  self->lost += lost;
  if (ok) {
    self->error_known = FALSE;
  } else if (!self->error_known) {
    self->error_known = TRUE;
    g_clear_error(&self->write_error);
    self->write_error = g_error_new(HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot write: %s", self->path,
                                    g_strerror(error));
  }
  g_mutex_unlock(&self->lock);
  if (!ok && self->sealer.fail)
    self->sealer.fail(self->sealer.user_data);
}

static void
write_lost(HysacReport *self, guint64 lost)
{
  int error = 0;
  gboolean ok = write_one(self, NULL, lost, &error);
  note_result(self, ok, error, ok ? 0 : lost);
}

static gpointer
writer(gpointer data)
{
  HysacReport *self = data;
  sigset_t signals;

  /* A reader that leaves a pipe, and a limit on the size of files, are write errors like any other,
   * not the end of the process. */
  sigemptyset(&signals);
  sigaddset(&signals, SIGPIPE);
  sigaddset(&signals, SIGXFSZ);
  pthread_sigmask(SIG_BLOCK, &signals, NULL);

  for (;;) {
    g_mutex_lock(&self->lock);
    while (g_queue_is_empty(&self->lines) && !self->closing)
      g_cond_wait(&self->cond, &self->lock);
    g_autofree char *line = g_queue_pop_head(&self->lines);
    if (line)
      self->bytes -= strlen(line);
    /* Dropped lines came after those queued when they were dropped: told when the queue is empty. In
     * a sealed file before the next line, as the last of all is the closing one. */
    const gboolean first = self->sealer.seal != NULL;
    guint64 lost = 0;
    if (first || g_queue_is_empty(&self->lines)) {
      lost = self->lost;
      self->lost = 0;
    }
    g_mutex_unlock(&self->lock);

    if (first && lost > 0)
      write_lost(self, lost);
    if (line) {
      int error = 0;
      gboolean ok = write_one(self, line, 0, &error);
      note_result(self, ok, error, ok ? 0 : first ? 1 : lost + 1);
      if (!ok)
        continue;
    }
    if (!first && lost > 0)
      write_lost(self, lost);
    g_mutex_lock(&self->lock);
    const gboolean idle = g_queue_is_empty(&self->lines);
    g_mutex_unlock(&self->lock);
    int error = 0;
    if (idle && !sync_file(self, &error))
      note_result(self, FALSE, error, 0);
    if (!line)
      return NULL;
  }
}

HysacReport *
hysac_report_open(const char *path, GError **error)
{
  return hysac_report_open_full(path, HYSAC_REPORT_APPEND, NULL, error);
}

HysacReport *
hysac_report_open_full(const char *path, HysacReportFlags flags, const HysacReportSealer *sealer,
                       GError **error)
{
  /* Truncated below, once locked. */
  int fd = open_file(path);
  struct stat info;

  if (fd < 0 || fstat(fd, &info) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot open for writing: %s", path,
                g_strerror(errno));
    if (fd >= 0)
      close(fd);
    return NULL;
  }
  const gboolean regular = S_ISREG(info.st_mode);
  if (regular && !lock_file(fd, flags)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO,
                "%s: somebody else writes to it", path);
    close(fd);
    return NULL;
  }
  if (regular && !is_ours(path, info.st_size, sealer && sealer->begins ? sealer->begins : "{")) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO,
                "%s: holds something else than such a log", path);
    close(fd);
    return NULL;
  }
  if ((flags & HYSAC_REPORT_TRUNCATE) && regular) {
    if (ftruncate(fd, 0) != 0) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot begin anew: %s", path,
                  g_strerror(errno));
      close(fd);
      return NULL;
    }
    info.st_size = 0;
  }

  HysacReport *self = g_new0(HysacReport, 1);
  self->path = g_strdup(path);
  self->fd = fd;
  self->flags = flags;
  self->fresh = !regular || info.st_size == 0;
  self->torn = regular && ends_torn(path, info.st_size);
  if (sealer)
    self->sealer = *sealer;
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  g_queue_init(&self->lines);
  self->thread = g_thread_try_new("hysac-report", writer, self, error);
  if (!self->thread) {
    g_prefix_error(error, "%s: ", path);
    hysac_report_free(self);
    return NULL;
  }
  return self;
}

GError *
hysac_report_close(HysacReport *self)
{
  if (self->thread) {
    g_mutex_lock(&self->lock);
    self->closing = TRUE;
    self->close_by = g_get_monotonic_time() + CLOSE_TIMEOUT_US;
    g_cond_signal(&self->cond);
    g_mutex_unlock(&self->lock);
    g_thread_join(self->thread);
  }
  GError *error = g_steal_pointer(&self->write_error);
  close(self->fd);
  g_queue_clear_full(&self->lines, g_free);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->cond);
  g_free(self->path);
  g_free(self);
  return error;
}

void
hysac_report_free(HysacReport *self)
{
  if (self)
    g_clear_error(&(GError *){hysac_report_close(self)});
}

gboolean
hysac_report_write_line(HysacReport *self, char *line)
{
  gsize size = strlen(line);

  g_mutex_lock(&self->lock);
  gboolean room = self->lines.length < MAX_LINES && self->bytes + size <= MAX_BYTES;
  if (room) {
    g_queue_push_tail(&self->lines, line);
    self->bytes += size;
    g_cond_signal(&self->cond);
  } else {
    self->lost++;
  }
  g_mutex_unlock(&self->lock);

  if (!room)
    g_free(line);
  return room;
}

GError *
hysac_report_get_error(HysacReport *self)
{
  g_mutex_lock(&self->lock);
  GError *error = g_steal_pointer(&self->write_error);
  g_mutex_unlock(&self->lock);
  return error;
}

char *
hysac_report_time(void)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_utc();
  g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
  return g_strdup_printf("%s.%06dZ", seconds, g_date_time_get_microsecond(now));
}

void
hysac_json_append_string(GString *line, const char *text)
{
  if (!text) {
    g_string_append(line, "null");
    return;
  }
  g_autofree char *valid = g_utf8_make_valid(text, -1);

  g_string_append_c(line, '"');
  for (const char *c = valid; *c; c++) {
    switch (*c) {
    case '"':
    case '\\':
      g_string_append_c(line, '\\');
      g_string_append_c(line, *c);
      break;
    case '\n':
      g_string_append(line, "\\n");
      break;
    case '\t':
      g_string_append(line, "\\t");
      break;
    default:
      if ((guchar) *c < 0x20 || (guchar) *c == 0x7f)
        g_string_append_printf(line, "\\u%04x", (guint) (guchar) *c);
      else
        g_string_append_c(line, *c);
    }
  }
  g_string_append_c(line, '"');
}

void
hysac_json_append_double(GString *line, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite(value)) {
    g_string_append(line, "null");
    return;
  }
  g_ascii_formatd(text, sizeof text, "%.15g", value);
  if (g_ascii_strtod(text, NULL) != value) /* exact on purpose: reads back the same or not */
    g_ascii_formatd(text, sizeof text, "%.17g", value);
  g_string_append(line, text);
}
