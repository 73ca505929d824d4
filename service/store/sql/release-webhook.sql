UPDATE webhook SET claim = NULL, claimed_until_ms = 0 WHERE id = :id AND claim = :claim;
