/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by engine*.c only. */

#include "opencl/engine.h"
#include "opencl/preprocess.h"
#include "opencl/vision.h"

G_BEGIN_DECLS

/* One frame on its way. The worker owns it; the callback of its upload event holds a reference of
 * its own, because a driver may deliver it late. */
typedef struct {
  HysacEngine *engine;
  HysacFrame frame;
  GDestroyNotify release;
  HysacEngineFunc done;
  gpointer user_data;
  gboolean released;    /* worker: release was called */
  gboolean planes_free; /* lock: the device needs the planes no longer */
} HysacRequest;

typedef enum {
  HYSAC_SLOT_FILLING, /* frames are uploaded and preprocessed into it as they come */
  HYSAC_SLOT_RUNNING, /* the tower is enqueued */
} HysacSlotState;

/* One batch. There are two, so that one fills while the other runs. */
typedef struct {
  HysacEngine *engine;
  HysacSlotState state;
  cl_mem patches;     /* max_batch images; the tower reads them in place */
  float *features;    /* max_batch * dim, host */
  GPtrArray *requests; /* HysacRequest, in patch order */
  cl_event ready;     /* its last frame is preprocessed */
  gint64 first_time;  /* monotonic, of its first frame */
  gint64 start_time;  /* monotonic, when the tower was enqueued */
  guint64 order;      /* of starting */
  gboolean finished;  /* lock: set by the event callback */
  cl_int status;      /* lock: with finished */
} HysacSlot;

#define HYSAC_ENGINE_SLOTS 2

struct _HysacEngine {
  guint refs; /* under the registry's lock */
  char *key;

  HysacModel *model;
  HysacDevice *device;
  HysacPrecision precision;
  guint dim;
  guint max_batch;

  /* Worker's own. */
  GThread *worker;
  HysacPreprocess *preprocess;
  HysacVision *vision;
  cl_command_queue upload_queue; /* planes and preprocessing */
  cl_command_queue run_queue;    /* the tower: overlaps with the other queue */
  HysacSlot slots[HYSAC_ENGINE_SLOTS];
  gboolean blocking; /* the driver does not call back: wait for each event where it is made */
  guint64 started;
  guint last_batch; /* frames of the last batch: how many a window may wait for */
  guint n_refused;  /* batches or frames that the driver refused, since the last that ran */
  float *point;

  GMutex lock; /* guards what follows */
  GCond wake;  /* the worker's */
  GCond end;   /* ended became TRUE */
  GQueue pending;
  gboolean stopping;
  gboolean orphan; /* nobody waits for the worker: it frees the engine itself */
  gboolean ended;  /* the worker has freed what is the device's and will touch no more */
  gboolean hung;   /* counted among those that the driver holds */
  guint n_callbacks; /* event callbacks that the driver still owes */
  GError *failure;   /* sticky */
  HysacEngineStats stats;
  gint64 total_run_us;
  gint64 last_progress; /* monotonic: a request was answered, or came while there was none */

  /* Constant; tests shorten them. */
  gint64 stop_patience; /* how long the last unref waits for the device, us */
  gint64 hang_floor;    /* a device that finishes nothing for this long may be hung, us */
};

/* engine_run.c: the device's side. Each enqueues, and waits for nothing unless it fails: then nothing
 * of it is running any more. Not under the lock: a driver may call back at once. */
gboolean hysac_engine_enqueue_frame(HysacEngine *self, HysacSlot *slot, const HysacFrame *frame,
                                    guint index, cl_event *planes_free, GError **error);
gboolean hysac_engine_enqueue_tower(HysacEngine *self, HysacSlot *slot, guint n, cl_event *done,
                                    GError **error);
gboolean hysac_engine_warm_up(HysacEngine *self, GError **error);
/* @feature -> @embedding, whose point is @self's scratch. FALSE and NUMERIC. */
gboolean hysac_engine_finish(HysacEngine *self, const float *feature, HysacEmbedding *embedding,
                             GError **error);

/* engine.c. The worker's thread, and the one place where a request ends. Not under the lock. */
gpointer hysac_engine_work(gpointer engine);
void hysac_engine_answer(HysacEngine *self, HysacRequest *request, const HysacEmbedding *embedding,
                         const GError *error);

/* engine_end.c. hysac_engine_start() makes the worker's thread. hysac_engine_stop() ends it and
 * frees the engine, now or, where the driver does not return, when it does. */
gboolean hysac_engine_start(HysacEngine *self, GError **error);
void hysac_engine_stop(HysacEngine *self);
/* The worker's last words. */
void hysac_engine_ended(HysacEngine *self);
/* A failure that stays: said once, nothing more is accepted, and the registry makes a new engine for
 * the next who asks. Any thread, not under the lock. */
void hysac_engine_fail(HysacEngine *self, const GError *error);

/* engine_registry.c: no getter will find @self any more. */
void hysac_engine_forget(HysacEngine *self);
/* What is in the device's memory, and the queues; may wait for the driver. */
void hysac_engine_free_device(HysacEngine *self);
void hysac_engine_free(HysacEngine *self);
/* @self hangs in the driver, until hysac_engine_free(). Under its lock. */
void hysac_engine_count_hung(HysacEngine *self);

G_END_DECLS
