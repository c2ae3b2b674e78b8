/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/remedy.h"

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

const char *
hysac_error_remedy(const GError *error)
{
  if (error == NULL || error->domain != HYSAC_ERROR || error->code < 0 || error->code >= (int)G_N_ELEMENTS(remedies))
    return NULL;
  return remedies[error->code];
}

const char *
hysac_policy_remedy(const GError *error)
{
  if (error == NULL || error->domain != HYSAC_ERROR || error->code == HYSAC_ERROR_ARGUMENT)
    return NULL;
  return "a policy is a JSON file with the keys that docs/policy.md lists";
}
