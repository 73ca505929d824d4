import { inspect } from 'node:util';

/** A text that does not print: not in a template, not in JSON, not in `console.log`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Call it where it is sent, nowhere else. */
  reveal(): string {
    return this.#text;
  }

  /** For people: the kind of key and its last four characters. */
  get hint(): string {
    const prefix = /^(hak|rev_[a-z]+|rev)_/.exec(this.#text)?.[0] ?? '';
    return `${prefix}…${this.#text.slice(-4)}`;
  }

  toString(): string {
    return this.hint;
  }

  toJSON(): string {
    return this.hint;
  }

  [inspect.custom](): string {
    return this.hint;
  }
}
