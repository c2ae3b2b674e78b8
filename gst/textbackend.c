/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The encoder of texts that hysactext uses: the one that the process shares. */
#include "core/model.h"
#include "core/resolve.h"
#include "gst/textscorer.h"
#include "opencl/conceptpoints.h"
#include "opencl/textencoder.h"

#define NO_HEAD \
  "text-head.safetensors (hysac fit --head --texts … --unsafe-texts … makes one); head.safetensors is on features of " \
  "pictures and tells nothing of texts"

typedef struct {
  GstHysacTextBackend head;
  HysacModel *model;
  HysacTextEncoder *encoder; /* NULL after one was lost */
  char *choice;              /* of the device */
  HysacPrecision precision;
} Backend;

typedef struct {
  GstHysacTextWindowFunc each;
  gpointer user_data;
} Listener;

static void
hand_on(guint text, const float *feature, const float *point, gpointer user_data)
{
  const Listener *listener = user_data;
  const GstHysacScore score = {.feature = feature, .point = point};
  listener->each(text, &score, listener->user_data);
}

static gboolean
embed(GstHysacTextBackend *backend, const char *const *texts, guint n, double *distances,
      GstHysacTextWindowFunc each, gpointer user_data, GError **error)
{
  Backend *self = (Backend *)backend;
  Listener listener = {each, user_data};
  g_autofree HysacTextEmbedding *found = g_new0(HysacTextEmbedding, n);
  g_autofree GError **errors = g_new0(GError *, n);
  const guint done =
      hysac_text_encoder_embed_windows(self->encoder, texts, n, HYSAC_TEXT_DEFAULT, each ? hand_on : NULL, &listener,
                                       found, errors);
  for (guint i = 0; i < n; i++) {
    distances[i] = found[i].distance;
    hysac_text_embedding_clear(&found[i]);
    if (errors[i] && error && !*error)
      g_propagate_error(error, errors[i]);
    else
      g_clear_error(&errors[i]);
  }
  return done == n;
}

static gboolean
has_failed(GstHysacTextBackend *backend)
{
  Backend *self = (Backend *)backend;
  return !self->encoder || hysac_text_encoder_has_failed(self->encoder);
}

static gboolean
reopen(GstHysacTextBackend *backend, GError **error)
{
  Backend *self = (Backend *)backend;
  g_clear_pointer(&self->encoder, hysac_text_encoder_unref);
  self->encoder =
      hysac_text_encoder_get(self->model, self->choice, self->precision, NULL, NULL, error);
  return self->encoder != NULL;
}

static HysacConcepts *
encode_concepts(gpointer encoder_of, HysacConcepts *concepts, GError **error)
{
  Backend *self = encoder_of;
  return hysac_concepts_encode(concepts, self->encoder, error);
}

static void
backend_free(GstHysacTextBackend *backend)
{
  Backend *self = (Backend *)backend;
  hysac_text_encoder_unref(self->encoder);
  hysac_head_unref(self->head.beside.head);
  hysac_model_unref(self->model);
  g_free(self->choice);
  g_free(self->head.device);
  g_free(self->head.precision);
  g_free(self);
}

static const GstHysacTextBackendClass backend_class = {embed, has_failed, reopen, backend_free};

/* The model's, of texts; @otherwise: the bound where it states none. */
static gboolean
find_region(HysacModel *model, double otherwise, HysacRegion *out, GError **error)
{
  const HysacRegion *own = hysac_model_get_text_region(model);
  if (!hysac_model_get_geometry(model)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s has no unsafe region (no hysac.json): it can embed, but not moderate",
                hysac_model_get_path(model));
    return FALSE;
  }
  if (!own && !(otherwise > 0.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL,
                "%s states no bound of safe texts (bounds.S.up_95) and none was fitted: set the property \"bound\"",
                hysac_model_get_path(model));
    return FALSE;
  }
  /* Texts are in fp32 whatever a profile was fitted in. */
  *out = own ? hysac_region_in(own, HYSAC_PRECISION_FP32, 0.0) : hysac_region_at(NULL, otherwise);
  return TRUE;
}

GstHysacTextBackend *
gst_hysac_text_backend_new(const char *name, const char *device, HysacPrecision precision,
                           HysacProgressFunc progress, gpointer progress_data, gpointer user_data,
                           GError **error)
{
  HysacRegion region;
  g_autofree char *path = hysac_model_resolve(name, error);
  g_autoptr(HysacModel) model = path ? hysac_model_load(path, error) : NULL;
  if (!model || !find_region(model, *(const double *)user_data, &region, error))
    return NULL;
  g_autoptr(HysacTextEncoder) encoder =
      hysac_text_encoder_get(model, device, precision, progress, progress_data, error);
  g_autoptr(HysacHead) head = NULL;
  if (!encoder || !hysac_head_load_texts_beside(model, &head, error))
    return NULL;
  Backend *self = g_new0(Backend, 1);
  self->head.klass = &backend_class;
  self->head.region = region;
  self->head.device = g_strdup(hysac_device_get_info(hysac_text_encoder_get_device(encoder))->name);
  self->head.precision =
      g_strdup(hysac_precision_to_string(hysac_text_encoder_get_precision(encoder)));
  self->head.beside = (GstHysacBeside){.weights_sha256 = hysac_model_get_weights_sha256(model),
                                       .concepts = hysac_model_get_concepts(model),
                                       .head = g_steal_pointer(&head),
                                       .no_head = NO_HEAD,
                                       .dimension = hysac_text_encoder_get_dim(encoder),
                                       .curvature = hysac_model_get_geometry(model)->curvature,
                                       .encode_concepts = encode_concepts,
                                       .encoder = self};
  self->precision = precision;
  self->choice = g_strdup(device);
  self->model = g_steal_pointer(&model);
  self->encoder = g_steal_pointer(&encoder);
  return &self->head;
}
