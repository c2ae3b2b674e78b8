/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "checktext.h"

#include "checkattention.h"
#include "ref_ops.h"

#include <math.h>
#include <string.h>

typedef struct {
  Check *check;
  HysacAttention shape;
  Guarded qkv, starts, out, scratch;
  gsize ld, ldo, texts, longest;
  gboolean last;
  float scale;
} Causal;

static gboolean
run_causal(gpointer data, cl_event *event)
{
  Causal *t = data;
  g_autoptr(GError) error = NULL;
  return check_ok(t->check, hysac_ops_attention_causal(t->check->ops, t->check->queue, t->qkv.mem, t->ld,
                                                       t->starts.mem, t->out.mem, t->ldo, t->texts, t->longest,
                                                       t->last, t->scale, t->scratch.mem, event, &error), &error);
}

/* @bounds as a buffer. */
static Guarded
upload_bounds(Check *self, const guint32 *bounds, gsize n)
{
  g_autofree float *bits = g_new(float, n);
  memcpy(bits, bounds, n * sizeof *bits);
  return check_matrix(self, bits, 1, n, n);
}

/* Runs it into a new buffer of @rows rows and reads that; NULL and a failure. */
static float *
run_into(Causal *t, gsize rows, gsize width)
{
  check_release(&t->out);
  t->out = check_buffer(t->check, (rows - 1) * t->ldo + width);
  if (!run_causal(t, NULL))
    return NULL;
  check_guards(t->check, &t->out, rows, width, t->ldo);
  return check_read(t->check, &t->out);
}

static void
compare(Check *self, const float *got, gsize ldo, const float *padded, const guint32 *bounds, gsize texts,
        gsize heads, gsize head, double scale)
{
  const gsize width = heads * head, rows = bounds[texts];
  g_autofree double *d = check_double(padded, rows * 3 * width), *want = g_new0(double, rows * width),
                    *noise = g_new0(double, rows * width);
  for (gsize i = 0; i < texts; i++)
    ref_attention(d + bounds[i] * 3 * width, 3 * width, want + bounds[i] * width, noise + bounds[i] * width, width,
                  bounds[i + 1] - bounds[i], heads, head, TRUE, scale);
  check_expect_attention(self, got, ldo, want, noise, rows, width, ATTENTION_LIMIT); /* in floats, always */
}

void
check_causal(Check *self, const gsize *lengths, gsize texts, gsize heads, gsize head, Fill fill)
{
  g_autoptr(GError) error = NULL;
  Causal t = { .check = self, .texts = texts };
  g_autofree guint32 *bounds = g_new0(guint32, texts + 1);
  g_autofree float *padded = NULL, *first = NULL, *again = NULL, *last = NULL, *alone = NULL, *other = NULL;
  for (gsize i = 0; i < texts; i++) {
    bounds[i + 1] = bounds[i] + (guint32) lengths[i];
    t.longest = MAX(t.longest, lengths[i]);
  }
  const gsize rows = bounds[texts], inner = heads * head;
  g_autofree float *data = check_random(self, rows * 3 * inner, fill, 1.0f);
  t.scale = fill == FILL_INTEGER ? 0.25f : (float) (1.0 / sqrt((double) head));
  /* Room for more than the longest here: what is set up is the tower's context. */
  if (!check_ok(self, hysac_ops_attention_setup_causal(self->ops, t.longest + 5, heads, head, &t.shape, &error),
                &error))
    goto out;
  const gsize hp = t.shape.head, width = heads * hp;
  padded = check_pad_heads(data, rows, heads, head, hp);
  t.ld = 3 * width + 16;
  t.ldo = width + 16;
  t.qkv = check_matrix(self, padded, rows, 3 * width, t.ld);
  t.starts = upload_bounds(self, bounds, texts + 1);
  if (t.shape.scratch_bytes > 0)
    t.scratch = check_buffer(self, texts * t.shape.scratch_bytes / sizeof(float));
  if ((first = run_into(&t, rows, width)) == NULL)
    goto out;
  if (t.shape.scratch_bytes > 0)
    check_guards(self, &t.scratch, 1, t.scratch.n, t.scratch.n);
  compare(self, first, t.ldo, padded, bounds, texts, heads, hp, (double) t.scale);
  if ((again = run_into(&t, rows, width)) == NULL)
    goto out;
  check_expect_same(self, first, again, (rows - 1) * t.ldo + width, "other bits the second time");
  if (rows > 1) {
    g_autofree char *what = g_strdup_printf("causal attention %zu tokens %zu heads of %zu", rows, heads, head);
    check_time(self, what, 2.0 * (double) rows * (double) (t.longest * inner), run_causal, &t);
  }
  t.last = TRUE;
  if ((last = run_into(&t, texts, width)) == NULL)
    goto out;
  for (gsize i = 0; i < texts; i++)
    check_expect_same(self, first + (bounds[i + 1] - 1) * t.ldo, last + i * t.ldo, width,
                      "other bits for the last token alone");
  t.last = FALSE;
  { /* the last text alone */
    const guint32 one[] = { 0, (guint32) lengths[texts - 1] };
    check_release(&t.qkv);
    check_release(&t.starts);
    t.qkv = check_matrix(self, padded + bounds[texts - 1] * 3 * width, one[1], 3 * width, t.ld);
    t.starts = upload_bounds(self, one, 2);
    t.texts = 1;
    t.longest = one[1];
    if ((alone = run_into(&t, one[1], width)) == NULL)
      goto out;
    for (gsize i = 0; i < one[1]; i++)
      check_expect_same(self, first + (bounds[texts - 1] + i) * t.ldo, alone + i * t.ldo, width,
                        "other bits for a text alone");
    /* Another last token, and no token before it knows. */
    for (gsize i = 0; i < 3 * width; i++)
      padded[(rows - 1) * 3 * width + i] *= -3.0f;
    check_release(&t.qkv);
    t.qkv = check_matrix(self, padded + bounds[texts - 1] * 3 * width, one[1], 3 * width, t.ld);
    if ((other = run_into(&t, one[1], width)) == NULL)
      goto out;
    for (gsize i = 0; i + 1 < one[1]; i++)
      check_expect_same(self, alone + i * t.ldo, other + i * t.ldo, width, "a token sees a later one");
  }
out:
  check_release(&t.qkv);
  check_release(&t.starts);
  check_release(&t.out);
  check_release(&t.scratch);
  check_done(self, "causal attention %zu texts %zu tokens %zu heads of %zu %s", texts, rows, heads, head,
             fill_names[fill]);
}

