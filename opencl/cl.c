/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One error path for every OpenCL call. */

#include "opencl/cl.h"

#include <string.h>

#define CL_PLATFORM_NOT_FOUND_KHR -1001

const char *
hysac_cl_strerror(cl_int code)
{
  static const struct {
    cl_int code;
    const char *text;
  } table[] = {
#define C(name) { name, #name }
    C(CL_SUCCESS),
    C(CL_DEVICE_NOT_FOUND),
    C(CL_DEVICE_NOT_AVAILABLE),
    C(CL_COMPILER_NOT_AVAILABLE),
    C(CL_MEM_OBJECT_ALLOCATION_FAILURE),
    C(CL_OUT_OF_RESOURCES),
    C(CL_OUT_OF_HOST_MEMORY),
    C(CL_PROFILING_INFO_NOT_AVAILABLE),
    C(CL_MEM_COPY_OVERLAP),
    C(CL_IMAGE_FORMAT_MISMATCH),
    C(CL_IMAGE_FORMAT_NOT_SUPPORTED),
    C(CL_BUILD_PROGRAM_FAILURE),
    C(CL_MAP_FAILURE),
    C(CL_MISALIGNED_SUB_BUFFER_OFFSET),
    C(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
    C(CL_COMPILE_PROGRAM_FAILURE),
    C(CL_LINKER_NOT_AVAILABLE),
    C(CL_LINK_PROGRAM_FAILURE),
    C(CL_DEVICE_PARTITION_FAILED),
    C(CL_KERNEL_ARG_INFO_NOT_AVAILABLE),
    C(CL_INVALID_VALUE),
    C(CL_INVALID_DEVICE_TYPE),
    C(CL_INVALID_PLATFORM),
    C(CL_INVALID_DEVICE),
    C(CL_INVALID_CONTEXT),
    C(CL_INVALID_QUEUE_PROPERTIES),
    C(CL_INVALID_COMMAND_QUEUE),
    C(CL_INVALID_HOST_PTR),
    C(CL_INVALID_MEM_OBJECT),
    C(CL_INVALID_IMAGE_FORMAT_DESCRIPTOR),
    C(CL_INVALID_IMAGE_SIZE),
    C(CL_INVALID_SAMPLER),
    C(CL_INVALID_BINARY),
    C(CL_INVALID_BUILD_OPTIONS),
    C(CL_INVALID_PROGRAM),
    C(CL_INVALID_PROGRAM_EXECUTABLE),
    C(CL_INVALID_KERNEL_NAME),
    C(CL_INVALID_KERNEL_DEFINITION),
    C(CL_INVALID_KERNEL),
    C(CL_INVALID_ARG_INDEX),
    C(CL_INVALID_ARG_VALUE),
    C(CL_INVALID_ARG_SIZE),
    C(CL_INVALID_KERNEL_ARGS),
    C(CL_INVALID_WORK_DIMENSION),
    C(CL_INVALID_WORK_GROUP_SIZE),
    C(CL_INVALID_WORK_ITEM_SIZE),
    C(CL_INVALID_GLOBAL_OFFSET),
    C(CL_INVALID_EVENT_WAIT_LIST),
    C(CL_INVALID_EVENT),
    C(CL_INVALID_OPERATION),
    C(CL_INVALID_BUFFER_SIZE),
    C(CL_INVALID_GLOBAL_WORK_SIZE),
    C(CL_INVALID_PROPERTY),
    C(CL_INVALID_COMPILER_OPTIONS),
    C(CL_INVALID_LINKER_OPTIONS),
    C(CL_INVALID_DEVICE_PARTITION_COUNT),
    C(CL_PLATFORM_NOT_FOUND_KHR),
#undef C
  };
  for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
    if (table[i].code == code)
      return table[i].text;
  }
  return "unknown OpenCL error";
}

static HysacError
classify(cl_int code)
{
  switch (code) {
  case CL_MEM_OBJECT_ALLOCATION_FAILURE:
  case CL_OUT_OF_RESOURCES:
  case CL_OUT_OF_HOST_MEMORY:
    return HYSAC_ERROR_OUT_OF_MEMORY;
  case CL_DEVICE_NOT_AVAILABLE:
  case CL_INVALID_DEVICE:
  case CL_INVALID_CONTEXT:
  case CL_INVALID_COMMAND_QUEUE: /* what NVIDIA says of a queue whose context died */
  case -9999:                    /* NVIDIA: illegal read or write by a kernel */
    return HYSAC_ERROR_DEVICE_LOST;
  case CL_BUILD_PROGRAM_FAILURE:
  case CL_COMPILE_PROGRAM_FAILURE:
  case CL_LINK_PROGRAM_FAILURE:
  case CL_COMPILER_NOT_AVAILABLE:
    return HYSAC_ERROR_BUILD;
  case CL_DEVICE_NOT_FOUND:
  case CL_PLATFORM_NOT_FOUND_KHR:
    return HYSAC_ERROR_NO_DEVICE;
  default:
    return HYSAC_ERROR_DEVICE;
  }
}

gboolean
hysac_cl_check(cl_int code, const char *call, const char *file, int line, GError **error)
{
  if (G_LIKELY(code == CL_SUCCESS))
    return TRUE;
  const char *slash = strrchr(file, '/');
  g_set_error(error, HYSAC_ERROR, classify(code), "%s failed: %s (%d) [%s:%d]", call,
              hysac_cl_strerror(code), code, slash ? slash + 1 : file, line);
  return FALSE;
}
