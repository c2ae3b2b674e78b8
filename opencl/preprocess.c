/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/preprocess.h"

#include "opencl/colour.h"
#include "opencl/frame_layout.h"
#include "opencl/preprocess_tables.h"

/*
 * A frame goes through in bands of rows (kernels/colour.cl, then preprocess.cl): bytes of RGBx that
 * one may take. On a CPU a band stays in the cores' caches; elsewhere nearly every frame is one band.
 * Either way the memory of a 16384 x 16384 frame is bounded.
 */
#define BAND_BYTES_PER_CORE (192 * 1024)
#define BAND_BYTES_MAX_CPU (8 * 1024 * 1024)
#define BAND_BYTES (64 * 1024 * 1024)

typedef enum {
  RGB24,
  RGB32,
  PLANAR,
  SEMIPLANAR,
  PACKED,
  PLANAR_10,
  SEMIPLANAR_10,
  HORIZONTAL,
  VERTICAL,
  N_KERNELS
} Kernel;

typedef struct {
  cl_mem mem;
  gsize size;
} Buffer;

/* Where a plane's bytes are for the kernels: byte (column, row) at offset + row * stride + column. */
typedef struct {
  cl_mem mem;
  cl_long2 at;
} Plane;

struct _HysacPreprocess {
  HysacDevice *device;
  guint crop, patch, grid;
  gboolean cpu;    /* long work-items, one a group */
  gboolean upload; /* never by host pointer */
  gsize band_bytes;
  HysacTableCache cache;
  cl_kernel kernels[N_KERNELS];
  gboolean groups[N_KERNELS]; /* takes 8 x 8 work-items a group */
  Buffer staging[3], band, middle;
};

/* One frame on its way. */
typedef struct {
  HysacPreprocess *self;
  cl_command_queue queue;
  const HysacFrame *frame;
  const HysacTables *tables;
  HysacColour colour;
  gboolean by_pointer;
  Plane planes[3];
  guint first, end; /* columns converted */
  guint pitch;      /* pixels */
} Job;

/* The kernels from @first on, of one program. */
static gboolean
make_kernels(HysacPreprocess *self, const char *source, const char *options, Kernel first,
             const char *const *names, GError **error)
{
  cl_program program = hysac_program_build(self->device, source, options, error);
  gboolean ok = program != NULL;

  for (guint i = first; ok && *names; i++, names++) {
    cl_int code;
    gsize size = 0;

    self->kernels[i] = clCreateKernel(program, *names, &code);
    ok = HYSAC_CL(code, "clCreateKernel", error);
    if (!ok) {
      self->kernels[i] = NULL;
      break;
    }
    code = clGetKernelWorkGroupInfo(self->kernels[i], hysac_device_id(self->device),
                                    CL_KERNEL_WORK_GROUP_SIZE, sizeof size, &size, NULL);
    self->groups[i] = code == CL_SUCCESS && size >= 64;
  }
  if (program)
    clReleaseProgram(program);
  return ok;
}

/* Two programs: that of the colours is the same for every model, and so cached for all of them. */
static gboolean
make_programs(HysacPreprocess *self, GError **error)
{
  static const char *const colours[] = { "rgb24",  "rgb32",     "planar",        "semiplanar",
                                         "packed", "planar_10", "semiplanar_10", NULL };
  static const char *const passes[] = { "horizontal", "vertical", NULL };
  const char *loose = hysac_device_limits(self->device)->host_cpu ? " -DLOOSE" : "";
  g_autofree char *options = g_strdup_printf("-DCROP=%u -DPATCH=%u -DGRID=%u%s", self->crop,
                                             self->patch, self->grid, loose);

  return make_kernels(self, "colour", loose, RGB24, colours, error) &&
         make_kernels(self, "preprocess", options, HORIZONTAL, passes, error);
}

