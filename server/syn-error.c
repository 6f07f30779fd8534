/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "syn-error.h"

G_DEFINE_QUARK (syn-error-quark, syn_error)
