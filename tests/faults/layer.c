/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "count.h"

#include <CL/cl_layer.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (60 * G_TIME_SPAN_SECOND)

typedef void(CL_CALLBACK *EventFunc)(cl_event, cl_int, void *);

/* A callback on its way: ours is called, and calls it. */
typedef struct {
  EventFunc func;
  void *data;
  cl_event event;
  cl_int status;
} Call;

static const char *const site_names[N_FAULTS] = { "devices", "context", "queue", "buffer",
                                                  "enqueue", "build",   "event" };

static const cl_icd_dispatch *next; /* the driver's side */
static cl_icd_dispatch table;       /* ours */

static GMutex lock;
static GCond changed;
static cl_int codes[N_FAULTS];
static guint counts[N_FAULTS];
static gboolean nan_on, hang_on, hang_calls;
static guint n_hanging;
static GQueue held_back = G_QUEUE_INIT; /* of Call */

/* CL_SUCCESS, or what the call is to fail with. */
static cl_int
inject(FaultSite site)
{
  g_mutex_lock(&lock);
  const cl_int code = codes[site];
  if (code != CL_SUCCESS)
    counts[site]++;
  g_cond_broadcast(&changed);
  g_mutex_unlock(&lock);
  return code;
}

static void
hang_here(gboolean call)
{
  g_mutex_lock(&lock);
  n_hanging++;
  g_cond_broadcast(&changed);
  while (call ? hang_on && hang_calls : hang_on)
    g_cond_wait(&changed, &lock);
  n_hanging--;
  g_mutex_unlock(&lock);
}

static cl_int
inject_call(FaultSite site)
{
  hang_here(TRUE);
  return inject(site);
}

/* ------------------------------------------------------------ events */

static void
deliver(Call *call)
{
  const cl_int code = inject(FAULT_EVENT);
  call->func(call->event, code != CL_SUCCESS ? code : call->status, call->data);
  g_free(call);
}

static void CL_CALLBACK
on_event(cl_event event, cl_int status, void *data)
{
  Call *call = data;
  call->event = event;
  call->status = status;
  g_mutex_lock(&lock);
  const gboolean hold = hang_on;
  if (hold) {
    g_queue_push_tail(&held_back, call);
    n_hanging++;
    g_cond_broadcast(&changed);
  }
  g_mutex_unlock(&lock);
  if (!hold)
    deliver(call);
}

static cl_int CL_API_CALL
set_event_callback(cl_event event, cl_int type, EventFunc func, void *data)
{
  Call *call = g_new0(Call, 1);
  call->func = func;
  call->data = data;
  const cl_int code = next->clSetEventCallback(event, type, on_event, call);
  if (code != CL_SUCCESS)
    g_free(call);
  return code;
}

static cl_int CL_API_CALL
wait_for_events(cl_uint n, const cl_event *events)
{
  hang_here(FALSE);
  const cl_int real = next->clWaitForEvents(n, events), code = inject(FAULT_EVENT);
  return code != CL_SUCCESS ? CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST : real;
}

static cl_int CL_API_CALL
finish(cl_command_queue queue)
{
  hang_here(FALSE);
  const cl_int real = next->clFinish(queue), code = inject(FAULT_QUEUE);
  return code != CL_SUCCESS ? code : real;
}

static cl_int CL_API_CALL
flush(cl_command_queue queue)
{
  const cl_int real = next->clFlush(queue), code = inject(FAULT_QUEUE);
  return code != CL_SUCCESS ? code : real;
}

/* ------------------------------------------------------------ making */

static cl_int CL_API_CALL
get_device_ids(cl_platform_id platform, cl_device_type type, cl_uint n, cl_device_id *devices,
               cl_uint *n_ret)
{
  const cl_int code = inject(FAULT_DEVICES);
  if (code != CL_SUCCESS)
    return code;
  return next->clGetDeviceIDs(platform, type, n, devices, n_ret);
}

#define RETURN_NULL_ON(site)                                                                       \
  do {                                                                                             \
    const cl_int injected = inject_call(site);                                                     \
    if (injected != CL_SUCCESS) {                                                                  \
      if (code != NULL)                                                                            \
        *code = injected;                                                                          \
      return NULL;                                                                                 \
    }                                                                                              \
  } while (0)

static cl_context CL_API_CALL
create_context(const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
               void(CL_CALLBACK *told)(const char *, const void *, size_t, void *), void *data,
               cl_int *code)
{
  RETURN_NULL_ON(FAULT_CONTEXT);
  return next->clCreateContext(properties, n, devices, told, data, code);
}