HysacPreprocess *
hysac_preprocess_new(HysacDevice *device, const HysacPreprocessConfig *config, guint patch,
                     GError **error)
{
  const HysacDeviceLimits *limits = hysac_device_limits(device);
  cl_bool little = CL_FALSE;
  HysacPreprocess *self;
  HysacResize resize;

  if (!hysac_resize_init(&resize, config, 1, 1, error))
    return NULL;
  if (patch < 1 || patch > config->crop_size) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_ARGUMENT,
                "preprocess: patch %u; expected 1 to crop_size %u", patch, config->crop_size);
    return NULL;
  }
  clGetDeviceInfo(hysac_device_id(device), CL_DEVICE_ENDIAN_LITTLE, sizeof little, &little, NULL);
  if (!little) {
    g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_UNSUPPORTED,
                "preprocess: the device is not little-endian");
    return NULL;
  }
  self = g_new0(HysacPreprocess, 1);
  self->device = hysac_device_ref(device);
  self->crop = config->crop_size;
  self->patch = patch;
  self->grid = config->crop_size / patch;
  self->cpu = (limits->type & CL_DEVICE_TYPE_CPU) != 0;
  self->band_bytes = BAND_BYTES;
  if (self->cpu) {
    self->band_bytes = MIN((gsize)MAX(limits->compute_units, 1) * BAND_BYTES_PER_CORE,
                           BAND_BYTES_MAX_CPU);
  }
  self->cache.context = hysac_device_context(device);
  self->cache.config = *config;
  if (!make_programs(self, error))
    g_clear_pointer(&self, hysac_preprocess_free);
  return self;
}

void
hysac_preprocess_free(HysacPreprocess *self)
{
  Buffer *buffers[5];

  if (!self)
    return;
  for (guint i = 0; i < 3; i++)
    buffers[i] = &self->staging[i];
  buffers[3] = &self->band;
  buffers[4] = &self->middle;
  for (guint i = 0; i < G_N_ELEMENTS(buffers); i++) {
    if (buffers[i]->mem)
      clReleaseMemObject(buffers[i]->mem);
  }
  for (guint i = 0; i < N_KERNELS; i++) {
    if (self->kernels[i])
      clReleaseKernel(self->kernels[i]);
  }
  hysac_table_cache_clear(&self->cache);
  hysac_device_unref(self->device);
  g_free(self);
}

void
hysac_preprocess_set_path(HysacPreprocess *self, gboolean upload, gboolean gpu, gsize band_bytes)
{
  self->upload = upload;
  self->cpu = !gpu;
  if (band_bytes)
    self->band_bytes = band_bytes;
}

static gboolean
grow(HysacPreprocess *self, Buffer *buffer, gsize size, GError **error)
{
  cl_int code;

  if (buffer->size >= size)
    return TRUE;
  if (buffer->mem)
    clReleaseMemObject(buffer->mem);
  buffer->size = 0;
  buffer->mem = clCreateBuffer(hysac_device_context(self->device), CL_MEM_READ_WRITE, size, NULL,
                               &code);
  if (code != CL_SUCCESS)
    buffer->mem = NULL;
  else
    buffer->size = size;
  return HYSAC_CL(code, "clCreateBuffer", error);
}

/*
 * Planes by pointer: where the device shares the host's memory. A CPU device takes any address; other
 * drivers copy behind our back unless address and size are whole pages, so they get what they need
 * of the planes by upload instead.
 */
static gboolean
can_point(Job *job, guint plane, gsize size)
{
  const HysacDeviceLimits *limits = hysac_device_limits(job->self->device);
  const gsize page = 4096;

  if (job->self->upload || !limits->host_unified || size > limits->max_alloc)
    return FALSE;
  return limits->host_cpu ||
         ((gsize)job->frame->planes[plane] % MAX(page, limits->mem_align) == 0 && size % page == 0);
}

static void
release_planes(Job *job)
{
  for (guint i = 0; job->by_pointer && i < 3; i++) {
    if (job->planes[i].mem)
      clReleaseMemObject(job->planes[i].mem);
    job->planes[i].mem = NULL;
  }
  job->by_pointer = FALSE;
}

