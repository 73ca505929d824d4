DELETE FROM request_log
WHERE id IN (SELECT id FROM request_log WHERE at_ms < :beforeMs ORDER BY at_ms LIMIT :size);
