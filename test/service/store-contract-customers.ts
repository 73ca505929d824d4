/** Part of the store's contract: customers of the gateway, their budgets and their keys. */
import { expect, test } from 'vitest';
import { newGatewayKey } from '../../service/admin/gateway-keys.js';
import { hashKey } from '../../service/admin/keys.js';
import type { CustomerInput } from '../../service/ledger/customers.js';
import type { GatewayKeyInput } from '../../service/ledger/gateway-keys.js';
import type { Bench } from './store-contract.js';
import { DAY, event, HOUR, kindsOf, NOON, rulesOf } from './store-support.js';

const ACTOR = { id: 'k1', hint: 'wxyz', label: 'ops' };
const PAGE = { page: 0, size: 100 };

export function customerContract(bench: Bench): void {
  const create = (input: Partial<CustomerInput> = {}) =>
    bench.store.createCustomer(bench.team.id, { name: 'Ann', email: 'ann@example.com', ...input }, ACTOR);
  const makeKey = async (customerId: string, input: GatewayKeyInput = {}) => {
    const { key, secret } = newGatewayKey();
    const kept = (await bench.store.createGatewayKey(bench.team.id, customerId, input, secret, ACTOR))!;
    return { key, hash: hashKey(key), kept };
  };
  customers(bench, create);
  budgets(bench, create);
  keys(bench, create, makeKey);
  endings(bench, create, makeKey);
}

type Create = (input?: Partial<CustomerInput>) => ReturnType<Bench['store']['createCustomer']>;
type MakeKey = (
  customerId: string,
  input?: GatewayKeyInput,
) => Promise<{
  readonly key: string;
  readonly hash: string;
  readonly kept: NonNullable<Awaited<ReturnType<Bench['store']['createGatewayKey']>>>;
}>;

