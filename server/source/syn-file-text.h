/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The text of a file, plain or zstd (by its name), in pieces. Blocking; one thread at a time. */

G_BEGIN_DECLS

typedef struct _SynFileText SynFileText;

typedef enum
{
  SYN_FILE_SAME,
  SYN_FILE_TRUNCATED, /* shorter than what has been read of it */
  SYN_FILE_REPLACED,  /* another file has its name now */
} SynFileChange;

/* Only regular files. Errors: NOT_FOUND (cannot be opened), INVALID. */
SynFileText *syn_file_text_open (const char *path, GError **error);
void syn_file_text_close (SynFileText *self);
/* The next piece; *@length 0: the end, for now. FALSE: INVALID, naming the file and where in it. */
gboolean syn_file_text_read (SynFileText *self, const char **text, gsize *length, GError **error);
gboolean syn_file_text_is_compressed (SynFileText *self);
SynFileChange syn_file_text_check (SynFileText *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynFileText, syn_file_text_close)

G_END_DECLS
