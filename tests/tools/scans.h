/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What hysac scan prints and writes, looked at. Each fails the test where it is not so. */

#include "clips.h"

/* Whether @line is of that type. */
gboolean is_type(const char *line, const char *type);
/* The line of that type whose "name" ends with @name. */
const char *line_of(const Run *run, const char *type, const char *name);
/* The file's line: its verdict, its status, and something of its error; NULL: it has none. */
void expect_file(const Run *run, const char *name, const char *verdict, const char *status, const char *error);
/* The reports in folders @a and @b are the same to the byte. */
void expect_same(const char *a, const char *b);

/* In the middle of the widest gap near the median of doubles, which are sorted. */
double middle(GArray *values);
/* Such a distance of the samples that "hysac @args --json" prints, and the option that makes it the bound. The latter
 * (transfer full). */
double find_bound(const char *const *args);
char *bound_option(double bound);
/* The state of the one file (of its first stream) below @out, or NULL. (transfer full) */
char *state_path(const char *out);
