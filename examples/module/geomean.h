/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <synoptic-aggregate.h>

/* geomean(x): the geometric mean of numbers above 0; those that are not above 0 are left out. */
extern const SynAggregateClass geomean_class;
