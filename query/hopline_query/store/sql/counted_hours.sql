-- All calls, by the hour of the day in which they began.
SELECT toHour(toDateTime(intDiv(start_us, 1000000), 'UTC')) AS hour, countIf(chosen), count() - countIf(chosen), sum(print), max(cut)
FROM ($calls)
GROUP BY hour
