/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory that is not the system's: taken in monitor mode with action=tag, mapped for samples only,
 * and never redacted: what may not pass is dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacprivate.h"
#include "tests/gst/rig.h"

#define FRAME_BYTES (RIG_WIDTH * RIG_HEIGHT * 3 / 2)
#define DMABUF_CAPS                                                                                \
  "video/x-raw(memory:DMABuf),format=I420,width=64,height=36,framerate=25/1,"                      \
  "colorimetry=bt601,pixel-aspect-ratio=1/1,interlace-mode=progressive"

/* An allocator that counts mappings and can refuse them. */
typedef struct {
  GstAllocator parent;
} FarAllocator;
typedef struct {
  GstAllocatorClass parent;
} FarAllocatorClass;

static GType far_allocator_get_type(void);
G_DEFINE_TYPE(FarAllocator, far_allocator, GST_TYPE_ALLOCATOR)

typedef struct {
  GstMemory parent;
  guint8 data[FRAME_BYTES];
} FarMemory;

static gint maps;
static gboolean refuse;
static GMutex *locked; /* the thread that maps may not hold it */

static gpointer
far_map(GstMemory *memory, gsize size, GstMapFlags flags)
{
  g_atomic_int_inc(&maps);
  if (locked) {
    const gint64 until = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    while (!g_mutex_trylock(locked)) { /* another thread's turn, for a moment */
      if (g_get_monotonic_time() > until)
        fail_msg("mapped under the element's lock");
      g_thread_yield();
    }
    g_mutex_unlock(locked);
  }
  return g_atomic_int_get(&refuse) ? NULL : ((FarMemory *)memory)->data;
}

static void
far_unmap(GstMemory *memory)
{
}

static void
far_free(GstAllocator *allocator, GstMemory *memory)
{
  g_free(memory);
}

static void
far_allocator_class_init(FarAllocatorClass *klass)
{
  klass->parent.free = far_free;
}

