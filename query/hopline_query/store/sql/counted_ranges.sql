-- Calls by whether any number that they have under a key is at least, or less than, each bound of the key.
SELECT
  key,
  sumForEach(arrayMap(b -> toUInt64(chosen AND high >= b), bounds)), sumForEach(arrayMap(b -> toUInt64(NOT chosen AND high >= b), bounds)),
  sumForEach(arrayMap(b -> if(high >= b, print, 0), bounds)),
  sumForEach(arrayMap(b -> toUInt64(chosen AND low < b), bounds)), sumForEach(arrayMap(b -> toUInt64(NOT chosen AND low < b), bounds)),
  sumForEach(arrayMap(b -> if(low < b, print, 0), bounds))
FROM (
  SELECT key, print, any(chosen) AS chosen, max(number) AS high, min(number) AS low, $bounds[key] AS bounds
  FROM (
    SELECT chosen, print, key, $number AS number
    FROM (
      SELECT
        chosen, print, arrayJoin(marks) AS mark,
        -- Behind the third zero byte stands the value.
        transform(substring(mark, 1, position(mark, '\0', position(mark, '\0', 3) + 1) - 1), $places, range(1, length($places) + 1), 0) AS key
      FROM ($calls))
    WHERE key > 0 AND number IS NOT NULL)
  GROUP BY key, print)
GROUP BY key
