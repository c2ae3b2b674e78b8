/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/logistic.h"

#include <math.h>
#include <string.h>

#define KEPT 12 /* pairs of steps that stand for the curvature */
#define MAX_STEPS 2000
#define TOLERANCE 1e-8
#define MAX_HALVINGS 60
#define ARMIJO 1e-4
/* Deviations below this share of the largest are rounding, not information. */
#define FLAT 1e-9

typedef struct {
  const HysacLogisticData *data;
  gsize n;
  double l2, total;
  double *mean, *scale;    /* [dim]; scale is 1 / deviation, or 0 */
  double *folded, *sums;   /* [dim], scratch */
} Problem;

double
hysac_logistic(double score)
{
  if (score >= 0.0)
    return 1.0 / (1.0 + exp(-score));
  const double e = exp(score);
  return e / (1.0 + e);
}

double
hysac_logistic_score(const double *w, double b, const float *x, guint dim)
{
  double sums[4] = {0};
  guint i = 0;
  for (; i + 4 <= dim; i += 4) {
    for (guint j = 0; j < 4; j++)
      sums[j] += w[i + j] * (double) x[i + j];
  }
  for (; i < dim; i++)
    sums[0] += w[i] * (double) x[i];
  return b + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

static double
dot(const double *a, const double *b, guint n)
{
  double sums[4] = {0};
  guint i = 0;
  for (; i + 4 <= n; i += 4) {
    for (guint j = 0; j < 4; j++)
      sums[j] += a[i + j] * b[i + j];
  }
  for (; i < n; i++)
    sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static gsize
row_of(const HysacLogisticData *data, gsize i)
{
  return data->rows ? data->rows[i] : i;
}

static double
weight_of(const HysacLogisticData *data, gsize row)
{
  return data->weights ? data->weights[row] : 1.0;
}

/* ------------------------------------------------------------ the function */

/* Means and deviations of the features over the samples learned from. */
static gboolean
standardise(Problem *self, GError **error)
{
  const HysacLogisticData *data = self->data;
  double largest = 0.0;

  for (gsize i = 0; i < self->n; i++) {
    const gsize row = row_of(data, i);
    const double c = row < data->n ? weight_of(data, row) : (double) NAN;
    if (!(c >= 0.0) || !isfinite(c) || !(data->targets[row] >= 0.0 && data->targets[row] <= 1.0)) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                  "sample %" G_GSIZE_FORMAT " has no place, weight or target that can be learned from", row);
      return FALSE;
    }
    self->total += c;
    for (guint j = 0; j < data->dim; j++)
      self->mean[j] += c * (double) data->x[row * data->dim + j];
  }
  if (!(self->total > 0.0)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "there is no sample to learn from");
    return FALSE;
  }
  for (guint j = 0; j < data->dim; j++) {
    self->mean[j] /= self->total;
    if (!isfinite(self->mean[j])) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "feature %u is not finite", j);
      return FALSE;
    }
  }
  for (gsize i = 0; i < self->n; i++) {
    const gsize row = row_of(data, i);
    const double c = weight_of(data, row);
    for (guint j = 0; j < data->dim; j++) {
      const double off = (double) data->x[row * data->dim + j] - self->mean[j];
      self->scale[j] += c * off * off;
    }
  }
  for (guint j = 0; j < data->dim; j++) {
    self->scale[j] = sqrt(self->scale[j] / self->total);
    largest = MAX(largest, self->scale[j]);
  }
  for (guint j = 0; j < data->dim; j++) {
    const double deviation = self->scale[j];
    self->scale[j] = deviation > FLAT * MAX(largest, fabs(self->mean[j])) ? 1.0 / deviation : 0.0;
  }
  return TRUE;
}

