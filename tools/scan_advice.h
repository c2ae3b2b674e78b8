/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* hysac scan: what stands beside the region: scores of categories and of the head, and the rules that act by them. */

#include "scan.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* A stretch of frames that a rule of the policy redacts. */
typedef struct {
  guint rule; /* core/rating.h */
  guint64 first, last;
  gint64 start, end;
} ScanAct;

/* One file's, while it is scanned: into its acts. */
typedef struct {
  HysacSegmenter rules[HYSAC_N_RULES];
} ScanActing;

void scan_acting_init(ScanActing *self);
/* @marks: the rules that redact the frame @frame. */
void scan_acting_add(ScanActing *self, GArray *acts, const HysacSegmentFrame *frame, guint32 marks);
/* After the last one: closes what is open, and sorts. */
void scan_acting_end(ScanActing *self, GArray *acts);

/* The rules that redact the frame of each sample. (transfer full) */
guint32 *scan_file_marks(const ScanFile *file);
/* Who makes a segment: the rules that act in it, and the region. */
guint32 scan_segment_marks(const ScanFile *file, const HysacSegment *segment);
gboolean scan_segment_by_region(const HysacSegment *segment);
/* The same of all that is unsafe in the file, in any of its streams. */
guint32 scan_file_by(const ScanFile *file, gboolean *region);
/* ["region","violence"], and "region, violence" (transfer full). */
/* In how many files each makes something unsafe. */
typedef struct {
  guint region, rules[HYSAC_N_RULES];
} ScanSum;
void scan_sum_by(GPtrArray *files, ScanSum *out);
/* "region 1, violence 2" (transfer full). */
char *scan_text_sum(const ScanSum *sum);
void scan_json_act(GString *out, const ScanAct *act); /* the members, without braces */
void scan_json_by(GString *out, gboolean region, guint32 marks);
char *scan_text_by(gboolean region, guint32 marks);

/* Of a sample; NULL where it was not rated. */
const HysacRating *scan_rating(const ScanFile *file, guint sample);
/* What a rule's scores are shown by: "lead" of a category that has safe concepts, else "inner"; "score" of the head. NAN
 * where there is none. */
const char *scan_measure(const ScanSettings *settings, guint rule);
double scan_value(const ScanSettings *settings, const HysacRating *rating, guint rule);
/* Where the rule begins on that measure; NAN where the policy does not say. */
double scan_threshold(const ScanSettings *settings, guint rule);
/* Whether the sample is unsafe by the rule; where the policy has none of it, by what is usual: in a cone of an unsafe
 * concept, nearer to one than to any safe one; beyond the head's threshold. */
gboolean scan_reaches(const ScanSettings *settings, const HysacRating *rating, guint rule);
/* The sample that says most of it, or -1: of one stream, and of all; *stream is then whose it is. */
gint scan_peak(const ScanFile *file, const ScanSettings *settings, guint rule);
gint scan_file_peak(const ScanFile *file, const ScanSettings *settings, guint rule, const ScanFile **stream);
/* The concept or class that is meant. Borrowed. */
const char *scan_rating_name(const HysacRating *rating, guint rule);
/* "cone at most -0.1, lead above 0"; NULL where the policy has no such rule. (transfer full) */
char *scan_rule_text(const ScanSettings *settings, guint rule);
gboolean scan_has_rule(const ScanSettings *settings, guint rule);

/* The member "advisory" of a kept line back. FALSE where it is not what such a rater writes. */
gboolean scan_rating_read(HysacRater *rater, JsonObject *advisory, HysacRating *out);

G_END_DECLS
