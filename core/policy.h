/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * Verdicts over time -> what to do with each frame. The rules are docs/architecture.md, "Gate and
 * monitor, exactly". A pure state machine: no clock, no thread, no I/O; times are the caller's
 * (running time, ns) and only ever compared.
 *
 * Frames are numbered by the caller in stream order (seq, strictly increasing); some frames are
 * samples. A frame is covered by itself if it is a sample, else by the samples before and after it,
 * never across a boundary.
 *
 * Thread-safety: none; the caller serialises.
 */

G_BEGIN_DECLS

typedef struct {
  guint k, n;          /* k of n consecutive samples above enter confirm; 1 <= k <= n <= 64 */
  double enter_margin; /* a sample is unsafe where margin > enter_margin */
  double leave_margin; /* an interval goes on while margin > leave_margin; <= enter_margin */
  gint64 min_duration; /* ns, >= 0 */
  gint64 pre_roll;     /* ns, >= 0 */
  gint64 post_roll;    /* ns, >= 0 */
} HysacPolicyConfig;

/* Why a frame is what it is. "unsafe" and failures never mix. Stable strings by
 * hysac_reason_to_string(): they go into logs and metadata. */
typedef enum {
  HYSAC_REASON_SAFE,           /* covered by safe samples, outside every interval */
  HYSAC_REASON_UNCONFIRMED,    /* a covering sample was above enter, k of n did not confirm it */
  HYSAC_REASON_UNSAFE,         /* covered by a confirmed sample, or inside an interval */
  HYSAC_REASON_PRE_ROLL,
  HYSAC_REASON_POST_ROLL,      /* minimum duration included */
  HYSAC_REASON_FLICKER,        /* redaction held on: at most three toggles a second */
  HYSAC_REASON_HUMAN_SAFE,     /* a moderator's override, in place of the model */
  HYSAC_REASON_HUMAN_UNSAFE,   /* the same */
  HYSAC_REASON_HUMAN_HOLD,     /* a moderator holds the picture back */
  HYSAC_REASON_HUMAN_DUMP,     /* a moderator threw away what was held, and what came after */
  HYSAC_REASON_FAILED_DEVICE,  /* the device is lost or gone, or refused a call */
  HYSAC_REASON_FAILED_MEMORY,  /* out of memory, the device's or the host's */
  HYSAC_REASON_FAILED_BUILD,   /* a kernel could not be built (while a lost engine is rebuilt) */
  HYSAC_REASON_FAILED_MODEL,   /* the model could not be read again (the same) */
  HYSAC_REASON_FAILED_NUMERIC, /* result not finite */
  HYSAC_REASON_FAILED_MAP,     /* the frame could not be mapped or is not what its caps say */
  HYSAC_REASON_FAILED_DEADLINE,/* no decision when the frame was due */
  HYSAC_REASON_FAILED_STALE,   /* monitor: the verdict is older than max-age, or there is none */
  HYSAC_REASON_FAILED_TIMEOUT, /* a request outlived its watchdog */
} HysacReason;

HYSAC_API const char *hysac_reason_to_string(HysacReason reason);
HYSAC_API gboolean hysac_reason_is_failure(HysacReason reason);

typedef enum {
  HYSAC_DECISION_PENDING, /* samples that could change it are not decided yet */
  HYSAC_DECISION_PASS,
  HYSAC_DECISION_REDACT, /* unsafe: the action */
  HYSAC_DECISION_FAILED, /* a covering sample failed: on-failure decides */
} HysacDecisionKind;

typedef struct {
  HysacDecisionKind kind;
  HysacReason reason;
  /* The covering sample that tells most: the failed one, else the largest margin. */
  gboolean has_sample;
  guint64 sample_seq;   /* equals the frame's seq where the frame itself was scored */
  gint64 sample_time;
  gboolean sample_ok;   /* scored, not failed: the distance and margin below hold */
  gboolean sample_reused; /* its result was an earlier frame's: hysac_policy_note_reused() */
  /* REDACT all the same, though the frame itself was not checked: why. SAFE where it was. What is
   * done to an unchecked frame must satisfy both the action and on-failure. */
  HysacReason failure;
  double distance;
  double margin;
  /* The interval the frame lies in, where reason is UNSAFE, PRE_ROLL or POST_ROLL. */
  guint64 interval_id;  /* 1, 2, ...; 0 for none */
  gint64 interval_start;
} HysacDecision;

typedef struct _HysacPolicy HysacPolicy;

/* NULL and @error (ARGUMENT) where @config breaks a range above. */
HYSAC_API HysacPolicy *hysac_policy_new(const HysacPolicyConfig *config, GError **error);
HYSAC_API void hysac_policy_free(HysacPolicy *self); /* NULL is fine */

/* Thresholds and durations may change while it runs; they apply to samples not decided yet, so that no
 * decision already given changes (but see hysac_policy_rejudge()). */
