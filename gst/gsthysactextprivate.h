/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * hysactext's insides, shared by its files:
 *   gsthysactext.c            the object: pads, states, events, queries
 *   gsthysactextproperties.c  what the properties are called, their ranges and defaults
 *   gsthysactextchain.c       a text: scored, judged, pushed
 *   gsthysactextmodel.c       what a change of the model is to texts
 *   gsthysactextpolicy.c      k of n, and stretches of texts in a row
 *   gsthysactextreport.c      bus messages, the verdict log, the audit log, the stats
 *   textreading.c             what may be read in a buffer
 *   textjoin.c                what is read across buffers
 *   textscorer.c, textbackend.c  texts to distances
 */

#include "core/policyset.h"
#include "core/report.h"
#include "gst/gsthysaccommon.h"
#include "gst/gsthysacsegments.h"
#include "gst/gsthysacswap.h"
#include "gst/gsthysactext.h"
#include "gst/textjoin.h"
#include "gst/textreading.h"
#include "gst/textscorer.h"

G_BEGIN_DECLS

#define GST_CAT_DEFAULT gst_hysac_text_debug
GST_DEBUG_CATEGORY_EXTERN(gst_hysac_text_debug);

typedef enum {
  GST_HYSAC_TEXT_ACTION_TAG,
  GST_HYSAC_TEXT_ACTION_MASK,
  GST_HYSAC_TEXT_ACTION_REPLACE,
  GST_HYSAC_TEXT_ACTION_DROP,
} GstHysacTextAction;

typedef struct {
  char *model, *device, *verdict_log, *audit_log, *segments_vtt, *policy, *replacement;
  HysacPrecision precision;
  GstHysacTextAction action;
  GstHysacOnFailure on_failure;
  double bound, enter, leave;
  guint k, n;
  guint64 min_duration, post_roll;
  guint join_buffers;
  guint64 join_gap;
  guint max_text; /* bytes */
  guint64 request_budget, request_timeout;
  gboolean log_text;
  guint64 chosen;       /* bit n: property n was set, by a person or program */
  gboolean from_policy; /* the others may be of a policy file */
} GstHysacTextSettings;

typedef struct {
  guint64 texts, empty, scored, readings, passed, redacted, dropped, failed, joined, unconfirmed, timeouts;
  double last_distance;
  gint64 last_service; /* ns */
} GstHysacTextCounters;

struct _GstHysacText {
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  GstHysacTextSettings settings; /* object lock */
  GstHysacTextCounters counters; /* object lock */

  /* Constant between start and stop, but for the model and its bound: lock. */
  GstHysacTextSettings run;
  HysacPolicyRules rules;     /* of the policy file */
  GstHysacTextScorer *scorer; /* set and cleared under the lock; the next text's */
  GstHysacLogs logs;
  GstHysacTextBackendFactory factory; /* tests */
  gpointer factory_data;

  GMutex lock; /* guards what follows */
  GCond cond;  /* in_use has changed */
  GstHysacTextScorer *in_use; /* the text's that is on its way, written by the chain; NULL: none is */
  GstHysacSwap swap;
  gboolean flushing, playing;
  gboolean live, latency_known;
  gint64 latency; /* the whole of it, ns */
  GstHysacTextRequest *request; /* that the chain waits for */

  /* The chain's own: the sink pad's stream lock. */
  GstSegment segment;
  gboolean have_caps, markup, started, discont_next;
  GstHysacTextPast past;
  guint64 number;
  gint64 next_running;
  HysacPolicySet *policy; /* there while it runs */
  gboolean have_time;
  gint64 last_time, time_offset; /* the policy's time is the running time and that */
  const char *state; /* last one posted */
  guint64 state_interval;
  HysacIntervalEvent last_interval;
  GstHysacSegments segments;
};

