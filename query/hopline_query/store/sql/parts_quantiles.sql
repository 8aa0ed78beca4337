-- What the calls took, and other ones: values that occurred.
SELECT quantilesExact($levels)(took)
FROM (SELECT toFloat64($took) AS took $calls UNION ALL SELECT arrayJoin($others))
