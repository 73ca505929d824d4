SELECT r.group_key, r.value, r.unknown_count,
  (SELECT MIN(s.spelling) FROM subscriber_spelling s
    WHERE s.team_id = :teamId AND s.group_key = r.group_key AND s.spelling LIKE '%@%') AS email
FROM (
  SELECT b.group_key, b.value, b.unknown_count FROM balance b
  WHERE b.control_id = :controlId AND b.window_start_ms = :windowStartMs AND b.group_key > :afterKey
    AND (CAST(:endKey AS TEXT) IS NULL OR b.group_key <= :endKey)
    AND (CAST(:band AS BIGINT) < 0 OR :band = CASE
      WHEN b.value >= :limit OR b.unknown_count > :unknownFloor THEN 2 WHEN b.value >= :warn THEN 1 ELSE 0 END)
    AND (CAST(:search AS TEXT) IS NULL OR LOWER(b.group_key) LIKE :search ESCAPE '\' OR EXISTS (
      SELECT 1 FROM subscriber_spelling s
      WHERE s.team_id = :teamId AND s.group_key = b.group_key AND LOWER(s.spelling) LIKE :search ESCAPE '\'))
  ORDER BY CASE WHEN CAST(:byName AS BIGINT) = 1 THEN 0 ELSE b.value END DESC, b.group_key
  LIMIT :size
) r;
