SELECT DISTINCT model, provider FROM (
  SELECT model, provider FROM usage_event
  WHERE team_id = :teamId
  ORDER BY window_time_ms DESC, id DESC
  LIMIT 10000
) newest
ORDER BY provider, model
LIMIT 1000;
