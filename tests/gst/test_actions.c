/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes out in a frame's place, by action: it holds nothing of the frame, it is what the table of
 * docs/element.md says, and it does not flicker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "gst/redact.h"
#include "gst/still.h"
#include "tests/gst/rigtext.h"

#define FULL "sample-interval", (guint64)0

static char *slate; /* a file */

/* A frame of noise but for the first four bytes. */
static GstBuffer *
noisy(Rig *rig, guint8 fake)
{
  GstBuffer *frame = rig_frame(rig, fake);
  GstMapInfo map;
  gst_buffer_map(frame, &map, GST_MAP_WRITE);
  for (gsize i = 4; i < map.size; i++)
    map.data[i] = (guint8)g_rand_int(rig_rand);
  gst_buffer_unmap(frame, &map);
  return frame;
}

/* All memory of both, also beyond the size that the buffer shows. */
static gboolean
identical(GstBuffer *a, GstBuffer *b)
{
  GstMapInfo x, y;
  gst_buffer_map(a, &x, GST_MAP_READ);
  gst_buffer_map(b, &y, GST_MAP_READ);
  const gboolean same =
      x.size == y.size && x.maxsize == y.maxsize && memcmp(x.data, y.data, x.maxsize) == 0;
  gst_buffer_unmap(a, &x);
  gst_buffer_unmap(b, &y);
  return same;
}

/* ------------------------------------------------------------ nothing of the frame */

static GArray *
formats(void)
{
  GArray *all = g_array_new(FALSE, FALSE, sizeof(GstVideoFormat));
  g_autoptr(GstCaps) caps =
      gst_caps_from_string("video/x-raw, format = (string) " GST_HYSAC_VIDEO_FORMATS);
  const GValue *list = gst_structure_get_value(gst_caps_get_structure(caps, 0), "format");
  for (guint i = 0; i < gst_value_list_get_size(list); i++) {
    const GstVideoFormat format =
        gst_video_format_from_string(g_value_get_string(gst_value_list_get_value(list, i)));
    g_array_append_val(all, format);
  }
  return all;
}

/* The same random picture each time it is asked for, in rows with @padding random bytes behind them and
 * between the planes. */
static GstBuffer *
random_frame(const GstVideoInfo *info, guint seed, gsize padding)
{
  gsize offsets[GST_VIDEO_MAX_PLANES] = {0};
  gint strides[GST_VIDEO_MAX_PLANES] = {0};
  gsize size = padding;
  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES(info); p++) {
    strides[p] = GST_VIDEO_INFO_PLANE_STRIDE(info, p) + (gint)padding;
    offsets[p] = size;
    size += (gsize)strides[p] * (gsize)(GST_VIDEO_INFO_HEIGHT(info) + 2) + padding;
  }
  GstBuffer *buffer = gst_buffer_new_allocate(NULL, size, NULL);
  GstMapInfo map;
  gst_buffer_map(buffer, &map, GST_MAP_WRITE);
  for (gsize i = 0; i < map.size; i++)
    map.data[i] = (guint8)g_rand_int(rig_rand);
  gst_buffer_unmap(buffer, &map);
  gst_buffer_add_video_meta_full(buffer, 0, GST_VIDEO_INFO_FORMAT(info),
                                 (guint)GST_VIDEO_INFO_WIDTH(info),
                                 (guint)GST_VIDEO_INFO_HEIGHT(info), GST_VIDEO_INFO_N_PLANES(info),
                                 offsets, strides);
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  GstVideoFrame frame;
  assert_true(gst_video_frame_map(&frame, info, buffer, GST_MAP_WRITE));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&frame); c++) {
    const guint bytes = GST_VIDEO_FRAME_COMP_DEPTH(&frame, c) > 8 ? 2 : 1;
    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&frame, c); y++)
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&frame, c); x++) {
        guint8 *p = GST_VIDEO_FRAME_COMP_DATA(&frame, c);
        p += (gssize)y * GST_VIDEO_FRAME_COMP_STRIDE(&frame, c) +
             (gssize)x * GST_VIDEO_FRAME_COMP_PSTRIDE(&frame, c);
        /* GStreamer 1.22 has V of P010 in U's other half. */
        p += GST_VIDEO_FRAME_COMP_POFFSET(&frame, c) % bytes;
        for (guint b = 0; b < bytes; b++)
          p[b] = (guint8)g_rand_int(rand);
      }
  }
  gst_video_frame_unmap(&frame);
  GST_BUFFER_PTS(buffer) = 77;
  gst_buffer_add_video_region_of_interest_meta(buffer, "face", 1, 2, 3, 4);
  return buffer;
}

