/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/svgreach.h"

#include "core/svgextent.h"
#include "core/svgvalue.h"

#include <math.h>
#include <string.h>

#define MAX_EXTENT 4e6 /* pixels: half of what Cairo can tell from the other side */
#define MAX_DEPTH 200
#define DOT 2e-5 /* of the larger side of all: no longer than what Cairo takes for 0 in a picture of 224 pixels */

/* How far from 0 what has an id reaches: itself, and what it refers to, made larger and moved. */
typedef struct {
  double reach;
  GArray *uses; /* Use */
  gboolean open; /* while it is being measured */
} Part;

typedef struct {
  Part *part;
  double scale, offset;
} Use;

/* What an open element does to what is in it, at most, and whose part that is. */
typedef struct {
  Part *part;
  double scale, offset;
  double shrink;
} Frame;

struct _HysacSvgReach {
  GHashTable *parts;      /* id, or "" for all -> Part */
  GArray *frames;         /* Frame, for each element that is open */
  GPtrArray *named;       /* ids that the element, or a style sheet, refers to */
  GPtrArray *sheet_named; /* likewise of all style sheets */
  double own, sheet;      /* how far the element's own numbers reach; those of style sheets */
  double root, scale;     /* what the outermost is made larger by; the largest of frames */
  double side, shrink;    /* the larger of the outermost; the least of frames */
};

static void
free_part(gpointer data)
{
  Part *part = data;
  g_array_unref(part->uses);
  g_free(part);
}

HysacSvgReach *
hysac_svg_reach_new(void)
{
  HysacSvgReach *self = g_new0(HysacSvgReach, 1);
  self->parts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_part);
  self->frames = g_array_new(FALSE, FALSE, sizeof(Frame));
  self->named = g_ptr_array_new_with_free_func(g_free);
  self->sheet_named = g_ptr_array_new_with_free_func(g_free);
  self->root = self->scale = self->shrink = 1;
  return self;
}

void
hysac_svg_reach_free(HysacSvgReach *self)
{
  g_hash_table_unref(self->parts);
  g_array_unref(self->frames);
  g_ptr_array_unref(self->named);
  g_ptr_array_unref(self->sheet_named);
  g_free(self);
}

/* What has the id @id, or will have. */
static Part *
get_part(HysacSvgReach *self, const char *id)
{
  Part *part = g_hash_table_lookup(self->parts, id);
  if (part == NULL) {
    part = g_new0(Part, 1);
    part->uses = g_array_new(FALSE, FALSE, sizeof(Use));
    g_hash_table_insert(self->parts, g_strdup(id), part);
  }
  return part;
}

void
hysac_svg_reach_open(HysacSvgReach *self)
{
  const guint depth = self->frames->len;
  const Frame frame = depth > 0 ? g_array_index(self->frames, Frame, depth - 1) : (Frame) { get_part(self, ""), 1, 0, 1 };
  g_array_append_val(self->frames, frame);
}

void
hysac_svg_reach_close(HysacSvgReach *self)
{
  g_array_set_size(self->frames, self->frames->len - 1);
}

void
hysac_svg_reach_note_value(HysacSvgReach *self, const char *name, const char *value)
{
  self->own = fmax(self->own, hysac_svg_extent(name, value));
}

void
hysac_svg_reach_note_reference(HysacSvgReach *self, const char *id)
{
  g_ptr_array_add(self->named, g_strdup(id));
}

void
hysac_svg_reach_note_sheet(HysacSvgReach *self)
{
  self->sheet = fmax(self->sheet, self->own);
  while (self->named->len > 0)
    g_ptr_array_add(self->sheet_named, g_ptr_array_steal_index(self->named, self->named->len - 1));
  self->own = 0;
}

/* @frame: of who refers to all @named. */
static void
add_uses(HysacSvgReach *self, const Frame *frame, GPtrArray *named)
{
  frame->part->reach = fmax(frame->part->reach, frame->offset + frame->scale * self->own);
  for (guint i = 0; i < named->len; i++) {
    const Use use = { get_part(self, named->pdata[i]), frame->scale * fmax(1, self->own / HYSAC_SVG_SIDE), frame->offset };
    g_array_append_val(frame->part->uses, use);
  }
  g_ptr_array_set_size(named, 0);
  self->own = 0;
}

