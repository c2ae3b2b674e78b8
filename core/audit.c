/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writing the chain; audit_verify.c checks it. */

#include "core/audit.h"
#include "core/audit_private.h"
#include "core/report_private.h"

#include <string.h>

struct _HysacAudit {
  HysacReport *report;
  /* The writer's thread only, until the report is freed. */
  guint64 next, records;
  char last[HYSAC_AUDIT_HASH + 1], pending[HYSAC_AUDIT_HASH + 1];
};

static char *
now(void)
{
  g_autoptr(GDateTime) time = g_date_time_new_now_utc();
  g_autofree char *seconds = g_date_time_format(time, "%Y-%m-%dT%H:%M:%S");
  return g_strdup_printf("%s.%06dZ", seconds, g_date_time_get_microsecond(time));
}

/* What does not depend on the records before. */
static char *
fragment(const char *event, const char *data)
{
  g_autofree char *time = now();
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
  memcpy(self->last, self->pending, sizeof self->last);
  self->next++;
  self->records++;
}

HysacAudit *
hysac_audit_open(const char *path, const char *settings, GError **error)
{
  g_autofree HysacAudit *self = g_new0(HysacAudit, 1);
  HysacAuditTail tail;
  const HysacReportSealer sealer = {seal, commit, self};

  /* The lock first: what is read below must stay the file's end. */
  memset(self->last, '0', HYSAC_AUDIT_HASH);
  self->report = hysac_report_open_full(path, HYSAC_REPORT_LOCK, &sealer, error);
  if (!self->report)
    return NULL;
  if (!hysac_audit_read_tail(path, &tail, error)) {
    hysac_report_free(self->report);
    return NULL;
  }
  hysac_report_set_torn(self->report, tail.torn);
  if (tail.found) {
    self->next = tail.seq + 1;
    memcpy(self->last, tail.hash, sizeof self->last);
  }
  g_autofree char *id = g_uuid_string_random();
  g_autoptr(GString) data = g_string_new("{\"id\":");
  hysac_json_append_string(data, id);
  g_string_append_printf(data, ",\"version\":\"%s\"", HYSAC_VERSION);
  if (settings)
    g_string_append_printf(data, ",\"settings\":%s", settings);
  g_string_append_c(data, '}');
  hysac_audit_write(self, tail.found ? "open" : "genesis", g_string_free(g_steal_pointer(&data), FALSE));
  return g_steal_pointer(&self);
}

gboolean
hysac_audit_write(HysacAudit *self, const char *event, char *data)
{
  char *line = fragment(event, data);
  g_free(data);
  return hysac_report_write_line(self->report, line);
}

GError *
hysac_audit_get_error(HysacAudit *self)
{
  return hysac_report_get_error(self->report);
}

void
hysac_audit_close(HysacAudit *self, char **hash, guint64 *records)
{
  if (hash)
    *hash = NULL;
  if (records)
    *records = 0;
  if (!self)
    return;
  hysac_audit_write(self, "close", NULL);
  hysac_report_free(self->report); /* the writer has ended */
  if (hash)
    *hash = g_strdup(self->last);
  if (records)
    *records = self->records;
  g_free(self);
}
