/** A history of instants by the calendar of Intl alone: shares no code with the service. */
import type { Bucket } from '../../../service/admin/enforcement-history.js';

/** Zones with summer time in either half of the year, by half an hour, and with odd offsets. */
export const ZONES = [
  'UTC',
  'Europe/Vienna',
  'America/New_York',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Chatham',
];

const MINUTE = 60_000;

/** `[start, events]` of every bucket that has events, in order; starts are found minute by minute, backwards. */
export function expectedHistory(times: readonly number[], bucket: Bucket, zone: string): [string, number][] {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    ...({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', timeZoneName: 'longOffset' } as const),
  });
  const keyOf = (atMs: number): string => {
    const part = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const date = `${part['year']}-${part['month']}-${part['day']}`;
    if (bucket === 'HOUR') return `${date} ${part['hour']} ${part['timeZoneName']}`;
    if (bucket === 'DAY') return date;
    const day = new Date(`${date}T00:00:00Z`);
    return new Date(day.getTime() - ((day.getUTCDay() + 6) % 7) * 86_400_000).toISOString().slice(0, 10);
  };
  const counts = new Map<string, { start: number; events: number }>();
  for (const atMs of times) {
    const key = keyOf(atMs);
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { start: startOf(atMs, key, keyOf), events: 1 });
    else known.events += 1;
  }
  return [...counts.values()].map(({ start, events }) => [new Date(start).toISOString(), events]);
}

function startOf(atMs: number, key: string, keyOf: (atMs: number) => string): number {
  let start = Math.floor(atMs / MINUTE) * MINUTE;
  for (const step of [24 * 60 * MINUTE, 60 * MINUTE, 15 * MINUTE, MINUTE]) {
    while (keyOf(start - step) === key) start -= step;
  }
  return start;
}
