/** `text` without U+0000, which JSON can say and PostgreSQL cannot keep: a service refuses whatever has one. */
export function withoutNull(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}
