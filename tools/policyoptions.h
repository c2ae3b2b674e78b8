/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How samples are judged over time, by options and a policy file: the same of scan and fit. */

#include "hysac.h"

#include <float.h>

G_BEGIN_DECLS

#define TOOL_NOT_GIVEN -DBL_MAX /* a number; what is no number is given, and refused */

/* As typed. */
typedef struct {
  char *file;
  char *interval, *min_duration, *pre_roll, *post_roll;
  int k, n; /* 0: not given */
  double enter, leave, bound;
} ToolPolicyOptions;

#define TOOL_POLICY_OPTIONS_INIT { .enter = TOOL_NOT_GIVEN, .leave = TOOL_NOT_GIVEN, .bound = TOOL_NOT_GIVEN }

#define TOOL_POLICY_OPTIONS(o)                                                                                \
  { "sample-interval", 'i', 0, G_OPTION_ARG_STRING, &(o)->interval,                                           \
    "Time between scored frames of a video (1s); 0: every frame", "TIME" },                                   \
  { "policy", 0, 0, G_OPTION_ARG_FILENAME, &(o)->file,                                                        \
    "Settings from a policy file of hysacmoderate; options are stronger", "FILE" },                           \
  { "confirm-k", 'k', 0, G_OPTION_ARG_INT, &(o)->k, "Unsafe samples that make a segment (1) ...", "K" },             \
  { "confirm-n", 'n', 0, G_OPTION_ARG_INT, &(o)->n, "... of so many in a row (1)", "N" },                     \
  { "enter-margin", 0, 0, G_OPTION_ARG_DOUBLE, &(o)->enter,                                                   \
    "A sample is unsafe farther than this above the bound (0)", "D" },                                        \
  { "leave-margin", 0, 0, G_OPTION_ARG_DOUBLE, &(o)->leave,                                                   \
    "What was confirmed goes on while samples lie farther than this above it (0)", "D" },                     \
  { "min-duration", 0, 0, G_OPTION_ARG_STRING, &(o)->min_duration, "Shortest segment or alarm (0)", "TIME" }

typedef struct {
  gint64 interval; /* ns; 0: every frame */
  HysacPolicyConfig config;
  double bound; /* 0: the model's */
  HysacPolicyRules rules; /* of categories and the head */
} ToolPolicy;

/* The defaults, the file's settings over them, the options over those. FALSE with @error (wrong usage); @out is to be
 * cleared in any case. */
gboolean tool_policy_take(const ToolPolicyOptions *options, ToolPolicy *out, GError **error);
void tool_policy_clear(ToolPolicy *self);
/* Whether one was given. */
gboolean tool_policy_options_any(const ToolPolicyOptions *options);
void tool_policy_options_clear(ToolPolicyOptions *options);

G_END_DECLS