/* Slate, blank and freeze are byte for byte the same for two frames, padding and what the allocator gave
 * beyond included; and a frozen frame is the safe one's pixels, whatever its padding held. */
static void
stills_hold_no_input_bit(void **state)
{
  static const guint sizes[][2] = {{64, 36}, {1, 1}, {3, 5}, {15, 8}, {17, 10}, {101, 67}};
  g_autoptr(GArray) all = formats();
  g_autoptr(GstHysacSlate) picture = gst_hysac_slate_load(slate, NULL);
  assert_non_null(picture);
  for (guint f = 0; f < all->len; f++)
    for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
      GstVideoInfo info;
      gst_video_info_set_format(&info, g_array_index(all, GstVideoFormat, f), sizes[s][0],
                                sizes[s][1]);
      g_autoptr(GstBuffer) a = random_frame(&info, 1, 16), b = random_frame(&info, 2, 0);
      GstHysacFreeze freeze = {0}, other = {0};
      g_autoptr(GstBuffer) safe = random_frame(&info, 3, 0), padded = random_frame(&info, 3, 24);
      gst_hysac_freeze_keep(&freeze, &info, safe);
      gst_hysac_freeze_keep(&other, &info, padded);
      /* Not where a byte between the samples is none's: RGBx, and the last of odd rows in YUY2. */
      gint bits = 0;
      for (guint c = 0; c < GST_VIDEO_INFO_N_COMPONENTS(&info); c++)
        bits += GST_VIDEO_INFO_N_PLANES(&info) == 1 ? GST_VIDEO_INFO_COMP_DEPTH(&info, c) : 0;
      const gboolean packed_yuv = GST_VIDEO_INFO_IS_YUV(&info) && bits > 0;
      if (packed_yuv ? sizes[s][0] % 2 == 0
                     : bits == 0 || bits == 8 * GST_VIDEO_INFO_COMP_PSTRIDE(&info, 0))
        assert_true(identical(freeze.safe, other.safe));
      GstBuffer *stills[] = {gst_hysac_slate_draw(picture, &info, 0xff102030),
                             gst_hysac_slate_draw(NULL, &info, 0xff102030),
                             gst_buffer_ref(freeze.safe)};
      for (guint k = 0; k < G_N_ELEMENTS(stills); k++) {
        assert_non_null(stills[k]);
        g_autoptr(GstBuffer) x = gst_hysac_redact_still(stills[k], a);
        g_autoptr(GstBuffer) y = gst_hysac_redact_still(stills[k], b);
        assert_true(identical(x, y));
        assert_int_equal(gst_buffer_get_size(x), GST_VIDEO_INFO_SIZE(&info));
        assert_int_equal(GST_BUFFER_PTS(x), 77);
        assert_null(gst_buffer_get_video_region_of_interest_meta(x));
        gst_buffer_unref(stills[k]);
      }
      GstVideoFrame in, out;
      assert_true(gst_video_frame_map(&in, &info, safe, GST_MAP_READ));
      assert_true(gst_video_frame_map(&out, &info, freeze.safe, GST_MAP_READ));
      for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS(&in); c++)
        for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT(&in, c); y++)
          for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH(&in, c); x++) {
            const guint8 *p = GST_VIDEO_FRAME_COMP_DATA(&in, c),
                         *q = GST_VIDEO_FRAME_COMP_DATA(&out, c);
            const gssize at = (gssize)x * GST_VIDEO_FRAME_COMP_PSTRIDE(&in, c);
            assert_int_equal(p[(gssize)y * GST_VIDEO_FRAME_COMP_STRIDE(&in, c) + at],
                             q[(gssize)y * GST_VIDEO_FRAME_COMP_STRIDE(&out, c) + at]);
          }
      gst_video_frame_unmap(&in);
      gst_video_frame_unmap(&out);
      gst_hysac_freeze_reset(&freeze);
      gst_hysac_freeze_reset(&other);
    }
}

