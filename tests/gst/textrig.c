/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/gst/textrig.h"

#include <math.h>
#include <string.h>

#include "gst/gsthysacmeta.h"

typedef struct {
  GstHysacTextBackend head;
  TextFake *fake;
  gboolean failed, slow;
} FakeBackend;

static gboolean
has_word(const char *text, const char *word)
{
  const gsize n = strlen(word);
  for (const char *p = text; (p = strstr(p, word)); p += n)
    if ((p == text || !g_ascii_isalpha(p[-1])) && !g_ascii_isalpha(p[n]))
      return TRUE;
  return FALSE;
}

/* The text's distance; @each hears of its windows. */
static double
score_windows(const char *text, guint index, GstHysacTextWindowFunc each, gpointer user_data)
{
  g_auto(GStrv) windows = g_strsplit(text, "|", -1);
  double farthest = 0.0;
  for (guint i = 0; windows[i]; i++) {
    const double distance = has_word(windows[i], "bad") ? 2.0 : has_word(windows[i], "nan") ? (double)NAN : 0.25;
    const float x = has_word(windows[i], "knife") ? 0.4f : has_word(windows[i], "nanpoint") ? NAN : (float)distance;
    const float *told = has_word(windows[i], "nopoint") ? NULL : &x;
    const GstHysacScore score = {.point = told, .feature = told};
    farthest = distance <= farthest ? farthest : distance;
    if (each && !has_word(text, "untold"))
      each(index, &score, user_data);
  }
  return farthest;
}

static gboolean
fake_embed(GstHysacTextBackend *backend, const char *const *texts, guint n, double *distances,
           GstHysacTextWindowFunc each, gpointer user_data, GError **error)
{
  FakeBackend *self = (FakeBackend *)backend;
  TextFake *fake = self->fake;
  gboolean ok = TRUE;
  if (self->slow)
    g_usleep(15000 * n);
  g_mutex_lock(&fake->lock);
  for (guint i = 0; ok && i < n; i++) {
    g_ptr_array_add(fake->seen, g_strdup(texts[i]));
    distances[i] = score_windows(texts[i], i, each, user_data);
    if (has_word(texts[i], "hang")) {
      fake->hanging = TRUE;
      g_cond_broadcast(&fake->cond);
      while (!fake->released)
        g_cond_wait(&fake->cond, &fake->lock);
      fake->hanging = FALSE;
    } else if (has_word(texts[i], "die")) {
      self->failed = fake->dead = TRUE;
      g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST, "the device is gone");
      ok = FALSE;
    } else if (has_word(texts[i], "oom")) {
      g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_OUT_OF_MEMORY, "no memory");
      ok = FALSE;
    }
  }
  g_mutex_unlock(&fake->lock);
  return ok;
}

static gboolean
fake_has_failed(GstHysacTextBackend *backend)
{
  return ((FakeBackend *)backend)->failed;
}

static gboolean
fake_reopen(GstHysacTextBackend *backend, GError **error)
{
  FakeBackend *self = (FakeBackend *)backend;
  g_mutex_lock(&self->fake->lock);
  self->failed = self->fake->dead;
  self->fake->opened += !self->failed;
  g_mutex_unlock(&self->fake->lock);
  if (self->failed)
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_NO_DEVICE, "still gone");
  return !self->failed;
}

static void
fake_free(GstHysacTextBackend *backend)
{
  TextFake *fake = ((FakeBackend *)backend)->fake;
  g_free(backend->device);
  g_free(backend->precision);
  g_free(backend);
  g_mutex_lock(&fake->lock);
  fake->alive--;
  g_cond_broadcast(&fake->cond);
  g_mutex_unlock(&fake->lock);
}

static HysacConcepts *
fake_encode(gpointer encoder, HysacConcepts *concepts, GError **error)
{
  g_autofree float *points = g_new(float, hysac_concepts_get_n_prompts(concepts) + 1);
  for (guint i = 0; i < hysac_concepts_get_n_prompts(concepts); i++)
    points[i] = 0.4f;
  return hysac_concepts_with_points(concepts, points, 1, "5e1f", "fp32", error);
}

