/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Frames fired at an engine of stand-ins, and what became of them. Waits end early; their long limit
 * only bounds a broken engine. */

#include "engine_double.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#define PATIENCE (60 * G_TIME_SPAN_SECOND)

/* One submitted frame and what became of it. */
typedef struct {
  float data[DOUBLE_DIM];
  float feature[DOUBLE_DIM];
  gboolean has_point, reused;
  double distance;
  guint n_released, n_done;
  gboolean released_first; /* release came before done */
  GError *error;
  HysacEngine *drop; /* unref this in done */
  HysacEngine *embed; /* try to embed by this in done */
} Shot;

extern gint shots_warnings; /* of the library, since clean_slate() */

void shots_start(void); /* first in main() */
void on_release(gpointer data);
void on_done(const HysacEmbedding *embedding, const GError *error, gpointer data);
/* FALSE where it took longer than PATIENCE. @value is one of a Shot's counters. */
gboolean wait_for(guint *value, guint wanted);
gboolean wait_for_batches(guint wanted);
gboolean wait_for_asked(guint wanted); /* dbl.n_asked */
guint shots_count(const guint *value);
/* A shot of DOUBLE_DIM values from @seed on; fire() submits it, expect_*() wait for its end. */
void aim(Shot *shot, float seed);
void fire(HysacEngine *engine, Shot *shot);
void expect_hit(Shot *shot);
void expect_miss(Shot *shot, int code);
HysacEngine *get_engine(void);

int clean_slate(void **state);
int nothing_left(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, clean_slate, nothing_left)