/* The same through the element: the frames are noise, the same safe one comes before. */
static void
element_hides_everything(void **state)
{
  static const GstHysacAction actions[] = {GST_HYSAC_ACTION_SLATE, GST_HYSAC_ACTION_BLANK,
                                           GST_HYSAC_ACTION_FREEZE};
  for (guint a = 0; a < G_N_ELEMENTS(actions); a++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", actions[a], "slate", slate, "blank-color",
             0x00205090u, NULL);
    rig_push_text(&rig, "s");
    for (guint i = 0; i < 3; i++)
      gst_harness_push(rig.h, noisy(&rig, FAKE_UNSAFE));
    GstBuffer *cut = noisy(&rig, FAKE_UNSAFE); /* it cannot be mapped */
    gst_buffer_resize(cut, 0, 100);
    gst_harness_push(rig.h, cut);
    rig_finish(&rig);
    const char letter = "SBF"[a];
    const char unmapped = actions[a] == GST_HYSAC_ACTION_FREEZE ? 'B' : letter; /* it failed */
    const char expected[] = {'.', letter, letter, letter, unmapped, '\0'};
    rig_assert_done(&rig, expected);
    assert_true(identical(rig_buffer(&rig, 1), rig_buffer(&rig, 2)));
    assert_true(identical(rig_buffer(&rig, 1), rig_buffer(&rig, 3)));
    if (unmapped == letter)
      assert_true(identical(rig_buffer(&rig, 1), rig_buffer(&rig, 4)));
    if (actions[a] == GST_HYSAC_ACTION_FREEZE)
      assert_true(rig_same_pixels(rig_buffer(&rig, 0), rig_buffer(&rig, 1)));
    rig_clear(&rig);
  }
}

/* ------------------------------------------------------------ the tables */

typedef struct {
  GstHysacAction action;
  char unsafe, failed; /* by done(); 0 for none, a gap */
} Row;

static const Row rows[] = {
    {GST_HYSAC_ACTION_TAG, 't', 'B'},      {GST_HYSAC_ACTION_BLUR, 'b', 'B'},
    {GST_HYSAC_ACTION_PIXELATE, 'p', 'B'}, {GST_HYSAC_ACTION_BLANK, 'B', 'B'},
    {GST_HYSAC_ACTION_SLATE, 'S', 'S'},    {GST_HYSAC_ACTION_FREEZE, 'F', 'B'},
    {GST_HYSAC_ACTION_DROP, 0, 0},
};

/* Every action on what is unsafe, and on every kind of failure under each on-failure. Seconds lie
 * between, so that nothing is held on. */
static void
actions_and_failures(void **state)
{
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
    for (const char *kind = "enr"; *kind; kind++)
      for (guint pass = 0; pass < 2; pass++) {
        const Row *row = &rows[r];
        Rig rig;
        rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", row->action, "slate", slate,
                 "on-failure", pass ? GST_HYSAC_ON_FAILURE_PASS : GST_HYSAC_ON_FAILURE_REDACT,
                 NULL);
        const char text[] = {'s', 'u', 's', *kind, 's', '\0'};
        for (guint i = 0; i < 5; i++, rig.next += 100)
          rig_push(&rig, rig_code(text[i]));
        rig_finish(&rig);
        g_autoptr(GString) expected = g_string_new(".");
        if (row->unsafe)
          g_string_append_c(expected, row->unsafe);
        g_string_append_c(expected, '.');
        if (pass || row->failed)
          g_string_append_c(expected, pass ? '.' : row->failed);
        g_string_append_c(expected, '.');
        rig_assert_done(&rig, expected->str);
        assert_int_equal(rig_stat(&rig, "failed"), 1);
        const gboolean drop = row->action == GST_HYSAC_ACTION_DROP;
        assert_int_equal(rig_stat(&rig, "dropped"), drop ? 2 - pass : 0);
        for (guint i = 0; i < rig_n_buffers(&rig); i++)
          if (expected->str[i] == 'B' || expected->str[i] == 'S')
            assert_int_equal(rig_looks(rig_buffer(&rig, i)),
                             expected->str[i] == 'B' ? LOOKS_BLANK : LOOKS_OTHER);
        rig_clear(&rig);
      }
}

