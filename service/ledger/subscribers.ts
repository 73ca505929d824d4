/**
 * One person, one budget: a subscriber is grouped by id, and an e-mail address (without an id, or as the id) by the id
 * that it came with first. So a caller that leaves one of the two out, or writes the address in another case, opens no second
 * budget. Every spelling that was seen is kept, since public guards compare exactly (contract 2.6).
 */
import { noteFeedChange, TEAM } from '../compile/feed-changes.js';
import type { TeamScope } from '../compile/team-scope.js';
import { type SqlParams, textOf } from '../store/sql.js';
import { type LedgerContext, makeRoom } from './context.js';
import { aliasKeyOf, emailKeyOf } from './counted-event.js';
import { mergeGroup } from './merge-group.js';

/** One id with more addresses than this is a program, not a person: further spellings are not emitted (I10). */
const SPELLINGS_MAX = 64;

/** The subscriber as an event names it. */
export interface NamedSubscriber {
  readonly subscriberId: string | undefined;
  readonly subscriberEmail: string | undefined;
}

/** Hears of groups of a control that became one. */
export type Merged = (controlId: string, from: string, into: string) => void;

/** A subscriber as it is compared. */
interface Reading extends NamedSubscriber {
  /** The address that decides the group; see {@link aliasKeyOf}. */
  readonly key: string | undefined;
  /** The address that came with it, as it is compared; empty where there is none. */
  readonly emailKey: string;
}

/**
 * The subscribers of one call, while it holds the team alone: what the store knows of their addresses is read in one
 * round trip before, what the call tells about them is written in one after.
 */
export class Subscribers {
  readonly #context: LedgerContext;
  readonly #teamId: string;
  readonly #scope: TeamScope;
  readonly #merged: Merged | undefined;
  /** Addresses, and for whom each stands; `undefined`: for nobody yet. Here for the whole call, whatever the cache forgets. */
  readonly #known = new Map<string, string | undefined>();
  /** Addresses that are themselves groups with balances. */
  readonly #grouped = new Set<string>();
  readonly #aliases: SqlParams[] = [];
  readonly #spellings: SqlParams[] = [];

  constructor(context: LedgerContext, teamId: string, scope: TeamScope, merged?: Merged) {
    this.#merged = merged;
    this.#context = context;
    this.#teamId = teamId;
    this.#scope = scope;
  }

