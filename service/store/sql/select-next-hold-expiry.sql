SELECT MIN(expires_at_ms) AS at_ms FROM hold WHERE state = 'open';
