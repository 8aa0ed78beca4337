-- Keys under which annotations say something (hopline_query.search.notes): attributes of events, names before a `=`. Keys
-- that no name looks like are left out: a filter looks for those in all annotations.
ALTER TABLE ${database}.attr_keys_view ${on_cluster} MODIFY QUERY
SELECT
  toDate(toDateTime(intDiv(start_us, 1000000), 'UTC')) AS day,
  arrayJoin(arrayDistinct(arrayConcat(mapKeys(attrs), arrayFilter(key -> key != '', arrayFlatten(arrayMap(a -> multiIf(
    a.3 = '', [extract(a.2, '^([\\w.:/-]{1,128})=')],
    startsWith(a.3, '{'), arrayConcat(['message', extract(a.2, '^([\\w.:/-]{1,128})')], extractAll(a.3, '[{,]"([\\w.:/-]{1,128})":')),
    a.2 = 'exception', ['exception', 'exception.type', 'exception.message', 'exception.stacktrace'],
    ['message', extract(a.2, '^([\\w.:/-]{1,128})'), extract(if(a.2 = 'message', a.3, ''), '^([\\w.:/-]{1,128})=')]
  ), annotations)))))) AS key,
  count() AS rows
FROM ${database}.ingest WHERE keep GROUP BY day, key;
