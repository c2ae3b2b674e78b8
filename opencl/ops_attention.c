/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Attention of one shape: of images, or of texts up to a length. */

#include "opencl/ops_private.h"

/* panel: what the head dimension is padded to, and in x86 the tokens. */
const HysacVariant hysac_attention_variants[] = {
  { .name = "portable", .program = "attention_portable", .rows = 1, .panel = 1,
    .precisions = HYSAC_ALL_PRECISIONS, .causal = TRUE },
  { .name = "tiled", .probe = hysac_probe_tiled, .program = "attention_tiled", .rows = 32, .panel = 16,
    .group = 128, .precisions = HYSAC_ALL_PRECISIONS, .causal = TRUE, .only = CL_DEVICE_TYPE_GPU },
  { .name = "x86-avx2", .probe = hysac_probe_avx2, .program = "attention_x86",
    .options = "-DVEC=8 -DROWS=6", .rows = 6, .panel = 16, .group = 1, .precisions = HYSAC_ALL_PRECISIONS,
    .causal = TRUE },
  { .name = "x86-avx512", .probe = hysac_probe_avx512f, .program = "attention_x86",
    .options = "-DVEC=16 -DROWS=12", .rows = 12, .panel = 32, .group = 1,
    .precisions = HYSAC_ALL_PRECISIONS, .causal = TRUE },
  { .name = "x86-avx512-vnni", .probe = hysac_probe_avx512_vnni, .program = "attention_vnni",
    .options = "-DVEC=16 -DROWS=12", .rows = 12, .panel = 32, .group = 1, .halves = TRUE,
    .precisions = HYSAC_BF16 | HYSAC_INT8 },
  { .name = "x86-avx512-amx", .probe = hysac_probe_amx, .program = "attention_amx",
    .options = "-DVEC=16 -DROWS=32 -DPARTS=2", .rows = 32, .panel = 32, .group = 1, .precisions = HYSAC_FP32,
    .only = HYSAC_NEVER },
  { .name = "x86-avx512-amx", .probe = hysac_probe_amx, .program = "attention_amx",
    .options = "-DVEC=16 -DROWS=32 -DPARTS=1", .rows = 32, .panel = 32, .group = 1, .halves = TRUE,
    .precisions = HYSAC_BF16 | HYSAC_INT8 },
  /* What surrounds the instructions, for tests: slow. */
  { .name = "x86-avx512-amx-emulated", .probe = hysac_probe_avx512_vnni, .program = "attention_amx",
    .options = "-DVEC=16 -DROWS=32 -DPARTS=2 -DEMULATE", .rows = 32, .panel = 32, .group = 1,
    .precisions = HYSAC_FP32, .only = HYSAC_NEVER },
  { .name = "x86-avx512-amx-emulated", .probe = hysac_probe_avx512_vnni, .program = "attention_amx",
    .options = "-DVEC=16 -DROWS=32 -DPARTS=1 -DEMULATE", .rows = 32, .panel = 32, .group = 1, .halves = TRUE,
    .precisions = HYSAC_BF16 | HYSAC_INT8, .only = HYSAC_NEVER },
};
const gsize hysac_n_attention_variants = G_N_ELEMENTS(hysac_attention_variants);

/* The x86 variants: by a single work-item, from packed keys and values. */
static gboolean
packs(const HysacVariant *v)
{
  return v->group == 1;
}

static gsize
round_up(gsize x, gsize unit)
{
  return (x + unit - 1) / unit * unit;
}

/* Local memory of a work-group: its rows of scores, and of queries, some of them a cache line apart. */
static gsize
local_bytes(const HysacVariant *v, gsize tokens, gsize head)
{
  return v->rows * (round_up(tokens, v->panel) + head + 32) * sizeof(float);
}

void
hysac_ops_attention_resize(HysacOps *self, gsize tokens, gsize heads)
{
  const HysacVariant *v = self->attention;
  HysacAttention *shape = &self->attention_shape;
  shape->tokens = tokens;
  shape->heads = heads;
  shape->scratch_bytes =
      packs(v) ? heads * 2 * round_up(tokens, v->panel) * shape->head * sizeof(float) : 0;
}

