/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Frames through kernels/preprocess_x86.cl: strips of rows, then the vertical filter. */

#include "opencl/preprocess_private.h"

#include <string.h>

#define SPAN_BYTES (2560 * 4) /* of one channel of a strip: GROUPS in the kernels */

typedef struct {
  const char *name;
  gboolean (*probe)(const HysacDeviceLimits *limits);
  const char *options;
  guint rows; /* of a strip: dwords of a vector */
} Variant;

/* vpmaddwd and its like are inline assembly. */
static gboolean
probe_avx512bw(const HysacDeviceLimits *limits)
{
  return limits->host_cpu && limits->avx512bw && limits->inline_asm;
}

/* The last that runs is the best. */
static const Variant variants[] = {
  { "x86-avx2", hysac_probe_avx2_asm, "-DVEC=8", 8 },
  { "x86-avx512", probe_avx512bw, "-DVEC=16", 16 },
};

char **
hysac_preprocess_variants(HysacDevice *device)
{
  g_autoptr(GStrvBuilder) names = g_strv_builder_new();

  g_strv_builder_add(names, "portable");
  for (guint i = 0; i < G_N_ELEMENTS(variants); i++) {
    if (variants[i].probe(hysac_device_limits(device)))
      g_strv_builder_add(names, variants[i].name);
  }
  return g_strv_builder_end(names);
}

/* As in ops.c: a forced name that extends one of these ("x86-avx512-…") means it; one that is not
 * here at all means the portable way. */
static const Variant *
pick(HysacDevice *device, const char *force)
{
  const Variant *best = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(variants); i++) {
    if (variants[i].probe(hysac_device_limits(device)) &&
        (!force || !force[0] || g_str_has_prefix(force, variants[i].name)))
      best = &variants[i];
  }
  return best;
}

static gboolean
make_kernels(HysacPreprocess *self, const char *options, GError **error)
{
  static const char *const names[HYSAC_N_PRE_KERNELS] = {
    [HYSAC_PRE_RGB24] = "strips_rgb",           [HYSAC_PRE_PLANAR] = "strips_planar",
    [HYSAC_PRE_SEMIPLANAR] = "strips_semiplanar", [HYSAC_PRE_PACKED] = "strips_packed",
    [HYSAC_PRE_PLANAR_10] = "strips_planar_10", [HYSAC_PRE_SEMIPLANAR_10] = "strips_semiplanar_10",
    [HYSAC_PRE_VERTICAL] = "vertical",
  };
  cl_program program = hysac_program_build(self->device, "preprocess_x86", options, error);
  gboolean ok = program != NULL;

  for (guint i = 0; ok && i < HYSAC_N_PRE_KERNELS; i++) {
    cl_int code;

    if (!names[i])
      continue;
    self->wide_kernels[i] = clCreateKernel(program, names[i], &code);
    ok = HYSAC_CL(code, "clCreateKernel", error);
    if (!ok)
      self->wide_kernels[i] = NULL;
  }
  if (program)
    clReleaseProgram(program);
  return ok;
}

static guint
middle_pitch(const HysacPreprocess *self)
{
  return ((self->crop + 3) & ~3u) + self->wide_rows; /* vectors run past the crop */
}

gboolean
hysac_pre_wide_prepare(HysacPreJob *job, gboolean *can, GError **error)
{
  HysacPreprocess *self = job->self;
  const HysacFrame *f = job->frame;
  const HysacTables *tables;

  *can = self->wide_rows > 0 && self->cpu;
  if (!*can)
    return TRUE;
  tables = hysac_table_cache_get(&self->wide_cache, f->width, f->height, hysac_frame_shown_height(f),
                                 error);
  if (!tables)
    return FALSE;
  *can = tables->h.columns > 0;
  if (!*can)
    return TRUE;
  job->tables = tables;
  /* Blocks may run past the last tap by nearly their whole length. */
  job->first = tables->h.first;
  job->end = MIN(tables->h.end + 4 * self->wide_rows, f->width);
  return TRUE;
}

