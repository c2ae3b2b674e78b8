/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sixteen streams at once over the real engine and the demo model: one engine, each stream its own
 * verdicts, the same as alone, and none waits while others are served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "opencl/engine.h"
#include "tests/gst/rig.h"

#define STREAMS 16
#define PICTURES 8 /* of each stream */
#define ROUNDS 4
#define FRAMES (PICTURES * ROUNDS)
/* The engine works on batches of up to eight. */
#define MAX_OVERTAKEN 8

/* ------------------------------------------------------------ the engine's queue, watched */

/* Requests of all streams, in the order in which the engine got them. */
typedef struct {
  GMutex order; /* held while the engine is given a request */
  GMutex lock;
  GArray *answered; /* gboolean a request */
  guint most_overtaken;
} Queue;

typedef struct {
  GstHysacScorer head;
  GstHysacScorer *real;
  Queue *queue;
} Watched;

typedef struct {
  Queue *queue;
  guint ticket;
  GDestroyNotify release;
  GstHysacScoreFunc done;
  gpointer user_data;
} Call;

static void
call_release(gpointer user_data)
{
  Call *call = user_data;
  call->release(call->user_data);
}

static void
call_done(const GstHysacScore *score, const GError *error, gpointer user_data)
{
  Call *call = user_data;
  Queue *queue = call->queue;
  guint overtaken = 0;
  g_mutex_lock(&queue->lock);
  for (guint i = call->ticket + 1; i < queue->answered->len; i++)
    overtaken += g_array_index(queue->answered, gboolean, i);
  g_array_index(queue->answered, gboolean, call->ticket) = TRUE;
  queue->most_overtaken = MAX(queue->most_overtaken, overtaken);
  g_mutex_unlock(&queue->lock);
  call->done(score, error, call->user_data);
  g_free(call);
}

static gboolean
watched_submit(GstHysacScorer *scorer, const HysacFrame *frame, HysacReference *reference,
               const HysacReuse *reuse, GDestroyNotify release, GstHysacScoreFunc done,
               gpointer user_data, GError **error)
{
  Watched *self = (Watched *)scorer;
  const gboolean no = FALSE;
  Call *call = g_new(Call, 1);
  *call = (Call){self->queue, 0, release, done, user_data};
  g_mutex_lock(&self->queue->order);
  g_mutex_lock(&self->queue->lock);
  call->ticket = self->queue->answered->len;
  g_array_append_val(self->queue->answered, no);
  g_mutex_unlock(&self->queue->lock);
  const gboolean ok =
      self->real->klass->submit(self->real, frame, reference, reuse, call_release, call_done, call,
                                error);
  g_mutex_unlock(&self->queue->order);
  if (!ok)
    g_free(call);
  return ok;
}

static void
watched_stats(GstHysacScorer *scorer, GstStructure *stats)
{
  GstHysacScorer *real = ((Watched *)scorer)->real;
  real->klass->fill_stats(real, stats);
}

static void
watched_free(GstHysacScorer *scorer)
{
  Watched *self = (Watched *)scorer;
  self->real->klass->free(self->real);
  g_free(self->head.device);
  g_free(self->head.precision);
  g_free(self);
}

static const GstHysacScorerClass watched_class = {
    .submit = watched_submit, .fill_stats = watched_stats, .free = watched_free};

static GstHysacScorer *
watched_new(const char *model, const char *device, HysacPrecision precision,
            HysacProgressFunc progress, gpointer progress_data, gpointer user_data, GError **error)
{
  GstHysacScorer *real =
      gst_hysac_engine_scorer_new(model, device, precision, progress, progress_data, NULL, error);
  if (!real)
    return NULL;
  Watched *self = g_new0(Watched, 1);
  self->head = (GstHysacScorer){.klass = &watched_class,
                                .region = real->region,
                                .budget = real->budget,
                                .device = g_strdup(real->device),
                                .precision = g_strdup(real->precision)};
  self->real = real;
  self->queue = user_data;
  return &self->head;
}

/* ------------------------------------------------------------ streams */

typedef struct {
  guint number;
  Rig rig;
  double bound;
  double distances[FRAMES];
  GMutex *start; /* locked until all are there */
} Stream;

/* Blocks of grey and colour, others in each stream and picture. */
static GstBuffer *
picture(guint stream, guint frame)
{
  const gsize luma = RIG_WIDTH * RIG_HEIGHT, size = luma * 3 / 2;
  g_autoptr(GRand) rand = g_rand_new_with_seed(stream * PICTURES + frame % PICTURES);
  guint8 blocks[RIG_HEIGHT / 9 * RIG_WIDTH / 8];
  for (guint i = 0; i < G_N_ELEMENTS(blocks); i++)
    blocks[i] = (guint8)g_rand_int_range(rand, 16, 236);
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  for (guint i = 0; i < luma; i++)
    map.data[i] = blocks[i / RIG_WIDTH / 9 * (RIG_WIDTH / 8) + i % RIG_WIDTH / 8];
  for (gsize i = luma; i < size; i++)
    map.data[i] = blocks[i * 7 / 64 % G_N_ELEMENTS(blocks)];
  gst_buffer_unmap(buffer, &map);
  GST_BUFFER_PTS(buffer) = frame * RIG_FRAME;
  GST_BUFFER_DURATION(buffer) = RIG_FRAME;
  return buffer;
}

