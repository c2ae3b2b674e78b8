/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by textencoder*.c only. */

#include "opencl/text.h"
#include "opencl/textencoder.h"

G_BEGIN_DECLS

/* One text on its way. Whoever waits for it and the worker hold a reference each: a worker that hangs keeps what
 * it works on. */
typedef struct {
  gatomicrefcount refs;
  guint32 *ids; /* start, content, end */
  gsize n;
  gsize windows;
  gsize next;          /* lock: the window that is to be run next */
  gboolean abandoned;  /* lock: nobody waits any more */
  gboolean finished;   /* lock; from here on the waiter's */
  gboolean telling;    /* lock: @each is being called: who gives the text up waits for that */
  HysacTextWindowFunc each; /* (nullable); not called for what is abandoned */
  gpointer user_data;  /* of @each */
  guint index;         /* what @each calls the text */
  gsize done;          /* lock: windows that have been run */
  gsize worst;         /* worker */
  double norm;         /* worker: of the worst window's feature */
  float *feature;      /* worker; NULL before the first */
  GError *error;       /* worker */
} HysacTextJob;

struct _HysacTextEncoder {
  guint refs; /* under the registry's lock */
  char *key;

  HysacModel *model;
  HysacDevice *device;
  HysacTokenizer *tokenizer;
  const HysacTextConfig *config; /* the model's */

  /* The worker's own. */
  GThread *worker;
  HysacText *text;
  guint n_refused; /* runs that the driver refused, since the last that ran */

  GMutex lock; /* guards what follows */
  GCond wake;  /* the worker's */
  GCond news;  /* a job is finished, or the encoder has failed, or ended */
  GQueue pending; /* HysacTextJob with windows to run, a reference to each */
  GError *failure; /* sticky */
  gboolean stopping, ended;
  gboolean orphan; /* nobody waits for the worker: it frees the encoder itself */
  gboolean hung;   /* the worker is in the driver, and was given up */
  gint64 run_start; /* monotonic; 0: nothing runs */
  gsize run_rows;
  double us_per_row; /* the slowest run */

  gint64 hang_floor; /* a run of less is not taken for hung, us; tests shorten it */
};

/* textencoder.c */
gpointer hysac_text_encoder_work(gpointer self);

/* textencoder_registry.c */
/* A failure that stays: said once, nothing more is accepted, the next who asks gets a new encoder. Any thread,
 * not under the lock. */
void hysac_text_encoder_fail(HysacTextEncoder *self, const GError *error);
void hysac_text_encoder_free(HysacTextEncoder *self);
/* @self hangs in the driver, until hysac_text_encoder_free(). Under its lock. */
void hysac_text_encoder_count_hung(HysacTextEncoder *self);

G_END_DECLS
