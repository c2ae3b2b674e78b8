/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A safetensors file; every tensor handed out must lie inside it and be readable, and mapped from a file
 * it is the same. */
/* Covers: core/safetensors.c */
#include "fuzz.h"

#include "core/safetensors.h"

#include <string.h>

static void
check_mapped(const uint8_t *data, size_t size, HysacSafetensors *expected)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacSafetensors) file = hysac_safetensors_open(fuzz_file(data, size), &error);

  require_error(file != NULL, &error);
  REQUIRE((file != NULL) == (expected != NULL));
  if (!file)
    return;
  g_autoptr(HysacSafetensors) again = hysac_safetensors_ref(file);
  const char *const *names = hysac_safetensors_names(again);
  REQUIRE(hysac_safetensors_size(again) == size);
  for (const char *const *name = hysac_safetensors_names(expected); *name; name++, names++) {
    const HysacTensor *tensor = hysac_safetensors_lookup(again, *names);
    const HysacTensor *same = hysac_safetensors_lookup(expected, *name);
    REQUIRE(strcmp(*names, *name) == 0 && tensor->n_bytes == same->n_bytes);
    REQUIRE(tensor->n_bytes == 0 || memcmp(tensor->data, same->data, tensor->n_bytes) == 0);
    g_autofree float *values = g_new(float, tensor->n_elements + 1);
    require_error(hysac_safetensors_read_f32(again, *name, values, &error), &error);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(HysacSafetensors) file = hysac_safetensors_new_from_bytes(bytes, "input", &error);

  require_error(file != NULL, &error);
  check_mapped(data, size, file);
  if (!file)
    return 0;
  for (const char *const *name = hysac_safetensors_names(file); *name; name++) {
    const HysacTensor *tensor = hysac_safetensors_lookup(file, *name);
    REQUIRE(tensor && tensor->rank <= HYSAC_TENSOR_MAX_RANK);
    const uint8_t *begin = tensor->data;
    REQUIRE(begin >= data && begin <= data + size);
    REQUIRE(tensor->n_bytes <= (size_t) (data + size - begin));
    REQUIRE(tensor->n_elements <= tensor->n_bytes);
    g_autofree float *values = g_new(float, tensor->n_elements + 1);
    gboolean ok = hysac_tensor_read_f32(tensor, *name, values, &error);
    require_error(ok, &error);
  }
  return 0;
}
