/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The element's insides, shared by its files:
 *   gsthysacmoderate.c  the object: pads, states, queries
 *   gsthysacproperties.c  what they are called, their ranges and defaults
 *   gsthysacpolicyfile.c  the property "policy"
 *   gsthysacstart.c     start and stop
 *   gsthysaccaps.c      which caps are offered
 *   gsthysacinput.c     the sink pad: frames, events, queries; which frames are samples
 *   gsthysachold.c      the hold: frames and events in order
 *   gsthysacrequest.c   requests to the scorer and their watchdog
 *   gsthysacrating.c    what stands beside the verdict: categories and the head
 *   gsthysacpace.c      which requests would be answered too late
 *   gsthysacgate.c      the source task: when a frame may go, deadlines
 *   gsthysacrelease.c   what a frame looks like when it goes
 *   gsthysaclead.c      the policy group: what became of each frame
 *   gsthysacstandin.c   what stands in for a frame that is not shown
 *   gsthysactiming.c    latency, capacity, escape bound
 *   gsthysacreport.c    bus messages and the verdict log
 *   gsthysacdevice.c    what is said of a lost device
 *   gsthysacmeta.c      the verdict on a buffer
 *   gsthysacanalytics.c   the same in GStreamer's own terms, from 1.24 on
 *   gsthysaclogs.c      the verdict log and the audit log, of hysactext too
 *   gsthysacrecord.c    what the audit log begins with
 *   gsthysacsegments.c  the records of segments and their files, of hysactext too
 *   gsthysaccontrol.c   what a moderator does while it plays, and the record of it
 *   gsthysacswap.c      the model in force, and another put in its place while it plays, of hysactext too
 *   gsthysacmodel.c     what that is to frames
 */

#include <gst/base/base.h>
#include <gst/video/video.h>

#include "core/audit.h"
#include "core/control.h"
#include "core/flicker.h"
#include "core/policy.h"
#include "core/policyset.h"
#include "core/report.h"
#include "gst/freeze.h"
#include "gst/gsthysaccommon.h"
#include "gst/gsthysacmoderate.h"
#include "gst/gsthysacrating.h"
#include "gst/gsthysacsegments.h"
#include "gst/gsthysacswap.h"
#include "gst/policygroup.h"
#include "gst/scenecut.h"
#include "gst/scorer.h"
#include "gst/slate.h"
#include "gst/videoframe.h"

G_BEGIN_DECLS

#define GST_CAT_DEFAULT gst_hysac_debug

typedef enum { GST_HYSAC_MODE_GATE, GST_HYSAC_MODE_MONITOR } GstHysacMode;

typedef enum {
  GST_HYSAC_ACTION_TAG,
  GST_HYSAC_ACTION_BLUR,
  GST_HYSAC_ACTION_PIXELATE,
  GST_HYSAC_ACTION_BLANK,
  GST_HYSAC_ACTION_DROP,
  GST_HYSAC_ACTION_SLATE,
  GST_HYSAC_ACTION_FREEZE,
} GstHysacAction;

typedef enum {
  GST_HYSAC_REUSE_AUTO,
  GST_HYSAC_REUSE_NEVER,
  GST_HYSAC_REUSE_ALWAYS,
} GstHysacReuse;

typedef struct {
  char *model, *device, *verdict_log, *policy, *slate;
  char *audit_log, *segments_vtt, *segments_edl;
  HysacPrecision precision;
  GstHysacMode mode;
  GstHysacAction action;
  GstHysacOnFailure on_failure;
  char *policy_group;
  guint k, n;
  double enter, leave;
  guint64 interval, min_duration, pre_roll, post_roll, max_age;
  guint64 request_budget, request_timeout;
  guint max_buffers;
  guint64 max_bytes, max_time;
  double bound;         /* 0: the model's */
  guint64 chosen;       /* bit n: property n was set, by a person or program */
  gboolean from_policy; /* the others may be of a policy file */
  guint32 blank_color;  /* ARGB */
  gboolean force_key_unit;
  GstHysacReuse reuse;
  guint change_tolerance, change_budget;
  guint64 reuse_max_age;
} GstHysacSettings;

