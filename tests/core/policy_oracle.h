/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Rules 2 to 5 of docs/architecture.md, "Gate and monitor, exactly", read off all samples and results
 * at once in plain O(n^2) code: what the incremental policy must come to.
 */

#include "core/policy.h"

#define MAX_FRAMES 96

typedef enum { RESULT_PENDING, RESULT_SCORED, RESULT_FAILED } Result;

typedef struct {
  guint64 seq;
  gint64 time;
  gboolean boundary;
  guint run;
  Result result;
  HysacReason failure;
  double margin;
  HysacPolicyConfig config; /* of the moment of its result */
} OracleSample;

typedef struct {
  OracleSample samples[MAX_FRAMES];
  guint n;
  gboolean ended; /* no sample follows */

  /* Derived by oracle_prepare(). */
  gboolean confirmed[MAX_FRAMES];
  struct {
    guint first, beyond;
    gint64 start, last, end;
  } intervals[MAX_FRAMES];
  guint n_intervals;
} Oracle;

/* Pending results count as failed. */
void oracle_prepare(Oracle *self);
/* Covering samples of a frame, -1 where there is none on that side. */
void oracle_cover(const Oracle *self, guint64 seq, int *left, int *right);
/* The sample that has to be decided (with all before it) by rule 5; -1 where it is not known yet. */
int oracle_horizon(const Oracle *self, guint64 seq, gint64 time);
HysacDecision oracle_decide(const Oracle *self, guint64 seq, gint64 time);
