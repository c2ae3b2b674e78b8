/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/resolve.h"

#include "core/model.h"

/* By meson: where the source tree is, and where the demo model is installed. */
#ifndef HYSAC_SOURCE_DEMO
#define HYSAC_SOURCE_DEMO ""
#endif
#ifndef HYSAC_INSTALLED_DEMO
#define HYSAC_INSTALLED_DEMO ""
#endif

static gboolean
is_model(const char *path)
{
  g_autofree char *config = g_build_filename(path, "config.json", NULL);
  return path[0] != '\0' && g_file_test(config, G_FILE_TEST_IS_REGULAR);
}

char *
hysac_model_resolve(const char *name, GError **error)
{
  if (name == NULL || name[0] == '\0') {
    g_set_error_literal(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                        "no model is given: a model directory, or demo");
    return NULL;
  }
  if (!g_str_equal(name, "demo"))
    return g_strdup(name);
  /* Named by hand: it is this one or none, and loading says what is wrong with it. */
  const char *given = g_getenv("HYSAC_DEMO_MODEL");
  if (given != NULL && given[0] != '\0')
    return g_strdup(given);
  if (is_model(HYSAC_SOURCE_DEMO))
    return g_strdup(HYSAC_SOURCE_DEMO);
  if (is_model(HYSAC_INSTALLED_DEMO))
    return g_strdup(HYSAC_INSTALLED_DEMO);
  g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO,
              "the demo model is neither in %s nor in %s; HYSAC_DEMO_MODEL can name its folder",
              HYSAC_SOURCE_DEMO, HYSAC_INSTALLED_DEMO);
  return NULL;
}

gboolean
hysac_is_demo(const char *weights_sha256)
{
  g_autofree char *path = weights_sha256 ? hysac_model_resolve("demo", NULL) : NULL;
  g_autoptr(HysacModel) demo = path ? hysac_model_load(path, NULL) : NULL;
  return demo && g_strcmp0(weights_sha256, hysac_model_get_weights_sha256(demo)) == 0;
}
