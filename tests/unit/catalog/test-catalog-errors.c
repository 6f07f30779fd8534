/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the catalog says of what is wrong: file, line, what and what was expected. Double quotes stand as ' in these texts. */
#include "syn-catalog.h"
#include "syn-error.h"
#include "syn-limits.h"

#include <string.h>

#define TRADES "{'name':'trades','kind':'http','fields':{'symbol':'string','price':'decimal(4)','size':'int64','w':'double','time':'timestamp'}}"
#define SOURCE(members) "{'sources':[\n{'name':'s','kind':'http',\n" members "}]}"
#define FILE_SOURCE(members) "{'sources':[\n{'name':'s','kind':'file','fields':{'a':'int64','t':'timestamp'},\n" members "}]}"
#define SIMULATOR(members) "{'sources':[\n{'name':'s','kind':'simulator',\n" members "}]}"
#define HOST(members) "{'sources':[\n{'name':'s','kind':'host',\n" members "}]}"
#define PROJECTION(members) "{'sources':[" TRADES "],'projections':[\n{'name':'p','from':'trades',\n" members "}]}"
#define INPUTS(members) "{'sources':[{'name':'a','kind':'http','fields':{'symbol':'string','price':'decimal(4)','size':'int64','time':'timestamp'}}," \
  "{'name':'b','kind':'http','fields':{'price':'decimal(2)','symbol':'string','time':'timestamp','extra':'int64'}}," \
  "{'name':'c','kind':'http','fields':{'n':'bool'}}],'projections':[\n{'name':'p',\n" members "}]}"
#define COLUMN(text) PROJECTION ("'key':['symbol'],'columns':{\n'x':'" text "'}")
#define SCREEN(panels) \
  "{'sources':[" TRADES "],'projections':[" \
  "{'name':'quotes','from':'trades','key':['symbol'],'columns':{'n':'count()'}}," \
  "{'name':'total','from':'trades','columns':{'n':'count()'}}," \
  "{'name':'bars','from':'trades','key':['symbol'],'window':{'every':'1s','on':'time'},'columns':{'open':'first(price)'}}," \
  "{'name':'words','from':'trades','window':{'every':'1s','on':'time'},'columns':{'s':'last(symbol)'}}]," \
  "'screens':[\n{'name':'s','panels':[\n" panels "]}]}"

