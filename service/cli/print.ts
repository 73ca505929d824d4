/** Tables for people, tab-separated lines for pipes, JSON for programs. */
import Table from 'cli-table3';
import { type FitColumn, fitTable } from './fit-table.js';
import type { CliIo } from './io.js';
import { widthOf, wrap } from './text-width.js';

/** A column: its heading, what stands in it, and what becomes of it on a narrow terminal. */
export interface Column<T> extends FitColumn {
  cell(row: T): string;
}

/** A border and a space on both sides of a cell, and the last border. */
const BORDER_WIDTH = 3;
const INDENT = '  ';

/**
 * Prints rows. On a terminal as a table within its width; in a pipe whole, the headings as the first line and a tab between
 * the cells.
 */
export function printRows<T>(io: CliIo, columns: readonly Column<T>[], rows: readonly T[], nothing: string): void {
  if (io.isTerminal && rows.length === 0) {
    io.out(io.colors.dim(nothing));
    return;
  }
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const headings = columns.map((column) => column.heading);
  if (!io.isTerminal) {
    for (const line of [headings, ...cells]) io.out(line.map(plain).join('\t'));
    return;
  }
  const shown = cells.map((line) => line.map(visible));
  const natural = columns.map(({ heading }, i) =>
    Math.max(widthOf(heading), ...shown.map((line) => widthOf(line[i]!))),
  );
  const isTooWide =
    natural.reduce((sum, width) => sum + width + BORDER_WIDTH, 1) > (io.width ?? Number.POSITIVE_INFINITY);
  if (isTooWide) {
    printFitted(io, columns, shown);
    return;
  }
  const table = new Table({
    head: headings.map((heading) => io.colors.bold(heading)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    style: { head: [], border: [], compact: true },
  });
  table.push(...shown);
  io.out(table.toString());
}

function printFitted(io: CliIo, columns: readonly FitColumn[], rows: readonly (readonly string[])[]): void {
  const { lines, omitted } = fitTable(columns, rows, io.width ?? 80, io.colors.bold);
  for (const line of lines) io.out(line);
  if (omitted.length > 0) {
    io.out(io.colors.dim(`left out: ${omitted.join(', ')}; a wider terminal, a pipe and --json have everything`));
  }
}

/** Prints a sentence in one line; on a terminal broken between words, the rest of it indented. */
export function printText(io: CliIo, text: string): void {
  const shown = visible(text);
  const { width } = io;
  const fits = width === undefined || widthOf(shown) <= width;
  const lines = fits ? [shown] : wrap(shown, Math.max(1, width - INDENT.length));
  for (const [i, line] of lines.entries()) io.out(i === 0 ? line : `${INDENT}${line}`);
}

/** Prints a value as JSON. */
export function printJson(io: CliIo, value: unknown): void {
  io.out(JSON.stringify(value, null, 2));
}

/**
 * One line, without anything that steers a terminal: names come from outside. Our own plain colours pass; no other escape
 * sequence, whole or in part, and nothing that hides text or turns its direction.
 */
export function visible(text: string): string {
  return text.replace(STEERING, ' ');
}

/** As {@link visible}, for texts of several lines. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

const STEERING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not reach a terminal
  /\u001b(?!\[(?:1|2|22|3[1-7]|39|90)m)(?:\[[^A-Za-z]*[A-Za-z]?)?|(?!\u001b)\p{Cc}|[\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]+/gu, ' ');
}
