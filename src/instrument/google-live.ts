/**
 * Sessions over a WebSocket (`live.connect`, `live.music.connect`). No rule was written with them in mind: they are let
 * pass and flagged (I1), unless a hard budget concerns them. What their messages say of usage is summed, and the session is metered when it closes.
 */
import type { Admission } from '../call.js';
import type { UsageReading } from '../providers/adapter.js';
import { googleModelName } from '../providers/google-endpoints.js';
import { collectText } from '../providers/google-prompt.js';
import { countsOfUsage } from '../providers/google-reader.js';
import { addGoogleUsage, type GoogleUsage, readGoogleUsage } from '../providers/google-usage.js';
import { OUTPUT_TEXT_MAX } from '../providers/openai-reader.js';
import { recordOf } from '../providers/values.js';
import { reasonOf } from './answer-watch.js';
import type { GoogleContext } from './google-transport.js';
import { endOf } from './metered-call.js';
import { carriedMetadata, withoutMetadata } from './split-usage-metadata.js';
import { override } from './stainless-client.js';

interface Callbacks {
  onmessage?(message: unknown): void;
  onclose?(event: unknown): void;
}

/** Lays `connect` of `client.live` and of `client.live.music`. */
export function guardLive(live: object, isVertex: boolean, context: GoogleContext): void {
  guardConnect(live, 'live', isVertex, context);
  const music: unknown = Reflect.get(live, 'music');
  if (typeof music === 'object' && music !== null) guardConnect(music, 'live.music', isVertex, context);
}

function guardConnect(owner: object, endpoint: string, isVertex: boolean, context: GoogleContext): void {
  const connect: unknown = Reflect.get(owner, 'connect');
  if (typeof connect !== 'function') return;
  override(owner, 'connect', async (params: unknown, ...rest: unknown[]) => {
    if (typeof params !== 'object' || params === null) return connect.call(owner, params, ...rest);
    const secured = admitSession(params, endpoint, isVertex, context);
    const session = new LiveSession(params, secured instanceof Promise ? await secured : secured, context);
    try {
      return await connect.call(owner, session.params, ...rest);
    } catch (error) {
      session.failed(error);
      throw error;
    }
  });
}

/** Nobody knows what a session will cost: refused where a hard budget concerns it. */
function admitSession(
  params: object,
  endpoint: string,
  isVertex: boolean,
  { path }: GoogleContext,
): Admission | Promise<Admission> {
  const model = Reflect.get(params, 'model');
  const prompt: string[] = [];
  collectText(recordOf(Reflect.get(params, 'config'))?.['systemInstruction'], prompt);
  const admission = path.admit(
    {
      endpoint,
      known: false,
      provider: 'Google',
      modelSource: isVertex ? 'GOOGLE_VERTEX_AI' : 'GOOGLE',
      operationType: 'CHAT',
      ...(typeof model === 'string' ? { model: googleModelName(model) } : {}),
      streaming: true,
      promptText: () => prompt.join('\n'),
      idsAreUnique: false,
      kind: 'call',
    },
    carriedMetadata(params).metadata,
  );
  return path.secure(admission);
}

class LiveSession {
  /** The caller's, with callbacks that are listened to. */
  readonly params: object;
  readonly #attempt: ReturnType<GoogleContext['path']['begin']>;
  #usage: GoogleUsage | undefined;
  #finished = false;
  #text = '';

  constructor(params: object, admission: Admission, { path }: GoogleContext) {
    this.params = this.#listening(withoutMetadata(params));
    this.#attempt = path.begin(admission);
  }

  failed(error: unknown): void {
    this.#attempt.settle(endOf(error), { reason: reasonOf(error) });
  }

  #listening(params: object): object {
    const given = Reflect.get(params, 'callbacks') as Callbacks | undefined;
    const callbacks = Object.create(given ?? null) as Callbacks;
    override(callbacks, 'onmessage', (message: unknown) => {
      this.#read(message);
      return given?.onmessage?.(message);
    });
    override(callbacks, 'onclose', (event: unknown) => {
      this.#finished = true;
      this.#attempt.settle('completed');
      return given?.onclose?.(event);
    });
    return Object.assign(params, { callbacks });
  }

  /** Each turn counts the whole context again, and is billed so. */
  #read(message: unknown): void {
    const fields = recordOf(message);
    if (fields === undefined) return;
    this.#attempt.answered(() => this.#reading());
    this.#attempt.progressed();
    this.#attempt.firstToken();
    const usage = readGoogleUsage(fields['usageMetadata']);
    if (usage !== undefined) this.#usage = addGoogleUsage(this.#usage, usage);
    const parts: string[] = [];
    collectText(recordOf(recordOf(fields['serverContent'])?.['modelTurn'])?.['parts'], parts);
    if (this.#text.length < OUTPUT_TEXT_MAX) this.#text += parts.join('').slice(0, OUTPUT_TEXT_MAX - this.#text.length);
  }

  #reading(): UsageReading {
    return {
      ...countsOfUsage(this.#usage),
      finished: this.#finished,
      outputText: this.#text,
      ...(this.#usage === undefined ? { isUnknownShape: true } : {}),
    };
  }
}