/* Caps as frames refer to them; g_atomic_rc_box. */
typedef struct {
  GstVideoInfo info;
  gboolean foreign; /* other memory than the system's: mapped for samples only, dropped, not redacted */
} GstHysacCaps;

#define GST_HYSAC_CAPS_FIELDS                                                                      \
  "format = (string) " GST_HYSAC_VIDEO_FORMATS ", width = (int) [ 1, 16384 ], "                    \
  "height = (int) [ 1, 16384 ], framerate = (fraction) [ 0, max ]"
#define GST_HYSAC_SYSTEM_CAPS                                                                      \
  "video/x-raw, " GST_HYSAC_CAPS_FIELDS "; "                                                       \
  "video/x-raw(format:Interlaced), " GST_HYSAC_CAPS_FIELDS                                         \
  ", interlace-mode = (string) alternate"

/* One thing in the hold: a frame or a serialized event. */
typedef struct {
  GstBuffer *buffer; /* one of the two is NULL */
  GstEvent *event;
  GstHysacCaps *caps; /* the frame's */
  guint64 seq;        /* the frame's number */
  guint64 stream;     /* that of its stream's first frame */
  gint64 time;        /* policy time, ns; never decreases between flushes */
  gint64 running;     /* running time, ns */
  gint64 begin, end;  /* running time that it is shown, ns */
  gint64 sure;        /* until then it is, whatever comes next */
  GstClockTime pts, stream_time;
  GstClockTime duration;
  gsize bytes;
  gboolean sample; /* the frame was handed to the policy */
  gboolean bad;    /* it could not be mapped as its caps say */
  gboolean nudged; /* live: the newest frame was scored on this one's behalf */
  guint thresholds; /* those that it was decided by, as the element counts them */
  guint32 marks;    /* rules that redact it */
  HysacRating rating; /* of the sample that it was decided by, where its seq is that one's */
} GstHysacHeld;

void gst_hysac_held_free(GstHysacHeld *held);

typedef struct {
  GQueue items; /* of GstHysacHeld, oldest first */
  guint frames, gaps;
  gsize bytes;
} GstHysacHold;

void gst_hysac_hold_push(GstHysacHold *hold, GstHysacHeld *held); /* takes it */
GstHysacHeld *gst_hysac_hold_peek(GstHysacHold *hold);
GstHysacHeld *gst_hysac_hold_pop(GstHysacHold *hold);
/* The newest frame that could be mapped, if it is newer than every GAP, SEGMENT and CAPS; or NULL.
 */
GstHysacHeld *gst_hysac_hold_newest(GstHysacHold *hold);
gboolean gst_hysac_hold_has_event(GstHysacHold *hold, GstEventType type);
/* Time between the oldest and the newest frame. */
gint64 gst_hysac_hold_span(GstHysacHold *hold);
/* Leaves the sticky events, but for segment and EOS. */
void gst_hysac_hold_flush(GstHysacHold *hold);
void gst_hysac_hold_clear(GstHysacHold *hold);

typedef struct {
  gint64 min;    /* what the element adds to the latency, ns */
  gint64 max;    /* what it can hold at most, ns */
  gint64 budget; /* of one request, inside min */
  gint64 escape; /* longest unsafe stretch inside one shot that may pass, ns */
  gint64 frame;  /* longest frame duration */
  guint buffers; /* limits of the hold */
  guint64 bytes;
  gint64 time;
} GstHysacTiming;

typedef struct {
  guint64 frames, samples, requests, reused, redacted, failed, passed, dropped, held_on;
  guint64 timeouts, overloads, copied;
  guint hold_peak;
  double last_distance;
  gint64 last_service; /* ns */
} GstHysacCounters;

/* Who judged the samples of frames before @end, back to the one before. */
typedef struct {
  guint64 end;
  HysacRegion region;
} GstHysacPastModel;

