/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One text encoder for all who ask, from many threads at once, over texts short and very long, and models that it
 * cannot be made of. */

#include "../core/support.h"

#include "opencl/textencoder_private.h"
#include "synth.h"

#include <sys/resource.h>

#define DIM 48

static HysacModel *
load_model(const char *path)
{
  GError *error = NULL;
  HysacModel *model = hysac_model_load(path, &error);
  if (model == NULL)
    fail_msg("%s", error->message);
  return model;
}

static HysacModel *
small(void)
{
  g_autofree char *path = test_path("reference/small/model");
  return load_model(path);
}

static HysacTextEncoder *
get_encoder(HysacModel *model)
{
  GError *error = NULL;
  HysacTextEncoder *self = hysac_text_encoder_get(model, NULL, HYSAC_PRECISION_FP32, NULL, NULL, &error);
  if (self == NULL)
    fail_msg("%s", error->message);
  return self;
}

static guint progress_calls, progress_last;

static void
on_progress(guint done, guint total, const char *what, gpointer user_data)
{
  assert_non_null(what);
  assert_true(done <= total && done >= progress_last);
  progress_last = done;
  progress_calls++;
}

static void
test_shared(void **state)
{
  g_autoptr(HysacModel) one = small(), two = small();
  g_autofree char *other_path = test_path("reference/small-newpeft/model");
  g_autoptr(HysacModel) other = load_model(other_path);
  GError *error = NULL;
  assert_int_equal(hysac_text_encoder_count(), 0);
  HysacTextEncoder *a = hysac_text_encoder_get(one, NULL, HYSAC_PRECISION_AUTO, on_progress, NULL, &error);
  assert_non_null(a);
  assert_true(progress_calls >= 4);
  const guint calls = progress_calls;
  HysacTextEncoder *b = hysac_text_encoder_get(two, "0", HYSAC_PRECISION_FP32, on_progress, NULL, &error),
                   *c = get_encoder(other);
  assert_true(a == b && a != c);
  assert_int_equal(progress_calls, calls);
  assert_int_equal(hysac_text_encoder_count(), 2);
  assert_ptr_equal(hysac_text_encoder_get_model(a), one);
  assert_int_equal(hysac_text_encoder_get_precision(a), HYSAC_PRECISION_FP32);
  assert_int_equal(hysac_text_encoder_get_dim(a), DIM);
  assert_int_equal(hysac_tokenizer_size(hysac_text_encoder_get_tokenizer(a)), 745);
  assert_non_null(hysac_device_get_info(hysac_text_encoder_get_device(a)));
  assert_false(hysac_text_encoder_has_failed(a));
  hysac_text_encoder_unref(hysac_text_encoder_ref(a));
  hysac_text_encoder_unref(a);
  assert_int_equal(hysac_text_encoder_count(), 2);
  hysac_text_encoder_unref(b);
  hysac_text_encoder_unref(c);
  hysac_text_encoder_unref(NULL);
  assert_int_equal(hysac_text_encoder_count(), 0);
}

#define N_THREADS 6
#define ROUNDS 12

static const char *const some[] = { "a photo of a cat", "", "two people shaking hands in an office", "blood",
                                    "children playing football in the park", "a bouquet of flowers" };

typedef struct {
  HysacModel *model;
  HysacTextEmbedding want[G_N_ELEMENTS(some)];
  gint wrong; /* atomic */
} Shared;

static gpointer
embed_often(gpointer data)
{
  Shared *shared = data;
  g_autoptr(HysacTextEncoder) self = hysac_text_encoder_get(shared->model, NULL, HYSAC_PRECISION_AUTO, NULL, NULL,
                                                            NULL);
  for (guint i = 0; i < ROUNDS; i++) {
    const guint n = 1 + i % G_N_ELEMENTS(some);
    HysacTextEmbedding out[G_N_ELEMENTS(some)];
    gboolean right = self != NULL && hysac_text_encoder_embed_many(self, some, n, 0, out, NULL) == n;
    for (guint j = 0; right && j < n; j++) {
      right = memcmp(out[j].feature, shared->want[j].feature, DIM * sizeof(float)) == 0 &&
              out[j].distance == shared->want[j].distance;
      hysac_text_embedding_clear(&out[j]);
    }
    if (!right)
      g_atomic_int_inc(&shared->wrong);
  }
  return NULL;
}

