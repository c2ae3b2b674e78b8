/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/error.h"

/*
 * What a moderator has said, and which frames it decides. A pure state machine: no clock, no thread;
 * times are the policy's (ns, never decreasing between two flushes), frames come in and leave in the
 * order of their numbers.
 *
 *   hold      every frame that leaves from now on, until released
 *   dump      every frame that is in at this moment, and those of the next while
 *   override  the frames that leave for a while: a verdict in place of the model's
 *
 * Where several are in force the one that is larger below decides: redaction wins.
 *
 * Windows are half open: a frame is inside where its time is before the end. That of a dump begins
 * where the newest frame that is in ends; that of an override, with the next frame that leaves. Where
 * no frame is in, both begin with the first that comes.
 *
 * A flush (or a stop) takes no redaction back: the hold stays, a dump and an override by "unsafe" go
 * on from the first frame after it for what was left, counted from the last frame that had left. An
 * override by "safe" was said of what has gone: it ends.
 *
 * Thread-safety: none; the caller serialises.
 */

G_BEGIN_DECLS

typedef enum {
  HYSAC_CONTROL_NONE, /* the model decides */
  HYSAC_CONTROL_SAFE, /* override */
  HYSAC_CONTROL_UNSAFE,
  HYSAC_CONTROL_HOLD,
  HYSAC_CONTROL_DUMP,
} HysacControlState;

/* An override that lasts longer is one that somebody forgets: longer ones are cut to this, ns. */
#define HYSAC_CONTROL_MAX_OVERRIDE (3600 * G_GINT64_CONSTANT(1000000000))

typedef struct {
  gboolean active, anchored;
  gint64 end;  /* anchored: the first time that is outside */
  gint64 left; /* else: how long, from the frame that anchors it */
} HysacControlWindow;

/* Read only. */
typedef struct {
  gboolean hold;
  HysacControlWindow dump, override;
  HysacControlState verdict; /* the override's */
  guint64 dump_seq;          /* the newest frame that was in, dump anchored */
  gboolean has_frame;        /* since the last flush; the next three hold */
  gboolean all_left;         /* and none of those that were in still is */
  guint64 newest_seq;
  gint64 newest_end;
  gint64 position; /* where the last frame that left ended */
  guint ended;
} HysacControl;

HYSAC_API void hysac_control_init(HysacControl *self);

HYSAC_API void hysac_control_hold(HysacControl *self);
/* Ends everything; FALSE where there was nothing to end. */
HYSAC_API gboolean hysac_control_release(HysacControl *self);
/* @duration: ns, >= 0: from the end of the newest frame that is in; where none is, from the next. A
 * second dump never shortens the first. */
HYSAC_API void hysac_control_dump(HysacControl *self, gint64 duration);
/* @verdict: SAFE or UNSAFE, anything else counts as UNSAFE; @duration: ns, > 0. Takes the place of the
 * override before it. Returns the duration in force. */
HYSAC_API gint64 hysac_control_override(HysacControl *self, HysacControlState verdict,
                                        gint64 duration);

/* A frame is in. */
HYSAC_API void hysac_control_admit(HysacControl *self, guint64 seq, gint64 time, gint64 duration);
/* It leaves now: who decides on it. */
HYSAC_API HysacControlState hysac_control_leave(HysacControl *self, guint64 seq, gint64 time,
                                                gint64 duration);
/* All frames that are in are gone; numbers and times may start afresh. */
HYSAC_API void hysac_control_flush(HysacControl *self);

/* What has ended by itself since the last call: bits of 1 << HysacControlState, SAFE and UNSAFE for
 * the override. */
HYSAC_API guint hysac_control_take_ended(HysacControl *self);

/* What would decide on the next frame to leave, as far as it is known. */
HYSAC_API HysacControlState hysac_control_get_state(const HysacControl *self);
/* What is left of a window, ns, from the last frame that left; 0 where it is not in force. */
HYSAC_API gint64 hysac_control_get_left(const HysacControl *self, const HysacControlWindow *window);

G_END_DECLS
