/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "opencl/preprocess_private.h"

/*
 * A frame goes through in bands of rows (kernels/colour.cl, then preprocess.cl): bytes of RGBx that
 * one may take. On a CPU a band stays in the cores' caches; elsewhere nearly every frame is one band.
 * Either way the memory of a 16384 x 16384 frame is bounded.
 */
#define BAND_BYTES_PER_CORE (192 * 1024)
#define BAND_BYTES_MAX_CPU (8 * 1024 * 1024)
#define BAND_BYTES (64 * 1024 * 1024)

/* The kernels from @first on, of one program. */
static gboolean
make_kernels(HysacPreprocess *self, const char *source, const char *options, HysacPreKernel first,
             const char *const *names, GError **error)
{
  cl_program program = hysac_program_build(self->device, source, options, error);
  gboolean ok = program != NULL;

  for (guint i = first; ok && *names; i++, names++) {
    cl_int code;
    gsize size = 0;

    if (self->kernels[i])
      clReleaseKernel(self->kernels[i]); /* of an attempt that failed later on */
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

  self->built = make_kernels(self, "colour", loose, HYSAC_PRE_RGB24, colours, error) &&
                make_kernels(self, "preprocess", options, HYSAC_PRE_HORIZONTAL, passes, error);
  return self->built;
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
  if (!hysac_pre_wide_init(self, error) || (self->wide_rows == 0 && !make_programs(self, error)))
    g_clear_pointer(&self, hysac_preprocess_free);
  return self;
}

void
hysac_preprocess_free(HysacPreprocess *self)
{
  if (!self)
    return;
  hysac_pre_clear_buffers(self);
  hysac_pre_wide_clear(self);
  for (guint i = 0; i < HYSAC_N_PRE_KERNELS; i++) {
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

HysacPreKernel
hysac_pre_kernel_of(const HysacPreJob *job)
{
  static const HysacPreKernel kernels[HYSAC_N_FORMATS] = {
    [HYSAC_FORMAT_RGB] = HYSAC_PRE_RGB24,        [HYSAC_FORMAT_BGR] = HYSAC_PRE_RGB24,
    [HYSAC_FORMAT_RGBA] = HYSAC_PRE_RGB32,       [HYSAC_FORMAT_BGRA] = HYSAC_PRE_RGB32,
    [HYSAC_FORMAT_ARGB] = HYSAC_PRE_RGB32,       [HYSAC_FORMAT_ABGR] = HYSAC_PRE_RGB32,
    [HYSAC_FORMAT_I420] = HYSAC_PRE_PLANAR,      [HYSAC_FORMAT_NV12] = HYSAC_PRE_SEMIPLANAR,
    [HYSAC_FORMAT_NV21] = HYSAC_PRE_SEMIPLANAR,  [HYSAC_FORMAT_Y42B] = HYSAC_PRE_PLANAR,
    [HYSAC_FORMAT_Y444] = HYSAC_PRE_PLANAR,      [HYSAC_FORMAT_YUY2] = HYSAC_PRE_PACKED,
    [HYSAC_FORMAT_UYVY] = HYSAC_PRE_PACKED,      [HYSAC_FORMAT_GRAY8] = HYSAC_PRE_PLANAR,
    [HYSAC_FORMAT_I420_10LE] = HYSAC_PRE_PLANAR_10,
    [HYSAC_FORMAT_P010_10LE] = HYSAC_PRE_SEMIPLANAR_10,
  };

  return kernels[job->frame->format];
}

cl_int8
hysac_pre_site(const HysacPreJob *job)
{
  const HysacColour *c = &job->colour;
  cl_int8 site = { { c->h_before, c->h_at[0], c->h_at[1], c->h_after, c->v_before, c->v_at[0],
                     c->v_at[1], c->v_after } };

  return site;
}

cl_int4
hysac_pre_chroma(const HysacPreJob *job)
{
  const HysacFrame *f = job->frame;
  const HysacLayout *layout = hysac_format_layout(f->format);
  const HysacPlaneLayout *chroma = &layout->planes[layout->n_planes > 1 ? 1 : 0];
  cl_int4 planes = { { (cl_int)hysac_layout_side(chroma->h, f->width),
                       (cl_int)hysac_layout_side(chroma->v, f->height), chroma->h, chroma->v } };

  return planes;
}

static gboolean
launch(HysacPreJob *job, HysacPreKernel which, const HysacArg *args, guint n_args, gsize columns,
       gsize rows, cl_event *event, GError **error)
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
enqueue_colour(HysacPreJob *job, guint row, guint rows, cl_event *event, GError **error)
{
  const HysacColour *c = &job->colour;
  const HysacPrePlane *p = job->planes;
  guint n_planes = hysac_format_n_planes(job->frame->format);
  /* Grey: the luma plane for chroma, which counts for nothing. */
  const HysacPrePlane *u = n_planes > 1 ? p + 1 : p, *v = n_planes > 2 ? p + 2 : u;
  HysacPreKernel kernel = hysac_pre_kernel_of(job);
  cl_int8 band = { { (cl_int)job->first, (cl_int)job->end, (cl_int)row, (cl_int)rows,
                     (cl_int)job->pitch } };
  cl_int8 matrix = { { c->y_offset, c->y, c->r_v, c->g_u, c->g_v, c->b_u } };
  cl_int8 site = hysac_pre_site(job);
  cl_int4 order = { { c->red, c->green, c->blue } }, planes = hysac_pre_chroma(job);
  cl_int v_place = job->frame->format == HYSAC_FORMAT_NV12;
  cl_int y_place = job->frame->format == HYSAC_FORMAT_UYVY;
  gsize steps = (job->end - job->first + 15) / 16;
  cl_int blocks = job->self->cpu ? (cl_int)steps : 1; /* of 16 pixels, a work-item */
  HysacArg args[12];
  guint n = 0;

  args[n++] = (HysacArg)HYSAC_ARG(p->mem);
  args[n++] = (HysacArg)HYSAC_ARG(p->at);
  switch (kernel) {
  case HYSAC_PRE_PLANAR:
  case HYSAC_PRE_PLANAR_10:
    args[n++] = (HysacArg)HYSAC_ARG(u->mem);
    args[n++] = (HysacArg)HYSAC_ARG(u->at);
    args[n++] = (HysacArg)HYSAC_ARG(v->mem);
    args[n++] = (HysacArg)HYSAC_ARG(v->at);
    break;
  case HYSAC_PRE_SEMIPLANAR:
  case HYSAC_PRE_SEMIPLANAR_10:
    args[n++] = (HysacArg)HYSAC_ARG(u->mem);
    args[n++] = (HysacArg)HYSAC_ARG(u->at);
    if (kernel == HYSAC_PRE_SEMIPLANAR)
      args[n++] = (HysacArg)HYSAC_ARG(v_place);
    break;
  case HYSAC_PRE_PACKED:
    args[n++] = (HysacArg)HYSAC_ARG(y_place);
    break;
  default:
    args[n++] = (HysacArg)HYSAC_ARG(order);
    break;
  }
  if (c->pixel == 0) {
    args[n++] = (HysacArg)HYSAC_ARG(planes);
    args[n++] = (HysacArg)HYSAC_ARG(matrix);
    args[n++] = (HysacArg)HYSAC_ARG(site);
  }
  args[n++] = (HysacArg)HYSAC_ARG(band);
  args[n++] = (HysacArg)HYSAC_ARG(blocks);
  args[n++] = (HysacArg)HYSAC_ARG(job->self->band.mem);
  return launch(job, kernel, args, n, job->self->cpu ? 1 : steps, rows, event, error);
}

static gboolean
enqueue_horizontal(HysacPreJob *job, guint row, guint rows, GError **error)
{
  HysacPreprocess *self = job->self;
  const HysacDeviceTaps *h = &job->tables->h;
  gsize groups = (rows + 3) / 4, units = MAX(hysac_device_limits(self->device)->compute_units, 1);
  cl_int first = (cl_int)job->first, n_rows = (cl_int)rows, pitch = (cl_int)job->pitch;
  cl_int middle_row = (cl_int)(row - job->tables->v.first), columns = 1;
  const HysacArg args[] = { HYSAC_ARG(self->band.mem), HYSAC_ARG(first),      HYSAC_ARG(n_rows),
                            HYSAC_ARG(pitch),          HYSAC_ARG(h->taps),    HYSAC_ARG(h->weights),
                            HYSAC_ARG(h->stride),      HYSAC_ARG(columns),    HYSAC_ARG(middle_row),
                            HYSAC_ARG(self->middle.mem) };

  /* Whole rows where there are enough of them for the cores. */
  if (self->cpu)
    columns = (cl_int)CLAMP(self->crop * groups / (4 * units), MIN(16, self->crop), self->crop);
  return launch(job, HYSAC_PRE_HORIZONTAL, args, G_N_ELEMENTS(args),
                (self->crop + (guint)columns - 1) / (guint)columns, groups, NULL, error);
}

static gboolean
enqueue_vertical(HysacPreJob *job, cl_mem patches, gsize offset, GError **error)
{
  HysacPreprocess *self = job->self;
  const HysacDeviceTaps *v = &job->tables->v;
  cl_int first = (cl_int)v->first, columns = self->cpu ? (cl_int)self->grid : 1;
  cl_ulong at = offset;
  const HysacArg args[] = { HYSAC_ARG(self->middle.mem), HYSAC_ARG(first),   HYSAC_ARG(v->taps),
                            HYSAC_ARG(v->weights),       HYSAC_ARG(v->stride), HYSAC_ARG(columns),
                            HYSAC_ARG(patches),          HYSAC_ARG(at) };

  return launch(job, HYSAC_PRE_VERTICAL, args, G_N_ELEMENTS(args), self->cpu ? 1 : self->grid,
                (gsize)self->grid * self->patch, NULL, error);
}

static gboolean
prepare_bands(HysacPreJob *job, GError **error)
{
  const HysacFrame *f = job->frame;

  if (!job->self->built && !make_programs(job->self, error))
    return FALSE;
  job->tables = hysac_table_cache_get(&job->self->cache, f->width, f->height,
                                      hysac_frame_shown_height(f), error);
  if (!job->tables)
    return FALSE;
  job->first = job->tables->h.first & ~15u;
  job->end = MIN((job->tables->h.end + 15) & ~15u, f->width);
  job->pitch = (job->end - job->first + 3 + 15) & ~15u;
  return TRUE;
}

static gboolean
enqueue_bands(HysacPreJob *job, cl_mem patches, gsize offset, cl_event *event, GError **error)
{
  HysacPreprocess *self = job->self;
  guint top = job->tables->v.first, end = job->tables->v.end;
  guint rows = (guint)CLAMP(self->band_bytes / ((gsize)job->pitch * 4) & ~(gsize)3, 4, end - top);

  /* 4 pixels more: the taps' padding reads them. */
  if (!hysac_pre_grow(self, &self->band, ((gsize)rows * job->pitch + 4) * 4, error) ||
      !hysac_pre_grow(self, &self->middle, (gsize)(end - top) * (self->crop + 16) * 4, error))
    return FALSE;
  for (guint row = top; row < end; row += rows) {
    guint n = MIN(rows, end - row);

    if (!job->by_pointer && !hysac_pre_upload_planes(job, row, n, error))
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
  HysacPreJob job = { .self = self, .queue = queue, .frame = frame };
  cl_event read = NULL;
  gboolean ok, wide;

  if (!hysac_frame_check(frame, error))
    return FALSE;
  hysac_colour_init(&job.colour, frame);
  if (!hysac_pre_wide_prepare(&job, &wide, error) || (!wide && !prepare_bands(&job, error)))
    return FALSE;
  hysac_pre_point_at_planes(&job);
  ok = wide ? hysac_pre_wide_enqueue(&job, patches, offset, event ? &read : NULL, error)
            : enqueue_bands(&job, patches, offset, event ? &read : NULL, error);
  if (!ok)
    clFinish(queue); /* the caller's planes are its own again */
  hysac_pre_release_planes(&job);
  if (ok && event)
    *event = read;
  else if (read)
    clReleaseEvent(read);
  return ok;
}