/* Whatever they share a run with; and the first who ask make one encoder together. */
static void
test_threads(void **state)
{
  g_autoptr(HysacModel) model = small();
  Shared shared = { .model = model };
  GThread *threads[N_THREADS];
  HysacTextEncoder *self = get_encoder(model);
  for (guint i = 0; i < G_N_ELEMENTS(some); i++)
    assert_true(hysac_text_encoder_embed(self, some[i], -1, 0, &shared.want[i], NULL));
  hysac_text_encoder_unref(self);
  assert_int_equal(hysac_text_encoder_count(), 0);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new("embed", embed_often, &shared);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join(threads[i]);
  assert_int_equal(g_atomic_int_get(&shared.wrong), 0);
  assert_int_equal(hysac_text_encoder_count(), 0);
  for (guint i = 0; i < G_N_ELEMENTS(some); i++)
    hysac_text_embedding_clear(&shared.want[i]);
}

/* One bad text is not the others'. */
static void
test_bad_texts(void **state)
{
  g_autoptr(HysacModel) model = small();
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  const char *const texts[] = { "good", "\xc3(", "good too", "\xed\xa0\x80" };
  HysacTextEmbedding out[4], again;
  GError *errors[4], *error = NULL;
  assert_int_equal(hysac_text_encoder_embed_many(self, texts, 4, 0, out, errors), 2);
  for (guint i = 0; i < 4; i++) {
    assert_true((errors[i] == NULL) == (i % 2 == 0) && (out[i].feature != NULL) == (i % 2 == 0));
    if (i % 2 == 1)
      expect_error(&errors[i], HYSAC_ERROR_FORMAT, "not UTF-8 at byte 0");
    hysac_text_embedding_clear(&out[i]);
  }
  assert_int_equal(hysac_text_encoder_embed_many(self, texts, 4, 0, out, NULL), 2);
  for (guint i = 0; i < 4; i++)
    hysac_text_embedding_clear(&out[i]);
  assert_int_equal(hysac_text_encoder_embed_many(self, texts, 0, 0, NULL, NULL), 0);
  assert_false(hysac_text_encoder_embed(self, "a\0b", 3, 0, &again, &error));
  expect_error(&error, HYSAC_ERROR_FORMAT, "at byte 1");
  assert_null(again.feature);
  assert_false(hysac_text_encoder_embed(self, "", HYSAC_TOKENIZER_MAX_TEXT + 1, 0, &again, &error));
  expect_error(&error, HYSAC_ERROR_ARGUMENT, "at most");
  assert_false(hysac_text_encoder_has_failed(self));
  assert_true(hysac_text_encoder_embed(self, "good", -1, 0, &again, &error));
  hysac_text_embedding_clear(&again);
}

static gsize
peak_memory(void)
{
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (gsize) usage.ru_maxrss * 1024;
}

/* A megabyte that is some ten thousand windows, with a short text in its midst that need not wait for all. */
static gpointer
embed_long(gpointer data)
{
  HysacTextEncoder *self = data;
  g_autoptr(GString) text = g_string_new(NULL);
  HysacTextEmbedding *out = g_new0(HysacTextEmbedding, 1);
  while (text->len < 1000000)
    g_string_append(text, "cat ");
  if (!hysac_text_encoder_embed(self, text->str, (gssize) text->len, 0, out, NULL))
    hysac_text_embedding_clear(out);
  return out;
}