static cl_command_queue CL_API_CALL
create_queue(cl_context context, cl_device_id device, cl_command_queue_properties properties,
             cl_int *code)
{
  RETURN_NULL_ON(FAULT_QUEUE);
  return next->clCreateCommandQueue(context, device, properties, code);
}

static cl_mem CL_API_CALL
create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code)
{
  RETURN_NULL_ON(FAULT_BUFFER);
  return next->clCreateBuffer(context, flags, size, host, code);
}

static cl_int CL_API_CALL
build_program(cl_program program, cl_uint n, const cl_device_id *devices, const char *options,
              void(CL_CALLBACK *told)(cl_program, void *), void *data)
{
  const cl_int code = inject_call(FAULT_BUILD);
  return code != CL_SUCCESS ? code
                            : next->clBuildProgram(program, n, devices, options, told, data);
}

/* ------------------------------------------------------------ commands */

static cl_int CL_API_CALL
enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset,
               const size_t *global, const size_t *local, cl_uint n, const cl_event *wait,
               cl_event *event)
{
  const cl_int code = inject_call(FAULT_ENQUEUE);
  return code != CL_SUCCESS ? code
                            : next->clEnqueueNDRangeKernel(queue, kernel, dims, offset, global,
                                                           local, n, wait, event);
}

static cl_int CL_API_CALL
enqueue_read(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
             void *ptr, cl_uint n, const cl_event *wait, cl_event *event)
{
  cl_int code = inject_call(FAULT_ENQUEUE);
  if (code != CL_SUCCESS)
    return code;
  g_mutex_lock(&lock);
  const gboolean corrupt = nan_on;
  g_mutex_unlock(&lock);
  if (blocking)
    hang_here(FALSE);
  code = next->clEnqueueReadBuffer(queue, buffer, blocking || corrupt, offset, size, ptr, n, wait,
                                   event);
  for (size_t i = 0; code == CL_SUCCESS && corrupt && i < size / sizeof(float); i++)
    ((float *) ptr)[i] = NAN;
  return code;
}

static cl_int CL_API_CALL
enqueue_write(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
              const void *ptr, cl_uint n, const cl_event *wait, cl_event *event)
{
  const cl_int code = inject_call(FAULT_ENQUEUE);
  return code != CL_SUCCESS ? code
                            : next->clEnqueueWriteBuffer(queue, buffer, blocking, offset, size, ptr,
                                                         n, wait, event);
}

static cl_int CL_API_CALL
enqueue_write_rect(cl_command_queue queue, cl_mem buffer, cl_bool blocking, const size_t *origin,
                   const size_t *host_origin, const size_t *region, size_t row, size_t slice,
                   size_t host_row, size_t host_slice, const void *ptr, cl_uint n,
                   const cl_event *wait, cl_event *event)
{
  const cl_int code = inject_call(FAULT_ENQUEUE);
  return code != CL_SUCCESS
             ? code
             : next->clEnqueueWriteBufferRect(queue, buffer, blocking, origin, host_origin, region,
                                              row, slice, host_row, host_slice, ptr, n, wait, event);
}

static cl_int CL_API_CALL
enqueue_copy(cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
             size_t size, cl_uint n, const cl_event *wait, cl_event *event)
{
  const cl_int code = inject_call(FAULT_ENQUEUE);
  return code != CL_SUCCESS ? code
                            : next->clEnqueueCopyBuffer(queue, from, to, from_offset, to_offset,
                                                        size, n, wait, event);
}

static cl_int CL_API_CALL
enqueue_fill(cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size,
             size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event)
{
  const cl_int code = inject_call(FAULT_ENQUEUE);
  return code != CL_SUCCESS ? code
                            : next->clEnqueueFillBuffer(queue, buffer, pattern, pattern_size,
                                                        offset, size, n, wait, event);
}

static cl_int CL_API_CALL
enqueue_marker(cl_command_queue queue, cl_uint n, const cl_event *wait, cl_event *event)
{
  const cl_int code = inject_call(FAULT_ENQUEUE);
  return code != CL_SUCCESS ? code : next->clEnqueueMarkerWithWaitList(queue, n, wait, event);
}

static void *CL_API_CALL
enqueue_map(cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags,
            size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event,
            cl_int *code)
{
  RETURN_NULL_ON(FAULT_ENQUEUE);
  return next->clEnqueueMapBuffer(queue, buffer, blocking, flags, offset, size, n, wait, event,
                                  code);
}

/* ------------------------------------------------------------ control */

void
fault_set(FaultSite site, cl_int code)
{
  g_mutex_lock(&lock);
  codes[site] = code;
  counts[site] = 0;
  g_mutex_unlock(&lock);
}

