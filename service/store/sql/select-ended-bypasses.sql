SELECT team_id FROM bypass WHERE until_ms <= :nowMs ORDER BY until_ms LIMIT :size;
