/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>
#include <glib.h>

/*
 * An OpenCL layer between the loader and the driver: it passes every call on, and fails, corrupts or
 * holds back those that a test chooses. Switched on by OPENCL_LAYERS=<this library>.
 *
 * The loader's own layer interface rather than an ICD that wraps PoCL: an ICD would have to wrap each
 * object and each of some 150 entry points, arrays of events and kernel arguments included, or patch
 * PoCL's dispatch table in place; a layer sees the same calls of any driver. Rather than LD_PRELOAD,
 * which sanitizers and setuid programs do not get on with.
 *
 * Without a test at the controls: HYSAC_FAULTS="site=code,…,nan,hang", e.g. "build=-11" or "nan".
 */

#define FAULT_API __attribute__((visibility("default")))

typedef enum {
  FAULT_DEVICES, /* clGetDeviceIDs */
  FAULT_CONTEXT, /* clCreateContext */
  FAULT_QUEUE,   /* clCreateCommandQueue, clFlush, clFinish */
  FAULT_BUFFER,  /* clCreateBuffer */
  FAULT_ENQUEUE, /* every clEnqueue… */
  FAULT_BUILD,   /* clBuildProgram */
  FAULT_EVENT,   /* what events end with: callbacks and clWaitForEvents */
  N_FAULTS,
} FaultSite;

/* From now on every call at @site fails with @code; 0: none does. */
FAULT_API void fault_set(FaultSite site, cl_int code);
/* What is read back is NaN. */
FAULT_API void fault_nan(gboolean on);
/* Nothing completes: callbacks are held back, and what waits goes on waiting, until FALSE. With
 * @calls, no call that enqueues or allocates returns either. */
FAULT_API void fault_hang(gboolean on, gboolean calls);
/* No more faults, and what was held back goes on. */
FAULT_API void fault_clear(void);

/* Waits until @n calls have failed at @site since the last fault_set() there, or until @n things
 * hang. FALSE: a minute was not enough. */
FAULT_API gboolean fault_wait(FaultSite site, guint n);
FAULT_API gboolean fault_wait_hanging(guint n);
