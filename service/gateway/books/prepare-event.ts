/** From an event of the outbox to one that the ledger takes, as the ingest routes make it. */
import { type MeteredEvent, resourceOfEvent } from 'fusewire/internal';
import type { EventTools } from '../../ingest/canonical-fields.js';
import { METERED_KIND_OF } from '../../ingest/metered-kinds.js';
import { type EventFacts, eventFactsOf } from '../../ledger/event-facts.js';
import type { IncomingEvent } from '../../store/store.js';
import { cleaned, isSuspect } from './clean-text.js';

/** An event with what the ledger reads of it. */
export interface PreparedEvent {
  readonly event: IncomingEvent;
  readonly facts: EventFacts;
}

type Issues = readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];

/**
 * Prepares an event that this process metered itself: it was made to fit (`fitEvent`), so that it is not validated again,
 * which would take longer than all the rest.
 */
export function prepareOwn(event: MeteredEvent, receivedAtMs: number, tools: EventTools): PreparedEvent {
  const kind = METERED_KIND_OF.get(resourceOfEvent(event))!;
  const body = kind.canonical(event, tools);
  return finish({ transactionId: body.transactionId, receivedAtMs, kind: kind.kind, body });
}

/**
 * The JSON that an event is kept by until the ledger has it, where it is there already: read again and prepared, it is the
 * same. `undefined` where that is not certain: of media, whose names change on the way, and of what carries a key.
 */
export function jsonOf({ event, facts }: PreparedEvent): string | undefined {
  return event.kind === 'completion' && facts.credential === undefined ? facts.bodyText : undefined;
}

/** Prepares an event that was read from a file. `note` is told what of it cannot be, where something cannot. */
export function prepareFound(
  event: MeteredEvent,
  receivedAtMs: number,
  tools: EventTools,
  note: (problem: string) => void = () => undefined,
): PreparedEvent {
  try {
    const kind = METERED_KIND_OF.get(resourceOfEvent(event))!;
    let input = kind.schema.safeParse(event);
    if (!input.success) {
      const { issues } = input.error;
      note(issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
      input = kind.schema.safeParse(withoutWrong(event, issues, receivedAtMs));
    }
    if (input.success) {
      const body = kind.canonical(input.data, tools);
      return finish({ transactionId: body.transactionId, receivedAtMs, kind: kind.kind, body });
    }
  } catch (error) {
    note(String(error));
  }
  const unknown = { ...standInsAt(receivedAtMs), attributes: { usageState: 'unknown' } };
  const { transactionId } = event;
  return finish({ transactionId, receivedAtMs, kind: 'completion', body: { transactionId, ...unknown } });
}

/** A field that cannot be costs that field; what the call consumed is then not known, and the call is not lost (I5). */
function withoutWrong(event: MeteredEvent, issues: Issues, receivedAtMs: number): object {
  const wrong = new Set(issues.map(({ path }) => path[0]));
  const kept = Object.fromEntries(Object.entries(event).filter(([name]) => !wrong.has(name)));
  const attributes = { ...(kept['attributes'] as object | undefined), usageState: 'unknown' };
  return { ...standInsAt(receivedAtMs), ...kept, attributes };
}

/** For what no event can be without. */
function standInsAt(receivedAtMs: number) {
  return { model: 'unknown', provider: 'unknown', requestTime: new Date(receivedAtMs).toISOString() };
}

function finish(event: IncomingEvent): PreparedEvent {
  const facts = eventFactsOf(event);
  if (!isSuspect(facts.bodyText)) return { event, facts };
  const body = cleaned(event.body) as IncomingEvent['body'];
  const clean = { ...event, body, transactionId: String(body['transactionId']) };
  return { event: clean, facts: eventFactsOf(clean) };
}