  /** Reads what is known of the addresses. To be called once, with everybody whose group will be asked for. */
  async load(people: readonly NamedSubscriber[]): Promise<void> {
    const addresses = new Set<string>();
    const learned = new Set<string>();
    for (const person of people) {
      const { key, emailKey, subscriberId } = read(person);
      for (const address of [key, emailKey]) {
        if (address === undefined || address === '' || this.#known.get(address) !== undefined) continue;
        const cached = this.#context.cache.aliases.get(`${this.#teamId}\n${address}`);
        this.#known.set(address, cached);
        if (cached !== undefined) continue;
        addresses.add(address);
        if (subscriberId !== undefined && address.includes('@')) learned.add(address);
      }
    }
    if (addresses.size === 0) return;
    const teamId = this.#teamId;
    const { sql } = this.#context;
    const known = await sql.many(
      'load-aliases',
      [...addresses].map((emailKey) => ({ teamId, emailKey })),
    );
    for (const row of known) this.#remember(textOf(row, 'email_key'), textOf(row, 'subscriber_id'));
    const gaining = [...learned].filter((address) => this.#known.get(address) === undefined);
    const bySubscriber = this.#scope.controls.some(({ control }) => control.groupBy === 'SUBSCRIBER');
    if (gaining.length === 0 || !bySubscriber) return;
    const groups = await sql.many(
      'select-address-groups',
      gaining.map((groupKey) => ({ teamId, groupKey })),
    );
    for (const row of groups) this.#grouped.add(textOf(row, 'group_key'));
  }

  /** The group as far as it is known now; learns nothing. `undefined`: nobody is named. */
  expectedGroupOf(person: NamedSubscriber): string | undefined {
    const { key, subscriberId } = read(person);
    return (key === undefined ? undefined : this.#known.get(key)) ?? subscriberId ?? key;
  }

  /**
   * The group of a subscriber; remembers what the event tells about id and address. Where an address gains its id, the
   * balances of both become one: events have to be asked for, and counted, in their order.
   */
  async groupOf(person: NamedSubscriber): Promise<string | undefined> {
    const { key, emailKey, subscriberId, subscriberEmail } = read(person);
    // An id that is an address is that address: whoever has it already is the same person.
    if (subscriberId !== undefined && key !== undefined) await this.#learnAlias(key, subscriberId);
    const alias = key === undefined ? undefined : this.#known.get(key);
    const group = alias ?? subscriberId ?? key;
    if (group === undefined) return undefined;
    if (group.includes('@')) this.#grouped.add(group);
    if (subscriberId !== undefined && key !== undefined) this.#learnSpelling(group, subscriberId, key);
    if (subscriberEmail === undefined || emailKey === '') return group;
    if (subscriberId !== undefined) await this.#learnAlias(emailKey, group);
    this.#learnSpelling(group, subscriberEmail, emailKey);
    return group;
  }

  /** Writes what was learned. */
  async keep(): Promise<void> {
    const { sql, effects } = this.#context;
    await sql.many('insert-alias', this.#aliases);
    const added = await sql.many('insert-spelling', this.#spellings);
    // A guard that knows only this spelling must see the verdict of the group: the feed has to be compiled again.
    if (added.length === 0) return;
    effects.touched.add(this.#teamId);
    if (!this.#scope.controls.some(({ control }) => control.groupBy === 'SUBSCRIBER')) return;
    for (const row of added) noteFeedChange(this.#context, this.#teamId, TEAM, textOf(row, 'group_key'));
  }

  #remember(emailKey: string, subscriberId: string): void {
    this.#known.set(emailKey, subscriberId);
    makeRoom(this.#context.cache.aliases);
    this.#context.cache.aliases.set(`${this.#teamId}\n${emailKey}`, subscriberId);
  }

  /** What has no @ is no address: it may be the id of somebody else, so it stands for nobody but itself. */
  async #learnAlias(emailKey: string, subscriberId: string): Promise<void> {
    if (!emailKey.includes('@') || this.#known.get(emailKey) !== undefined) return;
    this.#remember(emailKey, subscriberId);
    this.#aliases.push({ teamId: this.#teamId, emailKey, subscriberId });
    if (subscriberId === emailKey) return;
    // The plain form was the name of the group until now, so it is not among its spellings yet.
    this.#learnSpelling(subscriberId, emailKey, emailKey);
    if (!this.#grouped.has(emailKey)) return;
    for (const compiled of this.#scope.controls) {
      if (compiled.control.groupBy !== 'SUBSCRIBER') continue;
      await mergeGroup(this.#context, compiled, emailKey, subscriberId);
      this.#merged?.(compiled.control.id, emailKey, subscriberId);
    }
  }

  #learnSpelling(groupKey: string, spelling: string, emailKey: string): void {
    if (spelling === groupKey) return;
    const name = `${this.#teamId}\n${groupKey}\n${spelling}`;
    const { spellings } = this.#context.cache;
    if (spellings.has(name)) return;
    makeRoom(spellings);
    spellings.add(name);
    this.#spellings.push({ teamId: this.#teamId, groupKey, spelling, emailKey, spellingsMax: SPELLINGS_MAX });
  }
}

function read(person: NamedSubscriber): Reading {
  const { subscriberId, subscriberEmail } = person;
  const emailKey = subscriberEmail === undefined ? '' : emailKeyOf(subscriberEmail);
  return { subscriberId, subscriberEmail, key: aliasKeyOf(person), emailKey };
}
