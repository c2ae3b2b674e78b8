/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* hysac scan: the tables of samples in the report, and what stands beside the region. */

#include "scan_html.h"

#include <math.h>

void
scan_html_by(GString *out, gboolean region, guint32 marks)
{
  g_autofree char *by = scan_text_by(region, marks);
  g_string_append_printf(out, "<td>%s</td>", by[0] ? by : "&#8211;");
}

void
scan_html_rules(GString *out, const ScanSettings *settings)
{
  HysacConcepts *concepts = settings->rater ? hysac_rater_get_concepts(settings->rater) : NULL;
  HysacHead *head = settings->rater ? hysac_rater_get_head(settings->rater) : NULL;
  if (concepts != NULL) {
    g_autofree char *count = g_strdup_printf("%u, from %s; advisory", hysac_concepts_get_count(concepts),
                                             settings->rules.concepts ? "the policy" : "the model");
    scan_html_setting(out, "Concepts", count);
  }
  if (head != NULL) {
    GString *labels = g_string_new(NULL);
    for (guint i = 0; i < hysac_head_get_n_classes(head); i++)
      g_string_append_printf(labels, "%s%s", i ? ", " : "", hysac_head_get_label(head, i));
    g_string_append(labels, "; advisory");
    scan_html_setting(out, "Head", labels->str);
    g_string_free(labels, TRUE);
  }
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    g_autofree char *text = scan_rule_text(settings, i);
    g_autofree char *name = g_strdup_printf("Unsafe by %s", hysac_rule_to_string(i));
    if (text != NULL)
      scan_html_setting(out, name, text);
  }
}

/* A triangle, as in the drawing, where it reaches the rule or what is usual. */
static void
add_value(GString *out, const ScanSettings *settings, const HysacRating *rating, guint rule)
{
  if (scan_reaches(settings, rating, rule))
    g_string_append(out, "&#9650; ");
  scan_html_number(out, scan_value(settings, rating, rule), rule == HYSAC_RULE_HEAD ? "%.4f" : "%+.4f");
}

void
scan_html_peaks(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  if (settings->rater == NULL)
    return;
  g_autofree char *name = scan_stream_name(file);
  g_string_append_printf(out, "<div class=\"scroll\" role=\"region\" aria-label=\"Categories and head of %s\" "
                              "tabindex=\"0\"><table><caption>Categories and head, advisory: the sample that says "
                              "most</caption><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Nearest</th>"
                              "<th scope=\"col\">Measure</th><th scope=\"col\" class=\"n\">Value</th>"
                              "<th scope=\"col\" class=\"n\">At</th><th scope=\"col\">The policy&#8217;s rule</th>"
                              "</tr></thead><tbody>\n", name);
  for (guint i = 0; i < HYSAC_N_RULES; i++) {
    if (!hysac_rater_has(settings->rater, i))
      continue;
    const gint peak = scan_peak(file, settings, i);
    const HysacRating *rating = peak >= 0 ? scan_rating(file, (guint) peak) : NULL;
    g_autofree char *rule = scan_rule_text(settings, i);
    g_string_append_printf(out, "<tr><th scope=\"row\">%s</th><td class=\"w\">", hysac_rule_to_string(i));
    if (rating != NULL)
      scan_html_escaped(out, scan_rating_name(rating, i));
    else
      g_string_append(out, "&#8211;");
    g_string_append_printf(out, "</td><td>%s</td><td class=\"n\">", scan_measure(settings, i));
    add_value(out, settings, rating, i);
    g_string_append(out, "</td><td class=\"n\">");
    if (rating != NULL)
      scan_html_time(out, g_array_index(file->samples, ScanSample, (guint) peak).time);
    g_string_append_printf(out, "</td><td>%s</td></tr>\n", rule ? rule : "none acts");
  }
  g_string_append(out, "</tbody></table></div>\n");
}

static void
add_head(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  g_autofree char *name = scan_stream_name(file);
  g_string_append_printf(out, "<details><summary>Samples (%u)</summary><div class=\"scroll\" "
                              "role=\"region\" aria-label=\"Samples of %s\" tabindex=\"0\"><table><thead><tr>"
                              "<th scope=\"col\" class=\"n\">Time</th><th scope=\"col\" class=\"n\">Frame"
                              "</th><th scope=\"col\" class=\"n\">Distance</th>"
                              "<th scope=\"col\" class=\"n\">Margin</th><th scope=\"col\">Verdict</th>"
                              "<th scope=\"col\">Reason</th>",
                         file->samples->len, name);
  if (settings->ruled)
    g_string_append(out, "<th scope=\"col\">Rules that act</th>");
  for (guint i = 0; settings->rater != NULL && i < HYSAC_N_RULES; i++) {
    if (hysac_rater_has(settings->rater, i))
      g_string_append_printf(out, "<th scope=\"col\" class=\"n\">%s, %s (advisory)</th>",
                             hysac_rule_to_string(i), scan_measure(settings, i));
  }
  g_string_append(out, "</tr></thead><tbody>\n");
}

void
scan_html_samples(GString *out, const ScanFile *file, const ScanSettings *settings)
{
  g_autofree guint32 *marks = scan_file_marks(file);
  add_head(out, file, settings);
  for (guint i = 0; i < MIN(file->samples->len, SCAN_HTML_MAX_ROWS); i++) {
    const ScanSample *sample = &g_array_index(file->samples, ScanSample, i);
    HysacReason reason;
    const char *verdict = scan_sample_verdict(file, sample, settings, &reason);
    g_string_append(out, "<tr><td class=\"n\">");
    scan_html_time(out, sample->time);
    g_string_append_printf(out, "</td><td class=\"n\">%" G_GUINT64_FORMAT "</td><td class=\"n\">",
                           sample->frame);
    scan_html_number(out, sample->distance, "%.4f");
    g_string_append(out, "</td><td class=\"n\">");
    scan_html_number(out, sample->distance - settings->region.bound, "%+.4f");
    g_string_append(out, "</td><td>");
    scan_html_verdict(out, verdict);
    g_string_append_printf(out, "</td><td>%s</td>", hysac_reason_to_string(reason));
    if (settings->ruled)
      scan_html_by(out, FALSE, marks[i]);
    for (guint r = 0; settings->rater != NULL && r < HYSAC_N_RULES; r++) {
      if (!hysac_rater_has(settings->rater, r))
        continue;
      g_string_append(out, "<td class=\"n\">");
      add_value(out, settings, scan_rating(file, i), r);
      g_string_append(out, "</td>");
    }
    g_string_append(out, "</tr>\n");
  }
  g_string_append(out, "</tbody></table></div>");
  if (file->samples->len > SCAN_HTML_MAX_ROWS)
    g_string_append_printf(out, "<p>%u more are in scan.jsonl.</p>", file->samples->len - SCAN_HTML_MAX_ROWS);
  g_string_append(out, "</details>\n");
}
