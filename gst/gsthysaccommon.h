/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the elements that moderate have in common: how they call things, what they attach, and what they say on the
 * bus. */

#include <gst/gst.h>

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
  const GstHysacRating *rating; /* NULL: nothing was rated */
  guint32 marks;                /* rules that redact it */
  gint64 sample_running, age; /* ns; hold where decision.has_sample */
  HysacControlState human;    /* a moderator decided it; what the model says holds then: */
  const char *model_verdict, *model_reason;
} GstHysacOutcome;

/* gsthysacproperties.c */
GType gst_hysac_on_failure_get_type(void);
GType gst_hysac_precision_get_type(void);
/* A property that is a time, in ns, of an hour at most. */
void gst_hysac_add_time(GObjectClass *klass, guint id, const char *name, const char *nick, const char *blurb,
                        guint64 min, guint64 value, GParamFlags flags);

/* gsthysacreport.c */
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

/* gsthysacrequest.c */
HysacReason gst_hysac_failure_reason(const GError *error);

/* gsthysacrecord.c; no lock held. One warning that names the property and what to do. @error: (nullable). */
void gst_hysac_warn_record(GstElement *element, const char *property, const GError *error);
void gst_hysac_warn_open(GstElement *element, const char *property, const GError *error);

/* gsthysacmodel.c; no lock held. */
void gst_hysac_post_load_error(GstElement *element, const GError *error);
void gst_hysac_post_progress(GstElement *element, GstProgressType type, const char *text);
/* A HysacProgressFunc; @element: the element. */
void gst_hysac_warm_up_progress(guint done, guint total, const char *what, gpointer element);

/* gsthysacdevice.c; no lock held: the bus message. @what: "frames", "texts". */
void gst_hysac_post_device(GstElement *element, const GstHysacScorerEvent *event, const char *what);

/* gsthysacmeta.c */
void gst_hysac_meta_register(void);
/* @buffer is writable. FALSE where the meta could not be added. */
gboolean gst_hysac_meta_add(GstBuffer *buffer, const GstHysacOutcome *outcome);

/* gsthysacanalytics.c: the same, and TRUE where this build has no GstAnalytics. */
gboolean gst_hysac_analytics_add(GstBuffer *buffer, const GstHysacOutcome *outcome);

G_END_DECLS
