/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How answers begin that are made without libsoup: to the byte as libsoup writes them (the order of headers included), so that nobody can tell
 * which of the two answered. On the lane's thread.
 *
 * Rejected: a head per connection printed each time (ten thousand get the same one within the same second). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-plain-private.h"

#include <libsoup/soup.h>
#include <string.h>
#include <time.h>
#include "syn-http-error.h"

#define DATE_BYTES 32

/* RFC 9110, 5.6.7; not strftime(), which speaks the locale's language. */
static const char *
format_date (gint64 real_s, char *text)
{
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  time_t seconds = (time_t) real_s;
  struct tm tm;

  gmtime_r (&seconds, &tm);
  g_snprintf (text, DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
              (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
  return text;
}

guint
syn_plain_print_start (char text[SYN_PLAIN_HEAD_BYTES], guint status, gint64 real_s)
{
  char date[DATE_BYTES];

  return (guint) g_snprintf (text, SYN_PLAIN_HEAD_BYTES, "HTTP/1.1 %u %s\r\nServer: synopticd/" SYNOPTIC_VERSION "\r\nDate: %s\r\n", status,
                             soup_status_get_phrase (status), format_date (real_s, date));
}

static void
print_head (SynPlainHead *self)
{
  char token[REPLICA_TOKEN_TEXT_MAX];
  char *p = self->text, *end = self->text + sizeof self->text;

  p += syn_plain_print_start (self->text, self->status, self->real_s);
  p += g_snprintf (p, (gsize) (end - p), "ETag: \"%s\"\r\nVary: Accept\r\nCache-Control: no-cache\r\n",
                   replica_token_format (self->token, token));
  if (self->age_s > 0)
    p += g_snprintf (p, (gsize) (end - p), "Age: %u\r\n", self->age_s);
  p += g_snprintf (p, (gsize) (end - p), "X-Content-Type-Options: nosniff\r\n");
  if (self->status == SOUP_STATUS_OK)
    p += g_snprintf (p, (gsize) (end - p), "Content-Type: %s\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n",
                     syn_form_content_type (self->form), self->body_bytes);
  if (self->wait_s >= 0)
    p += g_snprintf (p, (gsize) (end - p), "Preference-Applied: wait=%d\r\n", self->wait_s);
  p += g_snprintf (p, (gsize) (end - p), "\r\n");
  g_assert (p < end - 1); /* all that goes in is ours, and short */
  self->length = (guint) (p - self->text);
}

const char *
syn_plain_head_of (SynPlainLane *lane,
                   guint status,
                   SynForm form,
                   ReplicaToken token,
                   gsize body_bytes,
                   guint age_s,
                   gint wait_s,
                   guint *length)
{
  SynPlainHead *head = &lane->head;
  gint64 real_s = syn_lane_real_us (lane->lane) / G_USEC_PER_SEC;

  if (head->length == 0 || head->real_s != real_s || head->status != status || head->age_s != age_s || head->wait_s != wait_s || head->form != form
      || head->body_bytes != body_bytes || !replica_token_equal (head->token, token))
    {
      head->real_s = real_s;
      head->status = status;
      head->age_s = age_s;
      head->wait_s = wait_s;
      head->form = form;
      head->body_bytes = body_bytes;
      head->token = token;
      print_head (head);
    }
  *length = head->length;
  return head->text;
}

GString *
syn_plain_error_head (SynPlainLane *lane, int code, guint retry_ms, gsize body_bytes, gint wait_s, gboolean close)
{
  char start[SYN_PLAIN_HEAD_BYTES];
  guint retry_s = syn_http_error_retry_s (code, retry_ms);
  GString *text;

  syn_plain_print_start (start, syn_http_error_status (code), syn_lane_real_us (lane->lane) / G_USEC_PER_SEC);
  text = g_string_new (start);
  g_string_append (text, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nContent-Type: application/json\r\n");
  if (close)
    g_string_append (text, "Connection: close\r\n");
  g_string_append_printf (text, "Content-Length: %" G_GSIZE_FORMAT "\r\n", body_bytes);
  if (wait_s >= 0)
    g_string_append_printf (text, "Preference-Applied: wait=%d\r\n", wait_s);
  if (retry_s > 0)
    g_string_append_printf (text, "Retry-After: %u\r\n", retry_s);
  g_string_append (text, "\r\n");
  return text;
}
