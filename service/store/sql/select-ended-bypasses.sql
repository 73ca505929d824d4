SELECT team_id, since_ms, until_ms, reason, by_text FROM bypass
WHERE until_ms <= :nowMs ORDER BY until_ms LIMIT :size;