/* @z: [dim + 1], the last being the bias of standardised features. */
static double
evaluate(const Problem *self, const double *z, double *gradient)
{
  const HysacLogisticData *data = self->data;
  const guint dim = data->dim;
  double loss = 0.0, errors = 0.0, offset = z[dim];

  for (guint j = 0; j < dim; j++) {
    self->folded[j] = z[j] * self->scale[j];
    offset -= self->folded[j] * self->mean[j];
    self->sums[j] = 0.0;
  }
  for (gsize i = 0; i < self->n; i++) {
    const gsize row = row_of(data, i);
    const float *x = data->x + row * dim;
    const double score = hysac_logistic_score(self->folded, offset, x, dim);
    const double target = data->targets[row], c = weight_of(data, row);
    /* log(1 + exp(s)) - t s */
    loss += c * (MAX(score, 0.0) + log1p(exp(-fabs(score))) - target * score);
    const double wrong = c * (hysac_logistic(score) - target);
    errors += wrong;
    for (guint j = 0; j < dim; j++)
      self->sums[j] += wrong * (double) x[j];
  }
  for (guint j = 0; j < dim; j++)
    gradient[j] = self->scale[j] * (self->sums[j] - self->mean[j] * errors) / self->total +
                  self->l2 * z[j];
  gradient[dim] = errors / self->total;
  return loss / self->total + 0.5 * self->l2 * dot(z, z, dim);
}

/* ------------------------------------------------------------ the minimum */

typedef struct {
  guint n, used, next;
  double *steps[KEPT], *changes[KEPT], inverse[KEPT]; /* 1 / (step . change) */
} Memory;

static double
largest_of(const double *values, guint n)
{
  double largest = 0.0;
  for (guint i = 0; i < n; i++)
    largest = fabs(values[i]) > largest || isnan(values[i]) ? fabs(values[i]) : largest;
  return largest;
}

/* Minus the inverse of the curvature seen so far, times the gradient. */
static void
find_direction(const Memory *memory, const double *gradient, double *direction)
{
  double along[KEPT];
  const guint n = memory->n;

  for (guint i = 0; i < n; i++)
    direction[i] = -gradient[i];
  for (guint k = 0; k < memory->used; k++) {
    const guint at = (memory->next + KEPT - 1 - k) % KEPT;
    along[at] = memory->inverse[at] * dot(memory->steps[at], direction, n);
    for (guint i = 0; i < n; i++)
      direction[i] -= along[at] * memory->changes[at][i];
  }
  if (memory->used > 0) {
    const guint last = (memory->next + KEPT - 1) % KEPT;
    const double size =
        1.0 / (memory->inverse[last] * dot(memory->changes[last], memory->changes[last], n));
    for (guint i = 0; i < n; i++)
      direction[i] *= size;
  }
  for (guint k = memory->used; k > 0; k--) {
    const guint at = (memory->next + KEPT - k) % KEPT;
    const double back = along[at] - memory->inverse[at] * dot(memory->changes[at], direction, n);
    for (guint i = 0; i < n; i++)
      direction[i] += back * memory->steps[at][i];
  }
}

static void
remember(Memory *memory, const double *z, const double *trial, const double *gradient,
         const double *trial_gradient)
{
  double *step = memory->steps[memory->next], *change = memory->changes[memory->next];
  for (guint i = 0; i < memory->n; i++) {
    step[i] = trial[i] - z[i];
    change[i] = trial_gradient[i] - gradient[i];
  }
  const double curvature = dot(step, change, memory->n);
  /* Near the minimum a change of the gradient is rounding; what it says is not kept. */
  if (!(curvature > 1e-14 * dot(change, change, memory->n)))
    return;
  memory->inverse[memory->next] = 1.0 / curvature;
  memory->next = (memory->next + 1) % KEPT;
  memory->used = MIN(memory->used + 1, KEPT);
}

