/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the elements that moderate have in common: how they call things, what they attach, and what they say on the
 * bus. */

#include <gst/gst.h>

#include "core/audit.h"
#include "core/control.h"
#include "core/policy.h"
#include "core/region.h"
#include "core/report.h"
#include "gst/gsthysacrating.h"
#include "gst/scorer.h"

G_BEGIN_DECLS

GST_DEBUG_CATEGORY_EXTERN(gst_hysac_debug);

typedef enum {
  GST_HYSAC_ON_FAILURE_REDACT,
  GST_HYSAC_ON_FAILURE_ERROR,
  GST_HYSAC_ON_FAILURE_PASS,
} GstHysacOnFailure;

/* What became of a frame or a text; strings are static. */
typedef struct {
  const char *verdict, *reason, *action, *origin;
  HysacDecision decision;
  HysacVerdict judged; /* holds where decision.sample_ok */
  double bound;
  gboolean calibrated;
  const HysacRating *rating; /* NULL: nothing was rated */
  guint32 marks;                /* rules that redact it */
  gint64 sample_running, age; /* ns; hold where decision.has_sample */
  HysacControlState human;    /* a moderator decided it; what the model says holds then: */
  const char *model_verdict, *model_reason;
} GstHysacOutcome;

/* Whether there is a verdict of its own. What lies in an unsafe interval may have none. */
static inline gboolean
gst_hysac_is_checked(const HysacDecision *decision)
{
  return decision->kind == HYSAC_DECISION_PASS ||
         (decision->kind == HYSAC_DECISION_REDACT && !hysac_reason_is_failure(decision->failure));
}

/* gsthysacstart.c: of settings that contradict each other, (transfer full); NULL: they do not. */
char *gst_hysac_confirm_contradiction(guint k, guint n);

/* gsthysacproperties.c */
GType gst_hysac_on_failure_get_type(void);
GType gst_hysac_precision_get_type(void);
/* A property that is a time, in ns, of an hour at most. */
void gst_hysac_add_time(GObjectClass *klass, guint id, const char *name, const char *nick, const char *blurb,
                        guint64 min, guint64 value, GParamFlags flags);

/* gsthysacreport.c */
/* An INFO message where these are the weights of the demo model. Reads a file: not for a streaming thread. */
void gst_hysac_tell_demo(GstElement *element, const char *weights_sha256);
const char *gst_hysac_enum_nick(GType type, gint value);
/* (transfer full) (nullable): a path, or an error that names one, as UTF-8: GStreamer leaves other strings
 * out of its messages. */
char *gst_hysac_shown(const char *text);
/* An element message. @structure: (transfer full). */
void gst_hysac_post(gpointer element, GstStructure *structure);
/* A line of the verdict log; what became of earlier ones is told as a warning. @line: (transfer full). */
void gst_hysac_write_line(gpointer element, HysacReport *report, GString *line);

/* gsthysacpolicyfile.c. Whose settings a policy file holds, and where they are. */
typedef struct {
  GstElement *element;
  char *const *path;      /* the property "policy"; object lock, like the next two */
  const guint64 *chosen;  /* bit n: property n was set, which is stronger than the file */
  gboolean *from_policy;  /* the others may be of a file */
  HysacPolicyRules *rules; /* lock */
  GMutex *lock;
  void (*store)(gpointer element, const GValue *value, GParamSpec *pspec); /* object lock held */
} GstHysacPolicyUser;
/* Takes over the file's keys, which are the properties @names, and its rules; without a file, the defaults that an
 * earlier one has changed. FALSE with @error: nothing was taken. No lock held. */
gboolean gst_hysac_policy_read(const GstHysacPolicyUser *user, const char *const *names, guint n, GError **error);
/* An error message that says why it was not. */
void gst_hysac_post_policy_error(GstElement *element, const GError *error);

/* gsthysacrequest.c */
HysacReason gst_hysac_failure_reason(const GError *error);

/* gsthysaclogs.c; any thread, no lock held. What an element writes line by line: docs/records.md. */
typedef struct {
  GstElement *element; /* borrowed; constant, like the lock */
  GMutex *lock;        /* the element's */
  HysacReport *report; /* the verdict log, or NULL; set and cleared under the lock, and the next too */
  HysacAudit *audit;
} GstHysacLogs;

/* @data: (transfer full): a whole JSON object. Nothing where there is no audit log. */
void gst_hysac_logs_audit(GstHysacLogs *self, const char *event, GString *data);
/* The same as a line of @type in the verdict log and in the audit log, where they are. */
void gst_hysac_logs_event(GstHysacLogs *self, const char *type, GString *data);
/* The same with the structure's fields, "-" as "_", and who tells. */
void gst_hysac_logs_structure(GstHysacLogs *self, const char *type, const GstStructure *structure);
/* Who changed what: an element message, and both logs. @act: (transfer full). */
void gst_hysac_logs_control(GstHysacLogs *self, GstStructure *act);
/* The fields of @act that tell of a property which was set; @in_force: it is, from the next frame or text on. */
void gst_hysac_act_on_property(GstStructure *act, GParamSpec *pspec, const GValue *before, const GValue *after,
                               gboolean in_force);
/* An interval that was confirmed, or has closed, in both logs. */
void gst_hysac_logs_interval(GstHysacLogs *self, const HysacIntervalEvent *event);
/* A device that is lost, or back, in both logs. */
void gst_hysac_logs_device(GstHysacLogs *self, const GstHysacScorerEvent *event);
/* Closes the verdict log, where there is one. */
void gst_hysac_logs_close_report(GstHysacLogs *self);
/* Opens the audit log at @path, or warns. @settings: (transfer full): a JSON object for its first record. */
void gst_hysac_logs_open_audit(GstHysacLogs *self, const char *path, GString *settings);
/* Closes it, where there is one. @totals: (transfer full): a JSON object. */
void gst_hysac_logs_close_audit(GstHysacLogs *self, const char *path, GString *totals);
void gst_hysac_logs_fill_stats(const GstHysacLogs *self, GstStructure *stats); /* lock held */
/* What moderates, as members of a JSON object. */
void gst_hysac_add_model(GString *line, GstElement *element, const char *model, const char *weights_sha256,
                         const char *device, const char *precision, const HysacRegion *region);
/* One warning that names the property and what to do. @error: (nullable). */
void gst_hysac_warn_record(GstElement *element, const char *property, const GError *error);
void gst_hysac_warn_open(GstElement *element, const char *property, const GError *error);

/* gsthysacdevice.c; no lock held: the bus message. @what: "frames", "texts". */
void gst_hysac_post_device(GstElement *element, const GstHysacScorerEvent *event, const char *what);

/* gsthysacmeta.c */
void gst_hysac_meta_register(void);
/* @buffer is writable. FALSE where the meta could not be added. */
gboolean gst_hysac_meta_add(GstBuffer *buffer, const GstHysacOutcome *outcome);

/* gsthysacanalytics.c: the same, and TRUE where this build has no GstAnalytics. */
gboolean gst_hysac_analytics_add(GstBuffer *buffer, const GstHysacOutcome *outcome);

G_END_DECLS
