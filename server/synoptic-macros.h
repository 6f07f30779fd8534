/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Marks what synopticd lets modules see; everything else of it is hidden. */
#define SYN_PUBLIC __attribute__ ((visibility ("default"))) extern
