/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The precision that AUTO takes: the fastest that holds its accuracy budget with the model. */

#include "opencl/choice.h"
#include "opencl/engine_private.h"
#include "opencl/ops.h"

/* The fastest first, and fp32, which is its own measure, last. */
static const HysacPrecision order[] = { HYSAC_PRECISION_INT8, HYSAC_PRECISION_FP16, HYSAC_PRECISION_BF16,
                                        HYSAC_PRECISION_FP32 };

static char *
describe(HysacPrecision precision, const HysacAccuracy *accuracy)
{
  const HysacAccuracy budget = hysac_precision_get_budget(precision);
  return g_strdup_printf("%s does not hold its accuracy budget with it (cosine %.5f, at least %.4f is allowed; "
                         "distances off by %.2g, at most %.2g is allowed)", hysac_precision_to_string(precision),
                         accuracy->cosine, budget.cosine, accuracy->distance, budget.distance);
}

void
hysac_engine_warn_accuracy(HysacModel *model, HysacPrecision precision, const HysacAccuracy *accuracy)
{
  g_autofree char *text = describe(precision, accuracy);
  g_warning("%s: %s; it is used because it was asked for", hysac_model_get_path(model), text);
}

/* Kernels that are not there or do not work are another precision's chance. */
static gboolean
is_of_the_precision(const GError *error)
{
  return g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED) ||
         g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_BUILD) ||
         g_error_matches(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC);
}

HysacEngine *
hysac_engine_get_auto(HysacModel *model, HysacDevice *device, HysacProgressFunc progress, gpointer user_data,
                      GError **error)
{
  g_autoptr(GString) passed = g_string_new(NULL);
  gboolean made = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
    const gboolean last = i + 1 == G_N_ELEMENTS(order);
    HysacEngineTry attempt = { .strict = TRUE };
    g_autoptr(GError) local = NULL;
    if (!last && (!hysac_ops_supports(order[i]) || !hysac_ops_native(device, order[i])))
      continue;
    if (!last && hysac_choice_was_rejected(model, device, order[i], &attempt.accuracy))
      attempt.rejected = TRUE;
    HysacEngine *self = attempt.rejected ? NULL
                                         : hysac_engine_get_in(model, device, order[i], &attempt, progress,
                                                               user_data, &local);
    made = made || attempt.made;
    if (self != NULL) {
      if (made && passed->len > 0)
        g_message("%s: precision auto takes %s on %s: %s", hysac_model_get_path(model),
                  hysac_precision_to_string(order[i]), hysac_device_get_info(device)->name, passed->str);
      return self;
    }
    if (!attempt.rejected && (last || !is_of_the_precision(local))) {
      g_propagate_error(error, g_steal_pointer(&local));
      return NULL;
    }
    g_autofree char *why = attempt.rejected
                               ? describe(order[i], &attempt.accuracy)
                               : g_strdup_printf("%s does not work: %s", hysac_precision_to_string(order[i]),
                                                 local->message);
    g_string_append_printf(passed, "%s%s", passed->len > 0 ? "; " : "", why);
  }
  g_return_val_if_reached(NULL); /* fp32 has returned */
}