static gboolean
set_up(HysacOps *self, const HysacVariant *v, gsize tokens, gsize heads, gsize head_dim, GError **error)
{
  static const char *const names[] = { "attention", "attention_pack" };
  cl_kernel *kernels[] = { &self->attention_kernel, &self->attention_pack_kernel };
  g_autoptr(GError) local = NULL;
  g_clear_pointer(&self->attention_kernel, clReleaseKernel);
  g_clear_pointer(&self->attention_pack_kernel, clReleaseKernel);
  self->attention = v;
  self->attention_shape.head = round_up(head_dim, v->panel);
  self->attention_shape.halves = v->halves;
  hysac_ops_attention_resize(self, tokens, heads);
  const char *causal = self->attention_shape.causal ? " -DCAUSAL" : "";
  g_autofree char *options = packs(v) ? g_strconcat(v->options, causal, NULL)
                                      : g_strdup_printf("-DHEAD=%u%s", (guint) self->attention_shape.head,
                                                        causal);
  cl_command_queue queue = hysac_device_new_queue(self->device, FALSE, error);
  if (queue == NULL)
    return FALSE;
  const gsize n = packs(v) ? 2 : 1;
  gboolean ok = hysac_ops_kernels(self, v->program, options, n, names, kernels, &local) &&
                hysac_ops_check_group(self, v, n, kernels, &local) &&
                hysac_ops_selftest_attention(self, queue, &local);
  clReleaseCommandQueue(queue);
  if (ok)
    return TRUE;
  if (hysac_ops_fall_back(self, hysac_attention_variants, v, &local))
    return set_up(self, &hysac_attention_variants[0], tokens, heads, head_dim, error);
  g_propagate_error(error, g_steal_pointer(&local));
  return FALSE;
}

/* The variant for texts: as hysac_variant_pick(), but of those that can. */
static const HysacVariant *
pick_causal(const HysacDeviceLimits *limits, HysacPrecision precision, const char *force)
{
  const HysacVariant *best = &hysac_attention_variants[0];
  for (gsize n = hysac_n_attention_variants; n > 0; n--) {
    const HysacVariant *v =
        hysac_variant_pick(hysac_attention_variants, n, limits, precision, force);
    if (v->causal)
      return v;
    n = (gsize) (v - hysac_attention_variants) + 1; /* look before it */
  }
  return best;
}

