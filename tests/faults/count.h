/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "layer.h"

#include <CL/cl_icd.h>

/* The layer's accounts: OpenCL objects that were made or retained and not released as often. */

typedef enum {
  COUNT_CONTEXTS,
  COUNT_QUEUES,
  COUNT_BUFFERS,
  COUNT_PROGRAMS,
  COUNT_KERNELS,
  COUNT_EVENTS,
  N_COUNTS,
} CountKind;

typedef struct {
  gint64 references[N_COUNTS]; /* that the library holds now */
  guint64 made[N_COUNTS];      /* objects, ever */
  gint64 buffer_bytes;         /* of the buffers that live now */
} CountState;

FAULT_API void count_get(CountState *out);
/* Their names, in order. */
FAULT_API const char *count_name(CountKind kind);

/* For layer.c: puts the counting calls over those of @table. */
void count_install(cl_icd_dispatch *table);
