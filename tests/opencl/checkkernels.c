/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every variant of every operation in every precision against the references of ref_ops.c, which get
 * what the operands and weights stand for: odd sizes, extreme values,
 * canaries around the results, the same bits again, and the same bits for a row alone.
 *
 * checkkernels [--bench] [--layer] [--small] [--random N] [--exact] [--variant NAME] [--precision NAME] [--device NAME]
 *              [--emulate NAME]
 * HYSAC_SEED=N repeats a run; --bench times the same cases, and those of ViT-L/14; --small and
 * --exact are for simulators; --emulate: what another device has (emulated.h).
 */

#include "check.h"
#include "checkattention.h"
#include "checkgemm.h"
#include "checktext.h"
#include "emulated.h"
#include "operands.h"
#include "ref_ops.h"
#include "opencl/ops_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- layernorm ---- */

typedef struct {
  Check *check;
  Guarded x, y, gain, bias;
  gsize ldx, ldy, m, n;
  float eps;
} Norm;

static gboolean
run_norm(gpointer data, cl_event *event)
{
  Norm *t = data;
  g_autoptr(GError) error = NULL;
  return check_ok(t->check, hysac_ops_layernorm(t->check->ops, t->check->queue, t->x.mem, t->ldx,
                                                t->y.mem, t->ldy, t->m, t->n, t->gain.mem,
                                                t->bias.mem, t->eps, event, &error), &error);
}

static void
check_layernorm(Check *self, gsize m, gsize n, Fill fill)
{
  Norm t = { .check = self, .ldx = n + 7, .ldy = n + 2, .m = m, .n = n, .eps = 1e-5f };
  g_autofree float *x = check_random(self, m * n, fill, 1.0f), *gain = check_random(self, n, FILL_NORMAL, 1.0f),
                   *bias = check_random(self, n, FILL_NORMAL, 1.0f);
  g_autofree double *dx = check_double(x, m * n), *want = g_new(double, m * n);
  g_autofree float *first = NULL, *again = NULL, *place = NULL;
  g_autofree char *what = NULL;
  t.x = check_matrix(self, x, m, n, t.ldx);
  t.y = check_buffer(self, (m - 1) * t.ldy + n);
  t.gain = check_matrix(self, gain, 1, n, n);
  t.bias = check_matrix(self, bias, 1, n, n);
  if (!run_norm(&t, NULL))
    goto out;
  first = check_read(self, &t.y);
  check_guards(self, &t.y, m, n, t.ldy);
  ref_layernorm(dx, n, want, n, m, n, gain, bias, (double) t.eps);
  check_expect_nmse(self, check_nmse(first, t.ldy, want, n, m, n));
  if (!run_norm(&t, NULL))
    goto out;
  again = check_read(self, &t.y);
  check_expect_same(self, first, again, (m - 1) * t.ldy + n, "other bits the second time");
  what = g_strdup_printf("layernorm %zu x %zu", m, n);
  check_time(self, what, 8.0 * (double) m * (double) n, run_norm, &t);
  /* In place. */
  Guarded y = t.y;
  gsize ldy = t.ldy;
  t.y = t.x;
  t.ldy = t.ldx;
  gboolean ok = run_norm(&t, NULL);
  t.y = y;
  t.ldy = ldy;
  if (!ok)
    goto out;
  place = check_read(self, &t.x);
  check_guards(self, &t.x, m, n, t.ldx);
  for (gsize i = 0; i < m; i++)
    check_expect_same(self, first + i * t.ldy, place + i * t.ldx, n, "other bits in place");
out:
  check_release(&t.x);
  check_release(&t.y);
  check_release(&t.gain);
  check_release(&t.bias);
  check_done(self, "layernorm %zu x %zu %s", m, n, fill_names[fill]);
}

/* ---- embed ---- */

