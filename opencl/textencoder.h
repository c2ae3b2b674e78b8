/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/model.h"
#include "core/tokenizer.h"
#include "opencl/device.h"
#include "opencl/engine.h"

/*
 * Texts to points of HySAC's space: the tokenizer and the text tower, one for each (device, model, precision) in
 * a process, with one copy of the weights, whoever asks for it.
 *
 * Two differences from the reference, because attackers would use what it does. "<|endoftext|>" in a text is
 * plain text: the reference pools at the first such token, and what follows it goes unseen. And a text of
 * more than the tower's positions (77 with start and end) is scored in windows that overlap by a third, of
 * which the one farthest from the root counts: the reference cuts it off. HYSAC_TEXT_REFERENCE is for parity.
 *
 * Thread-safety: every function may be called from any thread. Calls wait for the device; texts of several
 * threads share its runs. A text has the same numbers alone and among others, bit for bit.
 */

G_BEGIN_DECLS

typedef struct _HysacTextEncoder HysacTextEncoder;

/**
 * HysacTextFlags:
 * @HYSAC_TEXT_DEFAULT: as said above
 * @HYSAC_TEXT_REFERENCE: as the reference: special tokens in the text are tokens, what is beyond 77 is
 *  dropped, and the first end of text is where the text ends
 * @HYSAC_TEXT_NO_FIX: the tokenizer of newer transformers (HYSAC_TOKENIZE_NO_FIX)
 */
typedef enum {
  HYSAC_TEXT_DEFAULT = 0,
  HYSAC_TEXT_REFERENCE = 1 << 0,
  HYSAC_TEXT_NO_FIX = 1 << 1,
} HysacTextFlags;

/* What became of a text; feature, point and distance are those of its worst window. */
typedef struct {
  guint dim;
  float *feature;  /* before alpha; dim floats */
  float *point;    /* after alpha and the exponential map; NULL without geometry */
  double distance; /* to the root; NAN without geometry (then the longest feature is the worst) */
  gsize tokens;    /* of the whole text, start and end included */
  gsize windows;   /* that it was scored in, at least 1 */
  gsize worst;     /* which of them counts, from 0 */
} HysacTextEmbedding;
/* Frees what is in it and zeroes it. A zeroed one is fine. */
HYSAC_API void hysac_text_embedding_clear(HysacTextEmbedding *self);

/**
 * hysac_text_encoder_get:
 * @model: one with a text tower, vocab.json and merges.txt
 * @device: as hysac_device_open()
 * @precision: AUTO or FP32
 * @progress: (nullable): as hysac_engine_get()
 *
 * Returns: (transfer full): a warm encoder, or %NULL with @error (as hysac_engine_get(); UNSUPPORTED for a model
 * without a text tower and for other precisions; IO, FORMAT, MODEL for its vocabulary). One that fails later
 * (DEVICE_LOST, OUT_OF_MEMORY, TIMEOUT, any error that the driver gives eight times on end) answers everything
 * with that error and leaves the registry: asking again makes a new one. May wait for the driver without limit.
 */
HYSAC_API HysacTextEncoder *hysac_text_encoder_get(HysacModel *model, const char *device,
                                                   HysacPrecision precision, HysacProgressFunc progress,
                                                   gpointer user_data, GError **error);
HYSAC_API HysacTextEncoder *hysac_text_encoder_ref(HysacTextEncoder *self);
/* The last one frees the device's memory, or leaves that to the driver where it does not return. NULL is
 * fine. */
HYSAC_API void hysac_text_encoder_unref(HysacTextEncoder *self);

HYSAC_API HysacModel *hysac_text_encoder_get_model(HysacTextEncoder *self);         /* borrowed */
HYSAC_API HysacDevice *hysac_text_encoder_get_device(HysacTextEncoder *self);       /* borrowed */
HYSAC_API HysacTokenizer *hysac_text_encoder_get_tokenizer(HysacTextEncoder *self); /* borrowed */
HYSAC_API HysacPrecision hysac_text_encoder_get_precision(HysacTextEncoder *self);  /* never AUTO */
HYSAC_API guint hysac_text_encoder_get_dim(HysacTextEncoder *self);
/* Whether it has failed for good: it accepts nothing any more. */
HYSAC_API gboolean hysac_text_encoder_has_failed(HysacTextEncoder *self);