static const struct {
  const char *json;
  const char *message;
} cases[] = {
  /* the text */
  { "", "1: column 1: expected a value, found the end of the file" },
  { "[]", "1: the catalog: expected an object, found an array" },
  { "{\n'sources':[],\n'sources':[]}", "3: column 10: 'sources' is given twice" },
  { "{\n'souces':[]}", "2: unknown member 'souces'; did you mean 'sources'?" },
  { "{'sources':\n{}}", "2: 'sources': expected an array, found an object" },
  { "{'sources':[\n3]}", "2: an entry of 'sources': expected an object, found a number" },
  { "{'projections':[true]}", "1: an entry of 'projections': expected an object, found true" },
  { "{'screens':[null]}", "1: an entry of 'screens': expected an object, found null" },
  /* names */
  { "{'sources':[{}]}", "1: source: 'name' is missing" },
  { "{'sources':[{'name':3}]}", "1: source: 'name': expected a string, found a number" },
  { "{'sources':[{'name':''}]}", "1: source: 'name' is empty" },
  { "{'sources':[{'name':'a b'}]}", "1: source: expected a name of letters, digits, '_', '.' and '-', found 'a b'" },
  { "{'sources':[{'name':'a/b'}]}", "1: source: expected a name of letters" },
  { "{'projections':[{'name':'a//b'}]}", "1: projection: expected a name of letters, digits, '_', '.' and '-', with '/' between its parts, found 'a//b'" },
  { "{'projections':[{'name':'/a'}]}", "1: projection: expected a name" },
  { "{'projections':[{'name':'a/'}]}", "1: projection: expected a name" },
  { "{'projections':[{'name':'a/../b'}]}", "1: projection: expected a name" },
  { "{'projections':[{'name':'é'}]}", "1: projection: expected a name" },
  { "{'sources':[{'name':'a','kind':'simulator'},\n{'name':'a','kind':'simulator'}]}", "2: source 'a': is defined already, at test.json:1" },
  /* sources */
  { "{'sources':[{'name':'s'}]}", "1: source 's': 'kind' is missing" },
  { "{'sources':[{'name':'s',\n'kind':'htp'}]}", "2: source 's': 'kind': expected 'http', 'file', 'simulator' or 'host', found 'htp'; did you mean 'http'?" },
  { SOURCE ("'fields':{}"), "3: source 's': 'fields' is empty" },
  { SOURCE ("'feilds':{}"), "3: source 's': unknown member 'feilds'; did you mean 'fields'?" },
  { SOURCE ("'durable':false"), "2: source 's': 'fields' is missing" },
  { SOURCE ("'fields':[]"), "3: source 's': 'fields': expected an object, found an array" },
  { SOURCE ("'path':'x.csv','fields':{'a':'int64'}"), "3: source 's': 'path' has no meaning for sources of kind 'http'" },
  { SOURCE ("'durable':1,'fields':{'a':'int64'}"), "3: source 's': 'durable': expected true or false, found a number" },
  { SOURCE ("'retain':'all','fields':{'a':'int64'}"), "3: source 's': 'retain' is for durable sources" },
  { SOURCE ("'durable':true,'retain':7,'fields':{'a':'int64'}"), "3: source 's': 'retain': expected 'needed', 'all' or an object with 'age' or 'mb', found a number" },
  { SOURCE ("'durable':true,\n'retain':'7d','fields':{'a':'int64'}"), "4: source 's': 'retain': expected 'needed', 'all' or an object with 'age' or 'mb', found '7d'" },
  { SOURCE ("'durable':true,'retain':{},'fields':{'a':'int64'}"), "3: source 's': 'retain': expected 'age', 'mb' or both" },
  { SOURCE ("'durable':true,'retain':{'aeg':'7d'},'fields':{'a':'int64'}"), "3: source 's': unknown member 'aeg'; did you mean 'age'?" },
  { SOURCE ("'durable':true,'retain':{'age':'7w'},'fields':{'a':'int64'}"), "3: source 's': 'age': expected a duration" },
  { SOURCE ("'durable':true,'retain':{'mb':0},'fields':{'a':'int64'}"), "3: source 's': 'mb': expected a whole number from 1 to 1073741824, found 0" },
  { SIMULATOR ("'retain':'all'"), "3: source 's': 'retain' has no meaning for sources of kind 'simulator'" },
  { SOURCE ("'fields':{'a':'int'}"), "3: source 's', field 'a': expected a type: bool, int64, double, decimal(0) to decimal(18), string or timestamp; found 'int'; did you mean 'int64'?" },
  { SOURCE ("'fields':{'a':'decimal(19)'}"), "3: source 's', field 'a': expected decimal(0) to decimal(18), found 'decimal(19)'" },
  { SOURCE ("'fields':{'a':64}"), "3: source 's': field 'a': expected a type such as 'int64', or an object with 'type', found a number" },
  { SOURCE ("'fields':{'':'int64'}"), "3: source 's': the name of the field '' is empty" },
  { SOURCE ("'fields':{'$a':'int64'}"), "3: source 's': the name of the field '$a' begins with" },
  { SOURCE ("'fields':{'-a':'int64'}"), "3: source 's': the name of the field '-a' begins with" },
  { SOURCE ("'fields':{'a ':'int64'}"), "3: source 's': the name of the field 'a ' begins with" },
  { SOURCE ("'fields':{'a,b':'int64'}"), "3: source 's': the name of the field 'a,b' has a backquote or a comma in it" },
  { SOURCE ("'fields':{'a`b':'int64'}"), "3: source 's': the name of the field 'a`b' has a backquote" },
  { SOURCE ("'fields':{'a\\u0007b':'int64'}"), "has a character in it that cannot be printed" },
  { SOURCE ("'fields':{'a':'int64',\n'a':'int64'}"), "4: column 4: 'a' is given twice" },
  { SOURCE ("'fields':{'a':{\n'typ':'int64'}}"), "4: source 's': unknown member 'typ'; did you mean 'type'?" },
  { SOURCE ("'fields':{'a':{'column':'b'}}"), "3: source 's': 'type' is missing" },
  { SOURCE ("'fields':{'a':{'type':'int64','unit':'ms'}}"), "3: source 's': field 'a': 'unit' is for timestamps" },
  { SOURCE ("'fields':{'a':{'type':'timestamp','unit':'min'}}"), "3: source 's': field 'a': 'unit': expected 's', 'ms', 'us' or 'ns', found 'min'" },
  { SOURCE ("'fields':{'a':{'type':'timestamp','epoch':'2014-05-01T05:00:00Z'}}"), "3: source 's': field 'a': 'epoch' is for timestamps that are given as numbers, with a 'unit'" },
  { SOURCE ("'fields':{'a':{'type':'timestamp','unit':'s','epoch':'2014'}}"), "3: source 's': 'epoch': expected a time (RFC 3339, such as 2014-05-01T05:00:00Z), found '2014'" },
  { FILE_SOURCE ("'follow':true"), "2: source 's': 'path' is missing" },
  { FILE_SOURCE ("'path':'a.txt'"), "3: source 's': the name of 'a.txt' does not tell its format: give 'format', 'csv' or 'ndjson'" },
  { FILE_SOURCE ("'path':'a.zst'"), "3: source 's': the name of 'a' does not tell its format" },
  { FILE_SOURCE ("'path':'a.txt','format':'xml'"), "3: source 's': 'format': expected 'csv' or 'ndjson', found 'xml'" },
  { FILE_SOURCE ("'path':'a.ndjson','columns':['a','t']"), "3: source 's': 'columns' is for CSV without a header line" },
  { FILE_SOURCE ("'path':'a.csv','columns':['a']"), "3: source 's': field 't' reads the column 't', which 'columns' does not list" },
  { FILE_SOURCE ("'path':'a.csv','columns':['a','t','a']"), "3: source 's': the column 'a' stands twice in 'columns'" },
  { FILE_SOURCE ("'path':'a.csv','columns':['a',3]"), "3: source 's': an entry of 'columns': expected a string, found a number" },
  { FILE_SOURCE ("'path':'a.csv.zst','follow':true"), "3: source 's': 'follow' is for plain files: a .zst file does not grow" },
  { FILE_SOURCE ("'path':'a.csv','speed':1"), "3: source 's': a 'speed' that is a number needs 'time', the timestamp field to keep pace with" },
  { FILE_SOURCE ("'path':'a.csv','speed':'fast'"), "3: source 's': 'speed': expected 'max' or a number from 0.001 to 1000000, found 'fast'" },
  { FILE_SOURCE ("'path':'a.csv','speed':0"), "3: source 's': 'speed': expected 'max' or a number" },
  { FILE_SOURCE ("'path':'a.csv','speed':-1"), "3: source 's': 'speed': expected 'max' or a number" },
  { FILE_SOURCE ("'path':'a.csv','speed':1e999"), "3: source 's': 'speed': expected 'max' or a number" },
  { FILE_SOURCE ("'path':'a.csv','speed':true"), "3: source 's': 'speed': expected 'max' or a number from 0.001 to 1000000, found true or false" },
  { FILE_SOURCE ("'path':'a.csv','time':'a'"), "3: source 's': 'time': expected the name of a timestamp field, found 'a'" },
  { FILE_SOURCE ("'path':'a.csv','rate':5"), "3: source 's': 'rate' has no meaning for sources of kind 'file'" },
  { SIMULATOR ("'rate':0"), "3: source 's': 'rate': expected a whole number from 1 to 10000000, found 0" },
  { SIMULATOR ("'rate':1.5"), "3: source 's': 'rate': expected a whole number from 1 to 10000000, found 1.5" },
  { SIMULATOR ("'rate':'many'"), "3: source 's': 'rate': expected a whole number from 1 to 10000000, found a string" },
  { SIMULATOR ("'rate':99999999999999999999"), "3: source 's': 'rate': expected a whole number from 1 to 10000000, found 99999999999999999999" },
  { SIMULATOR ("'instruments':0"), "3: source 's': 'instruments': expected a whole number from 1 to 1000000, found 0" },
  { SIMULATOR ("'instruments':1000001"), "3: source 's': 'instruments': expected a whole number from 1 to 1000000" },
  { SIMULATOR ("'burst':0.5"), "3: source 's': 'burst': expected a number from 1 to 1000, found 0.5" },
  { SIMULATOR ("'seed':-1"), "3: source 's': 'seed': expected a whole number from 0 to" },
  { SIMULATOR ("'start':'now'"), "3: source 's': 'start': expected a time" },
  { SIMULATOR ("'fields':{'prize':'decimal(4)'}"), "3: source 's': this source has no field 'prize'; did you mean 'price'?" },
  { SIMULATOR ("'fields':{'price':'decimal(2)'}"), "3: source 's': field 'price': in this source it is always 'decimal(4)'" },
  { SIMULATOR ("'table':'cpu'"), "3: source 's': 'table' has no meaning for sources of kind 'simulator'" },
  { HOST ("'interval_ms':1000"), "2: source 's': 'table' is missing" },
  { HOST ("'table':'gpu'"), "3: source 's': 'table': expected one of 'cpu', 'memory', 'disk', 'network', 'process', 'load', found 'gpu'" },
  { HOST ("'table':'cpu','interval_ms':50"), "3: source 's': 'interval_ms': expected a whole number from 100 to 3600000, found 50" },
  { HOST ("'table':'cpu','processes':5"), "3: source 's': 'processes' is for the table 'process'" },
  { HOST ("'table':'process','processes':0"), "3: source 's': 'processes': expected a whole number from 1 to 1000, found 0" },
  /* projections */
  { "{'projections':[{'name':'p'}]}", "1: projection 'p': 'from' is missing" },
  { "{'projections':[{'name':'p','fron':'x'}]}", "1: projection 'p': unknown member 'fron'; did you mean 'from'?" },
  { "{'sources':[" TRADES "],'projections':[\n{'name':'p','from':'trade','columns':{'n':'count()'}}]}", "2: projection 'p': 'from': there is no source 'trade'; did you mean 'trades'?" },
  { "{'sources':[" TRADES "],'projections':[{'name':'p','from':'q'},\n{'name':'q','from':'trades'}]}", "1: projection 'p': 'from': 'q' is a projection; projections are made from sources. To ask something of a projection, poll it with a query, as in q?where=…" },
  { "{'sources':[" TRADES "],'projections':[{'name':'p','from':'p'}]}", "1: projection 'p': 'from': 'p' is a projection" },
  { INPUTS ("'from':[],'columns':{'n':'count()'}"), "3: projection 'p': 'from' is empty" },
  { INPUTS ("'from':['a',\n3]"), "4: projection 'p': an entry of 'from': expected a string, found a number" },
  { INPUTS ("'from':['a',\n'd']"), "4: projection 'p': 'from': there is no source 'd'" },
  { INPUTS ("'from':['a','b','a']"), "3: projection 'p': 'from': 'a' is given twice" },
  { INPUTS ("'from':['a','p']"), "3: projection 'p': 'from': 'p' is a projection" },
  { INPUTS ("'from':['a','c'],'columns':{'n':'count()'}"), "3: projection 'p': 'from': these sources have no field in common" },
  { INPUTS ("'from':['b','a'],'key':['size'],'columns':{'n':'count()'}"), "3: projection 'p': 'key': the source 'b' has no field 'size', which 'a' has" },
  { INPUTS ("'from':['b','a'],'key':['symbl'],'columns':{'n':'count()'}"), "3: projection 'p': 'key': these sources have no field 'symbl'; did you mean 'symbol'?" },
  { INPUTS ("'from':['b','a'],'window':{'every':'1s',\n'on':'extra'},'columns':{'n':'count()'}"), "4: projection 'p': 'on': the source 'a' has no field 'extra', which 'b' has" },
  { INPUTS ("'from':['b','a'],\n'where':'symbol = 1 or price > 1','columns':{'n':'count()'}"), "4: projection 'p', 'where': column 15: 'price' is decimal(4) in the source 'a', but decimal(2) in 'b'" },
  { INPUTS ("'from':['b','a'],\n'columns':{'n':'1 + sum(price*2)'}"), "4: projection 'p', column 'n': column 9: 'price' is decimal(4) in the source 'a', but decimal(2) in 'b'" },
  { INPUTS ("'from':['b','a'],\n'columns':{'n':'extra*2'}"), "4: projection 'p', column 'n': column 1: the source 'a' has no field 'extra', which 'b' has" },
  { PROJECTION ("'key':['symbol']"), "2: projection 'p': 'columns' is missing" },
  { PROJECTION ("'columns':{}"), "3: projection 'p': 'columns' is empty" },
  { PROJECTION ("'columns':['count()']"), "3: projection 'p': 'columns': expected an object, found an array" },
  { PROJECTION ("'columns':{'n':3}"), "3: projection 'p': column 'n': expected a string, found a number" },
  { PROJECTION ("'key':'symbol'"), "3: projection 'p': 'key': expected an array, found a string" },
  { PROJECTION ("'key':[3]"), "3: projection 'p': an entry of 'key': expected a string, found a number" },
  { PROJECTION ("'key':['symbl']"), "3: projection 'p': 'key': the source 'trades' has no field 'symbl'; did you mean 'symbol'?" },
  { PROJECTION ("'key':['symbol',\n'symbol']"), "4: projection 'p': 'key': 'symbol' is given twice" },
  { PROJECTION ("'key':['w']"), "3: projection 'p': 'key': 'w' is a double, which does not compare exactly; declare it as a decimal" },
  { PROJECTION ("'min_interval_ms':5"), "3: projection 'p': 'min_interval_ms': expected a whole number from 10 to 3600000, found 5" },
  { PROJECTION ("'window':'1s'"), "3: projection 'p': 'window': expected an object, found a string" },
  { PROJECTION ("'window':{'on':'time'}"), "3: projection 'p': 'every' is missing" },
  { PROJECTION ("'window':{'every':'1s'}"), "3: projection 'p': 'on' is missing" },
  { PROJECTION ("'window':{'every':'1s','on':'time','by':'1s'}"), "3: projection 'p': unknown member 'by'" },
  { PROJECTION ("'window':{'every':'1x','on':'time'}"), "3: projection 'p': 'every': expected a duration such as '500ms', '1s', '2m', '1h' or '1d' (at most 3660 days), found '1x'" },
  { PROJECTION ("'window':{'every':'0s','on':'time'}"), "3: projection 'p': 'every': expected a duration" },
  { PROJECTION ("'window':{'every':'1.5s','on':'time'}"), "3: projection 'p': 'every': expected a duration" },
  { PROJECTION ("'window':{'every':'-1s','on':'time'}"), "3: projection 'p': 'every': expected a duration" },
  { PROJECTION ("'window':{'every':'s','on':'time'}"), "3: projection 'p': 'every': expected a duration" },
  { PROJECTION ("'window':{'every':'3661d','on':'time'}"), "3: projection 'p': 'every': expected a duration" },
  { PROJECTION ("'window':{'every':'9223372036854775807d','on':'time'}"), "3: projection 'p': 'every': expected a duration" },
  { PROJECTION ("'window':{'every':60,'on':'time'}"), "3: projection 'p': 'every': expected a string, found a number" },
  { PROJECTION ("'window':{'every':'1m','on':'time','keep':'1s'}"), "3: projection 'p': 'keep' is shorter than 'every'" },
  { PROJECTION ("'window':{'every':'5m',\n'slide':'2m','on':'time'},'columns':{'n':'count()'}"), "4: projection 'p': 'slide': 'every' is not a whole number of it" },
  { PROJECTION ("'window':{'every':'5m',\n'slide':'10m','on':'time'},'columns':{'n':'count()'}"), "4: projection 'p': 'slide': 'every' is not a whole number of it" },
  { PROJECTION ("'window':{'every':'1441s',\n'slide':'1s','on':'time'},'columns':{'n':'count()'}"), "4: projection 'p': 'slide': an event would be in 1441 windows; at most 1440 are allowed" },
  { PROJECTION ("'window':{'every':'1m',\n'late':'soon','on':'time'},'columns':{'n':'count()'}"), "4: projection 'p': 'late': expected a duration" },
  { PROJECTION ("'window':{'every':'1m',\n'late':0,'on':'time'},'columns':{'n':'count()'}"), "4: projection 'p': 'late': expected a string, found a number" },
  { PROJECTION ("'window':{'every':'2m','slide':'1m','on':'time'},'columns':{\n'n':'2*last(price)'}"), "4: projection 'p', column 'n': column 3: in windows that slide, last() needs the order to go by, as in last(x, time)" },
  { PROJECTION ("'window':{'every':'1m','on':'tme'}"), "3: projection 'p': 'on': the source 'trades' has no field 'tme'; did you mean 'time'?" },
  { PROJECTION ("'window':{'every':'1m','on':'price'}"), "3: projection 'p': 'on': a window needs a timestamp; 'price' is decimal(4)" },
  { PROJECTION ("'key':['time'],'window':{'every':'1m','on':'time'}"), "3: projection 'p': 'time' is in the key, and the window's column would have the same name" },
  { PROJECTION ("'where':'prise > 1'"), "3: projection 'p', 'where': column 1: no column 'prise'; did you mean 'price'?" },
  { PROJECTION ("'where':'price >'"), "3: projection 'p', 'where': column 8: expected a name" },
  { PROJECTION ("'where':'price'"), "3: projection 'p': 'where': expected a condition, found a value of type decimal" },
  { PROJECTION ("'where':'price > last(price)'"), "3: projection 'p', 'where': column 9: last() is an aggregate" },
  /* columns */
  { PROJECTION ("'key':['symbol'],'columns':{\n'symbol':'count()'}"), "4: projection 'p': column 'symbol' has the name of a key column" },
  { PROJECTION ("'window':{'every':'1m','on':'time'},'columns':{'time':'count()'}"), "3: projection 'p': column 'time' has the name of a key column" },
  { PROJECTION ("'columns':{'$0':'count()'}"), "3: projection 'p': the name of the column '$0' begins with" },
  { COLUMN (""), "4: projection 'p', column 'x': column 1: expected a name" },
  { COLUMN ("last(price"), "4: projection 'p', column 'x': column 11: expected an operator, ',' or ')'" },
  { COLUMN ("price"), "4: projection 'p', column 'x': column 1: 'price' is a field of the source, with one value an event; say which, as in last(price) or sum(price)" },
  { COLUMN ("count() + size"), "4: projection 'p', column 'x': column 11: 'size' is a field of the source" },
  { COLUMN ("1 + summ(size)"), "4: projection 'p', column 'x': column 5: no function 'summ'; did you mean 'sum'?" },
  { COLUMN ("volum"), "4: projection 'p', column 'x': column 1: no column 'volum'" },
  { COLUMN ("symbl"), "4: projection 'p', column 'x': column 1: no column 'symbl'; did you mean 'symbol'?" },
  { COLUMN ("last(x)"), "4: projection 'p', column 'x': column 6: no column 'x'" },
  { COLUMN ("last(prise)"), "4: projection 'p', column 'x': column 6: no column 'prise'; did you mean 'price'?" },
  { COLUMN ("1 + sum(symbol)"), "4: projection 'p', column 'x': column 9: sum() takes numbers, found string" },
  { COLUMN ("sum(time)"), "4: projection 'p', column 'x': column 5: sum() takes numbers, found timestamp" },
  { COLUMN ("mean(price > 1)"), "4: projection 'p', column 'x': column 6: mean() takes numbers, found bool" },
  { COLUMN ("max(price > 1)"), "4: projection 'p', column 'x': column 5: max() takes numbers, strings or timestamps, found bool" },
  { COLUMN ("sum()"), "4: projection 'p', column 'x': column 1: sum() takes 1 argument, found 0" },
  { COLUMN ("last(price, size, time)"), "4: projection 'p', column 'x': column 1: last() takes (x) or (x, order), found 3" },
  { COLUMN ("count(price, size)"), "4: projection 'p', column 'x': column 1: count() takes no argument or one, found 2" },
  { COLUMN ("sum(price * max(size))"), "4: projection 'p', column 'x': column 13: an aggregate cannot stand inside another" },
  { COLUMN ("stddev(symbol)"), "4: projection 'p', column 'x': column 8: stddev() takes numbers, found string" },
  { COLUMN ("variance(price, size)"), "4: projection 'p', column 'x': column 1: variance() takes 1 argument, found 2" },
  { COLUMN ("vwap(price)"), "4: projection 'p', column 'x': column 1: vwap() takes 2 arguments, (price, size), found 1" },
  { COLUMN ("vwap(price, time)"), "4: projection 'p', column 'x': column 13: vwap() takes numbers, found timestamp" },
  { COLUMN ("count() + rate(price)"), "4: projection 'p', column 'x': column 11: rate() takes ('period') or (x, 'period')" },
  { COLUMN ("rate()"), "4: projection 'p', column 'x': column 1: rate() takes ('period') or (x, 'period'), and then the time if it is not the source's, found 0" },
  { COLUMN ("rate(\\'0s\\')"), "4: projection 'p', column 'x': column 6: rate(): expected a duration such as '500ms', '1s', '2m', '1h' or '1d' (at most 3660 days)" },
  { COLUMN ("rate(size, \\'1m\\', size)"), "4: projection 'p', column 'x': column 18: rate() takes the time as a timestamp, found int64" },
  { COLUMN ("rate(size, \\'1m\\', time, 1)"), "4: projection 'p', column 'x': column 1: rate() takes ('period')" },
  { COLUMN ("rate(symbol, \\'1m\\')"), "4: projection 'p', column 'x': column 6: rate() takes numbers, found string" },
  { COLUMN ("ewma(\\'1m\\')"), "4: projection 'p', column 'x': column 6: ewma() takes numbers, found string" },
  { COLUMN ("ewma(price)"), "4: projection 'p', column 'x': column 1: ewma() takes (x, 'half-life'), and then the time if it is not the source's, found 1" },
  { COLUMN ("ewma(price, size)"), "4: projection 'p', column 'x': column 13: ewma(): expected a duration" },
  { COLUMN ("distinct()"), "4: projection 'p', column 'x': column 1: distinct() takes 1 argument, found 0" },
  { COLUMN ("first(price, w)"), "4: projection 'p', column 'x': column 14: first() takes an order that is a timestamp or int64, found double" },
  { COLUMN ("last(price, last(time))"), "4: projection 'p', column 'x': column 13: an aggregate cannot stand inside another" },
  { COLUMN ("any(price)"), "4: projection 'p', column 'x': column 5: any() takes bool, found decimal(4)" },
  { COLUMN ("max(size > 1)"), "4: projection 'p', column 'x': column 5: max() takes numbers, strings or timestamps, found bool" },
  { COLUMN ("stdev(count())"), "4: projection 'p', column 'x': column 1: no function 'stdev'; did you mean 'stddev'?" },
  { COLUMN ("median(price)"), "4: projection 'p', column 'x': column 1: no function 'median'; did you mean 'mean'?" },
  { COLUMN ("median(count())"), "4: projection 'p', column 'x': column 1: no function 'median'" },
  { COLUMN ("last(symbol) + 1"), "4: projection 'p', column 'x': column 14: cannot add string and int64" },
  { COLUMN ("`$0`"), "4: projection 'p', column 'x': column 1: no column '$0'" },
  { COLUMN ("count() + `$0`"), "4: projection 'p', column 'x': column 11: no column '$0'" },
  { COLUMN ("x + 1"), "4: projection 'p', column 'x': columns that need each other: x → x" },
  { COLUMN ("null"), "4: projection 'p', column 'x': column 1: this is always null and has no type" },
  { PROJECTION ("'columns':{'a':'b',\n'b':'a'}"), "3: projection 'p', column 'a': columns that need each other: a → b → a" },
  { PROJECTION ("'columns':{'z':'a',\n'a':'b',\n'b':'c+1',\n'c':'a*count()'}"), "4: projection 'p', column 'a': columns that need each other: a → b → c → a" },
  /* screens */
  { "{'screens':[{'name':'s','panels':[]}]}", "1: screen 's': 'panels' is empty" },
  { "{'screens':[{'name':'s'}]}", "1: screen 's': 'panels' is missing" },
  { "{'screens':[{'name':'s','titel':'x'}]}", "1: screen 's': unknown member 'titel'; did you mean 'title'?" },
  { SCREEN ("3"), "3: screen 's': an entry of 'panels': expected an object, found a number" },
  { SCREEN ("{'title':'x'}"), "3: screen 's': a panel needs 'grid', 'candles' or 'line' with the path of a projection" },
  { SCREEN ("{'gird':'quotes'}"), "3: screen 's': unknown member 'gird'; did you mean 'grid'?" },
  { SCREEN ("{'grid':'quotes','line':'bars'}"), "3: screen 's': a panel is one thing: 'grid' or 'line'" },
  { SCREEN ("{'grid':'quotse'}"), "3: screen 's': there is no projection 'quotse'; did you mean 'quotes'?" },
  { SCREEN ("{'grid':'nothing?where=n>1'}"), "3: screen 's': there is no projection 'nothing'" },
  { SCREEN ("{'grid':'quotes','sort':'-m'}"), "3: screen 's': 'sort': the projection 'quotes' has no column 'm'" },
  { SCREEN ("{'grid':'quotes','sort':'n,symbl'}"), "3: screen 's': 'sort': the projection 'quotes' has no column 'symbl'; did you mean 'symbol'?" },
  { SCREEN ("{'grid':'quotes','sort':'n,,symbol'}"), "3: screen 's': 'sort': expected the name of a column, found ','" },
  { SCREEN ("{'grid':'quotes','sort':'-'}"), "3: screen 's': 'sort': expected the name of a column, found the end" },
  { SCREEN ("{'grid':'quotes?limit=1','sort':'`a,b`'}"), "3: screen 's': 'sort': a panel cannot be sorted by a name with a comma ('a,b'); give it another with 'as'" },
  { SCREEN ("{'grid':'quotes','sort':'n,n,n,n,n,n,n,n,n,n,n,n,n,n,n,n,n'}"), "3: screen 's': 'sort' has 17 columns; at most 16 are allowed" },
  { SCREEN ("{'line':'quotes'}"), "3: screen 's': a 'line' panel is drawn over time: the projection 'quotes' needs a 'window'" },
  { SCREEN ("{'line':'words'}"), "3: screen 's': a 'line' panel draws numbers, and the projection 'words' has none" },
  { SCREEN ("{'candles':'bars'}"), "3: screen 's': 'candles' need numbers open, high, low and close: the projection 'bars' has no 'high'" },
  { SCREEN ("{'grid':'quotes'},\n{'line':'bars','follows':'quots'}"), "4: screen 's': 'follows': 'quots' is not the path of a grid on this screen" },
  { SCREEN ("{'line':'bars'},\n{'grid':'quotes','follows':'bars'}"), "4: screen 's': 'follows': 'bars' is not the path of a grid on this screen" },
  { SCREEN ("{'grid':'quotes','follows':'quotes'}"), "3: screen 's': 'follows': a panel cannot follow itself" },
  { SCREEN ("{'grid':'total'},\n{'line':'bars','follows':'total'}"), "4: screen 's': 'follows': 'total' and 'bars' have no key column in common" },
};

