/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Frames that have not changed get the answer of the one before. What is compared is what the tower
 * would take in, so that nothing that it would see is overlooked (change.h), with what it was given
 * last under the same reference.
 *
 * A frame with a reference is preprocessed into its track at once, whether or not there is a place in a
 * slot, and compared there; meanwhile later ones of its stream wait. Changed, it goes into a slot and
 * takes the kept picture's place. Unchanged, it is answered by the kept one's result, or follows its
 * request where that is still in the tower: should that fail, its followers begin again from their planes.
 *
 * The worker alone touches tracks. Their memory is the device's, so it is the worker's to free too: a
 * track that only the engine still knows of goes with the next request.
 */

#include "opencl/engine_private.h"

#include <string.h>

struct _HysacReference {
  gatomicrefcount refs;
};

HysacReference *
hysac_reference_new(void)
{
  HysacReference *self = g_new0(HysacReference, 1);
  g_atomic_ref_count_init(&self->refs);
  return self;
}

HysacReference *
hysac_reference_ref(HysacReference *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_reference_unref(HysacReference *self)
{
  if (self != NULL && g_atomic_ref_count_dec(&self->refs))
    g_free(self);
}

/* ------------------------------------------------------------ tracks */

void
hysac_engine_init_reuse(HysacEngine *self)
{
  const HysacVisionConfig *config = hysac_model_get_vision_config(self->model);
  g_autoptr(GError) error = NULL;
  self->tracks = g_ptr_array_new();
  self->change = hysac_change_new(self->device, config->image_size / config->patch_size,
                                  config->patch_size, &error);
  self->can_compare = self->change != NULL;
  if (self->change == NULL)
    g_warning("frames cannot be compared on %s, so each is encoded: %s",
              hysac_device_get_info(self->device)->name, error->message);
}

static void
track_free(HysacTrack *track)
{
  g_clear_pointer(&track->kept, clReleaseMemObject);
  g_clear_pointer(&track->looked, clReleaseMemObject);
  g_clear_pointer(&track->result, clReleaseMemObject);
  g_free(track->tiles);
  g_free(track->feature);
  hysac_reference_unref(track->reference);
  g_free(track);
}

void
hysac_engine_free_tracks(HysacEngine *self)
{
  for (guint i = 0; self->tracks != NULL && i < self->tracks->len; i++)
    track_free(self->tracks->pdata[i]);
  if (self->tracks != NULL)
    g_ptr_array_set_size(self->tracks, 0);
}

/* A request holds a reference: nothing is under way in a track that has the only one. */
static void
sweep(HysacEngine *self)
{
  for (guint i = self->tracks->len; i-- > 0;) {
    HysacTrack *track = self->tracks->pdata[i];
    if (g_atomic_ref_count_compare(&track->reference->refs, 1)) {
      track_free(track);
      g_ptr_array_remove_index_fast(self->tracks, i);
    }
  }
}

static HysacTrack *
find_track(HysacEngine *self, const HysacReference *reference)
{
  for (guint i = 0; i < self->tracks->len; i++) {
    HysacTrack *track = self->tracks->pdata[i];
    if (track->reference == reference)
      return track;
  }
  return NULL;
}

static HysacTrack *
get_track(HysacEngine *self, HysacReference *reference, GError **error)
{
  HysacTrack *track = find_track(self, reference);
  if (track != NULL)
    return track;
  const gsize n_tiles = hysac_change_n_tiles(self->change);
  const gsize picture = hysac_vision_patch_bytes(self->vision);
  track = g_new0(HysacTrack, 1);
  track->reference = hysac_reference_ref(reference);
  track->tiles = g_new0(guint32, n_tiles);
  track->feature = g_new(float, self->dim);
  const struct {
    cl_mem *mem;
    gsize bytes;
  } buffers[] = { { &track->kept, picture },
                  { &track->looked, picture },
                  { &track->result, n_tiles * sizeof *track->tiles } };
  for (guint i = 0; i < G_N_ELEMENTS(buffers); i++) {
    cl_int code;
    *buffers[i].mem = clCreateBuffer(hysac_device_context(self->device), CL_MEM_READ_WRITE,
                                     buffers[i].bytes, NULL, &code);
    if (!HYSAC_CL(code, "clCreateBuffer", error)) {
      *buffers[i].mem = NULL;
      track_free(track);
      return NULL;
    }
  }
  g_ptr_array_add(self->tracks, track);
  return track;
}

/* ------------------------------------------------------------ looking */

gboolean
hysac_engine_can_look(HysacEngine *self, const HysacRequest *request)
{
  const HysacTrack *track = find_track(self, request->reference);
  return track == NULL || track->looking == NULL;
}

HysacTrack *
hysac_engine_next_compared(HysacEngine *self)
{
  for (guint i = 0; i < self->tracks->len; i++) {
    HysacTrack *track = self->tracks->pdata[i];
    if (track->comparing && track->looking->compared)
      return track;
  }
  return NULL;
}

gboolean
hysac_engine_is_comparing(HysacEngine *self)
{
  for (guint i = 0; i < self->tracks->len; i++) {
    if (((HysacTrack *) self->tracks->pdata[i])->comparing)
      return TRUE;
  }
  return FALSE;
}

/* The driver's thread calls it: it only leaves word. */
static void CL_CALLBACK
on_compared(cl_event event, cl_int status, void *data)
{
  HysacRequest *request = data;
  HysacEngine *self = request->engine;
  g_mutex_lock(&self->lock);
  request->compared = request->planes_free = TRUE;
  request->status = status;
  self->n_callbacks--;
  g_cond_signal(&self->wake);
  g_mutex_unlock(&self->lock);
  hysac_engine_request_unref(request);
}

static gboolean
is_fresh(const HysacTrack *track, const HysacReuse *reuse)
{
  gint64 age;
  return track->has_kept && !__builtin_sub_overflow(reuse->time, track->time, &age) && age >= 0 &&
         age <= reuse->max_age;
}

void
hysac_engine_look(HysacEngine *self, HysacRequest *request)
{
  cl_command_queue queue = self->upload_queue;
  g_autoptr(GError) error = NULL;
  cl_event planes_free = NULL, compared = NULL;
  sweep(self);
  HysacTrack *track = get_track(self, request->reference, &error);
  if (track == NULL) {
    hysac_engine_refuse(self, request, error);
    return;
  }
  const gboolean compare = is_fresh(track, &request->reuse);
  gboolean ok = hysac_preprocess_enqueue(self->preprocess, queue, &request->frame, track->looked, 0,
                                         &planes_free, &error);
  if (ok && compare)
    ok = hysac_change_enqueue(self->change, queue, track->looked, track->kept,
                              (guint8) request->reuse.tolerance, ++track->stamp, track->result,
                              track->tiles, &compared, &error);
  if (ok && planes_free == NULL && !compare)
    ok = HYSAC_CL(clEnqueueMarkerWithWaitList(queue, 0, NULL, &planes_free),
                  "clEnqueueMarkerWithWaitList", &error);
  if (ok)
    ok = HYSAC_CL(clFlush(queue), "clFlush", &error);
  if (!ok) {
    clFinish(queue); /* whatever was enqueued reads the planes no more */
  } else if (compare) {
    track->looking = request;
    track->comparing = TRUE;
    hysac_engine_notify(self, compared, on_compared, g_atomic_rc_box_acquire(request));
  } else {
    track->looking = request;
    g_queue_push_tail(&self->changed, track);
    hysac_engine_notify(self, planes_free, hysac_engine_on_planes_free,
                        g_atomic_rc_box_acquire(request));
  }
  g_clear_pointer(&planes_free, clReleaseEvent);
  g_clear_pointer(&compared, clReleaseEvent);
  if (!ok)
    hysac_engine_refuse(self, request, error);
}

/* The kept frame's answer, or that of its request once it is there. */
static void
reuse(HysacEngine *self, HysacTrack *track, HysacRequest *request)
{
  if (track->leader != NULL) {
    if (track->leader->followers == NULL)
      track->leader->followers = g_ptr_array_new();
    g_ptr_array_add(track->leader->followers, request);
    return;
  }
  g_autoptr(GError) error = NULL;
  HysacEmbedding embedding;
  const gboolean ok = hysac_engine_finish(self, track->feature, &embedding, &error);
  embedding.reused = TRUE;
  hysac_engine_answer(self, request, ok ? &embedding : NULL, error);
}

void
hysac_engine_decide(HysacEngine *self, HysacTrack *track)
{
  HysacRequest *request = track->looking;
  HysacChangeCount count;
  track->comparing = FALSE;
  if (request->status < 0) {
    g_autoptr(GError) error = NULL;
    track->looking = NULL;
    track->has_kept = FALSE;
    hysac_engine_fail_run(self, request->status, "a comparison of frames", &error);
    hysac_engine_answer(self, request, NULL, error);
    return;
  }
  /* What was compared with may have failed meanwhile. A result that is not of this comparison says
   * nothing. In both cases the frame is encoded. */
  if (track->has_kept &&
      hysac_change_sum(track->tiles, hysac_change_n_tiles(self->change), track->stamp, &count) &&
      hysac_change_is_within(&count, request->reuse.budget)) {
    track->looking = NULL;
    reuse(self, track, request);
  } else {
    g_queue_push_tail(&self->changed, track);
  }
}

void
hysac_engine_place(HysacEngine *self, HysacSlot *slot)
{
  HysacTrack *track = g_queue_pop_head(&self->changed);
  HysacRequest *request = g_steal_pointer(&track->looking);
  g_autoptr(GError) error = NULL;
  if (!hysac_engine_enqueue_patches(self, slot, track->looked, slot->requests->len, &error)) {
    clFinish(self->upload_queue);
    hysac_engine_refuse(self, request, error);
    return;
  }
  if (slot->requests->len == 0)
    slot->first_time = g_get_monotonic_time();
  g_ptr_array_add(slot->requests, request);
  cl_mem kept = track->kept;
  track->kept = track->looked;
  track->looked = kept;
  track->has_kept = TRUE;
  track->time = request->reuse.time;
  track->leader = request;
}

HysacRequest *
hysac_engine_drop_look(HysacEngine *self)
{
  g_queue_clear(&self->changed);
  for (guint i = 0; i < self->tracks->len; i++) {
    HysacTrack *track = self->tracks->pdata[i];
    track->comparing = FALSE;
    if (track->looking != NULL)
      return g_steal_pointer(&track->looking);
  }
  return NULL;
}

/* ------------------------------------------------------------ answers */

/* They are the next again, in their order. */
static void
begin_again(HysacEngine *self, GPtrArray *followers)
{
  g_mutex_lock(&self->lock);
  for (guint i = followers->len; i-- > 0;) {
    HysacRequest *request = followers->pdata[i];
    request->compared = request->planes_free = FALSE;
    g_queue_push_head(&self->pending, request);
  }
  g_mutex_unlock(&self->lock);
}

void
hysac_engine_settle(HysacEngine *self, HysacRequest *request, const HysacEmbedding *embedding,
                    const GError *error)
{
  HysacTrack *track = request->reference ? find_track(self, request->reference) : NULL;
  g_autoptr(GPtrArray) followers = g_steal_pointer(&request->followers);
  if (track != NULL && track->leader == request) {
    track->leader = NULL;
    track->has_kept = embedding != NULL;
    if (embedding != NULL)
      memcpy(track->feature, embedding->feature, self->dim * sizeof *track->feature);
  }
  hysac_engine_answer(self, request, embedding, error);
  if (followers == NULL)
    return;
  if (embedding == NULL) {
    begin_again(self, followers);
    return;
  }
  HysacEmbedding theirs = *embedding;
  theirs.reused = TRUE;
  for (guint i = 0; i < followers->len; i++)
    hysac_engine_answer(self, followers->pdata[i], &theirs, NULL);
}
