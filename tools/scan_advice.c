/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "scan_advice.h"

#include <math.h>
#include <string.h>

/* ------------------------------------------------------------------ stretches in which rules act */

void
scan_acting_init(ScanActing *self)
{
  for (guint i = 0; i < HYSAC_N_RULES; i++)
    hysac_segmenter_init(&self->rules[i]);
}

static void
keep(GArray *acts, guint rule, const HysacSegment *segment)
{
  const ScanAct act = { .rule = rule, .first = segment->first, .last = segment->last,
                        .start = segment->start, .end = segment->end };
  g_array_append_val(acts, act);
}

void
scan_acting_add(ScanActing *self, GArray *acts, const HysacSegmentFrame *frame, guint32 marks)
{
  HysacSegment ended;
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    HysacSegmentFrame own = *frame;
    /* All that redacts is one stretch, whatever its reason and interval. */
    own.marked = marks >> i & 1;
    own.verdict = "unsafe";
    own.reason = HYSAC_REASON_UNSAFE;
    own.interval = 0;
    if (hysac_segmenter_add(&self->rules[i], &own, &ended))
      keep(acts, i, &ended);
  }
}

static int
compare_acts(gconstpointer a, gconstpointer b)
{
  const ScanAct *x = a, *y = b;
  return x->first != y->first ? (x->first > y->first) - (x->first < y->first)
                              : (x->rule > y->rule) - (x->rule < y->rule);
}

void
scan_acting_end(ScanActing *self, GArray *acts)
{
  HysacSegment ended;
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (hysac_segmenter_break(&self->rules[i], &ended))
      keep(acts, i, &ended);
  }
  g_array_sort(acts, compare_acts);
}

guint32 *
scan_file_marks(const ScanFile *file)
{
  guint32 *marks = g_new0(guint32, MAX(file->samples->len, 1));
  for (guint i = 0; i < file->acts->len; i++) {
    const ScanAct *act = &g_array_index(file->acts, ScanAct, i);
    guint low = 0, high = file->samples->len;
    while (low < high) {
      const guint middle = (low + high) / 2;
      if (g_array_index(file->samples, ScanSample, middle).frame < act->first)
        low = middle + 1;
      else
        high = middle;
    }
    for (; low < file->samples->len && g_array_index(file->samples, ScanSample, low).frame <= act->last; low++)
      marks[low] |= 1u << act->rule;
  }
  return marks;
}

guint32
scan_segment_marks(const ScanFile *file, const HysacSegment *segment)
{
  guint32 marks = 0;
  for (guint i = 0; i < file->acts->len; i++) {
    const ScanAct *act = &g_array_index(file->acts, ScanAct, i);
    if (act->first > segment->last)
      break;
    if (act->last >= segment->first)
      marks |= 1u << act->rule;
  }
  return marks;
}

/* Intervals of rules have a number in the upper bits (core/policyset.h). */
gboolean
scan_segment_by_region(const HysacSegment *segment)
{
  return segment->interval != 0 && segment->interval >> 48 == 0;
}

guint32
scan_file_by(const ScanFile *file, gboolean *region)
{
  guint32 marks = 0;
  *region = FALSE;
  for (guint k = 0; k < scan_file_count(file); k++) {
    const ScanFile *stream = scan_file_stream(file, k);
    for (guint i = 0; i < stream->segments->len; i++)
      *region |= scan_segment_by_region(&g_array_index(stream->segments, ScanSegment, i).segment);
    for (guint i = 0; i < stream->acts->len; i++)
      marks |= 1u << g_array_index(stream->acts, ScanAct, i).rule;
  }
  return marks;
}

void
scan_sum_by(GPtrArray *files, ScanSum *out)
{
  *out = (ScanSum) { 0 };
  for (guint f = 0; f < files->len; f++) {
    gboolean region;
    const guint32 marks = scan_file_by(files->pdata[f], &region);
    out->region += region;
    for (guint i = 0; i < HYSAC_N_RULES; i++)
      out->rules[i] += marks >> i & 1;
  }
}

char *
scan_text_sum(const ScanSum *sum)
{
  GString *out = g_string_new(NULL);
  g_string_append_printf(out, "region %u", sum->region);
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (sum->rules[i] > 0)
      g_string_append_printf(out, ", %s %u", hysac_rule_to_string(i), sum->rules[i]);
  }
  return g_string_free(out, FALSE);
}

void
scan_json_by(GString *out, gboolean region, guint32 marks)
{
  const gsize at = out->len;
  hysac_rules_append(marks, out);
  if (region)
    g_string_insert(out, (gssize) at + 1, marks ? "\"region\"," : "\"region\"");
}

