/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac fit: pictures of its numbers, as SVG. Nothing is told by colour alone: patterns, dashes, marks and
 * words. */

#include "filekind.h"
#include "fit.h"

#include "core/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define WIDTH 720
#define HEIGHT 440
#define LEFT 76.0
#define RIGHT 24.0
#define TOP 52.0
#define BOTTOM 58.0
#define BINS 60
#define FEWEST 1e-4 /* false positives: left end of the ROC's axis */

/* What each begins with, and is known by. */
#define SIDE(x) G_STRINGIFY(x)
#define HEAD                                                                                                    \
  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" SIDE(WIDTH) "\" height=\"" SIDE(HEIGHT) "\" viewBox=\"0 0 " \
  SIDE(WIDTH) " " SIDE(HEIGHT) "\" role=\"img\" font-family=\"sans-serif\" font-size=\"13\">\n<title>"

typedef struct {
  GString *svg;
  double x0, x1, y0, y1;
  gboolean log_x;
} Plot;

/* printf with numbers in any locale: %s only, made by num(). */
static const char *
num(char buffer[G_ASCII_DTOSTR_BUF_SIZE], double value)
{
  return g_ascii_formatd(buffer, G_ASCII_DTOSTR_BUF_SIZE, "%.6g", value);
}

static double
to_x(const Plot *self, double x)
{
  const double part = self->log_x ? log10(MAX(x, self->x0) / self->x0) / log10(self->x1 / self->x0)
                                  : (x - self->x0) / (self->x1 - self->x0);
  return LEFT + part * (WIDTH - LEFT - RIGHT);
}

static double
to_y(const Plot *self, double y)
{
  return HEIGHT - BOTTOM - (y - self->y0) / (self->y1 - self->y0) * (HEIGHT - TOP - BOTTOM);
}

static void
line(const Plot *self, double x0, double y0, double x1, double y1, const char *style)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE],
      d[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(self->svg, "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\" %s/>\n", num(a, x0), num(b, y0),
                         num(c, x1), num(d, y1), style);
}

static void
text(const Plot *self, double x, double y, const char *style, const char *words)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *escaped = g_markup_escape_text(words, -1);
  g_string_append_printf(self->svg, "<text x=\"%s\" y=\"%s\" %s>%s</text>\n", num(a, x), num(b, y), style, escaped);
}

static void
rect(const Plot *self, double x, double y, double width, double height, const char *style)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE], c[G_ASCII_DTOSTR_BUF_SIZE],
      d[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(self->svg, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" %s/>\n", num(a, x), num(b, y),
                         num(c, MAX(width, 0)), num(d, MAX(height, 0)), style);
}

