/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define CL_TARGET_OPENCL_VERSION 120
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "count.h"

static cl_icd_dispatch below; /* what the table had */
static GMutex lock;
static CountState state;
static GHashTable *buffers; /* cl_mem -> its references and size */

typedef struct {
  guint references;
  gint64 bytes;
} Buffer;

static void
note(CountKind kind, gint references)
{
  g_mutex_lock(&lock);
  state.references[kind] += references;
  state.made[kind] += references > 0;
  g_mutex_unlock(&lock);
}

void
count_get(CountState *out)
{
  g_mutex_lock(&lock);
  *out = state;
  g_mutex_unlock(&lock);
}

const char *
count_name(CountKind kind)
{
  static const char *const names[N_COUNTS] = { "contexts", "queues",  "buffers",
                                               "programs", "kernels", "events" };
  return names[kind];
}

/* ------------------------------------------------------------ making */

static cl_context CL_API_CALL
create_context(const cl_context_properties *properties, cl_uint n, const cl_device_id *devices,
               void(CL_CALLBACK *told)(const char *, const void *, size_t, void *), void *data,
               cl_int *code)
{
  cl_context made = below.clCreateContext(properties, n, devices, told, data, code);
  if (made != NULL)
    note(COUNT_CONTEXTS, 1);
  return made;
}

static cl_command_queue CL_API_CALL
create_queue(cl_context context, cl_device_id device, cl_command_queue_properties properties,
             cl_int *code)
{
  cl_command_queue made = below.clCreateCommandQueue(context, device, properties, code);
  if (made != NULL)
    note(COUNT_QUEUES, 1);
  return made;
}

static cl_program CL_API_CALL
create_from_source(cl_context context, cl_uint n, const char **texts, const size_t *sizes,
                   cl_int *code)
{
  cl_program made = below.clCreateProgramWithSource(context, n, texts, sizes, code);
  if (made != NULL)
    note(COUNT_PROGRAMS, 1);
  return made;
}

static cl_program CL_API_CALL
create_from_binary(cl_context context, cl_uint n, const cl_device_id *devices, const size_t *sizes,
                   const unsigned char **binaries, cl_int *status, cl_int *code)
{
  cl_program made =
    below.clCreateProgramWithBinary(context, n, devices, sizes, binaries, status, code);
  if (made != NULL)
    note(COUNT_PROGRAMS, 1);
  return made;
}

static cl_kernel CL_API_CALL
create_kernel(cl_program program, const char *name, cl_int *code)
{
  cl_kernel made = below.clCreateKernel(program, name, code);
  if (made != NULL)
    note(COUNT_KERNELS, 1);
  return made;
}

static cl_event CL_API_CALL
create_user_event(cl_context context, cl_int *code)
{
  cl_event made = below.clCreateUserEvent(context, code);
  if (made != NULL)
    note(COUNT_EVENTS, 1);
  return made;
}

/* ------------------------------------------------------------ buffers, and their bytes */

static cl_mem CL_API_CALL
create_buffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code)
{
  cl_mem made = below.clCreateBuffer(context, flags, size, host, code);
  if (made == NULL)
    return NULL;
  note(COUNT_BUFFERS, 1);
  g_mutex_lock(&lock);
  if (buffers == NULL)
    buffers = g_hash_table_new_full(NULL, NULL, NULL, g_free);
  Buffer *buffer = g_new(Buffer, 1);
  *buffer = (Buffer){1, (gint64)size};
  g_hash_table_insert(buffers, made, buffer);
  state.buffer_bytes += buffer->bytes;
  g_mutex_unlock(&lock);
  return made;
}

static cl_int CL_API_CALL
retain_buffer(cl_mem mem)
{
  const cl_int code = below.clRetainMemObject(mem);
  if (code != CL_SUCCESS)
    return code;
  g_mutex_lock(&lock);
  Buffer *buffer = buffers != NULL ? g_hash_table_lookup(buffers, mem) : NULL;
  if (buffer != NULL)
    buffer->references++;
  state.references[COUNT_BUFFERS]++;
  g_mutex_unlock(&lock);
  return code;
}

/* Counted before the driver is asked: once it has let go, another thread may be given the same
 * address. */
static cl_int CL_API_CALL
release_buffer(cl_mem mem)
{
  g_mutex_lock(&lock);
  Buffer *buffer = buffers != NULL ? g_hash_table_lookup(buffers, mem) : NULL;
  state.references[COUNT_BUFFERS]--;
  if (buffer != NULL && --buffer->references == 0) {
    state.buffer_bytes -= buffer->bytes;
    g_hash_table_remove(buffers, mem);
  }
  g_mutex_unlock(&lock);
  return below.clReleaseMemObject(mem);
}

/* ------------------------------------------------------------ the others */

#define RETAIN_AND_RELEASE(type, call, name, kind)                                                 \
  static cl_int CL_API_CALL retain_##name(type object)                                             \
  {                                                                                                \
    const cl_int code = below.clRetain##call(object);                                              \
    if (code == CL_SUCCESS) {                                                                      \
      g_mutex_lock(&lock);                                                                         \
      state.references[kind]++;                                                                    \
      g_mutex_unlock(&lock);                                                                       \
    }                                                                                              \
    return code;                                                                                   \
  }                                                                                                \
  static cl_int CL_API_CALL release_##name(type object)                                            \
  {                                                                                                \
    const cl_int code = below.clRelease##call(object);                                             \
    if (code == CL_SUCCESS)                                                                        \
      note(kind, -1);                                                                              \
    return code;                                                                                   \
  }