/* The model in force, and those before. Lock. */
typedef struct {
  HysacRegion own; /* the model's, whatever the property "bound" says */
  guint64 from;    /* samples from this frame on are the scorer's */
  GArray *past;    /* of GstHysacPastModel: who judged the samples before, oldest first */
  guint stops;     /* of the element */
} GstHysacModels;

/* What stands in for frames, in the caps of the last frame. */
typedef struct {
  GstHysacCaps *caps;
  guint32 color;           /* of the two pictures */
  GstBuffer *blank, *slate; /* NULL: not drawn, or */
  gboolean no_blank, no_slate; /* cannot be */
  GstHysacFreeze freeze;
  guint thresholds; /* those that the freeze's frames were found safe by */
} GstHysacStandIns;

typedef struct {
  GstHysacModerate *self; /* referenced */
  GstHysacScorer *scorer; /* lock; NULL: it is gone, the answer is of no use */
  GstVideoFrame frame;
  HysacFrame picture;
  guint64 seq;
  guint generation;
  gint epoch;       /* the scorer's, when it was made */
  HysacRater *rater; /* owned, or NULL */
  HysacReference *reference; /* owned; NULL: it is encoded in any case */
  HysacReuse reuse;
  gint64 submitted; /* monotonic, us */
  gint64 asked;     /* by the pipeline's clock, ns; -1: there is none */
  gboolean mapped;  /* only touched by the thread that holds the request */
  gboolean expired; /* element lock; the watchdog has answered it */
  GList link;       /* in self->requests */
} GstHysacRequest;

struct _GstHysacModerate {
  GstElement parent;
  GstPad *sinkpad, *srcpad;

  GstHysacSettings settings; /* object lock */

  /* Constant between start and stop, but for what set_property() may change (lock). */
  GstHysacSettings run;
  GstHysacGroup *group; /* led; NULL where none is set */
  GstHysacScorer *scorer;
  HysacPolicyRules rules; /* of the policy file; read at the start */
  GstHysacLogs logs;
  GstHysacSlate *slate; /* NULL: none was set */
  GstHysacScorerFactory factory; /* tests */
  gpointer factory_data;

  /* Everything below: lock, unless it says otherwise. */
  GMutex lock;
  GCond cond; /* any change that the input or the task may wait for */
  HysacPolicySet *policy;
  GArray *ratings; /* of HysacRating, of samples that frames may still be decided by */
  HysacControl control; /* survives stop() */
  guint64 next_out;     /* number of the next frame to leave */
  guint64 next_led;     /* of the next that the group is to hear of; G_MAXUINT64: of none yet */
  gint64 led_end;       /* the last one's end */
  GstHysacSwap swap;
  GstHysacModels models;
  guint thresholds; /* counts changes of the margins, the bound and the model */
  GstHysacHold hold;
  GstHysacTiming timing;
  GstHysacCounters counters;
  GQueue requests; /* of GstHysacRequest, not answered, oldest first; expired ones too */
  guint n_waiting; /* of them, those whose answer still counts */
  guint generation;
  gboolean started;
  gboolean playing; /* the clock runs and base time holds */
  gboolean flushing;
  gboolean in_hand; /* the task has something that is no longer in the hold, and not gone */
  gboolean ended; /* policy_end() was called and no sample since */
  gint flow;      /* GstFlowReturn of the last push */
  gboolean live, latency_known;
  gint64 upstream_min, upstream_max;
  gboolean overloaded;
  gint64 overload;  /* service time that the task is to post, or 0 */
  gint64 last_done; /* monotonic, us */
  gint64 last_answer, pace; /* live: by the clock, ns; what an answer takes on average, 0: unknown */
  HysacReference *reference;  /* what samples are compared under; NULL: nothing of before counts */
  GstHysacScorer *ask_scorer; /* a request to it outlived its watchdog: does it still work? */

  /* Timers on the pipeline's clock. */
  GstClockID timer;
  GstClockTime timer_time;