/* gsthysactextproperties.c */
void gst_hysac_text_settings_init(GstHysacTextSettings *settings);
void gst_hysac_text_settings_clear(GstHysacTextSettings *settings);
void gst_hysac_text_settings_copy(GstHysacTextSettings *to, const GstHysacTextSettings *from);
void gst_hysac_text_install_properties(GObjectClass *klass);
/* As gst_hysac_moderate_read_policy(). */
gboolean gst_hysac_text_read_policy(GstHysacText *self, GError **error);
GType gst_hysac_text_action_get_type(void);

/* gsthysactextchain.c */
GstFlowReturn gst_hysac_text_chain(GstPad *pad, GstObject *parent, GstBuffer *buffer);
void gst_hysac_text_forget(GstHysacText *self); /* what was before joins with nothing any more */

/* What is told of a text, whatever becomes of it. */
typedef struct {
  guint64 number;
  GstClockTime pts, duration, stream_time;
  gint64 running;
  gsize bytes;
  guint readings;
  const char *text; /* (nullable): what is visible */
} GstHysacTextFacts;

/* gsthysactextpolicy.c; the stream lock, or while nothing streams. */
gboolean gst_hysac_text_policy_start(GstHysacText *self, GError **error);
/* Nothing follows on what was: an open stretch ends. */
void gst_hysac_text_policy_end(GstHysacText *self);
void gst_hysac_text_policy_flush(GstHysacText *self); /* and nothing of it counts any more */
/* The next text has been scored, or has failed: fills @outcome's decision, verdict, reason and marks. @now: settings. */
void gst_hysac_text_policy_judge(GstHysacText *self, const GstHysacTextSettings *now, const GstHysacTextFacts *facts,
                                 double distance, double margin, guint32 marks, GstHysacOutcome *outcome);
void gst_hysac_text_policy_fail(GstHysacText *self, const GstHysacTextSettings *now, const GstHysacTextFacts *facts,
                                HysacReason reason, GstHysacOutcome *outcome);
/* For the segments: a text as it goes out, and a GAP event. */
void gst_hysac_text_record(GstHysacText *self, const GstHysacTextFacts *facts, const GstHysacOutcome *outcome);
void gst_hysac_text_record_gap(GstHysacText *self, GstEvent *event);

/* gsthysactextmodel.c; no lock held unless it says so. */
void gst_hysac_text_init_models(GstHysacText *self);
/* The model's, or where @bound is set that. */
HysacRegion gst_hysac_text_region(GstHysacTextScorer *scorer, double bound);
/* The chain: what its text has from the model in use is needed no longer. */
void gst_hysac_text_model_done(GstHysacText *self);
/* The property "bound" was set. FALSE: it waits for the model that is being loaded. */
gboolean gst_hysac_text_take_bound(GstHysacText *self);

/* gsthysactext.c */
/* How long one text may take, ns; while it runs; lock held. */
gint64 gst_hysac_text_budget(GstHysacText *self);
gboolean gst_hysac_text_update_latency(GstHysacText *self); /* asks upstream; TRUE: changed */
/* For tests, before the element leaves NULL. */
void gst_hysac_text_set_backend_factory(GstHysacText *self, GstHysacTextBackendFactory factory,
                                        gpointer user_data);

/* gsthysactextreport.c; no lock held. */
/* The element starts, or stops: the audit log and the segments. */
void gst_hysac_text_open_records(GstHysacText *self);
void gst_hysac_text_close_records(GstHysacText *self);
void gst_hysac_text_report_caps(GstHysacText *self);
void gst_hysac_text_report_property(GstHysacText *self, GParamSpec *pspec, const GValue *before, const GValue *after,
                                    gboolean in_force);
void gst_hysac_text_report_start(GstHysacText *self);
void gst_hysac_text_report(GstHysacText *self, const GstHysacTextFacts *facts, const GstHysacOutcome *outcome,
                           gboolean log_text);
void gst_hysac_text_report_end(GstHysacText *self);
GstStructure *gst_hysac_text_stats(GstHysacText *self);

G_END_DECLS