/* A failure inside an interval is treated as one outside: nothing of a frame that nobody has looked at is
 * shown, however long that lasts. on-failure=pass leaves it to the interval's action. */
static void
failures_inside_an_interval(void **state)
{
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
    for (guint pass = 0; pass < 2; pass++) {
      const Row *row = &rows[r];
      Rig rig;
      rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", row->action, "slate", slate, "on-failure",
               pass ? GST_HYSAC_ON_FAILURE_PASS : GST_HYSAC_ON_FAILURE_REDACT, NULL);
      rig_push_text(&rig, "sueeee");
      rig_finish(&rig);
      const char in = pass ? row->unsafe : row->failed;
      const char expected[] = {'.', row->unsafe, in, in, in, in, '\0'};
      rig_assert_done(&rig, expected);
      assert_int_equal(rig_stat(&rig, "failed"), 4);
      for (guint i = 2; i < rig_n_buffers(&rig); i++)
        assert_string_equal(rig_verdict(rig_buffer(&rig, i)), "failed");
      rig_clear(&rig);
    }
}

/* Gaps of the frames' times, DISCONT on what follows, in every kind of failure and in a flicker hold. */
static void
drop_in_full(void **state)
{
  static const char *const texts[] = {"suus", "sees", "snns", "srrs", "sues", "suss"};
  for (guint t = 0; t < G_N_ELEMENTS(texts); t++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
    rig_push_text(&rig, texts[t]);
    rig_finish(&rig);
    GstClockTime next = 0;
    gboolean after_gap = FALSE;
    for (guint i = 0; i < rig.out->len; i++) {
      GstClockTime time, duration;
      gpointer object = rig.out->pdata[i];
      if (GST_IS_BUFFER(object)) {
        assert_int_equal(texts[t][next / RIG_FRAME], 's');
        assert_int_equal(GST_BUFFER_PTS(object), next);
        assert_int_equal(GST_BUFFER_FLAG_IS_SET(object, GST_BUFFER_FLAG_DISCONT), after_gap);
        assert_int_equal(rig_looks(object), LOOKS_ORIGINAL);
        after_gap = FALSE;
      } else if (GST_EVENT_TYPE(object) == GST_EVENT_GAP) {
        gst_event_parse_gap(object, &time, &duration);
        assert_int_not_equal(texts[t][next / RIG_FRAME], 's');
        assert_int_equal(time, next);
        assert_int_equal(duration, RIG_FRAME);
        after_gap = TRUE;
      } else {
        continue;
      }
      next += RIG_FRAME;
    }
    assert_int_equal(next, 4 * RIG_FRAME);
    rig_clear(&rig);
  }
}

/* Frames without a PTS leave gaps too, where their running time lies in the segment. */
static void
drop_without_timestamps(void **state)
{
  static const GstClockTime expected[] = {0, RIG_FRAME, 2 * RIG_FRAME, 10 * GST_SECOND,
                                          10 * GST_SECOND + RIG_FRAME};
  Rig rig;
  guint n = 0;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
    if (i == 3) {
      GstSegment segment;
      gst_segment_init(&segment, GST_FORMAT_TIME);
      segment.start = segment.time = segment.position = 10 * GST_SECOND;
      segment.base = 3 * RIG_FRAME;
      gst_harness_push_event(rig.h, gst_event_new_segment(&segment));
    }
    GstBuffer *frame = rig_frame(&rig, FAKE_UNSAFE);
    GST_BUFFER_PTS(frame) = GST_CLOCK_TIME_NONE;
    assert_int_equal(gst_harness_push(rig.h, frame), GST_FLOW_OK);
  }
  rig_finish(&rig);
  for (guint i = 0; i < rig.out->len; i++) {
    GstClockTime time, duration;
    if (!GST_IS_EVENT(rig.out->pdata[i]) || GST_EVENT_TYPE(rig.out->pdata[i]) != GST_EVENT_GAP)
      continue;
    gst_event_parse_gap(rig.out->pdata[i], &time, &duration);
    assert_in_range(n, 0, G_N_ELEMENTS(expected) - 1);
    assert_int_equal(time, expected[n++]);
    assert_int_equal(duration, RIG_FRAME);
  }
  assert_int_equal(n, G_N_ELEMENTS(expected));
  rig_clear(&rig);
}