RETAIN_AND_RELEASE(cl_context, Context, context, COUNT_CONTEXTS)
RETAIN_AND_RELEASE(cl_command_queue, CommandQueue, queue, COUNT_QUEUES)
RETAIN_AND_RELEASE(cl_program, Program, program, COUNT_PROGRAMS)
RETAIN_AND_RELEASE(cl_kernel, Kernel, kernel, COUNT_KERNELS)
RETAIN_AND_RELEASE(cl_event, Event, event, COUNT_EVENTS)

/* ------------------------------------------------------------ commands, whose events are objects */

static cl_int
with_event(cl_int code, const cl_event *event)
{
  if (code == CL_SUCCESS && event != NULL)
    note(COUNT_EVENTS, 1);
  return code;
}

static cl_int CL_API_CALL
enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims, const size_t *offset,
               const size_t *global, const size_t *local, cl_uint n, const cl_event *wait,
               cl_event *event)
{
  return with_event(below.clEnqueueNDRangeKernel(queue, kernel, dims, offset, global, local, n, wait,
                                                 event),
                    event);
}

static cl_int CL_API_CALL
enqueue_read(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
             void *ptr, cl_uint n, const cl_event *wait, cl_event *event)
{
  return with_event(below.clEnqueueReadBuffer(queue, buffer, blocking, offset, size, ptr, n, wait,
                                              event),
                    event);
}

static cl_int CL_API_CALL
enqueue_write(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset, size_t size,
              const void *ptr, cl_uint n, const cl_event *wait, cl_event *event)
{
  return with_event(below.clEnqueueWriteBuffer(queue, buffer, blocking, offset, size, ptr, n, wait,
                                               event),
                    event);
}

static cl_int CL_API_CALL
enqueue_write_rect(cl_command_queue queue, cl_mem buffer, cl_bool blocking, const size_t *origin,
                   const size_t *host_origin, const size_t *region, size_t row, size_t slice,
                   size_t host_row, size_t host_slice, const void *ptr, cl_uint n,
                   const cl_event *wait, cl_event *event)
{
  return with_event(below.clEnqueueWriteBufferRect(queue, buffer, blocking, origin, host_origin,
                                                   region, row, slice, host_row, host_slice, ptr, n,
                                                   wait, event),
                    event);
}

static cl_int CL_API_CALL
enqueue_copy(cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset, size_t to_offset,
             size_t size, cl_uint n, const cl_event *wait, cl_event *event)
{
  return with_event(below.clEnqueueCopyBuffer(queue, from, to, from_offset, to_offset, size, n, wait,
                                              event),
                    event);
}

static cl_int CL_API_CALL
enqueue_fill(cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size,
             size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event)
{
  return with_event(below.clEnqueueFillBuffer(queue, buffer, pattern, pattern_size, offset, size, n,
                                              wait, event),
                    event);
}

static cl_int CL_API_CALL
enqueue_marker(cl_command_queue queue, cl_uint n, const cl_event *wait, cl_event *event)
{
  return with_event(below.clEnqueueMarkerWithWaitList(queue, n, wait, event), event);
}

static void *CL_API_CALL
enqueue_map(cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags,
            size_t offset, size_t size, cl_uint n, const cl_event *wait, cl_event *event,
            cl_int *code)
{
  void *mapped =
    below.clEnqueueMapBuffer(queue, buffer, blocking, flags, offset, size, n, wait, event, code);
  with_event(mapped != NULL ? CL_SUCCESS : CL_MAP_FAILURE, event);
  return mapped;
}

static cl_int CL_API_CALL
enqueue_unmap(cl_command_queue queue, cl_mem buffer, void *ptr, cl_uint n, const cl_event *wait,
              cl_event *event)
{
  return with_event(below.clEnqueueUnmapMemObject(queue, buffer, ptr, n, wait, event), event);
}

void
count_install(cl_icd_dispatch *table)
{
  below = *table;
  table->clCreateContext = create_context;
  table->clRetainContext = retain_context;
  table->clReleaseContext = release_context;
  table->clCreateCommandQueue = create_queue;
  table->clRetainCommandQueue = retain_queue;
  table->clReleaseCommandQueue = release_queue;
  table->clCreateBuffer = create_buffer;
  table->clRetainMemObject = retain_buffer;
  table->clReleaseMemObject = release_buffer;
  table->clCreateProgramWithSource = create_from_source;
  table->clCreateProgramWithBinary = create_from_binary;
  table->clRetainProgram = retain_program;
  table->clReleaseProgram = release_program;
  table->clCreateKernel = create_kernel;
  table->clRetainKernel = retain_kernel;
  table->clReleaseKernel = release_kernel;
  table->clCreateUserEvent = create_user_event;
  table->clRetainEvent = retain_event;
  table->clReleaseEvent = release_event;
  table->clEnqueueNDRangeKernel = enqueue_kernel;
  table->clEnqueueReadBuffer = enqueue_read;
  table->clEnqueueWriteBuffer = enqueue_write;
  table->clEnqueueWriteBufferRect = enqueue_write_rect;
  table->clEnqueueCopyBuffer = enqueue_copy;
  table->clEnqueueFillBuffer = enqueue_fill;
  table->clEnqueueMarkerWithWaitList = enqueue_marker;
  table->clEnqueueMapBuffer = enqueue_map;
  table->clEnqueueUnmapMemObject = enqueue_unmap;
}
