/** One field of usage metadata for a function or method: a value, or where each call has it. */
import { FusewireError } from '../errors.js';
import type { UsageMetadata } from '../usage-metadata.js';
import type { FunctionDecorator } from './function-decorator.js';
import { scopedBy, scopedTo } from './revenium-metadata.js';

/**
 * A value, or where it is found when the function is called:
 * - `{ fromArgument: 1 }`: the second argument.
 * - `{ fromArgument: 'tenant.id' }`: a property of the first argument, or `'1.tenant.id'` of the second. JavaScript knows
 *   no names of arguments at run time.
 * - `{ fromProperty: 'tenant.id' }`: a property of `this`. Private ones (`#id`) need a function: `reveniumMetadata`.
 *
 * Where nothing is found, the field is left out.
 */
export type Tracked<T> = T | { readonly fromArgument: number | string } | { readonly fromProperty: string };

type Text = string | number;

/** Who is charged, part by part. Text stands for the id. */
export type TrackedSubscriber =
  | Tracked<Text>
  | {
      readonly id?: Tracked<Text>;
      readonly email?: Tracked<string>;
      readonly credential?: { readonly name?: Tracked<string>; readonly value?: Tracked<string> };
    };

/** The agent of the calls that a function makes. */
export const trackAgent = (agent: Tracked<Text>): FunctionDecorator => track('trackAgent()', 'agent', agent);

/** The `taskType` of the calls that a function makes. */
export const trackTask = (taskType: Tracked<Text>): FunctionDecorator => track('trackTask()', 'taskType', taskType);

/** The `traceId` of the calls that a function makes. */
export const trackTrace = (traceId: Tracked<Text>): FunctionDecorator => track('trackTrace()', 'traceId', traceId);

/** The `organizationName` of the calls that a function makes. */
export const trackOrganization = (organizationName: Tracked<Text>): FunctionDecorator =>
  track('trackOrganization()', 'organizationName', organizationName);

/** The `subscriptionId` of the calls that a function makes. */
export const trackSubscription = (subscriptionId: Tracked<Text>): FunctionDecorator =>
  track('trackSubscription()', 'subscriptionId', subscriptionId);

/** The `productName` of the calls that a function makes. */
export const trackProduct = (productName: Tracked<Text>): FunctionDecorator =>
  track('trackProduct()', 'productName', productName);

/**
 * The `responseQualityScore`, 0 to 1, of the calls that a function makes. It cannot come from the function's result: the
 * calls are metered before the function has one.
 */
export const trackQuality = (score: Tracked<number>): FunctionDecorator =>
  track('trackQuality()', 'responseQualityScore', score, asNumber);

/** The subscriber of the calls that a function makes: an id, or an object each part of which may be found at the call. */
export function trackSubscriber(subscriber: TrackedSubscriber): FunctionDecorator {
  return track('trackSubscriber()', 'subscriber', subscriber, (found) =>
    typeof found === 'string' || typeof found === 'number' ? { id: found } : found,
  );
}

type Find = (self: unknown, args: readonly unknown[]) => unknown;

function track(
  name: string,
  field: keyof UsageMetadata,
  source: unknown,
  as: (found: unknown) => unknown = (found) => found,
): FunctionDecorator {
  const problems: string[] = [];
  const find = finderOf(source, problems);
  if (source === undefined || source === null) problems.push('a value is missing');
  else if (typeof source === 'object' && find === undefined && field !== 'subscriber') {
    problems.push('an object must be { fromArgument } or { fromProperty }');
  }
  if (problems.length > 0) throw new FusewireError('INVALID_OPTIONS', [`${name}: ${problems.join(', ')}`]);
  if (find === undefined) return scopedTo(name, { [field]: as(source) });
  return scopedBy(name, function (this: unknown, ...args: unknown[]) {
    return { [field]: as(find(this, args)) };
  });
}

/** Finds the value at a call; `undefined` where it is the same at each. */
function finderOf(source: unknown, problems: string[]): Find | undefined {
  if (typeof source !== 'object' || source === null) return undefined;
  const { fromArgument, fromProperty } = source as { fromArgument?: unknown; fromProperty?: unknown };
  if (fromArgument !== undefined && fromProperty !== undefined) problems.push('only one source can be given');
  if (fromArgument !== undefined) return argumentFinder(fromArgument, problems);
  if (fromProperty !== undefined) {
    const path = pathOf(fromProperty, 'fromProperty', problems);
    return (self) => valueAt(self, path);
  }
  const parts = Object.entries(source).map(([part, of]) => [part, of, finderOf(of, problems)] as const);
  if (parts.every(([, , find]) => find === undefined)) return undefined;
  return (self, args) =>
    Object.fromEntries(parts.map(([part, of, find]) => [part, find === undefined ? of : find(self, args)]));
}

function argumentFinder(source: unknown, problems: string[]): Find {
  if (typeof source === 'number') {
    if (!Number.isInteger(source) || source < 0) problems.push('fromArgument must be 0 or more');
    return (_self, args) => args[source];
  }
  const path = pathOf(source, 'fromArgument', problems);
  const isIndexed = /^\d+$/.test(path[0] ?? '');
  return (_self, args) => valueAt(args, isIndexed ? path : ['0', ...path]);
}

function pathOf(source: unknown, name: string, problems: string[]): readonly string[] {
  const path = typeof source === 'string' ? source.split('.') : [''];
  if (path.includes('')) problems.push(`${name} must be a path such as tenant.id`);
  return path;
}

function valueAt(root: unknown, path: readonly string[]): unknown {
  let value = root;
  for (const name of path) {
    if (value === undefined || value === null) return undefined;
    value = Reflect.get(Object(value), name, value);
  }
  return value;
}

function asNumber(found: unknown): unknown {
  return typeof found === 'string' && found.trim() !== '' ? Number(found) : found;
}
