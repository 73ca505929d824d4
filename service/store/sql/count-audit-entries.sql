SELECT COUNT(*) AS total FROM audit_entry
WHERE team_id = :teamId AND at_ms BETWEEN :sinceMs AND :untilMs
  AND (CAST(:subject AS TEXT) IS NULL OR subject = :subject)
  AND (CAST(:subjectId AS TEXT) IS NULL OR subject_id = :subjectId);