static void
check_embed(Check *self, gsize images, gsize patches, gsize n, gsize k)
{
  g_autoptr(GError) error = NULL;
  const gsize m = images * patches, tokens = patches + 1, ld = operands_words(self, k) + 3, ldx = n + 4;
  g_autofree float *bytes = g_new0(float, (m * k + 3) / 4), *y = check_random(self, m * n, FILL_NORMAL, 1.0f),
                   *token = check_random(self, n, FILL_NORMAL, 1.0f),
                   *position = check_random(self, tokens * n, FILL_NORMAL, 1.0f);
  guint8 *u8 = (guint8 *) bytes;
  for (gsize i = 0; i < m * k; i++)
    u8[i] = (guint8) g_rand_int_range(self->rand, 0, 256);
  Guarded in = check_matrix(self, bytes, 1, (m * k + 3) / 4, (m * k + 3) / 4),
          pixels = check_buffer(self, (m - 1) * ld + operands_words(self, k)), gy = check_matrix(self, y, m, n, ldx),
          gt = check_matrix(self, token, 1, n, n), gp = check_matrix(self, position, tokens, n, n),
          x = check_buffer(self, (images * tokens - 1) * ldx + n);
  g_autofree double *dy = check_double(y, m * n), *want = g_new(double, images * tokens * n);
  if (check_ok(self, hysac_ops_embed_pixels(self->ops, self->queue, in.mem, k, pixels.mem, ld, m, NULL,
                                            &error), &error)) {
    g_autofree float *got = check_read(self, &pixels);
    g_autofree double *value = operands_value(self, got, m, k, ld);
    check_guards(self, &pixels, m, operands_words(self, k), ld);
    for (gsize i = 0; i < m * k; i++) {
      if (value[i] != u8[i] - 128.0) {
        check_fail(self, "byte %zu became %g", i, value[i]);
        break;
      }
    }
  }
  if (check_ok(self, hysac_ops_embed_tokens(self->ops, self->queue, gy.mem, ldx, gt.mem, gp.mem, x.mem,
                                            ldx, images, tokens, n, NULL, &error), &error)) {
    g_autofree float *got = check_read(self, &x);
    check_guards(self, &x, images * tokens, n, ldx);
    ref_embed_tokens(dy, n, token, position, want, n, images, tokens, n);
    check_expect_nmse(self, check_nmse(got, ldx, want, n, images * tokens, n));
  }
  Guarded *all[] = { &in, &pixels, &gy, &gt, &gp, &x };
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    check_release(all[i]);
  check_done(self, "embed %zu images of %zu patches, width %zu, K %zu", images, patches, n, k);
}

/* ---- head ---- */

static void
check_head(Check *self, gsize m, gsize n, Fill fill, float scale, float alpha, float c)
{
  g_autoptr(GError) error = NULL;
  g_autofree float *f = check_random(self, m * n, fill, scale);
  g_autofree double *points = g_new(double, m * n), *distances = g_new(double, m);
  Guarded in = check_matrix(self, f, m, n, n), p = check_buffer(self, m * n), d = check_buffer(self, m);
  if (check_ok(self, hysac_ops_head(self->ops, self->queue, in.mem, n, m, alpha, c, p.mem, d.mem, NULL,
                                    &error), &error)) {
    g_autofree float *got_p = check_read(self, &p), *got_d = check_read(self, &d);
    check_guards(self, &p, 1, m * n, m * n);
    check_guards(self, &d, 1, m, m);
    for (gsize i = 0; i < m; i++)
      ref_head(f + i * n, n, (double) alpha, (double) c, points + i * n, &distances[i]);
    check_expect_nmse(self, check_nmse(got_p, n, points, n, m, n));
    check_expect_nmse(self, check_nmse(got_d, 1, distances, 1, m, 1));
  }
  check_release(&in);
  check_release(&p);
  check_release(&d);
  check_done(self, "head %zu x %zu %s x %g, alpha %g, curvature %g", m, n, fill_names[fill],
             (double) scale, (double) alpha, (double) c);
}

/* ---- all ---- */

