/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by engine*.c only. */

#include "opencl/change.h"
#include "opencl/engine.h"
#include "opencl/preprocess.h"
#include "opencl/vision.h"

G_BEGIN_DECLS

typedef struct _HysacRequest HysacRequest;

/* One frame on its way. The worker owns it; the callback of its upload event holds a reference of
 * its own, because a driver may deliver it late. */
struct _HysacRequest {
  HysacEngine *engine;
  HysacFrame frame;
  GDestroyNotify release;
  HysacEngineFunc done;
  gpointer user_data;
  gboolean released;    /* worker: release was called */
  gboolean planes_free; /* lock: the device needs the planes no longer */
  HysacReference *reference; /* NULL: it is encoded in any case */
  HysacReuse reuse;
  GPtrArray *followers; /* worker: HysacRequest that get its answer too; NULL: none */
  gboolean compared;    /* lock: set by the event callback */
  cl_int status;        /* lock: with compared */
};

/* What is kept under a reference. The worker's own. Pictures are in patch layout. */
typedef struct {
  HysacReference *reference; /* a reference to it */
  cl_mem kept;    /* the picture that was last given to the tower; holds where has_kept */
  cl_mem looked;  /* that of the request looked at */
  cl_mem result;  /* of a comparison, and */
  guint32 *tiles; /* where it is read to */
  guint32 stamp;  /* of the last comparison */
  gboolean has_kept;
  gint64 time;          /* of the frame kept */
  HysacRequest *leader; /* its request, while it is not answered; else */
  float *feature;       /* its feature: dim floats */
  HysacRequest *looking; /* the request whose picture is in looked; NULL: none */
  gboolean comparing;    /* it is being compared; else it is among the engine's changed */
} HysacTrack;

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
  HysacAccuracy accuracy;
  guint dim;
  guint max_batch;

  /* Worker's own. */
  GThread *worker;
  HysacPreprocess *preprocess;
  HysacVision *vision;
  HysacChange *change; /* NULL: every frame is encoded */
  gboolean can_compare; /* constant: there was one */
  gboolean leaves_compiler; /* registry's lock: its programs were compiled here, and all it is made of is on the disk now */
  GPtrArray *tracks;   /* of HysacTrack */
  GQueue changed;      /* HysacTrack whose looking is to be encoded, and waits for a place */
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

/* engine_reuse.c: the worker's, not under the lock unless it says so. */
/* Warns where frames cannot be compared. */
void hysac_engine_init_reuse(HysacEngine *self);
void hysac_engine_free_tracks(HysacEngine *self); /* none is looking */
/* Under the lock: @request may be begun: none of its stream is being looked at. */
gboolean hysac_engine_can_look(HysacEngine *self, const HysacRequest *request);
/* Under the lock: a track whose comparison is over, or NULL. */
HysacTrack *hysac_engine_next_compared(HysacEngine *self);
gboolean hysac_engine_is_comparing(HysacEngine *self);
void hysac_engine_look(HysacEngine *self, HysacRequest *request);
void hysac_engine_decide(HysacEngine *self, HysacTrack *track);
/* The oldest of the changed goes into @slot, which has room. */
void hysac_engine_place(HysacEngine *self, HysacSlot *slot);
/* Takes one request that is being looked at, or NULL; the upload queue is finished. */
HysacRequest *hysac_engine_drop_look(HysacEngine *self);
/* A request that was given to the tower is answered: what is kept of it, and those that follow it. */
void hysac_engine_settle(HysacEngine *self, HysacRequest *request, const HysacEmbedding *embedding,
                         const GError *error);

/* engine_run.c: the device's side. Each enqueues, and waits for nothing unless it fails: then nothing
 * of it is running any more. Not under the lock: a driver may call back at once. */
gboolean hysac_engine_enqueue_frame(HysacEngine *self, HysacSlot *slot, const HysacFrame *frame,
                                    guint index, cl_event *planes_free, GError **error);