static gboolean
choose(HysacOps *self, gboolean causal, gsize tokens, gsize heads, gsize head_dim,
       HysacAttention *attention, GError **error)
{
  const HysacDeviceLimits *limits = hysac_device_limits(self->device);
  const gsize sizes[] = { tokens, heads, head_dim, tokens * heads, heads * head_dim };
  if (!hysac_ops_check("attention", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  const HysacVariant *v = causal ? pick_causal(limits, self->storage->precision, self->force)
                                 : hysac_variant_pick(hysac_attention_variants, hysac_n_attention_variants,
                                                      limits, self->storage->precision, self->force);
  if (packs(v) && local_bytes(v, tokens, round_up(head_dim, v->panel)) > limits->local_memory)
    v = &hysac_attention_variants[0];
  self->attention_shape.causal = causal;
  if (!set_up(self, v, tokens, heads, head_dim, error))
    return FALSE;
  *attention = self->attention_shape;
  return TRUE;
}

gboolean
hysac_ops_attention_setup(HysacOps *self, gsize tokens, gsize heads, gsize head_dim,
                          HysacAttention *attention, GError **error)
{
  return choose(self, FALSE, tokens, heads, head_dim, attention, error);
}

gboolean
hysac_ops_attention_setup_causal(HysacOps *self, gsize tokens, gsize heads, gsize head_dim,
                                 HysacAttention *attention, GError **error)
{
  return choose(self, TRUE, tokens, heads, head_dim, attention, error);
}

/* @starts: NULL for images. @tokens: of an image, or of the longest text. @queries: of each, where there are as
 * many. */
static gboolean
attend(HysacOps *self, cl_command_queue queue, cl_mem qkv, gsize ld, cl_mem starts, cl_mem out, gsize ldo,
       gsize images, gsize tokens_, gsize queries, gboolean last, float scale, cl_mem scratch,
       cl_event *event, GError **error)
{
  const HysacVariant *v = self->attention;
  const HysacAttention *shape = &self->attention_shape;
  const gsize sizes[] = { ld, ldo, images, queries, tokens_, images * shape->tokens };
  g_return_val_if_fail(v != NULL && self->attention_kernel != NULL, FALSE);
  g_return_val_if_fail(scratch != NULL || shape->scratch_bytes == 0, FALSE);
  if (!hysac_ops_check("attention", sizes, G_N_ELEMENTS(sizes), error))
    return FALSE;
  if (ld < 3 * shape->heads * shape->head || ldo < shape->heads * shape->head || queries > tokens_ ||
      tokens_ > shape->tokens) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "attention: rows too close together, or more queries than tokens");
    return FALSE;
  }
  cl_uint ld_ = (cl_uint) ld, ldo_ = (cl_uint) ldo, tokens = (cl_uint) tokens_,
          heads = (cl_uint) shape->heads, head = (cl_uint) shape->head, images_ = (cl_uint) images,
          queries_ = (cl_uint) queries, last_ = last;
  /* What texts have more stands at the end: two arguments. */
  const gsize more = shape->causal ? 2 : 0;
  const gsize global[] = { round_up(queries, v->rows) / v->rows, heads, images };
  if (!packs(v)) {
    const HysacArg args[] = { HYSAC_ARG(qkv), HYSAC_ARG(ld_), HYSAC_ARG(out), HYSAC_ARG(ldo_),
                              HYSAC_ARG(tokens), HYSAC_ARG(heads), HYSAC_ARG(images_),
                              HYSAC_ARG(queries_), HYSAC_ARG(scale), HYSAC_ARG(starts), HYSAC_ARG(last_) };
    return hysac_ops_launch(queue, self->attention_kernel, args, G_N_ELEMENTS(args) - 2 + more, 3, global,
                            v->group, event, error);
  }
  const HysacArg pack_args[] = { HYSAC_ARG(qkv), HYSAC_ARG(ld_), HYSAC_ARG(scratch), HYSAC_ARG(tokens),
                                 HYSAC_ARG(heads), HYSAC_ARG(head), HYSAC_ARG(starts), HYSAC_ARG(last_) };
  const gsize pack_global[] = { round_up(tokens, v->panel) / v->panel, heads, images };
  const HysacArg args[] = { HYSAC_ARG(qkv), HYSAC_ARG(ld_), HYSAC_ARG(scratch), HYSAC_ARG(out),
                            HYSAC_ARG(ldo_), HYSAC_ARG(tokens), HYSAC_ARG(heads), HYSAC_ARG(head),
                            HYSAC_ARG(queries_), HYSAC_ARG(scale),
                            HYSAC_LOCAL(local_bytes(v, tokens, shape->head)), HYSAC_ARG(starts),
                            HYSAC_ARG(last_) };
  return hysac_ops_launch(queue, self->attention_pack_kernel, pack_args, G_N_ELEMENTS(pack_args) - 2 + more,
                          3, pack_global, 1, NULL, error) &&
         hysac_ops_launch(queue, self->attention_kernel, args, G_N_ELEMENTS(args) - 2 + more, 3, global, 1,
                          event, error);
}

gboolean
hysac_ops_attention(HysacOps *self, cl_command_queue queue, cl_mem qkv, gsize ld, cl_mem out, gsize ldo,
                    gsize images, gsize queries, float scale, cl_mem scratch, cl_event *event, GError **error)
{
  g_return_val_if_fail(!self->attention_shape.causal, FALSE);
  return attend(self, queue, qkv, ld, NULL, out, ldo, images, self->attention_shape.tokens, queries, FALSE,
                scale, scratch, event, error);
}

gboolean
hysac_ops_attention_causal(HysacOps *self, cl_command_queue queue, cl_mem qkv, gsize ld, cl_mem starts,
                           cl_mem out, gsize ldo, gsize texts, gsize longest, gboolean last, float scale,
                           cl_mem scratch, cl_event *event, GError **error)
{
  g_return_val_if_fail(self->attention_shape.causal && starts != NULL, FALSE);
  return attend(self, queue, qkv, ld, starts, out, ldo, texts, longest, last ? 1 : longest, last, scale,
                scratch, event, error);
}
