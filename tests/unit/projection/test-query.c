/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-projection.h"
#include "syn-query.h"

static const char json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\","
    "\"size\":\"int64\",\"time\":\"timestamp\"}},"
    "{\"name\":\"refs\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"sector\":\"string\",\"lot\":\"int64\"}}],\"projections\":["
    "{\"name\":\"market/quotes\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"last\":\"last(price)\",\"volume\":\"sum(size)\","
    "\"change\":\"last(price)/first(price)-1\"}},"
    "{\"name\":\"market/candles\",\"from\":\"trades\",\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\"},"
    "\"columns\":{\"open\":\"first(price)\"}},"
    "{\"name\":\"ref\",\"from\":\"refs\",\"key\":[\"symbol\"],\"columns\":{\"sector\":\"last(sector)\",\"lot\":\"last(lot)\"}},"
    "{\"name\":\"sectors\",\"from\":\"refs\",\"key\":[\"sector\"],\"columns\":{\"members\":\"count()\"}},"
    "{\"name\":\"lots\",\"from\":\"refs\",\"key\":[\"lot\"],\"columns\":{\"volume\":\"count()\"}}]}";

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
  { Q "select=last as x&sort=-x,last,volume", Q "select=last+as+x&sort=-x,volume" }, /* the same column by two names */
  { Q "select=last as x,volume&sort=-x,change", Q "select=last+as+x,volume&sort=-x,change" },
  { Q "select=last as `a,b`&sort=`a,b`", Q "select=last+as+%60a,b%60&sort=%60a,b%60" },
  { Q "select=last as `-b`&sort=-`-b`", Q "select=last+as+%60-b%60&sort=-%60-b%60" },
  { Q "select=last*2&sort=last * 2", Q "select=last+*+2&sort=last+*+2" },
  { Q "limit=0", Q "limit=0" },
  { Q "limit=0050", Q "limit=50" },
  { Q "limit=8388607", Q "limit=8388607" },
  { Q "limit=8388608", "market/quotes" }, /* no projection has more rows */
  { Q "limit=4294967295", "market/quotes" },
  { Q "offset=0", "market/quotes" },
  { Q "offset=007&limit=3", Q "offset=7&limit=3" },
  { Q "select=symbol&join=ref on code=symbol, ref as other on  code = symbol", NULL },
  { Q "select=sector&join= ref on code=symbol", NULL },
  { Q "join=ref on symbol = symbol", Q "join=ref" },
  { Q "join=ref on symbol==`symbol`&where=lot>1", Q "join=ref&where=lot+%3E+1" },
  { Q "join=ref as r,ref as `r 2`", Q "join=ref+as+r,ref+as+%60r+2%60" },
  { Q "join=sectors on sector=sector,ref", NULL },
  { Q "join=ref,sectors", Q "join=ref,sectors" },
  { Q "join=ref,sectors on sector = sector", Q "join=ref,sectors" },
  { Q "join=sectors on symbol = sector", Q "join=sectors+on+symbol+=+sector" },
  { Q "group=symbol", Q "group=symbol" },
  { Q "select=symbol , sum( volume ) as v&group= symbol&sort=-v", Q "group=symbol&select=symbol,sum(volume)+as+v&sort=-v" },
  { Q "group=volume/2 as half&select=half,count()", Q "group=volume+/+2+as+half&select=half,count()" },
  { Q "group=volume/2&select=volume/2,count()", Q "group=volume+/+2&select=volume+/+2,count()" },
  { Q "select=count()&having=count()>1", Q "having=count()+%3E+1&select=count()" },
  { Q "group=symbol&select=symbol,sum(volume) as v&having=v > 1 and max(last) > 2",
    Q "group=symbol&having=v+%3E+1+and+max(last)+%3E+2&select=symbol,sum(volume)+as+v" },
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

      g_test_message ("%s", canonical[i].path);
      if (canonical[i].canonical == NULL)
        {
          g_assert_nonnull (error); /* what looks like one above and is none */
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
  { Q "wher=true", SYN_ERROR_INVALID, "unknown parameter \"wher\": expected join, where, group, having, select, sort, offset or limit; did you mean \"where\"?" },
  { Q "Where=true", SYN_ERROR_INVALID, "unknown parameter \"Where\"" },
  { Q "=1", SYN_ERROR_INVALID, "unknown parameter \"\"" },
  { Q "%zz=1", SYN_ERROR_INVALID, "the name of a parameter: byte 1 as sent" },
  { Q "group=", SYN_ERROR_INVALID, "group: column 1: expected" },
  { Q "group=sum(volume)", SYN_ERROR_INVALID, "group: column 1: an aggregate is what groups have" },
  { Q "group=symbol,symbol", SYN_ERROR_INVALID, "group: column 8: \"symbol\" stands here twice" },
  { Q "group=symbl", SYN_ERROR_INVALID, "*did you mean \"symbol\"?" },
  { Q "group=symbol&select=last", SYN_ERROR_INVALID, "select: column 1: \"last\" has one value a row, and a group has many rows; say which, as "
    "in last(last) or sum(last), or group by it" },
  { Q "group=symbol&select=symbol,sum(symbol)", SYN_ERROR_INVALID, "select: column 12: sum() takes numbers, found string" },
  { Q "group=symbol&select=sum(sum(volume))", SYN_ERROR_INVALID, "select: column 5: an aggregate cannot stand inside another" },
  { Q "group=symbol&select=`$0`,count()", SYN_ERROR_INVALID, "select: column 1: no column \"$0\"" },
  { Q "group=symbol&select=symbol,volum", SYN_ERROR_INVALID, "*did you mean \"volume\"?" },
  { Q "group=symbol&select=symbol,count() as n&having=m>1", SYN_ERROR_INVALID, "having: column 1: no column \"m\"" },
  { Q "group=symbol&having=count()", SYN_ERROR_INVALID, "having: column 1: expected a condition (bool), found int64" },
  { Q "group=symbol&sort=volume", SYN_ERROR_INVALID, "sort: column 1: no column \"volume\"; groups are sorted by" },
  { Q "having=count()>1", SYN_ERROR_INVALID, "having: without a group, select says what is shown" },
  { Q "group=symbol&select=symbol,summ(last)", SYN_ERROR_INVALID, "select: column 8: no function \"summ\"; did you mean \"sum\"?" },
  { Q "select=symbol,count()", SYN_ERROR_INVALID, "select: column 1: \"symbol\" has one value a row" },
  { Q "where=count()>1", SYN_ERROR_INVALID, "where: column 1: count() is an aggregate" },
  { Q "join=", SYN_ERROR_INVALID, "join: column 1: expected the name of a projection, found the end" },
  { Q "join=ref,", SYN_ERROR_INVALID, "join: column 5: expected the name of a projection, found the end" },
  { Q "join=reff", SYN_ERROR_NOT_FOUND, "join: column 1: no projection \"reff\"; did you mean \"ref\"?" },
  { Q "join=ref sectors", SYN_ERROR_INVALID, "join: column 5: expected \"as\", \"on\", \",\" or the end, found \"sectors\"" },
  { Q "join=ref as", SYN_ERROR_INVALID, "join: column 7: expected a name after \"as\", found the end" },
  { Q "join=ref on", SYN_ERROR_INVALID, "join: column 7: expected the name of a column on the left, found the end" },
  { Q "join=ref on symbol", SYN_ERROR_INVALID, "join: column 14: expected \"=\", found the end" },
  { Q "join=ref on symbol=", SYN_ERROR_INVALID, "join: column 15: expected the name of a key column" },
  { Q "join=ref on `symbol", SYN_ERROR_INVALID, "join: column 8: expected the name of a column on the left" },
  { Q "join=ref on symbol=symbl", SYN_ERROR_INVALID, "join: column 15: no key column of \"ref\" \"symbl\"; did you mean \"symbol\"?" },
  { Q "join=ref on symbol=lot", SYN_ERROR_INVALID, "join: column 15: no key column of \"ref\" \"lot\"" },
  { Q "join=ref on simbol=symbol", SYN_ERROR_INVALID, "join: column 8: no column \"simbol\"; did you mean \"symbol\"?" },
  { Q "join=ref on symbol=symbol and symbol=symbol", SYN_ERROR_INVALID, "join: column 33: \"symbol\" stands here twice" },
  { Q "join=sectors", SYN_ERROR_INVALID, "join: column 1: \"sectors\" has the key column \"sector\", and on the left there is no column of that name; "
    "say which equals it, as in: sectors on NAME = sector" },
  { Q "join=lots on symbol=lot", SYN_ERROR_INVALID, "join: column 9: \"symbol\" is a string, and the key column \"lot\" of \"lots\" a int64" },
  { Q "join=ref,lots", SYN_ERROR_INVALID, "join: column 5: there is a column \"volume\" already; give these another name, as in: lots as NAME" },
  { Q "join=ref,ref", SYN_ERROR_INVALID, "join: column 5: there is a column \"sector\" already" },
  { Q "join=market/candles", SYN_ERROR_INVALID, "join: column 1: \"market/candles\" has the key column \"time\"" },
  { Q "join=ref&join=sectors", SYN_ERROR_INVALID, "join: given twice; several projections are one list with commas" },
  { Q "offset=-5", SYN_ERROR_INVALID, "offset: expected a whole number from 0 to 4294967295, found \"-5\"" },
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
  g_clear_error (&error);

  g_string_assign (path, Q "join=");
  for (guint i = 0; i <= SYN_MAX_JOINS; i++)
    g_string_append_printf (path, "%sref as r%u", i > 0 ? "," : "", i);
  g_assert_null (syn_query_parse (path->str, catalog, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "more than 8 projections"));
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
  { Q "join=ref&select=symbol,sector", "symbol" },
  { Q "group=symbol&select=symbol,count()", "symbol" },
  { Q "group=symbol,volume&select=volume,symbol,count()", "volume symbol" },
  { Q "group=symbol,volume&select=volume,count()", "" },
  { Q "group=volume/2 as half", "half" },
  { Q "select=count()", "" },
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

/* What stands between the line @fence and the next ``` behind *@at, which moves there. NULL: nothing. */
static char *
next_block (const char **at, const char *fence)
{
  const char *start = strstr (*at, fence);

  if (start == NULL)
    return NULL;
  start += strlen (fence);
  *at = strstr (start, "```");
  g_assert_nonnull (*at);
  return g_strndup (start, (gsize) (*at - start));
}

/* The examples of the documentation, over the catalog that stands before them. */
static void
test_documentation (void)
{
  g_autofree char *file = g_test_build_filename (G_TEST_DIST, "docs", "catalog.md", NULL);
  g_autofree char *document = NULL;
  g_autofree char *catalog_json = NULL;
  g_autofree char *queries = NULL;
  g_autoptr (SynCatalog) catalog = NULL;
  g_auto (GStrv) lines = NULL;
  const char *at;

  g_assert_true (g_file_get_contents (file, &document, NULL, NULL));
  at = strstr (document, "\n## Queries\n");
  g_assert_nonnull (at);
  catalog_json = next_block (&at, "```json\n");
  queries = next_block (&at, "```query\n");
  g_assert_nonnull (queries);
  catalog = test_catalog (catalog_json);
  lines = g_strsplit (g_strchomp (queries), "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), >, 5);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynQuery) query = syn_query_parse (lines[i], catalog, &error);

      g_test_message ("%s", lines[i]);
      g_assert_no_error (error);
      g_assert_false (syn_query_is_plain (query));
    }
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
  g_test_add_func ("/query/documentation", test_documentation);
  return g_test_run ();
}
