/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "scan.h"

/* The patterns that timelines are filled with: once a page, before the first. */
void scan_svg_patterns(GString *out);
/* Distance over time against the bound, with what is unsafe and what was not checked. */
void scan_svg_timeline(GString *out, const ScanFile *file, const ScanSettings *settings);
