INSERT INTO request_log (id, team_id, key_id, at_ms, request_id, method, route, status, code)
SELECT * FROM unnest(
  CAST(:id AS TEXT[]), CAST(:teamId AS TEXT[]), CAST(:keyId AS TEXT[]), CAST(:atMs AS BIGINT[]),
  CAST(:requestId AS TEXT[]), CAST(:method AS TEXT[]), CAST(:route AS TEXT[]), CAST(:status AS BIGINT[]),
  CAST(:code AS TEXT[])
);
