/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* hysac scan: pieces that the page is put together from. */

#include "scan_advice.h"

/* More rows make a page slow; the rest is in scan.jsonl. */
#define SCAN_HTML_MAX_ROWS 1000

/* Text of anybody's as text of the page. */
void scan_html_escaped(GString *out, const char *text);
/* A mark, a word and a colour. */
void scan_html_verdict(GString *out, const char *verdict);
void scan_html_time(GString *out, gint64 time);
void scan_html_number(GString *out, double value, const char *format); /* a dash for what is none */
/* A row of the settings' list; @value is anybody's. */
void scan_html_setting(GString *out, const char *name, const char *value);

/* A cell that says by whom something is unsafe. */
void scan_html_by(GString *out, gboolean region, guint32 marks);
/* The settings' rows about categories, the head and rules. */
void scan_html_rules(GString *out, const ScanSettings *settings);
/* Of each score the sample that says most. Nothing where there is no rater. */
void scan_html_peaks(GString *out, const ScanFile *file, const ScanSettings *settings);
/* All samples, with their scores. */
void scan_html_samples(GString *out, const ScanFile *file, const ScanSettings *settings);
