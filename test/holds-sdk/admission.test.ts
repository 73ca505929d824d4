import { describe, expect, it } from 'vitest';
import type { Admission } from '../../src/call.js';
import { readOpenAIRequest } from '../../src/providers/openai.js';
import { createHeldPath, type HeldPath } from './held-path.js';

const URL = 'https://api.openai.com/v1/chat/completions';
const read = (body: object) => readOpenAIRequest({ method: 'POST', url: URL, body });
const BODY = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }], max_tokens: 10 };

function fromSlice(): HeldPath {
  const held = createHeldPath({ limit: 100_000 });
  held.holder.hasSlice = true;
  return held;
}

/** From a slice that is here: at once. */
function secured(held: HeldPath, signal?: AbortSignal, admitted?: Admission): Admission {
  const admission = admitted ?? held.path.admit(read(BODY), { agent: 'a' });
  const answer = held.path.secure(admission, () => ({ signal, change: { body: BODY, read } }));
  if (answer instanceof Promise) throw new Error('asked for');
  return answer;
}

describe('an admission from a slice that is here', () => {
  it('is the decision that was made, with a hold and metadata that no other call has', () => {
    const held = fromSlice();
    const admitted = held.path.admit(read(BODY), { agent: 'a' });
    const admission = secured(held, undefined, admitted);
    const { hold, ...rest } = admission;
    expect(hold?.id).toBe('hold-1');
    expect(rest).toEqual(admitted);
    // Work that goes on elsewhere is found again by the object.
    expect(admission.metadata).not.toBe(admitted.metadata);
    expect(admission.request).toBe(admitted.request);
    hold?.release();
    expect(held.holder.held).toBe(0);
  });

  it('keeps what was changed of the call before', () => {
    const held = fromSlice();
    const body = { ...BODY, max_tokens: 5 };
    const admitted: Admission = { ...held.path.admit(read(body), {}), body, adjustment: { maxTokens: 5 } };
    const { hold, ...rest } = secured(held, undefined, admitted);
    expect(rest).toMatchObject({ body, adjustment: { maxTokens: 5 } });
    hold?.release();
  });

  it('names the output limit that was assumed, where the call names none and its budget wants that', () => {
    const held = createHeldPath({
      limit: 100_000,
      part: { outputLimit: 'inject' },
      edits: { withOutputLimit: (_, body, max_tokens) => ({ ...body, max_tokens }), withModel: () => undefined },
    });
    held.holder.hasSlice = true;
    const { max_tokens: _, ...open } = BODY;
    const admission = secured(held, undefined, held.path.admit(read(open), {}));
    expect(admission).toMatchObject({ body: { max_tokens: 4_096 }, adjustment: { maxTokens: 4_096 } });
    expect(admission.hold?.worst).toMatchObject({ outputTokensMax: 4_096, isOutputLimited: true });
    admission.hold?.release();
  });

  it('is given back at once when its caller leaves before the request does, or has left', () => {
    const held = fromSlice();
    const abort = new AbortController();
    const { hold } = secured(held, abort.signal);
    expect(held.holder.held).toBeGreaterThan(0);
    abort.abort();
    expect(held.holder.held).toBe(0);
    expect(hold?.begin()).toBe(false);
    expect(secured(held, abort.signal).hold?.isEnded).toBe(true);
    expect(held.holder.held).toBe(0);
    expect(held.holds.status().unbegun).toBe(0);
  });

  it('is no matter of its caller from then on', () => {
    const held = fromSlice();
    const abort = new AbortController();
    const { hold } = secured(held, abort.signal);
    expect(hold?.begin()).toBe(true);
    abort.abort();
    expect(hold?.isEnded).toBe(false);
    expect(held.holder.held).toBeGreaterThan(0);
    hold?.release();
    expect(held.holder.held).toBe(0);
  });
});
