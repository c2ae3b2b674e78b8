/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Shared by the subcommands of `hysac`. Exit codes: 0 done, 1 something failed, 2 wrong usage; where asked for, 3:
 * something is unsafe, 4: that, and something failed; 130: stopped by Ctrl-C. */

#include "hysac.h"

G_BEGIN_DECLS

#define TOOL_OK 0
#define TOOL_FAILED 1
#define TOOL_USAGE 2
#define TOOL_UNSAFE 3
#define TOOL_UNSAFE_AND_FAILED 4
#define TOOL_STOPPED 130

/* Each takes argv from its own name on. */
int tool_embed(int argc, char **argv);
int tool_classify(int argc, char **argv);
int tool_tokenize(int argc, char **argv);
int tool_fit(int argc, char **argv);
int tool_bench(int argc, char **argv);
int tool_devices(int argc, char **argv);
int tool_verify(int argc, char **argv);
int tool_index(int argc, char **argv);
int tool_search(int argc, char **argv);
int tool_concepts(int argc, char **argv);
int tool_traverse(int argc, char **argv);
int tool_scan(int argc, char **argv); /* where GStreamer is: HYSAC_HAVE_VIDEO */

/* "hysac: ..." on stderr, one line whatever the message holds: errors, warnings and notes. */
void tool_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The same of an error, and what can be done about it: hysac_error_remedy() of a model or device; or NULL. */
void tool_fail(const GError *error, const char *remedy);

/* Parses with GOption, --verbose too; *code is the exit code where it returns FALSE (--help is 0). */
gboolean tool_parse(GOptionContext *context, int *argc, char ***argv, int *code);

/* Whether --verbose was given: what was chosen, and why, is told on stderr. Warnings always are. */
gboolean tool_is_verbose(void);

/* What a command that judges ends with. @asked: --fail-on-unsafe. */
int tool_verdict_code(gboolean unsafe, gboolean failed, gboolean asked);
/* Flushes stdout; what was printed and did not get through is a failure beside @code. */
int tool_finish_output(int code);

/* "%.9g" in any locale; null where not finite. */
void tool_append_number(GString *text, double value);

/* What can be done about a plain CLIP model. */
#define TOOL_NO_GEOMETRY "training/convert.py makes a folder with hysac.json of a HySAC checkpoint"

/* What the subcommands that encode have in common. */
typedef struct {
  char *model_name, *device, *precision;
  HysacModel *model;
  HysacEngine *engine;
  HysacTextEncoder *text;
  gboolean demo; /* it is the demo model; of the commands that judge and search */
} ToolSession;

#define TOOL_MODEL_OPTIONS(s)                                                                      \
  { "model", 'm', 0, G_OPTION_ARG_FILENAME, &(s)->model_name, "Model directory, or demo", "DIR" }, \
  { "device", 'd', 0, G_OPTION_ARG_STRING, &(s)->device,                                           \
    "OpenCL device: an index or part of a name (see hysac devices)", "N|NAME" }
#define TOOL_SESSION_OPTIONS(s)                                                                    \
  TOOL_MODEL_OPTIONS(s),                                                                           \
  { "precision", 'p', 0, G_OPTION_ARG_STRING, &(s)->precision,                                     \
    "fp32 (the default), bf16, fp16, int8, or auto: the fastest that is exact enough", "P" }

/* Where nothing else is printed. @flag is not looked at. */
#define TOOL_JSON_ALWAYS(flag)                                                                     \
  { "json", 'j', 0, G_OPTION_ARG_NONE, flag, "Print JSON: the only form, with or without this", NULL }

/* Loads the model and gets the engine, or the text encoder; says what is wrong and returns the exit code. One
 * may follow the other. */
int tool_session_open(ToolSession *self, const char *command);
int tool_session_open_text(ToolSession *self, const char *command);
int tool_session_open_model(ToolSession *self, const char *command); /* no device */
/* Whether it is the demo model's own folder: it comes with the program, and nothing is written into it. */
gboolean tool_is_demo_folder(HysacModel *model);
/* Notes that the bound is nobody's fitted one, unless it is (or the model is the demo, of which more was said). @given:
 * by the user. @fit: the command that fits one. */
void tool_note_bound(const ToolSession *self, const HysacRegion *region, gboolean given, const char *what, const char *fit);
void tool_session_clear(ToolSession *self);

typedef enum {
  TOOL_PICTURES_AS_REFERENCE, /* not turned; the first frame of an animation; whatever is left of a damaged one */
  TOOL_PICTURES_AS_SHOWN,     /* turned as they are marked; of an animated GIF or PNG the first frame; else not of several,
                                 nor cut short */
  TOOL_PICTURES_TO_FIT,       /* as the reference, but what is translucent as it is judged (hysac_engine_submit_shown()) */
} ToolPictures;

/* Encodes pictures, several at once, and reports them in the order of @paths on the caller's thread.
 * @error is set for a picture that could not be read or encoded. Returns FALSE, with @error, where
 * the engine as a whole failed: the rest is not reported. */
typedef void (*ToolPictureFunc)(guint index, const HysacEmbedding *embedding, const GError *error,
                                gpointer user_data);
gboolean tool_embed_pictures(HysacEngine *engine, char **paths, ToolPictures kind, ToolPictureFunc func,
                             gpointer user_data, GError **error);
/* The same of pictures as people are shown them: turned as they are marked, and every frame of an animation,
 * @frame from 0, @last the file's last one; an error ends its file. Where a picture is translucent, the farthest of what
 * it may look like is reported (hysac_engine_submit_shown()). */
typedef void (*ToolFrameFunc)(guint index, guint frame, gboolean last, const HysacEmbedding *embedding,
                              const GError *error, gpointer user_data);
gboolean tool_embed_frames(HysacEngine *engine, char **paths, ToolFrameFunc func, gpointer user_data,
                           GError **error);

G_END_DECLS