static gboolean
ignore_gaps(GstPad *pad, GstObject *parent, GstEvent *event)
{
  const gboolean taken = GST_EVENT_TYPE(event) != GST_EVENT_GAP;
  gst_event_unref(event);
  return taken;
}

static GstFlowReturn
drop_until_it_stops(Rig *rig)
{
  GstFlowReturn flow = GST_FLOW_OK;
  for (guint i = 0; i < 10000 && flow == GST_FLOW_OK; i++) {
    flow = rig_push(rig, FAKE_UNSAFE);
    g_usleep(1000);
  }
  return flow;
}

/* Where everything is dropped it is seen all the same that nobody is there any more; but one who does
 * nothing with gaps is. */
static void
drop_sees_downstream(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_text(&rig, "s");
  rig_wait_buffers(&rig, 1);
  gst_pad_set_event_function(rig.h->sinkpad, ignore_gaps);
  rig_push_text(&rig, "uuuuus");
  rig_wait_buffers(&rig, 2);
  rig_finish(&rig);
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_text(&rig, "s");
  rig_wait_buffers(&rig, 1);
  assert_true(gst_pad_send_event(rig.h->sinkpad, gst_event_new_eos()));
  assert_int_equal(drop_until_it_stops(&rig), GST_FLOW_EOS);
  rig_clear(&rig);

  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_DROP, NULL);
  rig_push_text(&rig, "s");
  rig_wait_buffers(&rig, 1);
  g_autoptr(GstPad) src = gst_element_get_static_pad(rig.element, "src");
  assert_true(gst_pad_unlink(src, rig.h->sinkpad));
  assert_int_equal(drop_until_it_stops(&rig), GST_FLOW_NOT_LINKED);
  rig_clear(&rig);
}

/* Another colour takes effect with the next frame; its alpha is not used. */
static void
blank_has_its_color(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "blank-color", 0x00ffffffu, NULL);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 1);
  g_object_set(rig.element, "blank-color", 0xff0000ffu, NULL);
  rig_push_text(&rig, "u");
  rig_wait_buffers(&rig, 2);
  g_object_set(rig.element, "blank-color", 0u, NULL);
  rig_push_text(&rig, "u");
  rig_finish(&rig);
  static const guint8 expected[3][3] = {{235, 128, 128}, {41, 240, 110}, {16, 128, 128}};
  for (guint i = 0; i < 3; i++) {
    guint8 yuv[3];
    gst_buffer_extract(rig_buffer(&rig, i), 0, &yuv[0], 1);
    gst_buffer_extract(rig_buffer(&rig, i), RIG_WIDTH * RIG_HEIGHT, &yuv[1], 1);
    gst_buffer_extract(rig_buffer(&rig, i), RIG_WIDTH * RIG_HEIGHT * 5 / 4, &yuv[2], 1);
    for (guint c = 0; c < 3; c++)
      assert_in_range(yuv[c], expected[i][c] - 1, expected[i][c] + 1);
  }
  assert_int_equal(rig_looks(rig_buffer(&rig, 2)), LOOKS_BLANK);
  rig_clear(&rig);
}

/* ------------------------------------------------------------ flicker */

/* Random verdicts and failures at every frame: at most three times in any second does redaction begin or
 * end on screen, and at most three times does it change between the action's picture and blank. */
