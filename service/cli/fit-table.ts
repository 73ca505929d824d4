/** Tables that fit a narrow terminal: what is long is shortened or wrapped, what is asked for least is left out, and named. Pure. */
import { cut, shortTime, TIME_WIDTH_MIN, widthOf, wrap } from './text-width.js';

/** What may become of a column where there is no room. Without any of it the column stays as it is. */
export interface Fit {
  /** Its cells may be shortened in the middle, to no less than so many characters. */
  readonly min?: number;
  /** As {@link min}, but the text goes on in the next line instead. */
  readonly wraps?: boolean;
  /** It may be left out: the highest goes first. */
  readonly drop?: number;
  /** Too long for any column: it stands on lines of its own below its row. */
  readonly below?: boolean;
}

/** A table as text. */
export interface FitColumn extends Fit {
  readonly heading: string;
  readonly align?: 'right';
}

/** Lines for a terminal. */
export interface FittedTable {
  readonly lines: readonly string[];
  /** Headings of columns that are not there, though they had something to show. */
  readonly omitted: readonly string[];
}

const GAP = '  ';
const WRAP_MIN = 24;

/** Lays out `rows` within `width`. Where no choice of columns fits, every cell gets a line of its own. */
export function fitTable(
  columns: readonly FitColumn[],
  rows: readonly (readonly string[])[],
  width: number,
  bold: (text: string) => string = (text) => text,
): FittedTable {
  const all = columns.map((column, at) => sized(column, at, rows));
  const filled = all.filter(({ at }) => rows.length === 0 || rows.some((row) => hasText(row[at])));
  const beside = filled.filter(({ column }) => column.below !== true);
  const droppable = beside
    .filter(({ column }) => column.drop !== undefined)
    .sort((a, b) => (b.column.drop ?? 0) - (a.column.drop ?? 0));
  for (let count = 0; count <= droppable.length; count += 1) {
    const omitted = new Set(droppable.slice(0, count));
    const kept = beside.filter((one) => !omitted.has(one));
    const widths = widthsWithin(kept, width);
    if (widths === undefined) continue;
    const below = filled.filter(({ column }) => column.below === true);
    return {
      lines: linesOf(kept, below, widths, rows, width, bold),
      omitted: beside.filter((one) => omitted.has(one)).map(({ column }) => column.heading),
    };
  }
  return { lines: stacked(filled, rows, width, bold), omitted: [] };
}

interface Sized {
  readonly column: FitColumn;
  /** Its index in a row. */
  readonly at: number;
  readonly natural: number;
  readonly least: number;
}

function hasText(cell: string | undefined): boolean {
  return cell !== undefined && cell !== '' && cell !== '-';
}

function sized(column: FitColumn, at: number, rows: readonly (readonly string[])[]): Sized {
  const cells = rows.map((row) => row[at] ?? '');
  const heading = widthOf(column.heading);
  const natural = cells.reduce((most, cell) => Math.max(most, widthOf(cell)), heading);
  const min = column.min ?? (column.wraps === true ? WRAP_MIN : Math.max(0, ...cells.map(leastOf)));
  return { column, at, natural, least: Math.min(natural, Math.max(min, heading)) };
}

/** Any time may lose its seconds. */
function leastOf(cell: string): number {
  return shortTime(cell, 0) === undefined ? widthOf(cell) : TIME_WIDTH_MIN;
}

/** What each column gets: the widest gives way first. `undefined`: it does not fit. */
function widthsWithin(columns: readonly Sized[], width: number): readonly number[] | undefined {
  const room = width - GAP.length * (columns.length - 1);
  if (columns.reduce((sum, { least }) => sum + least, 0) > room) return undefined;
  const widths = columns.map(({ natural }) => natural);
  for (let excess = widths.reduce((sum, one) => sum + one, 0) - room; excess > 0; excess -= 1) {
    let widest = -1;
    for (const [i, one] of widths.entries()) {
      if (one > columns[i]!.least && (widest < 0 || one > widths[widest]!)) widest = i;
    }
    widths[widest]! -= 1;
  }
  return widths;
}

function linesOf(
  columns: readonly Sized[],
  below: readonly Sized[],
  widths: readonly number[],
  rows: readonly (readonly string[])[],
  width: number,
  bold: (text: string) => string,
): readonly string[] {
  const line = (cells: readonly string[]) => {
    const padded = cells.map((cell, i) => {
      const space = ' '.repeat(Math.max(0, widths[i]! - widthOf(cell)));
      return columns[i]!.column.align === 'right' ? `${space}${cell}` : `${cell}${space}`;
    });
    return padded.join(GAP).trimEnd();
  };
  const lines = [bold(line(columns.map(({ column }) => column.heading)))];
  for (const row of rows) {
    const cells = columns.map(({ column, at }, i) => {
      const cell = row[at] ?? '';
      return column.wraps === true ? wrap(cell, widths[i]!) : [cut(cell, widths[i]!)];
    });
    const height = Math.max(1, ...cells.map((parts) => parts.length));
    for (let i = 0; i < height; i += 1) lines.push(line(cells.map((parts) => parts[i] ?? '')));
    for (const { column, at } of below) {
      const text = row[at] ?? '';
      if (!hasText(text)) continue;
      lines.push(...wrap(`${column.heading.toLowerCase()}: ${text}`, width - GAP.length).map((part) => GAP + part));
    }
  }
  return lines;
}

function stacked(
  columns: readonly Sized[],
  rows: readonly (readonly string[])[],
  width: number,
  bold: (text: string) => string,
): readonly string[] {
  const label = Math.max(0, ...columns.map(({ column }) => widthOf(column.heading)));
  const indent = ' '.repeat(label + GAP.length);
  const blocks = rows.map((row) =>
    columns.flatMap(({ column, at }) => {
      const text = row[at] ?? '';
      if (!hasText(text)) return [];
      const parts = wrap(text, Math.max(1, width - indent.length));
      return parts.map((part, i) => (i === 0 ? `${bold(column.heading.padEnd(label))}${GAP}${part}` : indent + part));
    }),
  );
  return blocks.flatMap((block, i) => (i === 0 ? block : ['', ...block]));
}