static const GstHysacTextBackendClass fake_class = {fake_embed, fake_has_failed, fake_reopen, fake_free};

static GstHysacTextBackend *
fake_new(const char *model, const char *device, HysacPrecision precision, HysacProgressFunc progress,
         gpointer progress_data, gpointer user_data, GError **error)
{
  TextFake *fake = user_data;
  if (fake->refuse_start || strcmp(model, "broken") == 0) {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "no such model");
    return NULL;
  }
  g_mutex_lock(&fake->lock);
  fake->starting = fake->hang_at_start && !fake->released;
  g_cond_broadcast(&fake->cond);
  fake->alive++; /* from now on it uses the rig */
  while (fake->hang_at_start && !fake->released)
    g_cond_wait(&fake->cond, &fake->lock);
  fake->starting = FALSE;
  g_mutex_unlock(&fake->lock);
  progress(1, 1, "ready", progress_data);
  FakeBackend *self = g_new0(FakeBackend, 1);
  const double bound = strcmp(model, "other") == 0 ? 3.0 : strcmp(model, "strict") == 0 ? 1.5 : 1.0;
  self->slow = strcmp(model, "slow") == 0;
  self->head = (GstHysacTextBackend){.klass = &fake_class,
                                     .region = {.bound = bound, .scale = 0.1, .precision = HYSAC_PRECISION_FP32},
                                     .device = g_strdup("fake"),
                                     .precision = g_strdup("fp32")};
  self->head.beside = (GstHysacBeside){.weights_sha256 = "5e1f",
                                       .concepts = fake->concepts,
                                       .head = fake->head,
                                       .no_head = "text-head.safetensors",
                                       .dimension = 1,
                                       .curvature = 1.0,
                                       .encode_concepts = fake->encodes ? fake_encode : NULL};
  self->fake = fake;
  return &self->head;
}

static gint elements; /* that live */

static void
gone(gpointer data, GObject *element)
{
  g_atomic_int_add(&elements, -1);
}

void
text_rig_deinit(void)
{
  while (g_atomic_int_get(&elements) > 0)
    g_usleep(1000);
  gst_deinit(); /* GST_TRACERS=leaks reports here */
}

void
text_rig_bare(TextRig *rig)
{
  *rig = (TextRig){0};
  gst_init(NULL, NULL);
  g_mutex_init(&rig->fake.lock);
  g_cond_init(&rig->fake.cond);
  rig->fake.seen = g_ptr_array_new_with_free_func(g_free);
  rig->element = gst_object_ref_sink(g_object_new(GST_TYPE_HYSAC_TEXT, "model", "fake", NULL));
  g_atomic_int_inc(&elements);
  g_object_weak_ref(G_OBJECT(rig->element), gone, NULL);
  rig->bus = gst_bus_new();
  gst_element_set_bus(rig->element, rig->bus);
  gst_hysac_text_set_backend_factory(GST_HYSAC_TEXT(rig->element), fake_new, &rig->fake);
}

void
text_rig_format(TextRig *rig, const char *format)
{
  gst_harness_set_src_caps(rig->h, gst_caps_new_simple("text/x-raw", "format", G_TYPE_STRING, format, NULL));
}

void
text_rig_init(TextRig *rig, const char *format, const char *property, ...)
{
  va_list list;
  text_rig_bare(rig);
  va_start(list, property);
  if (property)
    g_object_set_valist(G_OBJECT(rig->element), property, list);
  va_end(list);
  rig->h = gst_harness_new_with_element(rig->element, "sink", "src");
  gst_harness_set_live(rig->h, FALSE);
  if (format)
    text_rig_format(rig, format);
}

