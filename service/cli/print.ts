/** Tables for people, tab-separated lines for pipes, JSON for programs. */
import Table from 'cli-table3';
import type { CliIo } from './io.js';

/** A column: its heading and what stands in it. */
export interface Column<T> {
  readonly heading: string;
  cell(row: T): string;
  readonly align?: 'right';
}

/** Prints rows; in a pipe the headings are the first line and a tab stands between the cells. */
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
  const table = new Table({
    head: headings.map((heading) => io.colors.bold(heading)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    style: { head: [], border: [], compact: true },
  });
  table.push(...cells.map((line) => line.map(visible)));
  io.out(table.toString());
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
