/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Private to opencl/, for benchmarks: what a device can do at most, measured, and the time that the
 * vision tower takes at that speed (a roofline).
 */

#include "opencl/vision.h"

G_BEGIN_DECLS

/* In 1e9 operations (a multiply-add is two) or bytes a second; 0: the device has none. */
typedef struct {
  double wall; /* the best of several launches */
  double cpu;  /* a CPU of this host: by the processor time of all cores; else @wall */
} HysacPeak;

typedef struct {
  HysacPeak fp32, bf16, int8;
  HysacPeak memory; /* reads, far larger than the caches */
} HysacPeaks;

/* @variant: of the kernels, by its name; NULL for the best. Takes a second or two. DEVICE, BUILD,
 * OUT_OF_MEMORY. Thread-safety: none needed, but what else runs on the device is measured with it. */
gboolean hysac_peaks_measure(HysacDevice *device, const char *variant, HysacPeaks *peaks, GError **error);

typedef struct {
  double flops; /* operations of a batch that are needed, exponentials and the like not counted */
  double bytes; /* weights, and activations of operations that do not fit in the cache */
} HysacWork;

/* @precision: never AUTO. @cache: bytes of the device's last cache. */
void hysac_stage_work(const HysacVisionConfig *config, guint batch, HysacPrecision precision,
                      guint64 cache, HysacWork work[HYSAC_N_STAGES]);

/* Seconds at the peaks, of the slower of arithmetic and memory each; LayerNorms at fp32's peak. 0 where
 * the device has no peak of @precision. @cpu: by processor time. */
double hysac_stage_roofline(HysacStage stage, const HysacWork *work, const HysacPeaks *peaks,
                            HysacPrecision precision, gboolean cpu);

/* CL_DEVICE_GLOBAL_MEM_CACHE_SIZE; 0 where the driver does not know. */
guint64 hysac_device_cache_bytes(HysacDevice *device);

G_END_DECLS