  /* The input's own: sink pad's stream lock; written under the lock where others read. */
  GstSegment segment;
  GstHysacCaps *caps;
  gboolean boundary_next;
  GstHysacSceneCut cut;
  guint64 next_seq;
  guint64 stream_seq;   /* the first frame's of this stream */
  guint32 stream_start; /* the event that began it, by its seqnum */
  gboolean have_time;
  gint64 last_time, last_running, time_offset, last_duration;
  gint64 last_sample; /* policy time */
  guint64 last_sample_seq;
  GstBufferPool *pool_seen; /* only compared, never used */
  gboolean pool_small;
  gint64 longest_gap;
  gint64 last_begin, shortest; /* running time between frames, G_MAXINT64 where there were none */

  /* The task's own. */
  HysacFlicker flicker;
  HysacFlicker raising;  /* redacted frames: by a rule's stronger action */
  GstHysacAction raised; /* the last of those */
  HysacFlicker blanking; /* redacted frames: blank instead of what the action shows */
  gboolean was_blank;    /* the last redacted frame was, by the failure of a check */
  GstHysacStandIns stand_ins;
  gint covered;         /* the last frame was redacted; -1: there was none */
  gboolean cut_due;     /* a key unit is to go before the next buffer */
  guint key_units;
  gboolean discont_next;
  const char *state; /* last one posted */
  guint64 state_interval;
  HysacIntervalEvent last_interval;
  GstHysacSegments segments;
};

/* gsthysacproperties.c */
void gst_hysac_settings_init(GstHysacSettings *settings);
void gst_hysac_install_properties(GObjectClass *klass);
/* Stores a property's value; TRUE if it may take effect while playing. Object lock held. */
gboolean gst_hysac_settings_store(GstHysacModerate *self, const GValue *value, GParamSpec *pspec);

/* gsthysacpolicyfile.c */
/* Brings the settings that nobody chose to the policy file's, else to their defaults. FALSE with
 * @error where the file cannot be used; nothing is changed then. No lock held. */
gboolean gst_hysac_moderate_read_policy(GstHysacModerate *self, GError **error);

/* gsthysacstart.c */
void gst_hysac_settings_copy(GstHysacSettings *to, const GstHysacSettings *from);
void gst_hysac_settings_clear(GstHysacSettings *settings);
HysacPolicyConfig gst_hysac_policy_config(const GstHysacSettings *settings);
gboolean gst_hysac_moderate_start(GstHysacModerate *self); /* posts its errors */
void gst_hysac_moderate_stop(GstHysacModerate *self);
/* Takes over what may change while running; lock not held. FALSE where not all of it could be. */
gboolean gst_hysac_moderate_apply(GstHysacModerate *self);
GstStructure *gst_hysac_moderate_stats(GstHysacModerate *self);

/* gsthysaccaps.c; no lock held */
/* @caps are fixed: another memory than the system's, or more than a picture. */
gboolean gst_hysac_caps_are_foreign(GstCaps *caps);
/* Of these caps, or of the first of them: each view in memory of its own. */
gboolean gst_hysac_caps_have_views(GstCaps *caps);
/* Whether such caps are taken now: monitor mode, action=tag. */
gboolean gst_hysac_moderate_takes_foreign(GstHysacModerate *self);
gboolean gst_hysac_moderate_query_caps(GstHysacModerate *self, GstPad *pad, GstQuery *query);
gboolean gst_hysac_moderate_query_accept_caps(GstHysacModerate *self, GstPad *pad,
                                              GstQuery *query);

/* gsthysacinput.c */
GstFlowReturn gst_hysac_moderate_chain(GstPad *pad, GstObject *parent, GstBuffer *buffer);
gboolean gst_hysac_moderate_sink_event(GstPad *pad, GstObject *parent, GstEvent *event);
gboolean gst_hysac_moderate_sink_query(GstPad *pad, GstObject *parent, GstQuery *query);
gboolean gst_hysac_moderate_sink_mode(GstPad *pad, GstObject *parent, GstPadMode mode,
                                      gboolean active);
void gst_hysac_moderate_reset_input(GstHysacModerate *self); /* lock held */