/* Of ViT-L/14 at 224. */
static void
check_layer(Check *self)
{
  check_gemm(self, HYSAC_EPILOGUE_BIAS, 257, 3072, 1024, FILL_NORMAL, FALSE);
  check_attention(self, 1, 257, 16, 64, FILL_NORMAL);
  check_gemm(self, HYSAC_EPILOGUE_RESIDUAL, 257, 1024, 1024, FILL_NORMAL, FALSE);
  check_gemm(self, HYSAC_EPILOGUE_QUICK_GELU, 257, 4096, 1024, FILL_NORMAL, FALSE);
  check_gemm(self, HYSAC_EPILOGUE_GELU, 257, 4096, 1024, FILL_NORMAL, FALSE);
  check_gemm(self, HYSAC_EPILOGUE_RESIDUAL, 257, 1024, 4096, FILL_NORMAL, FALSE);
  check_layernorm(self, 257, 1024, FILL_NORMAL);
}

static void
check_variant(Check *self)
{
  if (self->layer) {
    check_layer(self);
    return;
  }
  static const gsize gemms[][3] = { { 1, 1, 1 }, { 3, 5, 7 }, { 17, 52, 52 }, { 12, 32, 64 },
                                    { 13, 208, 52 }, { 11, 33, 100 } },
                     gemms_more[][3] = { { 257, 80, 588 }, { 52, 257, 320 }, { 24, 240, 80 },
                                         { 35, 96, 1 },   { 300, 40, 1100 }, { 3, 40, 4200 } };
  static const gsize norms[][2] = { { 1, 1 }, { 3, 17 }, { 17, 52 }, { 5, 16 } },
                     norms_more[][2] = { { 257, 80 }, { 2, 1024 }, { 3, 257 } };
  static const gsize attentions[][4] = { { 1, 1, 1, 1 }, { 2, 3, 2, 13 }, { 1, 17, 3, 20 },
                                         { 2, 26, 2, 16 }, { 1, 70, 1, 20 } },
                     attentions_more[][4] = { { 1, 257, 2, 64 }, { 3, 50, 5, 16 }, { 2, 65, 2, 26 },
                                              { 1, 52, 1, 80 } };
  for (HysacEpilogue e = 0; e < HYSAC_N_EPILOGUES; e++) {
    for (gsize i = 0; i < G_N_ELEMENTS(gemms); i++)
      check_gemm(self, e, gemms[i][0], gemms[i][1], gemms[i][2], FILL_NORMAL, i % 2 == 1);
    for (gsize i = 0; !self->small && i < G_N_ELEMENTS(gemms_more); i++)
      check_gemm(self, e, gemms_more[i][0], gemms_more[i][1], gemms_more[i][2], FILL_NORMAL, i % 2 == 0);
    check_gemm(self, e, 5, 40, 24, FILL_ZERO, FALSE);
    check_gemm(self, e, 14, 40, 24, FILL_HUGE, FALSE);
    check_gemm(self, e, 6, 12, 33, FILL_OFFSET, FALSE);
    for (guint i = 0; !self->small && i < (guint) self->random; i++)
      check_gemm(self, e, (gsize) g_rand_int_range(self->rand, 1, 60),
                 (gsize) g_rand_int_range(self->rand, 1, 120),
                 (gsize) g_rand_int_range(self->rand, 1, 200), FILL_NORMAL, i % 2 == 1);
  }
  for (HysacEpilogue e = HYSAC_EPILOGUE_QUICK_GELU; e <= HYSAC_EPILOGUE_GELU; e++) {
    check_gemm_operand(self, e, 1, 1, 1);
    check_gemm_operand(self, e, 13, 97, 52);
    check_gemm_operand(self, e, 17, 64, 33);
    check_gemm_operand(self, e, 6, 43, 7);
    check_gemm_operand(self, e, 66, 67, 9);
  }
  check_gemm_half(self, 1, 1, 1);
  check_gemm_half(self, 13, 97, 52);
  check_gemm_half(self, 17, 64, 33);
  check_gemm_half(self, 12, 31, 7);
  check_gemm_half(self, 66, 67, 9);
  if (self->products)
    return;
  for (Fill fill = 0; fill < FILL_N; fill++) {
    for (gsize i = 0; i < G_N_ELEMENTS(norms); i++)
      check_operand(self, norms[i][0], norms[i][1], fill);
    for (gsize i = 0; !self->small && i < G_N_ELEMENTS(norms_more); i++)
      check_operand(self, norms_more[i][0], norms_more[i][1], fill);
  }
  check_embed(self, 1, 1, 1, 3);
  check_embed(self, 3, 25, 80, 588);
  check_embed(self, 2, 9, 52, 147);
  for (gsize i = 0; i < G_N_ELEMENTS(attentions); i++)
    check_attention(self, attentions[i][0], attentions[i][1], attentions[i][2], attentions[i][3],
                    FILL_NORMAL);
  for (gsize i = 0; !self->small && i < G_N_ELEMENTS(attentions_more); i++)
    check_attention(self, attentions_more[i][0], attentions_more[i][1], attentions_more[i][2],
                    attentions_more[i][3], FILL_NORMAL);
  check_attention(self, 1, 19, 2, 20, FILL_ZERO);
  check_attention(self, 2, 19, 2, 20, FILL_INTEGER);
  check_attention(self, 1, 13, 3, 16, FILL_INTEGER);
  check_attention(self, 1, 35, 1, 20, FILL_ONE);
  if (!self->small) {
    static const gsize full[][2] = { { 256, 64 }, { 257, 64 }, { 512, 20 }, { 577, 64 }, { 40, 288 } };
    for (gsize i = 0; i < G_N_ELEMENTS(full); i++)
      check_attention(self, 1, full[i][0], 1, full[i][1], FILL_ONE);
    check_attention(self, 1, 40, 1, 288, FILL_NORMAL);
  }
  for (guint i = 0; !self->small && i < (guint) self->random; i++)
    check_attention(self, 1 + i % 2, (gsize) g_rand_int_range(self->rand, 1, 90),
                    (gsize) g_rand_int_range(self->rand, 1, 6),
                    (gsize) g_rand_int_range(self->rand, 1, 70), FILL_NORMAL);
  check_texts(self);
  if (self->precision != HYSAC_PRECISION_FP32 && !self->bench)
    return; /* the rest knows no precision */
  for (gsize i = 0; i < G_N_ELEMENTS(norms); i++) {
    for (Fill fill = 0; fill < FILL_N; fill++)
      check_layernorm(self, norms[i][0], norms[i][1], fill);
  }
  for (gsize i = 0; !self->small && i < G_N_ELEMENTS(norms_more); i++) {
    for (Fill fill = 0; fill < FILL_N; fill++)
      check_layernorm(self, norms_more[i][0], norms_more[i][1], fill);
  }
  check_head(self, 3, 48, FILL_NORMAL, 0.1f, 0.7f, 1.3f);
  check_head(self, 1, 1, FILL_NORMAL, 1.0f, 1.0f, 0.1f);
  check_head(self, 2, 768, FILL_NORMAL, 1.0f, 1.0f, 1.0f);    /* beyond the clamp */
  check_head(self, 2, 17, FILL_NORMAL, 1e-12f, 0.02f, 2.0f);  /* below the other */
  check_head(self, 2, 17, FILL_HUGE, 1e20f, 0.5f, 1.0f);      /* the square overflows */
  check_head(self, 1, 52, FILL_ZERO, 1.0f, 0.5f, 1.0f);
  if (self->bench && !self->small)
    check_layer(self);
}