static void
begin(Plot *self, const char *title, const char *x_label, const char *y_label)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  self->svg = g_string_new(NULL);
  g_autofree char *escaped = g_markup_escape_text(title, -1);
  g_string_append_printf(
      self->svg,
      HEAD "%s</title>\n<defs><pattern id=\"hatch\" width=\"6\" "
      "height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><line x1=\"0\" y1=\"0\" x2=\"0\" "
      "y2=\"6\" stroke=\"#a03028\" stroke-width=\"2.5\"/></pattern></defs>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      escaped);
  text(self, LEFT, 24, "font-size=\"16\" font-weight=\"bold\"", title);
  text(self, (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "text-anchor=\"middle\"", x_label);
  g_string_append_printf(self->svg, "<g transform=\"translate(20 %s) rotate(-90)\">", num(a, (TOP + HEIGHT - BOTTOM) / 2));
  text(self, 0, 0, "text-anchor=\"middle\"", y_label);
  g_string_append(self->svg, "</g>\n");
}

static void
tick_x(const Plot *self, double x, const char *label)
{
  line(self, to_x(self, x), TOP, to_x(self, x), HEIGHT - BOTTOM, "stroke=\"#ddd\"");
  text(self, to_x(self, x), HEIGHT - BOTTOM + 18, "text-anchor=\"middle\"", label);
}

static void
tick_y(const Plot *self, double y, const char *label)
{
  line(self, LEFT, to_y(self, y), WIDTH - RIGHT, to_y(self, y), "stroke=\"#ddd\"");
  text(self, LEFT - 8, to_y(self, y) + 4, "text-anchor=\"end\"", label);
}

static void
frame(const Plot *self)
{
  rect(self, LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM, "fill=\"none\" stroke=\"black\"");
}

/* 1, 2 or 5 times a power of ten, so that some five fit. */
static double
step_of(double range)
{
  const double rough = range / 5, power = pow(10, floor(log10(rough))), part = rough / power;
  return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

/* Takes the SVG; whole or not at all. */
static gboolean
finish(Plot *self, const char *dir, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_string_append(self->svg, "</svg>\n");
  const gboolean ok = hysac_write_file(path, self->svg->str, self->svg->len, error);
  g_string_free(self->svg, TRUE);
  return ok;
}

/* ------------------------------------------------------------ distances */

static void
count_bins(const HysacClip *clips, guint n, const Plot *plot, double bins[BINS])
{
  gsize total = 0;
  for (guint i = 0; i < BINS; i++)
    bins[i] = 0;
  for (guint i = 0; i < n; i++) {
    for (gsize s = 0; s < clips[i].n; s++, total++) {
      const double at = (clips[i].distances[s] - plot->x0) / (plot->x1 - plot->x0) * BINS;
      bins[(guint) CLAMP(at, 0, BINS - 1)]++;
    }
  }
  for (guint i = 0; i < BINS && total > 0; i++)
    bins[i] *= 100.0 / (double) total;
}

static void
find_range(const FitResult *result, double *low, double *high)
{
  const HysacClip *sets[] = { result->safe_clips, result->unsafe_clips };
  const guint counts[] = { result->safe->clips->len, result->unsafe->clips->len };
  *low = *high = result->bound;
  for (guint set = 0; set < 2; set++) {
    for (guint i = 0; i < counts[set]; i++) {
      for (gsize s = 0; s < sets[set][i].n; s++) {
        *low = MIN(*low, sets[set][i].distances[s]);
        *high = MAX(*high, sets[set][i].distances[s]);
      }
    }
  }
  const double room = MAX((*high - *low) * 0.04, 1e-9 * fabs(*high) + 1e-12);
  *low -= room;
  *high += room;
}

static void
draw_bins(const Plot *plot, const double bins[BINS], const char *style)
{
  const double width = (WIDTH - LEFT - RIGHT) / BINS;
  for (guint i = 0; i < BINS; i++) {
    if (bins[i] > 0)
      rect(plot, LEFT + i * width, to_y(plot, bins[i]), width, HEIGHT - BOTTOM - to_y(plot, bins[i]), style);
  }
}

static gboolean
plot_distances(const FitResult *result, const char *dir, GError **error)
{
  Plot plot = { 0 };
  double safe[BINS], unsafe[BINS], most = 0;
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  find_range(result, &plot.x0, &plot.x1);
  count_bins(result->safe_clips, result->safe->clips->len, &plot, safe);
  count_bins(result->unsafe_clips, result->unsafe->clips->len, &plot, unsafe);
  for (guint i = 0; i < BINS; i++)
    most = MAX(most, MAX(safe[i], unsafe[i]));
  plot.y1 = most * 1.35; /* no bar reaches the legend */
  const gboolean is_distance = result->score[0] == 'd';
  begin(&plot,
        result->texts ? "Distances of texts, and their bound"
        : is_distance ? "Distances and the bound"
                      : "Scores of the head, and its threshold",
        is_distance ? "distance to the root" : "w . f + b, of samples not learned from", "% of the kind's samples");
  const double dx = step_of(plot.x1 - plot.x0), dy = step_of(plot.y1);
  for (double x = ceil(plot.x0 / dx) * dx; x <= plot.x1; x += dx)
    tick_x(&plot, x, num(a, fabs(x) < dx * 1e-9 ? 0 : x));
  for (double y = 0; y <= plot.y1; y += dy)
    tick_y(&plot, y, num(a, y));
  draw_bins(&plot, safe, "fill=\"#9db8d9\" stroke=\"#36557d\"");
  draw_bins(&plot, unsafe, "fill=\"url(#hatch)\" stroke=\"#a03028\"");
  const double at = to_x(&plot, result->bound);
  line(&plot, at, TOP, at, HEIGHT - BOTTOM, "stroke=\"black\" stroke-width=\"2\" stroke-dasharray=\"7 4\"");
  g_autofree char *label = g_strdup_printf("%s %s: unsafe to the right", result->limit, num(a, result->bound));
  text(&plot, MIN(at, WIDTH - RIGHT - 10), TOP - 8, at > WIDTH / 2 ? "text-anchor=\"end\"" : "", label);
  frame(&plot);
  rect(&plot, LEFT + 12, TOP + 12, 18, 12, "fill=\"#9db8d9\" stroke=\"#36557d\"");
  text(&plot, LEFT + 36, TOP + 23, "", "safe (plain)");
  if (result->unsafe->clips->len > 0) {
    rect(&plot, LEFT + 12, TOP + 32, 18, 12, "fill=\"url(#hatch)\" stroke=\"#a03028\"");
    text(&plot, LEFT + 36, TOP + 43, "", "unsafe (hatched)");
  }
  if (fit_doubt_bound(result) != NULL)
    text(&plot, LEFT + 12, TOP + 63, "font-style=\"italic\"", fit_doubt_bound(result));
  return finish(&plot, dir, is_distance ? "distances.svg" : "scores.svg", error);
}

/* ------------------------------------------------------------ ROC */

/* What the safe samples are too few for stands under the title. */
static void
write_doubts(const Plot *plot, const FitResult *result)
{
  const char *at_1 = fit_doubt_recall(result, 0.01), *at_01 = fit_doubt_recall(result, 0.001);
  if (at_01 == NULL) /* then neither has one */
    return;
  g_autofree char *words =
      at_1 != NULL && strcmp(at_1, at_01) == 0 ? g_strdup_printf("(?) at 1 %% and at 0.1 %%: %s", at_1)
      : at_1 != NULL ? g_strdup_printf("(?) at 1 %%: %s; at 0.1 %%: %s", at_1, at_01)
                     : g_strdup_printf("(?) at 0.1 %%: %s", at_01);
  text(plot, LEFT, TOP - 10, "font-size=\"12\" font-style=\"italic\"", words);
}

static void
mark_recall(const Plot *plot, const FitResult *result, double rate, const HysacEstimate *recall, const char *words)
{
  char a[G_ASCII_DTOSTR_BUF_SIZE];
  const double x = to_x(plot, rate), y = to_y(plot, recall->value);
  line(plot, x, TOP, x, HEIGHT - BOTTOM, "stroke=\"#555\" stroke-dasharray=\"3 3\"");
  if (isfinite(recall->low)) {
    line(plot, x, to_y(plot, recall->low), x, to_y(plot, recall->high), "stroke=\"#a03028\" stroke-width=\"4\"");
    line(plot, x - 6, to_y(plot, recall->low), x + 6, to_y(plot, recall->low), "stroke=\"#a03028\" stroke-width=\"2\"");
    line(plot, x - 6, to_y(plot, recall->high), x + 6, to_y(plot, recall->high), "stroke=\"#a03028\" stroke-width=\"2\"");
  }
  rect(plot, x - 5, y - 5, 10, 10, "fill=\"white\" stroke=\"black\" stroke-width=\"2\"");
  g_autofree char *label = g_strdup_printf("%s: %s %%%s", words, num(a, round(1000 * recall->value) / 10),
                                           fit_doubt_recall(result, rate) ? " (?)" : "");
  text(plot, x + 10, CLAMP(y + 18, TOP + 16, HEIGHT - BOTTOM - 8), "", label);
}

static gboolean
plot_roc(const FitResult *result, const char *dir, GError **error)
{
  static const char *const labels[] = { "0.01 %", "0.1 %", "1 %", "10 %", "100 %" };
  Plot plot = { .x0 = FEWEST, .x1 = 1, .y0 = 0, .y1 = 1, .log_x = TRUE };
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  gsize n;
  g_autoptr(HysacRoc) roc = fit_make_roc(result);
  const HysacRocPoint *points = hysac_roc_points(roc, &n);
  g_autofree char *title = g_strdup_printf("ROC of the %s: AUC %s", result->score,
                                           num(a, round(10000 * result->measures->roc.auc.value) / 10000));
  begin(&plot, title, "false positives, of the safe samples (logarithmic; none: left edge)",
        "recall, of the unsafe samples");
  for (guint i = 0; i < G_N_ELEMENTS(labels); i++)
    tick_x(&plot, pow(10, (int) i - 4), labels[i]);
  for (guint i = 0; i <= 5; i++) {
    g_autofree char *label = g_strdup_printf("%u %%", 20 * i);
    tick_y(&plot, 0.2 * i, label);
  }
  g_string_append(plot.svg, "<polyline fill=\"none\" stroke=\"#36557d\" stroke-width=\"2.5\" points=\"");
  for (gsize i = 0; i < n; i++) {
    if (i > 0) /* a step: nothing lies between two thresholds */
      g_string_append_printf(plot.svg, "%s,%s ", num(a, to_x(&plot, points[i].false_positives)),
                             num(b, to_y(&plot, points[i - 1].recall)));
    g_string_append_printf(plot.svg, "%s,%s ", num(a, to_x(&plot, points[i].false_positives)),
                           num(b, to_y(&plot, points[i].recall)));
  }
  g_string_append(plot.svg, "\"/>\n");
  mark_recall(&plot, result, 0.01, &result->measures->roc.at_1, "at 1 %");
  mark_recall(&plot, result, 0.001, &result->measures->roc.at_01, "at 0.1 %");
  write_doubts(&plot, result);
  frame(&plot);
  return finish(&plot, dir, "roc.svg", error);
}

/* ------------------------------------------------------------ reliability */

static gboolean
plot_reliability(const FitResult *result, const char *dir, GError **error)
{
  const HysacMeasures *m = result->measures;
  Plot plot = { .x0 = 0, .x1 = 1, .y0 = 0, .y1 = 1 };
  char a[G_ASCII_DTOSTR_BUF_SIZE], b[G_ASCII_DTOSTR_BUF_SIZE];
  g_autofree char *title = g_strdup_printf("Reliability: Brier %s, ECE %s", num(a, round(1e4 * m->reliability.brier) / 1e4),
                                           num(b, round(1e4 * m->reliability.ece) / 1e4));
  begin(&plot, title, "probability of unsafe that is said (numbers: samples)", "share that was unsafe");
  for (guint i = 0; i <= 5; i++) {
    g_autofree char *label = g_strdup_printf("%u %%", 20 * i);
    tick_x(&plot, 0.2 * i, label);
    tick_y(&plot, 0.2 * i, label);
  }
  line(&plot, to_x(&plot, 0), to_y(&plot, 0), to_x(&plot, 1), to_y(&plot, 1), "stroke=\"black\" stroke-dasharray=\"7 4\"");
  text(&plot, to_x(&plot, 0.02), to_y(&plot, 0.95), "", "dashed: as it should be");
  for (guint i = 0; i < HYSAC_MEASURES_BINS; i++) {
    const HysacReliabilityBin *bin = &m->bins[i];
    if (bin->count == 0)
      continue;
    const double x = to_x(&plot, bin->predicted), y = to_y(&plot, bin->observed);
    g_autofree char *label = g_strdup_printf("%" G_GUINT64_FORMAT, bin->count);
    line(&plot, x, y, x, to_y(&plot, bin->predicted), "stroke=\"#36557d\" stroke-width=\"2\"");
    rect(&plot, x - 5, y - 5, 10, 10, "fill=\"#9db8d9\" stroke=\"#36557d\" stroke-width=\"2\"");
    text(&plot, x + 9, CLAMP(y + 16, TOP + 14, HEIGHT - BOTTOM - 6), "font-size=\"12\"", label);
  }
  frame(&plot);
  return finish(&plot, dir, "reliability.svg", error);
}

gboolean
fit_is_plot(const char *path)
{
  char head[sizeof HEAD - 1];
  return tool_read_head(path, head, sizeof head) == sizeof head && memcmp(head, HEAD, sizeof head) == 0;
}

gboolean
fit_write_plots(const FitResult *result, const char *dir, GError **error)
{
  if (g_mkdir_with_parents(dir, 0755) != 0) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_IO, "%s: %s", dir, g_strerror(errno));
    return FALSE;
  }
  return plot_distances(result, dir, error) &&
         (result->measures->unsafe_clips == 0 ||
          (plot_roc(result, dir, error) &&
           (!isfinite(result->measures->reliability.brier) || plot_reliability(result, dir, error))));
}
