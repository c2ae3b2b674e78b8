/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/remedy.h"

#include <string.h>

#define WHOLE_FOLDER                                                                                                   \
  "a model is \"demo\", or a whole folder that training/fetch.sh or training/convert.py has made: make it anew"

static const char *const remedies[] = {
  [HYSAC_ERROR_IO] = "a model is \"demo\", or the path of a folder that training/fetch.sh or training/convert.py has made",
  [HYSAC_ERROR_FORMAT] = WHOLE_FOLDER,
  [HYSAC_ERROR_MODEL] = WHOLE_FOLDER,
  [HYSAC_ERROR_NO_DEVICE] = "`hysac devices` lists what there is, and why each is taken or not",
  [HYSAC_ERROR_BUILD] = "the driver's compiler fails: is there room where it keeps its files (POCL_CACHE_DIR, $XDG_CACHE_HOME, /tmp)? Else update or reinstall the driver, or choose another device",
  [HYSAC_ERROR_DEVICE] = "look at the system's log for the device and its driver, or choose another device",
  [HYSAC_ERROR_DEVICE_LOST] = "look at the system's log for the device and its driver, or choose another device",
  [HYSAC_ERROR_OUT_OF_MEMORY] = "free memory of the device, run less at once on it, or choose another device",
  [HYSAC_ERROR_NUMERIC] = "make the model's folder anew; if it stays so, take precision fp32 or another device",
  [HYSAC_ERROR_UNSUPPORTED] = "take another model, or another precision: auto is what the device has",
  [HYSAC_ERROR_TIMEOUT] = "the driver hangs: if it does not recover, reset the device or restart the process",
};

/* Of a model that is whole but for what a message begins with, or whose file it names. */
static const struct {
  const char *part;
  gboolean first;
  const char *remedy;
} narrower[] = {
  {"the policy has a threshold for ", TRUE,
   "name some in the policy's \"concepts\" (docs/policy.md), or let `hysac concepts --file FILE --save` put them into the model"},
  {"the policy lets the head decide", TRUE,
   "`hysac fit --head` makes one of pictures or texts of yours (docs/fit.md), or take \"head\" out of the policy"},
  {"the policy: ", TRUE, "leave the points out of the policy's concepts, and they are computed at the start"},
  {"head.safetensors: ", FALSE, "make it anew with `hysac fit --head` (docs/fit.md), or take the file out of the model's folder"},
  {"hysac.json: ", FALSE,
   "mend that file, or take out what is wrong in it (docs/architecture.md lists its keys; `hysac fit` and `hysac concepts "
   "--save` write theirs anew), or make the folder anew by training/convert.py"},
};

static const char *
find_narrower(const GError *error)
{
  for (guint i = 0; i < G_N_ELEMENTS(narrower); i++) {
    const char *found = strstr(error->message, narrower[i].part);
    if (found && (!narrower[i].first || found == error->message))
      return narrower[i].remedy;
  }
  return NULL;
}

const char *
hysac_error_remedy(const GError *error)
{
  if (error == NULL || error->domain != HYSAC_ERROR || error->code < 0 || error->code >= (int)G_N_ELEMENTS(remedies))
    return NULL;
  const gboolean in_model = error->code == HYSAC_ERROR_FORMAT || error->code == HYSAC_ERROR_MODEL;
  const char *narrow = in_model ? find_narrower(error) : NULL;
  return narrow ? narrow : remedies[error->code];
}

const char *
hysac_policy_remedy(const GError *error)
{
  if (error == NULL || error->domain != HYSAC_ERROR || error->code == HYSAC_ERROR_ARGUMENT)
    return NULL;
  return "a policy is a JSON file with the keys that docs/policy.md lists";
}
