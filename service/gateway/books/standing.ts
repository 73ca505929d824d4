/** What the gateway decides by in one team: its controls, prices and departments, each as of one read of the store. */
import { departmentFilterOf } from '../../compile/compiled-control.js';
import { createTeamScope, type TeamScope } from '../../compile/team-scope.js';
import { type CountedEvent, countedFromFacts } from '../../ledger/counted-event.js';
import { personOf } from '../../ledger/directory.js';
import type { EventFacts } from '../../ledger/event-facts.js';
import type { GatewayStanding, StandingAsk, StandingVersions } from '../../ledger/gateway-standing.js';
import { deltaOf } from '../../ledger/unknown-price.js';
import { WindowMemo } from '../../ledger/window-memo.js';
import { windowTimeOf } from '../../ledger/windows.js';
import type { Catalogue } from '../../pricing/catalogue.js';
import { createPriceBook, type PriceBook } from '../../pricing/price-book.js';
import { priceFacts } from '../../pricing/price-facts.js';
import { type PriceBound, priceBound } from '../bound/price-bound.js';
import type { GatewayCall } from '../types.js';
import { boundEventOf, groupOfSubscriber } from './bound-event.js';
import type { Cell } from './cell.js';
import { ControlBook } from './control-book.js';
import { NO_SHARES, type Share, type Weight } from './shares.js';

/** A call with the balances that it draws on. */
export interface PlacedCall {
  readonly event: CountedEvent;
  readonly price: PriceBound;
  readonly drawn: readonly { readonly book: ControlBook; readonly cell: Cell }[];
}

const NOBODY: readonly number[] = Object.freeze([]);
/** Persons and balances that are remembered; what is not in use beyond it is read again (I10). */
const PEOPLE_MAX = 20_000;
const CELLS_MAX = 50_000;
const OFF_MAX = 10_000;
/** A balance that nobody asked for in so long is forgotten where there are too many. */
const IDLE_MS = 60_000;
const ROOM_EVERY_READS = 256;

/** States: unread → read. Every {@link read} is one snapshot of the store. */
export class Standing {
  /** Everything that weighs on balances: calls under way, and events that are not in the ledger. */
  readonly weights = new Set<Weight>();
  /** The number of the last read, and when it began; monotonic. */
  readNumber = 0;
  readAtMs = Number.NEGATIVE_INFINITY;
  readonly #catalogue: Catalogue;
  readonly #windows = new WindowMemo();
  readonly #people = new Map<string, readonly number[]>();
  /** Persons whose departments may be others since the directory changed. */
  readonly #stale = new Set<string>();
  #versions: StandingVersions | undefined;
  #scope: TeamScope | undefined;
  #hasDepartments = false;
  #prices: PriceBook | undefined;
  #books = new Map<string, ControlBook>();
  /** Controls that somebody names and that do not count: switched off, or deleted. */
  readonly #off = new Set<string>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  /** What is there already; to be asked for with. */
  get versions(): StandingVersions | undefined {
    return this.#versions;
  }