static void
stream_start(Stream *self, Queue *queue)
{
  rig_init_bare(&self->rig, FAKE_AT_ONCE);
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(self->rig.element), watched_new, queue);
  g_object_set(self->rig.element, "model", "demo", "sample-interval", (guint64)0, "action",
               GST_HYSAC_ACTION_BLANK, "bound", self->bound, "request-timeout", 600 * GST_SECOND,
               NULL);
  rig_play(&self->rig, FALSE);
}

static gpointer
stream_run(gpointer user_data)
{
  Stream *self = user_data;
  if (self->start) {
    g_mutex_lock(self->start);
    g_mutex_unlock(self->start);
  }
  for (guint i = 0; i < FRAMES; i++)
    gst_harness_push(self->rig.h, picture(self->number, i));
  gst_harness_push_event(self->rig.h, gst_event_new_eos());
  return NULL;
}

/* Waits for the end, and takes the distances from the frames. */
static void
stream_finish(Stream *self)
{
  /* A busy machine may take long. */
  g_mutex_lock(&self->rig.lock);
  const gint64 until = g_get_monotonic_time() + 120 * G_TIME_SPAN_SECOND;
  while (!self->rig.eos && g_cond_wait_until(&self->rig.cond, &self->rig.lock, until))
    ;
  g_mutex_unlock(&self->rig.lock);
  rig_wait_buffers(&self->rig, FRAMES);
  for (guint i = 0; i < FRAMES; i++) {
    GstBuffer *buffer = rig_buffer(&self->rig, i);
    const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
    assert_true(GST_BUFFER_PTS(buffer) == i * RIG_FRAME);
    assert_true(gst_hysac_meta_get_distance(meta, &self->distances[i]));
    assert_string_equal(rig_origin(buffer), "scored");
    const gboolean unsafe = self->distances[i] > self->bound;
    assert_string_equal(rig_verdict(buffer), unsafe ? "unsafe" : "safe");
    if (unsafe)
      assert_int_equal(rig_looks(buffer), LOOKS_BLANK);
  }
}

static int
by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void
sixteen_streams(void **state)
{
  Queue queue = {.answered = g_array_new(FALSE, FALSE, sizeof(gboolean))};
  g_autofree Stream *alone = g_new0(Stream, STREAMS), *together = g_new0(Stream, STREAMS);
  double all[STREAMS * PICTURES];

  /* One after the other: what each is to see. */
  for (guint i = 0; i < STREAMS; i++) {
    alone[i].number = i;
    alone[i].bound = 1000.0;
    stream_start(&alone[i], &queue);
    stream_run(&alone[i]);
    stream_finish(&alone[i]);
    rig_clear(&alone[i].rig);
    memcpy(all + i * PICTURES, alone[i].distances, PICTURES * sizeof *all);
  }
  qsort(all, G_N_ELEMENTS(all), sizeof *all, by_value);
  const double bound = all[G_N_ELEMENTS(all) / 2];
  assert_true(all[0] < bound && bound < all[G_N_ELEMENTS(all) - 1]);
  g_array_set_size(queue.answered, 0);
  queue.most_overtaken = 0;

  /* All at once; the bound has unsafe ones on one side, safe ones on the other. */
  GMutex start;
  GThread *threads[STREAMS];
  g_mutex_init(&start);
  g_mutex_lock(&start);
  for (guint i = 0; i < STREAMS; i++) {
    together[i].number = i;
    together[i].bound = bound;
    together[i].start = &start;
    stream_start(&together[i], &queue);
    threads[i] = g_thread_new("stream", stream_run, &together[i]);
  }
  assert_int_equal(hysac_engine_count(), 1);
  g_mutex_unlock(&start);
  for (guint i = 0; i < STREAMS; i++)
    g_thread_join(threads[i]);
  for (guint i = 0; i < STREAMS; i++)
    stream_finish(&together[i]);

  for (guint i = 0; i < STREAMS; i++) {
    assert_memory_equal(together[i].distances, alone[i].distances, sizeof alone[i].distances);
    assert_int_equal(rig_stat(&together[i].rig, "requests"), FRAMES);
    assert_int_equal(rig_stat(&together[i].rig, "failed"), 0);
    /* The same figures, since it is the same engine. */
    assert_true(rig_stat(&together[i].rig, "engine-requests") >= STREAMS * FRAMES);
  }
  assert_int_equal(queue.answered->len, STREAMS * FRAMES);
  if (queue.most_overtaken > MAX_OVERTAKEN)
    fail_msg("a request was answered after %u later ones", queue.most_overtaken);
  g_autoptr(GstStructure) stats = NULL;
  double batch = 0.0;
  g_object_get(together[0].rig.element, "stats", &stats, NULL);
  gst_structure_get_double(stats, "engine-mean-batch", &batch);
  print_message("# %u requests, %.2f a batch, at most %u later ones answered before one\n",
                queue.answered->len, batch, queue.most_overtaken);
  for (guint i = 0; i < STREAMS; i++) {
    assert_int_equal(hysac_engine_count(), 1);
    rig_clear(&together[i].rig);
  }
  assert_int_equal(hysac_engine_count(), 0);
  g_array_unref(queue.answered);
  g_mutex_clear(&start);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(sixteen_streams)};
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