static char *
with_quotes (const char *text)
{
  char *copy = g_strdup (text);

  return g_strdelimit (copy, "'", '"');
}

static void
test_errors (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *json = with_quotes (cases[i].json), *message = with_quotes (cases[i].message);
      g_autofree char *apostrophe = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (SynCatalog) catalog = syn_catalog_parse ("test.json", "/srv", json, -1, &error);

      if (catalog != NULL)
        g_error ("%s: accepted", json);
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_true (g_str_has_prefix (error->message, "test.json:"));
      /* The one apostrophe that is one. */
      apostrophe = with_quotes (error->message);
      if (strstr (apostrophe, message) == NULL
          || (g_ascii_isdigit (message[0]) && !g_str_has_prefix (apostrophe + strlen ("test.json:"), message)))
        g_error ("%s: expected \"%s\", got \"%s\"", json, message, error->message);
    }
}

/* ---- limits ---- */

static char *
fail_message (const char *json)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = syn_catalog_parse ("test.json", "/srv", json, -1, &error);

  return catalog != NULL ? NULL : g_strdup (error->message);
}

static void
test_many_fields (void)
{
  for (guint n = SYN_MAX_FIELDS; n <= SYN_MAX_FIELDS + 1; n++)
    {
      g_autoptr (GString) json = g_string_new ("{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"fields\":{");
      g_autofree char *message = NULL;

      for (guint i = 0; i < n; i++)
        g_string_append_printf (json, "%s\"f%u\":\"int64\"", i > 0 ? "," : "", i);
      g_string_append (json, "}}]}");
      message = fail_message (json->str);
      g_assert_cmpstr (message, ==, n <= SYN_MAX_FIELDS ? NULL : "test.json:1: source \"s\": 257 fields; at most 256 are allowed");
    }
}