/* FALSE: not possible here, upload instead. */
static gboolean
point_at_planes(Job *job)
{
  const HysacFrame *f = job->frame;

  job->by_pointer = TRUE;
  for (guint i = 0; i < hysac_format_n_planes(f->format); i++) {
    gsize size = f->strides[i] * (hysac_format_plane_rows(f->format, i, f->height) - 1) +
                 hysac_format_plane_row_bytes(f->format, i, f->width);
    cl_int code;

    if (!can_point(job, i, size)) {
      release_planes(job);
      return FALSE;
    }
    job->planes[i].mem = clCreateBuffer(hysac_device_context(job->self->device),
                                        CL_MEM_READ_ONLY | CL_MEM_USE_HOST_PTR, size,
                                        (gpointer)f->planes[i], &code);
    if (code != CL_SUCCESS) {
      job->planes[i].mem = NULL;
      release_planes(job);
      return FALSE;
    }
    job->planes[i].at = (cl_long2){ { 0, (cl_long)f->strides[i] } };
  }
  return TRUE;
}

/* Uploads what rows @row .. @row + @rows - 1 need: the columns converted and, of chroma, one sample
 * more on each side. */
static gboolean
upload_planes(Job *job, guint row, guint rows, GError **error)
{
  const HysacFrame *f = job->frame;

  for (guint i = 0; i < hysac_format_n_planes(f->format); i++) {
    Buffer *buffer = &job->self->staging[i];
    const HysacPlaneLayout *p = &hysac_format_layout(f->format)->planes[i];
    gsize x0 = job->first, x1 = job->end, y0 = row, y1 = row + rows;
    const gsize origin[3] = { 0, 0, 0 };
    gsize host[3], region[3];
    cl_int code;

    if (p->h) {
      x0 = MAX(x0 / 2, 1) - 1;
      x1 = MIN((x1 + 1) / 2 + 1, hysac_layout_side(1, f->width));
    }
    if (p->v) {
      y0 = MAX(y0 / 2, 1) - 1;
      y1 = MIN((y1 + 1) / 2 + 1, hysac_layout_side(1, f->height));
    }
    host[0] = x0 * p->bytes, host[1] = y0, host[2] = 0;
    region[0] = (x1 - x0) * p->bytes, region[1] = y1 - y0, region[2] = 1;
    if (!grow(job->self, buffer, region[0] * region[1], error))
      return FALSE;
    /* A single row may claim any stride: the driver need not see it. */
    code = clEnqueueWriteBufferRect(job->queue, buffer->mem, CL_FALSE, origin, host, region,
                                    region[0], 0, y1 > 1 ? f->strides[i] : host[0] + region[0], 0,
                                    f->planes[i], 0, NULL, NULL);
    if (!HYSAC_CL(code, "clEnqueueWriteBufferRect", error))
      return FALSE;
    job->planes[i].mem = buffer->mem;
    job->planes[i].at = (cl_long2){ { -(cl_long)(y0 * region[0] + host[0]), (cl_long)region[0] } };
  }
  return TRUE;
}

typedef struct {
  gsize size;
  const void *value;
} Arg;

#define ARG(x) { sizeof(x), &(x) }

static gboolean
launch(Job *job, Kernel which, const Arg *args, guint n_args, gsize columns, gsize rows,
       cl_event *event, GError **error)
{
  cl_kernel kernel = job->self->kernels[which];
  gsize global[2] = { columns, rows }, local[2] = { 1, 1 };
  gboolean grouped = job->self->cpu;
  cl_int code;

  for (guint i = 0; i < n_args; i++) {
    code = clSetKernelArg(kernel, i, args[i].size, args[i].value);
    if (!HYSAC_CL(code, "clSetKernelArg", error))
      return FALSE;
  }
  if (!job->self->cpu && job->self->groups[which]) {
    /* The kernels leave out what lies past the edges. */
    local[0] = local[1] = 8;
    global[0] = (columns + 7) & ~(gsize)7;
    global[1] = (rows + 7) & ~(gsize)7;
    grouped = TRUE;
  }
  code = clEnqueueNDRangeKernel(job->queue, kernel, 2, NULL, global, grouped ? local : NULL, 0, NULL,
                                event);
  return HYSAC_CL(code, "clEnqueueNDRangeKernel", error);
}

