/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* hysac scan: one file while it is scanned. What scan_file.c and scan_resume.c share. */

#include "scan_point.h"

#include "gst/scenecut.h"

#include "scan_advice.h"

G_BEGIN_DECLS

typedef struct {
  ScanFile *file;
  const ScanSettings *settings;
  ScanState *state;
  HysacEngine *engine;
  HysacReference *reference;
  HysacPolicySet *policy;
  HysacSegmenter segmenter;
  ScanActing acting;
  GstHysacSceneCut cut;
  GMutex lock; /* done and what it says, of each request */
  GCond changed;
  GQueue requests; /* ScanRequest, in order of the samples */
  GQueue frames;   /* ScanPending, in order */
  ToolVideoFrame *newest;
  gboolean newest_scored; /* the newest frame is a sample */
  gint64 last_sample;
  ScanPoint *trail;
  gboolean marking;      /* the trail's mark is to be written as soon as the samples before it have their answers: */
  guint before_mark;
  guint64 from;          /* taken up again at this frame; 0: decoded from the beginning */
  gboolean misnumbered;  /* samples after that may have wrong numbers */
  GError *engine_error;
} ScanRun;

typedef struct {
  ScanRun *run;
  ToolVideoFrame *frame;
  gboolean done, known, reused; /* known: from an earlier run */
  double distance;
  HysacRating rating;
  HysacReason failure;
  GError *error;
} ScanRequest;

typedef struct {
  guint64 seq;
  gint64 time, duration;
} ScanPending;

/* A sample that has been scored. */
void scan_run_keep(ScanRun *run, const ScanSample *sample, const HysacRating *rating);
/* Frames whose decision is due. */
void scan_run_decide(ScanRun *run, gboolean force);

/* Opens the file: at the point that an earlier run has left, with what came before, where that can be had exactly,
 * else at its beginning. */
ToolVideo *scan_run_open(ScanRun *run, const gint *stop, GError **error);
/* @frame has been admitted: now and then it becomes a point. */
void scan_run_mark(ScanRun *run, ToolVideo *video, ToolVideoFrame *frame);
/* A request has its answer. */
void scan_run_answered(ScanRun *run);

G_END_DECLS
