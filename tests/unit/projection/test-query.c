/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-projection.h"
#include "syn-query.h"

static const char json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\","
    "\"size\":\"int64\",\"time\":\"timestamp\"}}],\"projections\":["
    "{\"name\":\"market/quotes\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"last\":\"last(price)\",\"volume\":\"sum(size)\","
    "\"change\":\"last(price)/first(price)-1\"}},"
    "{\"name\":\"market/candles\",\"from\":\"trades\",\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\"},"
    "\"columns\":{\"open\":\"first(price)\"}}]}";

#define Q "market/quotes?"

/* What is asked, and the canonical text; it parses to itself. */
static const struct {
  const char *path, *canonical;
} canonical[] = {
  { "market/quotes", "market/quotes" },
  { "market/quotes?", "market/quotes" },
  { "market/quotes?&&", "market/quotes" },
  { "market%2Fquotes", "market/quotes" },
  { Q "where=last>100", Q "where=last+%3E+100" },
  { Q "where=last%3E100", Q "where=last+%3E+100" },
  { Q "where=((last > 100))", Q "where=last+%3E+100" },
  { Q "where=last+>+100", Q "where=last+%3E+100" },
  { Q "where=symbol=='A'", Q "where=symbol+==+%22A%22" },
  { Q "where=symbol='A'", Q "where=symbol+==+%22A%22" },
  { Q "where=symbol~\"A*\" and volume in (1, 2)", Q "where=symbol+~+%22A*%22+and+volume+in+(1,+2)" },
  { Q "where=symbol==\"%C3%A9%26%2B%25\"", Q "where=symbol+==+%22%C3%A9%26%2B%25%22" },
  { Q "select=symbol,last", Q "select=symbol,last" },
  { Q "select=symbol , last as last", Q "select=symbol,last" },
  { Q "select=last/2 as half,`last` as `a b`", Q "select=last+/+2+as+half,last+as+%60a+b%60" },
  { Q "select=last*2", Q "select=last+*+2" },
  { Q "sort=-change,symbol", Q "sort=-change,symbol" },
  { Q "sort=- change , `symbol`", Q "sort=-change,symbol" },
  { Q "sort=+change", Q "sort=change" }, /* '+' is a space */
  { Q "select=last as x&sort=-x,last,volume", NULL },
  { Q "select=last as x,volume&sort=-x,change", Q "select=last+as+x,volume&sort=-x,change" },
  { Q "select=last as `a,b`&sort=`a,b`", Q "select=last+as+%60a,b%60&sort=%60a,b%60" },
  { Q "select=last as `-b`&sort=-`-b`", Q "select=last+as+%60-b%60&sort=-%60-b%60" },
  { Q "select=last*2&sort=last * 2", Q "select=last+*+2&sort=last+*+2" },
  { Q "limit=0", Q "limit=0" },
  { Q "limit=0050", Q "limit=50" },
  { Q "limit=4294967295", Q "limit=4294967295" },
  { Q "limit=5&sort=symbol&select=symbol&where=true", Q "where=true&select=symbol&sort=symbol&limit=5" },
  { Q "%77here=true", Q "where=true" },
  { "market/candles?where=time>\"2024-01-01T00:00:00Z\"", "market/candles?where=time+%3E+%222024-01-01T00:00:00Z%22" },
};

static void
test_canonical (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);

  for (guint i = 0; i < G_N_ELEMENTS (canonical); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynQuery) query = syn_query_parse (canonical[i].path, catalog, &error);
      g_autoptr (SynQuery) again = NULL;

      if (canonical[i].canonical == NULL)
        {
          g_assert_null (query); /* the same column by two names */
          continue;
        }
      g_assert_no_error (error);
      g_assert_cmpstr (query->canonical, ==, canonical[i].canonical);
      g_assert_true (syn_query_is_plain (query) == (strchr (query->canonical, '?') == NULL));
      again = syn_query_parse (query->canonical, catalog, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (again->canonical, ==, query->canonical);
    }
}

