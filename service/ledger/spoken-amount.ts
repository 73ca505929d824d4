/** Amounts as people read them: `$0.50`, `1200 tokens`. From decimal text, exact: nothing passes through a float (I6). */
import { type CompiledControl, valueText } from '../compile/compiled-control.js';

/** One, and several, of what a metric counts. */
const UNITS: Readonly<Record<string, readonly [one: string, several: string]>> = {
  TOKEN_COUNT: ['token', 'tokens'],
  INPUT_TOKEN_COUNT: ['input token', 'input tokens'],
  OUTPUT_TOKEN_COUNT: ['output token', 'output tokens'],
  CACHED_TOKEN_COUNT: ['cached token', 'cached tokens'],
  ERROR_COUNT: ['error', 'errors'],
  IMAGE_COUNT: ['image', 'images'],
  VIDEO_COUNT: ['video', 'videos'],
  AUDIO_COUNT: ['recording', 'recordings'],
  CHARACTER_COUNT: ['character', 'characters'],
  CREDITS_CONSUMED: ['credit', 'credits'],
};

/** An amount of a metric, as decimal text in its own unit, with that unit. */
export function spokenAmount(metric: string, text: string): string {
  if (metric === 'TOTAL_COST') return usd(text);
  const unit = UNITS[metric];
  return unit === undefined ? `${text} ${metric}` : `${text} ${text === '1' ? unit[0] : unit[1]}`;
}

/** A value of a control's balance with its unit. */
export function spokenValue(compiled: CompiledControl, value: bigint): string {
  return spokenAmount(compiled.control.metricType, valueText(compiled, value));
}

/** `$0.0030`: every digit that is not zero, and at least `decimalsMin` of them. */
export function usd(text: string, decimalsMin = 2): string {
  const [whole = '0', fraction = ''] = text.split('.');
  const sign = whole.startsWith('-') ? '-' : '';
  const digits = fraction.padEnd(decimalsMin, '0');
  return `${sign}$${sign === '' ? whole : whole.slice(1)}${digits === '' ? '' : `.${digits}`}`;
}
