/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Symbols that libhysac-1.0 exports; everything else is hidden. */
#define HYSAC_API __attribute__((visibility("default")))

G_BEGIN_DECLS

/**
 * HYSAC_ERROR: the error domain of core and opencl.
 *
 * Messages name the file, tensor, key or OpenCL call, what was expected and what was found.
 */
#define HYSAC_ERROR (hysac_error_quark())
HYSAC_API GQuark hysac_error_quark(void);

/**
 * HysacError:
 * @HYSAC_ERROR_IO: a file is missing or cannot be read or written
 * @HYSAC_ERROR_FORMAT: a file is malformed (truncated, bad JSON, offsets out of range)
 * @HYSAC_ERROR_MODEL: a well-formed model that is wrong: tensor missing, wrong shape or type, NaN
 * @HYSAC_ERROR_ARGUMENT: the caller asked for something that makes no sense (0x0 frame, k > n)
 * @HYSAC_ERROR_NO_DEVICE: no OpenCL device, or none that matches the choice
 * @HYSAC_ERROR_BUILD: an OpenCL program or kernel could not be built
 * @HYSAC_ERROR_DEVICE: an OpenCL call failed
 * @HYSAC_ERROR_DEVICE_LOST: the device is gone; the engine stays failed until it is rebuilt
 * @HYSAC_ERROR_OUT_OF_MEMORY: the device or host is out of memory
 * @HYSAC_ERROR_NUMERIC: the encoder's result is not finite
 * @HYSAC_ERROR_UNSUPPORTED: well-formed, but not something this build can do
 * @HYSAC_ERROR_CANCELLED: the request was dropped before it ran (shutdown, flush)
 * @HYSAC_ERROR_TIMEOUT: the driver does not answer
 */
typedef enum {
  HYSAC_ERROR_IO,
  HYSAC_ERROR_FORMAT,
  HYSAC_ERROR_MODEL,
  HYSAC_ERROR_ARGUMENT,
  HYSAC_ERROR_NO_DEVICE,
  HYSAC_ERROR_BUILD,
  HYSAC_ERROR_DEVICE,
  HYSAC_ERROR_DEVICE_LOST,
  HYSAC_ERROR_OUT_OF_MEMORY,
  HYSAC_ERROR_NUMERIC,
  HYSAC_ERROR_UNSUPPORTED,
  HYSAC_ERROR_CANCELLED,
  HYSAC_ERROR_TIMEOUT,
} HysacError;

G_END_DECLS
