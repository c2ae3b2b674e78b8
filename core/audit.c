/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing the chain; audit_verify.c checks it. */

#include "core/audit.h"
#include "core/audit_private.h"
#include "core/report_private.h"

#include <string.h>

/* How long opening waits for a disk to take the first record. */
#define FIRST_RECORD_US (2 * G_USEC_PER_SEC)
/* Far below the line that the verification takes for a record. */
#define MAX_DATA (64 * 1024)

struct _HysacAudit {
  HysacReport *report;
  char pending[HYSAC_AUDIT_HASH + 1]; /* the writer's */
  /* Written by the writer, under the lock. */
  GMutex lock;
  GCond cond;
  guint64 next;
  gboolean begun, failed; /* a record of this run is in the file; one could not be written */
  char last[HYSAC_AUDIT_HASH + 1];
};

/* What does not depend on the records before. */
static char *
fragment(const char *event, const char *data)
{
  g_autofree char *time = hysac_report_time();
  g_autoptr(GString) text = g_string_new(NULL);
  g_string_append_printf(text, "\"time\":\"%s\",\"event\":", time);
  hysac_json_append_string(text, event);
  if (data)
    g_string_append_printf(text, ",\"data\":%s", data);
  return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *
seal(const char *line, guint64 lost, gpointer user_data)
{
  HysacAudit *self = user_data;
  g_autofree char *missing = NULL;
  if (!line) {
    g_autofree char *data = g_strdup_printf("{\"lost\":%" G_GUINT64_FORMAT "}", lost);
    line = missing = fragment("log-overflow", data);
  }
  g_autofree char *text =
    g_strdup_printf("{\"seq\":%" G_GUINT64_FORMAT ",\"prev\":\"%s\",%s", self->next, self->last, line);
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
  g_strlcpy(self->pending, hash, sizeof self->pending);
  return g_strdup_printf("%s,\"hash\":\"%s\"}", text, hash);
}

static void
commit(gpointer user_data)
{
  HysacAudit *self = user_data;
  g_mutex_lock(&self->lock);
  memcpy(self->last, self->pending, sizeof self->last);
  self->next++;
  self->begun = TRUE;
  g_cond_signal(&self->cond);
  g_mutex_unlock(&self->lock);
}

static void
fail(gpointer user_data)
{
  HysacAudit *self = user_data;
  g_mutex_lock(&self->lock);
  self->failed = TRUE;
  g_cond_signal(&self->cond);
  g_mutex_unlock(&self->lock);
}

static void
free_audit(HysacAudit *self)
{
  hysac_report_free(self->report);
  g_cond_clear(&self->cond);
  g_mutex_clear(&self->lock);
  g_free(self);
}

/* The first record's event and data. */
static void
write_beginning(HysacAudit *self, const char *settings, const HysacAuditTail *tail)
{
  const gboolean go_on = tail->found && !tail->broken;
  g_autofree char *id = g_uuid_string_random();
  g_autoptr(GString) data = g_string_new("{\"id\":");
  hysac_json_append_string(data, id);
  g_string_append_printf(data, ",\"version\":\"%s\"", HYSAC_VERSION);
  if (go_on)
    g_string_append_printf(data, ",\"after_close\":%s", tail->closed ? "true" : "false");
  if (tail->broken) {
    g_string_append(data, ",\"broken\":");
    hysac_json_append_string(data, tail->broken);
  }
  if (settings)
    g_string_append_printf(data, ",\"settings\":%s", settings);
  g_string_append_c(data, '}');
  hysac_audit_write(self, go_on ? "open" : "genesis",
                    g_string_free(g_steal_pointer(&data), FALSE));
}

/* Until the head is one of this run. */
static void
await_beginning(HysacAudit *self)
{
  const gint64 end = g_get_monotonic_time() + FIRST_RECORD_US;
  g_mutex_lock(&self->lock);
  while (!self->begun && !self->failed && g_cond_wait_until(&self->cond, &self->lock, end))
    ;
  g_mutex_unlock(&self->lock);
}

HysacAudit *
hysac_audit_open(const char *path, const char *settings, char **broken, GError **error)
{
  HysacAudit *self = g_new0(HysacAudit, 1);
  HysacAuditTail tail;
  const HysacReportSealer sealer = {.seal = seal, .commit = commit, .fail = fail, .user_data = self};

  if (broken)
    *broken = NULL;
  g_mutex_init(&self->lock);
  g_cond_init(&self->cond);
  memset(self->last, '0', HYSAC_AUDIT_HASH);
  /* The lock first: what is read below must stay the file's end. */
  self->report =
    hysac_report_open_full(path, HYSAC_REPORT_LOCK | HYSAC_REPORT_SYNC, &sealer, error);
  if (!self->report || !hysac_audit_read_tail(path, &tail, error)) {
    free_audit(self);
    return NULL;
  }
  if (tail.found && !tail.broken) {
    self->next = tail.seq + 1;
    memcpy(self->last, tail.hash, sizeof self->last);
  }
  write_beginning(self, settings, &tail);
  await_beginning(self);
  if (broken)
    *broken = g_steal_pointer(&tail.broken);
  g_free(tail.broken);
  return self;
}

gboolean
hysac_audit_write(HysacAudit *self, const char *event, char *data)
{
  const gsize size = data ? strlen(data) : 0;
  g_autofree char *instead =
    size > MAX_DATA ? g_strdup_printf("{\"too_long\":%" G_GSIZE_FORMAT "}", size) : NULL;
  char *line = fragment(event, instead ? instead : data);
  g_free(data);
  return hysac_report_write_line(self->report, line);
}

GError *
hysac_audit_get_error(HysacAudit *self)
{
  return hysac_report_get_error(self->report);
}

void
hysac_audit_get_head(HysacAudit *self, char **hash, guint64 *count)
{
  g_mutex_lock(&self->lock);
  if (hash)
    *hash = self->begun ? g_strdup(self->last) : NULL;
  if (count)
    *count = self->next;
  g_mutex_unlock(&self->lock);
}

GError *
hysac_audit_close(HysacAudit *self, char *totals, char **hash, guint64 *count)
{
  hysac_audit_write(self, "close", totals);
  GError *error = hysac_report_close(self->report); /* the writer has ended */
  self->report = NULL;
  hysac_audit_get_head(self, hash, count);
  free_audit(self);
  return error;
}
