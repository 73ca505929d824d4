SELECT window_time_ms, id FROM usage_event
WHERE team_id = :teamId AND subscriber_id = CAST(:subscriberId AS TEXT)
  AND (window_time_ms, id) > (CAST(:afterMs AS BIGINT), CAST(:afterId AS TEXT))
  AND window_time_ms < :untilMs
ORDER BY window_time_ms, id
LIMIT 1 OFFSET :skip;
