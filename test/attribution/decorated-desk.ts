/**
 * A class in standard decorator syntax. `npm run types` checks that it compiles without `experimentalDecorators`; vitest
 * does not compile decorators, so decorators.test.ts does so with TypeScript, and runs what comes out.
 */
import { reveniumMetadata, reveniumMeter, trackAgent, trackOrganization, trackSubscriber } from 'fusewire';

interface Seen {
  readonly agent?: string;
}

/** Makes the class; `seen` tells what a guarded call at this place would carry. */
export function makeDesk(seen: () => Seen) {
  class Desk {
    readonly tenant = { name: 'Northwind' };
    readonly #secret = 's-1';

    @reveniumMetadata({ agent: 'triage' })
    plain(question: string) {
      return { ...seen(), question, secret: this.#secret };
    }

    @reveniumMetadata({ agent: 'triage' })
    async later(): Promise<readonly unknown[]> {
      await Promise.resolve();
      return [seen().agent, this.#secret];
    }

    @reveniumMetadata({ agent: 'parts' })
    *parts(count: number): Generator<readonly unknown[], void, undefined> {
      for (let part = 0; part < count; part += 1) yield [part, seen().agent, this.#secret];
    }

    @reveniumMetadata({ agent: 'stream' })
    async *stream(): AsyncGenerator<readonly unknown[], void, undefined> {
      await Promise.resolve();
      yield [seen().agent, this.#secret];
    }

    @trackAgent('shared')
    static shared() {
      return [seen().agent, Desk.name];
    }

    @trackAgent('private')
    #hidden() {
      return [seen().agent, this.#secret];
    }

    throughPrivate() {
      return this.#hidden();
    }

    @reveniumMeter()
    @trackOrganization({ fromProperty: 'tenant.name' })
    @trackSubscriber({ id: { fromArgument: 'id' } })
    @reveniumMetadata(function (this: Desk, user: { id: string }) {
      return { traceId: `${user.id}-${this.#secret}` };
    })
    stacked<T>(_user: { id: string }, also: T): readonly [Seen, T] {
      return [seen(), also];
    }
  }

  class Special extends Desk {
    @reveniumMetadata({ taskType: 'special' })
    override plain(question: string) {
      return super.plain(question);
    }
  }

  return { Desk, Special };
}
