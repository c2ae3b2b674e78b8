/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reads an audit log that nobody vouches for, in one pass with one line in memory. Lines are taken
 * apart by their fixed outline, not as JSON: every byte of a record but its own hash is hashed, so
 * what was not written by audit.c cannot pass for a record by reading well.
 */

#include "core/audit.h"
#include "core/audit_private.h"
#include "core/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINE (1024 * 1024)
#define MAX_FAULTS 100
#define SUFFIX ",\"hash\":\""

typedef struct {
  guint64 seq;
  char prev[HYSAC_AUDIT_HASH + 1], hash[HYSAC_AUDIT_HASH + 1];
  char event[32];
} Record;

typedef struct {
  HysacAuditResult *result;
  const char *head; /* a hash to look for, or NULL */
  gboolean any;     /* last holds */
  Record last;
  gboolean torn;
  char *broken; /* the first fault since the last genesis, or NULL; owned */
} Reader;

static void
free_fault(gpointer data)
{
  HysacAuditFault *fault = data;
  g_free(fault->what);
  g_free(fault);
}

static void G_GNUC_PRINTF(2, 3)
add_fault(Reader *self, const char *format, ...)
{
  HysacAuditResult *result = self->result;
  if (result->n_faults++ >= MAX_FAULTS && self->broken)
    return;
  HysacAuditFault *fault = g_new0(HysacAuditFault, 1);
  va_list args;
  va_start(args, format);
  fault->what = g_strdup_vprintf(format, args);
  va_end(args);
  fault->line = result->lines;
  if (!self->broken)
    self->broken = g_strdup_printf("line %" G_GUINT64_FORMAT ": %s", fault->line, fault->what);
  if (result->faults->len < MAX_FAULTS)
    g_ptr_array_add(result->faults, fault);
  else
    free_fault(fault);
}

/* Lower case only: one spelling of each hash. */
static gboolean
take_hash(const char **at, const char *end, char *out)
{
  if (end - *at < HYSAC_AUDIT_HASH)
    return FALSE;
  for (guint i = 0; i < HYSAC_AUDIT_HASH; i++) {
    char c = (*at)[i];
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
      return FALSE;
  }
  memcpy(out, *at, HYSAC_AUDIT_HASH);
  out[HYSAC_AUDIT_HASH] = '\0';
  *at += HYSAC_AUDIT_HASH;
  return TRUE;
}

static gboolean
take(const char **at, const char *end, const char *text)
{
  gsize size = strlen(text);
  if ((gsize) (end - *at) < size || memcmp(*at, text, size) != 0)
    return FALSE;
  *at += size;
  return TRUE;
}

/* @hashed: bytes that the record's hash covers. */
static gboolean
parse(const char *line, gsize size, Record *record, gsize *hashed)
{
  const gsize tail = strlen(SUFFIX) + HYSAC_AUDIT_HASH + 2;
  if (size < tail)
    return FALSE;
  const char *at = line, *end = line + size - tail;
  gsize digits = 0;
  if (!take(&at, end, "{\"seq\":"))
    return FALSE;
  for (record->seq = 0; at < end && g_ascii_isdigit(*at); at++, digits++) {
    if (digits == 18)
      return FALSE;
    record->seq = record->seq * 10 + (guint64) (*at - '0');
  }
  if (digits == 0 || (digits > 1 && at[-(gssize) digits] == '0'))
    return FALSE;
  if (!take(&at, end, ",\"prev\":\"") || !take_hash(&at, end, record->prev) ||
      !take(&at, end, "\",\"time\":\""))
    return FALSE;
  while (at < end && *at != '"')
    at++;
  if (!take(&at, end, "\",\"event\":\""))
    return FALSE;
  gsize n = 0;
  for (; at < end && *at != '"'; at++) {
    if (n + 1 < sizeof record->event)
      record->event[n++] = *at;
  }
  record->event[n] = '\0';
  if (at >= end)
    return FALSE;
  *hashed = (gsize) (end - line);
  at = end;
  end = line + size;
  return take(&at, end, SUFFIX) && take_hash(&at, end, record->hash) && take(&at, end, "\"}") && at == end;
}

static gboolean
is(const Record *record, const char *event)
{
  return strcmp(record->event, event) == 0;
}

/* A whole record behind the last one, or the first. */
static void
follow(Reader *self, const Record *record)
{
  const gboolean genesis = is(record, "genesis") && record->seq == 0 &&
                           strspn(record->prev, "0") == HYSAC_AUDIT_HASH;
  if (genesis && self->result->lines == 1)
    return;
  if (genesis) {
    add_fault(self, "another chain begins: nothing ties it to what is before it");
    g_clear_pointer(&self->broken, g_free);
  } else if (!self->any) {
    add_fault(self,
              "record %" G_GUINT64_FORMAT
              " is the first one, and not a beginning: what was before it is missing",
              record->seq);
  } else if (record->seq > self->last.seq + 1) {
    add_fault(self, "%" G_GUINT64_FORMAT " records are missing before record %" G_GUINT64_FORMAT,
              record->seq - self->last.seq - 1, record->seq);
  } else if (record->seq <= self->last.seq) {
    add_fault(self,
              "record %" G_GUINT64_FORMAT " comes after record %" G_GUINT64_FORMAT
              ": it was moved, repeated or put in",
              record->seq, self->last.seq);
  } else if (is(record, "genesis") || strcmp(record->prev, self->last.hash) != 0) {
    add_fault(self, "record %" G_GUINT64_FORMAT " does not follow from the record before it",
              record->seq);
  } else if (is(&self->last, "close") && !is(record, "open")) {
    add_fault(self, "record %" G_GUINT64_FORMAT " comes after a closing record and opens nothing",
              record->seq);
  }
  if (self->any && !is(&self->last, "close") && (genesis || is(record, "open")))
    self->result->unclosed++;
}

