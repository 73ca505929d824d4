/** What every desk does, whatever is behind it: a store, a service, the fake one. */
import { randomUUID } from 'node:crypto';
import type { HoldCall, HoldDesk, HoldNeed, HoldOperation, HoldOutcome, OnExpiry } from 'fusewire/internal';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** A hard control of the suite: TOKEN_COUNT, for ever. */
export interface SuiteControl {
  readonly limit: number;
  readonly onExpiry?: OnExpiry;
  readonly byOrganization?: boolean;
  /** It concerns calls of this agent only. */
  readonly agent?: string;
}

/** One desk and what stands behind it. */
export interface DeskUnderTest {
  readonly desk: HoldDesk;
  /** Makes a hard control and resolves to its id. */
  addControl(control: SuiteControl): Promise<string>;
  /** Records an event of a call: so many tokens, under this hold. */
  record(event: { transactionId: string; holdId?: string; tokens: number; call: HoldCall }): Promise<void>;
  /** Tokens. */
  budget(controlId: string, group?: string): Promise<{ readonly spend: bigint; readonly held: bigint }>;
  setBypass(isOn: boolean): Promise<void>;
  /** So much time goes by that open holds of the default life expire. */
  expire(): Promise<void>;
  close(): Promise<void>;
}

const OWNER = 'suite-1';

/** A call as the suite makes it. */
export function suiteCall(dimensions: HoldCall['dimensions'] = {}): HoldCall {
  const named = { model: 'gpt-4o-mini', provider: 'openai', ...dimensions };
  return { dimensions: named, provider: 'openai', modelSource: '', model: 'gpt-4o-mini', operationType: 'CHAT' };
}

/** Tokens of one call at most: a half each of input and output. */
export function needOf(tokens: number): HoldNeed {
  const worst = {
    inputTokensMax: Math.ceil(tokens / 2),
    outputTokensMax: Math.floor(tokens / 2),
    isOutputLimited: true,
  };
  return { worst: { ...worst, images: 0, characters: 0, mediaSeconds: 0 } };
}

/** A take. */
export function take(tokens: number, changes: Partial<HoldOperation & { op: 'take' }> = {}) {
  const operation = {
    op: 'take',
    id: randomUUID(),
    owner: OWNER,
    call: suiteCall(),
    need: needOf(tokens),
    calls: 1,
  } as const;
  return { ...operation, ...changes } satisfies HoldOperation;
}

const extend = (id: string, sequence: number, tokens: number, missing: Record<string, string>): HoldOperation => {
  return { op: 'extend', id, sequence, call: suiteCall(), need: needOf(tokens), missing, calls: 1 };
};
const giveBack = (id: string, sequence: number, keep: Record<string, string> = {}): HoldOperation => {
  return { op: 'give-back', id, sequence, keep };
};
const renew = (id: string, sequence: number): HoldOperation => ({ op: 'renew', id, sequence });

/** The hold of an outcome that is held. */
export function held(outcome: HoldOutcome | undefined) {
  if (outcome?.outcome !== 'held') throw new Error(`not held: ${JSON.stringify(outcome)}`);
  return outcome.hold;
}

