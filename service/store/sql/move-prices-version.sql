UPDATE team SET prices_version = prices_version + 1 WHERE id = :id RETURNING prices_version;
