/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-stretch.h"

/* What the files of SynStretch share. */

G_BEGIN_DECLS

struct _SynStretch {
  SynLane *lane;
  SynStretched *items;
  guint n_stretched;
  guint n_windows;    /* of the lane's load that were looked at */
  gint64 changed_us;  /* of the load's clock: when something was last done, or tried */
  gint64 relaxed_us;  /* likewise: when something last went back, and was not stretched since; -1: none */
  gint64 back_ms;     /* how long it must have been calm */
  SynTimer look;      /* armed while something is stretched */
};

G_END_DECLS