function customers(bench: Bench, create: Create): void {
  test('customers are numbered from 1 and found by id, number or address in any case', async () => {
    const { store, team, clock } = bench;
    const ann = await create();
    const bob = await create({ name: '  Bob ', email: ' Bob@Example.com ' });
    expect(ann).toEqual({
      id: expect.stringMatching(/^cus_[A-Za-z][A-Za-z0-9]{9}$/),
      ...{ number: 1, teamId: team.id, name: 'Ann', email: 'ann@example.com', active: true, budgetControlId: null },
      ...{ createdAtMs: clock.nowMs, updatedAtMs: clock.nowMs, budget: null },
    });
    expect(bob).toMatchObject({ number: 2, name: 'Bob', email: 'Bob@Example.com' });
    for (const reference of [bob.id, '2', 'bob@example.COM', ' 2 ']) {
      expect(await store.findCustomer(team.id, reference)).toEqual(bob);
    }
    for (const reference of ['3', '0', '-1', '99999999999999999999', 'cus_', 'x@y', '', "' OR 1=1"]) {
      expect(await store.findCustomer(team.id, reference)).toBeUndefined();
    }
    const other = await store.createTeam('other');
    expect(await store.findCustomer(other.id, ann.id)).toBeUndefined();
    expect(await store.getCustomer(other.id, ann.id)).toBeUndefined();
    // Numbers and addresses are a team's own.
    expect((await store.createCustomer(other.id, { name: 'Ann', email: 'ann@example.com' })).number).toBe(1);
    const listed = await store.listCustomers(team.id, PAGE);
    expect(listed).toEqual({ items: [ann, bob], totalElements: 2 });
    expect(await store.listCustomers(team.id, { page: 1, size: 1 })).toEqual({ items: [bob], totalElements: 2 });
    expect((await store.listCustomers(team.id, { ...PAGE, query: 'BOB@' })).items).toEqual([bob]);
    expect((await store.listCustomers(team.id, { ...PAGE, query: '%' })).items).toEqual([]);
  });

  test('an address that another customer has is refused with its number, in any case, also at the same moment', async () => {
    const { store, team } = bench;
    await create({ email: 'first@example.com' });
    const ann = await create();
    const taken = {
      code: 'CONFLICT',
      message: 'a customer with the e-mail ANN@example.com exists already: number 2',
    };
    await expect(create({ email: 'ANN@example.com', budget: { amount: '5' } })).rejects.toMatchObject(taken);
    await expect(
      store.updateCustomer(team.id, (await create({ email: 'c@x' })).id, { email: 'ANN@example.com' }),
    ).rejects.toMatchObject(taken);
    // Its own, in another spelling, is no other's.
    expect(await store.updateCustomer(team.id, ann.id, { email: 'Ann@Example.com' })).toMatchObject({
      email: 'Ann@Example.com',
    });
    const many = await Promise.allSettled(Array.from({ length: 5 }, () => create({ email: 'same@x' })));
    expect(many.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    // What was refused left nothing behind, neither a customer nor its budget.
    expect((await store.listCustomers(team.id, PAGE)).items.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    expect((await store.listControls(team.id, PAGE)).totalElements).toBe(0);
  });

  test('what is wrong with a customer is said by field', async () => {
    const { store, team } = bench;
    const problems = async (input: Partial<CustomerInput>) =>
      create(input).then(
        () => 'made',
        (error) => (error as { problems: object }).problems,
      );
    expect(await problems({ name: ' ' })).toEqual({ name: 'must not be empty' });
    expect(await problems({ email: 'ann' })).toEqual({
      email: "'ann' is not an e-mail address, for instance ann@example.com",
    });
    const budget = async (amount: string) => Object.values(await problems({ budget: { amount } }))[0];
    expect(await budget('lots')).toBe("'lots' is not an amount of dollars; write for instance 25 or 12.50");
    expect(await budget('-1')).toBe(
      'must not be negative; 0 lets nothing pass, and without a budget there is no limit',
    );
    expect(await budget('0.0000000001')).toBe('must have at most 9 decimals');
    expect(await budget('9e12')).toBe('must be at most 9000000000 dollars');
    expect(await problems({ budget: { amount: '1', timeZone: 'Berlin' } })).toEqual({
      timeZone: 'must be the name of an IANA time zone, for instance Europe/Berlin',
    });
    expect(await problems({ budget: { amount: '1', windowType: 'ROLLING' } })).toHaveProperty('windowDuration');
    await expect(store.createCustomer('nobody', { name: 'a', email: 'a@b' })).rejects.toMatchObject({
      code: 'UNKNOWN_TEAM',
    });
    expect((await store.listCustomers(team.id, { ...PAGE, includeDeleted: true })).totalElements).toBe(0);
    expect((await store.listControls(team.id, PAGE)).totalElements).toBe(0);
  });
}

function budgets(bench: Bench, create: Create): void {
  test('I5: a budget is a cost control that refuses what has no price, and warns at four fifths', async () => {
    const { store, team } = bench;
    const { id, budget, budgetControlId } = await create({ budget: { amount: '12.50' } });
    expect(budget).toEqual({
      controlId: budgetControlId,
      ...{ amount: '12.5', warnThreshold: '10', windowType: 'MONTHLY', windowDuration: null },
      ...{ timeZone: 'UTC', weekStart: 'MONDAY', enabled: true, shadowMode: false, hard: false, raised: '0' },
    });
    expect(await store.getControl(team.id, budgetControlId!)).toMatchObject({
      ...{ name: `Budget of Ann (${id})`, metricType: 'TOTAL_COST', action: 'BLOCK', groupBy: null },
      ...{ filters: [{ dimension: 'SUBSCRIBER', operator: 'IS', value: id }], onUnknownPrice: 'refuse' },
      ...{ hardLimit: '12.5', warnThreshold: '10', shadowMode: false, enabled: true },
    });
    await store.recordEvents(team.id, [
      event(NOON, { totalCost: 10, subscriber: { id, email: 'ann@example.com' } }),
      event(NOON, { totalCost: 99, subscriber: { id: 'cus_other' } }),
    ]);
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ currentValue: 10, warnBreached: true, breached: false });
    await store.recordEvents(team.id, [event(NOON, { totalCost: 2.5, subscriber: { id } })]);
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ currentValue: 12.5, breached: true });
    // Raised, it lets pass again; what was spent stays.
    const raised = await store.updateCustomer(team.id, id, { budget: { amount: '20.000000001' } });
    expect(raised?.budget).toMatchObject({ controlId: budgetControlId, amount: '20.000000001', warnThreshold: '16' });
    expect((await rulesOf(store, team.id))[0]).toMatchObject({ currentValue: 12.5, breached: false });
  });

  test('a budget of 0 lets nothing pass from the first instant on; none at all limits nothing', async () => {
    const { store, team } = bench;
    await create({ budget: { amount: '0' } });
    const free = await create({ email: 'free@x' });
    const [rule, ...others] = await rulesOf(store, team.id);
    expect(rule).toMatchObject({ breached: true, currentValue: 0, threshold: 0 });
    expect(others).toEqual([]);
    expect(free).toMatchObject({ budget: null, budgetControlId: null });
    // Set to 0 later is the same, and without one again nothing is left of it.
    const zero = await store.updateCustomer(team.id, free.id, { budget: { amount: '0.00' } });
    expect(zero?.budget).toMatchObject({ amount: '0', warnThreshold: null });
    expect((await rulesOf(store, team.id)).map(({ breached }) => breached)).toEqual([true, true]);
    const none = await store.updateCustomer(team.id, free.id, { budget: null }, ACTOR);
    expect(none).toMatchObject({ budget: null, budgetControlId: null });
    expect(await rulesOf(store, team.id)).toHaveLength(1);
    expect(await store.updateCustomer(team.id, free.id, { budget: null })).toMatchObject({ budget: null });
    await expect(store.updateCustomer(team.id, free.id, { budget: { timeZone: 'UTC' } })).rejects.toMatchObject({
      problems: { budget: 'the customer has no budget yet: say its amount in dollars, for instance 25' },
    });
  });

  test('a budget has the window, time zone and name that its customer was given', async () => {
    const { store, team } = bench;
    const { id } = await create({ budget: { amount: '5', windowType: 'DAILY', timeZone: 'Europe/Berlin' } });
    const change = async (patch: Parameters<typeof store.updateCustomer>[2]) => {
      const { budget } = (await store.updateCustomer(team.id, id, patch))!;
      return { ...budget, name: (await store.getControl(team.id, budget!.controlId))?.name };
    };
    expect(await change({ name: 'Anna' })).toMatchObject({
      ...{ name: `Budget of Anna (${id})`, windowType: 'DAILY', timeZone: 'Europe/Berlin', amount: '5' },
    });
    expect(await change({ budget: { windowType: 'ROLLING', windowDuration: 'PT24H' } })).toMatchObject({
      ...{ windowType: 'ROLLING', windowDuration: 'PT24H', amount: '5' },
    });
    expect(await change({ budget: { windowType: 'WEEKLY', weekStart: 'SUNDAY' } })).toMatchObject({
      ...{ windowType: 'WEEKLY', windowDuration: null, weekStart: 'SUNDAY', timeZone: 'Europe/Berlin' },
    });
    // What somebody changed at the control itself stays.
    const controlId = (await store.getCustomer(team.id, id))!.budgetControlId!;
    await store.updateControl(team.id, controlId, { name: 'mine', warnThreshold: '1' });
    expect(await change({ name: 'Annette', budget: { amount: '10' } })).toMatchObject({
      ...{ name: 'mine', amount: '10', warnThreshold: '1' },
    });
    // A threshold above the limit would never be told.
    expect(await change({ budget: { amount: '0.5' } })).toMatchObject({ amount: '0.5', warnThreshold: '0.4' });
    await store.deleteControl(team.id, controlId);
    expect(await store.getCustomer(team.id, id)).toMatchObject({ budget: null, budgetControlId: null });
    expect(await change({ budget: { amount: '7' } })).toMatchObject({ amount: '7', windowType: 'MONTHLY' });
  });
}