static gboolean
has_variant(const HysacVariant *table, gsize n, const char *name, HysacPrecision precision)
{
  for (gsize i = 0; i < n; i++) {
    if (strcmp(table[i].name, name) == 0 && (table[i].precisions & HYSAC_BIT(precision)) != 0)
      return TRUE;
  }
  return FALSE;
}

/* Whether any operation has this variant in this precision: others would take what is tested already. */
static gboolean
any_variant(const char *name, HysacPrecision precision)
{
  return has_variant(hysac_gemm_variants, hysac_n_gemm_variants, name, precision) ||
         has_variant(hysac_layernorm_variants, hysac_n_layernorm_variants, name, precision) ||
         has_variant(hysac_attention_variants, hysac_n_attention_variants, name, precision);
}

/* One that has not been tried gives way where it fails, and another would be tested in its place. */
static void
check_taken(Check *self, const char *name)
{
  if (has_variant(hysac_gemm_variants, hysac_n_gemm_variants, name, self->precision) &&
      strcmp(self->ops->gemm->name, name) != 0)
    check_fail(self, "it gave way to %s", self->ops->gemm->name);
  check_done(self, "set up");
}

int
main(int argc, char **argv)
{
  static const HysacPrecision precisions[] = { HYSAC_PRECISION_FP32, HYSAC_PRECISION_BF16,
                                               HYSAC_PRECISION_FP16, HYSAC_PRECISION_INT8 };
  g_autofree char *variant = NULL, *device = NULL, *precision = NULL, *emulate = NULL;
  Check self = { .random = 4 };
  GOptionEntry entries[] = {
    { "bench", 0, 0, G_OPTION_ARG_NONE, &self.bench, "time the cases", NULL },
    { "layer", 0, 0, G_OPTION_ARG_NONE, &self.layer, "a layer of ViT-L/14 only", NULL },
    { "small", 0, 0, G_OPTION_ARG_NONE, &self.small, "small sizes only", NULL },
    { "random", 0, 0, G_OPTION_ARG_INT, &self.random, "cases of random shapes, of each kind", "N" },
    { "exact", 0, 0, G_OPTION_ARG_NONE, &self.exact, "buffers without guards", NULL },
    { "variant", 0, 0, G_OPTION_ARG_STRING, &variant, "this variant only", "NAME" },
    { "precision", 0, 0, G_OPTION_ARG_STRING, &precision, "this precision only", "NAME" },
    { "emulate", 0, 0, G_OPTION_ARG_STRING, &emulate, "intel8, intel16 or dot, in OpenCL C", "NAME" },
    { "device", 0, 0, G_OPTION_ARG_STRING, &device, "as hysac_device_open()", "NAME" },
    { 0 },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("- check kernels against references");
  g_autoptr(GError) error = NULL;
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 2;
  }
  self.random = MAX(self.random, 0);
  if (emulate != NULL && !emulated_start(emulate, NULL)) {
    fprintf(stderr, "%s cannot be emulated\n", emulate);
    return 2;
  }
  atexit(emulated_stop);
  self.products = emulate != NULL; /* all that is emulated */
  const char *text = g_getenv("HYSAC_SEED");
  guint32 seed = text != NULL ? (guint32) g_ascii_strtoull(text, NULL, 0) : g_random_int();
  printf("# HYSAC_SEED=%u\n", seed);
  g_autoptr(HysacDevice) opened = hysac_device_open(device, &error);
  if (opened == NULL) {
    printf("Bail out! %s\n", error->message);
    return 1;
  }
  printf("# device %s\n", hysac_device_get_info(opened)->name);
  self.device = opened;
  self.why = g_string_new(NULL);
  self.queue = hysac_device_new_queue(opened, TRUE, &error);
  g_auto(GStrv) variants = hysac_ops_variants(opened);
  for (char **v = variants; self.queue != NULL && *v != NULL; v++) {
    if (variant != NULL ? strcmp(*v, variant) != 0 : self.bench && g_str_has_suffix(*v, "-emulated"))
      continue;
    for (gsize i = 0; i < G_N_ELEMENTS(precisions); i++) {
      g_autofree char *name = g_strdup_printf("%s %s", *v, hysac_precision_to_string(precisions[i]));
      if (!any_variant(*v, precisions[i]))
        continue;
      if (precision != NULL && strcmp(precision, hysac_precision_to_string(precisions[i])) != 0)
        continue;
      self.variant = name;
      self.precision = precisions[i];
      self.rand = g_rand_new_with_seed(seed); /* the same cases for each */
      self.ops = hysac_ops_new(opened, precisions[i], *v, &error);
      if (check_ok(&self, self.ops != NULL, &error)) {
        check_taken(&self, *v);
        check_variant(&self);
      } else {
        check_done(&self, "set up");
      }
      hysac_ops_free(self.ops);
      g_rand_free(self.rand);
    }
  }
  if (self.n == 0)
    printf("Bail out! nothing was checked: %s\n", error != NULL ? error->message : "no such variant");
  else
    printf("1..%u\n", self.n);
  g_clear_pointer(&self.queue, clReleaseCommandQueue);
  g_string_free(self.why, TRUE);
  return self.n == 0 || self.failed > 0;
}
