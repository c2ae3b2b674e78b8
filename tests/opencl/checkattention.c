/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Attention over the tokens of images, and how far any attention may be off. */

#include "checkattention.h"

#include "ref_ops.h"

#include <math.h>
#include <string.h>

static void
expect_canaries(Check *self, const float *x, gsize n)
{
  const guint32 canary = CHECK_CANARY;
  for (gsize i = 0; i < n; i++) {
    if (memcmp(x + i, &canary, sizeof canary) != 0) {
      check_fail(self, "written where nothing was asked for");
      break;
    }
  }
}

float *
check_pad_heads(const float *data, gsize rows, gsize heads, gsize head, gsize padded)
{
  float *to = g_new0(float, rows * 3 * heads * padded);
  for (gsize i = 0; i < rows * 3 * heads; i++)
    memcpy(to + i * padded, data + i * head, head * sizeof *to);
  return to;
}

void
check_expect_attention(Check *self, const float *got, gsize ld, const double *want, const double *noise, gsize rows,
                       gsize cols, double limit)
{
  double error = 0.0, explained = 0.0;
  for (gsize i = 0; i < rows * cols; i++)
    explained += noise[i];
  for (gsize i = 0; i < rows * cols; i++) {
    const double d = (double) got[i / cols * ld + i % cols] - want[i];
    error += d * d;
    if (!(d * d <= 1e3 * limit * (noise[i] + explained / (double) (rows * cols)))) {
      check_fail(self, "row %zu, column %zu: %g for %g", i / cols, i % cols, want[i] + d, want[i]);
      return;
    }
  }
  if (!(error <= limit * explained))
    check_fail(self, "mean square error %.3g of what relative errors of 1 would make", error / explained);
}

typedef struct {
  Check *check;
  HysacAttention shape;
  Guarded qkv, out, scratch;
  gsize ld, ldo, images, queries;
  float scale;
} Attention;

static gboolean
run_attention(gpointer data, cl_event *event)
{
  Attention *t = data;
  g_autoptr(GError) error = NULL;
  return check_ok(t->check, hysac_ops_attention(t->check->ops, t->check->queue, t->qkv.mem, t->ld,
                                                t->out.mem, t->ldo, t->images, t->queries,
                                                t->scale, t->scratch.mem, event, &error), &error);
}

static Guarded
make_qkv(const Attention *t, const float *data, gsize rows, gsize width)
{
  return (t->shape.halves ? check_halves : check_matrix)(t->check, data, rows, 3 * width, t->ld);
}

/* What is @not_finite in @token's q, k or v of @rows, an image's of three times @width, as number @d of the
 * last head, stays so: in its row, or in all rows that see it; and in no other head. */
static void
check_attention_finite(Check *self, Attention *t, float *rows, gsize tokens, gsize heads, gsize width, gsize token,
                       gsize d, float not_finite)
{
  const gsize column = (heads - 1) * t->shape.head;
  for (gsize part = 0; part < 3; part++) {
    const gsize at = token * 3 * width + part * width + column + d;
    const float kept = rows[at];
    g_autofree float *got = NULL;
    rows[at] = not_finite;
    check_release(&t->qkv);
    check_release(&t->out);
    t->images = 1;
    t->qkv = make_qkv(t, rows, tokens, width);
    t->out = check_buffer(self, (tokens - 1) * t->ldo + width);
    rows[at] = kept;
    if (!run_attention(t, NULL))
      return;
    got = check_read(self, &t->out);
    for (gsize i = 0; i < tokens; i++) {
      if ((part > 0 || i == token) && isfinite(got[i * t->ldo + column + d])) {
        check_fail(self, "row %zu does not show %g in %c", i, (double) not_finite, "qkv"[part]);
        return;
      }
      for (gsize j = 0; j < column; j++) {
        if (!isfinite(got[i * t->ldo + j])) {
          check_fail(self, "row %zu column %zu shows what is not finite in another head's %c", i, j, "qkv"[part]);
          return;
        }
      }
    }
  }
}

