/** Text in the cells of a terminal: how wide it is, shortened, wrapped. Pure. */

/** The narrowest form of a time: `2026-11-21 16:10Z`. */
export const TIME_WIDTH_MIN = 17;

const TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)(?:\.\d+)?Z$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours take no room
const COLOUR = /\u001b\[\d+m/g;
const NO_WIDTH = /\p{Mn}|\p{Me}|\p{Cf}/u;
const TWO_WIDE =
  /\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|\p{Emoji_Presentation}|[\uff01-\uff60]/u;
const ELLIPSIS = '…';

/** How many cells of a terminal a text takes, as far as that can be known. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text.replace(COLOUR, '')) width += widthOfOne(character);
  return width;
}

/** No wider than `width`: a time without its seconds, else without its middle, since the ends of names and ids tell them apart. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  const time = shortTime(text, width);
  if (time !== undefined && widthOf(time) <= width) return time;
  if (width <= 1) return ELLIPSIS.slice(0, width);
  const characters = [...text.replace(COLOUR, '')];
  const head = take(characters, Math.ceil((width - 1) / 2));
  const tail = take(characters.reverse(), width - 1 - widthOf(head.join(''))).reverse();
  return `${head.join('')}${ELLIPSIS}${tail.join('')}`;
}

/** A time of the API within `width`, at least to the minute. `undefined`: it is none. */
export function shortTime(text: string, width: number): string | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, day, minute, second] = match;
  const whole = `${day} ${minute}${second}Z`;
  return widthOf(whole) <= width ? whole : `${day} ${minute}Z`;
}

/** Lines of at most `width`, broken between words, and within those that are longer. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (widthOf(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    let rest = [...word];
    while (widthOf(rest.join('')) > width) {
      const head = take(rest, Math.max(2, width));
      lines.push(head.join(''));
      rest = rest.slice(head.length);
    }
    line = rest.join('');
  }
  lines.push(line);
  return lines;
}

function take(characters: readonly string[], width: number): string[] {
  const taken: string[] = [];
  let sum = 0;
  for (const character of characters) {
    sum += widthOfOne(character);
    if (sum > width) break;
    taken.push(character);
  }
  return taken;
}

function widthOfOne(character: string): number {
  if (NO_WIDTH.test(character)) return 0;
  return TWO_WIDE.test(character) ? 2 : 1;
}