static void
flicker_of_all_actions(void **state)
{
  for (guint r = 0; r < G_N_ELEMENTS(rows); r++)
    for (guint pass = 0; pass < 2; pass++) {
      const guint n = 400;
      const double rate = g_rand_double_range(rig_rand, 0.1, 0.9);
      g_autofree char *codes = g_malloc0(n + 1);
      Rig rig;
      rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", rows[r].action, "slate", slate,
               "on-failure", pass ? GST_HYSAC_ON_FAILURE_PASS : GST_HYSAC_ON_FAILURE_REDACT, NULL);
      char last = 's';
      for (guint i = 0; i < n; i++) {
        if (g_rand_double(rig_rand) < rate)
          last = "suen"[g_rand_int_range(rig_rand, 0, 4)];
        codes[i] = last;
      }
      rig_push_text(&rig, codes);
      rig_finish(&rig);

      g_autofree char *text = rig_done(&rig);
      g_autofree char *screen = g_malloc(n); /* a letter a frame time */
      memset(screen, '-', n);
      for (guint i = 0; i < rig_n_buffers(&rig); i++)
        screen[rig_number(rig_buffer(&rig, i))] = text[i];
      guint toggles = 0, changes = 0;
      for (guint i = 1; i < n; i++) {
        guint begins = 0, looks = 0;
        for (guint j = i; j < MIN(i + 25, n); j++) {
          const gboolean clear = strchr(".t", screen[j]) != NULL;
          const gboolean was_clear = strchr(".t", screen[j - 1]) != NULL;
          begins += clear != was_clear;
          looks += !clear && !was_clear && screen[j] != screen[j - 1];
        }
        if (begins > 3 || looks > 3)
          fail_msg("action %u: %u toggles, %u changes in the second from %u: %.25s (%.25s)",
                   rows[r].action, begins, looks, i, screen + i, codes + i);
        toggles = MAX(toggles, begins);
        changes = MAX(changes, looks);
        /* Redaction is never late. */
        if (rows[r].action != GST_HYSAC_ACTION_TAG && codes[i] == 'u')
          assert_null(strchr(".t", screen[i]));
        if (!pass && (codes[i] == 'e' || codes[i] == 'n'))
          assert_null(strchr(".t", screen[i]));
      }
      rig_clear(&rig);
    }
}

/* Unsafe and failed by turns, without an interval between them to join: the worst that there is. */
static void
failures_and_verdicts_by_turns(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_BLUR, NULL);
  for (guint i = 0; i < 100; i++)
    rig_push_text(&rig, i % 4 == 0 ? "u" : i % 4 == 2 ? "e" : "s");
  rig_finish(&rig);
  g_autofree char *text = rig_done(&rig);
  guint changes = 0;
  for (guint i = 1; i < 100; i++)
    changes += text[i] != text[i - 1];
  assert_true(changes <= 4 * 6); /* three toggles and three changes a second */
  assert_true(strchr(text, 'B') && strchr(text, 'b'));
  rig_clear(&rig);
}

/* ------------------------------------------------------------ settings */

