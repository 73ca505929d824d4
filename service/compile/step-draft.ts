/** A difference between two versions of a feed, as it goes over the wire (docs/decisions). */

/** A longer step is not kept: whoever needs it takes the whole feed. */
const STEP_CHARS_MAX = 1_048_576;

interface GroupsDraft {
  readonly set: string[];
  readonly removed: string[];
}

/** Collects what changed, as texts. */
export class StepDraft {
  readonly #rules: string[] = [];
  readonly #removed: string[] = [];
  readonly #values: string[] = [];
  readonly #groups = new Map<string, GroupsDraft>();
  readonly #maps: string[] = [];
  #bypass: string | undefined;
  #chars = 0;

  /** Whether it is longer than what is worth keeping; it takes no more texts then. */
  get tooLong(): boolean {
    return this.#chars > STEP_CHARS_MAX;
  }

  /** Takes no texts: nobody will need them. */
  skip(): void {
    this.#chars = STEP_CHARS_MAX + 1;
  }

  get empty(): boolean {
    return this.#chars === 0;
  }

  /** A rule that is new, or changed in more than its value; `text` is made only where there is room for it. */
  rule(chars: number, text: () => string): void {
    if (this.#room(chars)) this.#rules.push(text());
  }

  ruleRemoved(key: string): void {
    this.#push(this.#removed, JSON.stringify(key));
  }

  values(key: string, currentValue: number, percentUsed: number): void {
    this.#push(this.#values, JSON.stringify({ rule: key, currentValue, percentUsed }));
  }

  groupSet(key: string, entry: string): void {
    this.#push(this.#groupsOf(key).set, entry);
  }

  groupRemoved(key: string, groupValue: string): void {
    this.#push(this.#groupsOf(key).removed, JSON.stringify(groupValue));
  }

  /** What changed in one of the department maps: address to the JSON of its value. */
  map(name: string, set: ReadonlyMap<string, string>, removed: readonly string[]): void {
    const members = [...set].map(([address, value]) => `${JSON.stringify(address)}:${value}`);
    this.#push(this.#maps, `${JSON.stringify(name)}:{"set":{${members}},"removed":${JSON.stringify(removed)}}`);
  }

  /** The operators' bypass as JSON, or `null`. */
  bypass(text: string): void {
    if (this.#room(text.length)) this.#bypass = text;
  }

  /** The step as JSON. */
  text(): string {
    const members: string[] = [];
    if (this.#rules.length > 0) members.push(`"rules":[${this.#rules}]`);
    if (this.#removed.length > 0) members.push(`"removed":[${this.#removed}]`);
    const groups = [...this.#groups].map(
      ([key, { set, removed }]) => `{"rule":${JSON.stringify(key)},"set":[${set}],"removed":[${removed}]}`,
    );
    if (groups.length > 0) members.push(`"groups":[${groups}]`);
    if (this.#values.length > 0) members.push(`"values":[${this.#values}]`);
    if (this.#maps.length > 0) members.push(`"maps":{${this.#maps}}`);
    if (this.#bypass !== undefined) members.push(`"bypass":${this.#bypass}`);
    return `{${members}}`;
  }

  #groupsOf(key: string): GroupsDraft {
    let groups = this.#groups.get(key);
    if (groups === undefined) {
      groups = { set: [], removed: [] };
      this.#groups.set(key, groups);
    }
    return groups;
  }

  #push(list: string[], text: string): void {
    if (this.#room(text.length)) list.push(text);
  }

  #room(chars: number): boolean {
    this.#chars += chars + 1;
    return !this.tooLong;
  }
}