/* gsthysacgate.c */
gboolean gst_hysac_moderate_src_mode(GstPad *pad, GstObject *parent, GstPadMode mode,
                                     gboolean active);
void gst_hysac_moderate_loop(gpointer user_data);
void gst_hysac_moderate_kick(GstHysacModerate *self); /* lock held: state changed, look again */
void gst_hysac_moderate_cancel_timer(GstHysacModerate *self);  /* lock held */
gboolean gst_hysac_moderate_hold_full(GstHysacModerate *self); /* lock held */

/* gsthysacrequest.c. Requests are made under the lock and submitted outside it. */
/* Declares a held frame a sample; NULL where it cannot be scored, which the policy then knows.
 * @mapped: (nullable): the frame's mapping, taken over. */
GstHysacRequest *gst_hysac_moderate_sample(GstHysacModerate *self, GstHysacHeld *held,
                                           gboolean boundary, GstVideoFrame *mapped,
                                           const HysacFrame *picture);
/* The same for the newest held frame, if it is no sample yet. */
GstHysacRequest *gst_hysac_moderate_sample_newest(GstHysacModerate *self);
void gst_hysac_moderate_submit(GstHysacModerate *self, GstHysacRequest *request); /* NULL is fine */
/* The next sample is encoded, whatever it looks like. Lock held. */
void gst_hysac_moderate_forget_reference(GstHysacModerate *self);
/* More open requests than this are not made. */
guint gst_hysac_moderate_max_requests(GstHysacModerate *self);
/* Fails what the watchdog has waited for too long; returns the next deadline (monotonic us) or 0.
 */
gint64 gst_hysac_moderate_expire(GstHysacModerate *self);
/* gsthysacpace.c; lock held: how fast answers come, and whether one more would come in time. */
void gst_hysac_moderate_pace_ask(GstHysacModerate *self, GstHysacRequest *request);
void gst_hysac_moderate_pace_answer(GstHysacModerate *self, const GstHysacRequest *request);
gboolean gst_hysac_moderate_pace_is_late(GstHysacModerate *self);

/* gsthysacdevice.c: a GstHysacScorerEventFunc. */
void gst_hysac_moderate_on_scorer(GstElement *element, const GstHysacScorerEvent *event);

/* gsthysacmodel.c */
void gst_hysac_moderate_init_models(GstHysacModerate *self);
gboolean gst_hysac_moderate_load(GstHysacModerate *self); /* the first model; posts its errors */
void gst_hysac_moderate_forget_models(GstHysacModerate *self); /* stop(); lock held */
/* The bound in force becomes @bound, 0 = the model's, from the next frame on. Lock held. FALSE where
 * it is one for the model that is being loaded. */
gboolean gst_hysac_moderate_take_bound(GstHysacModerate *self, double bound);
/* The region of the model that scored the decision's sample. Lock held. */
HysacRegion gst_hysac_moderate_region_of(GstHysacModerate *self, const HysacDecision *decision);
/* gsthysaclead.c */
gboolean gst_hysac_moderate_lead(GstHysacModerate *self); /* posts its error */
void gst_hysac_moderate_resign(GstHysacModerate *self);
/* Fills in begin, end and sure by the input's segment and the frames before. Lock held. @stated:
 * held->duration is no guess. */
void gst_hysac_moderate_span(GstHysacModerate *self, GstHysacHeld *held, gboolean stated);
/* Lock held: what has just come into the hold tells how long the last frame stands. */
void gst_hysac_moderate_publish_next(GstHysacModerate *self, const GstHysacHeld *next);
/* No lock held; the task's thread, in order, before the frame or the event goes. */
void gst_hysac_moderate_publish(GstHysacModerate *self, const GstHysacHeld *held,
                                const HysacDecision *decision, gboolean redacted);
void gst_hysac_moderate_publish_event(GstHysacModerate *self, GstEvent *event);
/* No lock held: an event that has just come in (a FLUSH_STOP: the task stands still). */
void gst_hysac_moderate_publish_arrival(GstHysacModerate *self, GstEvent *event);
void gst_hysac_moderate_publish_stop(GstHysacModerate *self); /* downstream takes no more */