gboolean
hysac_pre_wide_enqueue(HysacPreJob *job, cl_mem patches, gsize offset, cl_event *read, GError **error)
{
  HysacPreprocess *self = job->self;
  const HysacFrame *f = job->frame;
  const HysacColour *c = &job->colour;
  const HysacDeviceTaps *h = &job->tables->h, *v = &job->tables->v;
  const HysacPrePlane *p = job->planes;
  HysacPreKernel kernel = hysac_pre_kernel_of(job);
  guint n_planes = hysac_format_n_planes(f->format), rows = self->wide_rows, pitch = middle_pitch(self);
  const HysacPrePlane *a = n_planes > 1 ? p + 1 : p, *b = n_planes > 2 ? p + 2 : a;
  gboolean second_first = f->format == HYSAC_FORMAT_NV21;
  guint end = MIN(v->end, f->height), strips = (end - v->first + rows - 1) / rows;
  guint parts = (((self->crop + 3) & ~3u) + h->columns - 1) / h->columns;
  cl_int8 strip = { { (cl_int)f->width, (cl_int)v->first, (cl_int)end, (cl_int)h->columns,
                      (cl_int)self->crop, (cl_int)pitch, second_first ? 0 : 2,
                      f->format == HYSAC_FORMAT_UYVY ? 8 : 0 } };
  cl_int8 matrix = { { c->y_offset, c->y, second_first ? c->r_v : c->b_u,
                       second_first ? c->b_u : c->r_v, second_first ? c->g_v : c->g_u,
                       second_first ? c->g_u : c->g_v } };
  cl_int8 site = hysac_pre_site(job);
  cl_int4 chroma = hysac_pre_chroma(job), order = { { c->red, c->green, c->blue, c->pixel } };
  cl_int first = (cl_int)v->first / 4, patch = (cl_int)self->patch, grid = (cl_int)self->grid;
  cl_int dwords = (cl_int)pitch;
  cl_ulong at = offset;
  const gsize global[2] = { parts, strips }, lines[1] = { (gsize)self->grid * self->patch };
  gboolean ok;

  if (!hysac_pre_grow(self, &self->middle,
                      (gsize)strips * (rows / 4) * 3 * pitch * sizeof(cl_int), error) ||
      (!job->by_pointer && !hysac_pre_upload_planes(job, v->first, end - v->first, error)))
    return FALSE;
  if (kernel == HYSAC_PRE_RGB24 || kernel == HYSAC_PRE_RGB32) {
    const HysacArg args[] = { HYSAC_ARG(p->mem),    HYSAC_ARG(p->at),      HYSAC_ARG(order),
                              HYSAC_ARG(strip),     HYSAC_ARG(h->taps),    HYSAC_ARG(h->weights),
                              HYSAC_ARG(h->stride), HYSAC_ARG(self->middle.mem) };
    ok = hysac_ops_launch(job->queue, self->wide_kernels[HYSAC_PRE_RGB24], args, G_N_ELEMENTS(args),
                          2, global, TRUE, read, error);
  } else {
    const HysacArg args[] = { HYSAC_ARG(p->mem),     HYSAC_ARG(p->at),    HYSAC_ARG(a->mem),
                              HYSAC_ARG(a->at),      HYSAC_ARG(b->mem),   HYSAC_ARG(b->at),
                              HYSAC_ARG(chroma),     HYSAC_ARG(matrix),   HYSAC_ARG(site),
                              HYSAC_ARG(strip),      HYSAC_ARG(h->taps),  HYSAC_ARG(h->weights),
                              HYSAC_ARG(h->stride),  HYSAC_ARG(self->middle.mem) };
    ok = hysac_ops_launch(job->queue, self->wide_kernels[kernel], args, G_N_ELEMENTS(args), 2, global,
                          TRUE, read, error);
  }
  if (ok) {
    const HysacArg args[] = { HYSAC_ARG(self->middle.mem), HYSAC_ARG(first),  HYSAC_ARG(v->taps),
                              HYSAC_ARG(v->weights),       HYSAC_ARG(v->stride), HYSAC_ARG(patch),
                              HYSAC_ARG(grid),             HYSAC_ARG(dwords), HYSAC_ARG(patches),
                              HYSAC_ARG(at) };
    ok = hysac_ops_launch(job->queue, self->wide_kernels[HYSAC_PRE_VERTICAL], args,
                          G_N_ELEMENTS(args), 1, lines, TRUE, NULL, error);
  }
  return ok;
}

/* ---- the self-test ---- */

/* 40 rows down to 24, 9 a patch: the filters widen, blocks end inside and at both edges of the
 * picture, patches are no whole vectors. */
#define TEST_WIDTH 150
#define TEST_HEIGHT 40
#define TEST_CROP 24
#define TEST_PATCH 9
#define TEST_GRID (TEST_CROP / TEST_PATCH)
#define TEST_BYTES (TEST_GRID * TEST_GRID * 3 * TEST_PATCH * TEST_PATCH)

