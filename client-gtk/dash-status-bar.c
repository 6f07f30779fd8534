/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The line at the bottom: what the link does and how well. It is asked to look again a few times a second,
 * and touches a label only where its text is another. Main thread. */

#include "dash-status-bar.h"

#include <string.h>

#include "replica.h"

/* The rate is that of so many ticks. */
#define N_SAMPLES 24

typedef struct
{
  gint64 time_us;
  guint64 n_received;
} Sample;

struct _DashStatusBar
{
  GtkWidget parent_instance;
  GtkWidget *state_label;
  GtkWidget *rate_label;
  GtkWidget *skipped_label;
  GtkWidget *rtt_label;
  GtkWidget *uri_label;

  DashScreenView *screen; /* (unowned) (nullable): that the samples are of; only compared */
  Sample samples[N_SAMPLES];
  guint n_samples;
  const char *css_class;
};

G_DEFINE_FINAL_TYPE (DashStatusBar, dash_status_bar, GTK_TYPE_WIDGET)

static void
set_text (GtkWidget *label, const char *text)
{
  if (strcmp (gtk_label_get_label (GTK_LABEL (label)), text) != 0)
    gtk_label_set_label (GTK_LABEL (label), text);
}

char *
dash_status_bar_dup_trouble (ReplicaLink *link)
{
  const char *reason = replica_link_get_last_error (link);

  if (replica_link_get_state (link) == REPLICA_LINK_ONLINE)
    return NULL;
  if (reason == NULL)
    return g_strdup ("Connecting…");
  return g_strdup_printf ("Offline – reconnecting (%s)", reason);
}

static double
get_rate (DashStatusBar *self, DashScreenView *screen, guint64 n_received)
{
  Sample now = { g_get_monotonic_time (), n_received };
  const Sample *oldest;

  if (self->screen != screen
      || (self->n_samples > 0 && n_received < self->samples[self->n_samples - 1].n_received))
    self->n_samples = 0;
  self->screen = screen;
  if (self->n_samples == N_SAMPLES)
    memmove (self->samples, self->samples + 1, sizeof *self->samples * --self->n_samples);
  self->samples[self->n_samples++] = now;
  oldest = &self->samples[0];
  if (now.time_us - oldest->time_us < G_TIME_SPAN_SECOND)
    return -1;
  return (double) (n_received - oldest->n_received) * G_TIME_SPAN_SECOND
         / (double) (now.time_us - oldest->time_us);
}

void
dash_status_bar_tick (DashStatusBar *self, ReplicaLink *link, DashScreenView *screen)
{
  g_autofree char *trouble = dash_status_bar_dup_trouble (link);
  const char *css_class = trouble == NULL                              ? "online"
                          : replica_link_get_last_error (link) == NULL ? "connecting"
                                                                       : "offline";
  char text[64], number[REPLICA_FORMAT_TEXT_MAX];
  guint64 n_received = 0, n_skipped = 0;
  double rate;

  if (self->css_class != css_class)
    {
      if (self->css_class != NULL)
        gtk_widget_remove_css_class (GTK_WIDGET (self), self->css_class);
      gtk_widget_add_css_class (GTK_WIDGET (self), css_class);
      self->css_class = css_class;
    }
  set_text (self->state_label, trouble != NULL ? trouble : "● Online");
  set_text (self->uri_label, replica_link_get_uri (link));

  g_snprintf (text, sizeof text, "RTT %s",
              replica_format_rtt (trouble == NULL ? replica_link_get_rtt_us (link) : -1, number));
  set_text (self->rtt_label, text);

  if (screen != NULL)
    dash_screen_view_get_totals (screen, &n_received, &n_skipped);
  rate = get_rate (self, screen, n_received);
  g_snprintf (text, sizeof text, "%s snapshots/s", rate < 0 ? "–" : replica_format_double (rate, 1, number));
  set_text (self->rate_label, text);
  g_snprintf (text, sizeof text, "%s skipped", replica_format_count (n_skipped, number));
  set_text (self->skipped_label, text);
}

static void
dash_status_bar_dispose (GObject *object)
{
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (object))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (dash_status_bar_parent_class)->dispose (object);
}

static void
dash_status_bar_class_init (DashStatusBarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dash_status_bar_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/net/synoptic/Synoptic/dash-status-bar.ui");
  gtk_widget_class_bind_template_child (widget_class, DashStatusBar, state_label);
  gtk_widget_class_bind_template_child (widget_class, DashStatusBar, rate_label);
  gtk_widget_class_bind_template_child (widget_class, DashStatusBar, skipped_label);
  gtk_widget_class_bind_template_child (widget_class, DashStatusBar, rtt_label);
  gtk_widget_class_bind_template_child (widget_class, DashStatusBar, uri_label);
  gtk_widget_class_set_css_name (widget_class, "dashstatus");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_STATUS);
}

static void
dash_status_bar_init (DashStatusBar *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
