/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conceptset.h"

/* The model folder's own file, where it has one. */
static char *
find_beside(HysacModel *model)
{
  g_autofree char *path = g_build_filename(hysac_model_get_path(model), "concepts.json", NULL);
  return g_file_test(path, G_FILE_TEST_EXISTS) ? g_steal_pointer(&path) : NULL;
}

int
tool_load_concepts(ToolSession *session, const char *command, const char *file, HysacConcepts **out)
{
  g_autoptr(GError) error = NULL;
  HysacConcepts *own = hysac_model_get_concepts(session->model);
  g_autoptr(HysacConcepts) concepts = NULL;
  g_autofree char *beside = file == NULL && own == NULL ? find_beside(session->model) : NULL;

  *out = NULL;
  if (beside != NULL)
    file = beside;
  if (file != NULL) {
    concepts = hysac_concepts_load(file, &error);
    if (concepts == NULL ||
        !hysac_concepts_fit_model(concepts, hysac_model_get_vision_config(session->model)->projection,
                                  hysac_model_get_weights_sha256(session->model), file, &error)) {
      tool_fail(error, "what such a file holds: docs/concepts.md");
      return TOOL_FAILED;
    }
  } else if (own != NULL) {
    concepts = hysac_concepts_ref(own);
  } else {
    return TOOL_OK;
  }
  if (!hysac_concepts_is_complete(concepts)) {
    const int code = session->text == NULL ? tool_session_open_text(session, command) : TOOL_OK;
    if (code != TOOL_OK)
      return code;
    HysacConcepts *computed = hysac_concepts_encode(concepts, session->text, &error);
    if (computed == NULL) {
      tool_error("%s", error->message);
      return TOOL_FAILED;
    }
    hysac_concepts_unref(concepts);
    concepts = computed;
  }
  *out = g_steal_pointer(&concepts);
  return TOOL_OK;
}

HysacConcepts *
tool_take_concepts(HysacModel *model, const char *device, HysacConcepts *given, GError **error)
{
  HysacConcepts *concepts = given ? given : hysac_model_get_concepts(model);
  if (concepts == NULL || hysac_concepts_get_count(concepts) == 0)
    return NULL;
  if (!hysac_concepts_fit_model(concepts, hysac_model_get_vision_config(model)->projection,
                                hysac_model_get_weights_sha256(model), given ? "the policy" : "the model", error))
    return NULL;
  if (hysac_concepts_is_complete(concepts))
    return hysac_concepts_ref(concepts);
  HysacTextEncoder *encoder =
      hysac_text_encoder_get(model, device, HYSAC_PRECISION_FP32, NULL, NULL, error);
  HysacConcepts *computed = encoder ? hysac_concepts_encode(concepts, encoder, error) : NULL;
  g_clear_pointer(&encoder, hysac_text_encoder_unref);
  return computed;
}
