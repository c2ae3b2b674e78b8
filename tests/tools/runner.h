/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Runs the hysac command as a user would, and makes the files to run it on. */

#include "hysac.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <json-glib/json-glib.h>

typedef struct {
  int code; /* exit code; -1 where it died by a signal */
  char *out, *err;
  char **lines; /* of out, the last empty one left out */
  guint n_lines;
  guint n_errors; /* lines of err */
  gboolean built; /* it told that it built programs: with a cache of before it does not, and the line is taken out of err */
} Run;

/* hysac with @... (NULL-terminated) as arguments; the previous result of @run is freed. */
void run_hysac(Run *run, ...) G_GNUC_NULL_TERMINATED;
void run_hysac_v(Run *run, char **args);
void run_clear(Run *run);
/* For the runs that follow; NULL unsets. */
void run_setenv(const char *name, const char *value);

/* The only line that `hysac classify --json` prints of the picture @path, ending with @code (transfer full). */
char *judge(const char *model, const char *path, int code);

/* Fails unless @run ended with @code, printed nothing on stdout, and said one line, "hysac: ...", that
 * holds each of @... ; before it may be the note about the demo model. */
void expect_failure(const Run *run, int code, ...) G_GNUC_NULL_TERMINATED;

/* A number, or an array of @n, of the JSON object @line; the array is to be freed. */
double json_number(const char *line, const char *key);
/* What --json printed; json_node_unref() it. */
JsonNode *json_output(const Run *run);
JsonNode *json_output_with(const Run *run, int code); /* of a run that ended with @code, not 0 */
JsonObject *json_member(JsonObject *object, const char *key); /* fails where there is none */
float *json_floats(const char *line, const char *key, guint n);
char *json_text(const char *line, const char *key);

char *data_path(const char *name); /* below tests/data */
char *make_folder(void);
void remove_folder(char *path); /* and all below; frees @path */
/* A copy of tests/data/reference/small/model below @folder. */
char *copy_model(const char *folder, const char *name);
char *copy_text_model(const char *folder, const char *name); /* and of what texts need */
char *copy_demo(const char *folder, const char *name); /* of the demo model */
/* Reads or writes a whole file of folder @dir, or fails the test. */
char *read_file(const char *dir, const char *name, gsize *length);
void write_file(const char *dir, const char *name, const void *data, gssize length);
/* Other weights for a model, and their hash into its hysac.json. */
void write_weights(const char *model, const char *data, gsize size);
/* The JPEG @data with a camera's mark in it (Exif 2.3, 4.6.4: Orientation). */
void write_turned(const char *dir, const char *name, const char *data, gsize size, guint8 orientation);
/* What stands at the end of a PNG's chunk whose type and data are @bytes: annex D of its specification. */
guint32 png_sum(const guint8 *bytes, gsize n);
/* The PNG @data with the same mark (eXIf), right after its header or right before its end. */
void write_turned_png(const char *dir, const char *name, const char *data, gsize size, guint8 orientation, gboolean last);
