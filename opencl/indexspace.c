/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/indexspace.h"

#include "opencl/weightshash.h"

gboolean
hysac_model_get_index_space(HysacModel *model, HysacPrecision precision, HysacIndexSpace *space, GError **error)
{
  const HysacGeometry *geometry = hysac_model_get_geometry(model);
  if (geometry == NULL) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_MODEL, "%s: no geometry (hysac.json), so no points",
                hysac_model_get_path(model));
    return FALSE;
  }
  g_autofree char *hash = hysac_model_hash_weights(model, error);
  if (hash == NULL)
    return FALSE;
  *space = (HysacIndexSpace) { .precision = precision,
                               .dim = hysac_model_get_vision_config(model)->projection,
                               .curvature = geometry->curvature,
                               .alpha = geometry->visual_alpha };
  for (guint i = 0; i < 32; i++)
    space->weights[i] =
        (guint8) (g_ascii_xdigit_value(hash[2 * i]) << 4 | g_ascii_xdigit_value(hash[2 * i + 1]));
  return TRUE;
}
