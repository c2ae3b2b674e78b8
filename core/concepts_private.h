/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/concepts.h"

#include <json-glib/json-glib.h>

/* Shared by concepts.c, which keeps them, and concepts_file.c, which reads and writes them. Internal. */

G_BEGIN_DECLS

#define HYSAC_CONCEPTS_MAX 4096
#define HYSAC_CONCEPTS_MAX_NAME 128
#define HYSAC_CONCEPT_MAX_PROMPTS 256
#define HYSAC_CONCEPT_MAX_PROMPT 4096
#define HYSAC_CONCEPT_MAX_ETA 100.0
#define HYSAC_CONCEPT_MAX_DIMENSION 16384

struct _HysacConcepts {
  gatomicrefcount refs;
  GArray *list; /* of HysacConcept, which owns what it points to */
  guint dimension;
  char *weights_sha256, *precision, *date, *tool;
};

HysacConcepts *hysac_concepts_new(void);

/* The value of "concepts" of any file: a list, or an object with a list and where its points are from. @path: of the
 * value in the file, for messages. */
HysacConcepts *hysac_concepts_read(JsonNode *node, const char *name, const char *path, GError **error);

G_END_DECLS