static gboolean
try_format(HysacPreprocess *trial, HysacFormat format, const guint8 *noise, cl_command_queue queue,
           cl_mem out, GError **error)
{
  HysacFrame frame = { .format = format, .width = TEST_WIDTH, .height = TEST_HEIGHT,
                       .site = { FALSE, FALSE } };
  guint8 want[TEST_CROP * TEST_CROP * 3], got[TEST_BYTES];

  for (guint i = 0; i < hysac_format_n_planes(format); i++) {
    frame.planes[i] = noise + i * 7;
    frame.strides[i] = hysac_format_plane_row_bytes(format, i, TEST_WIDTH);
    frame.sizes[i] = frame.strides[i] * hysac_format_plane_rows(format, i, TEST_HEIGHT);
  }
  if (!hysac_preprocess_reference(&trial->wide_cache.config, &frame, want, error) ||
      !hysac_preprocess_enqueue(trial, queue, &frame, out, 0, NULL, error) ||
      !HYSAC_CL(clEnqueueReadBuffer(queue, out, CL_TRUE, 0, sizeof got, got, 0, NULL, NULL),
                "clEnqueueReadBuffer", error))
    return FALSE;
  for (guint i = 0; i < TEST_BYTES; i++) {
    guint x = i % TEST_PATCH, y = i / TEST_PATCH % TEST_PATCH;
    guint channel = i / (TEST_PATCH * TEST_PATCH) % 3, cell = i / (3 * TEST_PATCH * TEST_PATCH);
    guint at = (cell / TEST_GRID * TEST_PATCH + y) * TEST_CROP + cell % TEST_GRID * TEST_PATCH + x;

    if (got[i] != want[at * 3 + channel]) {
      g_set_error(error, HYSAC_ERROR, HYSAC_ERROR_NUMERIC,
                  "self-test of preprocessing: format %d, byte %u is %u and not %u", (int)format, i,
                  got[i], want[at * 3 + channel]);
      return FALSE;
    }
  }
  return TRUE;
}

/* Every kernel once; their machine code is needed anyway. */
static gboolean
self_test(HysacPreprocess *self, GError **error)
{
  static const HysacFormat formats[] = { HYSAC_FORMAT_RGB,  HYSAC_FORMAT_I420,
                                         HYSAC_FORMAT_NV21, HYSAC_FORMAT_UYVY,
                                         HYSAC_FORMAT_I420_10LE, HYSAC_FORMAT_P010_10LE };
  HysacPreprocess trial = { .device = self->device, .crop = TEST_CROP, .patch = TEST_PATCH,
                            .grid = TEST_GRID, .cpu = TRUE, .wide_rows = self->wide_rows };
  gsize bytes = TEST_WIDTH * TEST_HEIGHT * 4;
  g_autofree guint8 *noise = g_malloc(bytes);
  cl_command_queue queue = hysac_device_new_queue(self->device, FALSE, error);
  cl_mem out = NULL;
  cl_int code;
  gboolean ok = queue != NULL;

  trial.wide_cache = self->wide_cache;
  trial.wide_cache.config.shortest_edge = trial.wide_cache.config.crop_size = TEST_CROP;
  memcpy(trial.wide_kernels, self->wide_kernels, sizeof trial.wide_kernels);
  for (gsize i = 0; i < bytes; i++)
    noise[i] = (guint8)(((guint32)i * 2654435761u) >> 24);
  if (ok) {
    out = clCreateBuffer(hysac_device_context(self->device), CL_MEM_READ_WRITE, TEST_BYTES, NULL, &code);
    ok = HYSAC_CL(code, "clCreateBuffer", error);
  }
  for (guint i = 0; ok && i < G_N_ELEMENTS(formats); i++)
    ok = try_format(&trial, formats[i], noise, queue, out, error);
  if (queue) {
    clFinish(queue);
    clReleaseCommandQueue(queue);
  }
  if (out)
    clReleaseMemObject(out);
  hysac_pre_clear_buffers(&trial);
  hysac_table_cache_clear(&trial.wide_cache);
  return ok;
}

gboolean
hysac_pre_wide_init(HysacPreprocess *self, GError **error)
{
  const char *force = g_getenv("HYSAC_VARIANT");
  const Variant *variant = pick(self->device, force);
  g_autoptr(GError) local = NULL;

  if (!variant)
    return TRUE;
  self->wide_cache.context = self->cache.context;
  self->wide_cache.config = self->cache.config;
  self->wide_cache.span = SPAN_BYTES / (variant->rows * 4);
  self->wide_cache.step = variant->rows;
  self->wide_rows = variant->rows;
  if (make_kernels(self, variant->options, &local) && self_test(self, &local))
    return TRUE;
  hysac_pre_wide_clear(self);
  if ((force && force[0]) || (!g_error_matches(local, HYSAC_ERROR, HYSAC_ERROR_BUILD) &&
                              !g_error_matches(local, HYSAC_ERROR, HYSAC_ERROR_NUMERIC))) {
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
  }
  g_warning("kernel variant %s of preprocess_x86 is not used: %s", variant->name, local->message);
  return TRUE;
}

void
hysac_pre_wide_clear(HysacPreprocess *self)
{
  for (guint i = 0; i < HYSAC_N_PRE_KERNELS; i++) {
    if (self->wide_kernels[i])
      clReleaseKernel(self->wide_kernels[i]);
    self->wide_kernels[i] = NULL;
  }
  hysac_table_cache_clear(&self->wide_cache);
  self->wide_rows = 0;
}
