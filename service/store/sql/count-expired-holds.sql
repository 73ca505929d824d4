SELECT COUNT(*) AS total FROM hold WHERE state = 'expired';