function keys(bench: Bench, create: Create, makeKey: MakeKey): void {
  test('I12: a key is kept as its hash and found by it with its customer; its secret is nowhere', async () => {
    const { store, team, clock } = bench;
    const ann = await create({ budget: { amount: '1' } });
    const settings = {
      ...{ label: 'ci', expiresAtMs: NOON + DAY, ratePerSecond: 5, concurrencyMax: 2 },
      ...{ models: ['llama3.2:1b', 'gpt-4o'], dimensions: { organizationName: 'acme', taskType: 'chat' } },
    };
    const { key, hash, kept } = await makeKey(ann.id, settings);
    expect(kept).toEqual({
      id: expect.stringMatching(/^gk_[A-Za-z][A-Za-z0-9]{9}$/),
      ...{ teamId: team.id, customerId: ann.id, hint: key.slice(-4), createdAtMs: clock.nowMs, ...settings },
    });
    const plain = await makeKey(ann.id);
    expect(plain.kept).toEqual({
      ...{ id: plain.kept.id, teamId: team.id, customerId: ann.id, label: '', hint: plain.key.slice(-4) },
      ...{ createdAtMs: clock.nowMs, dimensions: {} },
    });
    const { budget: _budget, updatedAtMs: _updatedAtMs, ...customer } = ann;
    expect(await store.findGatewayKey(hash)).toEqual({ key: kept, customer });
    expect(await store.findGatewayKey('0'.repeat(64))).toBeUndefined();
    expect(await store.getGatewayKey(team.id, kept.id)).toEqual(kept);
    expect(await store.listGatewayKeys(team.id, { ...PAGE, customerId: ann.id })).toEqual({
      ...{ items: [kept, plain.kept].sort((a, b) => (a.id < b.id ? -1 : 1)), totalElements: 2 },
    });
    const other = await store.createTeam('other');
    expect(await store.getGatewayKey(other.id, kept.id)).toBeUndefined();
    expect(await store.revokeGatewayKey(other.id, kept.id)).toBeUndefined();
    expect(await store.rotateGatewayKey(other.id, kept.id, newGatewayKey().secret)).toBeUndefined();
    expect((await store.listGatewayKeys(other.id, PAGE)).totalElements).toBe(0);
    const audit = JSON.stringify((await store.listAudit(team.id, PAGE)).items);
    expect(audit).toContain('gateway-key');
    for (const secret of [key, hash]) expect(audit).not.toContain(secret);
  });

  test('what is wrong with a key is said by field, all of it at once', async () => {
    const { store, team } = bench;
    const { id } = await create();
    const { secret } = newGatewayKey();
    const bad = {
      ...{ label: 'x'.repeat(256), expiresAtMs: NOON, ratePerSecond: 0, concurrencyMax: 1.5, models: [] },
      dimensions: { agent: ' ', colour: 'red' },
    };
    await expect(store.createGatewayKey(team.id, id, bad, secret)).rejects.toMatchObject({
      code: 'INVALID',
      problems: {
        label: 'must have at most 255 characters',
        expires: 'must be in the future',
        ratePerSecond: 'must be a whole number from 1 to 999999',
        concurrencyMax: 'must be a whole number from 1 to 100000',
        models: 'must name at least one model; without it every model may be asked for',
        'dimensions.agent': 'must have 1 to 255 characters',
        'dimensions.colour': 'is not one of organizationName, productName, agent, taskType, environment',
      },
    });
    expect(await store.createGatewayKey(team.id, 'cus_nobody', {}, secret)).toBeUndefined();
  });

  test('a rotation keeps id and settings; the secret before works until its time, the one before that no more', async () => {
    const { store, team } = bench;
    const { id: customerId } = await create();
    const first = await makeKey(customerId, { label: 'ci', models: ['m'] });
    expect(await store.findGatewayKey(first.hash)).toBeDefined();
    const second = newGatewayKey();
    const rotated = await store.rotateGatewayKey(team.id, first.kept.id, second.secret, HOUR, ACTOR);
    expect(rotated).toEqual({ ...first.kept, hint: second.key.slice(-4) });
    const found = await store.findGatewayKey(second.secret.hash);
    expect(found).toMatchObject({ key: rotated });
    expect(found).not.toHaveProperty('validUntilMs');
    expect(await store.findGatewayKey(first.hash)).toMatchObject({ key: rotated, validUntilMs: NOON + HOUR });
    const third = newGatewayKey();
    await store.rotateGatewayKey(team.id, first.kept.id, third.secret);
    expect(await store.findGatewayKey(first.hash)).toBeUndefined();
    // Without an overlap it is known still, so that its caller can be told that it was rotated.
    expect(await store.findGatewayKey(second.secret.hash)).toMatchObject({ validUntilMs: NOON });
    for (const overlap of [-1, 31 * DAY, 0.5]) {
      await expect(
        store.rotateGatewayKey(team.id, first.kept.id, newGatewayKey().secret, overlap),
      ).rejects.toMatchObject({ problems: { overlap: 'must be from 0 to 30 days' } });
    }
  });

  test('what has ended is not rotated back to life', async () => {
    const { store, team, clock } = bench;
    const { id: customerId } = await create();
    const { kept: expiring } = await makeKey(customerId, { expiresAtMs: NOON + HOUR });
    const { kept: revoked } = await makeKey(customerId);
    await store.revokeGatewayKey(team.id, revoked.id);
    clock.advance(HOUR);
    const message = (id: string, why: string) => ({
      message: `the key ${id} ${why}; make a new one for its customer`,
      code: 'CONFLICT',
    });
    const rotate = (id: string) => store.rotateGatewayKey(team.id, id, newGatewayKey().secret);
    await expect(rotate(expiring.id)).rejects.toMatchObject(message(expiring.id, 'has expired'));
    await expect(rotate(revoked.id)).rejects.toMatchObject(message(revoked.id, 'was revoked'));
  });
}