static const struct {
  const char *path;
  int code;
  const char *message; /* its beginning, or (from '*') any part */
} errors[] = {
  { "market/quote", SYN_ERROR_NOT_FOUND, "no projection \"market/quote\"; did you mean \"market/quotes\"?" },
  { "nothing/like it", SYN_ERROR_NOT_FOUND, "no projection \"nothing/like it\"" },
  { "", SYN_ERROR_NOT_FOUND, "no projection \"\"" },
  { "a\n%1b[2J", SYN_ERROR_NOT_FOUND, "no projection \"a??[2J\"" },
  { "market+quotes", SYN_ERROR_NOT_FOUND, "no projection \"market+quotes\"" },
  { "market/quotes%", SYN_ERROR_INVALID, "the path: byte 14 as sent: expected two hexadecimal digits" },
  { "market/quotes%ff", SYN_ERROR_INVALID, "the path: column 14: not UTF-8" },
  { Q "wher=true", SYN_ERROR_INVALID, "unknown parameter \"wher\": expected where, select, sort or limit" },
  { Q "Where=true", SYN_ERROR_INVALID, "unknown parameter \"Where\"" },
  { Q "=1", SYN_ERROR_INVALID, "unknown parameter \"\"" },
  { Q "%zz=1", SYN_ERROR_INVALID, "the name of a parameter: byte 1 as sent" },
  { Q "group=symbol", SYN_ERROR_INVALID, "group: not in this version" },
  { Q "join=market/candles", SYN_ERROR_INVALID, "join: not in this version" },
  { Q "offset=5", SYN_ERROR_INVALID, "offset: not in this version" },
  { Q "limit=1&limit=1", SYN_ERROR_INVALID, "limit: given twice" },
  { Q "where", SYN_ERROR_INVALID, "where: expected \"=\" and a value" },
  { Q "where=", SYN_ERROR_INVALID, "where: column 1: expected" },
  { Q "where=last", SYN_ERROR_INVALID, "where: column 1: expected a condition (bool), found decimal(4)" },
  { Q "where=  last+%2B+1", SYN_ERROR_INVALID, "where: column 3: expected a condition (bool), found decimal(4)" },
  { Q "where=last > > 1", SYN_ERROR_INVALID, "where: column 8: expected" },
  { Q "where=true and lasst > 1", SYN_ERROR_INVALID, "where: column 10: " },
  { Q "where=true and lasst > 1", SYN_ERROR_INVALID, "*did you mean \"last\"?" },
  { Q "where=symbol > 1", SYN_ERROR_INVALID, "where: column " },
  { Q "where=sum(last) > 1", SYN_ERROR_INVALID, "where: column 1: " },
  { Q "where=a%", SYN_ERROR_INVALID, "where: byte 2 as sent: expected two hexadecimal digits" },
  { Q "where=a%00b", SYN_ERROR_INVALID, "where: byte 2 as sent" },
  { Q "where=\"%C3%A9\" == %ff", SYN_ERROR_INVALID, "where: column 8: not UTF-8" },
  { Q "select=", SYN_ERROR_INVALID, "select: column 1: expected" },
  { Q "select=symbol,", SYN_ERROR_INVALID, "select: column 8: expected" },
  { Q "select=symbol,nothing", SYN_ERROR_INVALID, "select: column 8: " },
  { Q "select=last,volume as last", SYN_ERROR_INVALID, "select: column " },
  { Q "sort=", SYN_ERROR_INVALID, "sort: column 1: expected the name of a column, found the end" },
  { Q "sort=symbol,,last", SYN_ERROR_INVALID, "sort: column 8: expected the name of a column, found \",\"" },
  { Q "sort=-", SYN_ERROR_INVALID, "sort: column 2: expected the name of a column, found the end" },
  { Q "sort=symbol,-chnge", SYN_ERROR_INVALID, "sort: column 9: no column \"chnge\"; did you mean \"change\"?" },
  { Q "select=last as mine&sort=mien", SYN_ERROR_INVALID, "sort: column 1: no column \"mien\"; did you mean \"mine\"?" },
  { Q "sort=last,-last", SYN_ERROR_INVALID, "sort: column 7: \"last\" stands here twice" },
  { Q "sort=last/2", SYN_ERROR_INVALID, "sort: column 1: no column \"last/2\"" },
  { Q "limit=", SYN_ERROR_INVALID, "limit: expected a whole number from 0 to 4294967295, found \"\"" },
  { Q "limit=-1", SYN_ERROR_INVALID, "limit: expected a whole number from 0 to 4294967295, found \"-1\"" },
  { Q "limit=1.5", SYN_ERROR_INVALID, "limit: expected" },
  { Q "limit=4294967296", SYN_ERROR_INVALID, "limit: expected" },
};