  /** The balances that are kept. */
  *cells(): Iterable<Cell> {
    for (const book of this.#books.values()) yield* book.cells.values();
  }

  /** The address of a person whose departments have to be read first; `undefined`: all is known. */
  unknownPerson(named: GatewayCall['dimensions']): string | undefined {
    if (!this.#hasDepartments || (this.#versions?.directoryVersion ?? 0) === 0) return undefined;
    const address = personOf(named);
    const isKnown = address === undefined || (this.#people.has(address) && !this.#stale.has(address));
    return isKnown ? undefined : address;
  }

  /** Whether this control was there at the last read, or is known not to count. */
  knowsControl(id: string): boolean {
    return this.#books.has(id) || this.#off.has(id);
  }

  /** A read of after it was made has not brought it. Once it is switched on, controls are others and it comes by itself. */
  noteOff(id: string): void {
    if (this.#off.size >= OFF_MAX) this.#off.clear();
    this.#off.add(id);
  }

  /** A call with what it can cost at most, and the balances that it draws on. Only after a read. */
  placeCall(call: GatewayCall, nowMs: number): PlacedCall {
    const price = priceBound(this.#prices!, call, nowMs);
    const event = boundEventOf(call, price, this.#departmentsOf(call.dimensions), nowMs);
    return { event, price, drawn: this.#drawnBy(event) };
  }

  #drawnBy(event: CountedEvent): { readonly book: ControlBook; readonly cell: Cell }[] {
    const drawn: { book: ControlBook; cell: Cell }[] = [];
    for (const { control } of this.#scope?.touchedBy(event) ?? []) {
      const book = this.#books.get(control.id);
      const cell = book?.cellOf(event);
      if (book !== undefined && cell !== undefined) drawn.push({ book, cell });
    }
    return drawn;
  }

  /** The balances that a caller draws on, whatever it asks for. None before the first read. */
  placeCaller(dimensions: GatewayCall['dimensions']): readonly { readonly book: ControlBook; readonly cell: Cell }[] {
    const event = { asked: dimensions, answeredModel: undefined, subscriberGroup: groupOfSubscriber(dimensions) };
    return this.#drawnBy({ ...event, departments: this.#departmentsOf(dimensions) } as CountedEvent);
  }

  /** What a settled event weighs: exactly what the ledger will count. Nothing before the first read. */
  placeEvent(facts: EventFacts): readonly Share[] {
    if (this.#scope === undefined || this.#prices === undefined) return NO_SHARES;
    const { windowTimeMs } = windowTimeOf(facts.requestTimeMs, facts.receivedAtMs);
    const price = priceFacts(this.#prices, facts, windowTimeMs);
    let event = countedFromFacts('', facts, windowTimeMs, price, groupOfSubscriber(facts));
    const departments = this.#departmentsOf(facts);
    if (departments.length > 0) event = { ...event, departments };
    const shares: Share[] = [];
    for (const compiled of this.#scope.touchedBy(event)) {
      const book = this.#books.get(compiled.control.id);
      const startMs = book?.startOf(windowTimeMs);
      if (book === undefined || startMs === undefined) continue;
      const { value, unknownCount } = deltaOf(compiled, event);
      if (value === 0n && unknownCount === 0n) continue;
      const cell = book.cellOf(event);
      if (cell !== undefined) shares.push({ cell, startMs, value, unknownCount });
    }
    return shares;
  }

  /** What to ask the store. */
  ask(cells: readonly Cell[], people: readonly string[]): StandingAsk {
    return {
      known: this.#versions,
      cells: cells.map(({ book, groupKey }) => ({ controlId: book.compiled.control.id, groupKey })),
      people: this.#stale.size === 0 ? people : [...new Set([...people, ...this.#stale])],
    };
  }

  /** Something has to be read before what is settled weighs on the right departments again. */
  get isStale(): boolean {
    return this.#stale.size > 0;
  }

  /**
   * The answer to it, by a read that began at `atMs` (monotonic) and has this number. Where controls, prices or
   * departments are others than before, everything that weighs on balances is told anew.
   */
  read(answer: GatewayStanding, ask: StandingAsk, atMs: number, number: number): void {
    const { controlsVersion, pricesVersion, directoryVersion, controls, prices, people } = answer;
    const before = this.#versions;
    this.readNumber = number;
    this.readAtMs = atMs;
    this.#versions = { controlsVersion, pricesVersion, directoryVersion };
    if (controls !== undefined) this.#useControls(createTeamScope(controls));
    if (prices !== undefined) {
      this.#prices = createPriceBook(prices.overrides, this.#catalogue, new Map(prices.pins));
    }
    const isMoved = this.#usePeople(people, before !== undefined && before.directoryVersion !== directoryVersion);
    for (const [i, { controlId, groupKey }] of ask.cells.entries()) {
      const reading = answer.cells[i];
      if (reading !== undefined) this.#books.get(controlId)?.cell(groupKey).read(reading, atMs, number);
    }
    if (controls !== undefined || prices !== undefined || isMoved) this.#replaceAll();
    if (number % ROOM_EVERY_READS === 0) this.#makeRoom(atMs);
  }

  /** Returns whether somebody who was known is in other departments now. */
  #usePeople(people: GatewayStanding['people'], isOtherDirectory: boolean): boolean {
    if (this.#people.size > PEOPLE_MAX && !isOtherDirectory) this.#people.clear();
    if (isOtherDirectory) for (const address of this.#people.keys()) this.#stale.add(address);
    let isMoved = false;
    for (const [address, departments] of people) {
      const before = this.#people.get(address);
      isMoved ||= before !== undefined && before.join('/') !== departments.join('/');
      this.#people.set(address, departments);
      this.#stale.delete(address);
    }
    return isMoved;
  }

  #useControls(scope: TeamScope): void {
    const before = this.#books;
    this.#scope = scope;
    this.#hasDepartments = scope.controls.some(
      ({ control }) => control.groupBy === 'DEPARTMENT' || departmentFilterOf(control) !== undefined,
    );
    this.#books = new Map();
    for (const compiled of scope.controls) {
      if (compiled.control.shadowMode) continue;
      const book = new ControlBook(compiled, this.#windows);
      const old = before.get(compiled.control.id);
      if (old !== undefined && countsAlike(old, book)) book.takeOver(old);
      this.#books.set(compiled.control.id, book);
    }
  }

  #replaceAll(): void {
    for (const cell of this.cells()) cell.clearOpen();
    for (const weight of this.weights) weight.replace();
  }

  #departmentsOf(named: Parameters<typeof personOf>[0]): readonly number[] {
    if ((this.#versions?.directoryVersion ?? 0) === 0) return NOBODY;
    const address = personOf(named);
    return (address === undefined ? undefined : this.#people.get(address)) ?? NOBODY;
  }

  #makeRoom(atMs: number): void {
    let kept = 0;
    for (const { cells } of this.#books.values()) kept += cells.size;
    if (kept <= CELLS_MAX) return;
    for (const book of this.#books.values()) {
      for (const cell of book.cells.values()) {
        if (cell.isIdle && cell.usedAtMs < atMs - IDLE_MS) book.forget(cell);
      }
    }
  }
}

/** Whether the balances of a control are those of before: it is the same, or counts back less far. */
function countsAlike(before: ControlBook, after: ControlBook): boolean {
  const [was, is] = [before.compiled.control, after.compiled.control];
  if (was.updatedAtMs !== is.updatedAtMs) return false;
  return is.windowType === 'ROLLING' || was.countedFromMs === is.countedFromMs;
}