function endings(bench: Bench, create: Create, makeKey: MakeKey): void {
  test('a revocation, an inactive customer and a deletion hold for every later look', async () => {
    const { store, team, clock } = bench;
    const ann = await create();
    const [one, two] = [await makeKey(ann.id), await makeKey(ann.id)];
    for (let i = 0; i < 2; i += 1) expect((await store.findGatewayKey(one.hash))?.key.revokedAtMs).toBeUndefined();
    await store.findGatewayKey(two.hash);
    clock.advance(5);
    const revoked = await store.revokeGatewayKey(team.id, one.kept.id, ACTOR);
    expect(revoked).toEqual({ ...one.kept, revokedAtMs: clock.nowMs });
    expect((await store.findGatewayKey(one.hash))?.key).toEqual(revoked);
    clock.advance(5);
    expect(await store.revokeGatewayKey(team.id, one.kept.id)).toEqual(revoked);
    await store.updateCustomer(team.id, ann.id, { active: false }, ACTOR);
    expect((await store.findGatewayKey(two.hash))?.customer.active).toBe(false);
    await store.updateCustomer(team.id, ann.id, { active: true });
    expect((await store.findGatewayKey(two.hash))?.customer.active).toBe(true);
    await store.deleteCustomer(team.id, ann.id, ACTOR);
    expect(await store.findGatewayKey(two.hash)).toMatchObject({
      key: { revokedAtMs: clock.nowMs },
      customer: { deletedAtMs: clock.nowMs, active: false },
    });
    await bench.reopen();
    expect((await bench.store.findGatewayKey(one.hash))?.key.revokedAtMs).toBe(clock.nowMs - 5);
  });

  test('who is deleted leaves its events, its refusals and its number behind, and its address to others', async () => {
    const { store, team, clock } = bench;
    const ann = await create({ budget: { amount: '1' } });
    await makeKey(ann.id);
    const { kept: ended } = await makeKey(ann.id);
    await store.revokeGatewayKey(team.id, ended.id);
    const subscriber = { id: ann.id, email: ann.email };
    await store.recordEvents(team.id, [event(NOON, { totalCost: 1, subscriber })]);
    const deleted = await store.deleteCustomer(team.id, ann.id, ACTOR);
    expect(deleted).toMatchObject({ revokedKeys: 1, customer: { deletedAtMs: clock.nowMs, budget: null } });
    expect(await rulesOf(store, team.id)).toEqual([]);
    expect(await kindsOf(store, team.id)).toEqual(['trip', 'reset']);
    expect((await store.findEvents(team.id, { ...PAGE, subscriber: ann.id })).items[0]?.amountNanoUsd).toBe(
      1_000_000_000n,
    );
    expect((await store.listCustomers(team.id, PAGE)).totalElements).toBe(0);
    expect((await store.listCustomers(team.id, { ...PAGE, includeDeleted: true })).totalElements).toBe(1);
    for (const reference of [ann.id, '1', ann.email]) {
      expect((await store.findCustomer(team.id, reference))?.id).toBe(ann.id);
    }
    const again = await create();
    expect(again.number).toBe(2);
    expect(await store.findCustomer(team.id, ann.email)).toEqual(again);
    const gone = {
      code: 'CONFLICT',
      message: expect.stringMatching(/^the customer Ann \(number 1, cus_\w+\) was deleted/),
    };
    await expect(store.deleteCustomer(team.id, ann.id)).rejects.toMatchObject(gone);
    await expect(store.updateCustomer(team.id, ann.id, { name: 'x' })).rejects.toMatchObject(gone);
    await expect(makeKey(ann.id)).rejects.toMatchObject(gone);
    expect(await store.deleteCustomer(team.id, 'cus_nobody')).toBeUndefined();
    expect(await store.updateCustomer(team.id, 'cus_nobody', {})).toBeUndefined();
  });

  test('every change says in the audit who made it', async () => {
    const { store, team } = bench;
    const { id } = await create({ budget: { amount: '3' } });
    const { kept } = await makeKey(id);
    await store.rotateGatewayKey(team.id, kept.id, newGatewayKey().secret, 0, ACTOR);
    await store.updateCustomer(team.id, id, { active: false, budget: { amount: '4' } }, ACTOR);
    await store.deleteCustomer(team.id, id, ACTOR);
    const { items } = await store.listAudit(team.id, PAGE);
    const seen = items
      .filter(({ actor }) => actor.id === ACTOR.id)
      .map(({ action, subject }) => `${subject} ${action}`);
    expect(seen.sort()).toEqual(
      [
        ...['control created', 'control deleted', 'control updated'],
        ...['customer created', 'customer deleted', 'customer updated'],
        ...['gateway-key created', 'gateway-key revoked', 'gateway-key rotated'],
      ].sort(),
    );
    const update = items.find(({ subject, action }) => subject === 'customer' && action === 'updated');
    expect(update).toMatchObject({
      subjectId: id,
      before: { active: true, budget: '3' },
      after: { active: false, budget: '4' },
    });
  });
}