/** The refusal of an outcome that is one. */
export function refused(outcome: HoldOutcome | undefined) {
  if (outcome?.outcome !== 'refused') throw new Error(`not refused: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** Runs the suite against what `start` starts. */
export function describeDeskContract(name: string, start: () => Promise<DeskUnderTest>): void {
  describe(`holds on ${name}`, () => {
    let under: DeskUnderTest;
    const one = async (operation: HoldOperation) => (await under.desk.operate([operation]))[0];
    const sums = async (controlId: string, group?: string) => {
      const { spend, held } = await under.budget(controlId, group);
      return [Number(spend), Number(held)];
    };
    beforeEach(async () => {
      under = await start();
    });
    afterEach(() => under.close());

    it('are taken in each hard control that concerns the call, and only there', async () => {
      const all = await under.addControl({ limit: 1_000 });
      const own = await under.addControl({ limit: 500, agent: 'scribe' });
      const plain = held(await one(take(100)));
      expect(plain).toMatchObject({ owner: OWNER, state: 'open', sequence: 0, isRecalled: false });
      expect(plain.drawForMs).toBeGreaterThan(0);
      expect(plain.drawForMs).toBeLessThanOrEqual(60_000);
      expect(plain.parts.map(({ controlId, amount, drawn }) => [controlId, amount, drawn])).toEqual([
        [all, '100', '0'],
      ]);
      expect(plain.parts[0]).toMatchObject({ metric: 'TOKEN_COUNT', group: null, estimate: 'worst-case' });
      const both = held(await one(take(50, { call: suiteCall({ agent: 'scribe' }) })));
      expect(both.parts.map(({ controlId }) => controlId).sort()).toEqual([all, own].sort());
      expect([await sums(all), await sums(own)]).toEqual([
        [0, 150],
        [0, 50],
      ]);
    });

    it('are not needed where no hard control concerns the call, nor under a bypass', async () => {
      expect(await one(take(100))).toMatchObject({ outcome: 'free' });
      const control = await under.addControl({ limit: 50 });
      await under.setBypass(true);
      expect(await one(take(100))).toMatchObject({ outcome: 'free' });
      expect(await sums(control)).toEqual([0, 0]);
      await under.setBypass(false);
      expect(await one(take(100))).toMatchObject({ outcome: 'refused' });
      const { id } = held(await one(take(40)));
      await under.setBypass(true);
      expect(await one(extend(id, 1, 100, { [control]: '100' }))).toMatchObject({ outcome: 'free' });
      expect(held(await one(giveBack(id, 2)))).toMatchObject({ state: 'closed' });
      expect(await sums(control)).toEqual([0, 0]);
    });

    it('are made once for an id, however often it is asked for', async () => {
      const control = await under.addControl({ limit: 1_000 });
      const operation = take(100);
      const twins = await under.desk.operate([operation, operation]);
      const later = await one(operation);
      for (const outcome of [...twins, later]) expect(held(outcome).id).toBe(operation.id);
      expect(await one({ ...operation, owner: 'somebody else' })).toMatchObject({ outcome: 'gone' });
      expect(await sums(control)).toEqual([0, 100]);
    });

    it('I7: are refused where they do not fit, with the whole arithmetic, and then nothing is set aside', async () => {
      const control = await under.addControl({ limit: 250 });
      const narrow = await under.addControl({ limit: 90, agent: 'scribe' });
      await under.record({ transactionId: 'before', tokens: 40, call: suiteCall() });
      held(await one(take(200)));
      const { refusal } = refused(await one(take(100)));
      expect(refusal).toMatchObject({
        code: 'BUDGET_EXCEEDED',
        controlId: control,
        metric: 'TOKEN_COUNT',
        group: null,
      });
      expect(refusal).toMatchObject({
        limit: '250',
        raised: '0',
        spend: '40',
        held: '200',
        asked: '100',
        remaining: '10',
      });
      expect(refusal).toMatchObject({ isHeldByOthers: true });
      expect(refusal.message.length).toBeGreaterThan(10);
      const other = refused(await one(take(95, { call: suiteCall({ agent: 'scribe' }) })));
      expect([control, narrow]).toContain(other.refusal.controlId);
      expect([await sums(control), await sums(narrow)]).toEqual([
        [40, 200],
        [0, 0],
      ]);
    });

    it('are all or nothing over the controls of a call', async () => {
      const wide = await under.addControl({ limit: 1_000 });
      const narrow = await under.addControl({ limit: 90, agent: 'scribe' });
      const { refusal } = refused(await one(take(100, { call: suiteCall({ agent: 'scribe' }) })));
      expect(refusal).toMatchObject({ controlId: narrow, isHeldByOthers: false, remaining: '90' });
      expect(await sums(wide)).toEqual([0, 0]);
    });

    it('are slices where several calls are to be covered, never more than there is', async () => {
      const control = await under.addControl({ limit: 1_000 });
      const slice = held(await one(take(100, { calls: 4 })));
      const amount = Number(slice.parts[0]!.amount);
      expect(amount).toBeGreaterThanOrEqual(100);
      expect(amount).toBeLessThanOrEqual(400);
      const huge = held(await one(take(100, { calls: 1_000 })));
      expect(Number(huge.parts[0]!.amount)).toBeLessThanOrEqual(1_000 - amount);
      const [spend, all] = await sums(control);
      expect(spend! + all!).toBeLessThanOrEqual(1_000);
    });

    it('grow by an extension, once for a sequence, and stay as they are where it is refused', async () => {
      const control = await under.addControl({ limit: 250 });
      const { id } = held(await one(take(100)));
      const first = held(await one(extend(id, 1, 50, { [control]: '50' })));
      expect(Number(first.parts[0]!.amount)).toBeGreaterThanOrEqual(150);
      expect(first.sequence).toBe(1);
      const amount = first.parts[0]!.amount;
      expect(held(await one(extend(id, 1, 50, { [control]: '50' }))).parts[0]!.amount).toBe(amount);
      const answer = refused(await one(extend(id, 2, 200, { [control]: '200' })));
      expect(answer.hold?.parts[0]).toMatchObject({ amount });
      expect(answer.refusal).toMatchObject({ controlId: control, asked: '200', held: amount });
      expect(await sums(control)).toEqual([0, Number(amount)]);
    });

    it('shrink to what is kept, and end when nothing is', async () => {
      const control = await under.addControl({ limit: 1_000 });
      const { id } = held(await one(take(600)));
      expect(held(await one(giveBack(id, 1, { [control]: '150' }))).parts[0]!.amount).toBe('150');
      expect(await sums(control)).toEqual([0, 150]);
      // More than there is cannot be kept.
      expect(held(await one(giveBack(id, 2, { [control]: '900' }))).parts[0]!.amount).toBe('150');
      expect(held(await one(giveBack(id, 3)))).toMatchObject({ state: 'closed', drawForMs: 0 });
      expect(await sums(control)).toEqual([0, 0]);
      // What comes late changes nothing any more.
      expect(held(await one(giveBack(id, 2, { [control]: '900' })))).toMatchObject({ state: 'closed' });
      expect(await sums(control)).toEqual([0, 0]);
    });

    it('live on by a renewal; one that was never taken is gone', async () => {
      await under.addControl({ limit: 1_000 });
      const { id } = held(await one(take(100)));
      expect(held(await one(renew(id, 1)))).toMatchObject({ state: 'open', sequence: 1 });
      expect(await one(renew(randomUUID(), 1))).toMatchObject({ outcome: 'gone' });
    });

    it('are drawn by the events that name them: spend rises by what it cost, held falls by no more than it was', async () => {
      const control = await under.addControl({ limit: 1_000 });
      const { id } = held(await one(take(100)));
      const event = { transactionId: 't-1', holdId: id, tokens: 30, call: suiteCall() };
      await under.record(event);
      await under.record(event);
      expect(await sums(control)).toEqual([30, 70]);
      expect(held(await one(renew(id, 1))).parts[0]).toMatchObject({ amount: '100', drawn: '30' });
      await under.record({ transactionId: 't-2', holdId: id, tokens: 500, call: suiteCall() });
      expect(await sums(control)).toEqual([530, 0]);
      // It can be extended still.
      expect(held(await one(renew(id, 2)))).toMatchObject({ state: 'open' });
      expect(held(await one(giveBack(id, 3)))).toMatchObject({ state: 'closed' });
      expect(await one(extend(id, 4, 10, { [control]: '10' }))).toMatchObject({ outcome: 'gone' });
      await under.record({ transactionId: 't-3', holdId: id, tokens: 5, call: suiteCall() });
      expect(await sums(control)).toEqual([535, 0]);
    });

    it('are charged when nobody renews them; an event that comes late supersedes the charge', async () => {
      const control = await under.addControl({ limit: 1_000 });
      const { id } = held(await one(take(100)));
      await under.record({ transactionId: 't-1', holdId: id, tokens: 30, call: suiteCall() });
      await under.expire();
      expect(held(await one(renew(id, 1)))).toMatchObject({ state: 'expired' });
      held(await one(take(10)));
      expect(await sums(control)).toEqual([100, 10]);
      await under.record({ transactionId: 't-2', holdId: id, tokens: 20, call: suiteCall() });
      expect(await sums(control)).toEqual([100, 10]);
      await under.record({ transactionId: 't-3', holdId: id, tokens: 80, call: suiteCall() });
      expect(await sums(control)).toEqual([130, 10]);
    });

    it('are free again when nobody renews them, where the control says so', async () => {
      const control = await under.addControl({ limit: 1_000, onExpiry: 'release' });
      held(await one(take(100)));
      await under.expire();
      held(await one(take(990)));
      expect(await sums(control)).toEqual([0, 990]);
    });

    it('have a budget for each group', async () => {
      const control = await under.addControl({ limit: 100, byOrganization: true });
      const of = (organization: string) => take(80, { call: suiteCall({ organization }) });
      expect(held(await one(of('acme'))).parts[0]).toMatchObject({ group: 'acme' });
      expect(refused(await one(of('acme'))).refusal).toMatchObject({ group: 'acme', held: '80' });
      expect(held(await one(of('bolt'))).parts[0]).toMatchObject({ group: 'bolt' });
      expect([await sums(control, 'acme'), await sums(control, 'bolt')]).toEqual([
        [0, 80],
        [0, 80],
      ]);
    });

    it('are answered in their order, two hundred at a time and more', async () => {
      const control = await under.addControl({ limit: 200_000 });
      const operations = Array.from({ length: 450 }, (_, i) => take(i + 1));
      const outcomes = await under.desk.operate(operations);
      expect(outcomes.map((outcome) => held(outcome).id)).toEqual(operations.map(({ id }) => id));
      expect(outcomes.map((outcome) => Number(held(outcome).parts[0]!.amount))).toEqual(
        operations.map((_, i) => i + 1),
      );
      expect(await sums(control)).toEqual([0, (450 * 451) / 2]);
    });

    it('I7: never go beyond the limit when many ask at once, and are zero when all is over', async () => {
      const control = await under.addControl({ limit: 2_000 });
      const caller = async (index: number): Promise<number> => {
        let spent = 0;
        for (let i = 0; i < 6; i += 1) {
          const outcome = await one(take(60 + index, { owner: `caller-${index}` }));
          if (outcome?.outcome !== 'held') continue;
          const tokens = (index * 7 + i * 11) % 60;
          const transactionId = `${index}-${i}`;
          if (i % 2 === 0) {
            await under.record({ transactionId, holdId: outcome.hold.id, tokens, call: suiteCall() });
            spent += tokens;
          }
          held(await one(giveBack(outcome.hold.id, 1)));
          const { spend, held: open } = await under.budget(control);
          expect(spend + open).toBeLessThanOrEqual(2_000n);
        }
        return spent;
      };
      const spent = await Promise.all(Array.from({ length: 24 }, (_, index) => caller(index)));
      expect(await sums(control)).toEqual([spent.reduce((sum, tokens) => sum + tokens, 0), 0]);
    });
  });
}