/* The smaller side of a view box, or the larger. */
static double
get_side(const char *box, gboolean larger)
{
  double side = 0;
  for (guint i = 0; i < 4; i++) {
    char *end;
    const double number = g_ascii_strtod(box, &end);
    side = i == 2 || (i == 3 && (number > side) == larger) ? number : side;
    box = end + strspn(end, " ,\t\r\n");
  }
  return side;
}

/* The outermost, which says how large all is. */
static void
note_root(HysacSvgReach *self, const char *box, const char *width, const char *height)
{
  self->side = box ? get_side(box, TRUE) : fmax(hysac_svg_extent("width", width), hysac_svg_extent("height", height));
  if (box != NULL && (width != NULL || height != NULL)) {
    const double inch = *hysac_svg_unit(width ? width : height) == '\0' ? 1 : 96; /* or less */
    const double side = fmax(hysac_svg_extent("width", width ? width : "0"), hysac_svg_extent("height", height ? height : "0"));
    self->root = side * inch / get_side(box, FALSE);
  }
}

void
hysac_svg_reach_note_element(HysacSvgReach *self, const char *id, const char **names, const char **values)
{
  const char *transform = hysac_svg_find("transform", names, values), *pattern = hysac_svg_find("patternTransform", names, values);
  const char *width = hysac_svg_find("width", names, values), *height = hysac_svg_find("height", names, values);
  const char *box = hysac_svg_find("viewBox", names, values);
  const gboolean outermost = self->frames->len == 1;
  Frame *frame = &g_array_index(self->frames, Frame, self->frames->len - 1);
  if (id != NULL) {
    /* It may be used without what is around it. */
    const Use use = { get_part(self, id), 1, 0 };
    g_array_append_val(frame->part->uses, use);
    frame->part = use.part;
    frame->scale = fmax(1, frame->scale);
  }
  for (guint i = 0; i < 2; i++) {
    const char *length = i ? height : width;
    if (length != NULL && g_str_has_suffix(length, "%"))
      frame->scale *= fmax(1, g_ascii_strtod(length, NULL) / 100);
  }
  frame->offset += frame->scale * self->own;
  frame->scale *= (transform ? hysac_svg_scale(transform) : 1) * (pattern ? hysac_svg_scale(pattern) : 1);
  frame->shrink *= (transform ? fmin(1, hysac_svg_shrink(transform)) : 1) * (pattern ? fmin(1, hysac_svg_shrink(pattern)) : 1);
  if (outermost)
    note_root(self, box, width, height);
  else if (box != NULL) {
    frame->scale *= HYSAC_SVG_SIDE / get_side(box, FALSE);
    frame->shrink /= fmax(1, get_side(box, TRUE));
  }
  self->shrink = fmin(self->shrink, frame->shrink);
  if (g_strcmp0(hysac_svg_find("patternContentUnits", names, values), "objectBoundingBox") == 0)
    frame->scale *= HYSAC_SVG_SIDE;
  self->scale = fmax(self->scale, frame->scale);
  add_uses(self, frame, self->named);
}

gboolean
hysac_svg_reach_is_dot(HysacSvgReach *self, double length)
{
  return length * self->shrink * self->shrink <= self->side * DOT;
}

/* How far @part reaches. Infinite where it goes round in circles, or too deep. */
static double
measure(Part *part, guint depth)
{
  if (part->open || depth > MAX_DEPTH)
    return INFINITY;
  part->open = TRUE;
  double reach = part->reach;
  for (guint i = 0; i < part->uses->len; i++) {
    const Use *use = &g_array_index(part->uses, Use, i);
    reach = fmax(reach, use->offset + use->scale * measure(use->part, depth + 1));
  }
  part->open = FALSE;
  part->reach = reach; /* and is not measured again */
  g_array_set_size(part->uses, 0);
  return reach;
}

gboolean
hysac_svg_reach_check(HysacSvgReach *self, GError **error)
{
  const Frame frame = { get_part(self, ""), self->scale, self->scale * self->sheet, 1 };
  add_uses(self, &frame, self->sheet_named);
  return (measure(frame.part, 0) + frame.offset) * self->root <= MAX_EXTENT ||
         hysac_svg_refuse(error, "something that could be too far away, or goes round in circles", "");
}
