-- What the calls took, and other ones: values that occurred.
SELECT quantilesExact($levels)(took) FROM (SELECT duration_us AS took $calls UNION ALL SELECT arrayJoin($others))
