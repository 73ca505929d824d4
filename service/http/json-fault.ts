/** Where a text stops being JSON. `JSON.parse` names the place only sometimes, and quotes the body, secrets included. */

/** A place in a text; line and column count from 1. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER_OR_WORD = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![A-Za-z0-9_.])/y;
// Written so that it never goes back: a megabyte of text costs no stack.
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a text
const TEXT = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;

type Step = 'value' | 'value-or-]' | 'key' | 'key-or-}' | ':' | ', or }' | ', or ]' | 'end';

/** The first place of `text` that breaks JSON, or `undefined` where it is JSON. Iterative: depth costs no stack. */
export function findJsonFault(text: string): JsonFault | undefined {
  const open: ('{' | '[')[] = [];
  let step: Step = 'value';
  let at = skip(text, 0);
  while (at < text.length) {
    const next = advance(text, at, step, open);
    if (next === undefined) return placeOf(text, at, step);
    step = next.step;
    at = skip(text, next.at);
  }
  return step === 'end' ? undefined : placeOf(text, at, step);
}

function advance(text: string, at: number, step: Step, open: ('{' | '[')[]): { at: number; step: Step } | undefined {
  const character = text[at]!;
  if (step === 'value' || step === 'value-or-]') {
    if (character === '{' || character === '[') {
      open.push(character);
      return { at: at + 1, step: character === '{' ? 'key-or-}' : 'value-or-]' };
    }
    if (character === ']' && step === 'value-or-]') return close(at, open);
    const end = match(character === '"' ? TEXT : NUMBER_OR_WORD, text, at);
    return end === undefined ? undefined : { at: end, step: after(open) };
  }
  if (step === 'key' || step === 'key-or-}') {
    if (character === '}' && step === 'key-or-}') return close(at, open);
    const end = match(TEXT, text, at);
    return end === undefined ? undefined : { at: end, step: ':' };
  }
  if (step === ':') return character === ':' ? { at: at + 1, step: 'value' } : undefined;
  if (step === 'end') return undefined;
  if (character === ',') return { at: at + 1, step: step === ', or }' ? 'key' : 'value' };
  return character === step.at(-1) ? close(at, open) : undefined;
}

function close(at: number, open: ('{' | '[')[]): { at: number; step: Step } {
  open.pop();
  return { at: at + 1, step: after(open) };
}

function after(open: readonly ('{' | '[')[]): Step {
  const innermost = open.at(-1);
  if (innermost === undefined) return 'end';
  return innermost === '{' ? ', or }' : ', or ]';
}

function match(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function skip(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

function placeOf(text: string, at: number, step: Step): JsonFault {
  const before = text.slice(0, at);
  const expected = step === 'end' ? 'the end of the body' : step.replace('value', 'a value').replace('key', 'a "name"');
  return {
    line: before.split('\n').length,
    column: at - before.lastIndexOf('\n'),
    expected: expected.replaceAll('-', ' '),
  };
}
