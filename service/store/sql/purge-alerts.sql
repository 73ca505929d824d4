DELETE FROM alert WHERE id IN (SELECT id FROM alert WHERE ended_at_ms < :beforeMs LIMIT :size);