static void
test_megabyte(void **state)
{
  g_autoptr(HysacModel) model = small();
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  HysacTextEmbedding brief;
  assert_true(hysac_text_encoder_embed(self, "a dog", -1, 0, &brief, NULL)); /* and what that needs is there */
  hysac_text_embedding_clear(&brief);
  const gsize before = peak_memory();
  GThread *thread = g_thread_new("long", embed_long, self);
  for (guint i = 0; i < 20; i++) {
    assert_true(hysac_text_encoder_embed(self, "a dog", -1, 0, &brief, NULL));
    hysac_text_embedding_clear(&brief);
  }
  HysacTextEmbedding *out = g_thread_join(thread);
  const gsize grown = peak_memory() - before;
  print_message("# %zu tokens in %zu windows, %zu MiB more than before\n", out->tokens, out->windows, grown >> 20);
  assert_int_equal(out->tokens, 250002);
  assert_int_equal(out->windows, 1 + (250000 - 75 + 49) / 50);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which keep what was freed */
  assert_true(grown < 64 << 20);
#endif
  hysac_text_embedding_clear(out);
  g_free(out);
}

#define N_HEARD 3

/* What was said of each text's windows. */
typedef struct {
  guint windows[N_HEARD];
  double longest[N_HEARD];
  float feature[N_HEARD][DIM], point[N_HEARD][DIM]; /* of the longest */
  guint outside;
} Heard;

static void
on_window(guint text, const float *feature, const float *point, gpointer user_data)
{
  Heard *heard = user_data;
  double square = 0.0;
  if (text >= N_HEARD) {
    heard->outside++;
    return;
  }
  for (guint i = 0; i < DIM; i++)
    square += (double) feature[i] * (double) feature[i];
  if (heard->windows[text]++ > 0 && square <= heard->longest[text])
    return;
  heard->longest[text] = square;
  memcpy(heard->feature[text], feature, sizeof heard->feature[text]);
  memcpy(heard->point[text], point, sizeof heard->point[text]);
}

/* Every window is told, once; the one that counts is among them, to the bit. */
static void
test_windows(void **state)
{
  g_autoptr(HysacModel) model = small();
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  g_autoptr(GString) text = g_string_new(NULL);
  Heard heard = { 0 };
  HysacTextEmbedding out[N_HEARD];
  for (guint i = 0; i < 300; i++)
    g_string_append(text, i == 150 ? "blood and a photo of children " : "cat ");
  const char *const texts[N_HEARD] = { "a dog", text->str, "" };
  assert_int_equal(hysac_text_encoder_embed_windows(self, texts, N_HEARD, 0, on_window, &heard, out, NULL), N_HEARD);
  assert_true(out[1].windows > 5);
  for (guint i = 0; i < N_HEARD; i++) {
    assert_int_equal(heard.windows[i], out[i].windows);
    assert_memory_equal(heard.feature[i], out[i].feature, sizeof heard.feature[i]);
    assert_memory_equal(heard.point[i], out[i].point, sizeof heard.point[i]);
    hysac_text_embedding_clear(&out[i]);
  }
  assert_int_equal(heard.outside, 0);
}

/* A listener that is not done when the encoder fails. */
typedef struct {
  HysacTextEncoder *encoder;
  GMutex lock;
  GCond cond;
  gboolean called, failed;
  gint done;         /* atomic */
  gboolean was_done; /* when the call for the embedding returned */
} Slow;

static void
on_slow(guint text, const float *feature, const float *point, gpointer user_data)
{
  Slow *slow = user_data;
  g_mutex_lock(&slow->lock);
  slow->called = TRUE;
  g_cond_broadcast(&slow->cond);
  while (!slow->failed)
    g_cond_wait(&slow->cond, &slow->lock);
  g_mutex_unlock(&slow->lock);
  g_usleep(20000); /* in which who does not wait would return */
  g_atomic_int_set(&slow->done, 1);
}

