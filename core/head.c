/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/head.h"
#include "core/json.h"

#include <math.h>
#include <string.h>

#define MAX_LABEL 128

struct _HysacHead {
  gatomicrefcount refs;
  guint n_classes, dimension;
  float *weight; /* [n_classes][dimension] */
  float *bias, *threshold;
  char **labels; /* n_classes, NULL-terminated */
  char *weights_sha256, *precision;
  gboolean of_texts;
};

G_GNUC_PRINTF(4, 5)
static gboolean
fail(GError **error, const char *name, const char *what, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_autofree char *problem = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: %s %s", name, what, problem);
  return FALSE;
}

/* The values of a tensor of @n_classes rows; @columns 0: a vector. */
static float *
read_tensor(HysacSafetensors *file, const char *name, const char *tensor_name, guint n_classes, guint columns,
            GError **error)
{
  const HysacTensor *tensor = hysac_safetensors_lookup(file, tensor_name);
  const gsize n = (gsize) n_classes * MAX(columns, 1);

  if (!tensor || tensor->n_elements != n || (columns == 0 && tensor->rank > 1)) {
    fail(error, name, tensor_name, "of %u numbers is expected, %s", (guint) n,
         tensor ? "it has another shape" : "it is missing");
    return NULL;
  }
  g_autofree float *values = g_new(float, n);
  if (!hysac_safetensors_read_f32(file, tensor_name, values, error)) {
    g_prefix_error(error, "%s: ", name);
    return NULL;
  }
  return g_steal_pointer(&values);
}

static gboolean
read_shape(HysacHead *self, HysacSafetensors *file, const char *name, GError **error)
{
  const HysacTensor *weight = hysac_safetensors_lookup(file, "weight");

  if (!weight || weight->rank < 1 || weight->rank > 2)
    return fail(error, name, "weight", "[k, n] is expected, %s", weight ? "it has another shape" : "it is missing");
  const gsize rows = weight->rank == 2 ? weight->shape[0] : 1, columns = weight->shape[weight->rank - 1];
  if (rows < 1 || rows > HYSAC_HEAD_MAX_CLASSES || columns < 1 || columns > HYSAC_HEAD_MAX_DIMENSION)
    return fail(error, name, "weight", "is [%" G_GSIZE_FORMAT ", %" G_GSIZE_FORMAT "]; at most [%d, %d] is expected",
                rows, columns, HYSAC_HEAD_MAX_CLASSES, HYSAC_HEAD_MAX_DIMENSION);
  self->n_classes = (guint) rows;
  self->dimension = (guint) columns;
  return TRUE;
}

static gboolean
read_labels(HysacHead *self, HysacSafetensors *file, const char *name, GError **error)
{
  const char *text = hysac_safetensors_get_metadata(file, "labels");

  if (!text && self->n_classes == 1)
    text = "unsafe";
  if (text) {
    self->labels = g_strsplit(text, ",", (gint) self->n_classes + 2);
  } else {
    self->labels = g_new0(char *, self->n_classes + 1);
    for (guint i = 0; i < self->n_classes; i++)
      self->labels[i] = g_strdup_printf("class %u", i);
  }
  if (g_strv_length(self->labels) != self->n_classes)
    return fail(error, name, "labels", "are %u; the head has %u classes", g_strv_length(self->labels),
                self->n_classes);
  for (guint i = 0; i < self->n_classes; i++) {
    g_strstrip(self->labels[i]);
    if (!*self->labels[i] || strlen(self->labels[i]) > MAX_LABEL)
      return fail(error, name, "labels", "must each have 1 to %d bytes", MAX_LABEL);
  }
  return TRUE;
}

static gboolean
read_provenance(HysacHead *self, HysacSafetensors *file, const char *name, GError **error)
{
  const char *hash = hysac_safetensors_get_metadata(file, "weights_sha256");
  const char *features = hysac_safetensors_get_metadata(file, "features");

  self->of_texts = g_strcmp0(features, "texts") == 0;
  if (features && !self->of_texts && !g_str_equal(features, "pictures"))
    return fail(error, name, "features", "must be \"pictures\" or \"texts\"");
  if (hash && (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64))
    return fail(error, name, "weights_sha256", "is not a SHA-256 in hexadecimal");
  self->weights_sha256 = g_strdup(hash);
  self->precision = g_strdup(hysac_safetensors_get_metadata(file, "precision"));
  return TRUE;
}

HysacHead *
hysac_head_load(const char *path, GError **error)
{
  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(path, error);
  g_autoptr(HysacHead) self = g_new0(HysacHead, 1);

  g_atomic_ref_count_init(&self->refs);
  if (!file || !read_shape(self, file, path, error))
    return NULL;
  self->weight = read_tensor(file, path, "weight", self->n_classes, self->dimension, error);
  if (!self->weight)
    return NULL;
  self->bias = read_tensor(file, path, "bias", self->n_classes, 0, error);
  if (!self->bias)
    return NULL;
  self->threshold = read_tensor(file, path, "threshold", self->n_classes, 0, error);
  if (!self->threshold)
    return NULL;
  for (guint i = 0; i < self->n_classes; i++) {
    /* At 0 everything is unsafe: no head that somebody meant. */
    if (self->threshold[i] > 0.0f && self->threshold[i] <= 1.0f)
      continue;
    fail(error, path, "threshold", "[%u] is %g; above 0, at most 1, is expected", i, (double) self->threshold[i]);
    return NULL;
  }
  if (!read_labels(self, file, path, error) || !read_provenance(self, file, path, error))
    return NULL;
  return g_steal_pointer(&self);
}

