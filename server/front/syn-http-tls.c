/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What TLS is to the front's HTTP: connections go through the gate first, and what becomes of them is counted. Front lane. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include <unistd.h>
#include "replica-number.h"
#include "syn-plain-private.h"
#include "syn-silo-test.h"
#include "syn-tls-gate.h"

#define MAX_THREADS 16

static struct
{
  SynMetric handshakes, resumed, waiting;
  SynMetric failed[SYN_TLS_N_FAILURES];
} metrics;

void
syn_http_register_tls_metrics (void)
{
  metrics.handshakes = syn_metric_register (SYN_METRIC_COUNTER, "tls_handshakes_total", "Handshakes of TLS that were completed.");
  metrics.resumed = syn_metric_register (SYN_METRIC_COUNTER, "tls_resumed_total", "Those of them that went by a ticket of an earlier connection.");
  metrics.waiting = syn_metric_register (SYN_METRIC_GAUGE, "tls_handshakes_waiting", "Connections whose handshake is not done.");
  metrics.failed[SYN_TLS_FAILURE_PLAIN] =
      syn_metric_register (SYN_METRIC_COUNTER, "tls_failed_plain_total", "Handshakes that came to nothing: what came is HTTP without TLS.");
  metrics.failed[SYN_TLS_FAILURE_LEFT] =
      syn_metric_register (SYN_METRIC_COUNTER, "tls_failed_left_total", "Handshakes that came to nothing: the peer went away.");
  metrics.failed[SYN_TLS_FAILURE_STALLED] =
      syn_metric_register (SYN_METRIC_COUNTER, "tls_failed_stalled_total", "Handshakes that came to nothing: the peer took too long.");
  metrics.failed[SYN_TLS_FAILURE_REFUSED] =
      syn_metric_register (SYN_METRIC_COUNTER, "tls_failed_refused_total", "Handshakes that came to nothing: the peer does not take the certificate.");
  metrics.failed[SYN_TLS_FAILURE_MISMATCH] = syn_metric_register (
      SYN_METRIC_COUNTER, "tls_failed_mismatch_total", "Handshakes that came to nothing: no version or cipher that both know.");
  metrics.failed[SYN_TLS_FAILURE_PROTOCOL] =
      syn_metric_register (SYN_METRIC_COUNTER, "tls_failed_protocol_total", "Handshakes that came to nothing: what came makes no sense.");
  metrics.failed[SYN_TLS_FAILURE_ENDED] =
      syn_metric_register (SYN_METRIC_COUNTER, "tls_failed_ended_total", "Handshakes that came to nothing: the silo went away.");
}

/* While it is here it is counted as those are that have not asked: so that a crowd at the gate is part of the limit, and of what a drain waits for. */
static void
note_waiting (SynHttp *self, int n)
{
  syn_metric_add (self->lane, metrics.waiting, n);
  syn_metric_add (self->lane, syn_plain_metrics.connections, n);
}

static void
passed (int fd, SynTls *tls, SynTlsFailure failure, gpointer user_data)
{
  SynHttp *self = user_data;

  note_waiting (self, -1);
  if (fd < 0)
    {
      syn_metric_add (self->lane, metrics.failed[failure], 1);
      return;
    }
  syn_metric_add (self->lane, metrics.handshakes, 1);
  syn_metric_add (self->lane, metrics.resumed, syn_tls_is_resumed (tls));
  if (self->draining)
    {
      syn_tls_free (tls);
      close (fd);
    }
  else
    syn_door_take (self->door, fd, tls);
}

void
syn_http_take_to_gate (SynHttp *self, int fd)
{
  note_waiting (self, 1);
  syn_tls_gate_take (self->gate, fd, self->tls);
}

void
syn_http_set_tls (SynHttp *self, SynTlsServer *server)
{
  SynTlsServer *before = self->tls;

  self->tls = syn_tls_server_ref (server);
  g_clear_pointer (&before, syn_tls_server_unref);
  if (self->gate == NULL)
    self->gate = syn_tls_gate_new (
        self->lane, syn_silo_is_stepped (self->silo) ? 0 : MIN (syn_silo_get_n_lanes (self->silo), MAX_THREADS), passed, self);
}

void
syn_http_step_tls (SynHttp *self, gint64 now_ms)
{
  if (self->gate != NULL)
    syn_tls_gate_step (self->gate, now_ms);
}

void
syn_http_append_tls_status (SynHttp *http, GString *json)
{
  char time[REPLICA_TEXT_MAX + 1];

  if (http->tls == NULL)
    {
      g_string_append (json, "\"tls\":null,");
      return;
    }
  g_string_append (json, "\"tls\":{\"certificate\":");
  syn_json_append_string (json, syn_tls_server_get_subject (http->tls));
  time[replica_write_timestamp (time, syn_tls_server_get_not_before_s (http->tls) * G_USEC_PER_SEC)] = '\0';
  g_string_append_printf (json, ",\"not_before\":\"%s\"", time);
  time[replica_write_timestamp (time, syn_tls_server_get_not_after_s (http->tls) * G_USEC_PER_SEC)] = '\0';
  g_string_append_printf (json, ",\"not_after\":\"%s\"},", time);
}