static gpointer
embed_slowly(gpointer user_data)
{
  Slow *slow = user_data;
  const char *text = "a dog";
  HysacTextEmbedding out;
  const guint n = hysac_text_encoder_embed_windows(slow->encoder, &text, 1, 0, on_slow, slow, &out, NULL);
  slow->was_done = g_atomic_int_get(&slow->done);
  hysac_text_embedding_clear(&out);
  return GUINT_TO_POINTER(n);
}

/* Who gives up waits for the listener that is being told. */
static void
test_windows_given_up(void **state)
{
  g_autoptr(HysacModel) model = small();
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  g_autoptr(GError) error = g_error_new(HYSAC_ERROR, HYSAC_ERROR_DEVICE_LOST, "injected");
  Slow slow = { .encoder = self };
  g_mutex_init(&slow.lock);
  g_cond_init(&slow.cond);
  GThread *thread = g_thread_new("embed", embed_slowly, &slow);
  g_mutex_lock(&slow.lock);
  while (!slow.called)
    g_cond_wait(&slow.cond, &slow.lock);
  g_mutex_unlock(&slow.lock);
  hysac_text_encoder_fail(self, error);
  g_mutex_lock(&slow.lock);
  slow.failed = TRUE;
  g_cond_broadcast(&slow.cond);
  g_mutex_unlock(&slow.lock);
  g_thread_join(thread);
  assert_true(slow.was_done);
  g_mutex_clear(&slow.lock);
  g_cond_clear(&slow.cond);
}

typedef struct {
  guint calls;
  gsize done, windows;
} Seen;

/* Goes on until some windows of the megabyte are done. */
static gboolean
on_windows(gsize done, gsize windows, gpointer user_data)
{
  Seen *seen = user_data;
  assert_true(done >= seen->done && windows >= 10000);
  seen->calls++;
  seen->done = done;
  seen->windows = windows;
  return done < 40;
}

/* Between two runs a megabyte can be left; what is finished stays. */
static void
test_watched(void **state)
{
  g_autoptr(HysacModel) model = small();
  g_autoptr(HysacTextEncoder) self = get_encoder(model);
  g_autoptr(GString) text = g_string_new(NULL);
  while (text->len < 2000000)
    g_string_append(text, "cat ");
  const char *const texts[] = { "a dog", text->str, "\xc3(", "a cat", text->str };
  HysacTextEmbedding out[5], alone;
  GError *errors[5];
  Seen seen = { 0 };
  const guint done = hysac_text_encoder_embed_many_watched(self, texts, 5, 0, on_windows, &seen, out, errors);
  assert_int_equal(done, 2);
  assert_true(seen.calls >= 1 && seen.done >= 40 && seen.done < seen.windows / 2);
  assert_true(errors[0] == NULL && errors[3] == NULL);
  expect_error(&errors[1], HYSAC_ERROR_CANCELLED, "stopped after");
  expect_error(&errors[2], HYSAC_ERROR_FORMAT, "not UTF-8");
  expect_error(&errors[4], HYSAC_ERROR_CANCELLED, "windows");
  assert_true(out[1].feature == NULL && out[4].feature == NULL);
  assert_true(hysac_text_encoder_embed(self, "a dog", -1, 0, &alone, NULL)); /* and the encoder goes on */
  assert_memory_equal(alone.feature, out[0].feature, DIM * sizeof(float));
  for (guint i = 0; i < 5; i++)
    hysac_text_embedding_clear(&out[i]);
  hysac_text_embedding_clear(&alone);
}