static gboolean
load_beside(HysacModel *model, const char *file, guint dimension, gboolean of_texts, HysacHead **out, GError **error)
{
  g_autofree char *path = g_build_filename(hysac_model_get_path(model), file, NULL);
  const char *hash = hysac_model_get_weights_sha256(model);

  *out = NULL;
  /* A dangling link is there and broken, not absent. */
  if (!g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_SYMLINK))
    return TRUE;
  g_autoptr(HysacHead) self = hysac_head_load(path, error);
  if (!self)
    return FALSE;
  if (self->of_texts != of_texts)
    return fail(error, path, "the head", "%s",
                of_texts ? "is not said to be on features of texts (metadata \"features\": \"texts\"), and one on "
                           "features of pictures tells nothing of texts"
                         : "is on features of texts: its place is text-head.safetensors");
  if (self->dimension != dimension)
    return fail(error, path, "weight", "is for features of %u numbers; the model has %u", self->dimension, dimension);
  if (hash && self->weights_sha256 && !g_str_equal(hash, self->weights_sha256))
    return fail(error, path, "the head", "was trained on other weights; train it again");
  *out = g_steal_pointer(&self);
  return TRUE;
}

gboolean
hysac_head_load_beside(HysacModel *model, HysacHead **out, GError **error)
{
  return load_beside(model, "head.safetensors", hysac_model_get_vision_config(model)->projection, FALSE, out, error);
}

gboolean
hysac_head_load_texts_beside(HysacModel *model, HysacHead **out, GError **error)
{
  const HysacTextConfig *texts = hysac_model_get_text_config(model);

  *out = NULL;
  return !texts || load_beside(model, "text-head.safetensors", texts->projection, TRUE, out, error);
}

HysacHead *
hysac_head_ref(HysacHead *self)
{
  g_atomic_ref_count_inc(&self->refs);
  return self;
}

void
hysac_head_unref(HysacHead *self)
{
  if (!self || !g_atomic_ref_count_dec(&self->refs))
    return;
  g_free(self->weight);
  g_free(self->bias);
  g_free(self->threshold);
  g_strfreev(self->labels);
  g_free(self->weights_sha256);
  g_free(self->precision);
  g_free(self);
}

guint
hysac_head_get_dimension(HysacHead *self)
{
  return self->dimension;
}

gboolean
hysac_head_is_of_texts(HysacHead *self)
{
  return self->of_texts;
}

guint
hysac_head_get_n_classes(HysacHead *self)
{
  return self->n_classes;
}

const char *
hysac_head_get_label(HysacHead *self, guint index)
{
  return index < self->n_classes ? self->labels[index] : NULL;
}

double
hysac_head_get_threshold(HysacHead *self, guint index)
{
  return index < self->n_classes ? (double) self->threshold[index] : 1.0;
}

const char *
hysac_head_get_weights_sha256(HysacHead *self)
{
  return self->weights_sha256;
}

const char *
hysac_head_get_precision(HysacHead *self)
{
  return self->precision;
}

gboolean
hysac_head_score_is_worse(const HysacHeadScore *a, const HysacHeadScore *b)
{
  if (a->unsafe != b->unsafe)
    return a->unsafe;
  return !isnan(b->score) && !(a->score - a->threshold <= b->score - b->threshold);
}

char *
hysac_head_identify(HysacHead *self)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  const guint32 shape[] = {self->n_classes, self->dimension};
  const gsize row = sizeof(float) * self->n_classes;

  g_checksum_update(sum, (const guchar *) shape, sizeof shape);
  g_checksum_update(sum, (const guchar *) self->weight, (gssize) (row * self->dimension));
  g_checksum_update(sum, (const guchar *) self->bias, (gssize) row);
  g_checksum_update(sum, (const guchar *) self->threshold, (gssize) row);
  for (guint i = 0; i < self->n_classes; i++)
    g_checksum_update(sum, (const guchar *) self->labels[i], (gssize) strlen(self->labels[i]) + 1);
  return g_strdup(g_checksum_get_string(sum));
}

HysacHeadScore
hysac_head_score(HysacHead *self, const float *feature, double *scores)
{
  HysacHeadScore best = {0};

  for (guint k = 0; k < self->n_classes; k++) {
    const float *w = self->weight + (gsize) k * self->dimension;
    double sum = (double) self->bias[k];
    for (guint i = 0; i < self->dimension; i++)
      sum += (double) w[i] * (double) feature[i];
    const double score = 1.0 / (1.0 + exp(-sum)), threshold = (double) self->threshold[k];
    const HysacHeadScore now = {k, score, threshold, !(score < threshold)};
    if (scores)
      scores[k] = score;
    if (k == 0 || hysac_head_score_is_worse(&now, &best))
      best = now;
  }
  return best;
}
