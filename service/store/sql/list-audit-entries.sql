SELECT
  id, team_id, at_ms, actor_id, actor_hint, actor_label, action, subject, subject_id, before_text, after_text
FROM audit_entry
WHERE team_id = :teamId AND id IN (
  SELECT id FROM audit_entry
  WHERE team_id = :teamId AND at_ms BETWEEN :sinceMs AND :untilMs
    AND (CAST(:subject AS TEXT) IS NULL OR subject = :subject)
    AND (CAST(:subjectId AS TEXT) IS NULL OR subject_id = :subjectId)
  ORDER BY at_ms DESC, id DESC LIMIT :size OFFSET :skip
)
ORDER BY at_ms DESC, id DESC;
