SELECT until_ms FROM bypass WHERE until_ms > :nowMs ORDER BY until_ms LIMIT 1;
