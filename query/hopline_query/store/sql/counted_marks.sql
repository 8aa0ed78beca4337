-- Marks by their key: how many calls have each value that is to be told, and where numbers are cut into equal parts.
SELECT
  place,
  groupArrayIf((value, chosen_, others, print_), chosen_ >= {least:UInt64} OR startsWith(place, 'c') OR mark IN ($also)) AS told,
  count() AS distinct_, arraySort(groupArrayIf((assumeNotNull(number), value, least(chosen_ + others, {weight:UInt64})),
    number IS NOT NULL AND startsWith(place, 't'))) AS held,
  arrayCumSum(arrayMap(one -> one.3, held)) AS upto,
  length(held) >= {numbers:UInt64} AND length(held) * 10 >= distinct_ * 9
    ? arrayDistinct(arrayMap(cut -> held[arrayFirstIndex(sum_ -> sum_ > intDiv(upto[-1] * cut, {cuts:UInt64}), upto)].2,
                             range(1, {cuts:UInt64})))
    : [] AS bounds
FROM (
  SELECT
    mark, chosen_, others, print_,
    -- Behind the third zero byte stands the value.
    position(mark, '\0', position(mark, '\0', 3) + 1) AS last,
    substring(mark, 1, last - 1) AS place, substring(mark, last + 1) AS value, $number AS number
  FROM (
    SELECT toString(arrayJoin(marks)) AS mark, countIf(chosen) AS chosen_, count() - chosen_ AS others, sum(print) AS print_
    FROM ($calls) GROUP BY mark))
GROUP BY place
