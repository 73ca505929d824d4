SELECT id FROM cost_control
WHERE team_id = :teamId AND enabled = 1 AND deleted_at_ms IS NULL
  AND (window_end_ms <= :nowMs OR window_start_ms > :nowMs)
ORDER BY rule_id
LIMIT :size;
