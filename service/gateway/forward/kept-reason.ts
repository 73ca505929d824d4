/**
 * What is kept of an upstream's words about an error. They quote prompts (`Invalid value: '…'`) and keys (`Incorrect API
 * key provided: sk-…`), and what was asked is never stored: a word of a provider's closed list stays, sentences do not.
 * The caller gets the whole answer.
 */
import type { ProviderAdapter } from 'fusewire/internal';

const WORD = /^[a-z]{1,24}(?:_[a-z]{1,24}){1,4}(?=: |$)/;
/** Of the gateway's own making. */
const OWN = /^the answer broke off: [\w ]{1,64}$/;

/** For an answer with an error status. */
export function reasonOfStatus(status: number, reason: string | undefined): string {
  return reason !== undefined && OWN.test(reason) ? reason : `HTTP ${status}`;
}

/** For an error inside an answer. */
export function reasonInside(text: string): string {
  return WORD.exec(text)?.[0] ?? 'an error inside the answer';
}

/** The adapter, whose readers tell no more of an error than {@link reasonInside}. */
export function withKeptReasons(adapter: ProviderAdapter): ProviderAdapter {
  return {
    ...adapter,
    createUsageReader(request) {
      const reader = adapter.createUsageReader(request);
      const original = reader.reading.bind(reader);
      reader.reading = () => {
        const reading = original();
        if (reading.errorReason === undefined) return reading;
        return { ...reading, errorReason: reasonInside(reading.errorReason) };
      };
      return reader;
    },
  };
}