static void
test_errors (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);

  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynQuery) query = syn_query_parse (errors[i].path, catalog, &error);

      g_test_message ("%s", errors[i].path);
      g_assert_null (query);
      g_assert_error (error, SYN_ERROR, errors[i].code);
      g_test_message ("%s", error->message);
      if (errors[i].message[0] == '*')
        g_assert_nonnull (strstr (error->message, errors[i].message + 1));
      else if (!g_str_has_prefix (error->message, errors[i].message))
        g_assert_cmpstr (error->message, ==, errors[i].message);
    }
}

static void
test_limits (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  g_autoptr (GString) path = g_string_new (Q "where=symbol==\"");
  g_autoptr (GString) sort = g_string_new (Q "select=");
  g_autoptr (GError) error = NULL;
  g_autoptr (SynQuery) query = NULL;

  /* Decoded, all of it counts. */
  while (path->len < SYN_MAX_QUERY_BYTES + 1)
    g_string_append_c (path, 'x');
  g_assert_null (syn_query_parse (path->str, catalog, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
  g_clear_error (&error);

  /* Refused by its length alone. */
  while (path->len < SYN_MAX_QUERY_BYTES * 3 + 3)
    g_string_append_c (path, '%');
  g_assert_null (syn_query_parse (path->str, catalog, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
  g_clear_error (&error);

  /* Small as sent, but too large in canonical form: each of these is three bytes there. */
  g_string_assign (path, Q "where=symbol==\"");
  while (path->len < 3000)
    g_string_append (path, "<");
  g_string_append (path, "\"");
  g_assert_null (syn_query_parse (path->str, catalog, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
  g_clear_error (&error);

  for (guint i = 0; i <= SYN_MAX_SORT_COLUMNS; i++)
    g_string_append_printf (sort, "%slast+%u as c%u", i > 0 ? "," : "", i, i);
  for (guint i = 0; (gsize) i < sort->len; i++)
    if (sort->str[i] == '+')
      sort->str[i] = '*';
  g_string_append (sort, "&sort=");
  for (guint i = 0; i < SYN_MAX_SORT_COLUMNS; i++)
    g_string_append_printf (sort, "%sc%u", i > 0 ? "," : "", i);
  query = syn_query_parse (sort->str, catalog, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (query->n_sort, ==, SYN_MAX_SORT_COLUMNS);
  g_string_append_printf (sort, ",c%d", SYN_MAX_SORT_COLUMNS);
  g_assert_null (syn_query_parse (sort->str, catalog, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "more than 16 columns"));
}

/* Which columns of the answer name its rows. */
static const struct {
  const char *path, *keys;
} keys[] = {
  { Q "limit=1", "symbol" },
  { Q "select=last,symbol", "symbol" },
  { Q "select=last", "" },
  { Q "select=symbol as s,last", "" },
  { Q "select=last as symbol", "" },
  { Q "select=symbol,symbol as s", "symbol" },
  { "market/candles?limit=1", "symbol time" },
  { "market/candles?select=time,open,symbol", "time symbol" },
  { "market/candles?select=symbol,open", "" },
  { "market/candles?select=symbol,open as time", "" },
};

static void
test_keys (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynQuery) query = syn_query_parse (keys[i].path, catalog, &error);
      g_autoptr (GString) found = g_string_new (NULL);

      g_assert_no_error (error);
      for (guint j = 0; j < query->n_columns; j++)
        if (query->columns[j].is_key)
          g_string_append_printf (found, "%s%s", found->len > 0 ? " " : "", query->columns[j].name);
      g_assert_cmpstr (found->str, ==, keys[i].keys);
    }
}

static void
test_resolve (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  g_autoptr (GError) error = NULL;
  g_autofree char *plain = NULL;
  g_autofree char *query = NULL;
  g_autofree char *none = NULL;
  const char *type = NULL;

  g_assert_true (syn_projection_resolve ("market/quotes?", &type, &plain, catalog, &error));
  g_assert_cmpstr (type, ==, SYN_PROJECTION_GRAIN);
  g_assert_cmpstr (plain, ==, "market/quotes");
  g_assert_true (syn_projection_resolve (Q "limit=007", &type, &query, catalog, &error));
  g_assert_cmpstr (type, ==, SYN_QUERY_GRAIN);
  g_assert_cmpstr (query, ==, Q "limit=7");
  g_assert_false (syn_projection_resolve (Q "x=1", &type, &none, catalog, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_null (none);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query/canonical", test_canonical);
  g_test_add_func ("/query/errors", test_errors);
  g_test_add_func ("/query/limits", test_limits);
  g_test_add_func ("/query/keys", test_keys);
  g_test_add_func ("/query/resolve", test_resolve);
  return g_test_run ();
}
