/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tests/gst/rig.h"

/*
 * The leak test's stream: a script of numbered frames, safe, unsafe and failing ones, and what
 * comes between them; played into a rig, and judged by what came out. What is expected is worked
 * out from the script alone, by the rules of docs/architecture.md, frame by frame and without the
 * policy's code.
 */

/* What happens before a frame. */
typedef enum {
  STEP_NONE,
  STEP_CUT,     /* another shade; the shot ends */
  STEP_DISCONT, /* the buffer's flag */
  STEP_SEGMENT, /* as before, told anew */
  STEP_CAPS,    /* the other size */
  STEP_GAP,     /* a GAP event instead of this frame */
  STEP_SEEK,    /* flush; what is held is lost */
  STEP_STREAM,  /* EOS, and another stream */
  N_STEPS,
} Step;

typedef struct {
  guint8 code;
  Step step;
  gboolean big; /* the size */
  guint8 shade;
  guint shot;  /* no step but NONE inside one */
  guint run;   /* no STREAM or SEEK inside one */
  guint flush; /* no SEEK inside one */
} Scripted;

typedef struct {
  GArray *frames; /* of Scripted; the index is the number, number * RIG_FRAME the time */
  guint seed;     /* told where a test fails */
} Script;

void script_fail(const Script *script, const char *format, ...) G_GNUC_PRINTF(2, 3);

typedef struct {
  guint n_frames, n_bursts; /* bursts of 1 frame to 5 s, unsafe or failing */
  double step_rate;         /* of frames that have a step before them */
  gboolean hangs;           /* some frames are never answered */
  gboolean flushes;
} ScriptKind;

void script_init(Script *script, GRand *rand, const ScriptKind *kind);
void script_clear(Script *script);
gboolean script_is_bad(const Script *script, guint number); /* unsafe or failing */
/* Plays frame @number with its step. */
void script_push(const Script *script, guint number, Rig *rig);
/* EOS in, and wait for it to come out. */
void script_finish(const Script *script, Rig *rig);
/* All of them, then EOS. */
void script_play(const Script *script, Rig *rig);

/* What became of a number. */
typedef enum {
  FATE_LOST, /* nothing came: only a flush may do that */
  FATE_SHOWN,
  FATE_GONE, /* a frame in which the number cannot be read */
  FATE_GAP,
} Fate;

typedef struct {
  Fate fate;
  const char *reason; /* of a frame; static */
} Outcome;

/* The fates, one a number. Fails the test where anything is out of order, twice, missing, garbled,
 * or shows another number than its time's. */
Outcome *script_outcomes(const Script *script, Rig *rig);

typedef struct {
  gint64 pre_roll, post_roll, min_duration;
} Rolls;

/* At full sampling and k = 1: for each number, whether an interval reaches it. */
gboolean *script_intervals(const Script *script, const Rolls *rolls);
/* For each number, whether redaction may be held on there: two toggles were in the second before.
 * Fails the test where more than three a second reach the screen. */
gboolean *script_flicker(const Script *script, const Outcome *outcomes);