static void
test_many_columns (void)
{
  for (guint n = SYN_MAX_COLUMNS - 1; n <= SYN_MAX_COLUMNS; n++)
    {
      g_autoptr (GString) json = g_string_new ("{\"sources\":[{\"name\":\"s\",\"kind\":\"simulator\"}],\"projections\":[{\"name\":\"p\","
                                               "\"from\":\"s\",\"key\":[\"symbol\"],\"columns\":{\"c0\":\"count()\"");
      g_autofree char *message = NULL;

      /* A chain of columns as long as it can be: each needs the one before. */
      for (guint i = 1; i < n; i++)
        g_string_append_printf (json, ",\"c%u\":\"c%u\"", i, i - 1);
      g_string_append (json, "}}]}");
      message = fail_message (json->str);
      g_assert_cmpstr (message, ==,
                       n < SYN_MAX_COLUMNS ? NULL : "test.json:1: projection \"p\": 257 columns with the key's; at most 256 are allowed");
    }
}

/* Counted before any is looked at, so that what they are does not matter here. */
static void
test_many_things (void)
{
  static const struct {
    const char *member;
    guint most;
  } things[] = { { "sources", SYN_MAX_SOURCES }, { "projections", SYN_MAX_PROJECTIONS }, { "screens", 1024 } };

  for (guint t = 0; t < G_N_ELEMENTS (things); t++)
    {
      g_autoptr (GString) json = g_string_new (NULL);
      g_autofree char *message = NULL, *expected = NULL, *fits = NULL;

      g_string_printf (json, "{\"%s\":[null", things[t].member);
      for (guint i = 1; i < things[t].most; i++)
        g_string_append (json, ",null");
      g_string_append (json, "]}");
      fits = fail_message (json->str);
      g_assert_nonnull (strstr (fits, "expected an object, found null"));
      g_string_truncate (json, json->len - 2);
      g_string_append (json, ",\n\nnull]}");
      message = fail_message (json->str);
      expected = g_strdup_printf ("test.json:3: more than %u %s", things[t].most, things[t].member);
      g_assert_cmpstr (message, ==, expected);
    }
}