/* A picture of @patches, instead, into @slot. */
gboolean hysac_engine_enqueue_patches(HysacEngine *self, HysacSlot *slot, cl_mem patches, guint index,
                                      GError **error);
gboolean hysac_engine_enqueue_tower(HysacEngine *self, HysacSlot *slot, guint n, cl_event *done,
                                    GError **error);
gboolean hysac_engine_warm_up(HysacEngine *self, GError **error);
/* Gives back to the system what packing and the driver's compiler are done with: it would stay for good, hundreds of
 * megabytes. Nothing where the C library does not know how. */
void hysac_engine_trim_heap(void);
/* @feature -> @embedding, whose point is @self's scratch. FALSE and NUMERIC. */
gboolean hysac_engine_finish(HysacEngine *self, const float *feature, HysacEmbedding *embedding,
                             GError **error);

/* engine.c. The worker's thread, and the one place where a request ends. Not under the lock. */
gpointer hysac_engine_work(gpointer engine);
void hysac_engine_request_unref(HysacRequest *request);
void hysac_engine_answer(HysacEngine *self, HysacRequest *request, const HysacEmbedding *embedding,
                         const GError *error);
/* The worker's: what the driver says of this frame, which is answered; and of a run that was accepted,
 * which is not. */
void hysac_engine_refuse(HysacEngine *self, HysacRequest *request, const GError *error);
void hysac_engine_fail_run(HysacEngine *self, cl_int status, const char *what, GError **error);
/* Has @callback called when @event completes, or waits here where the driver cannot. */
void hysac_engine_notify(HysacEngine *self, cl_event event,
                         void(CL_CALLBACK *callback)(cl_event, cl_int, void *), void *data);
void CL_CALLBACK hysac_engine_on_planes_free(cl_event event, cl_int status, void *request);

/* engine_end.c. hysac_engine_start() makes the worker's thread. hysac_engine_stop() ends it and
 * frees the engine, now or, where the driver does not return, when it does. */
gboolean hysac_engine_start(HysacEngine *self, GError **error);
void hysac_engine_stop(HysacEngine *self);
/* The worker's last words. */
void hysac_engine_ended(HysacEngine *self);
/* A failure that stays: said once, nothing more is accepted, and the registry makes a new engine for
 * the next who asks. Any thread, not under the lock. */
void hysac_engine_fail(HysacEngine *self, const GError *error);

/* One precision, for a getter of it or of AUTO. */
typedef struct {
  gboolean strict;        /* within its budget, or not at all */
  gboolean again;         /* it was there before, and what is to say of it is said */
  gboolean rejected;      /* out: not at all; @error is not set */
  gboolean made;          /* out: it was tried here and now */
  HysacAccuracy accuracy; /* out, where it is rejected */
} HysacEngineTry;

/* engine_registry.c: the engine that lives, or a new one. @precision: not AUTO. */
HysacEngine *hysac_engine_get_in(HysacModel *model, HysacDevice *device, HysacPrecision precision,
                                 HysacEngineTry *attempt, HysacProgressFunc progress, gpointer user_data,
                                 GError **error);
/* Same files (as identified by path, size, inode and time; hashing 600 MB costs seconds), same numbers from
 * the JSON files (transfer full). */
char *hysac_engine_identify(HysacModel *model);
/* engine_auto.c: the fastest that holds its budget. */
HysacEngine *hysac_engine_get_auto(HysacModel *model, HysacDevice *device, HysacProgressFunc progress,
                                   gpointer user_data, GError **error);
/* Says that @precision is used all the same. */
void hysac_engine_warn_accuracy(HysacModel *model, HysacPrecision precision, const HysacAccuracy *accuracy);

/* engine_registry.c: no getter will find @self any more. */
void hysac_engine_forget(HysacEngine *self);
/* What is in the device's memory, and the queues; may wait for the driver. */
void hysac_engine_free_device(HysacEngine *self);
void hysac_engine_free(HysacEngine *self);
/* @self hangs in the driver, until hysac_engine_free(). Under its lock. */
void hysac_engine_count_hung(HysacEngine *self);

G_END_DECLS