static gboolean
enqueue_colour(Job *job, guint row, guint rows, cl_event *event, GError **error)
{
  const HysacFrame *f = job->frame;
  const HysacColour *c = &job->colour;
  const HysacLayout *layout = hysac_format_layout(f->format);
  /* Grey: the luma plane for chroma, which counts for nothing. */
  const Plane *p = job->planes, *u = layout->n_planes == 3 ? p + 1 : p, *v = u == p ? p : p + 2;
  const HysacPlaneLayout *chroma = &layout->planes[layout->n_planes > 1 ? 1 : 0];
  cl_int8 band = { { (cl_int)job->first, (cl_int)job->end, (cl_int)row, (cl_int)rows,
                     (cl_int)job->pitch } };
  cl_int8 matrix = { { c->y_offset, c->y, c->r_v, c->g_u, c->g_v, c->b_u } };
  cl_int8 site = { { c->h_before, c->h_at[0], c->h_at[1], c->h_after, c->v_before, c->v_at[0],
                     c->v_at[1], c->v_after } };
  cl_int4 order = { { c->red, c->green, c->blue } };
  cl_int4 planes = { { (cl_int)hysac_layout_side(chroma->h, f->width),
                       (cl_int)hysac_layout_side(chroma->v, f->height), chroma->h, chroma->v } };
  cl_int v_place = f->format == HYSAC_FORMAT_NV12, y_place = f->format == HYSAC_FORMAT_UYVY;
  gsize steps = (job->end - job->first + 15) / 16;
  cl_int blocks = job->self->cpu ? (cl_int)steps : 1; /* of 16 pixels, a work-item */
  gsize columns = job->self->cpu ? 1 : steps;

  switch (f->format) {
  case HYSAC_FORMAT_I420:
  case HYSAC_FORMAT_Y42B:
  case HYSAC_FORMAT_Y444:
  case HYSAC_FORMAT_GRAY8:
  case HYSAC_FORMAT_I420_10LE: {
    const Arg args[] = { ARG(p->mem), ARG(p->at), ARG(u->mem), ARG(u->at), ARG(v->mem), ARG(v->at),
                         ARG(planes), ARG(matrix), ARG(site),  ARG(band),  ARG(blocks),
                         ARG(job->self->band.mem) };
    return launch(job, f->format == HYSAC_FORMAT_I420_10LE ? PLANAR_10 : PLANAR, args,
                  G_N_ELEMENTS(args), columns, rows, event, error);
  }
  case HYSAC_FORMAT_NV12:
  case HYSAC_FORMAT_NV21: {
    const Arg args[] = { ARG(p[0].mem), ARG(p[0].at), ARG(p[1].mem), ARG(p[1].at), ARG(v_place),
                         ARG(planes),   ARG(matrix),  ARG(site),     ARG(band),    ARG(blocks),
                         ARG(job->self->band.mem) };
    return launch(job, SEMIPLANAR, args, G_N_ELEMENTS(args), columns, rows, event, error);
  }
  case HYSAC_FORMAT_P010_10LE: {
    const Arg args[] = { ARG(p[0].mem), ARG(p[0].at), ARG(p[1].mem), ARG(p[1].at), ARG(planes),
                         ARG(matrix),   ARG(site),    ARG(band),     ARG(blocks),
                         ARG(job->self->band.mem) };
    return launch(job, SEMIPLANAR_10, args, G_N_ELEMENTS(args), columns, rows, event, error);
  }
  case HYSAC_FORMAT_YUY2:
  case HYSAC_FORMAT_UYVY: {
    const Arg args[] = { ARG(p->mem), ARG(p->at), ARG(y_place), ARG(planes), ARG(matrix), ARG(site),
                         ARG(band),   ARG(blocks), ARG(job->self->band.mem) };
    return launch(job, PACKED, args, G_N_ELEMENTS(args), columns, rows, event, error);
  }
  default: {
    const Arg args[] = { ARG(p->mem), ARG(p->at), ARG(order), ARG(band), ARG(blocks),
                         ARG(job->self->band.mem) };
    return launch(job, c->pixel == 3 ? RGB24 : RGB32, args, G_N_ELEMENTS(args), columns, rows,
                  event, error);
  }
  }
}

