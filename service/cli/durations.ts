/** Spans and instants as people write them on the command line. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);
const DAY_MS = 86_400_000;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const FULL_TIME = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:?\d{2})$/i;

/** Minutes, hours and days such as `45m` or `1h30m`, in milliseconds; `undefined` where it is something else. */
export function parseSpan(text: string): number | undefined {
  const parts = [...text.trim().matchAll(/(\d{1,5})([mhd])/g)];
  const isWhole = parts.map(([part]) => part).join('') === text.trim();
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNITS.get(unit ?? '') ?? 0), 0);
  return isWhole && ms > 0 ? ms : undefined;
}

/** A full ISO 8601 date-time in milliseconds; `undefined` where it is something else. */
export function parseTime(text: string): number | undefined {
  const ms = FULL_TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * When something ends: a span from now on, the end of a day in UTC, or a full date-time; in milliseconds, `undefined`
 * where it is something else.
 */
export function parseEnd(text: string, nowMs: number): number | undefined {
  const span = parseSpan(text);
  if (span !== undefined) return nowMs + span;
  if (!DAY.test(text)) return parseTime(text);
  const startMs = Date.parse(`${text}T00:00:00Z`);
  // The 30th of February is no day.
  const isDay = !Number.isNaN(startMs) && new Date(startMs).toISOString().startsWith(text);
  return isDay ? startMs + DAY_MS : undefined;
}
