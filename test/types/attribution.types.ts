// Compiled by `npm run types`, never run: wrappers give back the type that they are given, and decorators stand on
// methods only.
import {
  type FunctionDecorator,
  meterTool,
  reportToolCall,
  reveniumMetadata,
  reveniumMeter,
  trackAgent,
  trackSubscriber,
} from 'fusewire';

declare const scoped: FunctionDecorator;

export async function wrappers(): Promise<void> {
  const sync: (a: number, b?: string) => string = scoped((a: number, b = 'x') => `${a}${b}`);
  sync(1).slice(0);
  // @ts-expect-error the arguments are still checked
  sync('1');
  const later = reveniumMeter()(reveniumMetadata({ agent: 'a' })(async (text: string) => text.length));
  (await later('x')).toFixed();
  const generic = scoped(<T>(value: T): T => value);
  generic({ deep: 1 }).deep.toFixed();
  for (const part of scoped(function* () {
    yield 1;
  })())
    part.toFixed();
  for await (const part of scoped(async function* () {
    yield 'x';
  })())
    part.slice(0);
  const bound = scoped(function (this: { name: string }) {
    return this.name;
  });
  bound.call({ name: 'x' }).slice(0);
  // @ts-expect-error `this` is still checked
  bound();
  const overloaded: { (a: string): string; (a: number): number } = scoped(
    (() => 1) as unknown as { (a: string): string; (a: number): number },
  );
  overloaded('x').slice(0);
  reveniumMetadata((question: string, user: { id: string }) => ({ agent: question, subscriber: { id: user.id } }));
  // @ts-expect-error metadata is an object or a function
  reveniumMetadata('agent');
  // @ts-expect-error a number is no quality of a subscriber
  trackSubscriber({ email: 7 });
  // @ts-expect-error only functions can be wrapped
  scoped(7);
}

export class Members {
  @trackAgent('a')
  method(this: Members, text: string): string {
    return text;
  }

  @scoped
  static generic<T>(value: T): T {
    return value;
  }

  // @ts-expect-error not on a getter
  @trackAgent('a')
  get name(): string {
    return 'x';
  }

  // @ts-expect-error not on a field
  @trackAgent('a')
  field = 1;
}

// @ts-expect-error not on a class
@trackAgent('a')
export class Decorated {}

export async function tools(): Promise<void> {
  const found = meterTool('t', async (id: string) => ({ id, records: 3 }), {
    outputFields: ['records'],
    costUsd: (result) => result.records * 0.01,
    usageMetadata: ({ id }) => ({ id }),
  });
  (await found('u')).records.toFixed();
  meterTool(
    't',
    async function* () {
      yield 'part';
      return 7;
    },
    { costUsd: (total) => total.valueOf() },
  )();
  meterTool('t', { usageMetadata: (result: { pages: number }) => ({ pages: result.pages }) })(() => ({ pages: 1 }));
  reportToolCall({ toolId: 't', durationMs: 1 }).slice(0);
  reportToolCall('t', { durationMs: 1, success: false, errorMessage: 'no' });
  // @ts-expect-error a run has a duration
  reportToolCall({ toolId: 't' });
  // @ts-expect-error the tool's own arguments are still checked
  await found(7);
}

export class Tools {
  @meterTool('crm-lookup', { operation: 'lookup' })
  async lookUp(id: string): Promise<string> {
    return id;
  }
}