void
scan_json_act(GString *out, const ScanAct *act)
{
  g_string_append_printf(out,
                         "\"rule\":\"%s\",\"start\":%" G_GINT64_FORMAT ",\"end\":%" G_GINT64_FORMAT
                         ",\"first_frame\":%" G_GUINT64_FORMAT ",\"last_frame\":%" G_GUINT64_FORMAT,
                         hysac_rule_to_string(act->rule), act->start, act->end, act->first, act->last);
}

char *
scan_text_by(gboolean region, guint32 marks)
{
  GString *out = g_string_new(region ? "region" : NULL);
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (marks >> i & 1)
      g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", hysac_rule_to_string(i));
  }
  return g_string_free(out, FALSE);
}

/* ------------------------------------------------------------------ scores */

const HysacRating *
scan_rating(const ScanFile *file, guint sample)
{
  const HysacRating *rating =
      sample < file->ratings->len ? &g_array_index(file->ratings, HysacRating, sample) : NULL;
  return rating != NULL && (rating->has_categories || rating->has_head) ? rating : NULL;
}

static gboolean
has_safe(const ScanSettings *settings, guint rule)
{
  HysacConcepts *concepts = hysac_rater_get_concepts(settings->rater);
  for (guint i = 0; i < hysac_concepts_get_count(concepts); i++) {
    const HysacConcept *concept = hysac_concepts_get(concepts, i);
    if (concept->safe &&
        (concept->category == (HysacCategory) rule || concept->category == HYSAC_CATEGORY_NONE))
      return TRUE;
  }
  return FALSE;
}

const char *
scan_measure(const ScanSettings *settings, guint rule)
{
  return rule == HYSAC_RULE_HEAD ? "score" : has_safe(settings, rule) ? "lead" : "inner";
}

double
scan_value(const ScanSettings *settings, const HysacRating *rating, guint rule)
{
  if (rating == NULL || (rule == HYSAC_RULE_HEAD ? !rating->has_head : !rating->has_categories))
    return (double) NAN;
  if (rule == HYSAC_RULE_HEAD)
    return rating->head.score;
  return has_safe(settings, rule) ? rating->categories[rule].lead : rating->categories[rule].inner;
}

gboolean
scan_has_rule(const ScanSettings *settings, guint rule)
{
  return rule == HYSAC_RULE_HEAD ? settings->rules.head.set : settings->rules.categories[rule].set;
}

double
scan_threshold(const ScanSettings *settings, guint rule)
{
  if (rule == HYSAC_RULE_HEAD) {
    HysacHead *head = hysac_rater_get_head(settings->rater);
    return settings->rules.head.has_threshold   ? settings->rules.head.threshold
           : hysac_head_get_n_classes(head) == 1 ? hysac_head_get_threshold(head, 0)
                                                 : (double) NAN;
  }
  const HysacCategoryRule *own = &settings->rules.categories[rule];
  if (has_safe(settings, rule))
    return own->has_lead ? own->lead : 0;
  return own->has_inner ? own->inner : (double) NAN;
}

gboolean
scan_reaches(const ScanSettings *settings, const HysacRating *rating, guint rule)
{
  if (rating == NULL)
    return FALSE;
  if (scan_has_rule(settings, rule))
    return rating->marks >> rule & 1;
  if (rule == HYSAC_RULE_HEAD)
    return rating->has_head && rating->head.unsafe;
  return rating->has_categories &&
         (rating->categories[rule].cone <= 0 || rating->categories[rule].lead > 0);
}

static gint
peak_of(const ScanFile *file, const ScanSettings *settings, guint rule, double *value_at)
{
  gint best = -1;
  double most = -(double) INFINITY;
  for (guint i = 0; i < file->samples->len; i++) {
    const HysacRating *rating = scan_rating(file, i);
    double value = scan_value(settings, rating, rule);
    if (rule == HYSAC_RULE_HEAD && rating != NULL)
      value -= rating->head.threshold; /* each class has its own */
    if (value > most) {
      most = value;
      best = (gint) i;
    }
  }
  *value_at = most;
  return best;
}

gint
scan_peak(const ScanFile *file, const ScanSettings *settings, guint rule)
{
  double value;
  return peak_of(file, settings, rule, &value);
}

gint
scan_file_peak(const ScanFile *file, const ScanSettings *settings, guint rule, const ScanFile **stream)
{
  gint best = -1;
  double most = 0, value;
  *stream = file;
  for (guint k = 0; k < scan_file_count(file); k++) {
    const gint peak = peak_of(scan_file_stream(file, k), settings, rule, &value);
    if (peak < 0 || (best >= 0 && value <= most))
      continue;
    best = peak;
    most = value;
    *stream = scan_file_stream(file, k);
  }
  return best;
}

