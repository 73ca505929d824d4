SELECT until_ms FROM bypass ORDER BY until_ms LIMIT 1;