/**
 * hysac_text_encoder_embed:
 * @text: UTF-8 without NUL, at most HYSAC_TOKENIZER_MAX_TEXT bytes; may be empty
 * @size: bytes, or -1 where @text ends with NUL
 * @out: (out caller-allocates): filled on success, free with hysac_text_embedding_clear(); zeroed on failure
 *
 * Waits for the result. A device that finishes nothing for much longer than a run takes is taken for hung:
 * TIMEOUT. Memory beyond the tower's: some bytes a token.
 *
 * Returns: FALSE with @error (FORMAT: not UTF-8; ARGUMENT: too long; NUMERIC; or the device's errors).
 */
HYSAC_API gboolean hysac_text_encoder_embed(HysacTextEncoder *self, const char *text, gssize size,
                                            HysacTextFlags flags, HysacTextEmbedding *out, GError **error);

/**
 * hysac_text_encoder_embed_many:
 * @texts: @n of them, as above, each ending with NUL
 * @out: (out caller-allocates): @n, each as above
 * @errors: (out caller-allocates) (nullable): @n, each NULL or why that text has no embedding (transfer full)
 *
 * As many calls of hysac_text_encoder_embed() at once. One text's failure is not another's.
 *
 * Returns: how many have an embedding.
 */
HYSAC_API guint hysac_text_encoder_embed_many(HysacTextEncoder *self, const char *const *texts, guint n,
                                              HysacTextFlags flags, HysacTextEmbedding *out,
                                              GError **errors);

/**
 * HysacTextWatchFunc:
 * @done: windows that have been run
 * @windows: of all the texts
 *
 * Called by the thread that waits, after each run and twice a second at least.
 *
 * Returns: FALSE to go on no further.
 */
typedef gboolean (*HysacTextWatchFunc)(gsize done, gsize windows, gpointer user_data);

/**
 * hysac_text_encoder_embed_many_watched:
 *
 * As hysac_text_encoder_embed_many(), watched: a text of megabytes takes minutes. Once @watch returns FALSE the run
 * at hand is the last; texts that are finished keep their embedding, the others have CANCELLED.
 */
HYSAC_API guint hysac_text_encoder_embed_many_watched(HysacTextEncoder *self, const char *const *texts, guint n,
                                                      HysacTextFlags flags, HysacTextWatchFunc watch,
                                                      gpointer user_data, HysacTextEmbedding *out,
                                                      GError **errors);

/**
 * HysacTextWindowFunc:
 * @text: which of the texts, from 0
 * @feature: of one of its windows, as HysacTextEmbedding has it; borrowed until it returns
 * @point: the same; NULL without geometry
 *
 * Any thread, one call at a time, in no order. It holds up the encoder.
 */
typedef void (*HysacTextWindowFunc)(guint text, const float *feature, const float *point, gpointer user_data);

/**
 * hysac_text_encoder_embed_windows:
 * @each: told each window of each text once; of a text that gets no embedding maybe some, or none
 *
 * hysac_text_encoder_embed_many() for who needs more than the window that is farthest from the root: for what lies
 * near to something else another one may count. No call of @each is under way once this has returned.
 */
HYSAC_API guint hysac_text_encoder_embed_windows(HysacTextEncoder *self, const char *const *texts, guint n,
                                                 HysacTextFlags flags, HysacTextWindowFunc each, gpointer user_data,
                                                 HysacTextEmbedding *out, GError **errors);

/* Encoders alive in this process (for leak tests). */
HYSAC_API guint hysac_text_encoder_count(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(HysacTextEncoder, hysac_text_encoder_unref)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HysacTextEmbedding, hysac_text_embedding_clear)

G_END_DECLS