const char *
scan_rating_name(const HysacRating *rating, guint rule)
{
  return rule == HYSAC_RULE_HEAD ? rating->label : rating->nearest[rule];
}

static void
add_bound(GString *out, const char *what, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(out, "%s%s %s", out->len > 0 ? ", " : "", what,
                         g_ascii_formatd(number, sizeof number, "%.6g", value));
}

char *
scan_rule_text(const ScanSettings *settings, guint rule)
{
  if (!scan_has_rule(settings, rule))
    return NULL;
  GString *out = g_string_new(NULL);
  if (rule == HYSAC_RULE_HEAD) {
    if (settings->rules.head.has_threshold)
      add_bound(out, "score at least", settings->rules.head.threshold);
    else
      g_string_append(out, "beyond its own thresholds");
    return g_string_free(out, FALSE);
  }
  const HysacCategoryRule *own = &settings->rules.categories[rule];
  if (own->has_cone)
    add_bound(out, "cone at most", own->cone);
  if (own->has_inner)
    add_bound(out, "inner at least", own->inner);
  if (own->has_lead)
    add_bound(out, "lead above", own->lead);
  return g_string_free(out, FALSE);
}

/* ------------------------------------------------------------------ back from a kept line */

static JsonObject *
object_of(JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member(object, key);
  return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static const char *
text_of(JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member(object, key);
  return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
             ? json_node_get_string(node)
             : NULL;
}

/* null is what is no number. */
static gboolean
number_of(JsonObject *object, const char *key, double *out)
{
  JsonNode *node = json_object_get_member(object, key);
  *out = (double) NAN;
  if (node == NULL)
    return FALSE;
  if (JSON_NODE_HOLDS_NULL(node))
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) == G_TYPE_STRING ||
      json_node_get_value_type(node) == G_TYPE_BOOLEAN)
    return FALSE;
  *out = json_node_get_double(node);
  return TRUE;
}

static gboolean
read_category(HysacConcepts *concepts, guint category, JsonObject *object, HysacRating *out)
{
  const char *name = text_of(object, "concept");
  HysacCategoryScore *score = &out->categories[category];
  if (name == NULL || !number_of(object, "inner", &score->inner) ||
      !number_of(object, "cone", &score->cone) || !number_of(object, "lead", &score->lead))
    return FALSE;
  for (guint i = 0; i < hysac_concepts_get_count(concepts); i++) {
    const HysacConcept *concept = hysac_concepts_get(concepts, i);
    if (!concept->safe && concept->category == (HysacCategory) category && strcmp(concept->name, name) == 0) {
      score->nearest = (gint) i;
      out->nearest[category] = g_intern_string(concept->name);
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
read_head(HysacHead *head, JsonObject *object, HysacRating *out)
{
  const char *label = text_of(object, "label");
  JsonNode *unsafe = json_object_get_member(object, "unsafe");
  if (label == NULL || unsafe == NULL || !JSON_NODE_HOLDS_VALUE(unsafe) ||
      json_node_get_value_type(unsafe) != G_TYPE_BOOLEAN || !number_of(object, "score", &out->head.score) ||
      !number_of(object, "threshold", &out->head.threshold))
    return FALSE;
  out->head.unsafe = json_node_get_boolean(unsafe);
  for (guint i = 0; i < hysac_head_get_n_classes(head); i++) {
    if (strcmp(hysac_head_get_label(head, i), label) == 0) {
      out->head.index = i;
      out->label = g_intern_string(hysac_head_get_label(head, i));
      out->has_head = TRUE;
      return TRUE;
    }
  }
  return FALSE;
}

gboolean
scan_rating_read(HysacRater *rater, JsonObject *advisory, HysacRating *out)
{
  *out = (HysacRating) { 0 };
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    JsonObject *object = hysac_rater_has(rater, i) ? object_of(advisory, hysac_rule_to_string(i)) : NULL;
    if (i < HYSAC_N_CATEGORIES)
      out->categories[i] = (HysacCategoryScore) { -1, (double) NAN, (double) NAN, (double) NAN };
    if (!hysac_rater_has(rater, i))
      continue;
    if (object == NULL ||
        !(i == HYSAC_RULE_HEAD ? read_head(hysac_rater_get_head(rater), object, out)
                               : read_category(hysac_rater_get_concepts(rater), i, object, out)))
      return FALSE;
  }
  out->has_categories = hysac_rater_get_concepts(rater) != NULL;
  hysac_rater_judge(rater, out);
  return TRUE;
}