/* @work: 4 vectors. TRUE where the gradient has come down. */
static gboolean
minimise(const Problem *problem, Memory *memory, double *z, double *work)
{
  const guint n = memory->n;
  double *gradient = work, *trial = work + n, *trial_gradient = work + 2 * (gsize) n,
         *direction = work + 3 * (gsize) n;
  double value = evaluate(problem, z, gradient);

  for (guint step = 0; step < MAX_STEPS; step++) {
    const double largest = largest_of(gradient, n);
    if (largest <= TOLERANCE)
      return TRUE;
    find_direction(memory, gradient, direction);
    double slope = dot(gradient, direction, n);
    if (!(slope < 0.0)) { /* rounding: begin again, straight down */
      memory->used = 0;
      find_direction(memory, gradient, direction);
      slope = -dot(gradient, gradient, n);
    }
    double length = memory->used > 0 ? 1.0 : MIN(1.0, 1.0 / largest), found = value;
    guint halvings = 0;
    for (; halvings < MAX_HALVINGS; halvings++, length *= 0.5) {
      for (guint i = 0; i < n; i++)
        trial[i] = z[i] + length * direction[i];
      found = evaluate(problem, trial, trial_gradient);
      if (found <= value + ARMIJO * length * slope)
        break;
      /* So near that the values differ by rounding only: the gradient tells. */
      if (found <= value + 1e-14 * fabs(value) && largest_of(trial_gradient, n) < largest)
        break;
    }
    if (halvings == MAX_HALVINGS) {
      if (memory->used == 0)
        return FALSE;
      memory->used = 0;
      continue;
    }
    remember(memory, z, trial, gradient, trial_gradient);
    memcpy(z, trial, n * sizeof *z);
    memcpy(gradient, trial_gradient, n * sizeof *z);
    value = found;
  }
  return FALSE;
}

gboolean
hysac_logistic_fit(const HysacLogisticData *data, double l2, double *w, double *b, GError **error)
{
  const guint dim = data->dim, n = dim + 1;
  const gsize vectors = 4 + 5 + 2 * KEPT;
  g_autofree double *space = g_new0(double, vectors * n);
  double *next = space;
  Memory memory = {.n = n};
  Problem problem = {.data = data, .n = data->rows ? data->n_rows : data->n, .l2 = l2};

  if (!(l2 > 0.0) || !isfinite(l2)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT, "the penalty is %g; above 0 is expected", l2);
    return FALSE;
  }
  double **const places[] = {&problem.mean, &problem.scale, &problem.folded, &problem.sums};
  for (guint i = 0; i < G_N_ELEMENTS(places); i++, next += n)
    *places[i] = next;
  for (guint i = 0; i < KEPT; i++, next += n)
    memory.steps[i] = next;
  for (guint i = 0; i < KEPT; i++, next += n)
    memory.changes[i] = next;
  double *z = next, *work = next + n;
  if (!standardise(&problem, error))
    return FALSE;

  z[dim] = isfinite(*b) ? *b : 0.0;
  for (guint j = 0; j < dim; j++) {
    z[j] = problem.scale[j] > 0.0 && isfinite(w[j]) ? w[j] / problem.scale[j] : 0.0;
    z[dim] += z[j] * problem.scale[j] * problem.mean[j];
  }
  if (!minimise(&problem, &memory, z, work)) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC,
                "logistic regression does not come to its minimum (penalty %g)", l2);
    return FALSE;
  }
  *b = z[dim];
  for (guint j = 0; j < dim; j++) {
    w[j] = z[j] * problem.scale[j];
    *b -= w[j] * problem.mean[j];
  }
  return TRUE;
}

gboolean
hysac_logistic_calibrate(const double *scores, const guint8 *unsafe, gsize n, const guint32 *rows,
                         gsize n_rows, double *slope, double *intercept, GError **error)
{
  g_autofree float *x = g_new(float, n + 1);
  g_autofree double *targets = g_new(double, n + 1);
  const gsize used = rows ? n_rows : n;
  gsize counts[2] = {0, 0};

  for (gsize i = 0; i < used; i++)
    counts[unsafe[rows ? rows[i] : i] ? 1 : 0]++;
  if (counts[0] == 0 || counts[1] == 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "benign and unsafe samples are needed to calibrate");
    return FALSE;
  }
  const double high = ((double) counts[1] + 1.0) / ((double) counts[1] + 2.0);
  const double low = 1.0 / ((double) counts[0] + 2.0);
  for (gsize i = 0; i < n; i++) {
    x[i] = (float) scores[i];
    targets[i] = unsafe[i] ? high : low;
  }
  const HysacLogisticData data = {
      .x = x, .n = n, .dim = 1, .targets = targets, .rows = rows, .n_rows = n_rows};
  *slope = *intercept = 0.0;
  /* So small a penalty that it changes nothing that can be seen. */
  return hysac_logistic_fit(&data, 1e-9, slope, intercept, error);
}