static void
test_many_panels (void)
{
  g_autoptr (GString) json = g_string_new ("{\"screens\":[{\"name\":\"s\",\"panels\":[1");
  g_autofree char *message = NULL;

  for (guint i = 0; i < 64; i++)
    g_string_append (json, ",1");
  g_string_append (json, "]}]}");
  message = fail_message (json->str);
  g_assert_cmpstr (message, ==, "test.json:1: screen \"s\": \"panels\" has 65 entries; at most 64 are allowed");
}

static void
test_long_names (void)
{
  for (gsize n = SYN_MAX_NAME_BYTES; n <= SYN_MAX_NAME_BYTES + 1; n++)
    {
      g_autofree char *name = g_strnfill (n, 'n');
      g_autofree char *source = g_strdup_printf ("{\"sources\":[{\"name\":\"%s\",\"kind\":\"simulator\"}]}", name);
      g_autofree char *field = g_strdup_printf ("{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"fields\":{\"%s\":\"bool\"}}]}", name);
      g_autofree char *column = g_strdup_printf (
        "{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"fields\":{\"a\":{\"type\":\"bool\",\"column\":\"%s\"}}}]}", name);
      const char *const texts[] = { source, field, column };

      for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
        {
          g_autofree char *message = fail_message (texts[i]);

          g_assert_cmpint (message == NULL, ==, n <= SYN_MAX_NAME_BYTES);
          g_assert_true (message == NULL || strstr (message, "at most 128 bytes") != NULL);
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/catalog/errors", test_errors);
  g_test_add_func ("/catalog/many-fields", test_many_fields);
  g_test_add_func ("/catalog/many-columns", test_many_columns);
  g_test_add_func ("/catalog/many-things", test_many_things);
  g_test_add_func ("/catalog/many-panels", test_many_panels);
  g_test_add_func ("/catalog/long-names", test_long_names);
  return g_test_run ();
}
