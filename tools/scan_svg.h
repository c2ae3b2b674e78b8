/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "scan.h"

/* The patterns that timelines are filled with: once a page, before the first. */
void scan_svg_patterns(GString *out);
/* Distance over time against the bound, with what is unsafe and what was not checked. */
void scan_svg_timeline(GString *out, const ScanFile *file, const ScanSettings *settings);
/* Below it, over the same time: what stands beside the region, a lane each. Nothing where there is no rater. */
void scan_svg_lanes(GString *out, const ScanFile *file, const ScanSettings *settings);

/* ------------------------------------------------------------ what the two share */

#define SCAN_SVG_WIDTH 1000.0
#define SCAN_SVG_LEFT 60.0
#define SCAN_SVG_RIGHT 985.0

typedef struct {
  GString *out;
  const ScanFile *file;
  const ScanSettings *settings;
  gint64 length;
  double top, bottom; /* of the plot, units of the drawing */
  double low, high;   /* values at bottom and top */
} ScanDrawing;

/* A number for each sample, NAN where it has none, and whether that is told as unsafe. */
typedef struct {
  double (*value)(const ScanDrawing *self, guint index, gconstpointer data);
  gboolean (*marked)(const ScanDrawing *self, guint index, gconstpointer data);
  gconstpointer data;
} ScanSeries;

/* In any locale: @before, and the value with one decimal. */
void scan_svg_add(GString *out, const char *before, double value);
double scan_svg_x(const ScanDrawing *self, gint64 time);
double scan_svg_y(const ScanDrawing *self, double value);
/* Times below the plot. */
void scan_svg_axis(const ScanDrawing *self);
/* low and high: all values and the threshold (NAN: none), with at least @least of room. */
void scan_svg_scale(ScanDrawing *self, const ScanSeries *series, double threshold, double least);
/* A line through the samples, broken where one has no value, and marks where they are not too many. */
void scan_svg_series(const ScanDrawing *self, const ScanSeries *series);
