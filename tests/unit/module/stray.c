/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shared objects that are no modules: what each lacks is a macro. */
#include "synoptic-module.h"

#ifdef OTHER_ABI
G_MODULE_EXPORT extern const guint32 synoptic_module_abi;
const guint32 synoptic_module_abi = SYNOPTIC_MODULE_ABI + 6;
#elif !defined NO_ABI
SYNOPTIC_MODULE
#endif

#ifdef UNRESOLVED
gboolean what_no_server_has (SynModule *module);
#else
#define what_no_server_has(module) FALSE
#endif

#ifndef NO_INIT
gboolean
synoptic_module_init (SynModule *module, GError **error)
{
  return what_no_server_has (module);
}
#endif
