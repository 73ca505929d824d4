/** What the tests of the books share: a store, a team, calls, and what happens to them. */
import { join } from 'node:path';
import { Attempt, createRuntime, type MeteredEvent, openaiAdapter, type Runtime } from 'fusewire/internal';
import { createGatewayBooks, type GatewayBooksParts } from '../../../../service/gateway/books/gateway-books.js';
import type { BookStore } from '../../../../service/gateway/books/parts.js';
import type { Admission, CallBound, GatewayBooks, GatewayCall, Ticket } from '../../../../service/gateway/types.js';
import { control } from '../../store-support.js';

export { control };

/** A runtime that says nothing. */
export function quietRuntime(overrides: Partial<Runtime> = {}): Runtime {
  return createRuntime(overrides, 'CRITICAL');
}

/** Books on a store, their outboxes below `folder`. */
export function openBooks(
  store: BookStore,
  folder: string,
  runtime: Runtime = quietRuntime(),
  more: Partial<GatewayBooksParts> = {},
): GatewayBooks {
  return createGatewayBooks({
    store,
    runtime,
    log: runtime.log,
    dataDir: join(folder, 'data'),
    protectCredential: (_team, value) => value,
    ...more,
  });
}

/** Fields of {@link callOf}. */
export interface CallFields {
  readonly model?: string;
  readonly customer?: string;
  readonly email?: string;
  readonly key?: string;
  readonly bound?: Partial<CallBound>;
}

const BOUND: CallBound = {
  inputTokensMax: 100,
  outputTokensMax: 100,
  isOutputLimited: true,
  images: 0,
  characters: 0,
  mediaSeconds: 0,
};

/** A call of a team. */
export function callOf(teamId: string, fields: CallFields = {}): GatewayCall {
  const { model = 'm', customer = 'cus_1', email = `${customer}@example.org`, key = 'gk_1', bound = {} } = fields;
  const body = { model, messages: [{ role: 'user', content: 'hello' }] };
  const url = 'http://127.0.0.1:1/v1/chat/completions';
  const reading = { ...openaiAdapter.readRequest({ method: 'POST', url, body })!, idsAreUnique: false };
  const subscriber = { id: customer, email, credential: { name: key } };
  const dimensions = { subscriberId: customer, subscriberEmail: email, credentialName: key };
  const createdAtMs = 0;
  return {
    caller: {
      key: { id: key, teamId, customerId: customer, label: '', hint: '', createdAtMs, dimensions: {} },
      customer: {
        id: customer,
        number: 1,
        teamId,
        name: customer,
        email,
        active: true,
        budgetControlId: null,
        createdAtMs,
      },
      team: { id: teamId },
    },
    surface: {
      name: 'openai.chat.completions',
      dialect: 'openai',
      kind: 'call',
      method: 'POST',
      path: '/v1/chat/completions',
    },
    upstream: {
      name: 'openai',
      protocol: 'openai',
      origin: 'http://127.0.0.1:1',
      basePath: '',
      headers: [],
      onClientLeave: 'drain',
    },
    upstreamPath: '/v1/chat/completions',
    adapter: openaiAdapter,
    reading,
    metadata: { fields: { subscriber }, dimensions },
    dimensions: { ...dimensions, model, provider: reading.provider },
    bound: { ...BOUND, ...bound },
    body: Buffer.from(JSON.stringify(body)),
  };
}

/** Sends an admitted call and meters what it used, as the gateway does. */
export function finish(
  books: GatewayBooks,
  call: GatewayCall,
  ticket: Ticket,
  usage: { readonly input?: number; readonly output?: number; readonly model?: string } = {},
): void {
  const begun = begin(books, call);
  begun.end(ticket, usage);
}

/** An attempt that is under way. */
export function begin(books: GatewayBooks, call: GatewayCall) {
  const sink = books.sinkOf(call.caller.team.id);
  let metered: MeteredEvent | undefined;
  const watched = {
    ...sink,
    observer: {
      refused() {},
      began: () => ({
        metered(event: MeteredEvent) {
          metered = event;
        },
        withdrawn() {},
      }),
    },
  };
  const attempt = new Attempt(call.reading, call.metadata, watched, { bypassed: false });
  const close = (ticket: Ticket): void => {
    if (metered === undefined) ticket.release();
    else ticket.settle(metered);
  };
  return {
    id: attempt.id,
    end(
      ticket: Ticket,
      { input = 0, output = 0, model }: { input?: number; output?: number; model?: string } = {},
    ): void {
      const named = model === undefined ? {} : { model };
      attempt.answered(() => ({ inputTokens: input, outputTokens: output, finished: true, outputText: '', ...named }));
      attempt.settle('completed');
      close(ticket);
    },
    /** Nothing was sent after all. */
    drop(): void {
      attempt.withdraw();
    },
    /** The upstream answered with an error. */
    fail(ticket: Ticket, status: number): void {
      attempt.answered(() => ({ finished: false, outputText: '' }), status);
      attempt.settle('failed', { status });
      close(ticket);
    },
  };
}

/** Those that were admitted. */
export function admitted(admissions: readonly Admission[]): Extract<Admission, { outcome: 'admit' }>[] {
  return admissions.filter((one) => one.outcome === 'admit');
}