void
check_attention(Check *self, gsize images, gsize tokens, gsize heads, gsize head, Fill fill)
{
  g_autoptr(GError) error = NULL;
  Attention t = { .check = self, .images = images, .queries = tokens };
  const gsize rows = images * tokens, inner = heads * head;
  g_autofree float *data = check_random(self, rows * 3 * inner, fill, 1.0f), *padded = NULL;
  g_autofree float *first = NULL, *again = NULL, *alone = NULL;
  g_autofree char *what = NULL;
  t.scale = (float) (1.0 / sqrt((double) head));
  if (fill == FILL_INTEGER)
    t.scale = 0.25f; /* logits of thousands, exact */
  if (!check_ok(self, hysac_ops_attention_setup(self->ops, tokens, heads, head, &t.shape, &error),
                &error))
    goto out;
  const gsize hp = t.shape.head, width = heads * hp;
  padded = check_pad_heads(data, rows, heads, head, hp);
  t.ld = 3 * width + 16;
  t.ldo = width + 16;
  for (gsize i = 0; t.shape.halves && i < rows * 3 * width; i++)
    padded[i] = (float) check_from_half(check_to_half(padded[i]));
  t.qkv = make_qkv(&t, padded, rows, width);
  t.out = check_buffer(self, (rows - 1) * t.ldo + width);
  if (t.shape.scratch_bytes > 0)
    t.scratch = check_buffer(self, images * t.shape.scratch_bytes / sizeof(float));
  if (!run_attention(&t, NULL))
    goto out;
  first = check_read(self, &t.out);
  check_guards(self, &t.out, rows, width, t.ldo);
  if (t.shape.scratch_bytes > 0)
    check_guards(self, &t.scratch, 1, t.scratch.n, t.scratch.n);
  {
    g_autofree double *d = check_double(padded, rows * 3 * width), *want = g_new0(double, rows * width),
                      *noise = g_new0(double, rows * width);
    for (gsize i = 0; i < images; i++)
      ref_attention(d + i * tokens * 3 * width, 3 * width, want + i * tokens * width, noise + i * tokens * width,
                    width, tokens, heads, hp, FALSE, (double) t.scale);
    const gboolean amx = g_str_has_prefix(self->variant, "x86-avx512-amx");
    double limit = ATTENTION_LIMIT;
    if (t.shape.halves) /* bf16: up to 4.3e-6 in random cases, 12 bits 2.6e-7, fewer 1.2e-6 */
      limit = amx ? 2e-5 : head > 256 ? 4e-6 : 1e-6;
    else if (amx)
      limit = 1e-10; /* floats in two parts: up to 1.6e-11 */
    if (!t.shape.halves || fill != FILL_INTEGER) /* logits of thousands: from halves not to a digit */
      check_expect_attention(self, first, t.ldo, want, noise, rows, width, limit);
  }
  if (!run_attention(&t, NULL))
    goto out;
  again = check_read(self, &t.out);
  check_expect_same(self, first, again, (rows - 1) * t.ldo + width, "other bits the second time");
  { /* the first queries only */
    g_autofree float *few = NULL;
    check_release(&t.out);
    t.out = check_buffer(self, (rows - 1) * t.ldo + width);
    t.queries = (tokens + 2) / 3;
    if (!run_attention(&t, NULL))
      goto out;
    few = check_read(self, &t.out);
    for (gsize i = 0; i < rows; i++) {
      if (i % tokens < t.queries)
        check_expect_same(self, first + i * t.ldo, few + i * t.ldo, width, "other bits for fewer queries");
      else
        expect_canaries(self, few + i * t.ldo, width);
    }
    t.queries = tokens;
  }
  if (images > 1) { /* the last image alone */
    check_release(&t.qkv);
    t.qkv = make_qkv(&t, padded + (images - 1) * tokens * 3 * width, tokens, width);
    t.images = 1;
    if (!run_attention(&t, NULL))
      goto out;
    alone = check_read(self, &t.out);
    for (gsize i = 0; i < tokens; i++)
      check_expect_same(self, first + ((images - 1) * tokens + i) * t.ldo, alone + i * t.ldo, width,
                  "other bits for the last image alone");
  }
  what = g_strdup_printf("attention %zu tokens %zu heads of %zu", tokens, heads, head);
  check_time(self, what, 4.0 * (double) (t.images * tokens) * (double) (tokens * inner), run_attention,
             &t);
  check_attention_finite(self, &t, padded, tokens, heads, width, tokens - 1, 0, NAN);
  check_attention_finite(self, &t, padded, tokens, heads, width, 0, head - 1, NAN);
  if (t.shape.halves) { /* which end sooner than floats */
    check_attention_finite(self, &t, padded, tokens, heads, width, tokens - 1, 0, INFINITY);
    check_attention_finite(self, &t, padded, tokens, heads, width, tokens / 2, head / 2, -INFINITY);
  }
out:
  check_release(&t.qkv);
  check_release(&t.out);
  check_release(&t.scratch);
  check_done(self, "attention %zu images %zu tokens %zu heads of %zu %s", images, tokens, heads, head,
             fill_names[fill]);
}
