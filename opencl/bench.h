/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How fast a device is with a model, stage by stage: for the hysac command; not installed. */

#include "core/model.h"
#include "opencl/device.h"

G_BEGIN_DECLS

#define HYSAC_BENCH_STAGES 9

typedef struct {
  const char *name; /* "patch", "layernorm1", "qkv", …; static */
  double ms;        /* median of an image; the layers' stages of all layers together */
  double gflop;     /* of an image: operations that are needed */
  double roofline;  /* ms of an image at the device's peaks; 0 where a peak is not known */
} HysacBenchStage;

typedef struct {
  char *device, *kernels;
  HysacPrecision precision; /* that was run: never AUTO */
  guint batch, rounds;
  /* The device's peaks in 1e9 operations or bytes a second; 0: it has none. */
  double peak_fp32, peak_bf16, peak_int8, memory;
  double preprocess_ms; /* median of a 1920 x 1080 NV12 frame */
  double tower_ms;      /* median of an image, all stages */
  HysacBenchStage stages[HYSAC_BENCH_STAGES];
} HysacBench;

/**
 * hysac_bench_run:
 * @model: the model
 * @device: as hysac_device_open()
 * @precision: AUTO takes what the engine would
 * @batch: images at once, 1 to 64
 * @rounds: 1 to 1000
 * @bench: (out): clear it with hysac_bench_clear()
 *
 * Measures on noise, with nothing else on the device. Thread-safe, but others are measured with it.
 *
 * Returns: %FALSE with @error (ARGUMENT, and as hysac_engine_get()) and @bench empty.
 */
HYSAC_API gboolean hysac_bench_run(HysacModel *model, const char *device, HysacPrecision precision, guint batch,
                                   guint rounds, HysacBench *bench, GError **error);
HYSAC_API void hysac_bench_clear(HysacBench *bench);

G_END_DECLS