void
check_embed_text(Check *self, gsize texts, gsize width)
{
  enum { VOCAB = 31, CONTEXT = 9 };
  g_autoptr(GError) error = NULL;
  const gsize ldx = width + 5, ldy = width + 2;
  g_autofree guint32 *bounds = g_new0(guint32, texts + 1);
  for (gsize i = 0; i < texts; i++)
    bounds[i + 1] = bounds[i] + (guint32) g_rand_int_range(self->rand, 1, CONTEXT + 1);
  const gsize rows = bounds[texts];
  g_autofree float *table = check_random(self, VOCAB * width, FILL_NORMAL, 1.0f),
                   *position = check_random(self, CONTEXT * width, FILL_NORMAL, 1.0f);
  g_autofree guint32 *ids = g_new(guint32, rows), *places = g_new(guint32, rows);
  for (gsize i = 0; i < rows; i++) {
    ids[i] = i == 0 ? VOCAB - 1 : (guint32) g_rand_int_range(self->rand, 0, VOCAB);
    places[i] = i == 0 ? CONTEXT - 1 : (guint32) g_rand_int_range(self->rand, 0, CONTEXT);
  }
  Guarded gt = check_matrix(self, table, VOCAB, width, width), gp = check_matrix(self, position, CONTEXT, width, width),
          gi = upload_bounds(self, ids, rows), gl = upload_bounds(self, places, rows),
          gs = upload_bounds(self, bounds, texts + 1), x = check_buffer(self, (rows - 1) * ldx + width),
          y = check_buffer(self, (texts - 1) * ldy + width);
  if (check_ok(self, hysac_ops_embed_text(self->ops, self->queue, gt.mem, gp.mem, gi.mem, gl.mem, x.mem, ldx, rows,
                                          width, NULL, &error), &error) &&
      check_ok(self, hysac_ops_embed_last(self->ops, self->queue, x.mem, ldx, gs.mem, y.mem, ldy, texts, width, NULL,
                                          &error), &error)) {
    g_autofree float *got = check_read(self, &x), *last = check_read(self, &y), *want = g_new(float, width);
    check_guards(self, &x, rows, width, ldx);
    check_guards(self, &y, texts, width, ldy);
    for (gsize i = 0; i < rows; i++) {
      ref_embed_text(table, position, ids[i], places[i], want, width);
      check_expect_same(self, got + i * ldx, want, width, "not the sum of the two rows");
    }
    for (gsize i = 0; i < texts; i++)
      check_expect_same(self, last + i * ldy, got + (bounds[i + 1] - 1) * ldx, width, "not the text's last row");
  }
  Guarded *all[] = { &gt, &gp, &gi, &gl, &gs, &x, &y };
  for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
    check_release(all[i]);
  check_done(self, "embed %zu texts, width %zu", texts, width);
}

void
check_texts(Check *self)
{
  static const gsize one[] = { 1 }, mixed[] = { 1, 7, 3, 13 }, tile[] = { 12, 24, 6, 18 }, around[] = { 31, 33, 32 },
                     whole[] = { 77 }, two[] = { 65, 70 }, rising[] = { 2, 20, 40, 64, 77 };
  check_causal(self, one, 1, 1, 1, FILL_NORMAL);
  check_causal(self, mixed, 4, 2, 13, FILL_NORMAL);
  check_causal(self, around, 3, 3, 20, FILL_NORMAL);
  check_causal(self, two, 2, 1, 16, FILL_NORMAL);
  check_causal(self, tile, 4, 2, 20, FILL_ZERO);
  check_causal(self, mixed, 4, 2, 20, FILL_INTEGER);
  if (!self->small) {
    check_causal(self, tile, 4, 2, 64, FILL_NORMAL);
    check_causal(self, rising, 5, 3, 24, FILL_NORMAL);
    check_causal(self, whole, 1, 12, 64, FILL_NORMAL);
    check_causal(self, around, 3, 2, 80, FILL_INTEGER);
  }
  for (guint i = 0; !self->small && i < (guint) self->random; i++) {
    gsize lengths[5];
    const gsize texts = (gsize) g_rand_int_range(self->rand, 1, 6);
    for (gsize j = 0; j < texts; j++)
      lengths[j] = (gsize) g_rand_int_range(self->rand, 1, 90);
    check_causal(self, lengths, texts, (gsize) g_rand_int_range(self->rand, 1, 6),
                 (gsize) g_rand_int_range(self->rand, 1, 70), FILL_NORMAL);
  }
  check_embed_text(self, 1, 1);
  check_embed_text(self, 5, 52);
}
