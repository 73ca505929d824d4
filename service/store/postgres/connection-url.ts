/** The address of a PostgreSQL database: it may hold a password, so it does not print. */
import { inspect } from 'node:util';

/** What begins like the address of a PostgreSQL database. */
export const POSTGRES_URL = /^postgres(ql)?:\/\//i;

/** An address that shows no more than server and database, in whatever way it is printed (I12). */
export class ConnectionUrl {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The address itself. Call it where a connection is made, nowhere else. */
  reveal(): string {
    return this.#text;
  }

  /** For people: `postgres://host:port/database`. */
  toString(): string {
    try {
      const { host, pathname } = new URL(this.#text);
      return `postgres://${host}${pathname}`;
    } catch {
      return 'postgres://…';
    }
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
