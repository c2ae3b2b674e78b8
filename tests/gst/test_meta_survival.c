/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What docs/metadata.md says of the elements that keep the verdict: its table is read, each of its
 * chains is run behind the element, and what comes out is held against its words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "gst/gsthysacmeta.h"
#include "gst/gsthysacprivate.h"
#include "tests/gst/fakescorer.h"

#ifdef HYSAC_HAVE_ANALYTICS
#include <gst/analytics/analytics.h>
#endif

#define HEADING "## What keeps it"
#define FRAME (40 * GST_MSECOND)
#define SOURCE                                                                                     \
  "videotestsrc pattern=black num-buffers=20 ! "                                                   \
  "video/x-raw,format=I420,width=64,height=48,framerate=25/1,interlace-mode=progressive ! "        \
  "hysacmoderate name=moderate model=fake action=tag sample-interval=0 ! "

/* What an issue of this project asks about; the table may tell more. */
static const char *const expected[] = {
    "videoconvert", "videoscale", "videocrop",  "videorate",   "deinterlace", "compositor",
    "x264enc",      "vp8enc",     "openh264enc", "jpegenc",    "avdec_h264",  "vp8dec",
    "jpegdec",      "rtph264pay", "mpegtsmux",  "openh264dec",
};

typedef struct {
  char *chain;
  char *words[3]; /* GstHysacMeta on 1.22, on 1.26, GstAnalytics on 1.26 */
} Row;

typedef struct {
  GMutex lock;
  guint buffers, carrying, wrong, classified;
} Seen;

static char *
strip_code(const char *cell)
{
  g_autofree char *text = g_strstrip(g_strdup(cell));
  const gsize length = strlen(text);
  return length > 2 && text[0] == '`' && text[length - 1] == '`' ? g_strndup(text + 1, length - 2)
                                                                 : NULL;
}

static void
row_free(gpointer data)
{
  Row *row = data;
  g_free(row->chain);
  for (guint i = 0; i < G_N_ELEMENTS(row->words); i++)
    g_free(row->words[i]);
  g_free(row);
}

/* Rows of four cells whose first is code, below the heading. */
static GPtrArray *
read_table(void)
{
  g_autofree char *path =
      g_build_filename(g_getenv("HYSAC_SRCDIR"), "docs", "metadata.md", NULL);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  GPtrArray *rows = g_ptr_array_new_with_free_func(row_free);
  if (!g_file_get_contents(path, &text, NULL, &error))
    g_error("%s", error->message);
  const char *section = strstr(text, HEADING);
  if (!section)
    g_error("%s: no %s", path, HEADING);
  g_auto(GStrv) lines = g_strsplit(section, "\n", -1);
  for (char **line = lines; *line; line++) {
    g_auto(GStrv) cells = g_strsplit(*line, "|", -1);
    if (g_strv_length(cells) != 6)
      continue;
    g_autofree char *chain = strip_code(cells[1]);
    if (!chain)
      continue;
    Row *row = g_new0(Row, 1);
    row->chain = g_steal_pointer(&chain);
    for (guint i = 0; i < G_N_ELEMENTS(row->words); i++)
      row->words[i] = g_strdup(g_strstrip(cells[2 + i]));
    g_ptr_array_add(rows, row);
  }
  return rows;
}

static GPtrArray *
elements_of(const Row *row)
{
  GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
  g_auto(GStrv) parts = g_strsplit(row->chain, "!", -1);
  for (char **part = parts; *part; part++) {
    g_auto(GStrv) words = g_strsplit(g_strstrip(*part), " ", 2);
    if (!strchr(words[0], '/')) /* caps */
      g_ptr_array_add(names, g_strdup(words[0]));
  }
  return names;
}

static gboolean
all_there(const Row *row)
{
  g_autoptr(GPtrArray) names = elements_of(row);
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index(names, i);
    g_autoptr(GstElementFactory) factory = gst_element_factory_find(name);
    if (!factory) {
      print_message("# no %s here: %s is not tried\n", name, row->chain);
      return FALSE;
    }
  }
  return TRUE;
}

/* Behind a videorate a frame may tell of its neighbour; no further off. What a muxer makes of times
 * is not looked at. */
static gboolean
tells_of(GstPad *pad, GstBuffer *buffer, const GstStructure *meta)
{
  g_autoptr(GstEvent) event = gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0);
  const GstSegment *segment;
  gint64 sample;
  gst_event_parse_segment(event, &segment);
  if (segment->format != GST_FORMAT_TIME)
    return gst_hysac_meta_is_safe(meta);
  const GstClockTime running =
      gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  return gst_hysac_meta_is_safe(meta) && gst_hysac_meta_get_sample_time(meta, &sample) &&
         GST_CLOCK_TIME_IS_VALID(running) && ABS(sample - (gint64)running) <= (gint64)FRAME;
}