static gboolean
enqueue_horizontal(Job *job, guint row, guint rows, GError **error)
{
  HysacPreprocess *self = job->self;
  const HysacDeviceTaps *h = &job->tables->h;
  gsize groups = (rows + 3) / 4, units = MAX(hysac_device_limits(self->device)->compute_units, 1);
  cl_int first = (cl_int)job->first, n_rows = (cl_int)rows, pitch = (cl_int)job->pitch;
  cl_int middle_row = (cl_int)(row - job->tables->v.first), columns = 1;
  const Arg args[] = { ARG(self->band.mem), ARG(first),     ARG(n_rows),  ARG(pitch),
                       ARG(h->taps),        ARG(h->weights), ARG(h->stride), ARG(columns),
                       ARG(middle_row),     ARG(self->middle.mem) };

  /* Whole rows where there are enough of them for the cores. */
  if (self->cpu)
    columns = (cl_int)CLAMP(self->crop * groups / (4 * units), MIN(16, self->crop), self->crop);
  return launch(job, HORIZONTAL, args, G_N_ELEMENTS(args),
                (self->crop + (guint)columns - 1) / (guint)columns, groups, NULL, error);
}

static gboolean
enqueue_vertical(Job *job, cl_mem patches, gsize offset, GError **error)
{
  HysacPreprocess *self = job->self;
  const HysacDeviceTaps *v = &job->tables->v;
  cl_int first = (cl_int)v->first, columns = self->cpu ? (cl_int)self->grid : 1;
  cl_ulong at = offset;
  const Arg args[] = { ARG(self->middle.mem), ARG(first),   ARG(v->taps), ARG(v->weights),
                       ARG(v->stride),        ARG(columns), ARG(patches), ARG(at) };

  return launch(job, VERTICAL, args, G_N_ELEMENTS(args), self->cpu ? 1 : self->grid,
                (gsize)self->grid * self->patch, NULL, error);
}

static gboolean
enqueue_all(Job *job, cl_mem patches, gsize offset, cl_event *event, GError **error)
{
  HysacPreprocess *self = job->self;
  guint top = job->tables->v.first, end = job->tables->v.end;
  guint rows = (guint)CLAMP(self->band_bytes / ((gsize)job->pitch * 4) & ~(gsize)3, 4, end - top);

  /* 4 pixels more: the taps' padding reads them. */
  if (!grow(self, &self->band, ((gsize)rows * job->pitch + 4) * 4, error) ||
      !grow(self, &self->middle, (gsize)(end - top) * (self->crop + 16) * 4, error))
    return FALSE;
  for (guint row = top; row < end; row += rows) {
    guint n = MIN(rows, end - row);

    if (!job->by_pointer && !upload_planes(job, row, n, error))
      return FALSE;
    if (!enqueue_colour(job, row, n, row + n == end ? event : NULL, error) ||
        !enqueue_horizontal(job, row, n, error))
      return FALSE;
  }
  return enqueue_vertical(job, patches, offset, error);
}

gboolean
hysac_preprocess_enqueue(HysacPreprocess *self, cl_command_queue queue, const HysacFrame *frame,
                         cl_mem patches, gsize offset, cl_event *event, GError **error)
{
  Job job = { .self = self, .queue = queue, .frame = frame };
  cl_event read = NULL;
  gboolean ok;

  if (!hysac_frame_check(frame, error))
    return FALSE;
  job.tables = hysac_table_cache_get(&self->cache, frame->width, frame->height,
                                     hysac_frame_shown_height(frame), error);
  if (!job.tables)
    return FALSE;
  hysac_colour_init(&job.colour, frame);
  job.first = job.tables->h.first & ~15u;
  job.end = MIN((job.tables->h.end + 15) & ~15u, frame->width);
  job.pitch = (job.end - job.first + 3 + 15) & ~15u;
  point_at_planes(&job);
  ok = enqueue_all(&job, patches, offset, event ? &read : NULL, error);
  if (!ok)
    clFinish(queue); /* the caller's planes are its own again */
  release_planes(&job);
  if (ok && event)
    *event = read;
  else if (read)
    clReleaseEvent(read);
  return ok;
}
