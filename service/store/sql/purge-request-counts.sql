DELETE FROM request_count WHERE minute_ms < :beforeMs;