static void
read_line(Reader *self, const char *line, gsize size)
{
  HysacAuditResult *result = self->result;
  Record record;
  gsize hashed;
  result->lines++;
  if (size > MAX_LINE) {
    add_fault(self, "longer than %u bytes: not a record", MAX_LINE);
    return;
  }
  if (!parse(line, size, &record, &hashed)) {
    add_fault(self, "not a record");
    return;
  }
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  g_checksum_update(sum, (const guchar *) line, (gssize) hashed);
  if (strcmp(g_checksum_get_string(sum), record.hash) != 0) {
    add_fault(self, "record %" G_GUINT64_FORMAT " does not match its hash: it was edited",
              record.seq);
    /* It stays in its place, so that one edit is one fault. */
    record.seq = self->any ? self->last.seq + 1 : record.seq;
  } else {
    result->records++;
    follow(self, &record);
    if (self->head && strcmp(record.hash, self->head) == 0)
      result->head = result->records;
  }
  self->last = record;
  self->any = TRUE;
}

static HysacAuditResult *
finish(Reader *self)
{
  HysacAuditResult *result = self->result;
  if (self->torn)
    add_fault(self, "the last line is not finished");
  if (self->any) {
    result->hash = g_strdup(self->last.hash);
    result->closed = is(&self->last, "close");
  }
  g_clear_pointer(&self->broken, g_free);
  return result;
}

static void
start(Reader *self, const char *head)
{
  *self = (Reader) {.result = g_new0(HysacAuditResult, 1), .head = head};
  self->result->faults = g_ptr_array_new_with_free_func(free_fault);
}

static gboolean
read_file(Reader *self, const char *path, GError **error)
{
  gsize size;
  int fd = hysac_open_file(path, &size, error);
  if (fd < 0)
    return FALSE;
  FILE *file = fdopen(fd, "rb");
  if (!file) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", path, g_strerror(errno));
    close(fd);
    return FALSE;
  }
  g_autoptr(GString) line = g_string_new(NULL);
  g_autofree char *chunk = g_malloc(64 * 1024);
  gsize got;
  while ((got = fread(chunk, 1, 64 * 1024, file)) > 0) {
    for (const char *at = chunk, *end = chunk + got; at < end;) {
      const char *newline = memchr(at, '\n', (gsize) (end - at));
      const gsize n = (gsize) ((newline ? newline : end) - at);
      if (line->len <= MAX_LINE) /* one byte more than a record may have, and no further */
        g_string_append_len(line, at, (gssize) MIN(n, MAX_LINE + 1 - line->len));
      if (newline) {
        read_line(self, line->str, line->len);
        g_string_truncate(line, 0);
      }
      self->torn = !newline;
      at += n + (newline ? 1 : 0);
    }
  }
  const gboolean failed = ferror(file);
  if (failed)
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: cannot read: %s", path, g_strerror(errno));
  fclose(file);
  if (failed)
    return FALSE;
  if (self->torn)
    read_line(self, line->str, line->len);
  return TRUE;
}

HysacAuditResult *
hysac_audit_verify(const char *path, const char *head, GError **error)
{
  Reader reader;
  start(&reader, head);
  if (read_file(&reader, path, error))
    return finish(&reader);
  hysac_audit_result_free(reader.result);
  g_free(reader.broken);
  return NULL;
}

HysacAuditResult *
hysac_audit_verify_data(const char *data, gsize size)
{
  Reader reader;
  start(&reader, NULL);
  for (const char *at = data, *end = data + size; at < end;) {
    const char *newline = memchr(at, '\n', (gsize) (end - at));
    reader.torn = !newline;
    read_line(&reader, at, (gsize) ((newline ? newline : end) - at));
    at = newline ? newline + 1 : end;
  }
  return finish(&reader);
}

void
hysac_audit_result_free(HysacAuditResult *self)
{
  if (!self)
    return;
  g_ptr_array_unref(self->faults);
  g_free(self->hash);
  g_free(self);
}

gboolean
hysac_audit_read_tail(const char *path, HysacAuditTail *tail, GError **error)
{
  struct stat info;
  *tail = (HysacAuditTail) {0};
  if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
    return TRUE;
  Reader reader;
  start(&reader, NULL);
  const gboolean ok = read_file(&reader, path, error);
  if (ok) {
    if (reader.torn)
      add_fault(&reader, "the last line is not finished");
    tail->found = reader.any;
    tail->seq = reader.last.seq;
    tail->closed = is(&reader.last, "close");
    memcpy(tail->hash, reader.last.hash, sizeof tail->hash);
    tail->broken = g_steal_pointer(&reader.broken);
  }
  hysac_audit_result_free(reader.result);
  g_free(reader.broken);
  return ok;
}
