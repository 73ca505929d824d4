/** How tunnels are called: a name within an account, or an id. */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a text is a tunnel's id. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Why a text names no tunnel; `undefined` where it could. */
export function tunnelNameProblem(text: string): string | undefined {
  if (isUuid(text)) return undefined;
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(text)) return undefined;
  return `'${text}' is no name of a tunnel: letters, digits, dots, dashes and underscores`;
}