void
text_rig_clear(TextRig *rig)
{
  text_rig_release(rig);
  if (rig->h)
    gst_harness_teardown(rig->h);
  gst_element_set_state(rig->element, GST_STATE_NULL);
  gst_element_set_bus(rig->element, NULL);
  g_mutex_lock(&rig->fake.lock);
  while (rig->fake.alive > 0)
    g_cond_wait(&rig->fake.cond, &rig->fake.lock);
  g_mutex_unlock(&rig->fake.lock);
  gst_object_unref(rig->element);
  gst_object_unref(rig->bus);
  g_ptr_array_unref(rig->fake.seen);
  g_mutex_clear(&rig->fake.lock);
  g_cond_clear(&rig->fake.cond);
}

GstBuffer *
text_rig_buffer(const char *text, gssize size, guint64 ms)
{
  const gsize n = size < 0 ? strlen(text) : (gsize)size;
  GstBuffer *buffer = n > 0 ? gst_buffer_new_memdup(text, n) : gst_buffer_new();
  GST_BUFFER_PTS(buffer) = ms * GST_MSECOND;
  GST_BUFFER_DURATION(buffer) = 100 * GST_MSECOND;
  return buffer;
}

GstFlowReturn
text_rig_push(TextRig *rig, const char *text, guint64 ms)
{
  return gst_harness_push(rig->h, text_rig_buffer(text, -1, ms));
}

GstBuffer *
text_rig_through(TextRig *rig, GstBuffer *buffer)
{
  assert_int_equal(gst_harness_push(rig->h, buffer), GST_FLOW_OK);
  return gst_harness_try_pull(rig->h);
}

char *
text_rig_text(GstBuffer *buffer)
{
  if (!buffer)
    return NULL;
  const gsize size = gst_buffer_get_size(buffer);
  char *text = g_malloc0(size + 1);
  gst_buffer_extract(buffer, 0, text, size);
  gst_buffer_unref(buffer);
  return text;
}

void
text_rig_expect(TextRig *rig, const char *in, guint64 ms, const char *out)
{
  g_autofree char *text = text_rig_text(text_rig_through(rig, text_rig_buffer(in, -1, ms)));
  if (out)
    assert_string_equal(text, out);
  else
    assert_null(text);
}

const char *
text_rig_reason(GstBuffer *buffer)
{
  const GstStructure *meta = gst_buffer_get_hysac_meta(buffer);
  assert_non_null(meta);
  return gst_hysac_meta_get_reason(meta);
}

void
text_rig_wait_hanging(TextRig *rig)
{
  g_mutex_lock(&rig->fake.lock);
  while (!rig->fake.hanging)
    g_cond_wait(&rig->fake.cond, &rig->fake.lock);
  g_mutex_unlock(&rig->fake.lock);
}

void
text_rig_release(TextRig *rig)
{
  g_mutex_lock(&rig->fake.lock);
  rig->fake.released = TRUE;
  rig->fake.dead = FALSE;
  g_cond_broadcast(&rig->fake.cond);
  g_mutex_unlock(&rig->fake.lock);
}

guint64
text_rig_stat(TextRig *rig, const char *name)
{
  GstStructure *stats;
  guint64 value = 0;
  g_object_get(rig->element, "stats", &stats, NULL);
  assert_true(gst_structure_get_uint64(stats, name, &value));
  gst_structure_free(stats);
  return value;
}

gboolean
text_rig_saw(TextRig *rig, const char *text)
{
  g_mutex_lock(&rig->fake.lock);
  const gboolean found = g_ptr_array_find_with_equal_func(rig->fake.seen, text, g_str_equal, NULL);
  g_mutex_unlock(&rig->fake.lock);
  return found;
}

GstMessage *
text_rig_message(TextRig *rig, GstMessageType type, const char *name)
{
  GstMessage *message;
  while ((message = gst_bus_timed_pop_filtered(rig->bus, 10 * GST_SECOND, type))) {
    if (!name || gst_message_has_name(message, name))
      return message;
    gst_message_unref(message);
  }
  return NULL;
}
