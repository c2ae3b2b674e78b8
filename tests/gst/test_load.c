/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A gate over many frames (HYSAC_LOAD_FRAMES; tests/full.sh: an hour at 30 a second): it holds no more
 * than it says, and nothing grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FPS 30
#define FRAME_BYTES (RIG_WIDTH * RIG_HEIGHT * 3 / 2)
#define CAPS                                                                                       \
  "video/x-raw,format=I420,width=64,height=36,framerate=30/1,colorimetry=bt601,"                   \
  "pixel-aspect-ratio=1/1,interlace-mode=progressive"
/* A byte a frame kept for ever is 0.1 MB an hour; allocators need some room of their own. */
#define MAX_GROWTH (6 * 1024 * 1024)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNT_MEMORY 0 /* what was freed is kept to be watched */
#else
#define COUNT_MEMORY 1
#endif

typedef struct {
  Rig rig;
  GRand *rand;
  gint alive; /* atomic: frames whose memory somebody holds */
  gint peak;
  gint out; /* atomic */
  guint8 code;
  guint burst; /* frames until another code */
} Load;

static guint
n_frames(void)
{
  const char *text = g_getenv("HYSAC_LOAD_FRAMES");
  return text ? (guint)g_ascii_strtoull(text, NULL, 10) : 180 * FPS;
}

static gsize
resident(void)
{
  unsigned long size, pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%lu %lu", &size, &pages), 2);
  fclose(file);
  return pages * (gsize)sysconf(_SC_PAGESIZE);
}

typedef struct {
  gint *alive;
  guint8 pixels[FRAME_BYTES];
} Picture;

static void
picture_free(gpointer data)
{
  Picture *picture = data;
  g_atomic_int_add(picture->alive, -1);
  g_free(picture);
}

/* Bursts of safe and unsafe frames, each a shot of its own at times. */
static GstBuffer *
next_frame(Load *self)
{
  const guint32 n = self->rig.next++;
  if (self->burst-- == 0) {
    self->burst = (guint)g_rand_int_range(self->rand, 1, 90);
    self->code = g_rand_int_range(self->rand, 0, 4) == 0 ? FAKE_UNSAFE : FAKE_SAFE;
    if (g_rand_boolean(self->rand))
      self->rig.shade = (guint8)g_rand_int_range(self->rand, 20, 230);
  }
  Picture *picture = g_new(Picture, 1);
  picture->alive = &self->alive;
  memset(picture->pixels, self->rig.shade, FRAME_BYTES);
  picture->pixels[0] = self->code;
  for (guint i = 0; i < 3; i++)
    picture->pixels[1 + i] = (guint8)(n >> (8 * i));
  const gint alive = g_atomic_int_add(&self->alive, 1) + 1;
  self->peak = MAX(self->peak, alive);
  GstBuffer *buffer = gst_buffer_new_wrapped_full(0, picture->pixels, FRAME_BYTES, 0, FRAME_BYTES,
                                                  picture, picture_free);
  GST_BUFFER_PTS(buffer) = gst_util_uint64_scale_int(n, GST_SECOND, FPS);
  GST_BUFFER_DURATION(buffer) = GST_SECOND / FPS;
  return buffer;
}

static GstPadProbeReturn
count(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  g_atomic_int_inc(&((Load *)user_data)->out);
  return GST_PAD_PROBE_OK;
}

/* @properties are set on the element already. */
static void
run(Load *self)
{
  Rig *rig = &self->rig;
  const guint n = n_frames(), warm = MAX(n / 10, 1);
  gsize before = 0;
  self->rand = g_rand_new_with_seed(rig_seed());
  rig->h = gst_harness_new_with_element(rig->element, "sink", "src");
  gst_harness_set_drop_buffers(rig->h, TRUE);
  g_autoptr(GstPad) src = gst_element_get_static_pad(rig->element, "src");
  gst_pad_add_probe(src, GST_PAD_PROBE_TYPE_BUFFER, count, self, NULL);
  gst_harness_set_src_caps_str(rig->h, CAPS);
  for (guint i = 0; i < n; i++) {
    assert_int_equal(gst_harness_push(rig->h, next_frame(self)), GST_FLOW_OK);
    if (i % 500 == 0) {
      assert_true(rig_stat(rig, "held-bytes") <= rig_stat(rig, "hold-limit") * FRAME_BYTES);
      GstMessage *message;
      while ((message = gst_bus_pop(rig->bus)))
        gst_message_unref(message);
      while (gst_harness_events_in_queue(rig->h) > 0)
        gst_event_unref(gst_harness_pull_event(rig->h));
    }
    if (i == warm)
      before = resident();
  }
  assert_true(gst_harness_push_event(rig->h, gst_event_new_eos()));
  const gint64 until = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
  while ((guint)g_atomic_int_get(&self->out) < n && g_get_monotonic_time() < until)
    g_thread_yield();
  assert_int_equal(g_atomic_int_get(&self->out), n);
  const gsize after = resident();
  const guint limit = (guint)rig_stat(rig, "hold-limit");
  assert_true(rig_stat(rig, "hold-peak") <= limit);
  /* One more in upstream's hands, and one in downstream's. */
  if (self->peak > (gint)limit + 2)
    fail_msg("%d frames in memory, the hold is limited to %u", self->peak, limit);
  if (COUNT_MEMORY && after > before + MAX_GROWTH)
    fail_msg("%zu kB after %u frames, %zu kB after %u", before / 1024, warm, after / 1024, n);
  print_message("# %u frames, at most %d in memory, limit %u, %zu kB after %u frames, then %zu kB\n", n,
                self->peak, limit, before / 1024, warm, after / 1024);
  rig_clear(rig);
  assert_int_equal(self->alive, 0);
  g_rand_free(self->rand);
}

static void
every_frame_a_sample(void **state)
{
  Load load = {0};
  rig_init_bare(&load.rig, FAKE_THREAD);
  g_object_set(load.rig.element, "model", "fake", "action", GST_HYSAC_ACTION_BLUR, "sample-interval",
               (guint64)0, NULL);
  run(&load);
}

static void
with_a_long_hold(void **state)
{
  Load load = {0};
  rig_init_bare(&load.rig, FAKE_THREAD);
  g_object_set(load.rig.element, "model", "fake", "action", GST_HYSAC_ACTION_BLANK, "sample-interval",
               200 * GST_MSECOND, "confirm-k", 2, "confirm-n", 3, "pre-roll", GST_SECOND, "post-roll",
               GST_SECOND, "min-duration", 2 * GST_SECOND, NULL);
  run(&load);
}

/* The user's limits are kept as well. */
static void
with_limits(void **state)
{
  Load load = {0};
  rig_init_bare(&load.rig, FAKE_THREAD);
  g_object_set(load.rig.element, "model", "fake", "action", GST_HYSAC_ACTION_PIXELATE, "sample-interval",
               100 * GST_MSECOND, "max-size-bytes", (guint64)10 * FRAME_BYTES, "max-size-buffers", 12, NULL);
  run(&load);
  assert_true(load.peak <= 12);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_frame_a_sample),
      cmocka_unit_test(with_a_long_hold),
      cmocka_unit_test(with_limits),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
