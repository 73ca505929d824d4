-- Who is deleted may share an address with others: who is not comes first, then who came last.
SELECT
  c.id, c.team_id, c.number, c.name, c.email, c.active, c.created_at_ms, c.updated_at_ms, c.deleted_at_ms,
  b.id AS budget_control_id, b.hard_limit, b.warn_threshold, b.window_type, b.window_duration, b.time_zone, b.week_start,
  b.enabled, b.shadow_mode, b.enforcement, b.raised
FROM customer c LEFT JOIN cost_control b ON b.id = c.budget_control_id AND b.deleted_at_ms IS NULL
WHERE c.team_id = :teamId AND c.email_key = :emailKey
ORDER BY CASE WHEN c.deleted_at_ms IS NULL THEN 0 ELSE 1 END, c.number DESC
LIMIT 1;