static void
start_fails(Rig *rig, const char *words)
{
  assert_int_equal(gst_element_set_state(rig->element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  GstMessage *message = rig_message(rig, GST_MESSAGE_ERROR, NULL);
  g_autoptr(GError) error = NULL;
  g_autofree char *debug = NULL;
  gst_message_parse_error(message, &error, &debug);
  gst_message_unref(message);
  if (!strstr(debug, "slate") || !strstr(debug, words))
    fail_msg("\"%s\" does not name the property, or say: %s", debug, words);
  assert_null(rig_message_now(rig, GST_MESSAGE_ERROR, NULL));
  gst_element_set_state(rig->element, GST_STATE_READY);
}

/* A slate that cannot be used is one error at start, whatever the action; the element can be used
 * then. */
static void
slates_are_checked_at_start(void **state)
{
  Rig rig;
  rig_init_bare(&rig, FAKE_AT_ONCE);
  g_autofree char *text = g_build_filename(g_getenv("HYSAC_SRCDIR"), "README.md", NULL);
  g_object_set(rig.element, "model", "fake", FULL, "action", GST_HYSAC_ACTION_SLATE, NULL);
  start_fails(&rig, "set the property");
  g_object_set(rig.element, "slate", "", NULL);
  start_fails(&rig, "set the property");
  g_object_set(rig.element, "slate", "/missing/slate.png", "action", GST_HYSAC_ACTION_BLUR, NULL);
  start_fails(&rig, "/missing/slate.png");
  g_object_set(rig.element, "slate", text, NULL);
  start_fails(&rig, "neither PNG nor JPEG");
  g_object_set(rig.element, "slate", slate, "action", GST_HYSAC_ACTION_SLATE, NULL);
  rig_play(&rig, FALSE);
  rig_push_text(&rig, "su");
  rig_finish(&rig);
  rig_assert_done(&rig, ".S");
  rig_clear(&rig);
}

/* To slate while it plays: with a picture at once, without one a warning, and blank. */
static void
slate_while_it_plays(void **state)
{
  for (guint there = 0; there < 2; there++) {
    Rig rig;
    rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "slate", there ? slate : NULL, NULL);
    rig_push_text(&rig, "u");
    rig_wait_buffers(&rig, 1);
    g_object_set(rig.element, "action", GST_HYSAC_ACTION_SLATE, NULL);
    rig_push_text(&rig, "uu");
    rig_finish(&rig);
    rig_assert_done(&rig, there ? "BSS" : "BBB");
    GstMessage *message = rig_message_now(&rig, GST_MESSAGE_WARNING, NULL);
    assert_int_equal(!message, there);
    g_clear_pointer(&message, gst_message_unref);
    assert_null(rig_message_now(&rig, GST_MESSAGE_WARNING, NULL));
    rig_clear(&rig);
  }
}

/* Drawn for each caps. */
static void
slate_follows_caps(void **state)
{
  Rig rig;
  rig_init(&rig, FAKE_AT_ONCE, FALSE, FULL, "action", GST_HYSAC_ACTION_SLATE, "slate", slate, NULL);
  rig_push_text(&rig, "u");
  gst_harness_set_src_caps_str(rig.h, "video/x-raw,format=RGB,width=80,height=40,framerate=25/1");
  GstBuffer *frame = gst_buffer_new_allocate(NULL, 80 * 40 * 3, NULL);
  gst_buffer_memset(frame, 0, FAKE_UNSAFE, 80 * 40 * 3);
  gst_harness_push(rig.h, frame);
  rig_finish(&rig);
  g_autoptr(GstHysacSlate) picture = gst_hysac_slate_load(slate, NULL);
  GstVideoInfo info;
  gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, 80, 40);
  g_autoptr(GstBuffer) expected = gst_hysac_slate_draw(picture, &info, 0);
  assert_true(rig_same_pixels(rig_buffer(&rig, 1), expected));
  rig_clear(&rig);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stills_hold_no_input_bit),
      cmocka_unit_test(element_hides_everything),
      cmocka_unit_test(actions_and_failures),
      cmocka_unit_test(failures_inside_an_interval),
      cmocka_unit_test(drop_in_full),
      cmocka_unit_test(drop_without_timestamps),
      cmocka_unit_test(drop_sees_downstream),
      cmocka_unit_test(blank_has_its_color),
      cmocka_unit_test(flicker_of_all_actions),
      cmocka_unit_test(failures_and_verdicts_by_turns),
      cmocka_unit_test(slates_are_checked_at_start),
      cmocka_unit_test(slate_while_it_plays),
      cmocka_unit_test(slate_follows_caps),
  };
  gst_init(NULL, NULL);
  g_autofree char *folder = g_dir_make_tmp("hysac-actions-XXXXXX", NULL);
  slate = g_build_filename(folder, "slate.png", NULL);
  GdkPixbuf *picture = gdk_pixbuf_new(GDK_COLORSPACE_RGB, FALSE, 8, 30, 20);
  gdk_pixbuf_fill(picture, 0xe0a010ff);
  gboolean ok = gdk_pixbuf_save(picture, slate, "png", NULL, NULL);
  g_object_unref(picture);
  const int failed = ok ? cmocka_run_group_tests(tests, rig_make_rand, rig_free_rand) : 1;
  g_unlink(slate);
  g_rmdir(folder);
  g_free(slate);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
  return failed;
}