static void
far_allocator_init(FarAllocator *self)
{
  GstAllocator *allocator = GST_ALLOCATOR(self);
  allocator->mem_type = "far";
  allocator->mem_map = far_map;
  allocator->mem_unmap = far_unmap;
  GST_OBJECT_FLAG_SET(self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

static GstAllocator *far;

static GstBuffer *
far_frame(Rig *rig, guint8 code)
{
  GstBuffer *buffer = rig_frame(rig, code);
  FarMemory *memory = g_new0(FarMemory, 1);
  gst_memory_init(GST_MEMORY_CAST(memory), 0, far, NULL, FRAME_BYTES, 0, 0, FRAME_BYTES);
  gst_buffer_extract(buffer, 0, memory->data, FRAME_BYTES);
  gst_buffer_replace_all_memory(buffer, GST_MEMORY_CAST(memory));
  return buffer;
}

/* A frame may go before its own sample is answered, the first one without any verdict. */
static void
start(Rig *rig, GstHysacOnFailure on_failure)
{
  maps = 0;
  refuse = FALSE;
  rig_init(rig, FAKE_AT_ONCE, FALSE, "mode", GST_HYSAC_MODE_MONITOR, "action",
           GST_HYSAC_ACTION_TAG, "sample-interval", 10 * RIG_FRAME, "on-failure", on_failure,
           "max-age", GST_SECOND * 3600, NULL);
  locked = &GST_HYSAC_MODERATE(rig->element)->lock;
  gst_harness_set_src_caps_str(rig->h, DMABUF_CAPS);
}

static void
finish(Rig *rig)
{
  locked = NULL;
  rig_clear(rig);
}

static gboolean
offered(GstPad *peer, const char *text)
{
  g_autoptr(GstCaps) caps = gst_caps_from_string(text);
  g_autoptr(GstCaps) allowed = gst_pad_peer_query_caps(peer, caps);
  const gboolean accepted = gst_pad_peer_query_accept_caps(peer, caps);
  assert_true(accepted == !gst_caps_is_empty(allowed));
  return accepted;
}

/* What the pads offer follows mode and action, before and while it plays. */
static void
caps_follow_the_settings(void **state)
{
  static const char *const far_caps[] = {
      DMABUF_CAPS,
      "video/x-raw(memory:GLMemory),format=RGBA,width=64,height=36,framerate=25/1",
      "video/x-raw(memory:VASurface),format=NV12,width=64,height=36,framerate=25/1",
      "video/x-raw(memory:VAMemory,format:Interlaced),format=NV12,width=64,height=36,"
      "framerate=25/1,interlace-mode=alternate",
      "video/x-raw(meta:GstVideoOverlayComposition),format=I420,width=64,height=36,"
      "framerate=25/1"};
  static const char *const near_caps[] = {
      RIG_CAPS, "video/x-raw(memory:SystemMemory),format=P010_10LE,width=64,height=36,framerate=25/1",
      "video/x-raw(format:Interlaced),format=I420,width=64,height=36,framerate=25/1,"
      "interlace-mode=alternate"};
  for (GstHysacMode mode = GST_HYSAC_MODE_GATE; mode <= GST_HYSAC_MODE_MONITOR; mode++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, "mode", mode, NULL);
    for (GstHysacAction action = GST_HYSAC_ACTION_TAG; action <= GST_HYSAC_ACTION_DROP; action++) {
      const gboolean expected =
          mode == GST_HYSAC_MODE_MONITOR && action == GST_HYSAC_ACTION_TAG;
      g_object_set(rig.element, "action", action, NULL);
      for (guint i = 0; i < G_N_ELEMENTS(far_caps); i++) {
        assert_true(offered(rig.h->srcpad, far_caps[i]) == expected);
        if (!expected) /* else it is what the harness has fixed */
          assert_false(offered(rig.h->sinkpad, far_caps[i]));
      }
      for (guint i = 0; i < G_N_ELEMENTS(near_caps); i++)
        assert_true(offered(rig.h->srcpad, near_caps[i]));
    }
    rig_clear(&rig);
  }
}

/* Each frame goes on in the memory it came in; one in ten is looked at, without the element's lock. */
static void
passes_and_maps_samples_only(void **state)
{
  Rig rig;
  start(&rig, GST_HYSAC_ON_FAILURE_PASS);
  for (guint i = 0; i < 40; i++) {
    GstBuffer *frame = far_frame(&rig, i < 20 ? FAKE_SAFE : FAKE_UNSAFE);
    GstMemory *memory = gst_buffer_peek_memory(frame, 0);
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
    rig_wait_buffers(&rig, i + 1);
    GstBuffer *out = rig_buffer(&rig, i);
    assert_ptr_equal(gst_buffer_peek_memory(out, 0), memory);
    if (i % 10 > 0)
      assert_string_equal(rig_verdict(out), i < 20 ? "safe" : "unsafe");
    assert_int_equal(g_atomic_int_get(&maps), i / 10 + 1);
  }
  assert_int_equal(rig_stat(&rig, "samples"), 4);
  finish(&rig);
}

/* The first frames of a scorer that takes its time, and frames that cannot be mapped, have failed:
 * dropped, or tagged where on-failure=pass says so. Each is tried until one can be read. */
static void
failures_are_dropped(void **state)
{
  static const GstHysacOnFailure how[] = {GST_HYSAC_ON_FAILURE_REDACT, GST_HYSAC_ON_FAILURE_PASS};
  for (guint i = 0; i < G_N_ELEMENTS(how); i++) {
    Rig rig;
    start(&rig, how[i]);
    g_atomic_int_set(&refuse, TRUE);
    for (guint n = 0; n < 5; n++)
      gst_harness_push(rig.h, far_frame(&rig, FAKE_SAFE));
    gst_harness_push_event(rig.h, gst_event_new_tag(gst_tag_list_new_empty()));
    rig_wait_event(&rig, GST_EVENT_TAG); /* all before it has gone */
    assert_true(g_atomic_int_get(&maps) >= 5); /* GStreamer tries to copy what it cannot map */
    assert_int_equal(rig_n_buffers(&rig), i == 0 ? 0 : 5);
    assert_int_equal(rig_stat(&rig, "dropped"), i == 0 ? 5 : 0);
    assert_int_equal(rig_stat(&rig, "failed"), 5);
    g_atomic_int_set(&refuse, FALSE);
    for (guint n = 0; n < 2; n++)
      gst_harness_push(rig.h, far_frame(&rig, FAKE_SAFE));
    rig_wait_buffers(&rig, i == 0 ? 1 : 7);
    assert_string_equal(rig_verdict(rig_buffer(&rig, i == 0 ? 0 : 6)), "safe");
    finish(&rig);
  }
}

/* The action changes while such caps flow: nothing unsafe gets out, upstream is asked for other caps,
 * and such caps are refused from then on. */
static void
live_change_does_not_leak(void **state)
{
  g_autoptr(GstCaps) far_caps = gst_caps_from_string(DMABUF_CAPS);
  for (GstHysacAction action = GST_HYSAC_ACTION_BLUR; action <= GST_HYSAC_ACTION_DROP; action++) {
    Rig rig;
    start(&rig, GST_HYSAC_ON_FAILURE_PASS);
    for (guint n = 0; n < 2; n++)
      gst_harness_push(rig.h, far_frame(&rig, FAKE_UNSAFE));
    rig_wait_buffers(&rig, 2);
    assert_string_equal(rig_verdict(rig_buffer(&rig, 1)), "unsafe");
    g_autoptr(GstEvent) event = NULL;
    while ((event = gst_harness_try_pull_upstream_event(rig.h)))
      g_clear_pointer(&event, gst_event_unref);

    g_object_set(rig.element, "action", action, NULL);
    event = gst_harness_try_pull_upstream_event(rig.h);
    assert_non_null(event);
    assert_int_equal(GST_EVENT_TYPE(event), GST_EVENT_RECONFIGURE);
    for (guint n = 0; n < 12; n++)
      gst_harness_push(rig.h, far_frame(&rig, FAKE_UNSAFE));
    gst_harness_push_event(rig.h, gst_event_new_tag(gst_tag_list_new_empty()));
    rig_wait_event(&rig, GST_EVENT_TAG);
    assert_int_equal(rig_n_buffers(&rig), 2);
    assert_int_equal(rig_stat(&rig, "dropped"), 12);

    /* In system memory it goes on, redacted. */
    gst_harness_set_src_caps_str(rig.h, RIG_CAPS);
    gst_harness_push(rig.h, rig_frame(&rig, FAKE_UNSAFE));
    if (action != GST_HYSAC_ACTION_DROP) {
      rig_wait_buffers(&rig, 3);
      assert_int_not_equal(rig_looks(rig_buffer(&rig, 2)), LOOKS_ORIGINAL);
    }
    const guint n = rig_n_buffers(&rig);
    gst_harness_push_event(rig.h, gst_event_new_caps(far_caps));
    assert_int_equal(gst_harness_push(rig.h, far_frame(&rig, FAKE_SAFE)), GST_FLOW_NOT_NEGOTIATED);
    assert_int_equal(rig_n_buffers(&rig), n);
    finish(&rig);
  }
}

/* Upstream that does not ask is refused, and nothing passes. */
static void
gate_refuses(void **state)
{
  Rig rig;
  maps = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, "action", GST_HYSAC_ACTION_TAG, NULL);
  gst_harness_push(rig.h, rig_frame(&rig, FAKE_SAFE)); /* stream-start, caps and segment */
  rig_wait_buffers(&rig, 1);
  g_autoptr(GstCaps) caps = gst_caps_from_string(DMABUF_CAPS);
  gst_harness_push_event(rig.h, gst_event_new_caps(caps));
  assert_int_equal(gst_harness_push(rig.h, far_frame(&rig, FAKE_SAFE)), GST_FLOW_NOT_NEGOTIATED);
  assert_int_equal(rig_n_buffers(&rig), 1);
  assert_int_equal(maps, 0);
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(caps_follow_the_settings), cmocka_unit_test(passes_and_maps_samples_only),
      cmocka_unit_test(failures_are_dropped),     cmocka_unit_test(live_change_does_not_leak),
      cmocka_unit_test(gate_refuses),
  };
  gst_init(NULL, NULL);
  far = gst_object_ref_sink(g_object_new(far_allocator_get_type(), NULL));
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  gst_object_unref(far);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