HYSAC_API gboolean hysac_policy_set_config(HysacPolicy *self, const HysacPolicyConfig *config,
                                           GError **error);

/* Judges anew, by the configuration of now, every sample that a frame not yet forgotten depends on, as
 * if it had been so when they were decided: decisions on such frames may change. What the samples
 * before have led to stays: an open interval is open, until a sample is at or below leave. Intervals
 * keep their ids; of one that comes to nothing after its beginning was told, the end is told, and one
 * that changes after its end was told is told to end again. */
HYSAC_API void hysac_policy_rejudge(HysacPolicy *self);
/* The margins of the samples from frame @seq on become their distance less @bound (finite); then as
 * hysac_policy_rejudge(). */
HYSAC_API void hysac_policy_set_bound(HysacPolicy *self, guint64 seq, double bound);

/* Forgets everything (flush, stop). Let seq go on counting over it: a result that is still on its way
 * is then of no known sample. */
HYSAC_API void hysac_policy_reset(HysacPolicy *self);

/* Declares that frame @seq at @time is a sample, in stream order of the samples; the frame itself may
 * have been held for a while (the last frame before a boundary, the old side of a cut). @boundary:
 * the frame is the first after start, segment, caps change, discontinuity or scene cut: no cover
 * reaches back over it. */
HYSAC_API void hysac_policy_add_sample(HysacPolicy *self, guint64 seq, gint64 time,
                                       gboolean boundary);

/* Results may come in any order; each once. An unknown seq (forgotten, flushed) is ignored. */
HYSAC_API void hysac_policy_resolve(HysacPolicy *self, guint64 seq, double distance, double margin);
HYSAC_API void hysac_policy_fail(HysacPolicy *self, guint64 seq, HysacReason reason);
/* The result of sample @seq, given or to come, is taken over from an earlier frame that it does not
 * differ from. Decisions that tell of it say so; nothing else changes: it counts as any sample. */
HYSAC_API void hysac_policy_note_reused(HysacPolicy *self, guint64 seq);

/* No sample will follow those declared (EOS): pending pre-roll and k of n are decided with what is
 * there, and an open interval is closed. Ends with the next add_sample(), which is a boundary that k of
 * n and pre-roll do not reach over, or with reset. */
HYSAC_API void hysac_policy_end(HysacPolicy *self);

/*
 * What to do with frame @seq at @time. Frames are asked about in any order; asking changes nothing. A
 * decision that is not PENDING never changes.
 *
 * An interval goes on until a sample is seen to be at or below leave: a failed one does not end it,
 * and frames at or before that sample are REDACT with UNSAFE, the decision's sample being the failed
 * one (sample_ok is FALSE, failure says why). A frame that no two samples of one shot
 * surround (rule 1 was broken) stays PENDING.
 *
 * @force: it must be decided now; what is still pending counts as failed with
 * HYSAC_REASON_FAILED_DEADLINE (unless what is known already redacts it). Never PENDING. An interval
 * that only this assumption opens has the id it would get; it may come to nothing.
 */
HYSAC_API HysacDecision hysac_policy_decide(const HysacPolicy *self, guint64 seq, gint64 time,
                                            gboolean force);

/* Monitor mode: what the latest decided samples say of a frame at @time, now. PENDING only before
 * the first decided sample. @age (out): time - sample_time of the latest decided sample (G_MAXINT64
 * before the first). The caller compares it with max-age. */
HYSAC_API HysacDecision hysac_policy_latest(const HysacPolicy *self, gint64 time, gint64 *age);

/* Frames before @seq will not be asked about again: what only they needed is dropped, so memory
 * stays bounded. (Events that nobody fetches are too: the oldest beyond 1024 are dropped.) */
HYSAC_API void hysac_policy_forget(HysacPolicy *self, guint64 seq);

/* A confirmed interval opened or closed since the last call, oldest first; FALSE when none is left. */
typedef struct {
  guint64 id;
  gboolean open; /* TRUE: it began; FALSE: it ended */
  gint64 start;  /* time of the first confirmed sample */
  gint64 end;    /* closed: last sample above leave or failed, or start + min_duration if later */
  double peak;   /* largest margin so far */
} HysacIntervalEvent;
HYSAC_API gboolean hysac_policy_next_event(HysacPolicy *self, HysacIntervalEvent *event);

/* Worst time in ns that a frame waits for the samples it needs, requests aside:
 * pre_roll + m * (interval + frame), m = n where k > 1, else 1. */
HYSAC_API gint64 hysac_policy_max_hold(const HysacPolicyConfig *config, gint64 interval,
                                       gint64 frame_duration);
/* The longest unsafe stretch inside one shot that may pass: 0 for full sampling and k = 1. */
HYSAC_API gint64 hysac_policy_escape_bound(const HysacPolicyConfig *config, gint64 interval,
                                           gint64 frame_duration);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacPolicy, hysac_policy_free)

G_END_DECLS