void
fault_nan(gboolean on)
{
  g_mutex_lock(&lock);
  nan_on = on;
  g_mutex_unlock(&lock);
}

void
fault_hang(gboolean on, gboolean calls)
{
  GQueue due = G_QUEUE_INIT;
  g_mutex_lock(&lock);
  hang_on = on;
  hang_calls = on && calls;
  while (!on && held_back.length > 0) {
    g_queue_push_tail(&due, g_queue_pop_head(&held_back));
    n_hanging--;
  }
  g_cond_broadcast(&changed);
  g_mutex_unlock(&lock);
  while (due.length > 0)
    deliver(g_queue_pop_head(&due));
}

void
fault_clear(void)
{
  for (guint i = 0; i < N_FAULTS; i++)
    fault_set(i, CL_SUCCESS);
  fault_nan(FALSE);
  fault_hang(FALSE, FALSE);
}

static gboolean
wait_for_count(const guint *count, guint n)
{
  const gint64 end = g_get_monotonic_time() + PATIENCE;
  gboolean ok = TRUE;
  g_mutex_lock(&lock);
  while (ok && *count < n)
    ok = g_cond_wait_until(&changed, &lock, end);
  g_mutex_unlock(&lock);
  return ok;
}

gboolean
fault_wait(FaultSite site, guint n)
{
  return wait_for_count(&counts[site], n);
}

gboolean
fault_wait_hanging(guint n)
{
  return wait_for_count(&n_hanging, n);
}

static void
read_environment(void)
{
  g_auto(GStrv) faults = g_strsplit(g_getenv("HYSAC_FAULTS") ? g_getenv("HYSAC_FAULTS") : "", ",", -1);
  for (char **fault = faults; *fault != NULL; fault++) {
    nan_on |= strcmp(*fault, "nan") == 0;
    hang_on |= strcmp(*fault, "hang") == 0;
    for (guint i = 0; i < N_FAULTS; i++) {
      const gsize n = strlen(site_names[i]);
      if (strncmp(*fault, site_names[i], n) == 0 && (*fault)[n] == '=')
        codes[i] = atoi(*fault + n + 1);
    }
  }
}

/* ------------------------------------------------------------ the loader's */

FAULT_API cl_int CL_API_CALL
clGetLayerInfo(cl_layer_info what, size_t size, void *value, size_t *size_ret)
{
  static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
  static const char name[] = "gst-hysac faults";
  const void *from = what == CL_LAYER_API_VERSION ? (const void *) &version : name;
  const size_t n = what == CL_LAYER_API_VERSION ? sizeof version : sizeof name;
  if (what != CL_LAYER_API_VERSION && what != CL_LAYER_NAME)
    return CL_INVALID_VALUE;
  if (value != NULL && size < n)
    return CL_INVALID_VALUE;
  if (value != NULL)
    memcpy(value, from, n);
  if (size_ret != NULL)
    *size_ret = n;
  return CL_SUCCESS;
}

FAULT_API cl_int CL_API_CALL
clInitLayer(cl_uint n, const cl_icd_dispatch *target, cl_uint *n_ret, const cl_icd_dispatch **ours)
{
  const cl_uint wanted = sizeof table / sizeof(void *);
  if (target == NULL || n_ret == NULL || ours == NULL)
    return CL_INVALID_VALUE;
  next = target;
  /* An older loader knows fewer calls: none of those below is among them. */
  memcpy(&table, target, MIN(n, wanted) * sizeof(void *));
  table.clGetDeviceIDs = get_device_ids;
  table.clCreateContext = create_context;
  table.clCreateCommandQueue = create_queue;
  table.clCreateBuffer = create_buffer;
  table.clBuildProgram = build_program;
  table.clFlush = flush;
  table.clFinish = finish;
  table.clWaitForEvents = wait_for_events;
  table.clSetEventCallback = set_event_callback;
  table.clEnqueueNDRangeKernel = enqueue_kernel;
  table.clEnqueueReadBuffer = enqueue_read;
  table.clEnqueueWriteBuffer = enqueue_write;
  table.clEnqueueWriteBufferRect = enqueue_write_rect;
  table.clEnqueueCopyBuffer = enqueue_copy;
  table.clEnqueueFillBuffer = enqueue_fill;
  table.clEnqueueMarkerWithWaitList = enqueue_marker;
  table.clEnqueueMapBuffer = enqueue_map;
  count_install(&table);
  read_environment();
  *n_ret = MIN(n, wanted);
  *ours = &table;
  return CL_SUCCESS;
}
