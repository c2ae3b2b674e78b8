/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The precision that AUTO takes: the fastest that holds its accuracy budget with the model. */

#include "opencl/choice.h"
#include "opencl/engine_private.h"
#include "opencl/ops.h"

/* The fastest first, and fp32, which is its own measure, last. */
static const HysacPrecision order[] = { HYSAC_PRECISION_INT8, HYSAC_PRECISION_FP16, HYSAC_PRECISION_BF16,
                                        HYSAC_PRECISION_FP32 };

/* What breaks the budget, and nothing else: what holds beside it would read as if all were well. */
static char *
describe(HysacPrecision precision, const HysacAccuracy *accuracy)
{
  const HysacAccuracy budget = hysac_precision_get_budget(precision);
  g_autofree char *cosine = NULL, *distance = NULL;
  /* Turned round: not a number breaks both. */
  if (!(accuracy->cosine >= budget.cosine))
    cosine = g_strdup_printf("the features' cosine is %.7f, less than the %.4f that it needs", accuracy->cosine,
                             budget.cosine);
  if (!(accuracy->distance <= budget.distance))
    distance = g_strdup_printf("the distances are off by %.4g, more than the %.2g that is allowed", accuracy->distance,
                               budget.distance);
  return g_strdup_printf("%s does not hold its accuracy budget with it: %s%s%s", hysac_precision_to_string(precision),
                         cosine ? cosine : "", cosine && distance ? ", and " : "", distance ? distance : "");
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

/* One count for all that are tried: as if the rest had to be as well, until one is ready. */
typedef struct {
  HysacProgressFunc func; /* NULL: nobody */
  gpointer user_data;
  HysacPrecision precision;
  guint before, total; /* steps of those tried before; of one */
  guint left;          /* that may be tried, this one included */
} Progress;

static void
on_progress(guint done, guint total, const char *what, gpointer user_data)
{
  Progress *self = user_data;
  const guint all = done < total ? total * self->left : total;
  g_autofree char *text = g_strdup_printf("%s: %s", hysac_precision_to_string(self->precision), what);
  self->total = total;
  self->func(self->before + done, self->before + all, text, self->user_data);
}

static gboolean
is_fast(HysacDevice *device, HysacPrecision precision)
{
  return precision == HYSAC_PRECISION_FP32 || (hysac_ops_supports(precision) && hysac_ops_native(device, precision));
}

/* Of the order's @first and those after it. */
static guint
count_fast(HysacDevice *device, gsize first)
{
  guint n = 0;
  for (gsize i = first; i < G_N_ELEMENTS(order); i++)
    n += is_fast(device, order[i]);
  return n;
}

HysacEngine *
hysac_engine_get_auto(HysacModel *model, HysacDevice *device, HysacProgressFunc progress, gpointer user_data,
                      GError **error)
{
  g_autoptr(GString) passed = g_string_new(NULL);
  gboolean made = FALSE;
  Progress all = { .func = progress, .user_data = user_data };
  for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
    const gboolean last = i + 1 == G_N_ELEMENTS(order);
    HysacEngineTry attempt = { .strict = TRUE };
    g_autoptr(GError) local = NULL;
    if (!is_fast(device, order[i]))
      continue;
    if (!last && hysac_choice_was_rejected(model, device, order[i], &attempt.accuracy))
      attempt.rejected = TRUE;
    all.precision = order[i];
    all.before += all.total;
    all.total = 0;
    all.left = count_fast(device, i);
    HysacEngine *self = attempt.rejected ? NULL
                                         : hysac_engine_get_in(model, device, order[i], &attempt,
                                                               progress ? on_progress : NULL, &all, &local);
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