/* Of the size that CLIP's has. */
static void
test_whole_vocabulary(void **state)
{
  const HysacVisionConfig vision = { .image_size = 28, .patch_size = 14, .width = 12, .heads = 3, .mlp_width = 20,
                                     .layers = 1, .projection = 8, .layer_norm_eps = 1e-5 };
  const HysacTextConfig config = { .vocab = 49408, .context = 77, .width = 16, .heads = 2, .mlp_width = 24,
                                   .layers = 1, .layer_norm_eps = 1e-5 };
  GError *error = NULL;
  char *dir = make_dir();
  assert_true(synth_write_text(dir, &vision, &config, 1, &error));
  HysacModel *model = load_model(dir);
  HysacTextEncoder *self = get_encoder(model);
  HysacTokenizer *tokenizer = hysac_text_encoder_get_tokenizer(self);
  assert_int_equal(hysac_tokenizer_size(tokenizer), 49408);
  assert_int_equal(hysac_tokenizer_start(tokenizer), 49406);
  assert_int_equal(hysac_tokenizer_end(tokenizer), 49407);
  HysacTextEmbedding a, b;
  assert_true(hysac_text_encoder_embed(self, "zyx wvut na\xc3\xafve 12!", -1, 0, &a, &error));
  assert_true(hysac_text_encoder_embed(self, "ZYX\nwvut NAI\xcc\x88VE 1 2 !", -1, 0, &b, &error));
  assert_memory_equal(a.feature, b.feature, 8 * sizeof(float));
  hysac_text_embedding_clear(&a);
  hysac_text_embedding_clear(&b);
  hysac_text_encoder_unref(self);
  hysac_model_unref(model);
  synth_remove(dir);
  g_free(dir);
}

static void
test_refused(void **state)
{
  g_autoptr(HysacModel) model = small();
  GError *error = NULL;
  assert_null(hysac_text_encoder_get(model, NULL, HYSAC_PRECISION_INT8, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_UNSUPPORTED, "not in int8");
  assert_null(hysac_text_encoder_get(model, "no such device", HYSAC_PRECISION_FP32, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_NO_DEVICE, "no such device");
  const HysacVisionConfig vision = { .image_size = 28, .patch_size = 14, .width = 12, .heads = 3, .mlp_width = 20,
                                     .layers = 1, .projection = 8, .layer_norm_eps = 1e-5 };
  char *dir = make_dir();
  assert_true(synth_write(dir, &vision, 1, &error));
  HysacModel *pictures = load_model(dir);
  assert_null(hysac_model_get_text_config(pictures));
  assert_null(hysac_text_encoder_get(pictures, NULL, HYSAC_PRECISION_FP32, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_UNSUPPORTED, "has no text tower");
  hysac_model_unref(pictures);
  synth_remove(dir);
  g_free(dir);
  /* A vocabulary that is larger than the tower's table is not indexed beyond it. */
  const HysacTextConfig config = { .vocab = 600, .context = 77, .width = 16, .heads = 2, .mlp_width = 24,
                                   .layers = 1, .layer_norm_eps = 1e-5 };
  dir = make_dir();
  assert_true(synth_write_text(dir, &vision, &config, 1, &error));
  assert_true(synth_write_vocab(dir, 601, &error));
  HysacModel *larger = load_model(dir);
  assert_null(hysac_text_encoder_get(larger, NULL, HYSAC_PRECISION_FP32, NULL, NULL, &error));
  expect_error(&error, HYSAC_ERROR_MODEL, "vocab.json has 601 tokens, the text tower 600");
  hysac_model_unref(larger);
  synth_remove(dir);
  g_free(dir);
  assert_int_equal(hysac_text_encoder_count(), 0);
}

int
main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_shared),           cmocka_unit_test(test_threads),
    cmocka_unit_test(test_bad_texts),        cmocka_unit_test(test_megabyte),
    cmocka_unit_test(test_watched),          cmocka_unit_test(test_windows),
    cmocka_unit_test(test_windows_given_up),
    cmocka_unit_test(test_whole_vocabulary), cmocka_unit_test(test_refused),
  };
  return cmocka_run_group_tests_name("textencoder", tests, NULL, NULL);
}
