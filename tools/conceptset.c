/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conceptset.h"

int
tool_load_concepts(ToolSession *session, const char *command, const char *file, HysacConcepts **out)
{
  g_autoptr(GError) error = NULL;
  HysacConcepts *own = hysac_model_get_concepts(session->model);
  g_autoptr(HysacConcepts) concepts = NULL;

  *out = NULL;
  if (file != NULL) {
    concepts = hysac_concepts_load(file, &error);
    if (concepts == NULL ||
        !hysac_concepts_fit_model(concepts, hysac_model_get_vision_config(session->model)->projection,
                                  hysac_model_get_weights_sha256(session->model), file, &error)) {
      tool_error("%s", error->message);
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
