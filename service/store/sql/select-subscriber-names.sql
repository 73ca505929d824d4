SELECT DISTINCT model, provider FROM (
  SELECT model, provider FROM usage_event
  WHERE team_id = :teamId AND subscriber_id = CAST(:subscriberId AS TEXT)
  ORDER BY window_time_ms DESC, id DESC
  LIMIT 1000
) newest
ORDER BY provider, model
LIMIT 100;
