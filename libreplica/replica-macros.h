/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

/* Marks what the shared library exports; everything else is hidden. */
#define REPLICA_PUBLIC __attribute__ ((visibility ("default"))) extern