static gboolean
is_classified(GstBuffer *buffer)
{
#ifdef HYSAC_HAVE_ANALYTICS
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
  GstAnalyticsMtd mtd;
  gpointer state = NULL;
  while (meta && gst_analytics_relation_meta_iterate(
                     meta, &state, gst_analytics_cls_mtd_get_mtd_type(), &mtd))
    if (gst_analytics_cls_mtd_get_quark(&mtd, 0) == g_quark_from_static_string("safe"))
      return TRUE;
#endif
  return FALSE;
}

static gboolean
look_at(GstBuffer **buffer, guint index, gpointer user_data)
{
  gpointer *both = user_data;
  GstPad *pad = both[0];
  Seen *seen = both[1];
  const GstStructure *meta = gst_buffer_get_hysac_meta(*buffer);
  g_mutex_lock(&seen->lock);
  seen->buffers++;
  seen->carrying += meta != NULL;
  seen->wrong += meta && !tells_of(pad, *buffer, meta);
  seen->classified += is_classified(*buffer);
  g_mutex_unlock(&seen->lock);
  return TRUE;
}

static GstPadProbeReturn
look(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  gpointer both[] = {pad, user_data};
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
    gst_buffer_list_foreach(GST_PAD_PROBE_INFO_BUFFER_LIST(info), look_at, both);
  } else {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    look_at(&buffer, 0, both);
  }
  return GST_PAD_PROBE_OK;
}

static void
run(const Row *row, Seen *seen)
{
  g_autofree char *text = g_strconcat(SOURCE, row->chain, " ! fakesink name=out sync=false", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(GstElement) pipeline =
      gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (!pipeline)
    fail_msg("%s: %s", row->chain, error->message);
  Fake fake;
  fake_init(&fake, FAKE_AT_ONCE);
  g_autoptr(GstElement) moderate = gst_bin_get_by_name(GST_BIN(pipeline), "moderate");
  gst_hysac_moderate_set_scorer_factory(GST_HYSAC_MODERATE(moderate), fake_scorer_new, &fake);
  g_autoptr(GstElement) out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  g_autoptr(GstPad) pad = gst_element_get_static_pad(out, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, look, seen,
                    NULL);

  g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  g_autoptr(GstMessage) message =
      gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  if (!message)
    fail_msg("%s: hangs", row->chain);
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    g_autofree char *debug = NULL;
    gst_message_parse_error(message, &error, &debug);
    fail_msg("%s: %s (%s)", row->chain, error->message, debug);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  fake_clear(&fake);
}

static const char *
word(guint n, guint of)
{
  return n == 0 ? "lost" : n == of ? "kept" : "some";
}

static void
row_holds(void **state)
{
  const Row *row = *state;
  if (!all_there(row))
    skip();
  Seen seen = {0};
  g_mutex_init(&seen.lock);
  run(row, &seen);
  g_mutex_clear(&seen.lock);
  assert_true(seen.buffers > 0);
  const char *custom = word(seen.carrying, seen.buffers);
  print_message("# %s: %s (%u of %u), GstAnalytics %s\n", row->chain, custom, seen.carrying,
                seen.buffers, word(seen.classified, seen.buffers));
  assert_int_equal(seen.wrong, 0);
  guint major, minor, micro, nano;
  gst_version(&major, &minor, &micro, &nano);
  if (minor != 22 && minor != 26)
    return; /* of which the table says nothing */
  assert_string_equal(custom, row->words[minor == 26]);
#ifdef HYSAC_HAVE_ANALYTICS
  assert_string_equal(word(seen.classified, seen.buffers), row->words[2]);
#endif
}

static void
table_is_whole(void **state)
{
  GPtrArray *rows = *state;
  g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < rows->len; i++) {
    const Row *row = g_ptr_array_index(rows, i);
    g_autoptr(GPtrArray) names = elements_of(row);
    for (guint n = 0; n < names->len; n++)
      g_hash_table_add(named, g_strdup(g_ptr_array_index(names, n)));
    for (guint n = 0; n < G_N_ELEMENTS(row->words); n++)
      if (!g_strv_contains((const char *const[]){"kept", "lost", "some", "-", NULL}, row->words[n]))
        fail_msg("%s: \"%s\"", row->chain, row->words[n]);
  }
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
    if (!g_hash_table_contains(named, expected[i]))
      fail_msg("the table does not tell of %s", expected[i]);
}

int
main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  GST_ELEMENT_REGISTER(hysacmoderate, NULL);
  g_autoptr(GPtrArray) rows = read_table();
  g_autofree struct CMUnitTest *tests = g_new0(struct CMUnitTest, rows->len + 1);
  tests[0] = (struct CMUnitTest)cmocka_unit_test_prestate(table_is_whole, rows);
  for (guint i = 0; i < rows->len; i++) {
    Row *row = g_ptr_array_index(rows, i);
    tests[i + 1] = (struct CMUnitTest)cmocka_unit_test_prestate(row_holds, row);
    tests[i + 1].name = row->chain;
  }
  const int failed = _cmocka_run_group_tests("survival", tests, rows->len + 1, NULL, NULL);
  g_clear_pointer(&rows, g_ptr_array_unref);
  gst_deinit();
  return failed;
}