/* gsthysacrequest.c; lock held. */
void gst_hysac_moderate_find_rating(GstHysacModerate *self, const HysacDecision *decision, HysacRating *rating);
/* What no frame from @seq on is decided by. */
void gst_hysac_moderate_forget_ratings(GstHysacModerate *self, guint64 seq);

/* gsthysacmodel.c: and its rater. */
void gst_hysac_scorer_free(GstHysacScorer *scorer);

/* gsthysacrelease.c */
GstFlowReturn gst_hysac_moderate_release(GstHysacModerate *self, GstHysacHeld *held,
                                         const HysacDecision *decision);

/* gsthysacstandin.c; the task's thread, no lock held. */
/* Frames from here on are of @caps. */
void gst_hysac_moderate_prepare(GstHysacModerate *self, GstHysacCaps *caps, GstHysacAction action,
                                guint32 color);
/* What was found safe by other than the @thresholds in force may not stand still any more. */
void gst_hysac_moderate_freeze_by(GstHysacModerate *self, guint thresholds);
/* @held goes out as it is, by @decision; @in_force: by the thresholds and the model in force. */
void gst_hysac_moderate_note_shown(GstHysacModerate *self, const GstHysacHeld *held,
                                   const HysacDecision *decision, GstHysacAction action,
                                   gboolean in_force);
/* (transfer full): what goes out in @held's place, by @action (in), which may not be possible: @action
 * (out) is what was done. NULL where memory is lacking. */
GstBuffer *gst_hysac_moderate_stand_in(GstHysacModerate *self, const GstHysacHeld *held,
                                       GstHysacAction *action);
void gst_hysac_moderate_clear_stand_ins(GstHysacModerate *self);

/* gsthysactiming.c */
gboolean gst_hysac_has_fixed_rate(const GstVideoInfo *info);
gboolean gst_hysac_moderate_update_timing(GstHysacModerate *self); /* lock held; TRUE: changed */
/* FALSE where the user's limits are too small; (transfer full) text in @why. Lock held. */
gboolean gst_hysac_moderate_check_capacity(GstHysacModerate *self, char **why);
gboolean gst_hysac_moderate_query_upstream(GstHysacModerate *self); /* no lock */
gboolean gst_hysac_moderate_query_latency(GstHysacModerate *self, GstQuery *query);

/* gsthysacreport.c; no lock held, the task's thread (start and end: any). */
void gst_hysac_moderate_post_started(GstHysacModerate *self);
void gst_hysac_moderate_report_frame(GstHysacModerate *self, const GstHysacHeld *held,
                                     const GstHysacOutcome *outcome);
void gst_hysac_moderate_report_interval(GstHysacModerate *self, const HysacIntervalEvent *event);
void gst_hysac_moderate_report_end(GstHysacModerate *self);
void gst_hysac_moderate_post_overload(GstHysacModerate *self, gint64 service, gint64 interval);
GType gst_hysac_mode_get_type(void);
GType gst_hysac_action_get_type(void);
GType gst_hysac_reuse_get_type(void);

/* gsthysacrecord.c; no lock held. */
void gst_hysac_moderate_open_records(GstHysacModerate *self); /* the scorer is there */
void gst_hysac_moderate_close_records(GstHysacModerate *self);
/* The task's thread: a frame as it goes out; and that what comes next does not follow it. */
void gst_hysac_moderate_record_frame(GstHysacModerate *self, const GstHysacHeld *held,
                                     const GstHysacOutcome *outcome);
void gst_hysac_moderate_record_break(GstHysacModerate *self);
void gst_hysac_add_settings(GString *line, const GstHysacSettings *settings);
void gst_hysac_add_totals(GString *line, const GstHysacCounters *counters); /* gsthysacreport.c */

/* For tests, before the element leaves NULL: scorers come from @factory. */
void gst_hysac_moderate_set_scorer_factory(GstHysacModerate *self, GstHysacScorerFactory factory,
                                           gpointer user_data);

G_END_DECLS
